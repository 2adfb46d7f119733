//! What is compared in the experiments: a model, trained by a system, with a recipe. Its runs differ in seed and fold
//! alone.

use std::fmt;

use corpus::Partition;
use models::Architecture;
use serde::Serialize;

use super::paper::Experiment;
use super::runs::Repeated;

/// How the training clips lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// Everybody's clips in one place.
    Centralised,
    /// Dealt out at random.
    Random,
    /// Every client has clips of one emotion alone.
    SingleEmotion,
    /// Every client has the clips of a group of speakers.
    SpeakerGroups,
    /// Every speaker is a client.
    EachSpeaker,
}

impl System {
    /// Its name in keys and files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Centralised => "centralised",
            Self::Random => "random",
            Self::SingleEmotion => "single-emotion",
            Self::SpeakerGroups => "speaker-groups",
            Self::EachSpeaker => "each-speaker",
        }
    }

    /// How clips are divided for it.
    pub fn partition(self) -> Partition {
        match self {
            Self::Centralised => Partition::Centralised,
            Self::Random => Partition::Random,
            Self::SingleEmotion => Partition::SingleEmotion,
            Self::SpeakerGroups | Self::EachSpeaker => Partition::BySpeaker,
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Centralised => "centralised",
            Self::Random => "random",
            Self::SingleEmotion => "single emotion",
            Self::SpeakerGroups => "groups of speakers",
            Self::EachSpeaker => "one client a speaker",
        })
    }
}

/// What is repeated over seeds and folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The experiment that it belongs to.
    pub experiment: Experiment,
    /// The network.
    pub model: Architecture,
    /// How clips lie.
    pub system: System,
    /// The recipe's name.
    pub recipe: &'static str,
    /// How many clients there are; `None` where that depends on how many speakers a fold trains on.
    pub clients: Option<usize>,
}

impl Repeated for Condition {
    fn key(&self) -> String {
        let clients = self.clients.map_or(String::new(), |clients| format!("-k{clients}"));
        format!("e{}-{}-{}-{}{clients}", self.experiment.number(), self.model, self.system.key(), self.recipe)
    }
}

/// In words, such as "conv, single emotion, gradient".
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.model)?;
        match (self.experiment, self.clients) {
            (Experiment::Clients, Some(1)) => write!(f, "1 client")?,
            (Experiment::Clients, Some(clients)) => write!(f, "{clients} clients")?,
            _ => write!(f, "{}", self.system)?,
        }
        if self.system == System::Centralised { Ok(()) } else { write!(f, ", {}", self.recipe) }
    }
}
