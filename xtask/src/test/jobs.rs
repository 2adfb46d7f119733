//! Runs the programs of tests, two at a time, and counts what passed. Must not know what they test.

use std::{
    collections::VecDeque,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, say};

/// A program of tests that is still to run.
pub struct Job {
    /// What a person calls it.
    pub name: String,
    pub command: Command,
    /// Whether its output counts tests; one that does not is one test.
    pub counts: bool,
    /// Whether nothing may run beside it, as where sound is recorded while the clock runs.
    pub alone: bool,
}

impl Job {
    /// A program that prints how many tests passed, as Rust's and Node's do.
    pub fn counted(name: impl Into<String>, command: Command) -> Job {
        Job { name: name.into(), command, counts: true, alone: false }
    }

    /// A program that either succeeds or does not.
    pub fn one(name: impl Into<String>, command: Command) -> Job {
        Job { name: name.into(), command, counts: false, alone: false }
    }
}

/// Runs all jobs: those first that are to be alone, then the others in two lanes. One lane begins with the first (those that wait for browsers), another with the last (those that
/// compute), so that neither the processor nor the clock is waited for alone. What a job prints goes into a file of
/// `logs` while it runs and is shown in one piece when it has ended.
///
/// # Errors
/// Names the jobs that failed, after the last has ended; or a program that could not be started.
pub fn run(jobs: Vec<Job>, logs: &Path) -> Result<()> {
    let started = Instant::now();
    fs::create_dir_all(logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let count = jobs.len();
    let (alone, others) = jobs.into_iter().enumerate().partition(|(_, job)| job.alone);
    let mut outcomes = in_lanes(alone, &[true], count, logs)?;
    outcomes.extend(in_lanes(others, &[true, false], count, logs)?);
    outcomes.sort_by_key(|(place, _)| *place);
    let outcomes: Vec<Outcome> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    summarise(&outcomes, started.elapsed())
}

/// Runs jobs, each with its place among the `count` of all, in lanes beside each other that begin at the front or at the back.
fn in_lanes(jobs: Vec<(usize, Job)>, lanes: &[bool], count: usize, logs: &Path) -> Result<Vec<(usize, Outcome)>> {
    let waiting = Mutex::new(VecDeque::from(jobs));
    let next = |from_the_front: bool| {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if from_the_front { waiting.pop_front() } else { waiting.pop_back() }
    };
    let printing = Mutex::new(());
    let lane = |from_the_front: bool| -> Result<Vec<(usize, Outcome)>> {
        let mut outcomes = Vec::new();
        while let Some((place, job)) = next(from_the_front) {
            let name = format!("[{}/{count}] {}", place + 1, job.name);
            let log = logs.join(format!("{:02}.log", place + 1));
            say(format!("{name} begins; {}", log.display()));
            let (outcome, printed) = watch(name, job, &log)?;
            let _whole = printing.lock().unwrap_or_else(PoisonError::into_inner);
            say(format!("{} {} after {:.1} s", outcome.name, outcome.word(), outcome.took.as_secs_f64()));
            print!("{printed}");
            outcomes.push((place, outcome));
        }
        Ok(outcomes)
    };
    thread::scope(|scope| {
        let lane = &lane;
        let running: Vec<_> = lanes.iter().map(|&from_the_front| scope.spawn(move || lane(from_the_front))).collect();
        running.into_iter().try_fold(Vec::new(), |mut all, lane| {
            all.extend(lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            Ok(all)
        })
    })
}

/// Runs a program of tests and counts; also what it printed. Its output goes into a file rather than a pipe, which a browser
/// that outlives its test would hold open.
fn watch(name: String, job: Job, log: &PathBuf) -> Result<(Outcome, String)> {
    let started = Instant::now();
    let Job { mut command, counts, .. } = job;
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let shown = process::show(&command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    let took = started.elapsed();
    // A test may print anything at all.
    let printed = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let succeeded = status.success();
    let counts = match counts {
        true => printed.lines().filter_map(Counts::of).fold(Counts::default(), Counts::add),
        false => Counts { passed: succeeded.into(), failed: (!succeeded).into(), ignored: 0 },
    };
    Ok((Outcome { name, succeeded, counts, took }, printed))
}

/// How a program of tests ended.
struct Outcome {
    name: String,
    succeeded: bool,
    counts: Counts,
    took: Duration,
}

impl Outcome {
    fn word(&self) -> &'static str {
        if self.succeeded { "ok" } else { "FAILED" }
    }
}

/// Tests, as the closing lines of the programs count them.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Counts {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Counts {
    fn add(self, other: Counts) -> Counts {
        Counts {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }

    /// Of "test result: ok. 3 passed; 0 failed; 1 ignored; …", or of Node's "# pass 3", each in a line of its own.
    fn of(line: &str) -> Option<Counts> {
        let node = |what: &str| line.strip_prefix(what)?.trim().parse().ok();
        if let Some(passed) = node("# pass ") {
            return Some(Counts { passed, ..Counts::default() });
        }
        if let Some(failed) = node("# fail ") {
            return Some(Counts { failed, ..Counts::default() });
        }
        let rest = line.strip_prefix("test result: ")?;
        let count = |what: &str| {
            let part = rest.split([';', '.']).find(|part| part.ends_with(what))?;
            part.split_whitespace().next()?.parse().ok()
        };
        Some(Counts { passed: count("passed")?, failed: count("failed")?, ignored: count("ignored")? })
    }
}

fn summarise(outcomes: &[Outcome], took: Duration) -> Result<()> {
    println!("\nSummary");
    for outcome in outcomes {
        let Outcome { name, counts: Counts { passed, failed, ignored }, took, .. } = outcome;
        let word = outcome.word();
        println!(
            "{word:<7} {name:<56} {passed:>4} passed {failed:>3} failed {ignored:>3} ignored {:>7.1} s",
            took.as_secs_f64()
        );
    }
    let all = outcomes.iter().fold(Counts::default(), |sum, outcome| sum.add(outcome.counts));
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| !outcome.succeeded).map(|outcome| &*outcome.name).collect();
    println!(
        "\nall tests: {}. {} passed; {} failed; {} ignored; finished in {} min {} s",
        if failed.is_empty() { "ok" } else { "FAILED" },
        all.passed,
        all.failed,
        all.ignored,
        took.as_secs() / 60,
        took.as_secs() % 60,
    );
    if !failed.is_empty() {
        bail!("these failed: {}", failed.join(", "));
    }
    ensure!(all.passed > 0, "not one test ran");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_a_test_program_is_counted() {
        let line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.74s";
        assert_eq!(Counts::of(line), Some(Counts { passed: 3, failed: 0, ignored: 1 }));
        let line = "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";
        assert_eq!(Counts::of(line), Some(Counts { passed: 12, failed: 2, ignored: 0 }));
        assert_eq!(Counts::of("# pass 7"), Some(Counts { passed: 7, failed: 0, ignored: 0 }));
        assert_eq!(Counts::of("test a_test_result_is_ok ... ok"), None);
    }

    #[test]
    fn every_job_runs_and_one_that_fails_is_named() {
        let logs = tempfile::tempdir().unwrap();
        let job = |name: &str, argument: &str, alone: bool| {
            let mut command = process::cargo();
            command.arg(argument);
            Job { alone, ..Job::one(name, command) }
        };
        let good = || vec![job("a", "--version", false), job("b", "--version", true), job("c", "--version", false)];
        assert!(run(good(), logs.path()).is_ok());
        for place in 1..=3 {
            assert!(fs::read_to_string(logs.path().join(format!("0{place}.log"))).unwrap().starts_with("cargo "));
        }
        let mut jobs = good();
        jobs.push(job("d", "--no-such-option", true));
        let failure = run(jobs, logs.path()).unwrap_err().to_string();
        assert!(failure.contains("] d") && !failure.contains("] a"), "{failure}");
    }
}
