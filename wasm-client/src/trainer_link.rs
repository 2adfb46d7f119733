//! The client's line to its trainer.

use std::rc::Rc;

use client::FailureCode;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::page::to_js;
use crate::training::{Job, Progress};
use crate::worker_link::{NoAnswer, WorkerEvent, WorkerLink};

/// What the trainer says by itself.
pub enum TrainerEvent {
    /// Its program has arrived and runs.
    Ready,
    /// A step of a round is done.
    Step(Progress),
    /// It is gone, with the reason; every open question has been answered with a failure.
    Crashed(String),
}

/// A line to one trainer. Dropping it ends the worker.
pub struct TrainerLink(WorkerLink);

impl TrainerLink {
    /// Starts the trainer whose worker is at `url`; `listener` hears what it says by itself.
    ///
    /// # Errors
    /// Where the browser starts no worker.
    pub fn start(url: &str, listener: impl Fn(TrainerEvent) + 'static) -> Result<Self, Failure> {
        let hear = move |event| match event {
            WorkerEvent::Ready => listener(TrainerEvent::Ready),
            WorkerEvent::Progress(progress) => {
                if let Ok(progress) = serde_wasm_bindgen::from_value(progress) {
                    listener(TrainerEvent::Step(progress));
                }
            }
            WorkerEvent::Crashed(message) => listener(TrainerEvent::Crashed(message)),
        };
        let link = WorkerLink::start(url, Rc::new(hear));
        Ok(Self(link.map_err(|error| Failure::from_browser(FailureCode::Trainer, &error))?))
    }

    /// Has a job done.
    ///
    /// # Errors
    /// What the trainer answers, or `trainer_crashed` when it dies meanwhile.
    pub async fn ask<T: DeserializeOwned>(&self, job: &Job) -> Result<T, Failure> {
        let job = to_js(job, FailureCode::Trainer)?;
        let answer = self.0.ask(&job).await.map_err(|none| match none {
            NoAnswer::Refused { code, message } => {
                let diverged = code == FailureCode::Diverged.name();
                Failure::new(if diverged { FailureCode::Diverged } else { FailureCode::Trainer }, message)
            }
            NoAnswer::Crashed(message) => Failure::new(FailureCode::TrainerCrashed, message),
        })?;
        serde_wasm_bindgen::from_value(answer).map_err(|error| Failure::new(FailureCode::Trainer, error.to_string()))
    }

    /// Asks the running round to end after its present step.
    pub fn stop(&self) {
        self.0.stop();
    }
}
