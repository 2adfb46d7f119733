//! What the key of a room says in the bucket: who has the room, and what is stored of it under which names. Whoever writes it names
//! the revision that it has read, so that of two who both believe to have the room one is refused. What is long is blobs.

use anyhow::{Context as _, Result, ensure};
use federation::{Checkpoint, Contribution};
use protocol::RoomCode;
use protocol::RoundRecord;
use serde::{Deserialize, Serialize};

use super::blobs::Blob;

/// What the fields below are; an index of another number is not touched.
const FORMAT: u32 = 1;
/// Facts up to so many bytes stand in the index itself: one thing to write for a small room.
pub const MOST_INSIDE: usize = 16 * 1024;

/// A room, as its key has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    format: u32,
    /// The session that has the room.
    pub owner: Option<String>,
    /// When it was made, seconds since 1970 in UTC.
    pub created_at: i64,
    /// Whether all its rounds are over.
    pub finished: bool,
    /// Everything of its checkpoint but the rounds that are over.
    pub facts: Facts,
    /// Those rounds, oldest first, in one blob or several.
    pub rounds: Vec<Rounds>,
    /// How often rounds that are over were changed ([`Checkpoint::revision`]).
    pub revision: u32,
    /// Its models, oldest first.
    pub models: Vec<Model>,
    /// Blobs that were found to be damaged, and are kept.
    pub aside: Vec<Blob>,
}

/// Facts as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facts {
    /// These.
    Here(String),
    /// Those there.
    Blob(Blob),
}

/// Consecutive rounds: a list of [`Past`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rounds {
    /// How many.
    pub count: usize,
    /// As JSON.
    pub blob: Blob,
}

/// A round that is over, and who gave what to it.
pub type Past = (RoundRecord, Vec<Contribution>);

/// A version of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Which.
    pub version: u32,
    /// When it was stored, seconds since 1970 in UTC.
    pub created_at: i64,
    /// Its parameters, a safetensors file.
    pub parameters: Blob,
    /// What the strategy remembered then, where it remembered anything.
    pub memory: Option<Blob>,
}

impl Index {
    /// Of a room of which nothing is stored yet.
    pub fn new(owner: String, created_at: i64) -> Self {
        Self {
            format: FORMAT,
            owner: Some(owner),
            created_at,
            finished: false,
            facts: Facts::Here(String::new()),
            rounds: Vec::new(),
            revision: 0,
            models: Vec::new(),
            aside: Vec::new(),
        }
    }

    /// As the key's value: a CRC-32 in hexadecimal digits, and the fields as JSON.
    ///
    /// # Errors
    /// None in practice: every field can be written as JSON.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_string(self)?;
        Ok(format!("{:08x}{json}", crc32fast::hash(json.as_bytes())).into_bytes())
    }

    /// Reads what [`Index::encode`] wrote.
    ///
    /// # Errors
    /// It is damaged, or of another version of this program.
    pub fn decode(value: &[u8]) -> Result<Self> {
        let (sum, json) = value.split_at_checked(8).context("what is stored of the room is cut off")?;
        let noted = std::str::from_utf8(sum).ok().and_then(|sum| u32::from_str_radix(sum, 16).ok());
        ensure!(
            noted == Some(crc32fast::hash(json)),
            "what is stored of the room is not as it was written: bytes of it changed"
        );
        let index: Self = serde_json::from_slice(json).context("what is stored of the room cannot be read")?;
        ensure!(index.format == FORMAT, "another version of this program stored it (number {})", index.format);
        Ok(index)
    }

    /// Every blob that it names.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let facts = match &self.facts {
            Facts::Blob(blob) => Some(blob),
            Facts::Here(_) => None,
        };
        let models = self.models.iter().flat_map(|model| std::iter::once(&model.parameters).chain(&model.memory));
        facts.into_iter().chain(self.rounds.iter().map(|rounds| &rounds.blob)).chain(models).chain(&self.aside)
    }

    /// When each version was stored, oldest first.
    pub fn stored(&self) -> Vec<(u32, i64)> {
        self.models.iter().map(|model| (model.version, model.created_at)).collect()
    }
}

/// The rounds of a checkpoint that are to be written so that `stored` has all of them: how many of the blobs that there are stay, and
/// from which round on a new one is needed. Blobs grow like the digits of a binary number, so that a round is written a few times in
/// all, and there are few blobs.
pub fn unwritten(stored: &[Rounds], rounds: usize) -> (usize, usize) {
    let mut keep = stored.len();
    let mut from: usize = stored.iter().map(|rounds| rounds.count).sum();
    if from > rounds {
        return (0, 0);
    }
    while let Some(last) = stored[..keep].last()
        && from < rounds
        && last.count <= rounds - from
    {
        keep -= 1;
        from -= last.count;
    }
    (keep, from)
}

/// A checkpoint without its rounds, as JSON.
///
/// # Errors
/// None in practice.
pub fn facts(checkpoint: &Checkpoint) -> Result<String> {
    let facts = Checkpoint { history: Vec::new(), contributions: Vec::new(), ..checkpoint.clone() };
    Ok(serde_json::to_string(&facts)?)
}

/// Some of a checkpoint's rounds, as JSON.
///
/// # Errors
/// None in practice.
pub fn past(checkpoint: &Checkpoint, from: usize) -> Result<Vec<u8>> {
    let rounds = checkpoint.history.iter().zip(&checkpoint.contributions).skip(from);
    Ok(serde_json::to_vec(&rounds.collect::<Vec<_>>())?)
}

/// The checkpoint of a room again.
///
/// # Errors
/// Something in it cannot be read, or belongs to another room.
pub fn checkpoint(code: &RoomCode, facts: &str, rounds: impl IntoIterator<Item = Vec<u8>>) -> Result<Checkpoint> {
    let mut checkpoint: Checkpoint = serde_json::from_str(facts).context("a stored fact cannot be read")?;
    for rounds in rounds {
        let rounds: Vec<Past> = serde_json::from_slice(&rounds).context("a stored round cannot be read")?;
        for (record, contributions) in rounds {
            checkpoint.history.push(record);
            checkpoint.contributions.push(contributions);
        }
    }
    ensure!(checkpoint.config.code == *code, "the key of {code} belongs to room {}", checkpoint.config.code);
    Ok(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_written_a_few_times_each_and_lie_in_few_blobs() {
        let blob = || Blob { name: String::new(), bytes: 0, checksum: 0, pieces: Vec::new() };
        let (mut stored, mut written) = (Vec::<Rounds>::new(), 0);
        for rounds in 1..=1000 {
            let (keep, from) = unwritten(&stored, rounds);
            stored.truncate(keep);
            stored.push(Rounds { count: rounds - from, blob: blob() });
            written += rounds - from;
            assert_eq!(stored.iter().map(|rounds| rounds.count).sum::<usize>(), rounds);
        }
        // A binary counter up to 1,000 moves every round log2(1000) ~ 10 times at most, and 1,000 has six ones (0b1111101000).
        assert!(written <= 10 * 1000, "{written}");
        assert_eq!(stored.len(), 6);
        assert_eq!(unwritten(&stored, 1000), (6, 1000), "nothing is new");
        assert_eq!(unwritten(&stored, 999), (0, 0), "the host went back");
    }

    #[test]
    fn a_changed_byte_is_found() {
        let index = Index::new("a".to_owned(), 7);
        let value = index.encode().unwrap();
        assert_eq!(Index::decode(&value).unwrap(), index);
        for at in 0..value.len() {
            let mut changed = value.clone();
            changed[at] ^= 1;
            assert!(Index::decode(&changed).is_err(), "byte {at}");
        }
        assert!(Index::decode(&value[..5]).is_err());
    }
}
