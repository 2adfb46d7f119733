//! The side of a queue that works: takes a plan, says that it has it, carries it out, and stores what came of it.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use async_nats::jetstream::AckKind;
use tokio::task::JoinHandle;

use super::super::runs::carry_out;
use super::order::{Order, Report, written};
use super::recordings::{Recordings, places, rename};
use super::{BEAT, Queue, Taken};
use crate::simulator::{Dataset, Outcome, Plan, RoundOutcome, steps};

/// A plan with which so many workers died is given up.
const MOST_TRIES: u32 = 5;
/// What a worker cannot do comes to others, and to it again, after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How long between two tries to store an outcome.
const KEEP_AGAIN: Duration = Duration::from_secs(2);

/// Reads a plan's recordings in these folders.
pub type Reader<'a> = dyn FnMut(&Plan, &[PathBuf]) -> Result<Dataset> + 'a;

/// A worker of a queue.
pub struct Worker<'a> {
    queue: &'a Queue,
    name: String,
    folders: Vec<PathBuf>,
    read: &'a mut Reader<'a>,
    /// What was read last, and for which plan.
    dataset: Option<(Plan, Dataset, Recordings)>,
}

/// How a worker's turn ended.
pub enum Ended {
    /// There was no plan.
    Idle,
    /// The run of this name is over.
    Done(String, Box<Result<Outcome, String>>),
    /// It was left to others, in words.
    Left(String),
}

/// Hears how a worker goes on.
pub trait Hearing {
    /// It has this run, of so many training steps.
    fn begin(&self, key: &str, steps: u64);
    /// A training step was made; breaking has the run given back.
    fn step(&self) -> ControlFlow<()>;
    /// The run has gone through a round.
    fn round(&self, key: &str, round: &RoundOutcome);
    /// Its outcome cannot be stored, in words, and is kept here; breaking has it given up.
    fn waits(&self, why: &str) -> ControlFlow<()>;
}

impl<'a> Worker<'a> {
    /// A worker who is called `name`, and reads these folders and no others.
    pub fn new(queue: &'a Queue, name: String, folders: Vec<PathBuf>, read: &'a mut Reader<'a>) -> Self {
        Self { queue, name, folders, read, dataset: None }
    }

    /// Takes a plan, if there is one, and does it.
    ///
    /// # Errors
    /// NATS does not answer; a plan that was taken is another's then.
    pub fn turn(&mut self, hearing: &(impl Hearing + Sync)) -> Result<Ended> {
        let (queue, worker) = (self.queue, self.name.clone());
        let Some(taken) = queue.take()? else { return Ok(Ended::Idle) };
        if queue.outcomes()?.contains(&taken.id) {
            // Somebody was thought dead and was not.
            queue.settle(&taken, AckKind::Ack)?;
            return Ok(Ended::Idle);
        }
        let tries = queue.report(&taken.id)?.map_or(0, |(_, report)| report.tries);
        let report = |tries, cannot| Report { worker: worker.clone(), tries, steps: 0, round: None, cannot };
        let beat = Beat::begin(queue, taken, report(tries.saturating_add(1), None))?;
        let order = Order::read(&beat.taken.message.payload, &beat.taken.id);
        let (order, dataset) = match order.and_then(|order| {
            let dataset = self.recordings(&order)?;
            Ok((order, dataset))
        }) {
            Ok(ready) => ready,
            Err(error) => {
                let why = format!("{error:#}");
                beat.end(AckKind::Nak(Some(AGAIN_AFTER)), Some(report(tries, Some(why.clone()))))?;
                return Ok(Ended::Left(why));
            }
        };
        hearing.begin(&order.key, steps(&order.plan, dataset).unwrap_or(0));
        let outcome = if tries >= MOST_TRIES {
            Some(Err(format!("{tries} workers began it, and none came to an end")))
        } else {
            let on_step = || {
                beat.report().steps += 1;
                hearing.step()
            };
            let on_round = |round: &RoundOutcome| {
                beat.report().round = Some((round.round, round.uar));
                hearing.round(&order.key, round);
            };
            // What makes one worker panic would end them all.
            catch_unwind(AssertUnwindSafe(|| carry_out(&order.plan, dataset, on_step, on_round)))
                .unwrap_or_else(|_| Some(Err("the program panicked; the worker's log says where".to_owned())))
        };
        let Some(outcome) = outcome else {
            beat.end(AckKind::Nak(None), None)?;
            return Ok(Ended::Left(format!("{}: stopped", order.key)));
        };
        let bytes = written(&outcome)?;
        while let Err(error) = queue.keep(&beat.taken.id, bytes.clone()) {
            if hearing.waits(&format!("{error:#}")) == ControlFlow::Break(()) {
                beat.end(AckKind::Nak(None), None)?;
                return Ok(Ended::Left(format!("{}: stopped before its outcome was stored", order.key)));
            }
            sleep(KEEP_AGAIN);
        }
        beat.end(AckKind::Ack, None)?;
        Ok(Ended::Done(order.key, Box::new(outcome)))
    }

    /// The recordings of a plan, as those who queued it have them.
    fn recordings(&mut self, order: &Order) -> Result<&Dataset> {
        let plan = &order.plan;
        let of = |plan: &Plan| (plan.data.clone(), plan.labels.clone(), plan.reading.clone(), plan.normalisation);
        let known = self.dataset.take().filter(|(last, ..)| of(last) == of(plan));
        let (_, dataset, found) = match known {
            Some(known) => self.dataset.insert(known),
            None => {
                let places = places(plan, &self.folders)?;
                let mut dataset = (self.read)(plan, &places)?;
                rename(&mut dataset, &places, &plan.data);
                let found = Recordings::of(&dataset);
                self.dataset.insert((plan.clone(), dataset, found))
            }
        };
        ensure!(
            *found == order.recordings,
            "the recordings here are not those that it is for: {} clips here and {} there, and something of their names, \
             speakers, labels or sound differs",
            found.clips,
            order.recordings.clips
        );
        Ok(dataset)
    }
}

/// Says that a worker is alive, and how far it is, until the plan is done or given back.
struct Beat<'a> {
    queue: &'a Queue,
    taken: Taken,
    report: Arc<Mutex<Report>>,
    task: Option<JoinHandle<()>>,
}

impl<'a> Beat<'a> {
    /// Begins, once it is known who has the plan.
    fn begin(queue: &'a Queue, taken: Taken, report: Report) -> Result<Self> {
        queue.tell(&taken.id, &report)?;
        let report = Arc::new(Mutex::new(report));
        let (told, message) = (Arc::clone(&report), taken.message.clone());
        let (jetstream, subject) = (queue.jetstream(), queue.subject("reports", &taken.id));
        let task = queue.nats.spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                // What does not arrive is said again.
                let _ = message.ack_with(AckKind::Progress).await;
                let report = serde_json::to_vec(&*lock(&told));
                if let Ok(report) = report {
                    let _ = jetstream.publish(subject.clone(), report.into()).await;
                }
            }
        });
        Ok(Self { queue, taken, report, task })
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        lock(&self.report)
    }

    /// Ends, with a last report or none.
    fn end(mut self, answer: AckKind, last: Option<Report>) -> Result<()> {
        self.stop();
        match last {
            Some(report) => self.queue.tell(&self.taken.id, &report)?,
            None => self.queue.untell(&self.taken.id)?,
        }
        self.queue.settle(&self.taken, answer)
    }

    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Queue {
    /// Answers for a plan that was taken.
    pub(super) fn settle(&self, taken: &Taken, answer: AckKind) -> Result<()> {
        let message = taken.message.clone();
        self.wait(async move { message.double_ack_with(answer).await.map_err(anyhow::Error::from_boxed) })
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
