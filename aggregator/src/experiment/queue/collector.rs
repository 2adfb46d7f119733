//! The side of a queue that asks: queues what is not done, and has every outcome as it comes. It knows plans by what is in the queue at
//! each moment and by nothing else, so that whoever asks may end and begin again, and several may ask for the same.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::super::runs::{Ahead, Carrier, Listener, is_of};
use super::order::{self, Order, Report, id};
use super::recordings::Recordings;
use super::{ACK_WAIT, Queue};
use crate::nats::is_full;
use crate::simulator::{Dataset, Outcome};

/// How often the queue is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often Ctrl-C is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// What others are doing.
#[derive(Default)]
pub struct View {
    /// Training steps that are left to be made, of all runs.
    pub left: u64,
    /// Runs that no worker has.
    pub waiting: usize,
    /// A line for each run that a worker has: which, who, and how far.
    pub at_work: Vec<String>,
    /// What a person has to know and was not told.
    pub news: Vec<String>,
}

/// Has runs carried out by the workers of a queue.
pub struct Collector<'a> {
    queue: &'a Queue,
    recordings: Recordings,
    /// Plans that were seen in the queue since this began: what is said of their failing is news.
    asked: HashSet<String>,
    /// The number of each report, and when it was another.
    heard: HashMap<String, (u64, Instant)>,
    /// What was told.
    told: HashSet<String>,
    view: View,
}

impl<'a> Collector<'a> {
    /// For runs on these clips.
    pub fn new(queue: &'a Queue, dataset: &Dataset) -> Self {
        Self {
            queue,
            recordings: Recordings::of(dataset),
            asked: HashSet::new(),
            heard: HashMap::new(),
            told: HashSet::new(),
            view: View::default(),
        }
    }

    /// Tells a person something once.
    fn news(&mut self, words: String) {
        if self.told.insert(words.clone()) {
            self.view.news.push(words);
        }
    }

    /// Looks at the queue once. Gives a run that is over, if there is one, with what came of it.
    fn look(&mut self, ahead: &[Ahead<'_>], dataset: &Dataset) -> Result<Option<(usize, Result<Outcome, String>)>> {
        let ids: Vec<String> = ahead.iter().map(|run| id(run.plan, &self.recordings)).collect();
        // In this order: a plan leaves the queue when its outcome is there.
        let queued = self.queue.queued()?;
        let there = self.queue.outcomes()?;
        self.asked.extend(ids.iter().filter(|id| queued.contains(*id)).cloned());
        for (which, (run, id)) in ahead.iter().zip(&ids).enumerate() {
            if !there.contains(id) {
                continue;
            }
            let outcome = order::outcome(&self.queue.outcome(id)?).and_then(|outcome| {
                let is_it = is_of(&outcome, run.plan, dataset);
                is_it.then_some(outcome).ok_or("what NATS has as its outcome is another's".to_owned())
            });
            if outcome.is_ok() || self.asked.contains(id) {
                return Ok(Some((which, outcome)));
            }
            // It failed before this began, and is tried again like anything that is not stored.
            self.queue.forget(id)?;
            self.queue.untell(id)?;
        }
        for (run, id) in ahead.iter().zip(&ids).filter(|(_, id)| !queued.contains(*id)) {
            match self.queue.ask(&Order::new(&run.key, run.plan, &self.recordings)) {
                Ok(()) => drop(self.asked.insert(id.clone())),
                Err(error) if is_full(&error) => {
                    self.news(format!(
                        "{error:#}; {} of {} plans are queued, and the others will be when there is space",
                        ids.iter().filter(|id| self.asked.contains(*id)).count(),
                        ids.len()
                    ));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.see(ahead, &ids)?;
        Ok(None)
    }

    /// Sees who does what.
    fn see(&mut self, ahead: &[Ahead<'_>], ids: &[String]) -> Result<()> {
        let reported = self.queue.reported()?;
        self.view = View { news: std::mem::take(&mut self.view.news), waiting: ahead.len(), ..View::default() };
        self.view.left = ahead.iter().map(|run| run.steps).sum();
        let mut seen = HashSet::new();
        for (run, id) in ahead.iter().zip(ids).filter(|(_, id)| reported.contains(*id)) {
            let Some((number, report)) = self.queue.report(id)? else { continue };
            let heard = self.heard.entry(id.clone()).or_insert_with(|| (number, Instant::now()));
            if heard.0 != number {
                *heard = (number, Instant::now());
            }
            let silent = heard.1.elapsed();
            if let Some(reason) = &report.cannot {
                self.news(format!("{} left {} to others: {reason}", report.worker, run.key));
            } else if silent < ACK_WAIT {
                self.view.waiting -= 1;
                self.view.left -= report.steps.min(run.steps);
                // Runs of one plan are done at once.
                if seen.insert(id) {
                    self.view.at_work.push(line(run, &report));
                }
            } else {
                self.news(format!("{} does not speak any more; {} goes to another worker", report.worker, run.key));
            }
        }
        Ok(())
    }
}

/// How far a worker is with a run.
fn line(run: &Ahead<'_>, report: &Report) -> String {
    let percent = 100 * report.steps.min(run.steps) / run.steps.max(1);
    let round = report.round.map(|(number, uar)| format!(", round {number}: UAR {uar:.2}")).unwrap_or_default();
    let again = if report.tries > 1 { format!(", try {}", report.tries) } else { String::new() };
    format!("{}: {}, {percent} %{round}{again}", report.worker, run.key)
}

impl Carrier for Collector<'_> {
    fn next(
        &mut self,
        ahead: &[Ahead<'_>],
        dataset: &Dataset,
        listener: &(impl Listener + Sync),
    ) -> Result<Option<(usize, Result<Outcome, String>)>> {
        self.view.left = ahead.iter().map(|run| run.steps).sum();
        loop {
            match self.look(ahead, dataset) {
                Ok(Some(over)) => return Ok(Some(over)),
                Ok(None) => drop(self.told.remove(AWAY)),
                Err(error) => {
                    if self.told.insert(AWAY.to_owned()) {
                        self.view.news.push(format!("{AWAY} ({error:#})"));
                    }
                }
            }
            let next = Instant::now() + LOOK;
            while Instant::now() < next {
                if listener.elsewhere(&self.view) == ControlFlow::Break(()) {
                    return Ok(None);
                }
                self.view.news.clear();
                sleep(PAUSE);
            }
        }
    }
}

/// Told whenever it begins.
pub(super) const AWAY: &str = "the queue cannot be reached; nothing is lost, and it is tried again";
