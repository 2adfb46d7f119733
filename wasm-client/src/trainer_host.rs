//! The tab's trainer: started when it is wanted, asked, and thrown away where it fails. It knows which processor trains,
//! not what is trained.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use client::{BackendReason, FailureCode, TrainerState};
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::spawn_local;

use crate::app::App;
use crate::failure::Failure;
use crate::page::{Level, notice, tell};
use crate::trainer_link::{TrainerEvent, TrainerLink};
use crate::training::{Choice, Job, Prepared};
use crate::view::BackendView;

/// The trainer, and which processor it trains on.
pub(crate) struct TrainerHost {
    link: RefCell<Option<Rc<TrainerLink>>>,
    state: Cell<TrainerState>,
    choice: Cell<Choice>,
    /// Whether a graphics processor failed here, so that the CPU is used from now on.
    gpu_failed: Cell<bool>,
    prepared: RefCell<Option<Prepared>>,
}

impl Default for TrainerHost {
    fn default() -> Self {
        Self {
            link: RefCell::default(),
            state: Cell::new(TrainerState::Absent),
            choice: Cell::new(Choice::Auto),
            gpu_failed: Cell::new(false),
            prepared: RefCell::default(),
        }
    }
}

impl TrainerHost {
    /// How it stands.
    pub(crate) fn state(&self) -> TrainerState {
        self.state.get()
    }

    /// The processor to ask for.
    pub(crate) fn backend(&self) -> Choice {
        if self.gpu_failed.get() { Choice::Cpu } else { self.choice.get() }
    }

    /// The processor that has done a job.
    pub(crate) fn worked_on(&self, processor: Prepared) {
        self.prepared.replace(Some(processor));
    }

    /// Asks the running job to end after its present step.
    pub(crate) fn stop(&self) {
        if let Some(link) = self.link.borrow().as_ref() {
            link.stop();
        }
    }

    /// After a failed job: whether it may do better on the processor, which is then asked for. A lost graphics processor, or
    /// too little of its memory, must not end a lesson.
    pub(crate) fn falls_back(&self) -> bool {
        let on_gpu = self.prepared.borrow().as_ref().is_none_or(|prepared| prepared.kind == Choice::Webgpu);
        if self.backend() == Choice::Cpu || !on_gpu {
            return false;
        }
        self.gpu_failed.set(true);
        self.drop();
        true
    }

    /// Throws the trainer away; the next job starts another.
    fn drop(&self) {
        self.prepared.replace(None);
        self.state.set(TrainerState::Absent);
        drop(self.link.take());
    }

    /// Which processor trains, and why.
    pub(crate) fn view(&self) -> BackendView {
        let prepared = self.prepared.borrow().clone();
        let choice = self.choice.get();
        let reason = if self.gpu_failed.get() {
            Some(BackendReason::GpuFailed)
        } else if choice == Choice::Auto && prepared.as_ref().is_some_and(|prepared| prepared.kind == Choice::Cpu) {
            Some(BackendReason::NoGpu)
        } else {
            None
        };
        let kind = prepared.as_ref().map(|prepared| prepared.kind);
        BackendView { choice, kind, name: prepared.map(|prepared| prepared.name), reason }
    }
}

impl App {
    /// Chooses the processor.
    pub(crate) fn choose(self: &Rc<Self>, choice: Choice) {
        self.trainer.choice.set(choice);
        self.trainer.gpu_failed.set(false);
        self.trainer.prepared.replace(None);
        if self.trainer.link.borrow().is_some() {
            self.prepare_trainer();
        }
        self.show();
    }

    /// Starts the trainer if there is none.
    pub(crate) fn start_trainer(self: &Rc<Self>) {
        if self.trainer.link.borrow().is_some() {
            return;
        }
        self.trainer.state.set(TrainerState::Loading);
        let app = Rc::clone(self);
        let started = TrainerLink::start(move |event| match event {
            TrainerEvent::Ready => {
                app.trainer.state.set(TrainerState::Ready);
                app.show();
            }
            TrainerEvent::Step(progress) => app.progress(&progress),
            TrainerEvent::Crashed(message) => {
                app.trainer.state.set(TrainerState::Failed);
                notice(Level::Warning, FailureCode::TrainerCrashed.name(), &message);
            }
        });
        match started {
            Ok(link) => {
                self.trainer.link.replace(Some(Rc::new(link)));
                self.prepare_trainer();
            }
            Err(failure) => {
                self.trainer.state.set(TrainerState::Failed);
                tell(Level::Error, &failure);
            }
        }
    }

    /// Asks the trainer which processor it will use.
    fn prepare_trainer(self: &Rc<Self>) {
        let app = Rc::clone(self);
        spawn_local(async move {
            match app.ask::<Prepared>(&Job::Prepare { backend: app.trainer.backend() }).await {
                Ok(prepared) => app.trainer.worked_on(prepared),
                Err(failure) => tell(Level::Error, &failure),
            }
            app.show();
        });
    }

    /// Has the trainer do a job.
    ///
    /// # Errors
    /// Where it cannot be started, what it answers, or `trainer_crashed`.
    pub(crate) async fn ask<T: DeserializeOwned>(self: &Rc<Self>, job: &Job) -> Result<T, Failure> {
        self.start_trainer();
        let link = self.trainer.link.borrow().clone();
        let link =
            link.ok_or_else(|| Failure::new(FailureCode::Trainer, "The part that trains could not be started."))?;
        let answer = link.ask(job).await;
        if answer.as_ref().is_err_and(|failure: &Failure| failure.code == FailureCode::TrainerCrashed) {
            self.trainer.drop();
        }
        answer
    }
}
