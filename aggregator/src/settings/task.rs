//! What is learnt, and how long.

use models::Architecture;
use protocol::{Encoding, Modalities, ProtocolError, RoomConfig};
use serde::Deserialize;

use super::{milliseconds, set};

/// The network, its labels and its rounds.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct TaskOptions {
    /// Network to train: compact, compact-text, conv, dense, lstm or lstm-padded [default: compact]
    #[arg(long)]
    pub model: Option<Architecture>,
    /// What of a clip compact-text is given: voice, text or both; the other networks hear [default: both]
    #[arg(long, value_name = "SIDES")]
    pub modalities: Option<Modalities>,
    /// Emotions, separated by commas, in the order of the model's outputs [default: angry,happy,neutral,sad]
    #[arg(long, value_delimiter = ',')]
    pub labels: Vec<String>,
    /// Rounds until the room is finished [default: 20]
    #[arg(long)]
    pub rounds: Option<u32>,
    /// Longest time a round may take, in seconds [default: 180]
    #[arg(long, value_name = "SECONDS")]
    pub deadline: Option<u32>,
    /// How numbers travel: f32, f16 for half the traffic, q8 or q4 for 8 or 4 bits a value [default: q8 where compact is
    /// trained in its own way, without masks, noise and edges; else f32]
    #[arg(long)]
    pub encoding: Option<Encoding>,
    /// Decides the initial parameters and the order of clips, so that a run can be repeated [default: 0]
    #[arg(long)]
    pub seed: Option<u32>,
}

impl TaskOptions {
    /// The network.
    pub fn model(&self) -> Architecture {
        self.model.unwrap_or(Architecture::Compact)
    }

    /// The labels.
    pub fn labels(&self) -> Vec<String> {
        match self.labels.as_slice() {
            [] => corpus::EMOTIONS.map(str::to_owned).to_vec(),
            // As macOS hands names over, their letters may be taken apart.
            labels => labels.iter().map(|label| corpus::composed(label).into_owned()).collect(),
        }
    }

    /// What of a clip the network is given.
    pub fn modalities(&self) -> Result<Modalities, ProtocolError> {
        match self.modalities {
            Some(_) if !self.model().reads_text() => Err(ProtocolError::Invalid {
                field: "modalities",
                problem: "means something only with the model compact-text; choose that too, or leave it out"
                    .to_owned(),
            }),
            chosen => Ok(chosen.unwrap_or_default()),
        }
    }

    /// Network and labels are what the room was made with.
    pub fn choose(&self, room: &mut RoomConfig) {
        set(&mut room.rounds, &self.rounds);
        set(&mut room.deadline_ms, &self.deadline.map(milliseconds));
        set(&mut room.encoding, &self.encoding);
        set(&mut room.seed, &self.seed);
    }
}
