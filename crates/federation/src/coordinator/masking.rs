//! A masked round: keys, rosters, boxes, survivors and signatures go round before, beside and after the training; at the end
//! the sum of all updates is opened, and no update is. Which step it is at is kept here; what a step needs, and who sends
//! something wrong, is the tally's to say (`masking`).
//!
//! Whoever has to send something and does not is waited for until the step is over; the round goes on with those who did, as
//! long as they are enough, and is otherwise repeated with the same model, with new keys.
//!
//! A sum that was opened by some and lost, with its server or because too few were left, binds those who opened it: they decline one
//! that would single somebody out beside it. They say whose sum that was, and the next attempt is over those who can all open it. Where
//! there are none, no round begins until others are there.

use std::collections::{BTreeMap, BTreeSet};

use masking::{Fault, NotOpened, Opened, Purpose, Tally, Task, Wrong};
use protocol::{
    Adversary, Agreement, ClientId, ClientMessage, ErrorCode, Hex, MaskedStatistics, RefusalReason, RosterEntry, Round,
    ServerMessage, Standardisation, TrainingResult, Transfer,
};

use super::phase::PhaseState;
use super::uploads::{Announcement, Uploads};
use super::{Action, Client, ConnectionId, Contribution, Coordinator, Turn, mix};
use crate::aggregation::clipped_sum::ClippedSum;
use crate::aggregation::mean::Accumulator;
use crate::masked::{self, Totals};
use crate::metrics::Metrics;
use crate::normalisation::{Sums, of_masked_words};
use crate::strategy::Gathered;
use crate::{MaskedTogether, Millis, sketch::Sketch};

/// A step in which nobody trains takes so long at most, milliseconds.
const STEP_MS: u64 = 20_000;
/// Keys come once the model is there, which may take this part of the round's time.
const KEYS_PART: u64 = 3;

/// How far a masked round has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Keys,
    Shares,
    Inputs,
    Agreements,
    Reveals,
}

/// A masked round.
#[derive(Debug)]
pub(super) struct MaskedRound {
    attempt: u32,
    tally: Tally,
    step: Step,
    by: Millis,
    /// When it is too late for numbers.
    deadline: Millis,
    /// Who gave keys; empty before the roster is out.
    roster: Vec<RosterEntry>,
    /// Whose keys are here.
    keyed: BTreeSet<ClientId>,
    /// Whose numbers are in.
    given: Vec<ClientId>,
    /// Who can do nothing more for this attempt: it came back with other keys, as a tab that was loaded anew, or it does not help to
    /// open the sum.
    lost: BTreeSet<ClientId>,
    agreements: Vec<Agreement>,
}

/// A place in a sum: a seat by its key, or somebody whose key is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seat {
    Of(Hex<32>),
    New(ClientId),
}

/// Of whom the sum of the present round may be: of everyone, as long as nobody has said which sums over the same model it has helped to
/// open.
#[derive(Debug, Default)]
pub(super) struct Openers {
    /// What the sums are of.
    purpose: Option<Purpose>,
    /// The seats of those who were on a roster of this model.
    seats: BTreeMap<ClientId, Hex<32>>,
    /// And whose sums they have helped to open.
    opened: BTreeMap<Seat, Vec<BTreeSet<Seat>>>,
    /// Whom the next attempt, or the present one, is for; `None`: for everyone. Nobody: no sum may be of those who are here.
    chosen: Option<BTreeSet<ClientId>>,
}

impl Openers {
    /// The model is another, and nothing is opened of it.
    pub fn all_may(&mut self) {
        *self = Openers::default();
    }

    /// Whether a client's numbers may be in the sum.
    pub fn may_give(&self, id: ClientId) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| chosen.contains(&id))
    }

    /// Whether no sum may be of those who are here.
    pub fn are_none(&self) -> bool {
        self.chosen.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// Takes note of whose sums a client has helped to open, who therefore declines one of these. False: it has no reason to, or gave it
    /// before, when this sum was chosen accordingly.
    fn note(&mut self, purpose: Purpose, id: ClientId, sum: &[ClientId], opened: Vec<Vec<Hex<32>>>) -> bool {
        if self.purpose != Some(purpose) {
            self.opened.clear();
            self.purpose = Some(purpose);
        }
        let Some(seat) = self.seats.get(&id).copied().map(Seat::Of) else { return false };
        let sum = sum.iter().filter_map(|id| self.seats.get(id).copied().map(Seat::Of)).collect();
        let opened: Vec<BTreeSet<Seat>> =
            opened.into_iter().map(|seats| seats.into_iter().map(Seat::Of).collect()).collect();
        let told = self.opened.get(&seat).map_or(0, Vec::len);
        if masking::hides(&sum, &opened) || opened.len() <= told {
            return false;
        }
        self.opened.insert(seat, opened);
        true
    }

    /// Chooses among those who are here, of whom a sum has so many at least.
    fn choose(&mut self, purpose: Purpose, here: impl Iterator<Item = ClientId>, least: usize) {
        if self.opened.is_empty() || self.purpose != Some(purpose) {
            self.chosen = None;
            return;
        }
        let seat = |id| self.seats.get(&id).map_or(Seat::New(id), |seat| Seat::Of(*seat));
        let here: BTreeMap<Seat, ClientId> = here.map(|id| (seat(id), id)).collect();
        let can = masking::who_can_open(&here.keys().copied().collect(), &self.opened, least).unwrap_or_default();
        self.chosen = Some(can.iter().filter_map(|seat| here.get(seat).copied()).collect());
    }
}

impl MaskedRound {
    /// One that waits for keys until the first of these, and for numbers until the second.
    fn new(task: Task, by: Millis, deadline: Millis) -> MaskedRound {
        MaskedRound {
            attempt: task.attempt,
            tally: Tally::new(task),
            step: Step::Keys,
            by,
            deadline,
            roster: Vec::new(),
            keyed: BTreeSet::new(),
            given: Vec::new(),
            lost: BTreeSet::new(),
            agreements: Vec::new(),
        }
    }

    /// Numbers that are in.
    pub fn received(&self) -> u32 {
        self.given.len() as u32
    }

    /// The server's end of its sum.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Bytes of one client's masked numbers.
    pub fn bytes(&self) -> usize {
        self.tally.task().layout.bytes()
    }

    /// When its step is over.
    pub fn by(&self) -> Millis {
        self.by
    }

    /// Whether it is the sum of statistics that comes before the rounds.
    pub fn is_of_statistics(&self) -> bool {
        self.purpose() == Purpose::Statistics
    }

    fn purpose(&self) -> Purpose {
        self.tally.task().purpose
    }

    /// Which attempt it is.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether a client may be in it: anyone before the roster is out.
    pub fn is_open_to(&self, id: ClientId) -> bool {
        self.roster.is_empty() || self.roster.iter().any(|entry| entry.client == id)
    }

    /// What a client of it has to hear in this step, so that one who was away can go on.
    fn reminder(&self, round: Round, id: ClientId) -> Option<ServerMessage> {
        let attempt = self.attempt;
        let given = self.given.contains(&id);
        match self.step {
            Step::Keys => None,
            Step::Shares => {
                self.is_open_to(id).then(|| ServerMessage::Roster { round, attempt, clients: self.roster.clone() })
            }
            Step::Inputs => {
                let masking::Boxes { clients, boxes } = self.tally.boxes_for(id)?;
                Some(ServerMessage::Boxes { round, attempt, clients, boxes })
            }
            Step::Reveals if !self.agreements.is_empty() => {
                let signed = self.agreements.iter().any(|agreement| agreement.client == id);
                signed.then(|| ServerMessage::Agreed { round, attempt, agreements: self.agreements.clone() })
            }
            Step::Agreements | Step::Reveals => {
                given.then(|| ServerMessage::Survivors { round, attempt, clients: self.given.clone() })
            }
        }
    }
}

impl Coordinator {
    /// The masked round that opens now, in a masked room.
    pub(super) fn masked_round(&mut self) -> Option<Box<MaskedRound>> {
        let of_room = self.config.masking?;
        let attempt = self.next_attempt();
        let standardisation = self.standardisation.as_ref()?;
        let (parameters, training) = (self.model.parameters(), &self.round_training());
        let asked = masked::Asked { parameters, training, standardisation };
        let task = masked::task(&self.config, &of_room, self.present_round(), attempt, asked);
        Some(Box::new(self.wait_for_keys(task)))
    }

    /// An attempt at a sum over a model that clients have to fetch first.
    pub(super) fn wait_for_keys(&self, task: Task) -> MaskedRound {
        let for_keys = (self.config.deadline_ms / KEYS_PART).max(STEP_MS).min(self.config.deadline_ms);
        MaskedRound::new(task, self.now + for_keys, self.deadline())
    }

    /// No two attempts of one round have one number: nor before and after a restart, which forgets those before.
    pub(super) fn next_attempt(&mut self) -> u32 {
        self.attempts = self.attempts.wrapping_add(1);
        self.run.wrapping_add(self.attempts)
    }

    /// The scale of features that a masked room begins with.
    pub(super) fn common_scale(&self) -> Standardisation {
        let features = self.config.features as usize;
        // Without one, they enter the model as they are.
        let as_they_are = || Standardisation { mean: vec![0.0; features], deviation: vec![1.0; features] };
        self.common_scale.clone().unwrap_or_else(as_they_are)
    }

    /// Begins with the sum by which the scale of features is refined, of which nobody's own is seen.
    pub(super) fn open_statistics(&mut self) {
        let Some(of_room) = self.config.masking else { return };
        self.clients.reset_turns();
        let (attempt, scale, round) = (self.next_attempt(), self.common_scale(), self.present_round());
        let task = masked::statistics_task(&self.config, &of_room, round, attempt, &scale);
        let deadline = self.now + 2 * STEP_MS;
        let masked = MaskedRound::new(task, self.now + STEP_MS, deadline);
        self.open(deadline, Uploads::default(), Some(Box::new(masked)));
    }

    pub(super) fn ask_for_masked_statistics(&mut self, id: ClientId) {
        let (scale, round) = (self.common_scale(), self.present_round());
        let Some(attempt) = self.masked().map(|masked| masked.attempt) else { return };
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(connection) = client.connection else { return };
        client.turn = Turn::Asked;
        let masked = Some(MaskedStatistics { round, attempt, scale });
        self.send(connection, ServerMessage::StatisticsRequest { masked });
    }

    /// The sum of statistics is there, or did not come about: the rounds begin with it, or with the scale that there is.
    pub(super) fn settle_scale(&mut self, refined: Option<Standardisation>) {
        if self.led.is_some() {
            // Tried again while there is time; the root says what the scale is.
            let (received, least) = (self.masked().map_or(0, |masked| masked.received()), self.least());
            self.back_to_lobby();
            return self.broadcast(ServerMessage::RoundAbandoned { round: None, received, least });
        }
        let failed = refined.is_none();
        let before = self.standardisation.take();
        self.standardisation = refined.or(before).or_else(|| Some(self.common_scale()));
        self.renormalise = false;
        self.outcast.clear();
        self.openers.all_may();
        // Stored before anyone is told of it: every `round` carries it.
        self.identities_changed = false;
        self.actions.push_back(Action::Checkpoint { model: false });
        let (received, least) = (self.masked().map_or(0, |masked| masked.received()), self.least());
        self.back_to_lobby();
        if failed {
            self.broadcast(ServerMessage::RoundAbandoned { round: None, received, least });
        }
    }

    /// A number that follows from a secret that the shell drew, so that attempts of this run have others than those of another.
    pub(super) fn begin_run(&mut self, fresh_token: &protocol::Token) {
        if self.run == 0 {
            let bits = fresh_token.secret().bytes().fold(0, |bits, digit| mix(bits ^ u64::from(digit)));
            self.run = (bits >> 32) as u32 | 1;
        }
    }

    /// Whose numbers are masked together, since the latest roster. What students compare are their own pages' words, for the
    /// server could say others here.
    pub fn masked_together(&self) -> Option<&MaskedTogether> {
        self.masked_together.as_ref()
    }

    fn masked(&mut self) -> Option<&mut MaskedRound> {
        self.phase.masked()
    }

    /// Says to a client again what it may have missed of a masked round.
    pub(super) fn remind(&mut self, id: ClientId) {
        let round = self.present_round();
        let Some(connection) = self.clients.connection_of(id) else { return };
        if let Some(message) = self.masked().and_then(|masked| masked.reminder(round, id)) {
            self.send(connection, message);
        }
    }

    /// Whether a client may be in a sum: who only looks on has no say in how the finished model does.
    fn has_a_say(&self, client: &Client) -> bool {
        client.contributed || !matches!(self.phase, PhaseState::Finished(_))
    }

    /// Takes a message of a masked round.
    pub(super) fn take_masking(&mut self, connection: ConnectionId, id: ClientId, message: ClientMessage) {
        let present = self.present_round();
        if self.config.masking.is_none() {
            let message = "this room's rounds are not masked".to_owned();
            return self.error(connection, ErrorCode::OutOfOrder, message);
        }
        let has_part = |client: &Client| client.turn != Turn::GivenUp && self.has_a_say(client);
        let has_part = self.clients.all.get(&id).is_some_and(has_part);
        let Some(masked) = self.masked().filter(|_| has_part) else {
            return; // The round was over when it was sent, which is no fault of its client.
        };
        let now = |round: Round, attempt: u32, masked: &MaskedRound| (round, attempt) == (present, masked.attempt);
        let taken = match message {
            ClientMessage::Keys { round, attempt, keys } if now(round, attempt, masked) => {
                let mine = masked.roster.iter().find(|entry| entry.client == id);
                if mine.is_some_and(|entry| entry.keys != keys) {
                    masked.lost.insert(id);
                }
                let taken = masked.tally.keys(id, keys);
                if taken.is_ok() {
                    masked.keyed.insert(id);
                }
                taken
            }
            ClientMessage::Shares { round, attempt, boxes } if now(round, attempt, masked) => {
                masked.tally.shares(id, boxes)
            }
            ClientMessage::Unopened { round, attempt, clients } if now(round, attempt, masked) => {
                masked.tally.unopened(id, &clients)
            }
            ClientMessage::Declined { round, attempt, opened } if now(round, attempt, masked) => {
                if masked.step < Step::Agreements || !masked.given.contains(&id) {
                    return;
                }
                masked.lost.insert(id);
                let (purpose, sum) = (masked.purpose(), masked.given.clone());
                if !self.openers.note(purpose, id, &sum, opened) {
                    self.outcast.insert(id);
                }
                Ok(())
            }
            ClientMessage::Agree { round, attempt, signature } if now(round, attempt, masked) => {
                masked.tally.agree(id, signature)
            }
            ClientMessage::Reveal { round, attempt, shares } if now(round, attempt, masked) => {
                masked.tally.reveal(id, &shares)
            }
            ClientMessage::MaskedStatistics { round, attempt, words } if now(round, attempt, masked) => {
                let bytes: Vec<u8> = words.iter().flat_map(|word| word.0).collect();
                let taken = match masked.purpose() {
                    Purpose::Statistics | Purpose::Evaluation => masked.tally.input(id, &bytes),
                    Purpose::Update => Err(Fault { client: id, what: Wrong::Length }),
                };
                if taken.is_ok() {
                    self.note_given(id);
                }
                taken
            }
            ClientMessage::Masked { round, attempt, transfer, bytes, checksum } => {
                let update = Transfer { id: transfer, bytes, encoding: self.config.encoding, checksum };
                return self.announce_masked(connection, id, round, attempt, update);
            }
            _ => Ok(()), // Of an earlier attempt.
        };
        if let Err(fault) = taken {
            self.masking_fault(fault);
        }
    }

    /// Puts a masked vector in line, or says why not.
    fn announce_masked(
        &mut self,
        connection: ConnectionId,
        id: ClientId,
        round: Round,
        attempt: u32,
        update: Transfer,
    ) {
        let present = self.present_round();
        let wanted = self.masked().map(|masked| {
            let bytes = masked.bytes();
            let open = masked.step == Step::Inputs && masked.tally.boxes_for(id).is_some();
            let open = open && masked.purpose() == Purpose::Update;
            ((round, attempt) == (present, masked.attempt), open, masked.given.contains(&id), bytes)
        });
        let refusal = match wanted {
            None => Some((RefusalReason::NoRound, "no round is open; wait for the next one".to_owned())),
            Some((false, ..)) => {
                Some((RefusalReason::Stale, format!("this attempt is over; go on with round {present}")))
            }
            Some((_, _, true, _)) => Some((RefusalReason::Duplicate, "your numbers are in the sum already".to_owned())),
            Some((_, false, ..)) => Some((
                RefusalReason::RoundClosed,
                "the sum is not open to your numbers; wait for the next round".to_owned(),
            )),
            Some((.., bytes)) if bytes != update.bytes as usize => Some((
                RefusalReason::WrongSize,
                format!("masked numbers have {bytes} bytes here, not {}", update.bytes),
            )),
            Some(_) => None,
        };
        let training = TrainingResult { loss: 0.0, accuracy: 0.0 };
        let (examples, steps, sum, evaluation) = (0, 0, None, None);
        let announced =
            Announcement { client: id, connection, round, examples, steps, sum, update, evaluation, training };
        match refusal {
            Some((reason, message)) => self.refuse_update(announced, reason, message),
            None => self.put_in_line(announced),
        }
    }

    /// Adds masked numbers, all of which are here.
    pub(super) fn gather_masked(&mut self, announced: &Announcement, bytes: &[u8]) {
        let id = announced.client;
        let Some(masked) = self.masked() else { return };
        match masked.tally.input(id, bytes) {
            Ok(()) => {
                self.note_given(id);
                self.send(announced.connection, ServerMessage::Accepted { round: announced.round });
            }
            Err(fault) => self.masking_fault(fault),
        }
    }

    /// A client's numbers are in.
    fn note_given(&mut self, id: ClientId) {
        if let Some(masked) = self.masked() {
            masked.given.push(id);
            masked.given.sort_unstable();
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.turn = Turn::Done;
            client.fraction = None;
        }
        self.status_changed = true;
    }

    /// A client sent something wrong: it is told so, and the round goes on without it, or is repeated without it.
    fn masking_fault(&mut self, fault: Fault) {
        if matches!(fault.what, Wrong::OutOfStep | Wrong::Twice) {
            return; // It was said again because its answer was lost, or the step was over when it came.
        }
        if let PhaseState::Collecting(state) = &mut self.phase {
            state.refused += 1;
        }
        self.cancel_upload(fault.client);
        if let Some(client) = self.clients.get_mut(fault.client)
            && client.turn != Turn::Done
        {
            client.turn = Turn::GivenUp;
        }
        self.status_changed = true;
        if let Some(connection) = self.clients.connection_of(fault.client) {
            let message = format!("{fault}; this masked round goes on without you");
            self.error(connection, ErrorCode::Malformed, message);
        }
        if matches!(fault.what, Wrong::Boxes | Wrong::Secret) {
            // No sum comes of an attempt that it has a part in.
            self.outcast.insert(fault.client);
            self.abandon_round();
        }
    }

    /// Goes to the next step of a masked round where the present one is over.
    pub(super) fn advance_masked(&mut self) -> bool {
        let (least, round) = (self.least(), self.present_round());
        let missing = self.clients.all.values().filter(|client| client.is_missing() && self.has_a_say(client));
        let asked: Vec<ClientId> = missing.map(|client| client.id).filter(|&id| self.is_wanted(id)).collect();
        let Some(masked) = self.phase.masked() else { return false };
        let deadline = masked.deadline;
        let (clients, lost) = (&self.clients.all, &masked.lost);
        let waits_for = |id: &ClientId| {
            clients.get(id).is_some_and(|client| client.taking_part && client.turn != Turn::GivenUp)
                && !lost.contains(id)
        };
        let late = self.now >= masked.by || (masked.step <= Step::Inputs && self.now >= deadline);
        let missing = match masked.step {
            Step::Keys => asked.iter().any(|id| !masked.keyed.contains(id)),
            _ => masked.tally.missing().iter().any(waits_for),
        };
        if masked.step == Step::Reveals && masked.tally.may_open() {
            let opened = masked.tally.open();
            return self.take_opened(opened);
        }
        if missing && !late {
            return false;
        }
        let closed = match masked.step {
            Step::Keys if (masked.keyed.len() as u32) < least => None,
            Step::Keys => masked.tally.close_keys().ok().map(|roster| {
                let seats = roster.len();
                let words = masking::words(roster.iter().map(|entry| entry.keys.seat));
                self.masked_together = Some(MaskedTogether { words, seats });
                self.openers.seats.extend(roster.iter().map(|entry| (entry.client, entry.keys.seat)));
                masked.roster.clone_from(&roster);
                (masked.step, masked.by) = (Step::Shares, self.now + STEP_MS);
                masked.keyed.iter().copied().collect()
            }),
            Step::Shares => masked.tally.close_shares().ok().map(|()| {
                (masked.step, masked.by) = (Step::Inputs, deadline);
                masked.roster.iter().map(|entry| entry.client).collect()
            }),
            Step::Inputs if masked.received() < least => None,
            Step::Inputs => masked.tally.close_inputs().ok().inspect(|_| {
                let active = masked.tally.task().adversary == Adversary::Active;
                masked.step = if active { Step::Agreements } else { Step::Reveals };
                masked.by = self.now + STEP_MS;
            }),
            Step::Agreements => masked.tally.close_agreements().ok().map(|agreements| {
                let signers = agreements.iter().map(|agreement| agreement.client).collect();
                masked.agreements = agreements;
                (masked.step, masked.by) = (Step::Reveals, self.now + STEP_MS);
                signers
            }),
            Step::Reveals => None,
        };
        let step = masked.step;
        let Some(told) = closed else {
            // Nobody can join once the roster is out: where nobody is waited for any more, waiting longer changes nothing.
            let in_vain = late || (!missing && step > Step::Keys);
            if in_vain {
                self.abandon_round();
            }
            return in_vain;
        };
        if step == Step::Reveals && self.noise.is_some() {
            // Before anyone is asked to open it: what is asked for may be known, whatever becomes of the round or of this server.
            if let Some(noise) = &mut self.noise {
                noise.count_opening();
            }
            self.actions.push_back(Action::Checkpoint { model: false });
        }
        if matches!(step, Step::Agreements | Step::Reveals) {
            let why = format!("round {round} closed before the update was in; go on with the next one");
            self.end_uploads(round, &why);
        }
        for id in told {
            self.remind(id);
        }
        self.status_changed = true;
        true
    }

    /// Chooses whom the next attempt at the present round's sum is for. False: no sum may be of those who are here.
    pub(super) fn chooses_openers(&mut self, purpose: Purpose) -> bool {
        let (were_none, least) = (self.openers.are_none(), self.least() as usize);
        let ready = self.clients.ready().map(|(client, _)| client.id).filter(|id| !self.outcast.contains(id));
        self.openers.choose(purpose, ready, least);
        self.status_changed |= self.openers.are_none() != were_none;
        !self.openers.are_none()
    }

    /// Nobody is waited for any more, as the host wishes: the round closes with those whose numbers are in.
    pub(super) fn hurry_masked(&mut self) {
        let now = self.now;
        if let Some(masked) = self.masked().filter(|masked| masked.step <= Step::Inputs) {
            masked.by = now;
        }
    }

    /// The masks are off: the sum becomes the round's, and the next version.
    fn take_opened(&mut self, opened: Result<Opened, NotOpened>) -> bool {
        let opened = match opened {
            Ok(opened) => opened,
            Err(NotOpened::Fault(fault)) => {
                self.masking_fault(fault);
                return true;
            }
            Err(NotOpened::TooFew(_)) => {
                self.abandon_round();
                return true;
            }
        };
        let purpose = self.masked().map(|masked| masked.purpose());
        if purpose == Some(Purpose::Evaluation) {
            self.close_evaluation_sum(Some(&opened.tail));
            return true;
        }
        if purpose == Some(Purpose::Statistics) {
            let refined = of_masked_words(&opened.tail, &self.common_scale());
            match (&self.led, refined, opened.tail.first()) {
                (Some(_), Some(refined), Some(&frames)) => {
                    self.give_statistics(&Sums::of_standardisation(frames, &refined))
                }
                (_, refined, _) => self.settle_scale(refined),
            }
            return true;
        }
        let Some(sum) = self.masked().map(|masked| {
            let task = masked.tally.task();
            masking::unquantise(&opened.values, task.clip, task.largest(opened.masked_together))
        }) else {
            return false;
        };
        let totals = match self.noise {
            Some(_) => None,
            None => match Totals::read(&self.config, &opened.tail) {
                Some(totals) => Some(totals),
                None => {
                    self.abandon_round();
                    return true;
                }
            },
        };
        let contributions = opened.clients.iter().map(|&client| {
            let name = self.clients.all.get(&client).map_or_else(String::new, |client| client.name.clone());
            Contribution {
                client,
                name,
                examples: 0,
                labels: Vec::new(),
                after_ms: 0,
                norm: 0.0,
                clipped: None,
                agreement: None,
                evaluation: None,
            }
        });
        let given: Vec<(Contribution, Sketch)> = contributions.map(|given| (given, Sketch::default())).collect();
        let per_step = self.config.strategy.counts_steps();
        // What `ready` said: a sum of it would be one more.
        let said = opened
            .clients
            .iter()
            .filter_map(|id| self.clients.all.get(id))
            .map(|client| u64::from(client.examples))
            .sum();
        let PhaseState::Collecting(state) = &mut self.phase else { return false };
        let clients = opened.clients.len() as u32;
        match totals {
            Some(Totals { weight, steps, examples, training, evaluation }) => {
                let direction = sum.into_iter().map(|value| (value / weight) as f32).collect();
                let of_all = weight * f64::from(self.config.weight_cap);
                let (mean, empty) = (Accumulator::holding(direction, of_all, steps), Accumulator::default());
                let (updates, per_step) = if per_step { (empty, mean) } else { (mean, empty) };
                state.gathered = Gathered { updates, per_step };
                state.metrics = Metrics::of_all(clients, examples, training);
                state.masked_evaluation = evaluation;
            }
            None => {
                state.clipped = ClippedSum::of(sum);
                state.metrics = Metrics::of_all(clients, said, TrainingResult { loss: 0.0, accuracy: 0.0 });
            }
        }
        state.given = given;
        self.outcast.clear();
        self.openers.all_may();
        self.close_gathered();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openers(clients: u32) -> Openers {
        let seats = (1..=clients).map(|client| (ClientId(client), Hex([client as u8; 32])));
        Openers { seats: seats.collect(), ..Openers::default() }
    }

    fn clients(range: std::ops::RangeInclusive<u32>) -> Vec<ClientId> {
        range.map(ClientId).collect()
    }

    fn seats(range: std::ops::RangeInclusive<u8>) -> Vec<Hex<32>> {
        range.map(|client| Hex([client; 32])).collect()
    }

    #[test]
    fn whoever_declines_without_a_reason_is_done_without() {
        let mut openers = openers(6);
        let sum = clients(1..=5);
        assert!(!openers.note(Purpose::Update, ClientId(1), &sum, vec![seats(1..=5)]), "it is the same sum");
        assert!(!openers.note(Purpose::Update, ClientId(1), &sum, vec![seats(1..=2)]), "three are in this one alone");
        assert!(openers.note(Purpose::Update, ClientId(1), &sum, vec![seats(1..=6)]));
        assert!(!openers.note(Purpose::Update, ClientId(1), &sum, vec![seats(1..=4)]), "it said another before");
        assert!(
            openers.note(Purpose::Update, ClientId(1), &sum, vec![seats(1..=6), seats(1..=3)]),
            "it opened one more"
        );
        assert!(!openers.note(Purpose::Update, ClientId(9), &sum, vec![seats(1..=6)]), "it was on no roster");
    }

    #[test]
    fn newcomers_count_for_those_who_are_gone_and_another_purpose_binds_nobody() {
        let mut openers = openers(4);
        for client in clients(1..=3) {
            assert!(openers.note(Purpose::Update, client, &clients(1..=3), vec![seats(1..=4)]));
        }
        openers.choose(Purpose::Update, clients(1..=3).into_iter(), 3);
        assert!(openers.are_none() && !openers.may_give(ClientId(1)));
        openers.choose(Purpose::Statistics, clients(1..=3).into_iter(), 3);
        assert!(!openers.are_none() && openers.may_give(ClientId(1)));
        openers.choose(Purpose::Update, clients(1..=3).into_iter().chain([ClientId(7), ClientId(8)]), 3);
        assert!([1, 2, 3, 7, 8].map(ClientId).into_iter().all(|id| openers.may_give(id)));
    }
}
