//! `chorus work`: carries out what `chorus experiment --queue` puts into a queue, until Ctrl-C.

use std::path::PathBuf;

use anyhow::Result;

use super::queue::QueueOptions;

const EXAMPLES: &str = "Examples:
  chorus work --queue nats://10.0.0.5:4222 --data voices
  chorus work --queue nats://10.0.0.5:4222 --data /scratch/emodb --data /scratch/ravdess --idle 60

On as many machines as you like, one program on each; it uses all cores. A plan's recordings are looked for in the folders of --data,
by the end of their paths, and no other folder is read. They have to be those of the experiment, to the last bit; a plan of others,
or of another version of chorus, is left to other workers.
Press Ctrl-C to stop: the plan goes to another worker. So it does, 20 s later, when this program or its machine dies.
Exit codes: 0 it was stopped, or there was nothing to do any more; 1 the queue cannot be used.";

/// Carry out the runs that `chorus experiment --queue` waits for.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Folder of labelled speech that may be read for a plan; may be given again
    #[arg(long, value_name = "DIR", required = true)]
    data: Vec<PathBuf>,
    /// Where features are kept between runs [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// End when the queue was empty for so many seconds [default: stay]
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,
    #[command(flatten)]
    queue: QueueOptions,
}

/// Runs the command.
#[cfg(not(feature = "cluster"))]
pub fn run(arguments: Arguments) -> Result<()> {
    let Arguments { queue, data: _, cache: _, idle: _ } = arguments;
    queue.open()?;
    anyhow::bail!("give the queue with --queue")
}

#[cfg(feature = "cluster")]
pub use working::run;

#[cfg(feature = "cluster")]
mod working {
    use std::ops::ControlFlow;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use anyhow::Context as _;
    use indicatif::ProgressBar;

    use super::*;
    use crate::commands::interrupt::on_interrupt;
    use crate::commands::progress::{self, bar};
    use crate::experiment::{Ended, Hearing, Worker};
    use crate::simulator::{FeatureCache, Plan, RoundOutcome};

    /// How long between two tries to reach the queue.
    const AGAIN: Duration = Duration::from_secs(1);

    /// Runs the command.
    pub fn run(arguments: Arguments) -> Result<()> {
        let Arguments { queue: options, data, cache, idle } = arguments;
        let queue = options.open()?.context("give the queue with --queue")?;
        let cache = cache.map(FeatureCache::new).or_else(FeatureCache::of_this_user);
        let hearing = Told::new(on_interrupt()?);
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let mut read = |plan: &Plan, places: &[PathBuf]| {
            progress::read(places, &[], &plan.labels, &plan.reading, plan.normalisation, cache.as_ref())
        };
        let mut worker = Worker::new(&queue, format!("{host}-{}", std::process::id()), data, &mut read);
        eprintln!("waiting for plans at {}", options.shown());
        let mut since = Instant::now();
        while !hearing.interrupted.load(Ordering::Relaxed) {
            let turn = worker.turn(&hearing);
            // What another worker has may come back.
            if idle.is_some() && !(matches!(turn, Ok(Ended::Idle)) && queue.is_empty().is_ok_and(|empty| empty)) {
                since = Instant::now();
            }
            match turn {
                Ok(Ended::Idle) if idle.is_some_and(|idle| since.elapsed() > Duration::from_secs(idle)) => break,
                Ok(Ended::Idle) => hearing.tell_once(None),
                Ok(Ended::Done(key, outcome)) => hearing.tell(&format!("{key}: {}", progress::came_of(&outcome))),
                Ok(Ended::Left(why)) => hearing.tell_once(Some(&format!("left to other workers: {why}"))),
                Err(error) => {
                    hearing.tell_once(Some(&format!("the queue cannot be used, and is tried again: {error:#}")));
                    sleep(AGAIN);
                }
            }
        }
        Ok(())
    }

    /// A bar on a terminal for the plan that is done, and a line for each that is over.
    struct Told {
        bar: Mutex<ProgressBar>,
        last: Mutex<Option<String>>,
        interrupted: Arc<AtomicBool>,
    }

    impl Told {
        fn new(interrupted: Arc<AtomicBool>) -> Self {
            Self { bar: Mutex::new(ProgressBar::hidden()), last: Mutex::default(), interrupted }
        }

        fn bar(&self) -> ProgressBar {
            self.bar.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        fn tell(&self, words: &str) {
            self.bar().finish_and_clear();
            eprintln!("{words}");
        }

        /// Says what is not what was said last.
        fn tell_once(&self, words: Option<&str>) {
            let last = std::mem::replace(
                &mut *self.last.lock().unwrap_or_else(PoisonError::into_inner),
                words.map(str::to_owned),
            );
            if let Some(words) = words.filter(|words| last.as_deref() != Some(words)) {
                self.tell(words);
            }
        }
    }

    impl Hearing for Told {
        fn begin(&self, key: &str, steps: u64) {
            let bar = bar(steps, "steps");
            if bar.is_hidden() {
                eprintln!("{key} begins");
            }
            bar.set_message(key.to_owned());
            *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
        }

        fn step(&self) -> ControlFlow<()> {
            progress::step(&self.bar(), &self.interrupted)
        }

        fn round(&self, key: &str, round: &RoundOutcome) {
            self.bar().set_message(format!("{key}, round {}: UAR {:.2}", round.round, round.uar));
        }

        fn waits(&self, why: &str) -> ControlFlow<()> {
            self.tell_once(Some(&format!("the outcome cannot be stored yet, and is kept: {why}")));
            if self.interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
}
