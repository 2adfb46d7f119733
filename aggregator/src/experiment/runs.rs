//! Runs, carried out here or by others, each stored as soon as it is done, so that what was stopped goes on where it was, and
//! nothing is done twice.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use corpus::Split;
use ring::digest::{SHA256, digest};

use super::condition::Condition;
use crate::simulator::{self, Dataset, Outcome, Plan, RoundOutcome, TestSpeakers};

/// What runs repeat that differ only in seed and fold.
pub trait Repeated {
    /// Its name, which may stand in a file's name.
    fn key(&self) -> String;
}

/// One simulation of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Run<C = Condition> {
    /// What it repeats.
    pub condition: C,
    /// Everything that decides what comes out.
    pub plan: Plan,
}

impl<C: Repeated> Run<C> {
    /// Its name, which may stand in a file's name.
    pub fn key(&self) -> String {
        let fold = match self.plan.test {
            TestSpeakers::Fold { index, of } => format!("-f{}of{of}", index + 1),
            TestSpeakers::Usual | TestSpeakers::Named(_) | TestSpeakers::OwnSplit => String::new(),
        };
        format!("{}-s{}{fold}", self.condition.key(), self.plan.seed)
    }

    /// As [`hash`] of its plan.
    pub fn hash(&self) -> String {
        hash(&self.plan)
    }
}

/// SHA-256 of a plan as it is stored, 64 hexadecimal digits: what of two runs has the same is the same simulation.
pub fn hash(plan: &Plan) -> String {
    // A plan has no map whose keys are no text, so that it can always be written.
    hexadecimal(digest(&SHA256, &serde_json::to_vec(plan).unwrap_or_default()).as_ref())
}

/// Bytes as two digits each.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Done<C = Condition> {
    /// The run.
    pub run: Run<C>,
    /// Its outcome, or in words why there is none.
    pub outcome: Result<Outcome, String>,
}

/// What came of a condition's repetitions, seed by seed: the outcomes of all folds. A seed of which one could not be done is left out.
pub fn repetitions<'a, C: PartialEq>(
    done: &'a [Done<C>],
    condition: &C,
    seeds: u32,
) -> impl Iterator<Item = Vec<&'a Outcome>> {
    (0..seeds).filter_map(move |seed| {
        let folds = done.iter().filter(|one| one.run.condition == *condition && one.run.plan.seed == seed);
        let outcomes: Option<Vec<&Outcome>> = folds.map(|one| one.outcome.as_ref().ok()).collect();
        outcomes.filter(|outcomes| !outcomes.is_empty())
    })
}

/// A folder with the outcomes of runs, one file each.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub fn open(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
        // An hour of training is not begun for a folder that takes no files.
        // It has no name, for others may be doing the same here at this moment.
        tempfile::tempfile_in(&folder).with_context(|| format!("can't write in {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// The stored outcome of just this run on just these clips; anything else that lies in its place is as good as none.
    pub fn get<C: Repeated>(&self, run: &Run<C>, dataset: &Dataset) -> Option<Outcome> {
        let outcome: Outcome = serde_json::from_slice(&fs::read(self.path(&run.key())).ok()?).ok()?;
        is_of(&outcome, &run.plan, dataset).then_some(outcome)
    }

    /// Stores the outcome of the run with this key.
    ///
    /// # Errors
    /// The file can't be written.
    fn put(&self, key: &str, outcome: &Outcome) -> Result<()> {
        write(&self.path(key), &serde_json::to_vec(outcome)?)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(key).with_extension("json")
    }
}

/// Whether an outcome is that of just this plan on just these clips.
pub fn is_of(outcome: &Outcome, plan: &Plan, dataset: &Dataset) -> bool {
    let Ok(Split { train, test }) = simulator::split(plan, dataset) else { return false };
    let tested = outcome.predictions.iter().map(|prediction| &prediction.file);
    outcome.plan == *plan
        && outcome.training_clips == train.len()
        && tested.eq(test.iter().map(|&clip| &dataset.clips[clip].path))
}

/// Writes a file aside and moves it into its place, so that nothing half written is ever found there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    fs::write(&aside, bytes).with_context(|| format!("can't write {}", aside.display()))?;
    fs::rename(&aside, path).with_context(|| format!("can't write {}", path.display()))
}

/// Hears how the runs go on.
pub trait Listener {
    /// So many training steps are ahead in all, for so many runs that are not stored yet, of so many.
    fn begin(&mut self, steps: u64, ahead: usize, all: usize);
    /// A training step was made, perhaps on another thread; breaking ends everything.
    fn step(&self) -> ControlFlow<()>;
    /// The run with this key has gone through a round.
    fn round(&self, key: &str, round: &RoundOutcome);
    /// What other programs are doing; breaking ends the waiting for them.
    #[cfg(feature = "cluster")]
    fn elsewhere(&self, view: &super::View) -> ControlFlow<()>;
    /// The run with this key is over.
    fn end(&mut self, key: &str, outcome: &Result<Outcome, String>);
}

/// A run that is not stored yet.
pub struct Ahead<'a> {
    /// Its name.
    pub key: String,
    /// What is to be done.
    pub plan: &'a Plan,
    /// Training steps of it all.
    pub steps: u64,
}

/// Who carries runs out.
pub trait Carrier {
    /// Waits until one of the runs that are ahead is over; gives its place among them and what came of it, or in words why nothing
    /// did. `None` where the listener ended it.
    ///
    /// # Errors
    /// No run can be carried out any more.
    fn next(
        &mut self,
        ahead: &[Ahead<'_>],
        dataset: &Dataset,
        listener: &(impl Listener + Sync),
    ) -> Result<Option<(usize, Result<Outcome, String>)>>;
}

/// This program itself, one run after the other.
pub struct Here;

impl Carrier for Here {
    fn next(
        &mut self,
        ahead: &[Ahead<'_>],
        dataset: &Dataset,
        listener: &(impl Listener + Sync),
    ) -> Result<Option<(usize, Result<Outcome, String>)>> {
        let Ahead { key, plan, .. } = &ahead[0];
        let outcome = carry_out(plan, dataset, || listener.step(), |round| listener.round(key, round));
        Ok(outcome.map(|outcome| (0, outcome)))
    }
}

/// Carries one plan out, wherever and for whomever. Gives its outcome as it will be read, or in words why there is none; `None` where
/// `on_step` ended it.
pub fn carry_out(
    plan: &Plan,
    dataset: &Dataset,
    on_step: impl Fn() -> ControlFlow<()> + Sync,
    on_round: impl FnMut(&RoundOutcome) + Send,
) -> Option<Result<Outcome, String>> {
    match simulator::run(plan, dataset, on_step, on_round) {
        Ok(outcome) => outcome.map(|outcome| as_read(&outcome)),
        Err(error) => Some(Err(format!("{error:#}"))),
    }
}

/// An outcome as it comes back from where it is stored.
fn as_read(outcome: &Outcome) -> Result<Outcome, String> {
    let json = serde_json::to_vec(outcome).map_err(|error| error.to_string())?;
    // JSON has no word for a number that is none, so such an outcome cannot be read back.
    serde_json::from_slice(&json).map_err(|_| "training went astray: its numbers are not finite".to_owned())
}

/// Has all runs carried out that are not stored yet. Gives `None` where the listener ended it; what was done by then is stored.
///
/// A run that can't be done stands in the result with its reason, and the others are done all the same.
///
/// # Errors
/// An outcome can't be stored, or two runs have the same key.
pub fn execute<C: Repeated>(
    runs: Vec<Run<C>>,
    dataset: &Dataset,
    store: &Store,
    listener: &mut (impl Listener + Sync),
    carrier: &mut impl Carrier,
) -> Result<Option<Vec<Done<C>>>> {
    let mut keys: Vec<String> = runs.iter().map(Run::key).collect();
    keys.sort_unstable();
    ensure!(keys.windows(2).all(|pair| pair[0] != pair[1]), "two runs would be stored in one file");
    let mut outcomes: Vec<Option<Result<Outcome, String>>> =
        runs.iter().map(|run| store.get(run, dataset).map(Ok)).collect();
    let mut places: Vec<usize> = (0..runs.len()).filter(|&place| outcomes[place].is_none()).collect();
    let mut ahead: Vec<Ahead<'_>> = (places.iter().map(|&place| &runs[place]))
        .map(|run| Ahead {
            key: run.key(),
            plan: &run.plan,
            // A run whose clips can't be divided has no steps, and says so when its turn comes.
            steps: simulator::steps(&run.plan, dataset).unwrap_or(0),
        })
        .collect();
    listener.begin(ahead.iter().map(|run| run.steps).sum(), ahead.len(), runs.len());
    while !ahead.is_empty() {
        let Some((which, outcome)) = carrier.next(&ahead, dataset, listener)? else { return Ok(None) };
        let Ahead { key, .. } = ahead.remove(which);
        if let Ok(outcome) = &outcome {
            store.put(&key, outcome)?;
        }
        listener.end(&key, &outcome);
        outcomes[places.remove(which)] = Some(outcome);
    }
    drop(ahead);
    Ok(Some(
        runs.into_iter().zip(outcomes).filter_map(|(run, outcome)| Some(Done { run, outcome: outcome? })).collect(),
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::experiment::paper;
    use crate::simulator::{LastFive, Scores};

    /// A run's outcome where a model answers with the first label to everything.
    pub fn outcome<C>(run: &Run<C>, dataset: &Dataset) -> Outcome {
        let Split { train, test } = dataset.split(&run.plan.test).unwrap();
        let predictions = test.iter().map(|&clip| {
            let spoken = &dataset.clips[clip];
            json!({ "file": spoken.path, "speaker": spoken.speaker, "truth": spoken.example.label, "found": 0 })
        });
        Outcome {
            plan: run.plan.clone(),
            scores: Scores::of(&[vec![2, 0], vec![2, 0]]),
            loss: 1.5,
            last_five: LastFive { accuracy: 0.5, uar: 0.5, f1: 0.1 },
            rounds: Vec::new(),
            seconds: 1.0,
            bytes_up: 1,
            bytes_down: 2,
            parameters: 3,
            training_clips: train.len(),
            test_clips: test.len(),
            test_speakers: Vec::new(),
            holdings: corpus::Holdings { labels: Vec::new(), counts: Vec::new(), speakers: Vec::new() },
            predictions: serde_json::from_value(predictions.collect()).unwrap(),
            of_few_clips: Vec::new(),
            tunings: Vec::new(),
            skipped: Vec::new(),
        }
    }

    #[test]
    fn only_the_outcome_of_the_same_plan_on_the_same_clips_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("deep/runs")).unwrap();
        let mut dataset = paper::tests::dataset();
        let run = paper::runs(&paper::tests::options(), &dataset).unwrap().remove(0);
        assert_eq!(store.get(&run, &dataset), None);
        let outcome = outcome(&run, &dataset);
        assert_eq!(as_read(&outcome), Ok(outcome.clone()));
        store.put(&run.key(), &outcome).unwrap();
        assert_eq!(store.get(&run, &dataset), Some(outcome));
        let other = Run { plan: Plan { rounds: 7, ..run.plan.clone() }, ..run.clone() };
        assert_eq!(store.get(&other, &dataset), None, "another plan under the same key");
        dataset.clips.pop();
        assert_eq!(store.get(&run, &dataset), None, "the corpus has changed");
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none_and_nothing_half_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_owned()).unwrap();
        let dataset = paper::tests::dataset();
        let run = paper::runs(&paper::tests::options(), &dataset).unwrap().remove(0);
        store.put(&run.key(), &outcome(&run, &dataset)).unwrap();
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["e1-conv-centralised-adam-k1-s0.json"]);
        fs::write(folder.path().join(&names[0]), "{\"plan\":").unwrap();
        assert_eq!(store.get(&run, &dataset), None);
    }

    #[test]
    fn numbers_that_are_none_are_no_outcome() {
        let dataset = paper::tests::dataset();
        let run = paper::runs(&paper::tests::options(), &dataset).unwrap().remove(0);
        let astray = Outcome { loss: f64::NAN, ..outcome(&run, &dataset) };
        assert!(as_read(&astray).unwrap_err().contains("not finite"));
    }

    #[test]
    fn a_folder_that_takes_no_files_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let message = format!("{:#}", Store::open(file.join("runs")).unwrap_err());
        assert!(message.starts_with("can't make the folder"), "{message}");
    }
}
