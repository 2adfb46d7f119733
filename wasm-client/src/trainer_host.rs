//! The tab's trainer: started when it is wanted, asked, and thrown away where it fails. It knows which processor trains,
//! not what is trained.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use client::{FailureCode, TrainerState};
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::spawn_local;

use crate::app::App;
use crate::failure::Failure;
use crate::page::{Level, notice, tell};
use crate::preflight::Preflight;
use crate::processor::{Choice, Failed, Processor, Way};
use crate::trainer_link::{TrainerEvent, TrainerLink};
use crate::training::Job;
use crate::view::{BackendView, SlowView};

/// The trainer, and which processor it trains on.
pub(crate) struct TrainerHost {
    link: RefCell<Option<Rc<TrainerLink>>>,
    /// All that were started and are not gone: one that was thrown away while it did a job ends with that job.
    started: RefCell<Vec<Weak<TrainerLink>>>,
    state: Cell<TrainerState>,
    choice: Cell<Choice>,
    /// What has failed here, so that something else is used from now on.
    failed: Cell<Failed>,
    /// What `link` trains on.
    processor: RefCell<Option<Processor>>,
}

impl Default for TrainerHost {
    fn default() -> Self {
        Self {
            link: RefCell::default(),
            started: RefCell::default(),
            state: Cell::new(TrainerState::Absent),
            choice: Cell::new(Choice::Auto),
            failed: Cell::default(),
            processor: RefCell::default(),
        }
    }
}

impl TrainerHost {
    /// How it stands.
    pub(crate) fn state(&self) -> TrainerState {
        self.state.get()
    }

    /// The processor to ask for, and what of it is not to be tried again.
    fn wanted(&self) -> (Choice, Failed) {
        (self.choice.get(), self.failed.get())
    }

    /// Asks the running job to end after its present step, also where another processor was chosen since it began.
    pub(crate) fn stop(&self) {
        for link in self.started.borrow().iter().filter_map(Weak::upgrade) {
            link.stop();
        }
    }

    /// After a failure of what computes in this way: whether another may do better, which is then asked for. A lost graphics
    /// processor, threads that do not start, or too little memory for them must not end a lesson.
    pub(crate) fn falls_back(&self, way: Way, why: &str) -> bool {
        let mut failed = self.failed.get();
        let (failed_already, code) = match way {
            Way::OneThread => return false,
            Way::Threads(_) => (&mut failed.threads, FailureCode::ThreadsFailed),
            Way::Graphics => (&mut failed.graphics, FailureCode::GpuFailed),
        };
        if !std::mem::replace(failed_already, true) {
            self.failed.set(failed);
            self.drop();
            notice(Level::Warning, code.name(), why);
        }
        true
    }

    /// What has failed here.
    pub(crate) fn failed(&self) -> Failed {
        self.failed.get()
    }

    /// In which way the trainer computes, where there is one.
    pub(crate) fn way(&self) -> Option<Way> {
        self.processor.borrow().as_ref().map(|processor| processor.way)
    }

    /// Throws the trainer away; the next job starts another.
    fn drop(&self) {
        self.processor.replace(None);
        self.state.set(TrainerState::Absent);
        drop(self.link.take());
    }

    /// Which processor trains, and why; `measured` is how quick it is here, and whether that is too slow for the room.
    pub(crate) fn view(&self, measured: Option<Preflight>, slow: Option<SlowView>) -> BackendView {
        let processor = self.processor.borrow();
        let processor = processor.as_ref();
        BackendView {
            choice: self.choice.get(),
            kind: processor.map(|processor| if processor.is_graphics() { Choice::Webgpu } else { Choice::Cpu }),
            name: processor.map(|processor| processor.name.clone()),
            threads: processor.and_then(|processor| match processor.way {
                Way::Threads(count) => Some(count),
                Way::OneThread | Way::Graphics => None,
            }),
            reasons: processor.map(|processor| processor.reasons.clone()).unwrap_or_default(),
            processor_ms: measured.as_ref().and_then(|measured| measured.processor_ms),
            graphics_ms: measured.as_ref().and_then(|measured| measured.graphics_ms),
            slow,
        }
    }
}

impl App {
    /// Chooses the processor. A job under way ends on the one that it began on.
    pub(crate) fn choose(self: &Rc<Self>, choice: Choice) {
        let started = self.trainer.state() != TrainerState::Absent;
        self.trainer.choice.set(choice);
        self.trainer.failed.set(Failed::default());
        self.trainer.drop();
        if started {
            self.start_trainer();
        }
        self.show();
    }

    /// Starts the trainer if there is none.
    pub(crate) fn start_trainer(self: &Rc<Self>) {
        if self.trainer.link.borrow().is_none() {
            self.trainer.state.set(TrainerState::Loading);
        }
        let app = Rc::clone(self);
        spawn_local(async move {
            if let Err(failure) = app.started().await {
                tell(Level::Error, &failure);
            }
            app.show();
        });
    }

    /// The line to the trainer, which is started if there is none, and in which way it computes.
    async fn started(self: &Rc<Self>) -> Result<(Rc<TrainerLink>, Way), Failure> {
        let there = || {
            let way = self.trainer.processor.borrow().as_ref()?.way;
            Some((self.trainer.link.borrow().clone()?, way))
        };
        if let Some(link) = there() {
            return Ok(link);
        }
        self.trainer.state.set(TrainerState::Loading);
        let network = self.architecture().inspect_err(|_| self.trainer.state.set(TrainerState::Failed))?;
        loop {
            self.measured().await;
            let wanted = self.trainer.wanted();
            let processor = Processor::of(self.measuring.choice(wanted.0), network, wanted.1).await;
            // Meanwhile a person may have chosen another, or a job may have started it.
            if let Some(link) = there() {
                return Ok(link);
            }
            if wanted != self.trainer.wanted() {
                continue;
            }
            let link = processor.and_then(|processor| Ok((self.trainer_on(&processor)?, processor)));
            let (link, processor) = link.inspect_err(|_| self.trainer.state.set(TrainerState::Failed))?;
            let mut started = self.trainer.started.borrow_mut();
            started.retain(|link| link.strong_count() > 0);
            started.push(Rc::downgrade(&link));
            self.trainer.link.replace(Some(Rc::clone(&link)));
            let way = processor.way;
            self.trainer.processor.replace(Some(processor));
            self.tell_step_ms();
            return Ok((link, way));
        }
    }

    /// Starts the program for a processor.
    fn trainer_on(self: &Rc<Self>, processor: &Processor) -> Result<Rc<TrainerLink>, Failure> {
        let (app, way) = (Rc::clone(self), processor.way);
        let link = TrainerLink::start(&processor.worker(), move |event| match event {
            TrainerEvent::Ready => {
                app.trainer.state.set(TrainerState::Ready);
                app.show();
            }
            TrainerEvent::Step(progress) => app.progress(&progress),
            TrainerEvent::Crashed(message) if app.trainer.falls_back(way, &message) => app.start_trainer(),
            TrainerEvent::Crashed(message) => {
                app.trainer.state.set(TrainerState::Failed);
                notice(Level::Warning, FailureCode::TrainerCrashed.name(), &message);
            }
        })?;
        Ok(Rc::new(link))
    }

    /// Has the trainer do a job. Where it fails at it, and there is another way to compute, the job is made again for that.
    ///
    /// # Errors
    /// Where there is no job or it cannot be started, what it answers, or `trainer_crashed`.
    pub(crate) async fn ask<T: DeserializeOwned>(
        self: &Rc<Self>,
        job: impl Fn() -> Result<Job, Failure>,
    ) -> Result<T, Failure> {
        loop {
            let (link, way) = self.started().await?;
            let failure = match link.ask(&job()?).await {
                Err(failure) if failure.code != FailureCode::Diverged => failure,
                answer => return answer,
            };
            if !self.trainer.falls_back(way, &failure.message) {
                if failure.code == FailureCode::TrainerCrashed {
                    self.trainer.drop();
                }
                return Err(failure);
            }
        }
    }
}
