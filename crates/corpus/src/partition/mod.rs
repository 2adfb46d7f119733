//! How training clips are divided among the clients of an experiment: from alike to as unlike as can be.
//!
//! A partition is a pure function of the clips' labels and speakers, the number of clients and a seed; the same ones give
//! the same clients on every machine. One file a kind. Nothing here knows files, sound, or what a client does.

mod by_speaker;
mod concentration;
mod dirichlet;
mod holdings;
mod name;
mod places;
mod quantity_skew;
mod random;
mod single_emotion;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

pub use concentration::Concentration;
pub use holdings::Holdings;
pub use name::UnknownPartition;
pub use places::in_places;

/// A way to divide clips among clients, with its name on the command line.
///
/// ```
/// use corpus::Partition;
/// let partition: Partition = "single-emotion".parse()?;
/// let labels = [0, 0, 1, 1];
/// let speakers = ["Anna", "Ben", "Anna", "Ben"];
/// assert_eq!(partition.assign(&labels, &speakers, 2, 7)?, [[0, 1], [2, 3]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Partition {
    /// `centralised`: one client holds everything, however many are asked for. The baseline.
    Centralised,
    /// `random`: clips are dealt out at random, to each client as many (independent and identically distributed).
    Random,
    /// `single-emotion`: client k holds clips of the k-th emotion only, modulo the number of emotions. Clips of an
    /// emotion are dealt out evenly among its clients; fewer clients than emotions hold whole emotions each.
    SingleEmotion,
    /// `by-speaker`: nobody's clips are on two clients. As many clients as speakers hold one each, fewer hold groups
    /// with about as many clips.
    BySpeaker,
    /// `dirichlet:α`: equally many clips a client, with shares of labels drawn from a Dirichlet distribution around the
    /// shares in the whole; the smaller α, the less alike (Hsu, Qi & Brown 2019, arXiv:1909.06335).
    Dirichlet(Concentration),
    /// `quantity-skew[:α]`: labels at random, but shares of clips drawn from a symmetric Dirichlet distribution; the
    /// smaller α, the less equal (Li, Diao, Chen & He 2022, arXiv:2102.02079).
    QuantitySkew(Concentration),
}

/// Why clips can't be divided as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// There are no clients.
    #[error("there are no clients to divide the clips among; ask for at least one")]
    NoClients,
    /// There are not as many labels as speakers.
    #[error("{labels} labels but {speakers} speakers: each clip needs one of both")]
    Unequal {
        /// How many labels.
        labels: usize,
        /// How many speakers.
        speakers: usize,
    },
    /// Somebody would get nothing.
    #[error("{clips} clips are too few for {clients} clients; ask for {clips} clients or fewer")]
    TooFewClips {
        /// How many clips there are to train on.
        clips: usize,
        /// How many clients were asked for.
        clients: usize,
    },
    /// Somebody would get nobody's voice.
    #[error("{speakers} speakers are too few for {clients} clients by speaker; ask for {speakers} clients or fewer")]
    TooFewSpeakers {
        /// How many people speak in the clips.
        speakers: usize,
        /// How many clients were asked for.
        clients: usize,
    },
    /// Somebody would get nothing of the only emotion that they are to hold.
    #[error(
        "label {label} (counted from 0) has {clips} clips, too few for the {holders} clients that are to hold nothing \
         else; ask for fewer clients"
    )]
    TooFewOfEmotion {
        /// Index of the label.
        label: usize,
        /// How many clips it has.
        clips: usize,
        /// How many clients are to share them.
        holders: usize,
    },
}

impl Partition {
    /// The indices of the clips that each client holds, ascending: every clip is on exactly one client, and no client is
    /// empty.
    ///
    /// Clip i has the label `labels[i]` and is spoken by `speakers[i]`.
    ///
    /// # Errors
    /// [`PartitionError`], where a client would have to stay empty.
    pub fn assign<S: AsRef<str>>(
        &self,
        labels: &[usize],
        speakers: &[S],
        clients: usize,
        seed: u64,
    ) -> Result<Vec<Vec<usize>>, PartitionError> {
        let clips = labels.len();
        if speakers.len() != clips {
            return Err(PartitionError::Unequal { labels: clips, speakers: speakers.len() });
        }
        if clients == 0 {
            return Err(PartitionError::NoClients);
        }
        let clients = if *self == Partition::Centralised { 1 } else { clients };
        if clips < clients {
            return Err(PartitionError::TooFewClips { clips, clients });
        }
        let random = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut parts = match self {
            Partition::Centralised | Partition::Random => random::assign(clips, clients, random),
            Partition::SingleEmotion => single_emotion::assign(labels, clients, random)?,
            Partition::BySpeaker => by_speaker::assign(speakers, clients, random)?,
            Partition::Dirichlet(alpha) => dirichlet::assign(labels, clients, *alpha, random),
            Partition::QuantitySkew(alpha) => quantity_skew::assign(clips, clients, *alpha, random),
        };
        parts.iter_mut().for_each(|part| part.sort_unstable());
        Ok(parts)
    }
}

#[cfg(test)]
#[path = "partition_tests.rs"]
mod tests;
