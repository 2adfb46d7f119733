//! A round's work: evaluate the received model on what is held back, then train it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use models::{Example, Learner, ModelError, Step, TrainingPlan};
use protocol::limits::MAX_LOSS;

use super::evaluate;
use crate::{LocalRound, RoundWork, translate};

/// Does a round's work with a learner of the room's architecture and labels; `on_step` is told of every step, and
/// stops the work by breaking, which gives `None`. A work of few steps ends after them; it is told of as many epochs as it begins.
///
/// # Errors
/// What was asked for does not fit the learner, there is nothing to train on, or training diverged: its loss is beyond what a
/// room takes, or a parameter is no number any more.
pub async fn local_round(
    learner: &mut Learner,
    work: RoundWork<'_>,
    examples: &[Example],
    held_back: &[Example],
    mut on_step: impl AsyncFnMut(Step) -> ControlFlow<()>,
) -> Result<Option<LocalRound>, ModelError> {
    let RoundWork { model, standardisation, training, correction, most_steps } = work;
    let evaluation = evaluate(learner, model, &standardisation, held_back).await?;
    let steps_an_epoch = examples.len().div_ceil(training.batch_size.max(1)).max(1) as u32;
    let epochs =
        most_steps.map_or(training.epochs, |most| most.div_ceil(steps_an_epoch).clamp(1, training.epochs.max(1)));
    let how = TrainingPlan { correction: correction.map(Cow::into_owned), epochs, ..training };
    let (mut done, mut stopped) = (0, false);
    let counted = async |step: Step| {
        done += 1;
        stopped = on_step(step).await.is_break();
        let enough = most_steps.is_some_and(|most| done >= most);
        if stopped || enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let trained = learner.train(examples, &how, counted).await?;
    // A plan without epochs was refused, so that a training that was not stopped has a last one.
    let (false, Some(last)) = (stopped, trained.epochs.last()) else { return Ok(None) };
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
