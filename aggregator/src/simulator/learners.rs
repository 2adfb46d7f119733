//! The learners of a simulation: as many as there are cores to keep busy, each on threads of its own, and every client's
//! work done by one of them. What comes out does not depend on who did it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use client::{LocalRound, RoundWork};
use models::{Architecture, Backend, Example, Learner, Standardisation};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Device, Request};

/// One learner and the threads on which it computes.
struct Worker {
    learner: Learner,
    threads: ThreadPool,
}

/// A fixed number of learners of one network.
pub struct Learners(Vec<Worker>);

impl Learners {
    /// Learners for `clients` clients that train at a time.
    pub fn new(model: Architecture, labels: usize, device: Device, clients: usize) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Work for one graphics processor is ordered by one thread.
        let workers = if device.is_shared() { 1 } else { clients.clamp(1, cores) };
        let each = if device.is_shared() { 1 } else { (cores / workers).max(1) };
        let worker = |_| {
            let threads = ThreadPoolBuilder::new().num_threads(each).build().context("the system gives no threads")?;
            let learner = threads.install(|| {
                pollster::block_on(Learner::new(model, labels, backend(device)?)).map_err(anyhow::Error::from)
            })?;
            Ok(Worker { learner, threads })
        };
        Ok(Self((0..workers).map(worker).collect::<Result<_>>()?))
    }

    /// Does the work of several clients at a time; the results stand in the order of the requests. `standardised` has the
    /// clips of the request at a place, where they are not standardised by the group's scale. `on_step` hears of every step
    /// of everyone, and ends all work by breaking, which gives `None`.
    pub fn work(
        &mut self,
        requests: &[Request<'_>],
        standardised: impl Fn(usize) -> Option<Vec<Example>> + Sync,
        on_step: impl Fn() -> ControlFlow<()> + Sync,
    ) -> Result<Option<Vec<LocalRound>>> {
        let numbered: Vec<(usize, &Request<'_>)> = requests.iter().enumerate().collect();
        self.each(&numbered, |learner, &(place, &Request { asked, examples, step_ms })| {
            let mut work = RoundWork::of(asked, examples.len(), step_ms);
            let standardised = standardised(place);
            if standardised.is_some() {
                work.standardisation = Standardisation::identity();
            }
            let examples = standardised.as_deref().unwrap_or(examples);
            let on_step = async |_| on_step();
            Ok(pollster::block_on(client::local_round(learner, work, examples, &[], on_step))?)
        })
    }

    /// Does several pieces of work at a time, each with a learner that has done others before; what comes of them stands in their
    /// order. `None` where one of them gave none.
    pub fn each<W: Sync, T: Send>(
        &mut self,
        works: &[W],
        work: impl Fn(&mut Learner, &W) -> Result<Option<T>> + Sync,
    ) -> Result<Option<Vec<T>>> {
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<Option<Result<Option<T>>>>> = Mutex::new(works.iter().map(|_| None).collect());
        std::thread::scope(|scope| {
            for Worker { learner, threads } in &mut self.0 {
                let (next, results, work) = (&next, &results, &work);
                scope.spawn(move || {
                    while let Some((index, one)) = {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        works.get(index).map(|one| (index, one))
                    } {
                        let done = threads.install(|| work(learner, one));
                        results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(done);
                    }
                });
            }
        });
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.into_iter().map(|result| result.context("a client's work was lost")?).collect()
    }

    /// Runs something with the first learner, on its threads.
    pub fn first<T: Send>(&mut self, work: impl FnOnce(&mut Learner) -> T + Send) -> Result<T> {
        let Worker { learner, threads } = self.0.first_mut().context("there is no learner")?;
        Ok(threads.install(|| work(learner)))
    }
}

fn backend(device: Device) -> Result<Backend> {
    let (backend, is_built, feature) = match device {
        Device::Cpu => return Ok(Backend::Cpu),
        Device::Wgpu => (Backend::WebGpu, cfg!(feature = "gpu"), "gpu"),
        Device::BurnWgpu => (Backend::BurnWgpu, cfg!(feature = "burn-gpu"), "burn-gpu"),
    };
    ensure!(
        is_built,
        "this program was built without support for graphics processors; build it with `cargo build --release --features {feature}`"
    );
    Ok(backend)
}
