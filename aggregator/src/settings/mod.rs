//! What a host may choose about a room, the same on the command line and in `POST /api/rooms`; and what of it a simulation
//! has, too. One group of options a file: an option is declared there and nowhere else, and its name, its variable, its place
//! in the file of options and its field in JSON follow from that.

mod aggregation;
mod choice;
mod corpora;
mod masking;
mod noise;
mod participation;
mod room;
mod strategy;
#[cfg(test)]
mod survival;
mod task;
#[cfg(test)]
mod tests;
mod training;

use std::time::Duration;

use clap::{Args as _, Command};
use models::Architecture;
use protocol::limits::MIN_MASKED_CLIENTS;
use protocol::{Aggregation, Encoding, ProtocolError, RoomCode, RoomConfig};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

pub use self::corpora::{CorpusOptions, ReadingOptions, TestOptions};
pub use self::noise::NoiseOptions;
pub use self::room::{RoomOptions, edge_key};
pub use self::training::usual_augmentation;

/// How something is learnt: in a room, or in a simulation of one.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Learning {
    #[command(flatten)]
    pub task: task::TaskOptions,
    #[command(flatten)]
    pub training: training::TrainingOptions,
    #[command(flatten)]
    pub strategy: strategy::StrategyOptions,
    #[command(flatten)]
    pub aggregation: aggregation::AggregationOptions,
    #[command(flatten)]
    pub participation: participation::ParticipationOptions,
    #[command(flatten)]
    pub noise: noise::NoiseOptions,
    #[command(flatten)]
    pub masking: masking::MaskingOptions,
}

/// A room's settings as a person gives them; what is left out is as `RoomConfig::new` has it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Settings {
    #[command(flatten)]
    pub room: RoomOptions,
    #[command(flatten)]
    pub learning: Learning,
}

impl<'de> Deserialize<'de> for Settings {
    /// From an object with all groups' fields side by side. (Flattened groups know of no field that is too much.)
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Map::deserialize(deserializer)?;
        let options = Self::augment_args(Command::new("room"));
        let known: Vec<&str> = options.get_arguments().map(|option| option.get_id().as_str()).collect();
        if let Some(unknown) = given.keys().find(|field| !known.contains(&field.as_str())) {
            let known = known.join("`, `");
            return Err(D::Error::custom(format!("unknown field `{unknown}`, expected one of `{known}`")));
        }
        let given = Value::Object(given);
        Ok(Self {
            room: group(&given)?,
            learning: Learning {
                task: group(&given)?,
                training: group(&given)?,
                strategy: group(&given)?,
                aggregation: group(&given)?,
                participation: group(&given)?,
                noise: group(&given)?,
                masking: group(&given)?,
            },
        })
    }
}

/// One group's fields of an object, and in an error the field that is wrong.
fn group<T: DeserializeOwned, E: serde::de::Error>(given: &Value) -> Result<T, E> {
    serde_path_to_error::deserialize(given).map_err(E::custom)
}

impl Settings {
    /// The room's whole configuration, checked. A code is made up where none was chosen.
    pub fn room(&self) -> Result<RoomConfig, ProtocolError> {
        let Learning { task, training, strategy: _, aggregation, participation, noise, masking } = &self.learning;
        let (architecture, labels) = (task.model(), task.labels());
        let code = self.room.code.clone().unwrap_or_else(|| RoomCode::from_random(rand::random()));
        // A count of labels that no room may have is refused by `check` below; no network is asked for it.
        let outputs = labels.len().clamp(models::LEAST_LABELS, models::MOST_LABELS);
        let parameters = u32::try_from(architecture.parameters(outputs)).unwrap_or(u32::MAX);
        let mut room = RoomConfig::new(code, architecture.name(), parameters, labels);
        room.modalities = task.modalities()?;
        task.choose(&mut room);
        self.room.choose(&mut room);
        training.choose(&mut room.training, architecture);
        room.aggregation = aggregation.aggregation()?;
        self.learning.choose_steps(&mut room, architecture)?;
        let of_edges = self.room.edge_clients.is_some();
        if of_edges && aggregation.aggregation.is_none() {
            // No rule that needs every update: an edge sends one sum of many.
            room.aggregation = Aggregation::Mean;
        }
        room.masking = masking.masking(room.parameters, &room.training)?;
        // What guards against hostile participants takes what depends on everyone's data, which noise does not go with, and looks at
        // single updates, which a masked room's server never sees.
        let guarded = !noise.is_chosen() && room.masking.is_none() && !of_edges;
        if task.encoding.is_none() && guarded && architecture == Architecture::Compact && self.learning.is_usual() {
            // A quarter of the traffic, at no cost: docs/experiments.md has both corpora. Elsewhere that is not shown.
            room.encoding = Encoding::Q8;
        }
        room.influence_limit = aggregation.influence_limit(guarded.then_some(RoomConfig::INFLUENCE_LIMIT));
        if room.masking.is_some() {
            room.weight_cap = masking::WEIGHT_CAP;
            if !of_edges {
                room.least = self.room.least.unwrap_or(MIN_MASKED_CLIENTS as u32);
            }
        }
        if self.room.least.is_none() {
            // Where that is more than may take part, the check below says so in words.
            room.least = room.least.max(room.aggregation.least().min(room.max_clients));
        }
        room.selection = participation.selection()?;
        room.pace = participation.pace()?;
        set(&mut room.stragglers, &participation.stragglers);
        room.noise = noise.noise(room.rounds, room.max_clients)?;
        if let (Some(masks), Some(noise), None) = (&mut room.masking, room.noise, masking.masking_clip) {
            masks.clip = noise.clip;
        }
        self.room.choose_edges(&mut room)?;
        room.check()?;
        protocol::check_readable(&room.signs)?;
        federation::budget_before(&room)?;
        Ok(room)
    }
}

impl Learning {
    /// Has what a room had wherever nothing else is chosen: how it was learnt, but not whom rounds asked, nor how long they waited.
    ///
    /// # Errors
    /// A network that this program does not have.
    pub fn fill(&mut self, room: &RoomConfig) -> Result<(), models::UnknownArchitecture> {
        let RoomConfig {
            labels,
            architecture,
            modalities,
            encoding,
            rounds,
            training,
            strategy,
            final_model,
            aggregation,
            ..
        } = room;
        let network: Architecture = architecture.parse()?;
        let (task, steps) = (&mut self.task, &mut self.training);
        if task.modalities.is_none() && task.model.unwrap_or(network) == network && network.reads_text() {
            task.modalities = Some(*modalities);
        }
        let model_as_it_was = task.model.is_none_or(|model| model == network);
        task.model.get_or_insert(network);
        if task.labels.is_empty() {
            task.labels.clone_from(labels);
        }
        task.rounds.get_or_insert(*rounds);
        // A few bits a value go neither with masks nor with SCAFFOLD, where those are chosen now.
        let exact =
            self.masking.masking.is_some() || self.strategy.strategy.is_some_and(|strategy| strategy.needs_sgd());
        if !(exact && encoding.is_of_differences()) {
            task.encoding.get_or_insert(*encoding);
        }
        task.seed.get_or_insert(room.seed);
        steps.epochs.get_or_insert(training.epochs);
        steps.batch_size.get_or_insert(training.batch_size);
        self.strategy.final_model.get_or_insert(*final_model);
        if model_as_it_was {
            // Another network has its own usual ways.
            steps.augmentation.get_or_insert(training.augmentation);
            steps.optimiser.get_or_insert(training.optimiser);
            steps.learning_rate.get_or_insert(training.learning_rate);
            if !self.strategy.chooses() {
                self.strategy.strategy = Some(*strategy);
            }
        }
        let chosen = self.aggregation.aggregation.is_some()
            || self.aggregation.given().iter().any(|given| given.value.is_some());
        let (masks_chosen, noise_chosen) = (self.masking.masking.is_some(), self.noise.is_chosen());
        // What looks at single updates goes with neither.
        if !chosen && !masks_chosen && !noise_chosen {
            self.aggregation.aggregation = Some(*aggregation);
            self.aggregation.influence_limit = self.aggregation.influence_limit.or(room.influence_limit);
        }
        if let Some(protocol::Masking { server, encoding, clip }) = room.masking
            && !masks_chosen
        {
            self.masking.masking = Some(server);
            self.masking.masking_encoding.get_or_insert(encoding);
            self.masking.masking_clip.get_or_insert(clip);
        }
        if let Some(protocol::Noise { hides, clip, multiplier, clients, epsilon, delta }) = room.noise
            && !noise_chosen
        {
            let noise = &mut self.noise;
            noise.noise_multiplier = Some(multiplier);
            noise.noise_hides.get_or_insert(hides);
            noise.clip.get_or_insert(clip);
            noise.noise_clients.get_or_insert(clients);
            noise.epsilon = Some(epsilon);
            noise.delta.get_or_insert(delta);
        }
        Ok(())
    }

    /// Whether nothing is chosen of how clients step and of what the server makes of it.
    fn is_usual(&self) -> bool {
        !self.training.chooses_steps() && !self.strategy.chooses()
    }

    /// How clients step, and how their updates become the next model.
    fn choose_steps(&self, room: &mut RoomConfig, architecture: Architecture) -> Result<(), ProtocolError> {
        set(&mut room.final_model, &self.strategy.final_model);
        // Half precision would round so small updates away.
        if self.is_usual() && architecture.hears_as_compact() && room.encoding != Encoding::F16 {
            (room.training.optimiser, room.training.learning_rate, room.strategy) = strategy::GRADIENT;
        } else {
            room.strategy = self.strategy.strategy()?;
            self.training.choose_steps(&mut room.training, &room.strategy);
        }
        if self.aggregation.aggregation.is_none()
            && self.masking.masking.is_none()
            && architecture == Architecture::Compact
            && !room.strategy.counts_steps()
            && !self.noise.is_chosen()
        {
            // One of four may be hostile: docs/robustness.md says what that saves and costs. A network that reads keeps the mean:
            // a word that fewer than half of the clients have has a median of zero, and would never be learnt.
            room.aggregation = Aggregation::Median;
        }
        Ok(())
    }
}

/// A setting without the one that it belongs to.
fn needs(field: &'static str, other: &str) -> ProtocolError {
    let problem = format!("means something only with {other}; choose that too, or leave it out");
    ProtocolError::Invalid { field, problem }
}

fn milliseconds(seconds: u32) -> u64 {
    Duration::from_secs(seconds.into()).as_millis() as u64
}

fn set<T: Clone>(place: &mut T, chosen: &Option<T>) {
    if let Some(chosen) = chosen {
        place.clone_from(chosen);
    }
}
