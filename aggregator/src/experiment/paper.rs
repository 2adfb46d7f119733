//! Which runs the experiments consist of. Experiments 1 and 2 are the paper's; experiment 3, clients by speaker, is what
//! it names as future work.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, ensure};
use corpus::{Reading, Split};
use models::Architecture;
use protocol::{Aggregation, TrainingSettings};
use serde::{Serialize, Serializer};

use super::condition::{Condition, System};
use super::recipe::{self, Recipe};
use super::runs::Run;
use crate::settings::usual_augmentation;
use crate::simulator::{Dataset, Device, Normalisation, Plan, TestSpeakers};

/// Clients of experiment 1, and groups of speakers of experiment 3.
const CLIENTS: usize = 4;
/// Rounds of experiments 1 and 3.
const ROUNDS: u32 = 20;
/// Rounds of experiment 2.
const ROUNDS_OF_CLIENT_COUNTS: u32 = 10;
/// Networks of experiment 2: the paper's two, and the one that it didn't have.
const MODELS_OF_CLIENT_COUNTS: [Architecture; 3] = [Architecture::Dense, Architecture::Conv, Architecture::Compact];

/// One of the experiments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Experiment {
    /// 1: the baseline beside random clients and clients of a single emotion.
    Systems,
    /// 2: more and more random clients.
    Clients,
    /// 3: clients by speaker.
    Speakers,
}

impl Experiment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Systems, Self::Clients, Self::Speakers];

    /// Its number, from 1.
    pub fn number(self) -> u8 {
        match self {
            Self::Systems => 1,
            Self::Clients => 2,
            Self::Speakers => 3,
        }
    }
}

impl fmt::Display for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

impl FromStr for Experiment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|one| one.to_string() == text.trim());
        known.ok_or_else(|| format!("there is no experiment {text:?}; choose among 1, 2 and 3"))
    }
}

impl Serialize for Experiment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Options {
    /// Folders of labelled speech.
    pub data: Vec<PathBuf>,
    /// How the names of clips are read.
    #[serde(skip_serializing_if = "Reading::is_usual")]
    pub reading: Reading,
    /// The labels, in the models' order.
    pub labels: Vec<String>,
    /// The networks.
    pub models: Vec<Architecture>,
    /// The experiments.
    pub experiments: Vec<Experiment>,
    /// How often everything is repeated with another seed.
    pub seeds: u32,
    /// Rounds of every experiment, instead of their own.
    pub rounds: Option<u32>,
    /// The greatest number of clients of experiment 2.
    pub most_clients: usize,
    /// Who is tested, where nothing is folded.
    pub test: TestSpeakers,
    /// Into how many parts the speakers are divided, each of which is tested in turn.
    pub folds: Option<usize>,
    /// Whose mean and deviation features are standardised by.
    pub normalisation: Normalisation,
    /// What computes.
    pub device: Device,
}

impl Options {
    /// Who is tested, split by split.
    fn splits(&self) -> Vec<TestSpeakers> {
        TestSpeakers::in_turn(self.folds, self.test.clone())
    }
}

/// Refuses a corpus that cannot carry the experiments, before anything is run. What it gives are remarks for the report.
///
/// # Errors
/// More folds than speakers, test speakers who are not there, or a label of which nothing could be learnt.
pub fn check(options: &Options, dataset: &Dataset) -> Result<Vec<String>> {
    let mut remarks = Vec::new();
    for split in options.splits() {
        let Split { train, test } = dataset.split(&split)?;
        remarks.extend(dataset.remarks(&split)?);
        for (label, name) in dataset.labels.iter().enumerate() {
            let has = |clips: &[usize]| clips.iter().any(|&clip| dataset.clips[clip].example.label == label);
            ensure!(
                has(&train),
                "nobody but the test speakers has clips that are {name}, so no model could learn it; test other speakers"
            );
            if !has(&test) && options.folds.is_none() {
                remarks.push(format!(
                    "No clip of the test speakers is {name}: means over labels are means over the others."
                ));
            }
        }
    }
    Ok(remarks)
}

/// All runs, experiment after experiment.
///
/// # Errors
/// Test speakers who are not in the corpus.
pub fn runs(options: &Options, dataset: &Dataset) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for &experiment in &options.experiments {
        for (condition, recipe) in conditions(options, experiment) {
            for seed in 0..options.seeds {
                for test in options.splits() {
                    let clients = match condition.clients {
                        Some(clients) => clients,
                        None => speakers_trained_on(dataset, &test)?,
                    };
                    let plan = Plan {
                        data: options.data.clone(),
                        eval_data: Vec::new(),
                        reading: options.reading.clone(),
                        labels: options.labels.clone(),
                        test,
                        model: condition.model,
                        modalities: protocol::Modalities::Both,
                        scripts_apart: false,
                        partition: condition.system.partition(),
                        clients,
                        rounds: options.rounds.unwrap_or(match experiment {
                            Experiment::Systems | Experiment::Speakers => ROUNDS,
                            Experiment::Clients => ROUNDS_OF_CLIENT_COUNTS,
                        }),
                        training: TrainingSettings {
                            augmentation: usual_augmentation(condition.model),
                            ..recipe.training
                        },
                        aggregation: Aggregation::Mean,
                        influence_limit: None,
                        noise: None,
                        masking: None,
                        encoding: protocol::Encoding::F32,
                        edges: None,
                        attack: None,
                        strategy: recipe.strategy,
                        final_model: protocol::FinalModel::Last,
                        seed,
                        normalisation: options.normalisation,
                        device: options.device,
                        circumstances: None,
                        replay: None,
                        personal: None,
                    };
                    runs.push(Run { condition, plan });
                }
            }
        }
    }
    Ok(runs)
}

fn conditions(options: &Options, experiment: Experiment) -> Vec<(Condition, Recipe)> {
    let mut conditions = Vec::new();
    for &model in &options.models {
        let mut add = |system, recipe: Recipe, clients| {
            conditions.push((Condition { experiment, model, system, recipe: recipe.name, clients }, recipe));
        };
        match experiment {
            Experiment::Systems => {
                add(System::Centralised, recipe::CENTRALISED, Some(1));
                for system in [System::Random, System::SingleEmotion] {
                    for recipe in recipe::FEDERATED {
                        add(system, recipe, Some(CLIENTS));
                    }
                }
            }
            Experiment::Clients if MODELS_OF_CLIENT_COUNTS.contains(&model) => {
                for recipe in recipe::named(&recipe::OF_CLIENT_COUNTS) {
                    for clients in 1..=options.most_clients {
                        add(System::Random, recipe, Some(clients));
                    }
                }
            }
            Experiment::Clients => {}
            Experiment::Speakers => {
                for (system, clients) in [(System::SpeakerGroups, Some(CLIENTS)), (System::EachSpeaker, None)] {
                    for recipe in recipe::named(&recipe::OF_SPEAKERS) {
                        add(system, recipe, clients);
                    }
                }
            }
        }
    }
    conditions
}

/// How many people are trained on where these are tested.
fn speakers_trained_on(dataset: &Dataset, test: &TestSpeakers) -> Result<usize> {
    let Split { train, .. } = dataset.split(test)?;
    Ok(train.iter().map(|&clip| &dataset.clips[clip].speaker).collect::<BTreeSet<_>>().len())
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use super::*;

    /// Five speakers with two clips of each label, all of the same sound.
    pub fn dataset() -> Dataset {
        let folder = tempfile::tempdir().unwrap();
        let sound = corpus::synth::Voice::new(0).say(0, 0).to_wav();
        for speaker in 0..5 {
            for label in corpus::EMOTIONS {
                let folder = folder.path().join(format!("speaker {speaker}")).join(label);
                fs::create_dir_all(&folder).unwrap();
                for clip in 0..2 {
                    fs::write(folder.join(format!("{clip}.wav")), &sound).unwrap();
                }
            }
        }
        let labels = corpus::EMOTIONS.map(str::to_owned);
        Dataset::read(
            &[folder.path().to_owned()],
            &[],
            &labels,
            &Reading::default(),
            Normalisation::Group,
            None,
            |_, _| {},
        )
        .unwrap()
    }

    pub fn options() -> Options {
        Options {
            data: vec!["voices".into()],
            reading: Reading::default(),
            labels: ["angry", "happy", "neutral", "sad"].map(str::to_owned).into(),
            models: vec![Architecture::Conv, Architecture::Lstm],
            experiments: Experiment::ALL.to_vec(),
            seeds: 3,
            rounds: None,
            most_clients: 8,
            test: TestSpeakers::Named(vec!["speaker 4".to_owned()]),
            folds: None,
            normalisation: Normalisation::Group,
            device: Device::Cpu,
        }
    }

    #[test]
    fn the_runs_of_the_paper() {
        let runs = runs(&options(), &dataset()).unwrap();
        let of = |experiment| runs.iter().filter(move |run| run.condition.experiment == experiment);
        // Two models, three seeds: the baseline and two systems with three recipes each.
        assert_eq!(of(Experiment::Systems).count(), 2 * 3 * 7);
        assert!(of(Experiment::Systems).all(|run| run.plan.rounds == 20 && run.plan.training.batch_size == 20));
        // One of the models, two recipes, 1 to 8 clients, 10 rounds.
        assert_eq!(of(Experiment::Clients).count(), 3 * 2 * 8);
        assert!(of(Experiment::Clients).all(|run| run.plan.rounds == 10));
        assert_eq!(of(Experiment::Speakers).count(), 2 * 3 * 4);
        let each = of(Experiment::Speakers).find(|run| run.condition.system == System::EachSpeaker).unwrap();
        assert_eq!(each.plan.clients, 4, "the fifth speaker is tested");
        let keys: BTreeSet<String> = runs.iter().map(Run::key).collect();
        assert_eq!(keys.len(), runs.len(), "no two runs are stored in one place");
        assert!(keys.contains("e1-conv-single-emotion-paper-k4-s2"), "{keys:?}");
    }

    #[test]
    fn with_folds_everyone_is_tested_in_turn() {
        let options = Options { folds: Some(5), seeds: 1, experiments: vec![Experiment::Systems], ..options() };
        let runs = runs(&options, &dataset()).unwrap();
        assert_eq!(runs.len(), 2 * 7 * 5);
        assert_eq!(runs[4].key(), "e1-conv-centralised-adam-k1-s0-f5of5");
        let many = Options { folds: Some(6), ..options };
        let message = check(&many, &dataset()).unwrap_err().to_string();
        assert!(message.starts_with("can't make 6 folds of 5 speakers"), "{message}");
    }

    #[test]
    fn a_label_on_one_side_only() {
        let whole = dataset();
        assert_eq!(check(&options(), &whole).unwrap(), Vec::<String>::new());
        let mut dataset = whole.clone();
        dataset.clips.retain(|clip| clip.example.label != 3 || clip.speaker != "speaker 4");
        assert!(check(&options(), &dataset).unwrap()[0].contains("No clip of the test speakers is sad"));
        let mut dataset = whole;
        dataset.clips.retain(|clip| clip.example.label != 3 || clip.speaker == "speaker 4");
        assert!(check(&options(), &dataset).unwrap_err().to_string().contains("test other speakers"));
    }

    #[test]
    fn experiments_are_named_by_number() {
        assert_eq!("2".parse(), Ok(Experiment::Clients));
        assert!("4".parse::<Experiment>().unwrap_err().contains("1, 2 and 3"));
    }
}
