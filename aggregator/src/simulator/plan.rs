//! Everything that decides the outcome of a simulation, so that it can be stored beside the outcome and repeated.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use corpus::{Partition, Reading};
use federation::key_check;
use models::Architecture;
use protocol::limits::{MAX_EXAMPLES, MIN_MASKED_CLIENTS};
use protocol::{
    Aggregation, Edges, Encoding, FinalModel, Masking, Modalities, Noise, RoomCode, RoomConfig, Strategy, Token,
    TrainingSettings,
};
use serde::{Deserialize, Serialize};

use super::{Attack, Circumstances, Personal};

/// Updates that make a round count where clients may be lost, as in a room that nothing else is chosen for.
const LEAST: u32 = 2;

/// A simulation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Folders of labelled speech to train on and, as far as `test` says, to test on.
    pub data: Vec<PathBuf>,
    /// Folders to test on instead; all of their speakers are then tested, and all of `data` is trained on.
    pub eval_data: Vec<PathBuf>,
    /// How the names of clips are read.
    #[serde(default, skip_serializing_if = "Reading::is_usual")]
    pub reading: Reading,
    /// The labels, in the model's order.
    pub labels: Vec<String>,
    /// Who is tested and never trained on.
    pub test: TestSpeakers,
    /// The network.
    pub model: Architecture,
    /// What of a clip the network is given, where it takes both sides.
    #[serde(default, skip_serializing_if = "Modalities::is_both")]
    pub modalities: Modalities,
    /// Whether what is said in test clips is said in no training clip.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scripts_apart: bool,
    /// How the training clips are divided among the clients.
    pub partition: Partition,
    /// How many clients there are.
    pub clients: usize,
    /// Rounds; for the centralised baseline, times `training.epochs` epochs.
    pub rounds: u32,
    /// What a client does in each round.
    pub training: TrainingSettings,
    /// How updates become the next model.
    pub strategy: Strategy,
    /// Which model it ends with; where training is centralised, of those after each `training.epochs` epochs.
    #[serde(default, skip_serializing_if = "FinalModel::is_last")]
    pub final_model: FinalModel,
    /// How the updates of a round become the one that the strategy is given.
    #[serde(default, skip_serializing_if = "Aggregation::is_mean")]
    pub aggregation: Aggregation,
    /// How many times the median one client may bring to bear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub influence_limit: Option<f64>,
    /// Noise on the sums of updates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// How updates are masked, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masking: Option<Masking>,
    /// How numbers travel.
    #[serde(default, skip_serializing_if = "Encoding::is_exact")]
    pub encoding: Encoding,
    /// Edges that the clients are divided among, each with a room of its own below the root's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges: Option<u16>,
    /// What some of the clients do instead of what they should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<Attack>,
    /// Decides the initial parameters, the partition, the order of clips and dropout.
    pub seed: u32,
    /// What features are standardised by before they come to a client's training.
    pub normalisation: Normalisation,
    /// What computes.
    pub device: Device,
    /// What the room has to bear; without it time stands still, everyone is asked, and nobody is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circumstances: Option<Circumstances>,
    /// The class' session that is played again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// What each test speaker makes of the finished model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<Personal>,
}

/// What of a class' session is played again; its settings are the plan's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The session file.
    pub session: PathBuf,
    /// How many clips of each label each place holds; without it the plan's partition divides all training clips.
    pub holdings: Option<Vec<Vec<u32>>>,
    /// Who gives to each round; everybody, where nobody is named and in rounds beyond these.
    pub attendance: Vec<Vec<usize>>,
}

/// Whose mean and deviation features are standardised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalisation {
    /// The whole group's, from sums that every client sends.
    #[default]
    Group,
    /// Each speaker's own, held to the group's as far as their clips are few or of one label ([`client::OwnScale`]). Of test
    /// speakers nobody knows what their clips are.
    Own,
    /// Each speaker's own, over all of that speaker's clips, and then the group's. It takes no labels, so that a speaker
    /// who is only tested can do it as well; it does take more than one clip.
    Speaker,
}

impl From<protocol::Normalisation> for Normalisation {
    fn from(of_room: protocol::Normalisation) -> Self {
        match of_room {
            protocol::Normalisation::Group => Self::Group,
            protocol::Normalisation::Own => Self::Own,
        }
    }
}

impl fmt::Display for Normalisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => "group",
            Self::Own => "own",
            Self::Speaker => "speaker",
        })
    }
}

impl FromStr for Normalisation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "group" => Ok(Self::Group),
            "own" => Ok(Self::Own),
            "speaker" => Ok(Self::Speaker),
            _ => Err("choose group, own or speaker".to_owned()),
        }
    }
}

/// Who is tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestSpeakers {
    /// Those whom the corpus' publisher or its usual split names, else the last fifth of the speakers by name.
    Usual,
    /// These.
    Named(Vec<String>),
    /// Whatever the corpus' own split has for testing, whoever speaks; its part for validation is left out.
    OwnSplit,
    /// One part of a division of all speakers into parts with about as many clips.
    Fold {
        /// Which, from 0.
        index: usize,
        /// Of how many.
        of: usize,
    },
}

impl TestSpeakers {
    /// Whom the runs of an experiment test: everyone in turn, in `folds` parts, or else `usual`.
    pub fn in_turn(folds: Option<usize>, usual: Self) -> Vec<Self> {
        match folds {
            Some(of) => (0..of).map(|index| Self::Fold { index, of }).collect(),
            None => vec![usual],
        }
    }
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// The processor, with all its cores.
    #[default]
    Cpu,
    /// The graphics processor, through WebGPU's native implementation.
    Wgpu,
    /// The same over burn's tensors and the kernels of burn-wgpu.
    BurnWgpu,
}

impl Device {
    /// Whether one processor does the work of all clients, one after the other.
    pub fn is_shared(self) -> bool {
        self != Self::Cpu
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::BurnWgpu => "burn-wgpu",
        })
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "wgpu" => Ok(Self::Wgpu),
            "burn-wgpu" => Ok(Self::BurnWgpu),
            _ => Err("choose cpu, wgpu or burn-wgpu".to_owned()),
        }
    }
}

impl Plan {
    /// Whether it is the baseline: one model, trained on everything, without rounds.
    pub fn is_centralised(&self) -> bool {
        self.partition == Partition::Centralised
    }

    /// The settings of the room that the clients are in.
    pub fn room(&self, clients: usize) -> Result<RoomConfig> {
        let parameters = u32::try_from(self.model.parameters(self.labels.len()))?;
        let code = RoomCode::from_random(u64::from(self.seed));
        let mut room = RoomConfig::new(code, self.model.name(), parameters, self.labels.clone());
        room.modalities = self.modalities;
        if self.normalisation == Normalisation::Own {
            room.normalisation = protocol::Normalisation::Own;
        }
        room.rounds = self.rounds;
        room.training = self.training;
        room.strategy = self.strategy;
        room.final_model = self.final_model;
        room.aggregation = self.aggregation;
        room.influence_limit = self.influence_limit;
        room.noise = self.noise;
        room.masking = self.masking;
        room.encoding = self.encoding;
        room.seed = self.seed;
        room.least = clients as u32;
        if self.replay.as_ref().is_some_and(|replay| !replay.attendance.is_empty()) {
            let few = |gave: &Vec<usize>| !gave.is_empty() && gave.len() < MIN_MASKED_CLIENTS;
            let round = self.replay.iter().flat_map(|replay| &replay.attendance).position(few);
            if let Some(round) = round.filter(|_| self.masking.is_some()) {
                bail!(
                    "to round {} of the session fewer than {MIN_MASKED_CLIENTS} gave, which are too few to mask; choose --nobody-lost",
                    round + 1
                );
            }
            // A round counts with those who gave to the class' own, however few they were.
            let least = if self.masking.is_some() { MIN_MASKED_CLIENTS as u32 } else { 1 };
            room.least = room.least.min(least.max(self.aggregation.least()));
        }
        room.max_clients = clients as u32;
        if let Some(circumstances) = &self.circumstances {
            ensure!(
                !self.is_centralised(),
                "one model that is trained in one place has no clients that could be late or lost"
            );
            circumstances.check()?;
            let least = if self.masking.is_some() { MIN_MASKED_CLIENTS as u32 } else { LEAST };
            room.least = room.least.min(least.max(self.aggregation.least()));
            room.deadline_ms = circumstances.deadline_ms;
            room.grace_ms = room.grace_ms.min(room.deadline_ms);
            room.selection = circumstances.selection;
            room.pace = circumstances.pace;
            room.stragglers = circumstances.stragglers;
        }
        // As the algorithms are written: weighted by all of a client's examples.
        room.weight_cap = MAX_EXAMPLES;
        if let Some(edges) = self.edges {
            ensure!(
                !self.is_centralised(),
                "one model that is trained in one place has no clients for edges to stand for"
            );
            ensure!(
                self.circumstances.is_none() && self.replay.is_none() && self.attack.is_none(),
                "a simulation with edges has no clock, no session and no attackers; leave these out"
            );
            let (edges, clients) = (u32::from(edges), clients as u32);
            ensure!(edges <= clients, "{edges} edges can't share {clients} clients; take fewer edges");
            let below =
                Edges { clients: clients.div_ceil(edges), key: key_check(&edge_key()), masking: room.masking.take() };
            ensure!(
                below.masking.is_none() || clients / edges >= MIN_MASKED_CLIENTS as u32,
                "each edge needs {MIN_MASKED_CLIENTS} clients to mask their updates together; take fewer edges"
            );
            room.edges = Some(below);
            (room.least, room.max_clients) = (edges, edges);
        }
        room.check()?;
        Ok(room)
    }
}

/// The key of a simulation's edges, which is kept from nobody.
pub(super) fn edge_key() -> Token {
    Token::from_random(0)
}
