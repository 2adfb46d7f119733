//! The pre-flight: before its first job a tab times a few real steps of the room's network in each way of computing that is
//! there, which takes a moment, and goes the quickest. What was found is kept with the seat, and not measured again for the same
//! network in the same browser. A way that fails is left out, and the person is told.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use client::{FailureCode, translate};
use gloo_timers::future::TimeoutFuture;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::failure::Failure;
use crate::page::{Level, scope, tell};
use crate::processor::{Choice, Processor, Way};
use crate::trainer_link::TrainerLink;
use crate::training::Job;

/// A way that has not answered by then, its program's download included, is left out.
const LIMIT_MS: u32 = 30_000;
/// How often somebody who waits for the pre-flight looks.
const LOOK_EVERY_MS: u32 = 50;

/// What was measured, and of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preflight {
    of: Measured,
    /// How long a step takes on the processor, milliseconds; none where that failed.
    pub processor_ms: Option<f64>,
    /// The same on the graphics processor; none where there is none, or it failed.
    pub graphics_ms: Option<f64>,
}

/// Of what a measurement is: of anything else it says nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Measured {
    /// The network's name.
    model: String,
    /// Clips in a step.
    batch: usize,
    /// What the browser calls itself.
    browser: String,
    /// How many threads compute on the processor.
    threads: u32,
    /// What the graphics processor calls itself, where there is one.
    graphics: Option<String>,
}

impl Preflight {
    /// Whether the processor is quicker than a graphics processor that was measured as well.
    fn prefers_processor(&self) -> bool {
        self.processor_ms.zip(self.graphics_ms).is_some_and(|(processor, graphics)| processor <= graphics)
    }

    /// How long a step takes in this way, milliseconds, where that was measured.
    fn step_ms(&self, way: Way) -> Option<f64> {
        match way {
            Way::Graphics => self.graphics_ms,
            way => self.processor_ms.filter(|_| threads_of(way) == self.of.threads),
        }
    }
}

fn threads_of(way: Way) -> u32 {
    match way {
        Way::OneThread | Way::Graphics => 1,
        Way::Threads(count) => count,
    }
}

/// What this tab has measured.
#[derive(Default)]
pub(crate) struct Measuring {
    found: RefCell<Option<Preflight>>,
    under_way: Cell<bool>,
    /// The last step's time that the room was told.
    told_ms: Cell<Option<f64>>,
}

impl Measuring {
    /// What was found, once it was.
    pub(crate) fn found(&self) -> Option<Preflight> {
        self.found.borrow().clone()
    }

    /// What `Auto` means after it.
    pub(crate) fn choice(&self, choice: Choice) -> Choice {
        let processor = self.found.borrow().as_ref().is_some_and(Preflight::prefers_processor);
        if choice == Choice::Auto && processor { Choice::Cpu } else { choice }
    }
}

impl App {
    /// How long a step takes here now, milliseconds, where that was measured.
    pub(crate) fn step_ms(&self) -> Option<f64> {
        self.measuring.found.borrow().as_ref()?.step_ms(self.trainer.way()?)
    }

    /// Tells the room how long a step takes here, where it does not know.
    pub(crate) fn tell_step_ms(self: &Rc<Self>) {
        let step_ms = self.step_ms();
        if self.measuring.told_ms.replace(step_ms) != step_ms {
            self.tell_holdings();
        }
    }

    /// Sees that it is known how quick each way is here, as far as that can be found out.
    pub(crate) async fn measured(self: &Rc<Self>) {
        while self.measuring.under_way.get() {
            TimeoutFuture::new(LOOK_EVERY_MS).await;
        }
        if self.measuring.found.borrow().is_some() {
            return;
        }
        self.measuring.under_way.set(true);
        let found = self.measure().await;
        self.measuring.under_way.set(false);
        match found {
            Ok(found) => drop(self.measuring.found.replace(Some(found))),
            Err(failure) => tell(Level::Warning, &failure),
        }
    }

    async fn measure(self: &Rc<Self>) -> Result<Preflight, Failure> {
        let no_room = || Failure::new(FailureCode::Trainer, "There is no room to measure for.");
        let settings = self.room().ok_or_else(no_room)?.training;
        let architecture = self.architecture()?;
        let labels = self.clips.labels().len();
        let graphics = Processor::graphics(architecture, self.trainer.failed()).await;
        let mut processor = Processor::cpu(None, self.trainer.failed()).await;
        let mut of = Measured {
            model: architecture.name().to_owned(),
            batch: settings.batch_size as usize,
            browser: scope()?.navigator().user_agent().unwrap_or_default(),
            threads: threads_of(processor.way),
            graphics: graphics.as_ref().map(|graphics| graphics.name.clone()),
        };
        if let Some(kept) = self.seat.preflight().filter(|kept| kept.of == of) {
            return Ok(kept);
        }
        let job = || Job::Measure { architecture, labels, training: translate::training_plan(settings, 0) };
        let processor_ms = loop {
            match time(&processor, &job()).await {
                Ok(step_ms) => break Some(step_ms),
                Err(failure) if !self.trainer.falls_back(processor.way, &failure.message) => break None,
                Err(_) => processor = Processor::cpu(None, self.trainer.failed()).await,
            }
        };
        of.threads = threads_of(processor.way);
        let graphics_ms = match &graphics {
            None => None,
            Some(graphics) => match time(graphics, &job()).await {
                Ok(step_ms) => Some(step_ms),
                Err(failure) => {
                    self.trainer.falls_back(graphics.way, &failure.message);
                    None
                }
            },
        };
        let found = Preflight { of, processor_ms, graphics_ms };
        let kept = found.clone();
        self.seat.change(|seat| seat.preflight = Some(kept)).await?;
        Ok(found)
    }
}

/// How long a step takes with a trainer of its own that ends with this.
async fn time(processor: &Processor, job: &Job) -> Result<f64, Failure> {
    let link = TrainerLink::start(&processor.worker(), |_| {})?;
    let (mut answer, mut limit) = (pin!(link.ask::<f64>(job)), pin!(TimeoutFuture::new(LIMIT_MS)));
    let step_ms = poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Pending => limit
            .as_mut()
            .poll(context)
            .map(|()| Err(Failure::new(FailureCode::TrainerCrashed, "a few steps took longer than half a minute"))),
        ready => ready,
    });
    let step_ms = step_ms.await?;
    let sensible = step_ms.is_finite() && step_ms > 0.0;
    sensible.then_some(step_ms).ok_or_else(|| Failure::new(FailureCode::Trainer, "a step took no time"))
}
