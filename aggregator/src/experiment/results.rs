//! Everything that is reported, worked out from the runs' outcomes: `results.json` is this, and the page draws it.

use std::path::PathBuf;

use corpus::Holdings;
use serde::Serialize;

use super::condition::{Condition, System};
use super::paper::{Experiment, Options};
use super::recipe::{self, Recipe};
use super::reference;
use super::repeat::command;
use super::runs::{self, Done, Repeated as _};
use super::statistics::{Answer, Difference, Spread, paired_bootstrap, significant};
use crate::simulator::{Dataset, LastFive, Means, Outcome, Scores};

/// All results of the experiments on a corpus.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// The program's version.
    pub version: &'static str,
    /// The command that made this.
    pub command: String,
    /// What was to be run.
    pub options: Options,
    /// The centralised recipe and the federated ones.
    pub recipes: Vec<Recipe>,
    /// What the corpus holds, in plain text.
    pub found: String,
    /// Files that were found but not used, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// What is to be known about the corpus.
    pub remarks: Vec<String>,
    /// Whether it is the paper's corpus.
    pub is_iemocap: bool,
    /// Clips and speakers that were tested, over all folds.
    pub tested: Tested,
    /// Experiment after experiment.
    pub conditions: Vec<Measured>,
    /// Differences between conditions.
    pub comparisons: Vec<Comparison>,
    /// Runs that could not be done.
    pub failures: Vec<Failure>,
    /// Every run.
    pub runs: Vec<Row>,
}

/// Who was tested.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tested {
    /// By name.
    pub speakers: Vec<String>,
    /// How many clips.
    pub clips: usize,
}

/// A condition, measured in one repetition or several.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// What was measured.
    #[serde(flatten)]
    pub condition: Condition,
    /// Its key.
    pub key: String,
    /// Seeds of which all runs were done.
    pub seeds: usize,
    /// Accuracy of the finished model.
    pub accuracy: Spread,
    /// Unweighted average recall.
    pub uar: Spread,
    /// Macro precision.
    pub precision: Spread,
    /// Macro F1.
    pub f1: Spread,
    /// UAR, precision and F1 over the labels that were found as well as those that have test clips, where these are more in a
    /// repetition: means over all repetitions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_found: Option<Means>,
    /// Means over the last five rounds.
    pub last_five: LastFiveSpread,
    /// Mean cross entropy in nats.
    pub loss: Spread,
    /// Seconds of training and aggregation.
    pub seconds: Spread,
    /// Bytes from the clients, over all rounds.
    pub bytes_up: f64,
    /// Bytes to the clients.
    pub bytes_down: f64,
    /// Parameters of the model.
    pub parameters: usize,
    /// Clips by true and found label, added up over seeds.
    pub confusion: Vec<Vec<u32>>,
    /// Scores of each label, in the models' order.
    pub per_label: Vec<LabelSpread>,
    /// Every round.
    pub curve: Vec<RoundSpread>,
    /// Who holds what in the first run.
    pub holdings: Holdings,
    /// The commands that repeat its runs, one a run.
    pub commands: Vec<String>,
    /// What the paper measured there.
    pub reference: Option<reference::Scores>,
    /// Answers to the test clips, seed by seed.
    #[serde(skip)]
    pub answers: Vec<Vec<Answer>>,
}

/// Means over the last five rounds.
#[derive(Debug, Clone, Serialize)]
pub struct LastFiveSpread {
    /// Accuracy.
    pub accuracy: Spread,
    /// Unweighted average recall.
    pub uar: Spread,
    /// Macro F1.
    pub f1: Spread,
}

/// Scores of a label.
#[derive(Debug, Clone, Serialize)]
pub struct LabelSpread {
    /// Precision.
    pub precision: Spread,
    /// Recall.
    pub recall: Spread,
    /// F1.
    pub f1: Spread,
    /// Test clips.
    pub support: u32,
}

/// A round. With folds, the scores are means over them.
#[derive(Debug, Clone, Serialize)]
pub struct RoundSpread {
    /// From 1.
    pub round: u32,
    /// Accuracy.
    pub accuracy: Spread,
    /// Unweighted average recall.
    pub uar: Spread,
    /// Macro F1.
    pub f1: Spread,
    /// Mean cross entropy in nats.
    pub loss: Spread,
    /// Megabytes sent both ways up to and with this round, on average over runs.
    pub megabytes: f64,
}

/// A difference between two conditions.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The first one's key.
    pub first: String,
    /// The second one's key.
    pub second: String,
    /// Both in words.
    pub words: String,
    /// First minus second.
    #[serde(flatten)]
    pub difference: Difference,
    /// Whether it is significant, with all that are compared.
    pub significant: bool,
}

/// A run that could not be done.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Its key.
    pub key: String,
    /// Why.
    pub reason: String,
    /// The command that shows it again.
    pub command: String,
}

/// A run, as a line of the table of all runs.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its key.
    pub key: String,
    /// Its condition.
    #[serde(flatten)]
    pub condition: Condition,
    /// How many clients it had.
    pub clients: usize,
    /// Its seed.
    pub seed: u32,
    /// What was measured, or nothing where it could not be done.
    pub measured: Option<RowScores>,
}

/// What a run measured.
#[derive(Debug, Clone, Serialize)]
pub struct RowScores {
    /// Accuracy of the finished model.
    pub accuracy: f64,
    /// Unweighted average recall.
    pub uar: f64,
    /// Macro precision.
    pub precision: f64,
    /// Macro F1.
    pub f1: f64,
    /// Means over the last five rounds.
    pub last_five: LastFive,
    /// Mean cross entropy in nats.
    pub loss: f64,
    /// Seconds of training and aggregation.
    pub seconds: f64,
    /// Bytes from the clients.
    pub bytes_up: u64,
    /// Bytes to the clients.
    pub bytes_down: u64,
    /// Parameters of the model.
    pub parameters: usize,
}

impl Results {
    /// Works everything out. `command` is what was typed.
    pub fn of(options: &Options, dataset: &Dataset, remarks: Vec<String>, done: &[Done], command: String) -> Self {
        let mut conditions: Vec<Condition> = Vec::new();
        for one in done {
            if !conditions.contains(&one.run.condition) {
                conditions.push(one.run.condition);
            }
        }
        let conditions: Vec<Measured> =
            conditions.into_iter().filter_map(|condition| measured(condition, done, options)).collect();
        let remarks = remarks.into_iter().chain(both_means(&conditions)).collect();
        let speakers = || dataset.clips.iter().map(|clip| &clip.speaker);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            command,
            options: options.clone(),
            recipes: [recipe::CENTRALISED].into_iter().chain(recipe::FEDERATED).collect(),
            found: dataset.found.clone(),
            skipped: dataset.skipped.clone(),
            remarks,
            is_iemocap: speakers().next().is_some() && speakers().all(|speaker| speaker.starts_with("iemocap_")),
            tested: tested(done),
            comparisons: comparisons(&conditions, options.labels.len()),
            conditions,
            failures: done.iter().filter_map(failure).collect(),
            runs: done.iter().map(row).collect(),
        }
    }

    /// How a condition differs from the one that its own experiment measures it by, where the two are compared.
    pub fn beside_baseline(&self, one: &Measured) -> Option<&Comparison> {
        let baseline = self.conditions.iter().find(|other| is_baseline(&other.condition, &one.condition))?;
        self.comparisons.iter().find(|compared| compared.first == one.key && compared.second == baseline.key)
    }

    /// The conditions of an experiment.
    pub fn of_experiment(&self, experiment: Experiment) -> impl Iterator<Item = &Measured> {
        self.conditions.iter().filter(move |one| one.condition.experiment == experiment)
    }
}

/// What a reader has to know who compares with scikit-learn or audmetric; None where it makes no difference.
fn both_means(conditions: &[Measured]) -> Option<String> {
    let told = conditions.iter().filter_map(|one| {
        let Means { uar, precision, f1 } = one.with_found?;
        Some(format!("{}: UAR {uar:.3}, precision {precision:.3}, F1 {f1:.3}", one.condition))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| {
        format!(
            "UAR, precision and F1 are means over the labels that have test clips. Here labels were found that have none; with \
             them, as scikit-learn’s macro average and audmetric count, it is {}.",
            told.join("; ")
        )
    })
}

/// A condition's repetitions, those seeds alone of which every fold was done; `None` where there are none.
fn measured(condition: Condition, done: &[Done], options: &Options) -> Option<Measured> {
    let runs: Vec<&Done> = done.iter().filter(|one| one.run.condition == condition).collect();
    let repetitions: Vec<Repetition> =
        runs::repetitions(done, &condition, options.seeds).filter_map(|outcomes| Repetition::of(&outcomes)).collect();
    let first = runs.iter().find_map(|one| one.outcome.as_ref().ok()).filter(|_| !repetitions.is_empty())?;
    let spread = |of: &dyn Fn(&Repetition) -> f64| Spread::of(repetitions.iter().map(of));
    let mean = |of: &dyn Fn(&Repetition) -> f64| spread(of).mean;
    let labels = options.labels.len();
    let mut confusion = vec![vec![0; labels]; labels];
    for (row, of_row) in confusion.iter_mut().enumerate() {
        for (column, count) in of_row.iter_mut().enumerate() {
            *count = repetitions.iter().map(|one| one.scores.confusion[row][column]).sum();
        }
    }
    let per_label = (0..labels).map(|label| LabelSpread {
        precision: spread(&|one| one.scores.per_label[label].precision),
        recall: spread(&|one| one.scores.per_label[label].recall),
        f1: spread(&|one| one.scores.per_label[label].f1),
        support: repetitions[0].scores.per_label[label].support,
    });
    let rounds = repetitions.iter().map(|one| one.curve.len()).min().unwrap_or(0);
    let curve = (0..rounds).map(|round| RoundSpread {
        round: round as u32 + 1,
        accuracy: spread(&|one| one.curve[round].accuracy),
        uar: spread(&|one| one.curve[round].uar),
        f1: spread(&|one| one.curve[round].f1),
        loss: spread(&|one| one.curve[round].loss),
        megabytes: mean(&|one| one.curve[round].megabytes),
    });
    Some(Measured {
        condition,
        key: condition.key(),
        seeds: repetitions.len(),
        accuracy: spread(&|one| one.scores.accuracy),
        uar: spread(&|one| one.scores.uar),
        precision: spread(&|one| one.scores.precision),
        f1: spread(&|one| one.scores.f1),
        with_found: repetitions.iter().any(|one| one.scores.with_found.is_some()).then(|| Means {
            uar: mean(&|one| one.scores.with_found.map_or(one.scores.uar, |all| all.uar)),
            precision: mean(&|one| one.scores.with_found.map_or(one.scores.precision, |all| all.precision)),
            f1: mean(&|one| one.scores.with_found.map_or(one.scores.f1, |all| all.f1)),
        }),
        last_five: LastFiveSpread {
            accuracy: spread(&|one| one.last_five.accuracy),
            uar: spread(&|one| one.last_five.uar),
            f1: spread(&|one| one.last_five.f1),
        },
        loss: spread(&|one| one.loss),
        seconds: spread(&|one| one.seconds),
        bytes_up: mean(&|one| one.bytes_up),
        bytes_down: mean(&|one| one.bytes_down),
        parameters: first.parameters,
        confusion,
        per_label: per_label.collect(),
        curve: curve.collect(),
        holdings: first.holdings.clone(),
        commands: runs.iter().map(|one| command(&one.run.plan)).collect(),
        reference: match condition.experiment {
            Experiment::Systems => reference::scores(condition.model, condition.system),
            Experiment::Clients | Experiment::Speakers => None,
        },
        answers: repetitions.into_iter().map(|one| one.answers).collect(),
    })
}

/// One seed, all folds together: predictions are pooled, everything else is the mean over folds.
struct Repetition {
    scores: Scores,
    last_five: LastFive,
    loss: f64,
    seconds: f64,
    bytes_up: f64,
    bytes_down: f64,
    curve: Vec<Round>,
    answers: Vec<Answer>,
}

struct Round {
    accuracy: f64,
    uar: f64,
    f1: f64,
    loss: f64,
    megabytes: f64,
}

impl Repetition {
    fn of(outcomes: &[&Outcome]) -> Option<Self> {
        let first = outcomes.first()?;
        let mean = |of: &dyn Fn(&Outcome) -> f64| {
            outcomes.iter().map(|outcome| of(outcome)).sum::<f64>() / outcomes.len() as f64
        };
        let answers = Answer::pooled(outcomes.iter().copied());
        let truth: Vec<usize> = answers.iter().map(|answer| answer.truth).collect();
        let found: Vec<usize> = answers.iter().map(|answer| answer.found).collect();
        let rounds = outcomes.iter().map(|outcome| outcome.rounds.len()).min().unwrap_or(0);
        let megabytes = |outcome: &Outcome, round: usize| {
            let bytes: u64 = outcome.rounds[..=round].iter().map(|one| one.bytes_up + one.bytes_down).sum();
            bytes as f64 / 1e6
        };
        let curve = (0..rounds).map(|round| Round {
            accuracy: mean(&|outcome| outcome.rounds[round].accuracy),
            uar: mean(&|outcome| outcome.rounds[round].uar),
            f1: mean(&|outcome| outcome.rounds[round].f1),
            loss: mean(&|outcome| outcome.rounds[round].loss),
            megabytes: mean(&|outcome| megabytes(outcome, round)),
        });
        Some(Self {
            scores: Scores::of_labels(&truth, &found, first.plan.labels.len()),
            last_five: LastFive {
                accuracy: mean(&|outcome| outcome.last_five.accuracy),
                uar: mean(&|outcome| outcome.last_five.uar),
                f1: mean(&|outcome| outcome.last_five.f1),
            },
            loss: mean(&|outcome| outcome.loss),
            seconds: mean(&|outcome| outcome.seconds),
            bytes_up: mean(&|outcome| outcome.bytes_up as f64),
            bytes_down: mean(&|outcome| outcome.bytes_down as f64),
            curve: curve.collect(),
            answers,
        })
    }
}

/// Whether a condition is what another is measured by: the centralised model of the same network, and where clients are counted, one client
/// that has everything.
fn is_baseline(baseline: &Condition, of: &Condition) -> bool {
    let same = baseline.model == of.model && baseline != of;
    same && match of.experiment {
        Experiment::Clients => *baseline == Condition { clients: Some(1), ..*of },
        Experiment::Systems | Experiment::Speakers => baseline.system == System::Centralised,
    }
}

/// The differences of which the report speaks: each system from the centralised model, each number of clients from one, each recipe from
/// the paper's, and each model from `compact`.
fn comparisons(conditions: &[Measured], labels: usize) -> Vec<Comparison> {
    let centralised = |one: &Measured| one.condition.system == System::Centralised;
    let federated = |one: &Measured| one.condition.experiment != Experiment::Clients && !centralised(one);
    let mut pairs: Vec<(&Measured, &Measured)> = Vec::new();
    for one in conditions.iter().filter(|one| !centralised(one)) {
        let baseline = conditions.iter().find(|other| is_baseline(&other.condition, &one.condition));
        pairs.extend(baseline.map(|baseline| (one, baseline)));
    }
    for one in conditions.iter().filter(|one| federated(one) && one.condition.recipe != "paper") {
        let of_paper = Condition { recipe: "paper", ..one.condition };
        pairs.extend(conditions.iter().find(|other| other.condition == of_paper).map(|other| (one, other)));
    }
    if let Some(compact) = conditions.iter().find(|one| centralised(one) && one.condition.model.name() == "compact") {
        let others = conditions.iter().filter(|one| centralised(one) && one.key != compact.key);
        pairs.extend(others.map(|other| (compact, other)));
    }
    let compared = pairs.into_iter().filter_map(|(first, second)| {
        Some(Comparison {
            first: first.key.clone(),
            second: second.key.clone(),
            words: format!("{} − {}", first.condition, second.condition),
            difference: paired_bootstrap(&first.answers, &second.answers, labels)?,
            significant: false,
        })
    });
    let mut compared: Vec<Comparison> = compared.collect();
    let chances: Vec<f64> = compared.iter().map(|one| one.difference.p).collect();
    for (one, significant) in compared.iter_mut().zip(significant(&chances)) {
        one.significant = significant;
    }
    compared
}

/// Who is tested in the repetitions of one condition: all folds of one seed.
fn tested(done: &[Done]) -> Tested {
    let Some(first) = done.iter().find(|one| one.outcome.is_ok()) else { return Tested::default() };
    let same = |one: &&Done| one.run.condition == first.run.condition && one.run.plan.seed == first.run.plan.seed;
    let outcomes = || done.iter().filter(same).filter_map(|one| one.outcome.as_ref().ok());
    let mut speakers: Vec<String> = outcomes().flat_map(|outcome| outcome.test_speakers.clone()).collect();
    speakers.sort();
    speakers.dedup();
    Tested { speakers, clips: outcomes().map(|outcome| outcome.test_clips).sum() }
}

fn failure(done: &Done) -> Option<Failure> {
    let reason = done.outcome.as_ref().err()?.clone();
    Some(Failure { key: done.run.key(), reason, command: command(&done.run.plan) })
}

fn row(done: &Done) -> Row {
    let measured = done.outcome.as_ref().ok().map(|outcome| RowScores {
        accuracy: outcome.scores.accuracy,
        uar: outcome.scores.uar,
        precision: outcome.scores.precision,
        f1: outcome.scores.f1,
        last_five: outcome.last_five,
        loss: outcome.loss,
        seconds: outcome.seconds,
        bytes_up: outcome.bytes_up,
        bytes_down: outcome.bytes_down,
        parameters: outcome.parameters,
    });
    let Done { run, .. } = done;
    Row { key: run.key(), condition: run.condition, clients: run.plan.clients, seed: run.plan.seed, measured }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::paper::{runs, tests};
    use crate::experiment::runs::tests::outcome;

    /// All runs of experiment 1 with five folds, each with a made-up outcome.
    fn folded() -> (Options, Dataset, Vec<Done>) {
        let options = Options { folds: Some(5), experiments: vec![Experiment::Systems], ..tests::options() };
        let dataset = tests::dataset();
        let done = runs(&options, &dataset).unwrap().into_iter().map(|run| {
            let outcome = Outcome { seconds: f64::from(run.plan.seed), ..outcome(&run, &dataset) };
            Done { run, outcome: Ok(outcome) }
        });
        let done = done.collect();
        (options, dataset, done)
    }

    #[test]
    fn folds_are_pooled_and_seeds_are_repetitions() {
        let (options, dataset, done) = folded();
        let results = Results::of(&options, &dataset, Vec::new(), &done, "chorus".to_owned());
        assert_eq!(results.conditions.len(), 2 * 7);
        assert_eq!((results.tested.clips, results.runs.len()), (40, done.len()));
        let first = &results.conditions[0];
        assert_eq!(first.seconds.values, [0.0, 1.0, 2.0]);
        assert_eq!(first.seconds.deviation, Some(1.0));
        // Ten clips of each label, three seeds, everything taken for the first label.
        assert!(first.confusion.iter().all(|row| row == &[30, 0, 0, 0]), "{:?}", first.confusion);
        assert_eq!((first.uar.mean, first.accuracy.mean, first.precision.mean), (0.25, 0.25, 0.0625));
        assert_eq!(first.per_label[0].support, 10);
        assert_eq!(first.commands.len(), 3 * 5);
        assert_eq!(first.reference.unwrap().accuracy, 0.32);
        assert!(!results.comparisons.is_empty());
        assert!(results.comparisons.iter().all(|one| one.difference.uar == 0.0 && !one.difference.is_shown()));
    }

    #[test]
    fn numbers_of_clients_are_measured_by_one_client_and_systems_by_the_centralised_model() {
        let experiments = vec![Experiment::Systems, Experiment::Clients];
        let options = Options { folds: Some(5), seeds: 1, experiments, ..tests::options() };
        let dataset = tests::dataset();
        let done = runs(&options, &dataset).unwrap().into_iter().map(|run| {
            let outcome = Ok(outcome(&run, &dataset));
            Done { run, outcome }
        });
        let results = Results::of(&options, &dataset, Vec::new(), &done.collect::<Vec<_>>(), "chorus".to_owned());
        let baseline = |key: &str| {
            let one = results.conditions.iter().find(|one| one.key == key).unwrap();
            results.beside_baseline(one).map(|compared| compared.second.as_str())
        };
        assert_eq!(baseline("e2-conv-random-fedavg-k5"), Some("e2-conv-random-fedavg-k1"));
        assert_eq!(baseline("e2-conv-random-fedavg-k1"), None);
        assert_eq!(baseline("e1-lstm-single-emotion-gradient-k4"), Some("e1-lstm-centralised-adam-k1"));
        assert_eq!(baseline("e1-lstm-centralised-adam-k1"), None);
        // All answer alike, and of five speakers no difference could be told.
        assert!(results.comparisons.iter().all(|one| one.difference.p == 1.0 && !one.significant));
        let page = crate::experiment::page(&results);
        assert!(page.contains("With 5 test speakers none can be, since no p is below 0.06"), "{page}");
        assert!(
            page.contains("Figure 7 of the paper: 0.41 (1), 0.46 (2)"),
            "the paper's dots are in its panel of conv"
        );
    }

    #[test]
    fn a_seed_without_one_of_its_folds_is_left_out_and_told() {
        let (options, dataset, mut done) = folded();
        done[7].outcome = Err("the disk is on fire".to_owned());
        let results = Results::of(&options, &dataset, Vec::new(), &done, "chorus".to_owned());
        assert_eq!(results.conditions[0].seeds, 2);
        assert_eq!(results.conditions[0].seconds.values, [0.0, 2.0]);
        assert_eq!(results.failures[0].key, "e1-conv-centralised-adam-k1-s1-f3of5");
        assert!(results.failures[0].command.contains("--fold 3/5"));
        assert!(results.runs[7].measured.is_none());
        let page = crate::experiment::page(&results);
        assert!(page.contains("the disk is on fire") && page.contains("2 of 3 seeds"));
    }

    #[test]
    fn a_page_without_a_single_result_is_still_a_page() {
        let (options, dataset, mut done) = folded();
        for one in &mut done {
            one.outcome = Err("<script>".to_owned());
        }
        let results = Results::of(&options, &dataset, Vec::new(), &done, "chorus --out 'a & b'".to_owned());
        let page = crate::experiment::page(&results);
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;") && page.contains("a &amp; b"));
        assert!(!page.contains("NaN") && page.contains("210 of 210 runs could not be done"));
    }
}
