//! Hostile clients against each aggregation: how well the finished model does on speakers whom nobody trained on.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use corpus::{Partition, Reading};
use models::Architecture;
use protocol::{Aggregation, Augmentation, Choice as _, Modalities, Optimiser, Strategy, TrainingSettings};
use serde_json::json;

use super::runs::{self, Done, Repeated, Run};
use super::statistics::{Answer, mean_uar, paired_bootstrap};
use crate::settings::Settings;
use crate::simulator::{Attack, Behaviour, Device, Normalisation, Plan, TestSpeakers};

/// Hostile clients of ten that trimmed mean, Krum and Multi-Krum reckon with: the most that Krum may, of nine and ten.
const FAULTY: u32 = 3;

/// The aggregations that are compared in rooms of nine clients and more. Three at each end are cut off from ten.
const AGGREGATIONS: [Aggregation; 6] = [
    Aggregation::Mean,
    Aggregation::Median,
    Aggregation::TrimmedMean { trim: 0.3 },
    Aggregation::Krum { faulty: FAULTY },
    Aggregation::MultiKrum { faulty: FAULTY, chosen: FAULTY + 1 },
    Aggregation::Clipping { norm: None },
];

/// What clients do in a round, and what becomes of it: plain federated averaging.
const TRAINING: TrainingSettings = TrainingSettings {
    epochs: 1,
    batch_size: 20,
    optimiser: Optimiser::Adam,
    learning_rate: 1.0e-3,
    augmentation: Augmentation::None,
};

/// What a room does with its clients' updates, and what it has them do.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// What the table calls it.
    name: String,
    training: TrainingSettings,
    strategy: Strategy,
    aggregation: Aggregation,
    influence_limit: Option<f64>,
}

impl Room {
    /// Plain federated averaging without a limit, with each of the aggregations that are compared.
    pub fn of_each_aggregation() -> Vec<Self> {
        let of = |aggregation: Aggregation| Self {
            name: aggregation.name().to_owned(),
            training: TRAINING,
            strategy: Strategy::DEFAULT,
            aggregation,
            influence_limit: None,
        };
        AGGREGATIONS.into_iter().map(of).collect()
    }

    /// The room that `chorus serve` makes where nobody chooses anything but its network.
    ///
    /// # Errors
    /// No room may have such a network.
    pub fn usual(model: Architecture) -> Result<Self> {
        let settings: Settings = serde_json::from_value(json!({ "model": model.name() }))?;
        let room = settings.room().context("no such room may be made")?;
        Ok(Self {
            name: "the usual room".to_owned(),
            training: room.training,
            strategy: room.strategy,
            aggregation: room.aggregation,
            influence_limit: room.influence_limit,
        })
    }
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Robustness {
    /// Folders of labelled speech.
    pub data: Vec<PathBuf>,
    /// How the names of clips are read.
    pub reading: Reading,
    /// The network.
    pub model: Architecture,
    /// The rooms that are compared.
    pub rooms: Vec<Room>,
    /// Clients, who hold clips dealt out at random.
    pub clients: usize,
    /// Rounds.
    pub rounds: u32,
    /// Shares of the clients that are hostile.
    pub shares: Vec<f64>,
    /// What the hostile do, one after the other.
    pub attacks: Vec<Behaviour>,
    /// How often everything is repeated with another seed.
    pub seeds: u32,
    /// Into how many parts the speakers are divided, each of which is tested in turn.
    pub folds: Option<usize>,
}

/// A room under an attack, or under none.
#[derive(Debug, Clone, PartialEq)]
pub struct Attacked {
    /// Who does what, if anybody does.
    attack: Option<Attack>,
    /// The room's name.
    room: String,
}

impl Repeated for Attacked {
    fn key(&self) -> String {
        let room = self.room.replace(' ', "-");
        match self.attack {
            None => format!("none-{room}"),
            // What follows a point would be taken for a file's extension.
            Some(Attack { behaviour, share }) => {
                format!("{behaviour}-{}-{room}", share.to_string().replace('.', "_"))
            }
        }
    }
}

/// The labels of the experiment.
pub fn labels() -> Vec<String> {
    corpus::EMOTIONS.map(str::to_owned).to_vec()
}

/// All runs: no attack, then each with each share of hostile clients, each in every room.
///
/// # Errors
/// A share that leaves no honest majority, or a rule that needs more clients.
pub fn robustness_runs(robustness: &Robustness) -> Result<Vec<Run<Attacked>>> {
    ensure!(!robustness.shares.is_empty(), "give one share of hostile clients at least");
    let tests = TestSpeakers::in_turn(robustness.folds, TestSpeakers::Usual);
    let mut runs = Vec::new();
    for attack in attacks(robustness) {
        if let Some(attack) = attack {
            attack.count(robustness.clients)?;
        }
        for room in &robustness.rooms {
            for (seed, test) in (0..robustness.seeds).flat_map(|seed| tests.iter().map(move |test| (seed, test))) {
                let plan = Plan {
                    data: robustness.data.clone(),
                    eval_data: Vec::new(),
                    reading: robustness.reading.clone(),
                    labels: labels(),
                    test: test.clone(),
                    model: robustness.model,
                    modalities: Modalities::Both,
                    scripts_apart: false,
                    partition: Partition::Random,
                    clients: robustness.clients,
                    rounds: robustness.rounds,
                    training: room.training,
                    strategy: room.strategy,
                    final_model: protocol::FinalModel::Last,
                    aggregation: room.aggregation,
                    influence_limit: room.influence_limit,
                    noise: None,
                    masking: None,
                    encoding: protocol::Encoding::F32,
                    edges: None,
                    attack,
                    circumstances: None,
                    replay: None,
                    personal: None,
                    seed,
                    normalisation: Normalisation::Group,
                    device: Device::Cpu,
                };
                plan.room(robustness.clients).with_context(|| format!("with {} clients", robustness.clients))?;
                runs.push(Run { condition: Attacked { attack, room: room.name.clone() }, plan });
            }
        }
    }
    Ok(runs)
}

fn attacks(robustness: &Robustness) -> Vec<Option<Attack>> {
    let each = |behaviour: Behaviour| robustness.shares.iter().map(move |&share| Some(Attack { behaviour, share }));
    std::iter::once(None).chain(robustness.attacks.iter().copied().flat_map(each)).collect()
}

/// The table as Markdown: a row an attack and share, a column a room; UAR of the finished model in percent, the mean
/// over the seeds. Beside a single room stands what each attack costs it, with the interval of [`paired_bootstrap`].
pub fn robustness_table(robustness: &Robustness, done: &[Done<Attacked>], command: &str) -> String {
    let labels = labels().len();
    let answers = |attack, room: &Room| {
        let condition = Attacked { attack, room: room.name.clone() };
        runs::repetitions(done, &condition, robustness.seeds).map(Answer::pooled).collect::<Vec<_>>()
    };
    let outcomes = || done.iter().filter_map(|one| one.outcome.as_ref().ok());
    let tested: BTreeSet<&str> = outcomes().flat_map(|outcome| &outcome.test_speakers).map(String::as_str).collect();
    let tested: Vec<&str> = tested.into_iter().collect();
    let seconds: f64 = outcomes().map(|outcome| outcome.seconds).sum();
    let Robustness { model, rooms, clients, rounds, seeds, folds, .. } = robustness;
    let in_turn = folds.map_or(String::new(), |folds| format!(" in turn, in {folds} parts"));
    let mut page = format!(
        "`{command}`\n\nUAR in percent of the finished model: {model}, {clients} clients, {rounds} rounds, seeds 0 to {}; tested on {}{in_turn}. \
         {} runs with {seconds:.0} s of training and aggregation.\n\n| attack | hostile |",
        seeds.saturating_sub(1),
        tested.join(", "),
        done.len(),
    );
    let names: Vec<&str> = rooms.iter().map(|room| &*room.name).collect();
    let (names, rule) = (names.join(" | "), "---:|".repeat(rooms.len()));
    let (lost, rule_of_lost) = if rooms.len() == 1 { (" lost (95 % interval) |", "---:|") } else { ("", "") };
    let _ = write!(page, " {names} |{lost}\n| --- | ---: |{rule}{rule_of_lost}\n");
    for attack in attacks(robustness) {
        let (what, hostile) = match attack {
            None => ("none", 0),
            Some(attack) => (attack.behaviour.name(), attack.count(*clients).unwrap_or_default()),
        };
        let _ = write!(page, "| {what} | {hostile} of {clients} |");
        for room in rooms {
            let mean = mean_uar(&answers(attack, room), labels);
            let _ = write!(page, " {} |", mean.map_or("–".to_owned(), |mean| format!("{:.0}", 100.0 * mean)));
        }
        if let ([room], Some(_)) = (&rooms[..], attack) {
            let lost = paired_bootstrap(&answers(None, room), &answers(attack, room), labels);
            let points = |share: f64| 100.0 * share;
            let lost = lost
                .map(|lost| format!("{:.1} ({:.1} to {:.1})", points(lost.uar), points(lost.low), points(lost.high)));
            let _ = write!(page, " {} |", lost.as_deref().unwrap_or("–"));
        } else if rooms.len() == 1 {
            page.push_str(" |");
        }
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{paper, runs};

    fn robustness(shares: &[f64]) -> Robustness {
        Robustness {
            reading: Reading::default(),
            data: Vec::new(),
            model: Architecture::Compact,
            rooms: Room::of_each_aggregation(),
            clients: 10,
            rounds: 2,
            shares: shares.to_vec(),
            attacks: Behaviour::ALL.to_vec(),
            seeds: 2,
            folds: None,
        }
    }

    #[test]
    fn every_run_is_of_a_room_that_may_be_made_and_has_a_key_of_its_own() {
        let runs = robustness_runs(&robustness(&[0.2, 0.4])).unwrap();
        assert_eq!(runs.len(), (1 + Behaviour::ALL.len() * 2) * 6 * 2);
        let mut keys: Vec<String> = runs.iter().map(Run::key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), runs.len());
        assert!(keys.contains(&"sign-flip-0_2-trimmed_mean-s1".to_owned()));
        assert!(keys.iter().all(|key| !key.contains('.')), "a key is a file's name without its extension");
        assert!(robustness_runs(&robustness(&[0.5])).is_err());
        let few = Robustness { clients: 8, ..robustness(&[0.2]) };
        assert!(robustness_runs(&few).is_err(), "Krum with three faulty clients needs nine");
    }

    #[test]
    fn the_usual_room_is_the_one_for_which_nobody_chose_anything() {
        let rooms = vec![Room::usual(Architecture::Compact).unwrap()];
        let runs = robustness_runs(&Robustness { rooms, clients: 4, ..robustness(&[0.25]) }).unwrap();
        assert_eq!(runs.len(), (1 + Behaviour::ALL.len()) * 2);
        assert_eq!(runs[0].key(), "none-the-usual-room-s0");
        for run in &runs {
            assert_eq!((run.plan.aggregation, run.plan.influence_limit), (Aggregation::Median, Some(1.5)));
        }
    }

    #[test]
    fn the_table_has_a_cell_for_each_and_a_dash_where_nothing_came_of_it() {
        let robustness = robustness(&[0.2]);
        let dataset = paper::tests::dataset();
        let done: Vec<Done<Attacked>> = robustness_runs(&robustness)
            .unwrap()
            .into_iter()
            .map(|run| {
                let outcome = runs::tests::outcome(&run, &dataset);
                let failed = run.key().starts_with("noise-0_2-krum");
                Done { run, outcome: if failed { Err("no".to_owned()) } else { Ok(outcome) } }
            })
            .collect();
        let table = robustness_table(&robustness, &done, "chorus x");
        assert!(table.contains("| none | 0 of 10 | 25 | 25 | 25 | 25 | 25 | 25 |"), "{table}");
        assert!(table.contains("| noise | 2 of 10 | 25 | 25 | 25 | – | 25 | 25 |"), "{table}");
    }

    #[test]
    fn beside_a_single_room_stands_what_an_attack_costs_over_all_folds() {
        let robustness = Robustness {
            rooms: vec![Room::usual(Architecture::Compact).unwrap()],
            clients: 4,
            attacks: vec![Behaviour::Loud],
            folds: Some(5),
            ..robustness(&[0.25])
        };
        let dataset = paper::tests::dataset();
        let runs = robustness_runs(&robustness).unwrap();
        assert_eq!(runs.len(), 2 * 2 * 5, "with and without the attack, two seeds, five folds");
        let done: Vec<Done<Attacked>> = runs
            .into_iter()
            .map(|run| {
                let mut outcome = runs::tests::outcome(&run, &dataset);
                let attacked = run.condition.attack.is_some();
                for one in &mut outcome.predictions {
                    one.found = if attacked { 0 } else { one.truth };
                }
                Done { run, outcome: Ok(outcome) }
            })
            .collect();
        let table = robustness_table(&robustness, &done, "chorus x");
        assert!(table.contains("in turn, in 5 parts. 20 runs"), "{table}");
        assert!(table.contains("| attack | hostile | the usual room | lost (95 % interval) |"), "{table}");
        assert!(table.contains("| none | 0 of 4 | 100 | |"), "{table}");
        // Where one label of four is always found a quarter is left, whoever is drawn.
        assert!(table.contains("| loud | 1 of 4 | 25 | 75.0 (75.0 to 75.0) |"), "{table}");
        // A seed of which a fold could not be done says nothing.
        let mut failed = done;
        for one in failed.iter_mut().filter(|one| one.run.key().starts_with("none") && one.run.key().ends_with("f1of5"))
        {
            one.outcome = Err("no".to_owned());
        }
        let table = robustness_table(&robustness, &failed, "");
        assert!(table.contains("| none | 0 of 4 | – | |"), "{table}");
        assert!(table.contains("| loud | 1 of 4 | 25 | – |"), "{table}");
    }
}
