//! A round's work: evaluate the received model on what is held back, then train it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use models::{Example, Learner, ModelError, Step, TrainingPlan};
use protocol::limits::MAX_LOSS;

use super::evaluate;
use crate::{LocalRound, RoundWork, translate};

/// Does a round's work with a learner of the room's architecture and labels; `on_step` is told of every step, and
/// stops the work by breaking, which gives `None`.
///
/// # Errors
/// What was asked for does not fit the learner, there is nothing to train on, or training diverged: its loss is beyond what a
/// room takes, or a parameter is no number any more.
pub async fn local_round(
    learner: &mut Learner,
    work: RoundWork<'_>,
    examples: &[Example],
    held_back: &[Example],
    on_step: impl AsyncFnMut(Step) -> ControlFlow<()>,
) -> Result<Option<LocalRound>, ModelError> {
    let RoundWork { model, standardisation, training, correction } = work;
    let evaluation = evaluate(learner, model, &standardisation, held_back).await?;
    let how = TrainingPlan { correction: correction.map(Cow::into_owned), ..training };
    let trained = learner.train(examples, &how, on_step).await?;
    // A plan without epochs was refused, so that a training that was not stopped has a last one.
    let (false, Some(last)) = (trained.stopped, trained.epochs.last()) else { return Ok(None) };
    let parameters = learner.parameters().await?;
    if last.loss > MAX_LOSS || !parameters.iter().all(|parameter| parameter.is_finite()) {
        return Err(ModelError::Diverged { step: trained.steps });
    }
    Ok(Some(LocalRound {
        evaluation,
        parameters,
        examples: examples.len() as u32,
        steps: trained.steps,
        training: translate::training_result(last),
    }))
}
