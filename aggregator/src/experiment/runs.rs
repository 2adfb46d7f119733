//! Runs one after the other, each stored as soon as it is done, so that what was stopped goes on where it was, and
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

    /// SHA-256 of its plan as it is stored, 64 hexadecimal digits: what of two runs has the same is the same simulation.
    pub fn hash(&self) -> String {
        // A plan has no map whose keys are no text, so that it can always be written.
        let plan = serde_json::to_vec(&self.plan).unwrap_or_default();
        digest(&SHA256, &plan).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Done<C = Condition> {
    /// The run.
    pub run: Run<C>,
    /// Its outcome, or in words why there is none.
    pub outcome: Result<Outcome, String>,
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
        let outcome: Outcome = serde_json::from_slice(&fs::read(self.path(run)).ok()?).ok()?;
        let Split { train, test } = simulator::split(&run.plan, dataset).ok()?;
        let tested = outcome.predictions.iter().map(|prediction| &prediction.file);
        let same_clips =
            outcome.training_clips == train.len() && tested.eq(test.iter().map(|&clip| &dataset.clips[clip].path));
        (outcome.plan == run.plan && same_clips).then_some(outcome)
    }

    /// Stores an outcome and gives it back as it will be read.
    ///
    /// # Errors
    /// The file can't be written.
    fn put<C: Repeated>(&self, run: &Run<C>, outcome: &Outcome) -> Result<Result<Outcome, String>> {
        let json = serde_json::to_vec(outcome)?;
        // JSON has no word for a number that is none, so such an outcome cannot be read back.
        let Ok(read) = serde_json::from_slice(&json) else {
            return Ok(Err("training went astray: its numbers are not finite".to_owned()));
        };
        write(&self.path(run), &json)?;
        Ok(Ok(read))
    }

    fn path<C: Repeated>(&self, run: &Run<C>) -> PathBuf {
        self.folder.join(run.key()).with_extension("json")
    }
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
    /// The run with this key is over.
    fn end(&mut self, key: &str, outcome: &Result<Outcome, String>);
}

/// Does all runs that are not stored yet. Gives `None` where the listener ended it; what was done by then is stored.
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
) -> Result<Option<Vec<Done<C>>>> {
    let mut keys: Vec<String> = runs.iter().map(Run::key).collect();
    keys.sort_unstable();
    ensure!(keys.windows(2).all(|pair| pair[0] != pair[1]), "two runs would be stored in one file");
    let stored: Vec<(Run<C>, Option<Outcome>)> = runs
        .into_iter()
        .map(|run| {
            let outcome = store.get(&run, dataset);
            (run, outcome)
        })
        .collect();
    let ahead = || stored.iter().filter(|(_, outcome)| outcome.is_none()).map(|(run, _)| run);
    // A run whose clips can't be divided has no steps, and says so when its turn comes.
    let steps = ahead().map(|run| simulator::steps(&run.plan, dataset).unwrap_or(0)).sum();
    listener.begin(steps, ahead().count(), stored.len());
    let mut all = Vec::with_capacity(stored.len());
    for (run, outcome) in stored {
        let outcome = match outcome {
            Some(outcome) => Ok(outcome),
            None => {
                let (listening, key) = (&*listener, run.key());
                let ran = simulator::run(&run.plan, dataset, || listening.step(), |round| listening.round(&key, round));
                let outcome = match ran {
                    Ok(Some(outcome)) => store.put(&run, &outcome)?,
                    Ok(None) => return Ok(None),
                    Err(error) => Err(format!("{error:#}")),
                };
                listener.end(&key, &outcome);
                all.push(Done { run, outcome });
                continue;
            }
        };
        all.push(Done { run, outcome });
    }
    Ok(Some(all))
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
        assert_eq!(store.put(&run, &outcome).unwrap(), Ok(outcome.clone()));
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
        store.put(&run, &outcome(&run, &dataset)).unwrap().unwrap();
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["e1-conv-centralised-adam-k1-s0.json"]);
        fs::write(folder.path().join(&names[0]), "{\"plan\":").unwrap();
        assert_eq!(store.get(&run, &dataset), None);
    }

    #[test]
    fn numbers_that_are_none_are_no_outcome() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_owned()).unwrap();
        let dataset = paper::tests::dataset();
        let run = paper::runs(&paper::tests::options(), &dataset).unwrap().remove(0);
        let astray = Outcome { loss: f64::NAN, ..outcome(&run, &dataset) };
        assert!(store.put(&run, &astray).unwrap().unwrap_err().contains("not finite"));
        assert_eq!(store.get(&run, &dataset), None);
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
