//! Makes the view from what the tab holds and posts it to the page, at most five times a second.

use std::collections::BTreeMap;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use protocol::{Evaluation, Phase, RoomConfig, Status};
use serde::Serialize;

use crate::app::{App, TrainerState, now, scope};
use crate::charts::{Charts, Measured};
use crate::training::Choice;
use crate::view::{
    BackendView, BytesView, ClipView, MemberView, PictureView, RoomView, RoundView, StateView, WorkView,
};

/// Shortest time between two views, ms.
const SHOW_EVERY_MS: f64 = 200.0;

#[derive(Serialize)]
struct StateEvent {
    r#type: &'static str,
    #[serde(flatten)]
    state: StateView,
}

#[derive(Serialize)]
struct ChartsEvent {
    r#type: &'static str,
    #[serde(flatten)]
    charts: Charts,
}

#[derive(Serialize)]
struct NoticeEvent<'a> {
    r#type: &'static str,
    level: &'static str,
    code: &'a str,
    message: &'a str,
}

/// The room as the page shows it.
pub(crate) fn room_view(room: &RoomConfig) -> RoomView {
    RoomView {
        code: room.code.to_string(),
        name: room.name.clone(),
        labels: room.labels.clone(),
        model: room.architecture.clone(),
        parameters: room.parameters as usize,
        rounds: room.rounds,
        least_clients: room.least,
    }
}

impl App {
    pub(crate) fn post<T: Serialize>(&self, event: &T) {
        let event = event.serialize(&serde_wasm_bindgen::Serializer::json_compatible());
        if let (Some(scope), Ok(event)) = (scope(), event) {
            // A page that is closing takes no messages, and nothing is left to tell it.
            let _ = scope.post_message(&event);
        }
    }

    /// Tells the person something.
    pub(crate) fn notice(&self, level: &'static str, code: &str, message: &str) {
        self.post(&NoticeEvent { r#type: "notice", level, code, message });
    }

    /// Posts the view now, or soon if one was posted just before.
    pub(crate) fn show(self: &Rc<Self>) {
        let wait = self.shown_at.get() + SHOW_EVERY_MS - now();
        if wait <= 0.0 {
            self.show_now();
        } else if self.show_timer.borrow().is_none() {
            let app = Rc::clone(self);
            self.show_timer.replace(Some(Timeout::new(wait.ceil() as u32, move || {
                app.show_timer.replace(None);
                app.show_now();
            })));
        }
    }

    fn show_now(&self) {
        let Some(state) = self.view() else { return };
        self.shown_at.set(now());
        self.show_notice();
        self.show_charts(&state);
        self.post(&StateEvent { r#type: "state", state });
    }

    /// A new word of the participant for the person.
    fn show_notice(&self) {
        let notice = {
            let participant = self.participant.borrow();
            participant.as_ref().and_then(|participant| participant.view().notice.map(str::to_owned))
        };
        let notice = notice.unwrap_or_default();
        if *self.notice_shown.borrow() != notice {
            // An empty one takes the last one away: what it told of is over.
            self.notice(if notice.is_empty() { "info" } else { "warning" }, "round", &notice);
            self.notice_shown.replace(notice);
        }
    }

    fn view(&self) -> Option<StateView> {
        let participant = self.participant.borrow();
        let view = participant.as_ref()?.view();
        let mut retry_in_s = None;
        let connection = match view.connection {
            federation::Connection::Connecting => "connecting",
            federation::Connection::Open => "open",
            federation::Connection::Lost { retry_at } => {
                retry_in_s = Some(retry_at.since(federation::Millis(now() as u64)) as f64 / 1000.0);
                "lost"
            }
            federation::Connection::Stopped(_) => "closed",
        };
        let closed = match &view.connection {
            federation::Connection::Stopped(federation::StopReason::Error { code, .. }) => Some(*code),
            _ => None,
        };
        let status = view.status;
        let removed = self.deletions.borrow().last().cloned().unwrap_or_default();
        let prepared = self.prepared.borrow().clone();
        let choice = self.choice.get();
        let reason = if self.gpu_failed.get() {
            Some("gpu_failed")
        } else if choice == Choice::Auto && prepared.as_ref().is_some_and(|prepared| prepared.kind == Choice::Cpu) {
            Some("no_gpu")
        } else {
            None
        };
        Some(StateView {
            connection,
            retry_in_s,
            closed,
            // The host may have changed its settings since it was opened.
            room: view.room.or(self.room.borrow().as_ref()).map(room_view),
            name: view.name.map(str::to_owned),
            phase: status.map(|status| status.phase),
            held: status.is_some_and(|status| status.held),
            round: status.map_or(0, |status| status.round.0),
            rounds: status.map_or(0, |status| status.rounds),
            clients: status.map(|status| members(status, view.client)).unwrap_or_default(),
            clips: self.clip_views(),
            removed,
            tuning: self.tuning.get(),
            personal: self.personal_view(),
            try_mine: self.try_mine.get(),
            taking_part: view.taking_part,
            backend: BackendView {
                choice,
                kind: prepared.as_ref().map(|prepared| prepared.kind),
                name: prepared.map(|prepared| prepared.name),
                reason,
            },
            trainer: match self.trainer.get() {
                TrainerState::Absent => "absent",
                TrainerState::Loading => "loading",
                TrainerState::Ready => "ready",
                TrainerState::Failed => "failed",
            },
            work: work_view(&view.work),
            bytes: BytesView { sent: self.bytes_sent.get(), received: self.bytes_received.get() },
            history: self.history(&view),
            has_model: self.model.borrow().is_some(),
            // A finished room may go on: its host can go back to an earlier version of the model.
            finished: status.is_some_and(|status| status.phase == Phase::Finished),
        })
    }

    fn clip_views(&self) -> Vec<ClipView> {
        self.listed()
            .into_iter()
            .map(|(clip, label, held_back)| ClipView {
                id: clip.id,
                name: clip.name,
                label,
                seconds: clip.seconds,
                made_up: clip.made_up,
                corrected: clip.corrected,
                held_back,
                complaints: clip.quality.map(|quality| quality.complaints()).unwrap_or_default(),
                waveform: clip.waveform,
                spectrogram: PictureView { columns: clip.columns, bands: clip.bands, pixels: clip.pixels },
            })
            .collect()
    }

    /// One row for each version of the shared model: how it did, and who made it.
    fn history(&self, view: &federation::View<'_>) -> Vec<RoundView> {
        let shared = shared_results(view);
        let own = self.own.borrow();
        view.history
            .iter()
            .map(|record| {
                let after = record.model_version.0;
                let shared = shared.get(&after);
                let own = own.get(&after);
                RoundView {
                    round: record.round.0,
                    shared_loss: shared.map(|evaluation| evaluation.loss),
                    shared_accuracy: shared.map(|evaluation| evaluation.accuracy),
                    own_loss: own.map(|own| own.loss),
                    own_accuracy: own.map(|own| own.accuracy),
                    clients: record.clients,
                    examples: record.examples,
                }
            })
            .collect()
    }

    fn show_charts(&self, state: &StateView) {
        let participant = self.participant.borrow();
        let Some(participant) = participant.as_ref() else { return };
        let view = participant.view();
        let shared = shared_results(&view);
        let own = self.own.borrow();
        // The finished model's evaluation grows as one client after the other has said how it does.
        let newest = shared.iter().next_back().map(|(version, evaluation)| (version, evaluation.examples));
        let key = format!("{}/{}/{newest:?}", state.history.len(), own.len());
        if *self.charts_shown.borrow() == key {
            return;
        }
        let shared_line: Vec<Measured> = shared
            .iter()
            .map(|(&version, result)| Measured { version, loss: result.loss, accuracy: result.accuracy })
            .collect();
        let own_line: Vec<Measured> = own
            .iter()
            .map(|(&version, result)| Measured { version, loss: result.loss, accuracy: result.accuracy })
            .collect();
        let confusion = shared.values().next_back().map(|evaluation| evaluation.confusion.as_slice());
        let charts = Charts::draw(&self.words.borrow(), &shared_line, Some(&own_line), &self.labels(), confusion);
        self.post(&ChartsEvent { r#type: "charts", charts });
        self.charts_shown.replace(key);
    }
}

/// The shared model's results by version: a round's record tells how the version did that the round *began* with.
fn shared_results<'a>(view: &federation::View<'a>) -> BTreeMap<u32, &'a Evaluation> {
    let mut results: BTreeMap<u32, &Evaluation> = view
        .history
        .iter()
        .filter_map(|record| Some((record.model_version.0.checked_sub(1)?, record.evaluation.as_ref()?)))
        .collect();
    if let Some(status) = view.status
        && let Some(evaluation) = &status.final_evaluation
    {
        results.insert(status.model_version.0, evaluation);
    }
    results
}

fn members(status: &Status, me: Option<protocol::ClientId>) -> Vec<MemberView> {
    status
        .clients
        .iter()
        .map(|client| MemberView {
            name: client.name.clone(),
            state: client.state,
            passed_over: client.passed_over,
            examples: u64::from(client.examples),
            labels: client.labels.iter().map(|&count| u64::from(count)).collect(),
            me: Some(client.client) == me,
        })
        .collect()
}

fn work_view(work: &federation::Work) -> Option<WorkView> {
    use federation::Work;
    let plain = |what, fraction: f32| {
        Some(WorkView { what, fraction: f64::from(fraction), epoch: None, epochs: None, step: None, steps: None })
    };
    match work {
        Work::Idle | Work::Failed { .. } => None,
        Work::Statistics => plain("statistics", 0.0),
        Work::Downloading { fraction } => plain("downloading", *fraction),
        // Before its first step, the received model is tried on the clips that are held back.
        Work::Training { epoch: 0, .. } => plain("evaluating", 0.0),
        Work::Training { epoch, epochs, step, steps, fraction, .. } => Some(WorkView {
            what: "training",
            fraction: f64::from(*fraction),
            epoch: Some(*epoch),
            epochs: Some(*epochs),
            step: Some(*step),
            steps: Some(*steps),
        }),
        Work::Waiting { .. } => plain("waiting", 1.0),
        Work::Uploading { fraction, .. } => plain("uploading", *fraction),
    }
}
