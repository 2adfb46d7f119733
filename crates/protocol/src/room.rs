//! What a room is: its model, its rounds and its limits, fixed when the room is made.

use serde::{Deserialize, Serialize};

use crate::limits::{
    DEADLINE_MS, INFLUENCE_LIMIT, MAX_BATCH, MAX_CLIENTS, MAX_EPOCHS, MAX_EXAMPLES, MAX_FEATURES, MAX_LABELS,
    MAX_MODEL_BYTES, MAX_NORM, MAX_ROUNDS, MIN_LABELS, MIN_SCAFFOLD_LEARNING_RATE,
};
use crate::parse::{check_name, check_range};
use crate::{
    Aggregation, Augmentation, Edges, Encoding, FinalModel, Masking, Modalities, Noise, Normalisation, Optimiser, Pace,
    ProtocolError, RoomCode, Selection, Stragglers, Strategy, choice, groups, signs,
};

/// How a client trains in each round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSettings {
    /// Passes over the client's own examples, 1 to 100.
    pub epochs: u32,
    /// Examples of a mini-batch, 1 to 1,024.
    pub batch_size: u32,
    /// The client's optimiser.
    #[serde(default)]
    pub optimiser: Optimiser,
    /// Its learning rate, above 0 and at most 1.
    pub learning_rate: f64,
    /// How it changes its clips from one pass to the next.
    #[serde(default, skip_serializing_if = "Augmentation::is_none")]
    pub augmentation: Augmentation,
}

/// A room's settings. They don't change while the room lives; every client is told all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoomConfig {
    /// The join code.
    pub code: RoomCode,
    /// What the room is called on the page, 1 to 40 characters.
    pub name: String,
    /// The labels in the order of the model's outputs, 2 to 16 different names of 1 to 40 characters.
    pub labels: Vec<String>,
    /// The sign of each label, where the host chose them: a letter or two, a picture by its name, or nothing, which leaves it to
    /// the page. As many as there are labels, all different; or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signs: Vec<String>,
    /// What people are asked to say or play, in the host's words: for each label up to 8 lines of up to 120 characters; or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<Vec<String>>,
    /// Groups of which people may say that they are in one, so that the finished model is tried on each: 2 to 8 different names of 1 to
    /// 40 characters; or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The architecture's name, such as `compact`. The client must know it; the protocol doesn't.
    pub architecture: String,
    /// Which sides of a clip are looked at, where the architecture takes sound and text; others hear.
    #[serde(default, skip_serializing_if = "Modalities::is_both")]
    pub modalities: Modalities,
    /// By which scale clients hear their clips.
    #[serde(default, skip_serializing_if = "Normalisation::is_group")]
    pub normalisation: Normalisation,
    /// Parameters of the model, a count. Encoded they must not exceed 256 MiB.
    pub parameters: u32,
    /// Features of a frame, 1 to 256; the length of the statistics' vectors.
    pub features: u32,
    /// How models and updates are encoded.
    pub encoding: Encoding,
    /// Rounds until the room is finished, 1 to 1,000.
    pub rounds: u32,
    /// Updates that close a round; 0 = those of all clients that take part. At least `least` where it is not 0.
    pub goal: u32,
    /// Fewest clients that begin the rounds, at least 1. Rounds that have begun go on with half of them.
    pub least: u32,
    /// Which of the ready clients a round asks.
    #[serde(default, skip_serializing_if = "Selection::is_all")]
    pub selection: Selection,
    /// Whether a round waits for its clients.
    #[serde(default, skip_serializing_if = "Pace::is_synchronous")]
    pub pace: Pace,
    /// What clients do that are too slow for the deadline.
    #[serde(default, skip_serializing_if = "Stragglers::is_whole")]
    pub stragglers: Stragglers,
    /// Most clients connected at one time, 1 to 1,024.
    pub max_clients: u32,
    /// Longest time a round (and the collection of statistics) may take, milliseconds, 1 s to 24 h.
    pub deadline_ms: u64,
    /// How long a round waits for a client whose connection was lost, milliseconds, at most `deadline_ms`.
    pub grace_ms: u64,
    /// How clients train.
    pub training: TrainingSettings,
    /// How their updates become the next model.
    #[serde(default)]
    pub strategy: Strategy,
    /// Which model it ends with.
    #[serde(default, skip_serializing_if = "FinalModel::is_last")]
    pub final_model: FinalModel,
    /// How the updates of a round become the one that the strategy is given.
    #[serde(default, skip_serializing_if = "Aggregation::is_mean")]
    pub aggregation: Aggregation,
    /// Most examples that a client is weighted with, whatever it has, 1 to 100,000.
    pub weight_cap: u32,
    /// How many times the median one client may bring to bear: larger counts of frames and of examples, whether trained on or
    /// evaluated on, weigh so much, and longer updates are taken at so much. 1 to 100; left out: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub influence_limit: Option<f64>,
    /// How updates are masked; left out: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masking: Option<Masking>,
    /// Noise on the sum of updates, and the budget that it is counted against; left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// Whether its clients are edges, and for how many each may stand; left out: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges: Option<Edges>,
    /// Largest L2 norm of an update, in the parameters' own unit; one above it is refused. A masked room's server sees none.
    pub norm_limit: f64,
    /// Where the initial parameters and the order of examples come from, so that a run can be repeated.
    pub seed: u32,
}

impl RoomConfig {
    /// Features of a frame that clients of this version compute.
    pub const FEATURES: u32 = 60;
    /// Frames of a clip that clients of this version compute, at most.
    pub const FRAMES: u32 = 100;
    /// The influence that rooms allow a client where nobody chose another: docs/robustness.md says what it costs and saves.
    pub const INFLUENCE_LIMIT: f64 = 1.5;

    /// A room with settings that suit a class: 20 rounds of 2 epochs with Adam at 0.001, f32, two clients at least,
    /// three minutes a round.
    pub fn new(code: RoomCode, architecture: &str, parameters: u32, labels: Vec<String>) -> RoomConfig {
        RoomConfig {
            name: code.to_string(),
            code,
            labels,
            signs: Vec::new(),
            prompts: Vec::new(),
            groups: Vec::new(),
            architecture: architecture.to_owned(),
            modalities: Modalities::Both,
            normalisation: Normalisation::Group,
            parameters,
            features: Self::FEATURES,
            encoding: Encoding::F32,
            rounds: 20,
            goal: 0,
            least: 2,
            selection: Selection::All,
            pace: Pace::Synchronous,
            stragglers: Stragglers::Whole,
            max_clients: 64,
            deadline_ms: 180_000,
            grace_ms: 15_000,
            training: TrainingSettings {
                epochs: 2,
                batch_size: 20,
                optimiser: Optimiser::Adam,
                learning_rate: 1.0e-3,
                augmentation: Augmentation::None,
            },
            strategy: Strategy::DEFAULT,
            final_model: FinalModel::Last,
            aggregation: Aggregation::Mean,
            weight_cap: 1_000,
            influence_limit: None,
            masking: None,
            noise: None,
            edges: None,
            norm_limit: 1.0e4,
            seed: 0,
        }
    }

    /// Bytes of an encoded update.
    pub fn update_bytes(&self) -> u32 {
        self.bytes_in(self.encoding)
    }

    /// Bytes of an encoded model: that of its parameters, or with SCAFFOLD twice as many, since the server's control
    /// variate follows the parameters.
    pub fn model_bytes(&self) -> u32 {
        self.bytes_in(self.encoding.of_models()).saturating_mul(self.model_parts())
    }

    /// Bytes of the parameters. `check` holds this below MAX_MODEL_BYTES; an unchecked room saturates and so is refused everywhere.
    fn bytes_in(&self, encoding: Encoding) -> u32 {
        u32::try_from(encoding.length(self.parameters as usize)).unwrap_or(u32::MAX)
    }

    /// How many vectors of the parameters' length a model's transfer holds.
    fn model_parts(&self) -> u32 {
        if matches!(self.strategy, Strategy::Scaffold { .. }) { 2 } else { 1 }
    }

    /// Refuses settings that can't work, with a text that says what would.
    pub fn check(&self) -> Result<(), ProtocolError> {
        check_name("name", &self.name)?;
        check_name("architecture", &self.architecture)?;
        check_range("labels", self.labels.len(), MIN_LABELS..=MAX_LABELS)?;
        for (index, label) in self.labels.iter().enumerate() {
            check_name("labels", label)?;
            if self.labels[..index].contains(label) {
                return Err(ProtocolError::invalid("labels", format!("{label:?} stands there twice")));
            }
        }
        signs::check(self)?;
        groups::check(self)?;
        let most_parameters = MAX_MODEL_BYTES / self.encoding.of_models().length(1) as u32 / self.model_parts();
        check_range("parameters", self.parameters, 1..=most_parameters)?;
        check_range("features", self.features, 1..=MAX_FEATURES as u32)?;
        check_range("rounds", self.rounds, 1..=MAX_ROUNDS)?;
        check_range("max_clients", self.max_clients, 1..=MAX_CLIENTS)?;
        check_range("least", self.least, 1..=self.max_clients)?;
        if self.goal != 0 {
            check_range("goal", self.goal, self.least..=self.max_clients)?;
        }
        self.selection.check(self.least, self.max_clients, self.goal)?;
        self.pace.check(self.least, self.goal, self.selection, self.strategy)?;
        self.check_stragglers()?;
        check_range("deadline_ms", self.deadline_ms, DEADLINE_MS)?;
        check_range("grace_ms", self.grace_ms, 0..=self.deadline_ms)?;
        self.training.check()?;
        choice::check(&self.strategy)?;
        self.check_scaffold()?;
        self.aggregation.check(&self.strategy, self.least)?;
        check_range("weight_cap", self.weight_cap, 1..=MAX_EXAMPLES)?;
        self.check_influence()?;
        self.masking.map_or(Ok(()), |masking| masking.check(self))?;
        self.noise.map_or(Ok(()), |noise| noise.check(self))?;
        self.edges.map_or(Ok(()), |edges| edges.check(self))?;
        if !(self.norm_limit > 0.0 && self.norm_limit <= MAX_NORM) {
            return Err(ProtocolError::invalid("norm_limit", format!("must lie above 0 and not above {MAX_NORM}")));
        }
        Ok(())
    }

    /// Whether nobody is told what clients say of their own data, beside their update and how many examples they have: a masked
    /// room's server knows none of it, and beside a noisy sum it would make the noise vain.
    pub fn tells_nothing_of_clients(&self) -> bool {
        self.masking.is_some() || self.noise.is_some()
    }

    /// Whether the updates of an open round wait until it closes.
    pub fn keeps_updates(&self) -> bool {
        self.aggregation.keeps_updates() || self.influence_limit.is_some()
    }

    /// Where no round waits, a deadline cuts nobody off.
    fn check_stragglers(&self) -> Result<(), ProtocolError> {
        if self.stragglers.is_whole() || self.pace.is_synchronous() {
            return Ok(());
        }
        let problem = "a room that waits for nobody takes late updates as they are; choose whole, or rounds that wait";
        Err(ProtocolError::invalid("stragglers", problem))
    }

    fn check_influence(&self) -> Result<(), ProtocolError> {
        if self.influence_limit.is_none_or(|limit| INFLUENCE_LIMIT.contains(&limit)) {
            return Ok(());
        }
        let problem = format!("must lie between {} and {}", INFLUENCE_LIMIT.start(), INFLUENCE_LIMIT.end());
        Err(ProtocolError::invalid("influence_limit", problem))
    }

    /// SCAFFOLD takes an update for a sum of gradients.
    fn check_scaffold(&self) -> Result<(), ProtocolError> {
        if !self.strategy.needs_sgd() {
            return Ok(());
        }
        if self.training.optimiser != Optimiser::Sgd {
            let problem = "scaffold needs clients that train with sgd; choose sgd, or another strategy";
            return Err(ProtocolError::invalid("optimiser", problem));
        }
        if self.training.learning_rate < MIN_SCAFFOLD_LEARNING_RATE {
            let problem = format!("scaffold needs at least {MIN_SCAFFOLD_LEARNING_RATE}");
            return Err(ProtocolError::invalid("learning_rate", problem));
        }
        if self.encoding.is_of_differences() {
            let problem = "scaffold takes updates for exact sums of gradients; choose f32 or f16, or another strategy";
            return Err(ProtocolError::invalid("encoding", problem));
        }
        Ok(())
    }
}

impl TrainingSettings {
    /// Refuses settings that can't work.
    pub(crate) fn check(&self) -> Result<(), ProtocolError> {
        check_range("epochs", self.epochs, 1..=MAX_EPOCHS)?;
        check_range("batch_size", self.batch_size, 1..=MAX_BATCH)?;
        if self.learning_rate > 0.0 && self.learning_rate <= 1.0 {
            Ok(())
        } else {
            Err(ProtocolError::invalid("learning_rate", "must lie above 0 and not above 1"))
        }
    }
}
