//! The tab's trainer: started when it is wanted, asked, and thrown away where it fails. It knows which processor trains,
//! not what is trained.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use client::{BackendReason, FailureCode, TrainerState};
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::spawn_local;

use crate::app::App;
use crate::failure::Failure;
use crate::page::{Level, notice, tell};
use crate::processor::{Choice, Processor};
use crate::trainer_link::{TrainerEvent, TrainerLink};
use crate::training::Job;
use crate::view::BackendView;

/// The trainer, and which processor it trains on.
pub(crate) struct TrainerHost {
    link: RefCell<Option<Rc<TrainerLink>>>,
    /// All that were started and are not gone: one that was thrown away while it did a job ends with that job.
    started: RefCell<Vec<Weak<TrainerLink>>>,
    state: Cell<TrainerState>,
    choice: Cell<Choice>,
    /// Whether a graphics processor failed here, so that the CPU is used from now on.
    gpu_failed: Cell<bool>,
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
            gpu_failed: Cell::new(false),
            processor: RefCell::default(),
        }
    }
}

impl TrainerHost {
    /// How it stands.
    pub(crate) fn state(&self) -> TrainerState {
        self.state.get()
    }

    /// The processor to ask for.
    fn wanted(&self) -> Choice {
        if self.gpu_failed.get() { Choice::Cpu } else { self.choice.get() }
    }

    /// Asks the running job to end after its present step, also where another processor was chosen since it began.
    pub(crate) fn stop(&self) {
        for link in self.started.borrow().iter().filter_map(Weak::upgrade) {
            link.stop();
        }
    }

    /// After a failed job: whether it may do better on the processor, which is then asked for. A lost graphics processor, or
    /// too little of its memory, must not end a lesson.
    pub(crate) fn falls_back(&self) -> bool {
        if self.wanted() == Choice::Cpu || self.processor.borrow().as_ref().is_some_and(|one| !one.graphics) {
            return false;
        }
        self.gpu_failed.set(true);
        self.drop();
        true
    }

    /// Throws the trainer away; the next job starts another.
    fn drop(&self) {
        self.processor.replace(None);
        self.state.set(TrainerState::Absent);
        drop(self.link.take());
    }

    /// Which processor trains, and why.
    pub(crate) fn view(&self) -> BackendView {
        let processor = self.processor.borrow();
        let processor = processor.as_ref();
        let failed = self.gpu_failed.get().then_some(BackendReason::GpuFailed);
        BackendView {
            choice: self.choice.get(),
            kind: processor.map(|processor| if processor.graphics { Choice::Webgpu } else { Choice::Cpu }),
            name: processor.map(|processor| processor.name.clone()),
            reason: failed.or(processor.and_then(|processor| processor.reason)),
        }
    }
}

impl App {
    /// Chooses the processor. A job under way ends on the one that it began on.
    pub(crate) fn choose(self: &Rc<Self>, choice: Choice) {
        let started = self.trainer.state() != TrainerState::Absent;
        self.trainer.choice.set(choice);
        self.trainer.gpu_failed.set(false);
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
            if let Err(failure) = app.trainer_link().await {
                tell(Level::Error, &failure);
            }
            app.show();
        });
    }

    /// The line to the trainer, which is started if there is none.
    async fn trainer_link(self: &Rc<Self>) -> Result<Rc<TrainerLink>, Failure> {
        let there = || self.trainer.link.borrow().clone();
        if let Some(link) = there() {
            return Ok(link);
        }
        self.trainer.state.set(TrainerState::Loading);
        loop {
            let wanted = self.trainer.wanted();
            let processor = Processor::of(wanted).await;
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
            self.trainer.processor.replace(Some(processor));
            return Ok(link);
        }
    }

    /// Starts the program for a processor.
    fn trainer_on(self: &Rc<Self>, processor: &Processor) -> Result<Rc<TrainerLink>, Failure> {
        let app = Rc::clone(self);
        let link = TrainerLink::start(processor.worker(), move |event| match event {
            TrainerEvent::Ready => {
                app.trainer.state.set(TrainerState::Ready);
                app.show();
            }
            TrainerEvent::Step(progress) => app.progress(&progress),
            TrainerEvent::Crashed(message) => {
                app.trainer.state.set(TrainerState::Failed);
                notice(Level::Warning, FailureCode::TrainerCrashed.name(), &message);
            }
        })?;
        Ok(Rc::new(link))
    }

    /// Has the trainer do a job.
    ///
    /// # Errors
    /// Where it cannot be started, what it answers, or `trainer_crashed`.
    pub(crate) async fn ask<T: DeserializeOwned>(self: &Rc<Self>, job: &Job) -> Result<T, Failure> {
        let answer = self.trainer_link().await?.ask(job).await;
        if answer.as_ref().is_err_and(|failure: &Failure| failure.code == FailureCode::TrainerCrashed) {
            self.trainer.drop();
        }
        answer
    }
}
