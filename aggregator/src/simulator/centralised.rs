//! The baseline without federation: one learner, everybody's clips in one place, one optimiser from beginning to end.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Result;
use federation::ModelMean;
use models::{Evaluation, Example, Learner, Standardisation};

use super::Plan;
use super::run::RoundCost;
use super::voices::{Speakers, Tested};

/// Trains for `rounds` times `epochs` epochs and evaluates after every `epochs` of them. `None` where `on_step`
/// ended it, else the scale of all clips.
pub async fn centralised(
    plan: &Plan,
    learner: &mut Learner,
    training: &[Example],
    speakers: Option<&Speakers>,
    tested: &Tested,
    on_step: &(impl Fn() -> ControlFlow<()> + Sync),
    mut on_round: impl FnMut(RoundCost, Evaluation),
) -> Result<Option<Standardisation>> {
    let labels = learner.labels();
    let initial = models::initial_parameters(plan.model, labels, plan.seed.into());
    learner.set_parameters(&initial).await?;
    let mut mean = (!plan.final_model.is_last()).then(|| ModelMean::new(initial.len()));
    let group = Standardisation::of(training);
    // Either the learner standardises, or it has been done.
    let (training, scale) = match speakers {
        Some(speakers) => (Cow::Owned(speakers.standardised(0, &group, training)), Standardisation::identity()),
        None => (Cow::Borrowed(training), group.clone()),
    };
    let how = client::translate::training_plan(plan.training, plan.seed);
    let mut course = learner.begin(&how)?;
    for round in 1..=plan.rounds {
        let began = Instant::now();
        learner.set_standardisation(scale.clone())?;
        let trained = learner.go_on(&mut course, &training, async |_| on_step()).await?;
        if trained.stopped {
            return Ok(None);
        }
        if let Some(mean) = &mut mean {
            mean.take(round, &learner.parameters().await?);
            if round == plan.rounds {
                learner.set_parameters(mean.values()).await?;
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let (training_loss, training_accuracy) =
            trained.epochs.last().map_or((f64::NAN, f64::NAN), |epoch| (epoch.loss, epoch.accuracy));
        let cost = RoundCost {
            round,
            training_loss,
            training_accuracy,
            bytes_up: 0,
            bytes_down: 0,
            seconds,
            agreement: Vec::new(),
        };
        on_round(cost, tested.evaluate(learner, &group).await?);
    }
    Ok(Some(group))
}
