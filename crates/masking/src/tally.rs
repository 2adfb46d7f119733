//! The server's end of a masked sum: collects what each step needs, hands it on, adds up masked numbers, and takes the masks off
//! once enough clients have revealed what that takes. What a client sends is checked against what it said before; whoever sends
//! something wrong is named.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Adversary, Agreement, ClientId, Hex, MaskingKeys, RevealedShare, RosterEntry, SealedShares, Secret};
use zeroize::Zeroizing;

use crate::keys::{self, Key, keys_digest, signed};
use crate::member::pair_sign;
use crate::refusal::{Fault, NotOpened, TooFew, Wrong};
use crate::roster::{Part, Roster, needed};
use crate::shares;
use crate::task::Task;
use crate::vector::{Sign, Vector};

/// The server's end.
pub struct Tally {
    task: Task,
    context: [u8; 32],
    stage: Stage,
}

enum Stage {
    Keys(BTreeMap<ClientId, MaskingKeys>),
    Shares { roster: Roster, dealt: Dealt },
    Inputs { held: Held, sum: Vector, given: BTreeSet<ClientId> },
    Agreements { held: Held, sum: Vector, survivors: Part, agreements: BTreeMap<ClientId, Hex<64>> },
    Reveals { held: Held, sum: Vector, survivors: Part, asked: BTreeSet<ClientId>, revealed: Revealed },
    Over,
}

/// What each client dealt to the others.
type Dealt = BTreeMap<ClientId, Vec<SealedShares>>;
/// What each client revealed.
type Revealed = BTreeMap<ClientId, BTreeMap<ClientId, Key>>;

/// What is known of those who dealt shares.
struct Held {
    roster: Roster,
    second: Part,
    dealt: Dealt,
    /// Dealer and holder of each box that did not open.
    unopened: BTreeSet<(ClientId, ClientId)>,
}

/// What one client is sent once shares are dealt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boxes {
    /// The second roster: all who dealt shares.
    pub clients: Vec<ClientId>,
    /// The others' boxes for this client.
    pub boxes: Vec<SealedShares>,
}

/// Bytes that are held of what a client sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BytesOf {
    /// Its keys and their signature.
    pub keys: usize,
    /// Its boxes for others.
    pub boxes: usize,
    /// Shares that it revealed.
    pub revealed: usize,
    /// Whether its numbers are in the sum; by themselves they are held no more.
    pub given: bool,
}

/// A sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Whose numbers are in it.
    pub clients: Vec<ClientId>,
    /// For how many clients their integers had room.
    pub masked_together: usize,
    /// Sums of the values, exact.
    pub values: Vec<i32>,
    /// Sums of the tail's words, modulo 2⁶⁴.
    pub tail: Vec<u64>,
}

impl Tally {
    /// A sum that nobody gave anything to yet.
    pub fn new(task: Task) -> Tally {
        Tally { context: task.context(), task, stage: Stage::Keys(BTreeMap::new()) }
    }

    /// What the sum is of.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Bytes that are held of what a client sent, and whether its numbers are in the sum.
    pub fn bytes_of(&self, client: ClientId) -> BytesOf {
        let boxes = |dealt: &Dealt| dealt.get(&client).map_or(0, |sealed| size_of_val(sealed.as_slice()));
        let keys = |roster: &Roster| roster.entry(client).map_or(0, |entry| size_of_val(&entry.keys));
        let of = |held: &Held, given: bool, revealed: usize| BytesOf {
            keys: keys(&held.roster),
            boxes: boxes(&held.dealt),
            revealed,
            given,
        };
        match &self.stage {
            Stage::Keys(all) => BytesOf { keys: all.get(&client).map_or(0, size_of_val), ..BytesOf::default() },
            Stage::Shares { roster, dealt } => {
                BytesOf { keys: keys(roster), boxes: boxes(dealt), ..BytesOf::default() }
            }
            Stage::Inputs { held, given, .. } => of(held, given.contains(&client), 0),
            Stage::Agreements { held, survivors, .. } => of(held, survivors.has(client), 0),
            Stage::Reveals { held, survivors, revealed, .. } => {
                let shares = revealed.get(&client).map_or(0, |shares| shares.len() * size_of::<Hex<32>>());
                of(held, survivors.has(client), shares)
            }
            Stage::Over => BytesOf::default(),
        }
    }

    /// How the sum of masked numbers begins: the bytes of its first values, of so many at most, as they are written, and what they are as
    /// numbers, which is nothing as long as the masks are on. `None` before anyone may give, and once it was opened.
    pub fn begins(&self, values: usize) -> Option<(Vec<u8>, Vec<i32>)> {
        match &self.stage {
            Stage::Inputs { sum, .. } | Stage::Agreements { sum, .. } | Stage::Reveals { sum, .. } => {
                let first = sum.first(values);
                Some((first.bytes(), first.signed_values()))
            }
            Stage::Keys(_) | Stage::Shares { .. } | Stage::Over => None,
        }
    }

    /// Takes a client's keys; of several, as after a reload, the last.
    ///
    /// # Errors
    /// They are not its own, or none, or come too late.
    pub fn keys(&mut self, client: ClientId, given: MaskingKeys) -> Result<(), Fault> {
        let fault = |what| Fault { client, what };
        let Stage::Keys(all) = &mut self.stage else { return Err(fault(Wrong::OutOfStep)) };
        if all.get(&client) == Some(&given) {
            return Err(fault(Wrong::Twice));
        }
        if !all.contains_key(&client) && all.len() >= self.task.layout.encoding.most_clients() {
            return Err(fault(Wrong::OutOfStep));
        }
        if !signed(&given.seat, &keys_digest(&self.context, client, &given), &given.signature) {
            return Err(fault(Wrong::Signature));
        }
        let own = [given.seat, given.box_key, given.mask_key];
        let taken = |key: &Hex<32>| {
            all.iter().any(|(other, keys)| *other != client && [keys.seat, keys.box_key, keys.mask_key].contains(key))
        };
        let usable = keys::is_usable(&given.box_key) && keys::is_usable(&given.mask_key);
        let twice = given.box_key == given.mask_key || own[1..].contains(&given.seat);
        if !usable || twice || own.iter().any(taken) {
            return Err(fault(Wrong::Key));
        }
        all.insert(client, given);
        Ok(())
    }

    /// Goes on with those whose keys are here: the roster for each of them.
    ///
    /// # Errors
    /// They are too few; what is here is kept.
    pub fn close_keys(&mut self) -> Result<Vec<RosterEntry>, TooFew> {
        let Stage::Keys(all) = &self.stage else { return Err(TooFew::NOBODY) };
        let (_, least) = needed(self.task.adversary, all.len());
        let too_few = TooFew { found: all.len(), least };
        let entries: Vec<RosterEntry> = all.iter().map(|(&client, &keys)| RosterEntry { client, keys }).collect();
        let roster = Roster::new(&self.task, &self.context, entries.clone()).map_err(|_| too_few)?;
        self.stage = Stage::Shares { roster, dealt: BTreeMap::new() };
        Ok(entries)
    }

    /// Takes a client's shares for all others of the roster.
    ///
    /// # Errors
    /// They are for others, or do not come now.
    pub fn shares(&mut self, client: ClientId, given: Vec<SealedShares>) -> Result<(), Fault> {
        let fault = |what| Fault { client, what };
        let Stage::Shares { roster, dealt } = &mut self.stage else { return Err(fault(Wrong::OutOfStep)) };
        if roster.entry(client).is_none() {
            return Err(fault(Wrong::OutOfStep));
        }
        if dealt.contains_key(&client) {
            return Err(fault(Wrong::Twice));
        }
        let others = roster.entries().iter().map(|entry| entry.client).filter(|other| *other != client);
        if !others.eq(given.iter().map(|sealed| sealed.client)) {
            return Err(fault(Wrong::Recipients));
        }
        dealt.insert(client, given);
        Ok(())
    }

    /// Goes on with those whose shares are here: each of them is then sent its [`Tally::boxes_for`].
    ///
    /// # Errors
    /// They are too few; what is here is kept.
    pub fn close_shares(&mut self) -> Result<(), TooFew> {
        let Stage::Shares { roster, dealt } = &mut self.stage else { return Err(TooFew::NOBODY) };
        let too_few = TooFew { found: dealt.len(), least: roster.least };
        let second = roster.second(dealt.keys().copied().collect()).map_err(|_| too_few)?;
        let (roster, dealt) = (roster.clone(), std::mem::take(dealt));
        let sum = Vector::zeros(self.task.layout);
        let held = Held { roster, second, dealt, unopened: BTreeSet::new() };
        self.stage = Stage::Inputs { held, sum, given: BTreeSet::new() };
        Ok(())
    }

    /// What a client is sent once shares are dealt, and again where its connection was lost; `None` for whoever is not in it.
    pub fn boxes_for(&self, client: ClientId) -> Option<Boxes> {
        let held = self.held().filter(|held| held.second.has(client))?;
        let sealed_for = |(&dealer, sealed): (&ClientId, &Vec<SealedShares>)| {
            let sealed = sealed.iter().find(|sealed| sealed.client == client)?;
            Some(SealedShares { client: dealer, ..*sealed })
        };
        Some(Boxes { clients: held.second.clients.clone(), boxes: held.dealt.iter().filter_map(sealed_for).collect() })
    }

    /// A client says whose boxes did not open. It may be wrong about them: a dealer is only then at fault when too few are left
    /// who can help to find out what it shared.
    ///
    /// # Errors
    /// Names such a dealer: no sum comes of this attempt, and the next one should do without it. Or the client itself, where it
    /// has nothing to say.
    pub fn unopened(&mut self, client: ClientId, dealers: &[ClientId]) -> Result<(), Fault> {
        let fault = |what| Fault { client, what };
        let Stage::Inputs { held, .. } = &mut self.stage else { return Err(fault(Wrong::OutOfStep)) };
        if !held.second.has(client) || !dealers.iter().all(|dealer| held.second.has(*dealer) && *dealer != client) {
            return Err(fault(Wrong::OutOfStep));
        }
        held.unopened.extend(dealers.iter().map(|&dealer| (dealer, client)));
        for &dealer in dealers {
            let lacking = held.unopened.iter().filter(|(accused, _)| *accused == dealer).count();
            if held.second.clients.len() - lacking < held.roster.threshold {
                return Err(Fault { client: dealer, what: Wrong::Boxes });
            }
        }
        Ok(())
    }

    /// Adds a client's masked numbers.
    ///
    /// # Errors
    /// They have another length, or do not come now.
    pub fn input(&mut self, client: ClientId, bytes: &[u8]) -> Result<(), Fault> {
        let fault = |what| Fault { client, what };
        let Stage::Inputs { held, sum, given } = &mut self.stage else { return Err(fault(Wrong::OutOfStep)) };
        if !held.second.has(client) {
            return Err(fault(Wrong::OutOfStep));
        }
        if given.contains(&client) {
            return Err(fault(Wrong::Twice));
        }
        if !sum.add_bytes(bytes) {
            return Err(fault(Wrong::Length));
        }
        given.insert(client);
        Ok(())
    }

    /// Closes the sum: who is in it, for each of them.
    ///
    /// # Errors
    /// They are too few; what is here is kept.
    pub fn close_inputs(&mut self) -> Result<Vec<ClientId>, TooFew> {
        let Stage::Inputs { held, given, .. } = &self.stage else { return Err(TooFew::NOBODY) };
        let too_few = TooFew { found: given.len(), least: held.roster.least };
        let clients: Vec<ClientId> = given.iter().copied().collect();
        let survivors = held.second.survivors(clients.clone(), held.roster.least).map_err(|_| too_few)?;
        let Stage::Inputs { held, sum, given } = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(too_few);
        };
        self.stage = match self.task.adversary {
            Adversary::Active => Stage::Agreements { held, sum, survivors, agreements: BTreeMap::new() },
            Adversary::Curious => Stage::Reveals { held, sum, survivors, asked: given, revealed: BTreeMap::new() },
        };
        Ok(clients)
    }

    /// Takes a client's signature under who is in the sum.
    ///
    /// # Errors
    /// It is none, or does not come now.
    pub fn agree(&mut self, client: ClientId, signature: Hex<64>) -> Result<(), Fault> {
        let fault = |what| Fault { client, what };
        let Stage::Agreements { held, survivors, agreements, .. } = &mut self.stage else {
            return Err(fault(Wrong::OutOfStep));
        };
        let entry = held.roster.entry(client).filter(|_| survivors.has(client)).ok_or(fault(Wrong::OutOfStep))?;
        if agreements.contains_key(&client) {
            return Err(fault(Wrong::Twice));
        }
        if !signed(&entry.keys.seat, &survivors.hash, &signature) {
            return Err(fault(Wrong::Signature));
        }
        agreements.insert(client, signature);
        Ok(())
    }

    /// Goes on with those who signed: all signatures, for each of them.
    ///
    /// # Errors
    /// They are too few; what is here is kept.
    pub fn close_agreements(&mut self) -> Result<Vec<Agreement>, TooFew> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let (held, sum, survivors, agreements) = match stage {
            Stage::Agreements { held, sum, survivors, agreements } if agreements.len() >= held.roster.least => {
                (held, sum, survivors, agreements)
            }
            other => {
                let too_few = match &other {
                    Stage::Agreements { held, agreements, .. } => {
                        TooFew { found: agreements.len(), least: held.roster.least }
                    }
                    _ => TooFew::NOBODY,
                };
                self.stage = other;
                return Err(too_few);
            }
        };
        let asked = agreements.keys().copied().collect();
        self.stage = Stage::Reveals { held, sum, survivors, asked, revealed: BTreeMap::new() };
        Ok(agreements.into_iter().map(|(client, signature)| Agreement { client, signature }).collect())
    }

    /// Takes what a client reveals. All of it is passed over where anything of it is wrong.
    ///
    /// # Errors
    /// It is not what was asked for, or a share is not the one that it was given, or it does not come now.
    pub fn reveal(&mut self, client: ClientId, given: &[RevealedShare]) -> Result<(), Fault> {
        let fault = |what| Fault { client, what };
        let Stage::Reveals { held, survivors, asked, revealed, .. } = &mut self.stage else {
            return Err(fault(Wrong::OutOfStep));
        };
        if !asked.contains(&client) {
            return Err(fault(Wrong::OutOfStep));
        }
        if revealed.contains_key(&client) {
            return Err(fault(Wrong::Twice));
        }
        let mut shares = BTreeMap::new();
        for RevealedShare { client: dealer, secret, share } in given {
            let wanted = if survivors.has(*dealer) { Secret::SelfSeed } else { Secret::MaskKey };
            if !held.second.has(*dealer) || *secret != wanted {
                return Err(held.at_fault(revealed, client, Wrong::Reveals));
            }
            if !held.is_share(*dealer, client, *secret, share) {
                return Err(held.at_fault(revealed, client, Wrong::Share));
            }
            if shares.insert(*dealer, Zeroizing::new(share.0)).is_some() {
                return Err(held.at_fault(revealed, client, Wrong::Reveals));
            }
        }
        revealed.insert(client, shares);
        Ok(())
    }

    /// Of whom something is still to come in this step.
    pub fn missing(&self) -> Vec<ClientId> {
        let without = |all: &[ClientId], is_in: &dyn Fn(&ClientId) -> bool| {
            all.iter().copied().filter(|client| !is_in(client)).collect()
        };
        match &self.stage {
            Stage::Keys(_) | Stage::Over => Vec::new(), // Whoever takes part may give keys.
            Stage::Shares { roster, dealt } => {
                let all: Vec<ClientId> = roster.entries().iter().map(|entry| entry.client).collect();
                without(&all, &|client| dealt.contains_key(client))
            }
            Stage::Inputs { held, given, .. } => without(&held.second.clients, &|client| given.contains(client)),
            Stage::Agreements { survivors, agreements, .. } => {
                without(&survivors.clients, &|client| agreements.contains_key(client))
            }
            Stage::Reveals { asked, revealed, .. } => {
                asked.iter().copied().filter(|client| !revealed.contains_key(client)).collect()
            }
        }
    }

    /// Whether enough is revealed to open the sum.
    pub fn may_open(&self) -> bool {
        let Stage::Reveals { held, revealed, .. } = &self.stage else { return false };
        held.second.clients.iter().all(|&dealer| held.shares_of(revealed, dealer).count() >= held.roster.threshold)
    }

    /// Takes the masks off. The attempt is over then, whatever comes of it.
    ///
    /// # Errors
    /// Too little is revealed, or a client is named whose shares lead to something else than it said: no sum comes of this attempt.
    pub fn open(&mut self) -> Result<Opened, NotOpened> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let Stage::Reveals { held, mut sum, survivors, revealed, .. } = stage else {
            self.stage = stage;
            return Err(NotOpened::TooFew(TooFew::NOBODY));
        };
        let mut masks: Vec<(Key, Sign)> = Vec::new();
        for &dealer in &held.second.clients {
            let fault = NotOpened::Fault(Fault { client: dealer, what: Wrong::Secret });
            let secret = held.secret(&revealed, dealer)?.ok_or(fault.clone())?;
            let entry = held.roster.entry(dealer).ok_or(fault.clone())?;
            if survivors.has(dealer) {
                if keys::self_check(&self.context, dealer, &secret) != entry.keys.self_check {
                    return Err(fault);
                }
                masks.push((keys::self_key(&secret, &held.second.hash, dealer), Sign::Minus));
                continue;
            }
            let mask_key = keys::recovered(&secret, &entry.keys.mask_key).ok_or(fault)?;
            for &survivor in &survivors.clients {
                let strange = NotOpened::Fault(Fault { client: survivor, what: Wrong::Key });
                let entry = held.roster.entry(survivor).ok_or(strange.clone())?;
                let key = keys::pair_key(&mask_key, &entry.keys.mask_key, &held.second.hash, dealer, survivor);
                // What the survivor put on is taken off: the other's sign.
                masks.push((key.ok_or(strange)?, pair_sign(dealer, survivor)));
            }
        }
        sum.mask(&masks);
        let (values, masked_together) = (sum.signed_values(), held.second.clients.len());
        Ok(Opened { clients: survivors.clients, masked_together, values, tail: sum.tail })
    }

    fn held(&self) -> Option<&Held> {
        match &self.stage {
            Stage::Inputs { held, .. } | Stage::Agreements { held, .. } | Stage::Reveals { held, .. } => Some(held),
            Stage::Keys(_) | Stage::Shares { .. } | Stage::Over => None,
        }
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tally").field("task", &self.task).finish_non_exhaustive()
    }
}

impl Held {
    /// A client that reveals rubbish is not waited for any more: it revealed nothing.
    fn at_fault(&self, revealed: &mut Revealed, client: ClientId, what: Wrong) -> Fault {
        revealed.insert(client, BTreeMap::new());
        Fault { client, what }
    }

    /// Whether a share is the one that was dealt. One's own goes to nobody, and shows itself in the secret that it leads to.
    fn is_share(&self, dealer: ClientId, holder: ClientId, secret: Secret, share: &Hex<32>) -> bool {
        if dealer == holder {
            return true;
        }
        let dealt = self.dealt.get(&dealer).and_then(|sealed| sealed.iter().find(|sealed| sealed.client == holder));
        let check = |sealed: &SealedShares| match secret {
            Secret::SelfSeed => sealed.self_check,
            Secret::MaskKey => sealed.mask_check,
        };
        dealt.is_some_and(|sealed| check(sealed) == shares::check(&self.roster.hash, dealer, holder, secret, &share.0))
    }

    fn shares_of<'a>(
        &'a self,
        revealed: &'a Revealed,
        dealer: ClientId,
    ) -> impl Iterator<Item = (shares::Place, Key)> + 'a {
        revealed
            .iter()
            .filter_map(move |(&holder, shares)| Some((self.roster.place(holder)?, shares.get(&dealer)?.clone())))
    }

    /// What a client shared; `None` where the shares lead nowhere.
    fn secret(&self, revealed: &Revealed, dealer: ClientId) -> Result<Option<Key>, NotOpened> {
        let least = self.roster.threshold;
        let shares: Vec<_> = self.shares_of(revealed, dealer).take(least).collect();
        if shares.len() < least {
            return Err(NotOpened::TooFew(TooFew { found: shares.len(), least }));
        }
        Ok(shares::combine(&shares))
    }
}
