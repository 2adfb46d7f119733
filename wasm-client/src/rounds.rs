//! What a round asks of this laptop: training, and trying the model on what is held back. It decides nothing about the
//! rounds.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use client::{FailureCode, LocalRound, RoundWork};
use federation::{Input, TrainRequest};
use js_sys::Float32Array;
use protocol::{Evaluation, ModelVersion};
use wasm_bindgen_futures::spawn_local;

use crate::app::App;
use crate::failure::Failure;
use crate::page::{Level, tell};
use crate::training::{Examples, Job, Progress, RoundResult};

/// The present round's work.
#[derive(Default)]
pub(crate) struct Rounds {
    /// Counts rounds of training; the result of an older one is of no use.
    job: Cell<u32>,
}

impl Rounds {
    fn next(&self) -> u32 {
        self.job.set(self.job.get() + 1);
        self.job.get()
    }
}

impl App {
    /// The trainer has done a step.
    pub(crate) fn progress(self: &Rc<Self>, progress: &Progress) {
        if progress.tuning {
            return self.tuning_progress(&progress.step);
        }
        let Some(round) = self.connection.training_round() else { return };
        self.input(client::progress(round, &progress.step));
    }

    pub(crate) fn train(self: &Rc<Self>, request: TrainRequest) {
        let number = self.rounds.next();
        self.keep_model(request.model_version, Arc::clone(&request.model), &request.standardisation);
        self.yield_to_round();
        let app = Rc::clone(self);
        spawn_local(async move {
            let result = app.run_round(&request).await;
            if app.rounds.job.get() != number {
                return;
            }
            match result {
                // One that was stopped is of no use to anybody.
                Ok(None) => {}
                Ok(Some(result)) => app.trained(&request, result),
                Err(failure) => {
                    tell(Level::Error, &failure);
                    let diverged = failure.code == FailureCode::Diverged;
                    app.input(Input::TrainingFailed { reason: failure.message, diverged });
                }
            }
        });
    }

    pub(crate) fn stop_training(&self) {
        self.rounds.next();
        self.trainer.stop();
    }

    async fn run_round(self: &Rc<Self>, request: &TrainRequest) -> Result<Option<RoundResult>, Failure> {
        let examples = self.training_clips();
        let job = || {
            let RoundWork { training, correction, most_steps, gradients, .. } =
                RoundWork::of(request, examples.len(), self.step_ms());
            Ok(Job::Round {
                model: self.job_model()?,
                training,
                correction: Float32Array::from(correction.as_deref().unwrap_or_default()),
                most_steps,
                gradients,
                examples: Examples::pack(&self.trained_on(&examples)),
                held_back: Examples::pack(&self.held_back_clips()),
            })
        };
        self.ask(job).await
    }

    fn trained(self: &Rc<Self>, request: &TrainRequest, result: RoundResult) {
        for input in LocalRound::from(result).into_inputs(request) {
            if let Input::Evaluated { model_version, evaluation } = &input {
                self.note_own(*model_version, evaluation);
            }
            self.input(input);
        }
    }

    /// Tries the finished model on what is held back.
    pub(crate) fn evaluate_finished(self: &Rc<Self>) {
        let held_back = self.held_back_clips();
        if held_back.is_empty() {
            return;
        }
        let app = Rc::clone(self);
        spawn_local(async move {
            let job = || Ok(Job::Evaluate { model: app.job_model()?, examples: Examples::pack(&held_back) });
            match app.ask::<Option<Evaluation>>(job).await {
                Ok(evaluation) => {
                    let version = app.shared.version().map(ModelVersion);
                    if let (Some(model_version), Some(evaluation)) = (version, evaluation) {
                        app.note_own(model_version, &evaluation);
                        app.input(Input::Evaluated { model_version, evaluation });
                    }
                }
                Err(failure) => tell(Level::Warning, &failure),
            }
        });
    }
}
