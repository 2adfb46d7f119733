//! A round's work: evaluate the received model on what is held back, then train it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use federation::ClippedGradients;
use models::{EpochReport, Example, Learner, ModelError, Optimiser, Step, TrainingPlan};
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
    let RoundWork { model, standardisation, training, correction, most_steps, gradients } = work;
    let before = gradients.map(|_| model.to_vec());
    let evaluation = evaluate(learner, model, &standardisation, held_back).await?;
    if let Some((gradients, model)) = gradients.zip(before) {
        return Ok(sum_of_gradients(learner, model, gradients, &training, examples, on_step)
            .await?
            .map(|done| LocalRound { evaluation, ..done }));
    }
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

/// What single clips' gradients add up to, each scaled down to a norm where it is longer, in place of training (`federation`'s
/// [`ClippedGradients`] says of what). A gradient is the step of gradient descent over one clip at a rate of 1.
async fn sum_of_gradients(
    learner: &mut Learner,
    model: Vec<f32>,
    ClippedGradients { clip, most }: ClippedGradients,
    training: &TrainingPlan,
    examples: &[Example],
    mut on_step: impl AsyncFnMut(Step) -> ControlFlow<()>,
) -> Result<Option<LocalRound>, ModelError> {
    let examples = &examples[..examples.len().min(most as usize)];
    let steps = examples.len() as u32;
    let (mut sum, mut loss, mut right) = (vec![0.0_f64; model.len()], 0.0, 0.0);
    for (number, example) in (1..).zip(examples) {
        // Each draws its own dropout, which says nothing of another clip.
        let seed = training.seed ^ (u64::from(number) << 32);
        let alone = TrainingPlan {
            epochs: 1,
            batch_size: 1,
            optimiser: Optimiser::Sgd,
            learning_rate: 1.0,
            seed,
            ..training.clone()
        };
        learner.set_parameters(&model).await?;
        let trained = learner.train(std::slice::from_ref(example), &alone, async |_| ControlFlow::Continue(())).await?;
        let after = learner.parameters().await?;
        let step = || model.iter().zip(&after).map(|(before, after)| f64::from(*before) - f64::from(*after));
        let norm = step().map(|value| value * value).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(ModelError::Diverged { step: number });
        }
        let scale = if norm > clip { clip / norm } else { 1.0 };
        sum.iter_mut().zip(step()).for_each(|(sum, value)| *sum += value * scale);
        let report = trained.epochs.last();
        (loss, right) = (loss + report.map_or(0.0, |last| last.loss), right + report.map_or(0.0, |last| last.accuracy));
        let told = Step { epoch: 1, epochs: 1, step: number, steps, loss: None, accuracy: None };
        if on_step(told).await.is_break() {
            return Ok(None);
        }
    }
    let parameters = model.iter().zip(sum).map(|(before, sum)| (f64::from(*before) - sum) as f32).collect();
    let count = f64::from(steps.max(1));
    let training = translate::training_result(&EpochReport { loss: loss / count, accuracy: right / count });
    Ok(Some(LocalRound { evaluation: None, parameters, examples: steps, steps: 1, training }))
}
