//! Makes the view from what the tab holds and posts it to the page, at most five times a second.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use client::{ConnectionState, Listed, Work, shared_results};
use federation::{Notice, NoticeCode, StopReason, View, local_work};
use gloo_timers::callback::Timeout;
use js_sys::{Int8Array, Uint8Array};
use models::Architecture;
use protocol::{ClientId, ErrorCode, Modalities, Phase, RoomConfig, Status};
use serde::Serialize;

use crate::app::App;
use crate::charts::{ChartWords, Charts, Measured};
use crate::connection::millis;
use crate::page::{notice_of_round, now, post};
use crate::storage::OwnResult;
use crate::view::{ClipView, MaskedTogetherView, MemberView, PictureView, RoomView, RoundView, SlowView, StateView};

/// Shortest time between two views, ms.
const SHOW_EVERY_MS: f64 = 200.0;

/// What the page has been shown.
pub(crate) struct Screen {
    /// What to write on charts.
    words: RefCell<ChartWords>,
    shown_at: Cell<f64>,
    timer: RefCell<Option<Timeout>>,
    charts: RefCell<String>,
    notice: RefCell<Option<Notice>>,
}

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

impl Default for Screen {
    fn default() -> Self {
        Self {
            words: RefCell::default(),
            shown_at: Cell::new(f64::NEG_INFINITY),
            timer: RefCell::default(),
            charts: RefCell::default(),
            notice: RefCell::default(),
        }
    }
}

impl Screen {
    /// Writes charts in these words from now on.
    pub(crate) fn speak(&self, words: ChartWords) {
        self.words.replace(words);
    }
}

/// The room as the page shows it.
pub(crate) fn room_view(room: &RoomConfig) -> RoomView {
    RoomView {
        code: room.code.to_string(),
        name: room.name.clone(),
        labels: room.labels.clone(),
        signs: room.signs.clone(),
        prompts: room.prompts.clone(),
        groups: room.groups.clone(),
        model: room.architecture.clone(),
        parameters: room.parameters as usize,
        rounds: room.rounds,
        max_clients: room.max_clients,
        masked: room.masking.is_some(),
        hears: room.modalities != Modalities::Text,
        reads: room.modalities != Modalities::Voice
            && room.architecture.parse().is_ok_and(|network: Architecture| network.reads_text()),
    }
}

impl App {
    /// Posts the view now, or soon if one was posted just before.
    pub(crate) fn show(self: &Rc<Self>) {
        let wait = self.screen.shown_at.get() + SHOW_EVERY_MS - now();
        if wait <= 0.0 {
            self.show_now();
        } else if self.screen.timer.borrow().is_none() {
            let app = Rc::clone(self);
            self.screen.timer.replace(Some(Timeout::new(wait.ceil() as u32, move || {
                app.screen.timer.replace(None);
                app.show_now();
            })));
        }
    }

    fn show_now(&self) {
        self.connection.read(|view| {
            let state = self.view(view);
            self.screen.shown_at.set(now());
            self.show_notice(view.notice);
            self.show_charts(view);
            post(&StateEvent { r#type: "state", state });
        });
    }

    /// A new word of the participant for the person.
    fn show_notice(&self, told: Option<&Notice>) {
        if self.screen.notice.borrow().as_ref() != told {
            // An empty one takes the last one away: what it told of is over.
            notice_of_round(told);
            self.screen.notice.replace(told.cloned());
        }
    }

    fn view(&self, view: &View<'_>) -> StateView {
        let mut retry_in_s = None;
        let mut closed = None;
        match view.connection {
            federation::Connection::Lost { retry_at } => {
                retry_in_s = Some(retry_at.since(millis()) as f64 / 1000.0);
            }
            federation::Connection::Stopped(StopReason::Error { code, .. }) => closed = Some(*code),
            _ => {}
        }
        let status = view.status;
        let count = |of: &dyn Fn(&Status) -> u32| status.map_or(0, of);
        let (clips, removed) =
            self.clips.read(|clips| (clips.listed().iter().map(clip_view).collect(), clips.last_deleted().to_vec()));
        StateView {
            connection: ConnectionState::of(view.connection),
            retry_in_s,
            closed,
            // The host may have changed its settings since it was opened.
            room: view.room.or(self.room()).map(room_view),
            name: view.name.map(str::to_owned),
            phase: status.map(|status| status.phase),
            full: view.notice.is_some_and(|notice| notice.code == NoticeCode::Error(ErrorCode::RoomFull)),
            held: status.is_some_and(|status| status.held),
            singles_out: status.is_some_and(|status| status.singles_out),
            paused: status.is_some_and(|status| status.paused),
            model_version: count(&|status| status.model_version.0),
            ready: count(&|status| status.ready),
            least: count(&|status| status.least),
            received: count(&|status| status.received),
            goal: count(&|status| status.goal),
            round: count(&|status| status.round.0),
            rounds: count(&|status| status.rounds),
            budget: status.and_then(|status| status.budget),
            masked_together: view
                .masked_together
                .map(|together| MaskedTogetherView { words: together.words.0.clone(), seats: together.seats }),
            clients: status.map(|status| members(status, view.client)).unwrap_or_default(),
            clips,
            removed,
            tuning: self.mine.tuning(),
            personal: self.personal_view(),
            expectation: self.expectation(),
            try_mine: self.trying.mine(),
            taking_part: view.taking_part,
            group: self.seat.group(),
            backend: self.trainer.view(self.measuring.found(), self.slow(view.room.or(self.room()))),
            trainer: self.trainer.state(),
            work: Work::of(&view.work),
            bytes: self.connection.bytes(),
            history: history(view, &self.seat.own()),
            has_model: self.shared.version().is_some(),
            // A finished room may go on: its host can go back to an earlier version of the model.
            finished: status.is_some_and(|status| status.phase == Phase::Finished),
        }
    }

    /// Whether all steps of a round fit into the room's deadline here, as far as they were measured.
    fn slow(&self, room: Option<&RoomConfig>) -> Option<SlowView> {
        let room = room?;
        let by = local_work::too_slow(room, self.clips.training_count(), self.step_ms()?)?;
        Some(SlowView { by, fewer: !room.stragglers.is_whole() })
    }

    fn show_charts(&self, view: &View<'_>) {
        let shared = shared_results(view);
        let own = self.seat.own();
        // The finished model's evaluation grows as one client after the other has said how it does.
        let newest = shared.iter().next_back().map(|(version, evaluation)| (version, evaluation.examples));
        let key = format!("{}/{}/{newest:?}", view.history.len(), own.len());
        if *self.screen.charts.borrow() == key {
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
        let labels = self.clips.labels();
        let charts = Charts::draw(&self.screen.words.borrow(), &shared_line, Some(&own_line), &labels, confusion);
        post(&ChartsEvent { r#type: "charts", charts });
        self.screen.charts.replace(key);
    }
}

fn clip_view(Listed { clip, label, held_back, unseen }: &Listed<'_>) -> ClipView {
    let sound = &clip.sound;
    ClipView {
        id: clip.id,
        name: clip.name.clone(),
        label: *label,
        seconds: clip.seconds,
        made_up: clip.made_up,
        corrected: clip.corrected,
        held_back: *held_back,
        unseen: *unseen,
        transcript: clip.transcript.clone(),
        complaints: sound.quality.map(|quality| quality.complaints()).unwrap_or_default(),
        waveform: Int8Array::from(sound.waveform.as_slice()),
        spectrogram: PictureView {
            columns: sound.columns,
            bands: sound.bands,
            pixels: Uint8Array::from(sound.pixels.as_slice()),
        },
    }
}

/// One row for each version of the shared model: how it did, and who made it.
fn history(view: &View<'_>, own: &BTreeMap<u32, OwnResult>) -> Vec<RoundView> {
    let shared = shared_results(view);
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
                shared_clips: shared.map(|evaluation| evaluation.examples),
                own_loss: own.map(|own| own.loss),
                own_accuracy: own.map(|own| own.accuracy),
                own_clips: own.map(|own| own.clips),
                clients: record.clients,
                examples: record.examples,
            }
        })
        .collect()
}

fn members(status: &Status, me: Option<ClientId>) -> Vec<MemberView> {
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
            waited_ms: client.waited_ms.map(|left| left as f64),
            diverged: client.diverged,
        })
        .collect()
}
