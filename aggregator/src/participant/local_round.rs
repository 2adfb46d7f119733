//! A client's work in a round, as a function of what it was asked for and the examples it has: evaluate the received
//! model on what is held back, then train it. It knows no thread, no connection and no clip on disk; the trainer of
//! `chorus join` and the simulator both call it.

use std::ops::ControlFlow;

use anyhow::{Context as _, Result};
use federation::{Input, TrainRequest};
use models::{Example, Learner, Step, Training};
use protocol::{Evaluation, LocalSettings, LocalTraining, Standardisation};

/// What a client's work in a round gives.
#[derive(Debug)]
pub struct LocalRound {
    /// The received model on the held-back examples; `None` where there are none.
    pub evaluation: Option<Evaluation>,
    /// The parameters after training.
    pub parameters: Vec<f32>,
    /// Examples trained on.
    pub examples: u32,
    /// Steps of the optimiser.
    pub steps: u32,
    /// How the last epoch went.
    pub training: LocalTraining,
}

/// Does a round's work with a learner of the room's architecture and labels; `on_step` is told of every step, and
/// stops the work by breaking, which gives `None`.
///
/// # Errors
/// What was asked for does not fit the learner, there is nothing to train on, or training diverged.
pub async fn local_round(
    learner: &mut Learner,
    request: &TrainRequest,
    training: &[Example],
    held_back: &[Example],
    on_step: impl AsyncFnMut(Step) -> ControlFlow<()>,
) -> Result<Option<LocalRound>> {
    let evaluation = evaluate(learner, &request.model, &request.standardisation, held_back).await?;
    let how = Training {
        proximal: request.proximal,
        correction: request.correction.as_ref().map(|correction| correction.to_vec()),
        ..training_as(request.training.settings, request.training.seed)
    };
    let trained = learner.train(training, &how, on_step).await?;
    if trained.stopped {
        return Ok(None);
    }
    let last = trained.epochs.last().context("training ran no epoch")?;
    Ok(Some(LocalRound {
        evaluation,
        parameters: learner.parameters().await?,
        examples: training.len() as u32,
        steps: trained.steps,
        training: LocalTraining { loss: last.loss, accuracy: last.accuracy },
    }))
}

/// A room's local settings as a learner takes them.
pub fn training_as(settings: LocalSettings, seed: u32) -> Training {
    Training {
        epochs: settings.epochs,
        batch_size: settings.batch_size as usize,
        optimiser: match settings.optimiser {
            protocol::Optimiser::Adam => models::Optimiser::Adam,
            protocol::Optimiser::Sgd => models::Optimiser::Sgd,
        },
        learning_rate: settings.learning_rate,
        seed: seed.into(),
        ..Training::default()
    }
}

/// Evaluates a model on held-back examples; `None` where there are none. The learner has the model from then on.
///
/// # Errors
/// The model or the examples do not fit the learner.
pub async fn evaluate(
    learner: &mut Learner,
    model: &[f32],
    standardisation: &Standardisation,
    held_back: &[Example],
) -> Result<Option<Evaluation>> {
    learner.set_parameters(model).await?;
    let Standardisation { mean, deviation } = standardisation.clone();
    learner.set_standardisation(models::Standardisation { mean, deviation })?;
    if held_back.is_empty() {
        return Ok(None);
    }
    let models::Evaluation { examples, loss, accuracy, confusion } = learner.evaluate(held_back).await?;
    Ok(Some(Evaluation { examples: examples as u32, loss, accuracy, confusion }))
}

impl LocalRound {
    /// What the participant's rules are told of it, in this order.
    pub fn into_inputs(self, request: &TrainRequest) -> impl Iterator<Item = Input> {
        let TrainRequest { round, model_version, .. } = *request;
        let Self { evaluation, parameters, examples, steps, training } = self;
        let evaluated = evaluation.map(|evaluation| Input::Evaluated { model_version, evaluation });
        let trained = Input::Trained { round, model_version, parameters, examples, steps, training };
        evaluated.into_iter().chain([trained])
    }
}
