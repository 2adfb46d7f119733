//! A class of members and a server: who is asked what, and who says nothing any more from a step on.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::collections::BTreeMap;

use masking::{Answer, Layout, Member, NotOpened, Opened, Openings, Purpose, SeatKey, Tally, Task, TooFew};
use protocol::{Adversary, ClientId, MaskedEncoding, RevealedShare, RoomCode, RosterEntry, Round};

/// The steps in which a client may vanish; it does nothing of that step and of those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Keys,
    Shares,
    Input,
    Agree,
    Reveal,
    Never,
}

pub const STEPS: [Step; 5] = [Step::Keys, Step::Shares, Step::Input, Step::Agree, Step::Reveal];

pub const LAYOUT: Layout = Layout { encoding: MaskedEncoding::Masked32, values: 5, tail: 2 };

pub fn task(adversary: Adversary) -> Task {
    Task {
        room: RoomCode::parse("KMPXZ").unwrap(),
        round: Round(4),
        attempt: 1,
        purpose: Purpose::Update,
        model: [9; 32],
        asked: [4; 32],
        adversary,
        layout: LAYOUT,
        clip: 1.0,
        noise: None,
    }
}

pub fn seat(client: u32) -> SeatKey {
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&client.to_le_bytes());
    SeatKey::from_bytes(&secret)
}

/// 32 bytes that are others for each client and attempt.
pub fn random(client: u32, attempt: u32) -> [u8; 32] {
    let mut bytes = [0x51; 32];
    bytes[..4].copy_from_slice(&client.to_le_bytes());
    bytes[4..8].copy_from_slice(&attempt.to_le_bytes());
    bytes
}

/// What a client gives: integers of both signs up to the largest, and a tail.
pub fn numbers(task: &Task, client: u32, clients: usize) -> (Vec<i32>, Vec<u64>) {
    let largest = task.layout.encoding.largest(clients);
    let value = |index: u32| match (client + index) % 4 {
        0 => largest,
        1 => -largest,
        _ => ((client * 7_919 + index * 104_729) as i32 % (largest + 1)) - index as i32 % 2,
    };
    (
        (0..task.layout.values).map(value).collect(),
        (0..task.layout.tail).map(|index| u64::from(client + index)).collect(),
    )
}

/// Members by their numbers, with what each has helped to open.
pub struct Class {
    pub task: Task,
    pub tally: Tally,
    pub members: BTreeMap<ClientId, Member>,
    pub openings: BTreeMap<ClientId, Openings>,
    pub last: BTreeMap<ClientId, Step>,
}

/// Why there is no sum.
#[derive(Debug, PartialEq)]
pub enum Failed {
    TooFew(Step, TooFew),
    NotOpened(NotOpened),
}

impl Class {
    /// Clients 1 to n, of whom each vanishes in a step.
    pub fn new(task: Task, last: &[Step]) -> Class {
        Class::again(task, last, BTreeMap::new())
    }

    pub fn again(task: Task, last: &[Step], openings: BTreeMap<ClientId, Openings>) -> Class {
        let last: BTreeMap<ClientId, Step> = (1..).map(ClientId).zip(last.iter().copied()).collect();
        Class { tally: Tally::new(task.clone()), task, members: BTreeMap::new(), openings, last }
    }

    /// Those who still do something in a step.
    pub fn there(&self, step: Step) -> Vec<ClientId> {
        self.last.iter().filter(|(_, last)| **last > step).map(|(client, _)| *client).collect()
    }

    pub fn member(&mut self, client: ClientId) -> &mut Member {
        self.members.get_mut(&client).unwrap()
    }

    pub fn give_keys(&mut self) -> Result<Vec<RosterEntry>, Failed> {
        for client in self.there(Step::Keys) {
            let (task, random) = (self.task.clone(), random(client.0, self.task.attempt));
            let (member, keys) = Member::new(task, client, seat(client.0), &random);
            self.members.insert(client, member);
            self.tally.keys(client, keys).unwrap();
        }
        self.tally.close_keys().map_err(|few| Failed::TooFew(Step::Keys, few))
    }

    pub fn deal(&mut self, roster: &[RosterEntry]) -> Result<(), Failed> {
        for client in self.there(Step::Shares) {
            let sealed = self.member(client).roster(roster.to_vec()).unwrap();
            self.tally.shares(client, sealed).unwrap();
        }
        self.tally.close_shares().map_err(|few| Failed::TooFew(Step::Shares, few))
    }

    /// Hands the boxes on; nobody has anything to say against one.
    pub fn open_boxes(&mut self) {
        for client in self.there(Step::Shares) {
            let boxes = self.tally.boxes_for(client).unwrap();
            assert_eq!(self.member(client).boxes(boxes.clients, &boxes.boxes), Ok(Vec::new()));
        }
    }

    pub fn masked(&mut self, client: ClientId) -> Vec<u8> {
        let clients = self.member(client).clients().unwrap();
        let (values, tail) = numbers(&self.task, client.0, clients);
        self.member(client).masked(&values, &tail).unwrap()
    }

    pub fn give_inputs(&mut self) -> Result<Vec<ClientId>, Failed> {
        for client in self.there(Step::Input) {
            let bytes = self.masked(client);
            self.tally.input(client, &bytes).unwrap();
        }
        self.tally.close_inputs().map_err(|few| Failed::TooFew(Step::Input, few))
    }

    /// What each that is left would reveal.
    pub fn reveals(&mut self, survivors: &[ClientId]) -> Result<Vec<(ClientId, Vec<RevealedShare>)>, Failed> {
        let mut revealed = Vec::new();
        for client in self.there(Step::Agree) {
            let openings = self.openings.entry(client).or_default();
            match self.members.get_mut(&client).unwrap().survivors(survivors.to_vec(), openings).unwrap() {
                Answer::Agree(signature) => self.tally.agree(client, signature).unwrap(),
                Answer::Reveal(shares) => revealed.push((client, shares)),
            }
        }
        if self.task.adversary == Adversary::Active {
            let agreements = self.tally.close_agreements().map_err(|few| Failed::TooFew(Step::Agree, few))?;
            for client in self.there(Step::Agree) {
                let openings = self.openings.entry(client).or_default();
                let shares = self.members.get_mut(&client).unwrap().agreements(&agreements, openings).unwrap();
                revealed.push((client, shares));
            }
        }
        let there = self.there(Step::Reveal);
        revealed.retain(|(client, _)| there.contains(client));
        Ok(revealed)
    }

    /// All of it.
    pub fn play(&mut self) -> Result<Opened, Failed> {
        let roster = self.give_keys()?;
        self.deal(&roster)?;
        self.open_boxes();
        let survivors = self.give_inputs()?;
        for (client, shares) in self.reveals(&survivors)? {
            self.tally.reveal(client, &shares).unwrap();
        }
        self.tally.open().map_err(Failed::NotOpened)
    }

    /// The plain sums over those who gave numbers, of so many who were masked together.
    pub fn plain(&self, masked_together: usize) -> (Vec<i32>, Vec<u64>) {
        let mut values = vec![0_i32; self.task.layout.values as usize];
        let mut tail = vec![0_u64; self.task.layout.tail as usize];
        for client in self.there(Step::Input) {
            let (own_values, own_tail) = numbers(&self.task, client.0, masked_together);
            values.iter_mut().zip(own_values).for_each(|(sum, value)| *sum += value);
            tail.iter_mut().zip(own_tail).for_each(|(sum, value)| *sum += value);
        }
        (values, tail)
    }
}
