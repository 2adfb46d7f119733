//! A client's part in masked rounds: its seat's key and its randomness, the present attempt at a sum, and what it has helped to
//! open. What is said is kept until the server goes on, to be said again after a lost connection.

use masking::{Answer, Member, Openings, Refusal, SeatKey};
use protocol::{ClientMessage, Hex, Round, ServerMessage};

use super::Participant;
use super::notice::{Notice, NoticeCode};
use super::round::{Job, Task};
use crate::masked;

/// What a client needs to take part in masked rooms. `Debug` hides it.
#[derive(Clone)]
pub struct MaskingSecrets {
    /// The secret key of the seat: the same for as long as the seat is.
    pub seat: [u8; 32],
    /// Bytes of the operating system's random source, drawn anew whenever the program starts.
    pub random: [u8; 32],
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
    openings: Openings,
    /// What `round` asked for last.
    asked: Option<(Round, u32)>,
    sum: Option<Sum>,
}

/// An attempt at a sum.
struct Sum {
    round: Round,
    attempt: u32,
    member: Member,
    /// What was said last but for the vector.
    said: ClientMessage,
}

impl Masking {
    pub fn new(secrets: &MaskingSecrets) -> Masking {
        let MaskingSecrets { seat, random } = secrets;
        let seat = SeatKey::from_bytes(seat);
        Masking { seat, random: *random, drawn: 0, openings: Openings::default(), asked: None, sum: None }
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
    pub(super) fn begin_sum(&mut self, task: &Task, parameters: &[f32]) {
        let (Some(masking), Some(room), Some(client)) = (&mut self.masking, &self.room, self.client) else { return };
        let (Some(of_room), Some((round, attempt))) = (&room.masking, masking.asked) else { return };
        if round != task.round {
            return;
        }
        let sum = match masking.sum.take_if(|sum| (sum.round, sum.attempt) == (round, attempt)) {
            Some(sum) => sum,
            None => {
                masking.drawn += 1;
                let random = masking::derive(&masking.random, masking.drawn);
                let task = masked::task(room, of_room, round, attempt, parameters);
                let (member, keys) = Member::new(task, client, masking.seat.clone(), &random);
                Sum { round, attempt, member, said: ClientMessage::Keys { round, attempt, keys } }
            }
        };
        let said = sum.said.clone();
        masking.sum = Some(sum);
        self.send(said);
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
        let member = &mut sum.member;
        let taken = match message {
            ServerMessage::Roster { round: of, attempt: at, clients } if (of, at) == (round, attempt) => {
                member.roster(clients).map(|boxes| Some(ClientMessage::Shares { round, attempt, boxes }))
            }
            ServerMessage::Boxes { round: of, attempt: at, clients, boxes } if (of, at) == (round, attempt) => member
                .boxes(clients, &boxes)
                .map(|clients| (!clients.is_empty()).then_some(ClientMessage::Unopened { round, attempt, clients })),
            ServerMessage::Survivors { round: of, attempt: at, clients } if (of, at) == (round, attempt) => {
                member.survivors(clients, &mut masking.openings).map(|answer| {
                    Some(match answer {
                        Answer::Agree(signature) => ClientMessage::Agree { round, attempt, signature },
                        Answer::Reveal(shares) => ClientMessage::Reveal { round, attempt, shares },
                    })
                })
            }
            ServerMessage::Agreed { round: of, attempt: at, agreements } if (of, at) == (round, attempt) => {
                let shares = member.agreements(&agreements, &mut masking.openings);
                shares.map(|shares| Some(ClientMessage::Reveal { round, attempt, shares }))
            }
            _ => return, // Of another attempt, and on its way for long.
        };
        match taken {
            Ok(said) => {
                if let Some(said) = said {
                    sum.said = said.clone();
                    self.send(said);
                }
                self.mask_update();
            }
            // It came before, and what was said to it may be lost.
            Err(Refusal::OutOfStep) => {
                let said = sum.said.clone();
                self.send(said);
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

    fn refuse_to_mask(&mut self, message: String) {
        self.notice = Some(Notice { code: NoticeCode::MaskingRefused, message });
        self.changed = true;
    }

    /// This client's public seat key, where it has one.
    pub fn seat_key(&self) -> Option<Hex<32>> {
        self.masking.as_ref().map(|masking| masking.seat.public())
    }

    /// The words that stand for the seats of the present masked round, to be compared aloud.
    pub fn roster_words(&self) -> Option<masking::Words> {
        self.masking.as_ref()?.sum.as_ref()?.member.words()
    }
}
