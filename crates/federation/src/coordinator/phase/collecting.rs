//! Collecting: a round is open; updates are announced, sent one after the other, looked at whole, and folded.

use protocol::limits::CHUNK_HEADER_BYTES;
use protocol::{
    Aggregation, AssemblyError, Chunk, ClientId, Evaluation, ModelVersion, RefusalReason, Round, RoundTraining,
    ServerMessage, Stragglers, TrainingResult,
};

use super::{PhaseState, Verdict};
use crate::Millis;
use crate::aggregation::clipped_sum::ClippedSum;
use crate::aggregation::{Kept, clipping};
use crate::coordinator::masking::MaskedRound;
use crate::coordinator::selecting::Selected;
use crate::coordinator::uploads::{Announcement, Ended, Taken, Uploads};
use crate::coordinator::{ConnectionId, Contribution, Coordinator, Turn};
use crate::local_work::whole_steps;
use crate::metrics::Metrics;
use crate::sketch::Sketch;
use crate::strategy::{Effort, Gathered};
use crate::update::{Unfit, Update};

/// A client whose update was refused so often in a round is not waited for any more.
const MAX_REFUSALS: u32 = 3;

/// What came in.
#[derive(Debug)]
pub(in crate::coordinator) struct Collecting {
    pub opened: Millis,
    pub deadline: Millis,
    pub gathered: Gathered,
    /// In a room with noise, the sum that it is added to.
    pub clipped: ClippedSum,
    /// What is in the room's spool, where its aggregation keeps updates until the round closes.
    pub kept: Vec<Kept>,
    pub metrics: Metrics,
    pub work: Work,
    pub uploads: Uploads,
    pub refused: u32,
    /// Whom the round asks, where it does not ask everyone.
    pub selected: Option<Selected>,
    /// Of each update that is in, in the order in which they came, what is to be known of it and which way it points.
    pub given: Vec<(Contribution, Sketch)>,
    /// Somebody is gone whose update is in: clients from this number on, who are new, wait for the next round. Otherwise whoever
    /// goes and comes anew could give as many updates to a round as there is time for.
    pub closed_to: Option<ClientId>,
    /// In a masked room, how far its sum has come.
    pub masked: Option<Box<MaskedRound>>,
    /// And once that is opened, how the model that the round began with did with all clients together.
    pub masked_evaluation: Option<Evaluation>,
}

/// The local steps behind a round's updates, each times its client's weight.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::coordinator) struct Work {
    /// Those that were done.
    pub done: f64,
    /// Those that they are taken for.
    pub planned: f64,
}

impl Work {
    pub fn add(&mut self, weight: f64, steps: u32, planned: u32) {
        self.done += weight * f64::from(steps);
        self.planned += weight * f64::from(planned);
    }
}

impl Collecting {
    /// Updates that are in.
    pub fn received(&self) -> u32 {
        self.masked.as_ref().map_or_else(|| self.given.len() as u32, |masked| masked.received())
    }

    /// Whether it is the sum of statistics that is collected, before the first round of a masked room.
    pub fn collects_statistics(&self) -> bool {
        self.masked.as_ref().is_some_and(|masked| masked.is_of_statistics())
    }

    /// Whether it asks this client: not where it closed to those who are new before this one came.
    pub fn is_open_to(&self, id: ClientId) -> bool {
        self.closed_to.is_none_or(|first| id < first) && self.masked.as_ref().is_none_or(|masked| masked.is_open_to(id))
    }
}

impl Coordinator {
    /// Opens the next round, or the one that was abandoned, for everyone who takes part.
    pub(in crate::coordinator) fn open_round(&mut self, mut uploads: Uploads) {
        self.clients.reset_turns();
        for client in self.clients.all.values_mut() {
            client.downloads = 0;
        }
        let masked = self.masked_round();
        let plain = self.update_bytes() as usize;
        uploads.allow(masked.as_ref().map_or(plain, |masked| masked.bytes()), self.upload_memory);
        self.open(self.deadline(), uploads, masked);
    }

    /// Asks everyone who takes part for what is collected until the deadline.
    pub(in crate::coordinator) fn open(
        &mut self,
        deadline: Millis,
        uploads: Uploads,
        masked: Option<Box<MaskedRound>>,
    ) {
        self.phase = PhaseState::Collecting(Box::new(Collecting {
            opened: self.now,
            deadline,
            gathered: Gathered::default(),
            clipped: ClippedSum::default(),
            kept: Vec::new(),
            metrics: Metrics::none(),
            work: Work::default(),
            uploads,
            refused: 0,
            selected: self.selected_for_a_round(),
            given: Vec::new(),
            closed_to: None,
            masked,
            masked_evaluation: None,
        }));
        self.select_more();
        self.ask_all();
    }

    /// How everyone trains in the open round.
    pub(in crate::coordinator) fn round_training(&self) -> RoundTraining {
        // Golden-ratio hashing: neighbouring rounds get seeds far apart.
        let seed = self.config.seed ^ self.present_round().0.wrapping_mul(0x9e37_79b9);
        RoundTraining { settings: self.config.training, seed }
    }

    pub(super) fn ask_for_update(&mut self, id: ClientId) {
        let PhaseState::Collecting(state) = &self.phase else {
            return;
        };
        if state.collects_statistics() {
            return self.ask_for_masked_statistics(id);
        }
        let Some(standardisation) = self.standardisation.clone() else {
            return;
        };
        let round = self.present_round();
        let message = ServerMessage::Round {
            round,
            model_version: self.model.version(),
            deadline_ms: state.deadline.since(self.now),
            training: self.round_training(),
            standardisation,
            model: self.model.transfer(),
            difference: self.model.difference(),
            attempt: state.masked.as_ref().map(|masked| masked.attempt()),
        };
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let Some(connection) = client.connection else {
            return;
        };
        client.turn = Turn::Asked;
        client.fraction = None;
        self.send(connection, message);
    }

    pub(in crate::coordinator) fn take_progress(&mut self, id: ClientId, round: Round, fraction: f32) {
        let open = matches!(self.phase, PhaseState::Collecting(_)) && self.behind(round).is_some();
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if open && client.turn == Turn::Asked {
            client.fraction = Some(fraction);
            self.status_changed = true;
        }
    }

    /// Puts an announced update in line, or refuses it before a byte of it is sent.
    pub(in crate::coordinator) fn take_announcement(&mut self, version: ModelVersion, announced: Announcement) {
        if let Err((reason, message)) = self.check_announcement(version, &announced) {
            return self.refuse_update(announced, reason, message);
        }
        self.put_in_line(announced);
    }

    /// Puts an update in line that may come.
    pub(in crate::coordinator) fn put_in_line(&mut self, announced: Announcement) {
        self.cancel_upload(announced.client);
        let PhaseState::Collecting(state) = &mut self.phase else {
            return;
        };
        if let Some(session) = self.clients.sessions.get_mut(&announced.connection) {
            session.ended = session.ended.filter(|ended| *ended != announced.update.id);
        }
        state.uploads.announce(announced);
        self.status_changed = true;
        self.begin_uploads();
    }

    fn check_announcement(
        &self,
        version: ModelVersion,
        announced: &Announcement,
    ) -> Result<(), (RefusalReason, String)> {
        use RefusalReason::*;
        let (present, update_bytes) = (self.present_round(), self.update_bytes());
        let refuse = |reason, message: String| Err((reason, message));
        let Some(client) = self.clients.all.get(&announced.client) else {
            return refuse(NotReady, "the client is not in the room".to_owned());
        };
        let over = matches!(self.phase, PhaseState::Finished(_));
        if announced.round > present {
            return refuse(Future, format!("round {} has not begun; the present one is {present}", announced.round));
        }
        if over || self.behind(announced.round).is_none() {
            return refuse(Stale, format!("round {} is over; go on with round {present}", announced.round));
        }
        if version.0 + 1 != announced.round.0 {
            let round = announced.round;
            return refuse(
                Stale,
                format!("the update is for version {version} of the model, and round {round} starts from another"),
            );
        }
        if client.given.is_some_and(|given| version <= given) {
            return refuse(Duplicate, format!("your update of version {version} is already in"));
        }
        if !matches!(self.phase, PhaseState::Collecting(_)) {
            return refuse(NoRound, "no round is open; wait for the next one".to_owned());
        }
        if !client.taking_part {
            return refuse(NotReady, "say ready before sending updates".to_owned());
        }
        if !self.is_wanted(client.id) {
            return refuse(NoRound, format!("round {present} asks others this time; wait for a later one"));
        }
        match client.turn {
            Turn::Done => {
                return refuse(Duplicate, format!("your update of round {present} is already in"));
            }
            Turn::GivenUp => {
                return refuse(
                    TooManyAttempts,
                    format!("{MAX_REFUSALS} updates were refused; wait for the next round"),
                );
            }
            Turn::None | Turn::Asked => {}
        }
        if self.config.masking.is_some() {
            return refuse(WrongEncoding, "this room's updates are masked, and its server takes no others".to_owned());
        }
        let encoding = self.update_encoding();
        if announced.update.encoding != encoding {
            return refuse(WrongEncoding, format!("this room's updates are encoded as {encoding:?}"));
        }
        if announced.update.bytes != update_bytes {
            return refuse(
                WrongSize,
                format!("an update has {update_bytes} bytes here, not {}", announced.update.bytes),
            );
        }
        if let Some(sum) = &announced.sum {
            self.check_partial_sum(sum, client)?;
        } else if announced.examples == 0 || announced.examples > client.most_examples {
            let most = client.most_examples;
            return refuse(WrongExamples, format!("ready said {most} examples, and the update {}", announced.examples));
        }
        let most = whole_steps(&self.config.training, announced.examples);
        if announced.sum.is_none() && (announced.steps == 0 || announced.steps > most) {
            let message =
                format!("{} examples take 1 to {most} steps here, not {}", announced.examples, announced.steps);
            return refuse(WrongSteps, message);
        }
        let Some(evaluation) = &announced.evaluation else { return Ok(()) };
        if !Metrics::fits(evaluation, self.config.labels.len()) {
            return refuse(WrongEvaluation, "the evaluation's confusion does not fit the room's labels".to_owned());
        }
        let most = client.most_evaluated();
        if evaluation.examples > most {
            let message =
                format!("ready said {most} examples to evaluate on, and the evaluation {}", evaluation.examples);
            return refuse(WrongEvaluation, message);
        }
        Ok(())
    }

    /// Gives free slots to those in line.
    pub(in crate::coordinator) fn begin_uploads(&mut self) {
        let PhaseState::Collecting(state) = &mut self.phase else {
            return;
        };
        while let Some((connection, transfer)) = state.uploads.begin_next(self.now) {
            self.actions
                .push_back(super::super::Action::Send { connection, message: ServerMessage::Upload { transfer } });
            self.status_changed = true;
        }
    }

    /// Takes a piece of an update.
    pub(in crate::coordinator) fn chunk(&mut self, connection: ConnectionId, chunk: Chunk) {
        let Some(session) = self.clients.sessions.get(&connection) else {
            return;
        };
        if session.ended == Some(chunk.transfer) {
            return; // It was on its way when its upload was ended, and its sender knows by now.
        }
        self.bytes_up += (CHUNK_HEADER_BYTES + chunk.payload.len()) as u64;
        let taken = match &mut self.phase {
            PhaseState::Collecting(state) => state.uploads.take(self.now, connection, &chunk),
            _ => Taken::Unannounced,
        };
        match taken {
            Taken::More => self.status_changed = true,
            Taken::Whole(announced, bytes) => self.gather(announced, &bytes),
            Taken::Wrong(announced, error) => self.refuse_update(announced, reason(error), error.to_string()),
            Taken::Unannounced => self.refuse_chunk(connection, &chunk),
        }
        self.begin_uploads();
    }

    /// More of an update came, though no whole piece of it.
    pub(in crate::coordinator) fn receiving(&mut self, connection: ConnectionId) {
        if let PhaseState::Collecting(state) = &mut self.phase {
            state.uploads.goes_on(self.now, connection);
        }
    }

    /// Takes an update whose bytes are all here into the round, unless there is something wrong with them.
    fn gather(&mut self, announced: Announcement, bytes: &[u8]) {
        if self.config.masking.is_some() {
            return self.gather_masked(&announced, bytes);
        }
        if let Some(sum) = announced.sum {
            return self.gather_partial(announced, &sum, bytes);
        }
        let parameters = self.config.parameters as usize;
        let Some(behind) = self.behind(announced.round) else {
            let message = format!("round {} was over too long ago before the update was in", announced.round);
            return self.refuse_update(announced, RefusalReason::Stale, message);
        };
        let weight = f64::from(announced.examples.min(self.config.weight_cap)) * self.config.pace.discount(behind);
        let update = match Update::inspect(announced.update.encoding, bytes, parameters, self.config.norm_limit) {
            Ok(update) => update,
            Err(unfit) => {
                return self.refuse_update(announced, unfit.reason(), unfit_text(unfit, self.config.norm_limit));
            }
        };
        let steps = announced.steps;
        let planned = match self.config.stragglers {
            Stragglers::Whole => steps,
            // No fewer than were done: the announcement was held to it.
            Stragglers::FewerSteps => whole_steps(&self.config.training, announced.examples).max(steps),
        };
        // What a client of few steps says counts many times, and may be no longer for it than any other.
        let norm = update.norm() * (f64::from(planned) / f64::from(steps));
        if norm > self.config.norm_limit {
            let unfit = Unfit::NormTooLarge(norm);
            return self.refuse_update(announced, unfit.reason(), unfit_text(unfit, self.config.norm_limit));
        }
        let PhaseState::Collecting(state) = &mut self.phase else {
            return;
        };
        let Some(client) = self.clients.get_mut(announced.client) else {
            return;
        };
        if let Some(noise) = &self.noise {
            state.clipped.add(&update, noise.clip());
        } else if self.config.keeps_updates() {
            if self.spool.append(bytes).is_err() {
                let message = "the server could not keep the update, perhaps because its disk is full; send it again, and \
                               tell the host if this comes back";
                return self.refuse_update(announced, RefusalReason::NotKept, message.to_owned());
            }
            state.kept.push(Kept { weight, norm, steps, planned });
        } else {
            let scale = match self.config.aggregation {
                Aggregation::Clipping { norm: Some(limit) } => clipping::scale(norm, limit),
                _ => 1.0,
            };
            self.optimiser.fold(&mut state.gathered, &update, Effort { weight, steps, scale, planned });
            state.work.add(weight, steps, planned);
        }
        // Beside a noisy sum, what its summands are like would make the noise vain.
        let told = self.noise.is_none();
        let contribution = Contribution {
            client: announced.client,
            name: client.name.clone(),
            examples: announced.examples,
            labels: client.labels.clone(),
            after_ms: self.now.since(state.opened),
            norm: if told { norm as f32 } else { 0.0 },
            clipped: None,
            agreement: None,
            // How an older version did says nothing of the one that this round starts from.
            evaluation: announced.evaluation.filter(|_| behind == 0 && told),
        };
        let training = if told { announced.training } else { TrainingResult { loss: 0.0, accuracy: 0.0 } };
        state.given.push((contribution, if told { update.into_sketch() } else { Sketch::default() }));
        state.metrics.add(announced.examples, training);
        client.turn = if behind == 0 { Turn::Done } else { Turn::None };
        if !self.config.pace.is_synchronous() {
            client.given = Some(ModelVersion(announced.round.0 - 1));
        }
        client.fraction = None;
        self.status_changed = true;
        self.send(announced.connection, ServerMessage::Accepted { round: announced.round });
    }

    /// Says why an update is not taken; nothing of it has touched the mean.
    pub(in crate::coordinator) fn refuse_update(
        &mut self,
        announced: Announcement,
        reason: RefusalReason,
        message: String,
    ) {
        if let Some(session) = self.clients.sessions.get_mut(&announced.connection) {
            session.ended = Some(announced.update.id);
        }
        let blameless = reason == RefusalReason::TurnOver;
        if let PhaseState::Collecting(state) = &mut self.phase {
            state.refused += u32::from(!blameless);
        }
        let present = self.behind(announced.round).is_some();
        let goes_on = !self.config.pace.is_synchronous();
        if let Some(client) = self.clients.get_mut(announced.client)
            && client.turn == Turn::Asked
        {
            match reason {
                // Nothing is wrong with its client, which is asked for an update of the present version.
                RefusalReason::Duplicate | RefusalReason::Stale if goes_on => client.turn = Turn::None,
                _ if present && !blameless => {
                    client.refusals += 1;
                    if client.refusals >= MAX_REFUSALS {
                        client.turn = Turn::GivenUp;
                    }
                }
                _ => {}
            }
        }
        self.status_changed = true;
        self.refuse(announced.connection, Some(announced.round), reason, message);
    }

    fn refuse_chunk(&mut self, connection: ConnectionId, chunk: &Chunk) {
        let message =
            format!("transfer {} was not asked for; announce an update and wait for upload", chunk.transfer.0);
        let Some(session) = self.clients.sessions.get_mut(&connection) else {
            return;
        };
        // One answer for a transfer, however many of its chunks follow.
        session.ended = Some(chunk.transfer);
        session.errors += 1;
        if session.errors > super::super::MAX_ERRORS {
            return self.end(connection, protocol::ErrorCode::TooManyErrors, message, true);
        }
        self.refuse(connection, None, RefusalReason::Unannounced, message);
    }

    /// Takes a client's update out of the line or its slot without a word.
    pub(in crate::coordinator) fn cancel_upload(&mut self, id: ClientId) {
        let PhaseState::Collecting(state) = &mut self.phase else {
            return;
        };
        if let Some(cancelled) = state.uploads.cancel(id)
            && let Some(session) = self.clients.sessions.get_mut(&cancelled.connection)
        {
            session.ended = Some(cancelled.update.id);
        }
    }

    /// Frees the slots of those who stopped sending.
    pub(in crate::coordinator) fn end_stalled_uploads(&mut self) {
        while let PhaseState::Collecting(state) = &mut self.phase
            && let Some(stalled) = state.uploads.end_stalled(self.now)
        {
            match stalled {
                Ended::Stalled(upload) => {
                    let message = "nothing of the update came for 30 seconds; announce it again".to_owned();
                    self.refuse_update(upload, RefusalReason::Stalled, message);
                }
                Ended::TurnOver(upload) => {
                    let message = "the update comes so slowly that others' wait for it; announce it again, and it is its turn \
                                   after theirs";
                    self.refuse_update(upload, RefusalReason::TurnOver, message.to_owned());
                }
            }
        }
        self.begin_uploads();
    }

    pub(super) fn leave_collecting(&mut self, verdict: Verdict) -> bool {
        let PhaseState::Collecting(state) = &mut self.phase else {
            return false;
        };
        let (received, round) = (state.received(), Round(self.history.len() as u32 + 1));
        if verdict == Verdict::GoOn {
            return false;
        }
        if verdict == Verdict::Abandon && !self.config.pace.is_synchronous() {
            // What is in stays in: no update grows worthless here because others are late.
            state.deadline = self.now + self.config.deadline_ms;
            // Everyone else may have given an update of this version: the room would wait for ever for those it gave up.
            for client in self.clients.all.values_mut().filter(|client| client.turn == Turn::GivenUp) {
                client.turn = Turn::None;
                client.refusals = 0;
            }
            return false;
        }
        let least = self.least() as usize;
        let goes_on = verdict == Verdict::Close
            && !self.config.pace.is_synchronous()
            && !self.paused
            && round.0 < self.config.rounds
            && self.clients.ready().count() >= least;
        let abandoned = format!("round {round} was abandoned; it is repeated with the same model");
        let closed = format!("round {round} closed before the update was in; go on with the next one");
        self.judge_selected();
        if !goes_on {
            self.end_uploads(round, if verdict == Verdict::Close { &closed } else { &abandoned });
        }
        if verdict != Verdict::Close || !self.aggregate(goes_on) {
            self.end_uploads(round, &abandoned);
            let least = self.least();
            self.back_to_lobby();
            self.broadcast(ServerMessage::RoundAbandoned { round: Some(round), received, least });
        }
        true
    }

    /// Ends all uploads of the open round, and says why.
    pub(in crate::coordinator) fn end_uploads(&mut self, round: Round, why: &str) {
        let PhaseState::Collecting(state) = &mut self.phase else {
            return;
        };
        for unfinished in state.uploads.end_all() {
            if let Some(session) = self.clients.sessions.get_mut(&unfinished.connection) {
                session.ended = Some(unfinished.update.id);
            }
            self.refuse(unfinished.connection, Some(round), RefusalReason::RoundClosed, why.to_owned());
        }
    }

    /// How many versions an update for this round is behind; `None` where that is too many, or the round has not begun.
    fn behind(&self, round: Round) -> Option<u32> {
        let present = self.model.version().0 + 1;
        let behind = present.checked_sub(round.0)?;
        (behind <= self.config.pace.most_stale() && round.0 > self.floor.0).then_some(behind)
    }

    /// Closes the open round with what is in.
    pub(in crate::coordinator) fn close_round(&mut self) {
        if self.config.masking.is_some() {
            return self.hurry_masked();
        }
        self.leave_collecting(Verdict::Close);
    }

    /// Closes the open round, all of which is gathered.
    pub(in crate::coordinator) fn close_gathered(&mut self) {
        self.leave_collecting(Verdict::Close);
    }

    /// Gives the open round up; it is repeated with the same model.
    pub(in crate::coordinator) fn abandon_round(&mut self) {
        if matches!(self.phase, PhaseState::Finished(_)) {
            return self.close_evaluation_sum(None);
        }
        if matches!(&self.phase, PhaseState::Collecting(state) if state.collects_statistics()) {
            return self.settle_scale(None);
        }
        self.leave_collecting(Verdict::Abandon);
    }

    /// A client goes, for good or not: where its update is in the open round, those who are new from now on wait for the next one.
    pub(in crate::coordinator) fn close_to_newcomers(&mut self, leaver: ClientId) {
        let next = ClientId(self.clients.next);
        if let PhaseState::Collecting(state) = &mut self.phase
            && state.given.iter().any(|(given, _)| given.client == leaver)
        {
            state.closed_to.get_or_insert(next);
        }
    }

    /// Those who are new are wanted all the same where the round has too few without them, and nobody else is to come.
    pub(super) fn open_to_newcomers(&mut self) {
        let missing = self.anyone_missing();
        let least = self.least();
        if let PhaseState::Collecting(state) = &mut self.phase
            && state.closed_to.is_some()
            && state.received() < least
            && !missing
        {
            state.closed_to = None;
            self.ask_all();
        }
    }

    /// Whether an evaluation of the finished model can be taken; see `finished.rs`.
    pub(super) fn fits_labels(&self, evaluation: &Evaluation) -> bool {
        Metrics::fits(evaluation, self.config.labels.len())
    }
}

fn reason(error: AssemblyError) -> RefusalReason {
    match error {
        AssemblyError::WrongTransfer { .. } => RefusalReason::Unannounced,
        AssemblyError::OutOfOrder { .. } => RefusalReason::OutOfOrder,
        AssemblyError::TooShort { .. } => RefusalReason::TooShort,
        AssemblyError::TooLong { .. } => RefusalReason::TooLong,
        AssemblyError::WrongChecksum { .. } => RefusalReason::WrongChecksum,
    }
}

pub(in crate::coordinator) fn unfit_text(unfit: Unfit, limit: f64) -> String {
    match unfit {
        Unfit::WrongSize => "the update has another number of values than the model".to_owned(),
        Unfit::NotFinite(index) => format!(
            "value {index} of the update is NaN or infinite; train again, with a lower learning rate if it comes back"
        ),
        Unfit::NormTooLarge(norm) => {
            format!("the update's norm is {norm:.3e}, and {limit:.3e} is allowed in this room")
        }
    }
}
