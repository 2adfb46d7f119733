//! Who is in a sum: first those who gave keys, then of these who dealt shares, then of these whose numbers are in it.

use std::collections::BTreeSet;

use protocol::limits::MIN_MASKED_CLIENTS;
use protocol::{Adversary, ClientId, Hex, RosterEntry};

use crate::keys::{keys_digest, signed};
use crate::refusal::Refusal;
use crate::shares::Place;
use crate::task::{Task, hash};

/// Those who gave keys, checked.
#[derive(Clone, Debug)]
pub(crate) struct Roster {
    entries: Vec<RosterEntry>,
    /// Of all of it, and of what the sum is of.
    pub hash: [u8; 32],
    /// How many open a sum, and how many shares lead back to a secret.
    pub threshold: usize,
    /// Fewest that go on to the next step.
    pub least: usize,
}

impl Roster {
    /// Checks numbers, order, signatures, and that no key stands there twice.
    pub fn new(task: &Task, context: &[u8; 32], entries: Vec<RosterEntry>) -> Result<Roster, Refusal> {
        let most = task.layout.encoding.most_clients();
        if entries.len() > most {
            return Err(Refusal::TooMany { found: entries.len(), most });
        }
        let (threshold, least) = needed(task.adversary, entries.len());
        in_order(entries.iter().map(|entry| entry.client), least)?;
        let mut seen: BTreeSet<Hex<32>> = BTreeSet::new();
        for RosterEntry { client, keys } in &entries {
            if !signed(&keys.seat, &keys_digest(context, *client, keys), &keys.signature) {
                return Err(Refusal::BadSignature(*client));
            }
            if ![keys.seat, keys.box_key, keys.mask_key].into_iter().all(|key| seen.insert(key)) {
                return Err(Refusal::KeyTwice(*client));
            }
        }
        let mut bytes = Vec::with_capacity(entries.len() * 132);
        for RosterEntry { client, keys } in &entries {
            bytes.extend_from_slice(&client.0.to_le_bytes());
            for key in [keys.seat, keys.box_key, keys.mask_key, keys.self_check] {
                bytes.extend_from_slice(&key.0);
            }
        }
        let hash = hash("chorus masking roster", &[context, &(entries.len() as u32).to_le_bytes(), &bytes]);
        Ok(Roster { entries, hash, threshold, least })
    }

    pub fn entries(&self) -> &[RosterEntry] {
        &self.entries
    }

    pub fn entry(&self, client: ClientId) -> Option<&RosterEntry> {
        let index = self.entries.binary_search_by_key(&client, |entry| entry.client).ok()?;
        Some(&self.entries[index])
    }

    /// Where a client's shares stand on the polynomial. A roster has at most 200 clients.
    pub fn place(&self, client: ClientId) -> Option<Place> {
        let index = self.entries.binary_search_by_key(&client, |entry| entry.client).ok()?;
        Place::try_from(index + 1).ok()
    }

    /// Those of the roster whose boxes came.
    pub fn second(&self, clients: Vec<ClientId>) -> Result<Part, Refusal> {
        let known = |client| self.entry(client).is_some();
        Part::new("chorus masking second roster", &self.hash, clients, known, self.least)
    }
}

/// Some of those who were named before, in order, with the hash of them and of all before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub clients: Vec<ClientId>,
    pub hash: [u8; 32],
}

impl Part {
    fn new(
        name: &str,
        before: &[u8; 32],
        clients: Vec<ClientId>,
        known: impl Fn(ClientId) -> bool,
        least: usize,
    ) -> Result<Part, Refusal> {
        in_order(clients.iter().copied(), least)?;
        if let Some(&stranger) = clients.iter().find(|client| !known(**client)) {
            return Err(Refusal::Stranger(stranger));
        }
        let bytes: Vec<u8> = clients.iter().flat_map(|client| client.0.to_le_bytes()).collect();
        let hash = hash(name, &[before, &(clients.len() as u32).to_le_bytes(), &bytes]);
        Ok(Part { clients, hash })
    }

    pub fn has(&self, client: ClientId) -> bool {
        self.clients.binary_search(&client).is_ok()
    }

    /// Those whose numbers are in the sum.
    pub fn survivors(&self, clients: Vec<ClientId>, least: usize) -> Result<Part, Refusal> {
        Part::new("chorus masking survivors", &self.hash, clients, |client| self.has(client), least)
    }
}

/// How many of so many open a sum, and how many have to be in it.
pub(crate) fn needed(adversary: Adversary, clients: usize) -> (usize, usize) {
    let threshold = adversary.threshold(clients);
    (threshold, threshold.max(MIN_MASKED_CLIENTS))
}

/// Whether clients are enough, and named one after the other by their numbers, each once.
fn in_order(clients: impl Iterator<Item = ClientId>, least: usize) -> Result<(), Refusal> {
    let clients: Vec<ClientId> = clients.collect();
    if clients.len() < least {
        return Err(Refusal::TooFew { found: clients.len(), least });
    }
    if clients.is_sorted_by(|one, next| one < next) { Ok(()) } else { Err(Refusal::NotInOrder) }
}
