//! What a participant does with a learner: a round's work, an evaluation, a model of its own. The same functions run in
//! the tab's trainer, in `chorus join` and in the simulator. They know no thread, no connection and no stored clip.

mod pace;
mod round;
mod tune;

use std::borrow::Cow;

use models::{Example, Learner, ModelError, Standardisation};
use protocol::Evaluation;

use crate::translate;

pub use pace::step_ms;
pub use round::local_round;
pub use tune::tune;

/// Evaluates a model on held-back examples; `None` where there are none. The learner has the model from then on.
///
/// # Errors
/// The model or the examples do not fit the learner.
pub async fn evaluate(
    learner: &mut Learner,
    model: Cow<'_, [f32]>,
    standardisation: &Standardisation,
    held_back: &[Example],
) -> Result<Option<Evaluation>, ModelError> {
    take_over(learner, model, standardisation).await?;
    if held_back.is_empty() {
        return Ok(None);
    }
    Ok(Some(translate::evaluation(learner.evaluate(held_back).await?)))
}

/// Gives a learner its model. The plain parameters go before training begins: they may be large, and a tab's memory is small.
async fn take_over(
    learner: &mut Learner,
    model: Cow<'_, [f32]>,
    standardisation: &Standardisation,
) -> Result<(), ModelError> {
    learner.set_parameters(&model).await?;
    learner.set_standardisation(standardisation.clone())
}
