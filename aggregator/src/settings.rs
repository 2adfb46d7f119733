//! What a host may choose about a room, the same on the command line and in `POST /api/rooms`.

use std::time::Duration;

use models::Architecture;
use protocol::{Encoding, RoomCode, RoomConfig};
use serde::Deserialize;

/// A room's settings as a person gives them; what is left out is as `RoomConfig::new` has it.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Join code, 5 or 6 letters without I, L, O and Q [default: made up]
    #[arg(long)]
    pub code: Option<RoomCode>,
    /// What the room is called on its page [default: its code]
    #[arg(long)]
    pub room_name: Option<String>,
    /// Network to train: compact, conv, dense or lstm [default: compact]
    #[arg(long)]
    pub model: Option<Architecture>,
    /// Emotions, separated by commas [default: angry,happy,neutral,sad]
    #[arg(long, value_delimiter = ',')]
    pub labels: Vec<String>,
    /// Rounds until the room is finished [default: 20]
    #[arg(long)]
    pub rounds: Option<u32>,
    /// Fewest participants that start a round, and fewest updates that make it count [default: 2]
    #[arg(long)]
    pub least: Option<u32>,
    /// Updates that close a round; 0 stands for those of everyone who takes part [default: 0]
    #[arg(long)]
    pub goal: Option<u32>,
    /// Longest time a round may take, in seconds [default: 180]
    #[arg(long, value_name = "SECONDS")]
    pub deadline: Option<u32>,
    /// How long a round waits for a participant who lost the connection, in seconds [default: 15]
    #[arg(long, value_name = "SECONDS")]
    pub grace: Option<u32>,
    /// Passes over a participant's own clips in each round [default: 2]
    #[arg(long)]
    pub epochs: Option<u32>,
    /// Clips in a training step [default: 20]
    #[arg(long)]
    pub batch_size: Option<u32>,
    /// Step size of the participants' optimiser (Adam) [default: 0.001]
    #[arg(long)]
    pub learning_rate: Option<f64>,
    /// How numbers travel: f32, or f16 for half the traffic [default: f32]
    #[arg(long, value_parser = encoding)]
    pub encoding: Option<Encoding>,
    /// Most participants at one time [default: 64]
    #[arg(long)]
    pub max_clients: Option<u32>,
    /// Decides the initial parameters and the order of clips, so that a run can be repeated [default: 0]
    #[arg(long)]
    pub seed: Option<u32>,
}

fn encoding(name: &str) -> Result<Encoding, String> {
    serde_json::from_value(name.into()).map_err(|_| "choose f32 or f16".to_owned())
}

impl Settings {
    /// The room's whole configuration, checked. A code is made up where none was chosen.
    pub fn room(&self) -> Result<RoomConfig, protocol::ProtocolError> {
        let architecture = self.model.unwrap_or(Architecture::Compact);
        let labels = match self.labels.as_slice() {
            [] => corpus::EMOTIONS.map(str::to_owned).to_vec(),
            labels => labels.to_vec(),
        };
        let code = self.code.clone().unwrap_or_else(|| RoomCode::from_random(rand::random()));
        // A count of labels that no room may have is refused by `check` below; no network is asked for it.
        let outputs = labels.len().clamp(models::LEAST_LABELS, models::MOST_LABELS);
        let parameters = u32::try_from(architecture.parameters(outputs)).unwrap_or(u32::MAX);
        let mut room = RoomConfig::new(code, architecture.name(), parameters, labels);
        let milliseconds = |seconds: u32| Duration::from_secs(seconds.into()).as_millis() as u64;
        set(&mut room.name, &self.room_name);
        set(&mut room.rounds, &self.rounds);
        set(&mut room.least, &self.least);
        set(&mut room.goal, &self.goal);
        set(&mut room.deadline_ms, &self.deadline.map(milliseconds));
        set(&mut room.grace_ms, &self.grace.map(milliseconds));
        // A short deadline shortens the default grace with it.
        if self.grace.is_none() {
            room.grace_ms = room.grace_ms.min(room.deadline_ms);
        }
        set(&mut room.training.epochs, &self.epochs);
        set(&mut room.training.batch_size, &self.batch_size);
        set(&mut room.training.learning_rate, &self.learning_rate);
        set(&mut room.encoding, &self.encoding);
        set(&mut room.max_clients, &self.max_clients);
        set(&mut room.seed, &self.seed);
        room.check()?;
        Ok(room)
    }
}

fn set<T: Clone>(place: &mut T, chosen: &Option<T>) {
    if let Some(chosen) = chosen {
        place.clone_from(chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_chosen_is_a_room_for_a_class() {
        let room = Settings::default().room().unwrap();
        assert_eq!(room.labels, ["angry", "happy", "neutral", "sad"]);
        assert_eq!(room.architecture, "compact");
        assert_eq!(room.least, 2);
    }

    #[test]
    fn a_choice_that_cannot_work_is_refused_in_words() {
        let one_label = Settings { labels: vec!["angry".to_owned()], ..Settings::default() };
        assert!(one_label.room().unwrap_err().to_string().contains("labels"));
        let unknown: Result<Settings, _> = serde_json::from_str(r#"{"round": 3}"#);
        assert!(unknown.unwrap_err().to_string().contains("unknown field `round`"));
    }

    #[test]
    fn the_count_of_parameters_follows_from_model_and_labels() {
        let dense = Settings { model: Some(Architecture::Dense), ..Settings::default() };
        assert_eq!(dense.room().unwrap().parameters, 26_008_068);
    }
}
