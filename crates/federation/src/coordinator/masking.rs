//! A masked round: keys, rosters, boxes, survivors and signatures go round before, beside and after the training; at the end
//! the sum of all updates is opened, and no update is. Which step it is at is kept here; what a step needs, and who sends
//! something wrong, is the tally's to say (`masking`).
//!
//! Whoever has to send something and does not is waited for until the step is over; the round goes on with those who did, as
//! long as they are enough, and is otherwise repeated with the same model, with new keys.

use std::collections::BTreeSet;

use masking::{Fault, NotOpened, Opened, Tally, Wrong};
use protocol::{
    Adversary, Agreement, ClientId, ClientMessage, ErrorCode, RefusalReason, RosterEntry, Round, ServerMessage,
    TrainingResult, Transfer,
};

use super::phase::PhaseState;
use super::uploads::Announcement;
use super::{ConnectionId, Contribution, Coordinator, Turn, mix};
use crate::aggregation::mean::Accumulator;
use crate::masked::{self, Totals};
use crate::metrics::Metrics;
use crate::strategy::Gathered;
use crate::{Millis, sketch::Sketch};

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
    /// Who gave keys; empty before the roster is out.
    roster: Vec<RosterEntry>,
    /// Whose keys are here.
    keyed: BTreeSet<ClientId>,
    /// Whose numbers are in.
    given: Vec<ClientId>,
    /// Who came back with other keys, as a tab that was loaded anew: it can do nothing more for this attempt.
    lost: BTreeSet<ClientId>,
    agreements: Vec<Agreement>,
}

impl MaskedRound {
    /// Numbers that are in.
    pub fn received(&self) -> u32 {
        self.given.len() as u32
    }

    /// When its step is over.
    pub fn by(&self) -> Millis {
        self.by
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
        // No two attempts of one round have one number: nor before and after a restart, which forgets those before.
        self.attempts = self.attempts.wrapping_add(1);
        let attempt = self.run.wrapping_add(self.attempts);
        let task = masked::task(&self.config, &of_room, self.present_round(), attempt, self.model.parameters());
        Some(Box::new(MaskedRound {
            attempt,
            tally: Tally::new(task),
            step: Step::Keys,
            by: self.now + (self.config.deadline_ms / KEYS_PART).max(STEP_MS).min(self.config.deadline_ms),
            roster: Vec::new(),
            keyed: BTreeSet::new(),
            given: Vec::new(),
            lost: BTreeSet::new(),
            agreements: Vec::new(),
        }))
    }

    /// A number that follows from a secret that the shell drew, so that attempts of this run have others than those of another.
    pub(super) fn begin_run(&mut self, fresh_token: &protocol::Token) {
        if self.run == 0 {
            let bits = fresh_token.secret().bytes().fold(0, |bits, digit| mix(bits ^ u64::from(digit)));
            self.run = (bits >> 32) as u32 | 1;
        }
    }

    fn masked(&mut self) -> Option<&mut MaskedRound> {
        match &mut self.phase {
            PhaseState::Collecting(state) => state.masked.as_deref_mut(),
            _ => None,
        }
    }

    /// Says to a client again what it may have missed of a masked round.
    pub(super) fn remind(&mut self, id: ClientId) {
        let round = self.present_round();
        let Some(connection) = self.clients.connection_of(id) else { return };
        if let Some(message) = self.masked().and_then(|masked| masked.reminder(round, id)) {
            self.send(connection, message);
        }
    }

    /// Takes a message of a masked round.
    pub(super) fn take_masking(&mut self, connection: ConnectionId, id: ClientId, message: ClientMessage) {
        let present = self.present_round();
        if self.config.masking.is_none() {
            let message = "this room's rounds are not masked".to_owned();
            return self.error(connection, ErrorCode::OutOfOrder, message);
        }
        let given_up = self.clients.all.get(&id).is_none_or(|client| client.turn == Turn::GivenUp);
        let Some(masked) = self.masked().filter(|_| !given_up) else {
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
            ClientMessage::Agree { round, attempt, signature } if now(round, attempt, masked) => {
                masked.tally.agree(id, signature)
            }
            ClientMessage::Reveal { round, attempt, shares } if now(round, attempt, masked) => {
                masked.tally.reveal(id, &shares)
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
            let bytes = masked.tally.task().layout.bytes();
            let open = masked.step == Step::Inputs && masked.tally.boxes_for(id).is_some();
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
        let (examples, steps, evaluation) = (0, 0, None);
        let announced = Announcement { client: id, connection, round, examples, steps, update, evaluation, training };
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
                masked.given.push(id);
                masked.given.sort_unstable();
                if let Some(client) = self.clients.get_mut(id) {
                    client.turn = Turn::Done;
                    client.fraction = None;
                }
                self.status_changed = true;
                self.send(announced.connection, ServerMessage::Accepted { round: announced.round });
            }
            Err(fault) => self.masking_fault(fault),
        }
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
        let PhaseState::Collecting(state) = &mut self.phase else { return false };
        let (deadline, Some(masked)) = (state.deadline, state.masked.as_deref_mut()) else { return false };
        let (clients, lost) = (&self.clients.all, &masked.lost);
        let waits_for = |id: &ClientId| {
            clients.get(id).is_some_and(|client| client.taking_part && client.turn != Turn::GivenUp)
                && !lost.contains(id)
        };
        let late = self.now >= masked.by || (masked.step <= Step::Inputs && self.now >= deadline);
        let missing = match masked.step {
            Step::Keys => clients.values().any(|client| {
                client.is_missing() && !masked.keyed.contains(&client.id) && !self.outcast.contains(&client.id)
            }),
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
            if late {
                self.abandon_round();
            }
            return late;
        };
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
        let (Some(masking), Some(totals)) = (self.config.masking, Totals::read(&self.config, &opened.tail)) else {
            self.abandon_round();
            return true;
        };
        let mut direction = masking::unquantise(&opened.values, masking.clip, masking.encoding, opened.masked_together);
        direction.iter_mut().for_each(|value| *value = (f64::from(*value) / totals.weight) as f32);
        let per_step = self.config.strategy.counts_steps();
        let mean = Accumulator::holding(direction, totals.steps);
        let empty = Accumulator::default();
        let (updates, per_step) = if per_step { (empty, mean) } else { (mean, empty) };
        let contributions = opened.clients.iter().map(|&client| {
            let name = self.clients.all.get(&client).map_or_else(String::new, |client| client.name.clone());
            Contribution { client, name, examples: 0, norm: 0.0, clipped: None, agreement: None, evaluation: None }
        });
        let given: Vec<(Contribution, Sketch)> = contributions.map(|given| (given, Sketch::default())).collect();
        let PhaseState::Collecting(state) = &mut self.phase else { return false };
        state.gathered = Gathered { updates, per_step };
        state.metrics = Metrics::of_all(opened.clients.len() as u32, totals.examples, totals.training);
        state.masked_evaluation = totals.evaluation;
        state.given = given;
        self.outcast.clear();
        self.close_gathered();
        true
    }
}
