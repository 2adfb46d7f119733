//! What the server holds of everyone at this moment, for a class that wants to see it: of each client which numbers and how many
//! bytes, and of what it could read the first ones. All of it is looked up where it lies; nothing is kept for this.
//!
//! Anyone in the room may see it, so that it shows less than the server has: of each vector at most [`SHOWN`] numbers, from its beginning,
//! which belong to the model's first layer (the last one would tell labels), and how its first [`SPREAD_OVER`] are spread. Secrets, statistics and
//! counts are named with their size and never shown. In a room with noise nothing is shown of what noise comes on later. docs/exposure.md
//! says why.

use protocol::{ClientId, Encoding, Evaluation, Round};
use serde::Serialize;

use super::phase::PhaseState;
use super::{Client, Coordinator};

/// Most numbers of a vector that are shown.
const SHOWN: usize = 64;
/// Numbers whose spread is shown.
const SPREAD_OVER: usize = 4096;
/// Most clients whose updates are shown; of others it is said that they are held.
const MOST_SHOWN: usize = 64;
/// Parts into which their range is cut.
const SPREAD_PARTS: usize = 32;

/// What is held.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// The round that is open or comes next.
    pub round: Round,
    /// Of all clients together.
    pub together: Vec<Holding>,
    /// Of each one.
    pub clients: Vec<HeldOf>,
}

/// What is held of one client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldOf {
    /// Which.
    pub client: ClientId,
    /// What it is called.
    pub name: String,
    /// What there is.
    pub holds: Vec<Holding>,
}

/// Something that is held.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Holding {
    /// What it is.
    pub what: Kind,
    /// Bytes that its numbers take, as they are held; 0 of what is gone into a sum.
    pub bytes: u64,
    /// How many there are of it, where that is not one: clients in a sum, or rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// How it begins, where anyone may see that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<Beginning>,
}

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What it is called, and the secret by which it comes back.
    Identity,
    /// How many clips it has, and holds back.
    Clips,
    /// How many clips of each label.
    Labels,
    /// Sums of its features.
    Statistics,
    /// What has come so far of an update that is on its way, plain or masked.
    Arriving,
    /// Its update, as it was sent.
    Update,
    /// Its update is in the sum, and held no more.
    Folded,
    /// Its masked numbers are in the sum, and held no more.
    Masked,
    /// Which way its update pointed.
    Sketch,
    /// Public keys of a masked round.
    Keys,
    /// Boxes for others, which only they can open.
    Boxes,
    /// Shares that it revealed, by which masks come off the sum.
    Revealed,
    /// What is known of its part in rounds that are over: counts, norm, agreement, evaluation.
    Rounds,
    /// How the finished model does with it.
    Evaluation,
    /// The model.
    Model,
    /// The mean of the updates that are in, each of which is gone into it.
    Mean,
    /// The sum of the updates that are in, to which noise is added before it is published.
    Noised,
    /// The sum of masked numbers.
    MaskedSum,
}

/// The first numbers of a vector.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Beginning {
    /// Their bytes, as they are held, in hexadecimal digits.
    pub hex: String,
    /// What they are as numbers: of a plain vector those that change the model, of a masked one what a reader without the masks would take
    /// them for.
    pub numbers: Vec<f64>,
    /// How many of its first numbers lie in each part of the range from −`range` to `range`, in equal steps.
    pub spread: Vec<u32>,
    /// The largest magnitude among them; of masked ones the largest that there can be.
    pub range: f64,
}

impl Holding {
    fn new(what: Kind, bytes: usize) -> Holding {
        Holding { what, bytes: bytes as u64, of: None, begins: None }
    }
}

impl Beginning {
    /// Of so many bytes that hold these numbers; `all` are those whose spread is shown.
    fn new(bytes: &[u8], all: &[f64], range: f64) -> Beginning {
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut spread = vec![0; SPREAD_PARTS];
        for value in all {
            let place = if range > 0.0 { (value / range + 1.0) / 2.0 } else { 0.5 };
            let part = (place * SPREAD_PARTS as f64).clamp(0.0, SPREAD_PARTS as f64 - 1.0) as usize;
            spread[part] += 1;
        }
        Beginning { hex, numbers: all.iter().take(SHOWN).copied().collect(), spread, range }
    }

    /// Of an encoded vector's first bytes, which hold so many values.
    fn of_plain(encoding: Encoding, bytes: &[u8], values: usize) -> Option<Beginning> {
        let mut all = Vec::with_capacity(values);
        encoding.blocks(bytes, values, |block| all.extend(block.iter().map(|value| f64::from(*value)))).ok()?;
        let range = all.iter().fold(0.0_f64, |range, value| range.max(value.abs()));
        let shown = encoding.length(SHOWN.next_multiple_of(encoding.group().0)).min(bytes.len());
        let mut begins = Beginning::new(&bytes[..shown], &all, range);
        begins.numbers.truncate(SHOWN);
        Some(begins)
    }

    fn of_masked(bytes: &[u8], width: usize, values: &[i32]) -> Beginning {
        let all: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
        let shown = (SHOWN * width).min(bytes.len());
        Beginning::new(&bytes[..shown], &all, 2.0_f64.powi(8 * width as i32 - 1))
    }
}

impl Coordinator {
    /// What the server holds of everyone.
    pub fn held(&mut self) -> Held {
        let updates = self.kept_beginnings();
        let mut clients: Vec<HeldOf> = Vec::new();
        for client in self.clients.all.values() {
            let mut holds = self.held_of(client);
            if let Some((_, kept)) = updates.iter().find(|(id, _)| *id == client.id) {
                holds.push(kept.clone());
            }
            clients.push(HeldOf { client: client.id, name: client.name.clone(), holds });
        }
        Held { round: self.present_round(), together: self.held_together(), clients }
    }

    fn held_of(&self, client: &Client) -> Vec<Holding> {
        let id = client.id;
        let mut holds = vec![Holding::new(Kind::Identity, client.name.len() + client.token.secret().len() / 2)];
        if client.most_examples > 0 {
            holds.push(Holding::new(Kind::Clips, 4 + 4 * usize::from(client.most_held_back.is_some())));
        }
        if !client.labels.is_empty() {
            holds.push(Holding::new(Kind::Labels, 4 * client.labels.len()));
        }
        match &self.phase {
            PhaseState::Normalising(state) => {
                holds.extend(state.bytes_of(id).map(|bytes| Holding::new(Kind::Statistics, bytes)));
            }
            PhaseState::Collecting(state) => {
                holds.extend(state.uploads.bytes_of(id).map(|bytes| Holding::new(Kind::Arriving, bytes)));
                if let Some(masked) = &state.masked {
                    holds.extend(masked.held_of(id));
                }
                if let Some((_, sketch)) = state.given.iter().find(|(given, _)| given.client == id) {
                    let gone = state.kept.is_empty().then(|| Holding::new(Kind::Folded, 0));
                    let sketch = (sketch.bytes() > 0).then(|| Holding::new(Kind::Sketch, sketch.bytes()));
                    holds.extend(gone.into_iter().chain(sketch));
                }
            }
            PhaseState::Finished(state) => holds.extend(state.sum.iter().flat_map(|sum| sum.held_of(id))),
            PhaseState::Lobby => {}
        }
        let rounds = self.contributions.iter().flatten().filter(|given| given.client == id);
        let (count, bytes) = rounds.fold((0, 0), |(count, bytes), given| {
            // The number of the client, its examples, the time and the norm; and what else there is.
            let optional = 4 * usize::from(given.clipped.is_some()) + 4 * usize::from(given.agreement.is_some());
            let evaluation = given.evaluation.as_ref().map_or(0, bytes_of_evaluation);
            (count + 1, bytes + 4 + 4 + 8 + 4 + 4 * given.labels.len() + optional + evaluation)
        });
        if count > 0 {
            holds.push(Holding { of: Some(count), ..Holding::new(Kind::Rounds, bytes) });
        }
        if let Some(evaluation) = self.final_evaluations.get(&id) {
            // The same of everyone, whether they told a group or none.
            let group = if self.config.groups.is_empty() || self.groups.are_counted() { 0 } else { 4 };
            holds.push(Holding::new(Kind::Evaluation, bytes_of_evaluation(evaluation) + group));
        }
        holds
    }

    fn held_together(&self) -> Vec<Holding> {
        let mut holds = vec![Holding::new(Kind::Model, self.model.bytes().len())];
        let PhaseState::Collecting(state) = &self.phase else { return holds };
        let in_it = Some(state.received());
        if let Some(masked) = &state.masked {
            holds.extend(masked.held_sum().map(|(bytes, begins)| Holding {
                of: in_it,
                begins,
                ..Holding::new(Kind::MaskedSum, bytes)
            }));
            return holds;
        }
        if self.noise.is_some() {
            let bytes = state.clipped.bytes();
            holds.extend((bytes > 0).then(|| Holding { of: in_it, ..Holding::new(Kind::Noised, bytes) }));
            return holds;
        }
        for mean in [&state.gathered.updates, &state.gathered.per_step] {
            let values = mean.mean();
            if values.is_empty() {
                continue;
            }
            let first = &values[..values.len().min(SPREAD_OVER)];
            let begins = Beginning::of_plain(Encoding::F32, &Encoding::F32.encode_slice(first), first.len());
            holds.push(Holding { of: in_it, begins, ..Holding::new(Kind::Mean, 4 * values.len()) });
        }
        holds
    }

    /// The updates that wait until the round closes.
    fn kept_beginnings(&mut self) -> Vec<(ClientId, Holding)> {
        let (encoding, parameters) = (self.config.encoding, self.config.parameters as usize);
        let whole = encoding.length(parameters);
        let values = SPREAD_OVER.next_multiple_of(encoding.group().0).min(parameters);
        let PhaseState::Collecting(state) = &self.phase else { return Vec::new() };
        if state.kept.len() != state.given.len() {
            return Vec::new(); // Nothing is kept in this room.
        }
        let mut bytes = vec![0; encoding.length(values)];
        let mut found = Vec::new();
        for (place, (given, _)) in state.given.iter().enumerate() {
            // What cannot be read is held all the same.
            let read = (place < MOST_SHOWN).then(|| self.spool.read(place, 0, &mut bytes));
            let begins = read.and_then(Result::ok).and_then(|()| Beginning::of_plain(encoding, &bytes, values));
            found.push((given.client, Holding { begins, ..Holding::new(Kind::Update, whole) }));
        }
        found
    }
}

impl super::masking::MaskedRound {
    /// What is held of a client's part in it.
    fn held_of(&self, id: ClientId) -> Vec<Holding> {
        let masking::BytesOf { keys, boxes, revealed, given } = self.tally().bytes_of(id);
        let some = |what, bytes| (bytes > 0).then(|| Holding::new(what, bytes));
        let parts = [some(Kind::Keys, keys), some(Kind::Boxes, boxes), some(Kind::Revealed, revealed)];
        parts.into_iter().flatten().chain(given.then(|| Holding::new(Kind::Masked, 0))).collect()
    }

    /// Bytes of the sum so far, and how it begins.
    fn held_sum(&self) -> Option<(usize, Option<Beginning>)> {
        let layout = self.tally().task().layout;
        let (bytes, values) = self.tally().begins(SPREAD_OVER)?;
        let begins = (!values.is_empty()).then(|| Beginning::of_masked(&bytes, layout.encoding.width(), &values));
        Some((layout.bytes(), begins))
    }
}

/// Loss and accuracy, examples, and a row a label.
fn bytes_of_evaluation(evaluation: &Evaluation) -> usize {
    4 + 8 + 8 + 4 * evaluation.confusion.iter().map(Vec::len).sum::<usize>()
}
