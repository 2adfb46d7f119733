//! A client's part in masked rounds: its seat's key and its randomness, the present attempt at a sum, and what it has helped to
//! open. What is said is kept until the server goes on, to be said again after a lost connection.

use masking::{Answer, Member, Openings, Purpose, Refusal, SeatKey, Task};
use protocol::{
    ClientId, ClientMessage, Hex, MaskedStatistics, ModelVersion, RoomConfig, Round, ServerMessage, Standardisation,
};
use serde::{Deserialize, Serialize};

use super::notice::{Notice, NoticeCode};
use super::round::{self, Job};
use super::{Output, Participant, StopReason};
use crate::masked::{self, MaskedTogether};
use crate::noise::affordable;
use crate::normalisation::{Sums, masked_words};

/// For so long at most a client stays for the sum of how the finished model does, milliseconds.
const SUM_MS: u64 = 60_000;

/// What a client needs to take part in masked rooms. `Debug` hides it.
#[derive(Clone)]
pub struct MaskingSecrets {
    /// The secret key of the seat: the same for as long as the seat is.
    pub seat: [u8; 32],
    /// Bytes of the operating system's random source, drawn anew whenever the program starts.
    pub random: [u8; 32],
    /// What the seat remembers of earlier visits to the room.
    pub memory: MaskingMemory,
}

/// What a seat remembers of its masked room, beside its key and for as long: what [`Output::RememberMasking`] brings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MaskingMemory {
    /// How the room was masked when it was first seen. A server that says otherwise later, or that it is not masked at all, wants
    /// to see what it was not to see.
    room: Option<protocol::Masking>,
    /// The noise of its sums then.
    #[serde(default)]
    noise: Option<protocol::Noise>,
    /// What it has helped to open.
    openings: Openings,
    /// How many noisy sums it has helped to open: each is paid for from the budget, also if the server asks for one twice.
    #[serde(default)]
    noisy: u32,
}

impl std::fmt::Debug for MaskingSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MaskingSecrets(…)")
    }
}

/// What is kept from attempt to attempt.
pub(super) struct Masking {
    seat: SeatKey,
    random: [u8; 32],
    /// Attempts that were begun.
    drawn: u64,
    memory: MaskingMemory,
    /// What `round` asked for last.
    asked: Option<(Round, u32)>,
    sum: Option<Sum>,
    /// The roster of the latest attempt: it stays as it is from round to round, while the same seats take part.
    together: Option<MaskedTogether>,
}

/// An attempt at a sum.
struct Sum {
    round: Round,
    attempt: u32,
    member: Member,
    /// What was said last but for the vector.
    said: ClientMessage,
    /// Where it is of statistics, the scale that they are taken in.
    scale: Option<Standardisation>,
    /// Where it is of words alone, these, once they are computed.
    words: Option<Vec<u64>>,
}

impl Masking {
    pub fn new(secrets: &MaskingSecrets) -> Masking {
        let MaskingSecrets { seat, random, memory } = secrets;
        let (seat, memory) = (SeatKey::from_bytes(seat), memory.clone());
        Masking { seat, random: *random, drawn: 0, memory, asked: None, sum: None, together: None }
    }

    /// The attempt at a sum: the one that is under way, where it is of the same. Who is asked for something else under the same
    /// number is in another sum.
    fn begin(&mut self, task: Task, client: ClientId) -> &mut Sum {
        let sum = self.sum.take_if(|sum| *sum.member.task() == task).unwrap_or_else(|| {
            self.drawn += 1;
            let random = masking::derive(&self.random, self.drawn);
            let (round, attempt) = (task.round, task.attempt);
            let (member, keys) = Member::new(task, client, self.seat.clone(), &random);
            let said = ClientMessage::Keys { round, attempt, keys };
            Sum { round, attempt, member, said, scale: None, words: None }
        });
        self.sum.insert(sum)
    }

    /// The attempt that is under way.
    pub fn attempt(&self) -> Option<u32> {
        self.sum.as_ref().map(|sum| sum.attempt)
    }
}

impl std::fmt::Debug for Masking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Masking").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Participant {
    /// `round` said which attempt it is. False: this client can't take part in it.
    pub(super) fn asked_to_mask(&mut self, round: Round, attempt: Option<u32>) -> bool {
        let masked = self.room.as_ref().is_some_and(|room| room.masking.is_some());
        match (masked, attempt, &mut self.masking) {
            (false, None, _) => true,
            (true, Some(attempt), Some(masking)) => {
                masking.asked = Some((round, attempt));
                true
            }
            _ => {
                self.refuse_to_mask("this program cannot take part in this room's rounds; reload the page".to_owned());
                false
            }
        }
    }

    /// The model of the round is here: begins the attempt that was asked for, or says again what was said of it last.
    pub(super) fn begin_sum(&mut self, task: &round::Task, parameters: &[f32]) {
        let (Some(masking), Some(room), Some(client)) = (&mut self.masking, &self.room, self.client) else { return };
        let (Some(of_room), Some((round, attempt))) = (&room.masking, masking.asked) else { return };
        if round != task.round {
            return;
        }
        let round::Task { training, standardisation, .. } = task;
        let asked = masked::Asked { parameters, training, standardisation };
        let task = masked::task(room, of_room, round, attempt, asked);
        let said = masking.begin(task, client).said.clone();
        self.send(said);
    }

    /// The finished model is here, and the server wants the sum of how it does with everyone: begins that attempt, or says again
    /// what was said of it last.
    pub(super) fn begin_evaluation_sum(
        &mut self,
        version: ModelVersion,
        attempt: u32,
        standardisation: &Standardisation,
        parameters: &[f32],
    ) {
        if self.room.as_ref().is_some_and(|room| room.noise.is_some()) {
            return self.refuse_sum_without_noise();
        }
        let round = Round(version.0);
        if !self.wants_part() || !self.asked_to_mask(round, Some(attempt)) {
            return;
        }
        let (Some(masking), Some(room), Some(client)) = (&mut self.masking, &self.room, self.client) else { return };
        let Some(of_room) = &room.masking else { return };
        let task = masked::evaluation_task(room, of_room, round, attempt, parameters, standardisation);
        let said = masking.begin(task, client).said.clone();
        self.sum_wanted_until = Some(self.now + SUM_MS);
        self.send(said);
        self.mask_evaluation();
    }

    /// Masks how the finished model did here, once that is known; without anything to try it on there is nothing to wait for.
    pub(super) fn mask_evaluation(&mut self) {
        let group = self.told_group();
        let (Some(masking), Some(room)) = (&mut self.masking, &self.room) else { return };
        let Some(sum) = masking.sum.as_mut().filter(|sum| sum.member.task().purpose == Purpose::Evaluation) else {
            return;
        };
        let version = ModelVersion(sum.round.0);
        let own = self.own_evaluation.as_ref().filter(|(of, _)| *of == version).map(|(_, evaluation)| evaluation);
        if own.is_none() && self.held_back > 0 {
            return;
        }
        sum.words = Some(masked::final_evaluation_words(room, own, group));
        self.mask_words();
    }

    /// Whether the others still need this client to learn how the finished model does: who leaves before spoils their sum.
    pub fn is_in_last_sum(&self) -> bool {
        self.sum_wanted_until.is_some_and(|until| self.now < until)
            && self.status.as_ref().is_none_or(|status| status.final_evaluation.is_none())
    }

    fn refuse_sum_without_noise(&mut self) {
        let message = "the server wants sums without noise in a room with noise; this page sends it nothing more";
        self.refuse_to_mask(message.to_owned());
        self.stop(StopReason::MaskedOtherwise);
    }

    /// The server wants the sum by which the scale of features is refined.
    pub(super) fn begin_statistics_sum(&mut self, asked: MaskedStatistics) {
        let MaskedStatistics { round, attempt, scale } = asked;
        if self.room.as_ref().is_some_and(|room| room.noise.is_some()) {
            return self.refuse_sum_without_noise();
        }
        if !self.wants_part() || !self.asked_to_mask(round, Some(attempt)) {
            return;
        }
        let (Some(masking), Some(room), Some(client)) = (&mut self.masking, &self.room, self.client) else { return };
        let Some(of_room) = room.masking.filter(|_| scale.mean.len() == room.features as usize) else { return };
        let task = masked::statistics_task(room, &of_room, round, attempt, &scale);
        let sum = masking.begin(task, client);
        sum.scale = Some(scale);
        let (said, computed) = (sum.said.clone(), sum.words.is_some());
        if !computed {
            self.statistics_wanted = true;
            self.outputs.push_back(Output::ComputeStatistics);
        }
        self.send(said);
    }

    /// This client's statistics are computed.
    pub(super) fn take_own_statistics(&mut self, frames: u64, sum: Vec<f64>, sum_squares: Vec<f64>) {
        let (Some(masking), Some(room)) = (&mut self.masking, &self.room) else { return };
        let Some(Sum { scale: Some(scale), words, .. }) = &mut masking.sum else { return };
        let most = u64::from(RoomConfig::FRAMES) * u64::from(room.weight_cap);
        match Sums::from_client(scale.mean.len(), u64::MAX, frames, sum, sum_squares) {
            Ok(sums) => *words = Some(masked_words(&sums, scale, most)),
            Err(message) => return self.refuse_to_mask(message),
        }
        self.mask_words();
    }

    /// Masks a sum's words, where both they and the others' shares are here.
    fn mask_words(&mut self) {
        let Some(Masking { sum: Some(sum), .. }) = &mut self.masking else { return };
        let Some(words) = &sum.words else { return };
        match sum.member.masked(&[], words) {
            Ok(bytes) => {
                let words = bytes.as_chunks().0.iter().map(|word| Hex(*word)).collect();
                let (round, attempt) = (sum.round, sum.attempt);
                sum.said = ClientMessage::MaskedStatistics { round, attempt, words };
                let said = sum.said.clone();
                self.send(said);
            }
            // The others' shares are still to come, or they were masked before.
            Err(Refusal::OutOfStep) => {}
            Err(refusal) => self.refuse_to_mask(refusal.to_string()),
        }
    }

    /// The round is over, or its attempt.
    pub(super) fn end_sum(&mut self) {
        if let Some(masking) = &mut self.masking {
            (masking.sum, masking.asked) = (None, None);
        }
    }

    /// Takes a step of the sum that is under way.
    pub(super) fn take_masking(&mut self, message: ServerMessage) {
        let Some(masking) = &mut self.masking else { return };
        let Some(sum) = &mut masking.sum else { return };
        let (round, attempt) = (sum.round, sum.attempt);
        let before = masking.memory.clone();
        let (member, openings) = (&mut sum.member, &mut masking.memory.openings);
        let opens = matches!(message, ServerMessage::Survivors { .. } | ServerMessage::Agreed { .. });
        let noise = member.task().noise.and(before.noise);
        if opens && noise.is_some_and(|noise| before.noisy >= affordable(noise)) {
            masking.sum = None;
            let message = "the budget of this room is spent: this page helps to open no further sum";
            return self.refuse_to_mask(message.to_owned());
        }
        let taken = match message {
            ServerMessage::Roster { round: of, attempt: at, clients } if (of, at) == (round, attempt) => {
                let seats = clients.len();
                let boxes = member.roster(clients);
                if let Some(words) = member.words() {
                    masking.together = Some(MaskedTogether { words, seats });
                    self.changed = true;
                }
                boxes.map(|boxes| Some(ClientMessage::Shares { round, attempt, boxes }))
            }
            ServerMessage::Boxes { round: of, attempt: at, clients, boxes } if (of, at) == (round, attempt) => member
                .boxes(clients, &boxes)
                .map(|clients| (!clients.is_empty()).then_some(ClientMessage::Unopened { round, attempt, clients })),
            ServerMessage::Survivors { round: of, attempt: at, clients } if (of, at) == (round, attempt) => {
                member.survivors(clients, openings).map(|answer| {
                    Some(match answer {
                        Answer::Agree(signature) => ClientMessage::Agree { round, attempt, signature },
                        Answer::Reveal(shares) => ClientMessage::Reveal { round, attempt, shares },
                    })
                })
            }
            ServerMessage::Agreed { round: of, attempt: at, agreements } if (of, at) == (round, attempt) => {
                let shares = member.agreements(&agreements, openings);
                shares.map(|shares| Some(ClientMessage::Reveal { round, attempt, shares }))
            }
            _ => return, // Of another attempt, and on its way for long.
        };
        if noise.is_some() && matches!(taken, Ok(Some(ClientMessage::Reveal { .. }))) {
            masking.memory.noisy += 1;
        }
        if masking.memory != before {
            // Before what opens it: who forgot it could be asked to open too much.
            self.outputs.push_back(Output::RememberMasking(masking.memory.clone()));
        }
        match taken {
            Ok(said) => {
                if let Some(said) = said {
                    sum.said = said.clone();
                    self.send(said);
                }
                self.mask_update();
                self.mask_words();
            }
            // It came before, and what was said to it may be lost.
            Err(Refusal::OutOfStep) => {
                let said = sum.said.clone();
                self.send(said);
            }
            // The server can do without whoever it would betray, if it is told what this seat keeps to.
            Err(Refusal::SinglesOut) => {
                let opened = masking.memory.openings.of(sum.member.task());
                let opened = opened.into_iter().map(|seats| seats.into_iter().collect()).collect();
                sum.said = ClientMessage::Declined { round, attempt, opened };
                let said = sum.said.clone();
                self.send(said);
                self.refuse_to_mask(Refusal::SinglesOut.to_string());
            }
            Err(refusal) => {
                masking.sum = None;
                self.refuse_to_mask(refusal.to_string());
            }
        }
    }

    /// Masks the finished update, where both it and the others' shares are here.
    pub(super) fn mask_update(&mut self) {
        let (Some(masking), Some(room)) = (&mut self.masking, &self.room) else { return };
        let Some(sum) = &mut masking.sum else { return };
        let Job::Holding(update) = &mut self.job else { return };
        let Some(plain) = update.to_mask(sum.round, sum.attempt) else { return };
        let (values, tail) = plain.summand(room);
        let masked = sum.member.quantised(&values).map(|values| sum.member.masked(&values, &tail));
        match masked {
            Some(Ok(bytes)) => {
                update.masked(sum.attempt, bytes.into());
                self.announce();
            }
            // The others' shares are still to come, or it was masked before.
            None | Some(Err(Refusal::OutOfStep)) => {}
            Some(Err(refusal)) => self.refuse_to_mask(refusal.to_string()),
        }
    }

    /// Whether a room that is told of is masked as it was when this seat first saw it. If not, this client stops for good.
    pub(super) fn is_masked_as_before(&mut self, room: &RoomConfig) -> bool {
        let Some(masking) = &mut self.masking else { return true };
        match (masking.memory.room, room.masking) {
            (None, None) => true,
            (None, Some(now)) => {
                (masking.memory.room, masking.memory.noise) = (Some(now), room.noise);
                self.outputs.push_back(Output::RememberMasking(masking.memory.clone()));
                true
            }
            (Some(before), now) if now == Some(before) && masking.memory.noise == room.noise => true,
            (Some(_), _) => {
                let message =
                    "the server says that this room is masked otherwise than before; this page sends it nothing more";
                self.refuse_to_mask(message.to_owned());
                self.stop(StopReason::MaskedOtherwise);
                false
            }
        }
    }

    fn refuse_to_mask(&mut self, message: String) {
        self.notice = Some(Notice { code: NoticeCode::MaskingRefused, message });
        self.changed = true;
    }

    /// This client's public seat key, where it has one.
    pub fn seat_key(&self) -> Option<Hex<32>> {
        self.masking.as_ref().map(|masking| masking.seat.public())
    }

    /// Whose numbers are masked together, since the latest roster.
    pub fn masked_together(&self) -> Option<&MaskedTogether> {
        self.masking.as_ref()?.together.as_ref()
    }
}
