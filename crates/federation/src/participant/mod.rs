//! A client's side of a room: stays connected, says when it takes part, and goes through round after round.
//!
//! This file takes inputs apart; `connection.rs` decides when to connect, `round.rs` takes a round from the model to
//! the accepted update. None of it knows a socket, a clock, a page, or how training is done.

mod carried;
mod connection;
mod event;
mod masking;
mod notice;
mod round;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use carried::Carried;
use connection::Link;
pub use event::{ClippedGradients, Connection, Input, Output, ParticipantConfig, StopReason, TrainRequest, View, Work};
pub use masking::{MaskingMemory, MaskingSecrets};
pub use notice::{Notice, NoticeCode};
use protocol::limits::{MAX_ROUNDS, MAX_STEP_MS, PROTOCOL_VERSION};
use protocol::{
    ByGroup, Checksum, ClientId, ClientMessage, Difference, ErrorCode, Evaluation, ModelVersion, Phase, RoomConfig,
    Round, RoundRecord, ServerMessage, Status, Token,
};
use round::{Effort, Fetched, Job, Purpose, Step, Task, TheEnd};

use crate::Millis;

/// Progress is told at most so often, milliseconds.
const PROGRESS_EVERY_MS: u64 = 1_000;

/// Why a client stopped taking part by itself.
#[derive(Debug)]
struct Failure {
    /// For a person.
    reason: String,
    /// Whether training diverged.
    diverged: bool,
}

/// A client's side of a room.
#[derive(Debug)]
pub struct Participant {
    config: ParticipantConfig,
    now: Millis,
    link: Link,
    outputs: VecDeque<Output>,
    changed: bool,

    token: Option<Token>,
    name: Option<String>,
    client: Option<ClientId>,
    room: Option<RoomConfig>,
    status: Option<Status>,
    history: Vec<RoundRecord>,
    /// The history as it was known before the present connection.
    earlier: Vec<RoundRecord>,
    accepted: Option<Round>,
    notice: Option<Notice>,

    taking_part: bool,
    /// Until the round is over, because its update was refused for what is in it.
    sitting_out: bool,
    failure: Option<Failure>,
    examples: u32,
    held_back: u32,
    labels: Vec<u32>,
    step_ms: Option<u32>,
    /// Of an edge, the edges' key and for how many it stands.
    edge: Option<(Token, u32)>,
    statistics_wanted: bool,
    recording: bool,
    /// The group that the person says to be in, and of an edge, what its clients come to by group.
    group: Option<u32>,
    by_group: Option<ByGroup>,
    /// Whether the server was told, on this connection, that this client only looks on.
    pause_said: bool,

    job: Job,
    fetched: Option<Fetched>,
    /// Its control variate, in a SCAFFOLD room.
    control: Carried,
    /// What rounding has left out of its updates, in a room of few bits a value.
    rest: Carried,
    /// What it has for masked rooms.
    masking: Option<masking::Masking>,
    finished: Option<(ModelVersion, Checksum)>,
    /// What is to be said about the finished model, until it is said.
    final_evaluation: Option<ClientMessage>,
    /// In a masked room, how the finished model did here, which is not said but in a sum.
    own_evaluation: Option<(ModelVersion, Evaluation)>,
    /// How long others may need this client for that sum.
    sum_wanted_until: Option<Millis>,
    next_transfer: u32,
    progress_sent: Option<Millis>,
    sent: u64,
    received: u64,
}

impl Participant {
    /// A client that connects at once.
    pub fn new(config: ParticipantConfig, now: Millis) -> Participant {
        Participant {
            now,
            link: Link::new(now, config.seed),
            outputs: VecDeque::from([Output::Connect]),
            changed: false,
            token: config.token.clone(),
            name: config.name.clone(),
            client: None,
            room: None,
            status: None,
            history: Vec::new(),
            earlier: Vec::new(),
            accepted: None,
            notice: None,
            taking_part: false,
            sitting_out: false,
            failure: None,
            examples: 0,
            held_back: 0,
            labels: Vec::new(),
            step_ms: None,
            edge: None,
            statistics_wanted: false,
            recording: false,
            group: None,
            by_group: None,
            pause_said: false,
            job: Job::None,
            fetched: None,
            control: Carried::default(),
            rest: Carried::default(),
            masking: config.masking.as_ref().map(masking::Masking::new),
            finished: None,
            final_evaluation: None,
            own_evaluation: None,
            sum_wanted_until: None,
            next_transfer: 1,
            progress_sent: None,
            sent: 0,
            received: 0,
            config,
        }
    }

    /// Takes note of what happened.
    pub fn handle(&mut self, now: Millis, input: Input) {
        self.now = self.now.max(now);
        if self.link.is_stopped() {
            return;
        }
        match input {
            Input::Opened => self.greet(),
            Input::Closed => self.connection_lost(),
            Input::Message(message) => {
                self.link.heard(self.now);
                self.message(message);
            }
            Input::Malformed(error) => {
                self.link.heard(self.now);
                let message = format!("the server sent what this program does not understand: {error}");
                self.notice = Some(Notice { code: NoticeCode::ServerMalformed, message });
                self.changed = true;
            }
            Input::Chunk(chunk) => {
                self.link.heard(self.now);
                self.take_chunk(&chunk);
            }
            Input::Sent { transfer, bytes } => self.take_sent(transfer, bytes),
            Input::Holdings { examples, labels, held_back, step_ms } => {
                self.examples = examples;
                self.labels = labels;
                self.held_back = held_back;
                // Rounded up, within what may be said.
                self.step_ms = step_ms.map(|step_ms| (step_ms.ceil() as u32).clamp(1, MAX_STEP_MS));
                self.say_whether_ready();
            }
            Input::Edge { key, clients, examples, labels, held_back } => {
                (self.examples, self.labels, self.held_back) = (examples, labels, held_back);
                self.edge = Some((key, clients));
                self.say_whether_ready();
            }
            Input::Group(group) => {
                self.changed |= self.group != group;
                self.group = group;
            }
            Input::ByGroup(by_group) => self.by_group = by_group,
            Input::Gathered(partial) => self.take_partial(*partial),
            Input::TakePart(on) => self.take_part(on),
            Input::Recording(on) => {
                if std::mem::replace(&mut self.recording, on) != on {
                    self.send(ClientMessage::Recording { on });
                }
            }
            Input::Rename(name) => {
                self.name = Some(name.clone());
                self.send(ClientMessage::Rename { name });
                self.changed = true;
            }
            Input::Leave => {
                self.send(ClientMessage::Leave);
                self.stop(StopReason::Left);
            }
            Input::Statistics { frames, sum, sum_squares } => {
                if std::mem::take(&mut self.statistics_wanted) {
                    self.changed = true;
                    if self.is_masked() {
                        self.take_own_statistics(frames, sum, sum_squares);
                    } else {
                        self.send(ClientMessage::Statistics { frames, sum, sum_squares });
                    }
                }
            }
            Input::Evaluated { model_version, evaluation } => self.take_evaluation(model_version, evaluation),
            Input::Progress { round, epoch, epochs, step, steps } => {
                self.take_step(round, Step { epoch, epochs, step, steps });
            }
            Input::Trained { round, model_version, parameters, examples, steps, training } => {
                self.take_trained(round, model_version, parameters, Effort { examples, steps, training });
            }
            Input::TrainingFailed { reason, diverged } => self.fail(reason, diverged),
        }
        self.tell_of_change();
    }

    /// Does what is due at `now`. Calling it early or often does no harm.
    pub fn handle_timeout(&mut self, now: Millis) {
        self.now = self.now.max(now);
        self.keep_connected();
        self.tell_of_change();
    }

    /// The next thing to do. Ask until there is none after every input and timeout.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What came behind the parameters of the model that it has.
    pub(crate) fn attachment(&self) -> Arc<Vec<f32>> {
        self.fetched.as_ref().map(Fetched::control).unwrap_or_default()
    }

    /// Of an edge, the difference as which the model came that it has.
    pub(crate) fn difference(&self) -> Option<(Difference, Bytes)> {
        self.fetched.as_ref().and_then(Fetched::difference)
    }

    /// What a page shows.
    pub fn view(&self) -> View<'_> {
        View {
            connection: &self.link.shown,
            room: self.room.as_ref(),
            status: self.status.as_ref(),
            client: self.client,
            name: self.name.as_deref(),
            taking_part: self.taking_part,
            work: self.work(),
            accepted: self.accepted,
            notice: self.notice.as_ref(),
            masked_together: self.masked_together(),
            sent: self.sent,
            received: self.received,
            history: &self.history,
        }
    }

    fn greet(&mut self) {
        if self.link.shown != Connection::Connecting {
            return;
        }
        self.link.heard(self.now);
        self.outputs.push_back(Output::Send(ClientMessage::Hello {
            protocol: PROTOCOL_VERSION,
            room: self.config.room.clone(),
            token: self.token.clone(),
            name: self.name.clone(),
            software: self.config.software.clone(),
            status_changes: true,
        }));
    }

    fn message(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Welcome { protocol: _, token, client, name, room, status, accepted } => {
                if !self.is_masked_as_before(&room) {
                    return;
                }
                if self.token.as_ref() != Some(&token) {
                    self.forget_earlier_work(&room);
                    self.token = Some(token.clone());
                    self.outputs.push_back(Output::RememberToken(token));
                }
                self.client = Some(client);
                self.name = Some(name);
                self.room = Some(room);
                if status.phase != Phase::Finished {
                    // The host went back to an earlier version: nobody wants to hear how the finished one did.
                    self.finished = None;
                    self.final_evaluation = None;
                    (self.own_evaluation, self.sum_wanted_until) = (None, None);
                }
                self.status = Some(status);
                let known = std::mem::take(&mut self.history);
                if known.len() >= self.earlier.len() {
                    self.earlier = known;
                }
                self.notice = None;
                self.statistics_wanted = false;
                self.link.welcomed();
                self.pause_said = false;
                if let Some(round) = accepted {
                    self.take_accepted(round);
                }
                self.say_whether_ready();
                if self.recording {
                    self.send(ClientMessage::Recording { on: true });
                }
                self.send_final_evaluation();
            }
            ServerMessage::Error { code, message, fatal, retry_after_ms } => {
                self.link.told_to_wait(retry_after_ms);
                self.error(code, message, fatal);
            }
            ServerMessage::Status(status) => self.status = Some(status),
            ServerMessage::StatusChanges { status: changes, gone } => {
                if let Some(status) = &mut self.status {
                    status.change(changes, &gone);
                }
            }
            ServerMessage::History { rounds } => self.remember(rounds),
            ServerMessage::Settings { room } => {
                if self.is_masked_as_before(&room) {
                    self.room = Some(room);
                }
            }
            ServerMessage::Renamed { name } => self.name = Some(name),
            ServerMessage::StatisticsRequest { masked: None } => {
                if self.wants_part() && !self.is_masked() {
                    self.statistics_wanted = true;
                    self.outputs.push_back(Output::ComputeStatistics);
                }
            }
            ServerMessage::StatisticsRequest { masked: Some(asked) } => self.begin_statistics_sum(asked),
            ServerMessage::Round {
                round,
                model_version,
                deadline_ms,
                training,
                standardisation,
                model,
                difference,
                attempt,
            } => {
                if self.asked_to_mask(round, attempt) {
                    let (asked, deadline) = (self.now, self.now + deadline_ms);
                    let task = Task { round, model_version, model, training, standardisation, asked, deadline };
                    self.begin_round(task, difference);
                }
            }
            ServerMessage::Roster { .. }
            | ServerMessage::Boxes { .. }
            | ServerMessage::Survivors { .. }
            | ServerMessage::Agreed { .. } => self.take_masking(message),
            ServerMessage::Upload { transfer } => self.upload(transfer),
            ServerMessage::Accepted { round } => self.take_accepted(round),
            ServerMessage::Refused { round, reason, message, present_round: _, present_version: _ } => {
                self.take_refused(round, reason, message);
            }
            ServerMessage::RoundClosed { record } => {
                self.round_is_over(record.round);
                self.end_sum();
                self.remember([record]);
                self.stop_sitting_out();
            }
            ServerMessage::RoundAbandoned { .. } => {
                self.end_sum();
                self.stop_sitting_out();
            }
            ServerMessage::Finished { model_version, model, difference, standardisation, attempt } => {
                self.finish(TheEnd { model_version, standardisation, attempt }, model, difference);
            }
        }
        self.changed = true;
    }

    /// Keeps the records of rounds, but no more than a room can have.
    fn remember(&mut self, rounds: impl IntoIterator<Item = RoundRecord>) {
        let room_left = (MAX_ROUNDS as usize).saturating_sub(self.history.len());
        self.history.extend(rounds.into_iter().take(room_left));
    }

    fn error(&mut self, code: ErrorCode, message: String, fatal: bool) {
        if fatal {
            self.stop(StopReason::Error { code, message });
        } else {
            self.notice = Some(Notice { code: NoticeCode::Error(code), message });
        }
    }

    /// Ends everything for good.
    fn stop(&mut self, reason: StopReason) {
        self.abandon_job();
        self.outputs.push_back(Output::Disconnect);
        self.link.shown = Connection::Stopped(reason);
    }

    fn take_part(&mut self, on: bool) {
        self.taking_part = on;
        self.failure = None;
        self.sitting_out = false;
        self.changed = true;
        if !on {
            self.statistics_wanted = false;
            // A finished room's model is still wanted; a round's is not.
            let finishing =
                matches!(&self.job, Job::Downloading(download) if matches!(download.purpose, Purpose::Finished(_)));
            if !finishing {
                self.abandon_job();
            }
        }
        self.say_whether_ready();
    }

    /// This client can't train: the others should not wait for it.
    fn fail(&mut self, reason: String, diverged: bool) {
        self.abandon_job();
        self.statistics_wanted = false;
        self.taking_part = false;
        self.failure = Some(Failure { reason, diverged });
        self.say_whether_ready();
    }

    /// Whether nobody is to learn this client's own numbers.
    fn is_masked(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.masking.is_some())
    }

    fn wants_part(&self) -> bool {
        self.taking_part && !self.sitting_out && self.examples > 0
    }

    /// Tells the server where this client stands; the server may remember something else from before.
    fn say_whether_ready(&mut self) {
        self.changed = true;
        if self.wants_part() {
            let labels = if self.is_masked() { Vec::new() } else { self.labels.clone() };
            let (examples, held_back) = (self.examples, Some(self.held_back));
            self.pause_said = false;
            let message = match self.edge.clone() {
                Some((key, clients)) => {
                    ClientMessage::EdgeReady { key, clients, examples, labels, held_back: self.held_back }
                }
                None => ClientMessage::Ready { examples, labels, held_back, step_ms: self.step_ms },
            };
            self.send(message);
        } else if !self.pause_said {
            // A clip that is added by somebody who looks on changes nothing for the others.
            self.pause_said = self.link.is_open();
            let diverged = self.failure.as_ref().is_some_and(|failure| failure.diverged);
            self.send(ClientMessage::Pause { diverged });
        }
    }

    fn stop_sitting_out(&mut self) {
        if std::mem::take(&mut self.sitting_out) {
            self.say_whether_ready();
        }
    }

    fn send_final_evaluation(&mut self) {
        if self.link.is_open()
            && let Some(message) = self.final_evaluation.take()
        {
            self.send(message);
        }
    }

    /// Sends if there is a connection; what has to be said again after a reconnect is said by `welcome`'s handler.
    fn send(&mut self, message: ClientMessage) {
        if self.link.is_open() {
            self.outputs.push_back(Output::Send(message));
        }
    }

    fn tell_of_change(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.outputs.push_back(Output::Changed);
        }
    }
}
