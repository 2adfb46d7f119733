//! What a host may choose about a room, the same on the command line and in `POST /api/rooms`.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use models::Architecture;
use protocol::{
    Aggregation, Augmentation, Choice as _, Encoding, Optimiser, Pace, ProtocolError, RoomCode, RoomConfig, Selection,
    Strategy,
};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// Step size of SGD where none is chosen: ten times that of Adam, whose steps do not shrink with the gradients.
const SGD_LEARNING_RATE: f64 = 0.01;

/// Participants asked for each update that a round wants, as Bonawitz et al. (2019) have it.
const OVER_SELECTION: f64 = 1.3;

/// How `compact` is trained where nothing else is chosen: clients that hardly leave the received model send what is nearly
/// a gradient, and one adaptive optimiser on the server sees all labels. With one speaker or few labels a client it is
/// better than FedAvg, and elsewhere no worse (docs/experiments.md).
const GRADIENT: (Optimiser, f64, Strategy) = (
    Optimiser::Sgd,
    1.0e-3,
    Strategy::FedAdam { server_learning_rate: 3.0e-3, beta_1: 0.9, beta_2: 0.99, tau: 1.0e-7 },
);

/// Where the help lists whom rounds ask, and whether they wait.
const PARTICIPATION: &str = "Whom rounds ask, and whether they wait";

/// How many updates a round wants, as a person gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// So many.
    Number(u32),
    /// Those of this share of the participants, 0 to 1.
    Share(f64),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().map(|percent: f64| Self::Share(percent / 100.0)),
            None => text.trim().parse().ok().map(Self::Number),
        };
        wanted.ok_or_else(|| "give a number of updates such as 10, or a share such as 25%".to_owned())
    }
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(u32),
            Text(String),
        }
        match Given::deserialize(deserializer)? {
            Given::Number(number) => Ok(Self::Number(number)),
            Given::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}

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
    /// Fewest participants that start a round, and fewest updates that make it count [default: 2; with krum and multi_krum
    /// as many as these need]
    #[arg(long)]
    pub least: Option<u32>,
    /// Updates that close a round; 0 stands for those of everyone who takes part [default: 0]
    #[arg(long)]
    pub goal: Option<u32>,
    /// Ask only some of those who are ready: a number of updates that a round wants, or a share of the participants such as
    /// 25% [default: everyone is asked]
    #[arg(long, value_name = "N|P%", help_heading = PARTICIPATION)]
    pub selection: Option<Wanted>,
    /// Participants asked for each update that a round wants [default: 1.3]
    #[arg(long, value_name = "TIMES", help_heading = PARTICIPATION)]
    pub over_selection: Option<f64>,
    /// Wait for no round: ask everyone again as soon as an update is in, and publish a version for every K of them (FedBuff)
    #[arg(long, value_name = "K", help_heading = PARTICIPATION)]
    pub asynchronous: Option<u32>,
    /// With --asynchronous: an update that is τ versions behind weighs (1 + τ)^-A times as much [default: 0.5]
    #[arg(long, value_name = "A", help_heading = PARTICIPATION)]
    pub staleness_exponent: Option<f64>,
    /// With --asynchronous: versions that an update may be behind [default: 20]
    #[arg(long, value_name = "VERSIONS", help_heading = PARTICIPATION)]
    pub most_stale: Option<u32>,
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
    /// Optimiser of the participants: adam or sgd [default: adam; sgd with scaffold, and for compact where neither
    /// optimiser nor strategy nor a rate is chosen]
    #[arg(long)]
    pub optimiser: Option<Optimiser>,
    /// Step size of the participants' optimiser [default: 0.001 for adam, 0.01 for sgd; 0.001 where compact has its own
    /// way]
    #[arg(long)]
    pub learning_rate: Option<f64>,
    /// How participants change their clips from pass to pass: none, or speed for hearing each at one of five speeds
    /// [default: speed for compact, none for the others]
    #[arg(long)]
    pub augmentation: Option<Augmentation>,
    /// How updates become the next model: fedavg, fedavgm, fedadagrad, fedadam, fedyogi, fedprox, scaffold or fednova
    /// [default: fedavg; fedadam, with 0.003 on the server, where compact has its own way]
    #[arg(long)]
    #[serde(deserialize_with = "named")]
    pub strategy: Option<Strategy>,
    /// Step size of the strategy on the server, for all but fedprox and fednova [default: 1; fedadagrad 0.1; fedadam
    /// and fedyogi 0.01]
    #[arg(long)]
    pub server_learning_rate: Option<f64>,
    /// fedprox's μ: how strongly participants are drawn back to the model that they received [default: 0.01]
    #[arg(long, value_name = "MU")]
    pub proximal: Option<f64>,
    /// How a round's updates become the one that the strategy is given: mean, or against hostile participants median,
    /// trimmed_mean, krum, multi_krum or clipping [default: mean]
    #[arg(long)]
    #[serde(deserialize_with = "named")]
    pub aggregation: Option<Aggregation>,
    /// trimmed_mean's share of the values that is left out at each end, above 0 and below 0.5 [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    pub trim: Option<f64>,
    /// How many hostile participants krum and multi_krum reckon with; rounds need twice as many updates and three [default: 1]
    #[arg(long, value_name = "COUNT")]
    pub faulty: Option<u32>,
    /// How many updates multi_krum takes [default: one more than --faulty]
    #[arg(long, value_name = "COUNT")]
    pub chosen: Option<u32>,
    /// The L2 norm that clipping scales longer updates down to [default: the median of the round's norms]
    #[arg(long, value_name = "NORM")]
    pub clip_norm: Option<f64>,
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

/// How a network's clips are changed from pass to pass where nothing is chosen: those of the paper's networks not at all,
/// as the paper has it; `compact` is better when it hears them at several speeds.
pub fn usual_augmentation(architecture: Architecture) -> Augmentation {
    if architecture == Architecture::Compact { Augmentation::Speed } else { Augmentation::None }
}

fn encoding(name: &str) -> Result<Encoding, String> {
    serde_json::from_value(name.into()).map_err(|_| "choose f32 or f16".to_owned())
}

/// A strategy or an aggregation by its name alone, or as an object with all of its settings.
fn named<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + FromStr<Err: Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Nothing,
        Name(String),
        Whole(serde_json::Value),
    }
    match Given::deserialize(deserializer)? {
        Given::Nothing => Ok(None),
        Given::Name(name) => name.parse().map(Some).map_err(D::Error::custom),
        // Taken apart on its own, so that a wrong field is told and not just that nothing fits.
        Given::Whole(whole) => serde_json::from_value(whole).map(Some).map_err(D::Error::custom),
    }
}

impl Settings {
    /// The room's whole configuration, checked. A code is made up where none was chosen.
    pub fn room(&self) -> Result<RoomConfig, ProtocolError> {
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
        room.training.augmentation = usual_augmentation(architecture);
        set(&mut room.training.augmentation, &self.augmentation);
        set(&mut room.encoding, &self.encoding);
        self.choose_strategy(&mut room, architecture)?;
        set(&mut room.max_clients, &self.max_clients);
        self.choose_aggregation(&mut room)?;
        set(&mut room.seed, &self.seed);
        room.selection = self.selection()?;
        room.pace = self.pace()?;
        room.check()?;
        Ok(room)
    }

    /// Whom a round asks.
    pub fn selection(&self) -> Result<Selection, ProtocolError> {
        let over_selection = self.over_selection.unwrap_or(OVER_SELECTION);
        Ok(match self.selection {
            None if self.over_selection.is_some() => return Err(needs("over_selection", "selection")),
            None => Selection::All,
            Some(Wanted::Number(clients)) => Selection::Number { clients, over_selection },
            Some(Wanted::Share(share)) => Selection::Share { share, over_selection },
        })
    }

    /// Whether a round waits.
    pub fn pace(&self) -> Result<Pace, ProtocolError> {
        let mut pace = self.asynchronous.map_or(Pace::Synchronous, Pace::asynchronous);
        match &mut pace {
            Pace::Synchronous if self.staleness_exponent.is_some() => {
                return Err(needs("staleness_exponent", "asynchronous"));
            }
            Pace::Synchronous if self.most_stale.is_some() => return Err(needs("most_stale", "asynchronous")),
            Pace::Synchronous => {}
            Pace::Asynchronous { staleness_exponent, most_stale, .. } => {
                set(staleness_exponent, &self.staleness_exponent);
                set(most_stale, &self.most_stale);
            }
        }
        Ok(pace)
    }

    /// How clients step, and how their updates become the next model.
    fn choose_strategy(&self, room: &mut RoomConfig, architecture: Architecture) -> Result<(), ProtocolError> {
        let chosen = self.strategy.is_some()
            || self.optimiser.is_some()
            || self.learning_rate.is_some()
            || self.server_learning_rate.is_some()
            || self.proximal.is_some();
        // Half precision would round so small updates away.
        if !chosen && architecture == Architecture::Compact && room.encoding == Encoding::F32 {
            (room.training.optimiser, room.training.learning_rate, room.strategy) = GRADIENT;
            return Ok(());
        }
        set(&mut room.strategy, &self.strategy);
        if room.strategy.needs_sgd() {
            room.training.optimiser = Optimiser::Sgd;
        }
        set(&mut room.training.optimiser, &self.optimiser);
        if room.training.optimiser == Optimiser::Sgd {
            room.training.learning_rate = SGD_LEARNING_RATE;
        }
        set(&mut room.training.learning_rate, &self.learning_rate);
        let name = room.strategy.name();
        if let Some(chosen) = self.server_learning_rate
            && !room.strategy.set("server_learning_rate", chosen)
        {
            return Err(not_for(name, "server_learning_rate", "strategy"));
        }
        if let Some(chosen) = self.proximal {
            match &mut room.strategy {
                Strategy::FedProx { mu } => *mu = chosen,
                _ => return Err(not_for(name, "proximal", "strategy")),
            }
        }
        Ok(())
    }

    /// What is done against hostile clients.
    fn choose_aggregation(&self, room: &mut RoomConfig) -> Result<(), ProtocolError> {
        let mut aggregation = self.aggregation.unwrap_or_default();
        let name = aggregation.name();
        if let Some(share) = self.trim {
            let Aggregation::TrimmedMean { trim } = &mut aggregation else {
                return Err(not_for(name, "trim", "aggregation"));
            };
            *trim = share;
        }
        if let Some(count) = self.faulty {
            match &mut aggregation {
                Aggregation::Krum { faulty } => *faulty = count,
                // As many as the smallest round with so many faulty clients has neighbours for.
                Aggregation::MultiKrum { faulty, chosen } => (*faulty, *chosen) = (count, count.saturating_add(1)),
                _ => return Err(not_for(name, "faulty", "aggregation")),
            }
        }
        if let Some(count) = self.chosen {
            let Aggregation::MultiKrum { chosen, .. } = &mut aggregation else {
                return Err(not_for(name, "chosen", "aggregation"));
            };
            *chosen = count;
        }
        if let Some(limit) = self.clip_norm {
            let Aggregation::Clipping { norm } = &mut aggregation else {
                return Err(not_for(name, "clip_norm", "aggregation"));
            };
            *norm = Some(limit);
        }
        room.aggregation = aggregation;
        if self.least.is_none() {
            // Where that is more than may take part, the check below says so in words.
            room.least = room.least.max(aggregation.least().min(room.max_clients));
        }
        Ok(())
    }
}

fn needs(field: &'static str, other: &str) -> ProtocolError {
    ProtocolError::Invalid {
        field,
        problem: format!("means something only with {other}; choose that too, or leave it out"),
    }
}

/// `what` is what has settings: a strategy or an aggregation.
fn not_for(name: &str, field: &'static str, what: &str) -> ProtocolError {
    ProtocolError::Invalid {
        field,
        problem: format!("{name} has no such setting; leave it out, or choose another {what}"),
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
        assert_eq!((room.training.optimiser, room.training.learning_rate, room.strategy), GRADIENT);
        assert_eq!(room.training.augmentation, Augmentation::Speed);
    }

    #[test]
    fn compact_has_its_own_way_only_where_nothing_is_chosen() {
        let room = |settings: Settings| settings.room().unwrap();
        let conv = room(Settings { model: Some(Architecture::Conv), ..Settings::default() });
        assert_eq!((conv.strategy, conv.training.optimiser), (Strategy::DEFAULT, Optimiser::Adam));
        assert_eq!(conv.training.augmentation, Augmentation::None);
        let fedavg = room(Settings { strategy: Some(Strategy::DEFAULT), ..Settings::default() });
        assert_eq!((fedavg.strategy, fedavg.training.optimiser), (Strategy::DEFAULT, Optimiser::Adam));
        let adam = room(Settings { optimiser: Some(Optimiser::Adam), ..Settings::default() });
        assert_eq!((adam.strategy, adam.training.learning_rate), (Strategy::DEFAULT, 1.0e-3));
        let half = room(Settings { encoding: Some(Encoding::F16), ..Settings::default() });
        assert_eq!(half.strategy, Strategy::DEFAULT);
    }

    #[test]
    fn a_choice_that_cannot_work_is_refused_in_words() {
        let one_label = Settings { labels: vec!["angry".to_owned()], ..Settings::default() };
        assert!(one_label.room().unwrap_err().to_string().contains("labels"));
        let unknown: Result<Settings, _> = serde_json::from_str(r#"{"round": 3}"#);
        assert!(unknown.unwrap_err().to_string().contains("unknown field `round`"));
    }

    #[test]
    fn a_strategy_is_a_name_with_settings_of_its_own() {
        let settings: Settings =
            serde_json::from_str(r#"{"strategy": "fedadam", "server_learning_rate": 0.02, "optimiser": "sgd"}"#)
                .unwrap();
        let room = settings.room().unwrap();
        let adam = Strategy::FedAdam { server_learning_rate: 0.02, beta_1: 0.9, beta_2: 0.99, tau: 1.0e-3 };
        assert_eq!((room.strategy, room.training.optimiser), (adam, Optimiser::Sgd));
        assert_eq!(room.training.learning_rate, SGD_LEARNING_RATE);

        let whole: Settings = serde_json::from_str(r#"{"strategy": {"name": "fedprox", "mu": 0.5}}"#).unwrap();
        assert_eq!(whole.room().unwrap().strategy, Strategy::FedProx { mu: 0.5 });
        let error = serde_json::from_str::<Settings>(r#"{"strategy": "fedyogy"}"#).unwrap_err().to_string();
        assert!(error.contains("did you mean fedyogi?"), "{error}");
    }

    #[test]
    fn scaffold_trains_with_sgd_and_refuses_adam() {
        let scaffold = Settings { strategy: Some("scaffold".parse().unwrap()), ..Settings::default() };
        assert_eq!(scaffold.room().unwrap().training.optimiser, Optimiser::Sgd);
        let with_adam = Settings { optimiser: Some(Optimiser::Adam), ..scaffold };
        assert!(with_adam.room().unwrap_err().to_string().contains("choose sgd"));
    }

    #[test]
    fn a_setting_of_another_strategy_is_refused() {
        let settings = Settings { proximal: Some(0.1), ..Settings::default() };
        assert!(settings.room().unwrap_err().to_string().contains("fedavg has no such setting"));
        let nova =
            Settings { strategy: Some(Strategy::FedNova), server_learning_rate: Some(0.1), ..Settings::default() };
        assert!(nova.room().unwrap_err().to_string().starts_with("server_learning_rate: fednova"));
    }

    #[test]
    fn some_are_asked_or_nobody_waits() {
        let room = |json: &str| serde_json::from_str::<Settings>(json).map(|settings| settings.room());
        let wants = |json| room(json).unwrap().unwrap().selection;
        assert_eq!(wants(r#"{"selection": 10}"#), Selection::Number { clients: 10, over_selection: 1.3 });
        let quarter = Selection::Share { share: 0.25, over_selection: 2.0 };
        assert_eq!(wants(r#"{"selection": "25%", "over_selection": 2}"#), quarter);
        let pace = Pace::Asynchronous { buffer: 8, staleness_exponent: 1.0, most_stale: 20 };
        let asynchronous = r#"{"asynchronous": 8, "staleness_exponent": 1, "strategy": "fedavg"}"#;
        assert_eq!(room(asynchronous).unwrap().unwrap().pace, pace);
        let refused = |json| room(json).unwrap().unwrap_err().to_string();
        assert!(refused(r#"{"over_selection": 2}"#).contains("only with selection"));
        assert!(refused(r#"{"most_stale": 2}"#).contains("only with asynchronous"));
        assert!(refused(r#"{"asynchronous": 8, "selection": 4}"#).starts_with("selection"));
        assert!(refused(r#"{"asynchronous": 8, "strategy": "fednova"}"#).contains("fednova"));
        assert!(room(r#"{"selection": "some"}"#).unwrap_err().to_string().contains("25%"));
    }

    #[test]
    fn an_aggregation_is_a_name_with_settings_of_its_own() {
        let room = |json: &str| serde_json::from_str::<Settings>(json).unwrap().room();
        assert_eq!(room("{}").unwrap().aggregation, Aggregation::Mean);
        let median = room(r#"{"aggregation": "median"}"#).unwrap();
        assert_eq!((median.aggregation, median.strategy), (Aggregation::Median, GRADIENT.2));
        let trimmed = room(r#"{"aggregation": "trimmed_mean", "trim": 0.3}"#).unwrap();
        assert_eq!(trimmed.aggregation, Aggregation::TrimmedMean { trim: 0.3 });
        let clipping = room(r#"{"aggregation": {"name": "clipping"}, "clip_norm": 2}"#).unwrap();
        assert_eq!(clipping.aggregation, Aggregation::Clipping { norm: Some(2.0) });
        let error = serde_json::from_str::<Settings>(r#"{"aggregation": "krumm"}"#).unwrap_err().to_string();
        assert!(error.contains("did you mean krum?"), "{error}");
        let other = room(r#"{"aggregation": "median", "faulty": 2}"#).unwrap_err().to_string();
        assert_eq!(other, "faulty: median has no such setting; leave it out, or choose another aggregation");
        let scaffold = room(r#"{"aggregation": "median", "strategy": "scaffold"}"#).unwrap_err().to_string();
        assert!(scaffold.contains("choose mean"), "{scaffold}");
    }

    #[test]
    fn krum_raises_the_least_unless_that_is_chosen_too() {
        let room = |json: &str| serde_json::from_str::<Settings>(json).unwrap().room();
        let krum = room(r#"{"aggregation": "krum", "faulty": 3}"#).unwrap();
        assert_eq!((krum.aggregation, krum.least), (Aggregation::Krum { faulty: 3 }, 9));
        let several = room(r#"{"aggregation": "multi_krum", "faulty": 3}"#).unwrap();
        assert_eq!((several.aggregation, several.least), (Aggregation::MultiKrum { faulty: 3, chosen: 4 }, 9));
        let more = room(r#"{"aggregation": "multi_krum", "faulty": 1, "chosen": 6}"#).unwrap();
        assert_eq!(more.least, 9);
        let refused = room(r#"{"aggregation": "krum", "faulty": 3, "least": 8}"#).unwrap_err().to_string();
        assert!(refused.starts_with("least: krum needs rounds of 9"), "{refused}");
    }

    #[test]
    fn the_count_of_parameters_follows_from_model_and_labels() {
        let dense = Settings { model: Some(Architecture::Dense), ..Settings::default() };
        assert_eq!(dense.room().unwrap().parameters, 26_008_068);
    }
}
