//! A client's end of a masked sum: keys, shares for the others, the masked numbers, a signature under who is in the sum, and what
//! opens it. It goes forwards only, says each thing once, and stops for good at the first thing that could betray somebody.

use std::collections::{BTreeMap, BTreeSet};

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use protocol::{Adversary, Agreement, ClientId, Hex, MaskingKeys, RevealedShare, RosterEntry, SealedShares, Secret};
use zeroize::Zeroizing;

use crate::keys::{self, Key, SeatKey, Secrets, signed};
use crate::openings::Openings;
use crate::quantised::quantise;
use crate::refusal::Refusal;
use crate::roster::{Part, Roster};
use crate::shares;
use crate::task::Task;
use crate::vector::{Sign, Vector};
use crate::words::{Words, words};

/// A client's end.
pub struct Member {
    task: Task,
    context: [u8; 32],
    client: ClientId,
    seat: SeatKey,
    random: ChaCha20Rng,
    stage: Stage,
}

enum Stage {
    /// Keys are drawn; the roster comes.
    Keyed {
        secrets: Secrets,
        public: MaskingKeys,
    },
    /// Shares are dealt; those of the others come.
    Dealt {
        secrets: Secrets,
        roster: Roster,
        own: Shares,
    },
    /// The others' shares are here; the numbers come.
    Ready {
        held: Held,
        masks: Vec<(Key, Sign)>,
    },
    /// The numbers are masked; who is in the sum comes.
    Given(Held),
    /// And is signed; the others' signatures come.
    Agreed {
        held: Held,
        survivors: Part,
    },
    Over,
}

/// A dealer's two shares for one holder.
#[derive(Clone)]
struct Shares {
    seed: Key,
    mask_key: Key,
}

/// What a member keeps for the others.
struct Held {
    roster: Roster,
    second: Part,
    shares: BTreeMap<ClientId, Shares>,
}

/// What a member answers to who is in the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its signature: the server may lie, and nobody opens anything before enough have signed the same.
    Agree(Hex<64>),
    /// What opens the sum.
    Reveal(Vec<RevealedShare>),
}

impl Member {
    /// A client's end of a sum, and the keys that it tells the others. `random` are 32 bytes of the operating system's random
    /// source, new for each attempt.
    pub fn new(task: Task, client: ClientId, seat: SeatKey, random: &[u8; 32]) -> (Member, MaskingKeys) {
        let context = task.context();
        let mut random = ChaCha20Rng::from_seed(*random);
        let secrets = Secrets::draw(&mut random);
        let public = secrets.public(&context, client, &seat);
        (Member { task, context, client, seat, random, stage: Stage::Keyed { secrets, public } }, public)
    }

    /// What the sum is of.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Takes the roster, and deals shares of this client's secrets to all others on it.
    ///
    /// # Errors
    /// See [`Refusal`]; but for [`Refusal::OutOfStep`] this attempt is over for this client.
    pub fn roster(&mut self, entries: Vec<RosterEntry>) -> Result<Vec<SealedShares>, Refusal> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let Stage::Keyed { secrets, public } = stage else {
            self.stage = stage;
            return Err(Refusal::OutOfStep);
        };
        let roster = Roster::new(&self.task, &self.context, entries)?;
        if roster.entry(self.client).is_none_or(|entry| entry.keys != public) {
            return Err(Refusal::NotMyself);
        }
        let holders = roster.entries().len();
        let mut split = |secret: &Key| {
            let too_few = Refusal::TooFew { found: holders, least: roster.least };
            shares::split(secret, roster.threshold, holders, &mut self.random).ok_or(too_few)
        };
        let (seeds, mask_keys) = (split(&secrets.seed)?, split(&secrets.mask_key())?);
        let mut own = None;
        let mut sealed = Vec::with_capacity(holders - 1);
        for ((entry, seed), mask_key) in roster.entries().iter().zip(seeds).zip(mask_keys) {
            let dealt = Shares { seed, mask_key };
            if entry.client == self.client {
                own = Some(dealt);
                continue;
            }
            let (from, to) = (self.client, entry.client);
            let key = secrets.box_key(&entry.keys.box_key, &roster.hash, from, to).ok_or(Refusal::BadKey(to))?;
            let (self_check, mask_check) = dealt.checks(&roster.hash, from, to);
            let mut content = Zeroizing::new([0; 64]);
            content[..32].copy_from_slice(&*dealt.seed);
            content[32..].copy_from_slice(&*dealt.mask_key);
            let beside = [self_check.0, mask_check.0].concat();
            let sealed_shares = keys::seal(&key, &content, &beside).ok_or(Refusal::BadKey(to))?;
            sealed.push(SealedShares { client: to, sealed: sealed_shares, self_check, mask_check });
        }
        let own = own.ok_or(Refusal::NotMyself)?;
        self.stage = Stage::Dealt { secrets, roster, own };
        Ok(sealed)
    }

    /// Takes the second roster, of those who dealt shares, and their boxes for this client. Says whose do not open or hold
    /// something else than they should; the sum goes on, and somebody else's share has to stand in for those.
    ///
    /// # Errors
    /// See [`Refusal`]; but for [`Refusal::OutOfStep`] this attempt is over for this client.
    pub fn boxes(&mut self, clients: Vec<ClientId>, boxes: &[SealedShares]) -> Result<Vec<ClientId>, Refusal> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let Stage::Dealt { secrets, roster, own } = stage else {
            self.stage = stage;
            return Err(Refusal::OutOfStep);
        };
        let second = roster.second(clients)?;
        if !second.has(self.client) {
            return Err(Refusal::NotMyself);
        }
        let others = second.clients.iter().filter(|client| **client != self.client);
        if !others.clone().eq(boxes.iter().map(|sealed| &sealed.client)) {
            return Err(Refusal::WrongBoxes);
        }
        let mut shares = BTreeMap::from([(self.client, own)]);
        let mut unopened = Vec::new();
        let mut masks = vec![(keys::self_key(&secrets.seed, &second.hash, self.client), Sign::Plus)];
        for (&other, sealed) in others.zip(boxes) {
            let entry = roster.entry(other).ok_or(Refusal::Stranger(other))?;
            let bad_key = Refusal::BadKey(other);
            let key = secrets.box_key(&entry.keys.box_key, &roster.hash, other, self.client).ok_or(bad_key.clone())?;
            match Shares::open(&key, sealed, &roster.hash, other, self.client) {
                Some(dealt) => drop(shares.insert(other, dealt)),
                None => unopened.push(other),
            }
            let key = secrets.pair_key(&entry.keys.mask_key, &second.hash, self.client, other).ok_or(bad_key)?;
            masks.push((key, pair_sign(self.client, other)));
        }
        self.stage = Stage::Ready { held: Held { roster, second, shares }, masks };
        Ok(unopened)
    }

    /// How many clients' numbers are masked together, once that is known: each one's integers have room accordingly.
    pub fn clients(&self) -> Option<usize> {
        self.held().map(|held| held.second.clients.len())
    }

    /// The words for the seats of the roster, once it is known.
    pub fn words(&self) -> Option<Words> {
        let roster = match &self.stage {
            Stage::Dealt { roster, .. } => roster,
            _ => &self.held()?.roster,
        };
        Some(words(roster.entries().iter().map(|entry| entry.keys.seat)))
    }

    /// This client's integers for values of at most the task's `clip`, with its share of the noise, once it is known how many are
    /// masked together.
    pub fn quantised(&mut self, values: &[f32]) -> Option<Vec<i32>> {
        let least = self.held()?.roster.least;
        let largest = self.task.largest(self.clients()?);
        let vectors = self.task.noise.map_or(1, |noise| noise.vectors);
        let mut integers = quantise(values, self.task.clip, largest, vectors, || self.random.next_u32());
        if let Some(noise) = self.task.noise {
            noise.add(&mut integers, largest.into(), least, &mut self.random);
        }
        Some(integers)
    }

    /// Masks this client's numbers: values within what [`Task::largest`] gives for [`Member::clients`] where there is no
    /// noise, and the words of the tail, which are added modulo 2⁶⁴. Once, for a mask hides one vector only.
    ///
    /// # Errors
    /// See [`Refusal`]; after [`Refusal::WrongVector`] it may be tried again.
    pub fn masked(&mut self, values: &[i32], tail: &[u64]) -> Result<Vec<u8>, Refusal> {
        let Stage::Ready { held, .. } = &self.stage else { return Err(Refusal::OutOfStep) };
        let largest = self.task.largest(held.second.clients.len()).unsigned_abs();
        // Noise may be larger than what it hides.
        let fits = || self.task.noise.is_some() || values.iter().all(|value| value.unsigned_abs() <= largest);
        let vector = Vector::of(self.task.layout, values, tail).filter(|_| fits());
        let mut vector = vector.ok_or(Refusal::WrongVector)?;
        if let Stage::Ready { held, masks } = std::mem::replace(&mut self.stage, Stage::Over) {
            vector.mask(&masks);
            self.stage = Stage::Given(held);
        }
        Ok(vector.bytes())
    }

    /// Takes who is in the sum: signs it, or opens the sum at once where the server is not thought to lie.
    ///
    /// # Errors
    /// See [`Refusal`]; but for [`Refusal::OutOfStep`] this attempt is over for this client.
    pub fn survivors(&mut self, clients: Vec<ClientId>, openings: &mut Openings) -> Result<Answer, Refusal> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let Stage::Given(held) = stage else {
            self.stage = stage;
            return Err(Refusal::OutOfStep);
        };
        let survivors = held.second.survivors(clients, held.roster.least)?;
        if !survivors.has(self.client) {
            return Err(Refusal::NotMyself);
        }
        if !openings.allow(&self.task, &held.seats(&survivors)) {
            return Err(Refusal::SinglesOut);
        }
        match self.task.adversary {
            Adversary::Active => {
                let signature = self.seat.sign(&survivors.hash);
                self.stage = Stage::Agreed { held, survivors };
                Ok(Answer::Agree(signature))
            }
            Adversary::Curious => {
                openings.add(&self.task, held.seats(&survivors));
                Ok(Answer::Reveal(held.reveal(&survivors)))
            }
        }
    }

    /// Takes the others' signatures, and opens the sum if enough of them are under the same clients.
    ///
    /// # Errors
    /// See [`Refusal`]; but for [`Refusal::OutOfStep`] this attempt is over for this client.
    pub fn agreements(
        &mut self,
        agreements: &[Agreement],
        openings: &mut Openings,
    ) -> Result<Vec<RevealedShare>, Refusal> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let Stage::Agreed { held, survivors } = stage else {
            self.stage = stage;
            return Err(Refusal::OutOfStep);
        };
        let mut signers = BTreeSet::new();
        for Agreement { client, signature } in agreements {
            let entry = held.roster.entry(*client).filter(|_| survivors.has(*client));
            let entry = entry.ok_or(Refusal::Stranger(*client))?;
            if !signed(&entry.keys.seat, &survivors.hash, signature) {
                return Err(Refusal::BadSignature(*client));
            }
            signers.insert(*client);
        }
        if signers.len() < held.roster.least {
            return Err(Refusal::TooFew { found: signers.len(), least: held.roster.least });
        }
        // Another attempt may have been opened since this one was signed.
        let seats = held.seats(&survivors);
        if !openings.allow(&self.task, &seats) {
            return Err(Refusal::SinglesOut);
        }
        openings.add(&self.task, seats);
        Ok(held.reveal(&survivors))
    }

    fn held(&self) -> Option<&Held> {
        match &self.stage {
            Stage::Ready { held, .. } | Stage::Given(held) | Stage::Agreed { held, .. } => Some(held),
            Stage::Keyed { .. } | Stage::Dealt { .. } | Stage::Over => None,
        }
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("task", &self.task).field("client", &self.client).finish_non_exhaustive()
    }
}

/// Of two clients, the one with the lower number adds their mask and the other takes it away.
pub(crate) fn pair_sign(own: ClientId, other: ClientId) -> Sign {
    if own < other { Sign::Plus } else { Sign::Minus }
}

impl Shares {
    fn checks(&self, roster: &[u8; 32], dealer: ClientId, holder: ClientId) -> (Hex<16>, Hex<16>) {
        let check = |secret, share: &Key| shares::check(roster, dealer, holder, secret, share);
        (check(Secret::SelfSeed, &self.seed), check(Secret::MaskKey, &self.mask_key))
    }

    fn open(key: &Key, sealed: &SealedShares, roster: &[u8; 32], dealer: ClientId, holder: ClientId) -> Option<Shares> {
        let content = keys::unseal(key, &sealed.sealed, &[sealed.self_check.0, sealed.mask_check.0].concat())?;
        let (seed, mask_key) = content.split_at_checked(32)?;
        let shares =
            Shares { seed: Zeroizing::new(seed.try_into().ok()?), mask_key: Zeroizing::new(mask_key.try_into().ok()?) };
        // Who holds a share that is not the one it is said to be would be taken for a liar when it reveals it.
        (shares.checks(roster, dealer, holder) == (sealed.self_check, sealed.mask_check)).then_some(shares)
    }
}

impl Held {
    /// Shares of the self-masks' seeds of those who are in the sum, of the mask keys of those who are lost; never both of one.
    fn reveal(&self, survivors: &Part) -> Vec<RevealedShare> {
        let share = |&client: &ClientId| {
            let shares = self.shares.get(&client)?;
            let (secret, share) = match survivors.has(client) {
                true => (Secret::SelfSeed, &shares.seed),
                false => (Secret::MaskKey, &shares.mask_key),
            };
            Some(RevealedShare { client, secret, share: Hex(**share) })
        };
        self.second.clients.iter().filter_map(share).collect()
    }

    fn seats(&self, survivors: &Part) -> BTreeSet<Hex<32>> {
        let entries = survivors.clients.iter().filter_map(|client| self.roster.entry(*client));
        entries.map(|entry| entry.keys.seat).collect()
    }
}

#[cfg(test)]
mod tests {
    use protocol::{MaskedEncoding, RoomCode, Round};

    use super::*;
    use crate::keys::keys_digest;
    use crate::{Fault, Layout, Purpose, Tally, Wrong};

    fn task() -> Task {
        Task {
            room: RoomCode::from_random(1),
            round: Round(1),
            attempt: 1,
            purpose: Purpose::Update,
            model: [0; 32],
            asked: [0; 32],
            adversary: Adversary::Active,
            layout: Layout { encoding: MaskedEncoding::Masked32, values: 1, tail: 0 },
            clip: 1.0,
            noise: None,
        }
    }

    fn member(number: u8) -> (Member, RosterEntry) {
        let client = ClientId(number.into());
        let (member, keys) = Member::new(task(), client, SeatKey::from_bytes(&[number; 32]), &[number; 32]);
        (member, RosterEntry { client, keys })
    }

    // A seat may sign what it likes. A point of small order would make a key that everyone knows.
    #[test]
    fn a_key_that_is_none_names_who_signed_it() {
        for boxes in [true, false] {
            let mut all: Vec<(Member, RosterEntry)> = (1..=3).map(member).collect();
            let (signer, entry) = &mut all[1];
            *(if boxes { &mut entry.keys.box_key } else { &mut entry.keys.mask_key }) = Hex([0; 32]);
            entry.keys.signature = signer.seat.sign(&keys_digest(&task().context(), ClientId(2), &entry.keys));
            let named = Fault { client: ClientId(2), what: Wrong::Key };
            assert_eq!(Tally::new(task()).keys(ClientId(2), all[1].1.keys), Err(named));

            let roster: Vec<RosterEntry> = all.iter().map(|(_, entry)| *entry).collect();
            let first = &mut all[0].0;
            if boxes {
                assert_eq!(first.roster(roster).unwrap_err(), Refusal::BadKey(ClientId(2)));
                continue;
            }
            first.roster(roster).unwrap();
            let sealed = |client| SealedShares {
                client: ClientId(client),
                sealed: Hex([0; 80]),
                self_check: Hex([0; 16]),
                mask_check: Hex([0; 16]),
            };
            let refusal = first.boxes([1, 2, 3].map(ClientId).to_vec(), &[sealed(2), sealed(3)]).unwrap_err();
            assert_eq!(refusal, Refusal::BadKey(ClientId(2)));
        }
    }
}
