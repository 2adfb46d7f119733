//! A model of one's own: the shared one, trained further on one person's examples alone.

use std::borrow::Cow;
use std::ops::ControlFlow;

use models::{Example, Learner, ModelError, Standardisation, Step, TrainingPlan};

use super::take_over;
use crate::personal::{self, Tuned, Way};

/// Tunes version `version` of the shared model, `model`, on one's own examples in one of the ways, for as many epochs as
/// [`personal::training`] plans or until [`personal::is_enough`]. `on_step` is told of every step, and stops the work by
/// breaking, which gives `None`.
///
/// # Errors
/// The model or the examples do not fit the learner, there is nothing to train on, or training diverged.
pub async fn tune(
    learner: &mut Learner,
    model: Cow<'_, [f32]>,
    standardisation: &Standardisation,
    (way, version): (Way, u32),
    examples: &[Example],
    mut on_step: impl AsyncFnMut(Step) -> ControlFlow<()>,
) -> Result<Option<Tuned>, ModelError> {
    take_over(learner, model, standardisation).await?;
    let plan = personal::training(way, version);
    // One epoch at a time, in one course: its optimiser goes on where it was.
    let mut course = learner.begin(&TrainingPlan { epochs: 1, ..plan.clone() })?;
    let mut epochs = 0;
    while epochs < plan.epochs {
        epochs += 1;
        let step_of_all = async |step: Step| on_step(Step { epoch: epochs, epochs: plan.epochs, ..step }).await;
        let trained = learner.go_on(&mut course, examples, step_of_all).await?;
        if trained.stopped {
            return Ok(None);
        }
        if trained.epochs.last().is_some_and(personal::is_enough) {
            break;
        }
    }
    Ok(Some(Tuned { parameters: learner.parameters().await?, epochs }))
}
