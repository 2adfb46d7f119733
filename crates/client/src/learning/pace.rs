//! How long a step takes here: a few real steps of a room's own network, on clips that are made up. It takes a moment, and says
//! what a round will take.

use std::ops::ControlFlow;

use models::{BUCKETS, Example, FRAMES, Learner, ModelError, TrainingPlan, initial_parameters};

use crate::INPUT_VALUES;

/// What has taken so long is measured well enough, milliseconds.
const ENOUGH_MS: f64 = 100.0;
/// No more steps than these are timed at once, however short they are.
const MOST_STEPS: usize = 64;
/// Batches of different clips; further steps take the same ones again.
const BATCHES: usize = 4;
/// Of a batch, the first step on a processor takes one of so many parts: there, a step takes as long as its clips.
const PARTS: usize = 4;
/// Pieces of what is said in a clip, where the network reads: those of a sentence of twenty letters.
const PIECES: usize = 60;

/// How long a step of this training takes with this learner, milliseconds by the clock that is given. The learner has other
/// parameters afterwards. A graphics processor's first step is left out: in it, programs are compiled.
///
/// # Errors
/// The plan cannot be carried out, or the device fails.
pub async fn step_ms(
    learner: &mut Learner,
    plan: &TrainingPlan,
    on_graphics: bool,
    clock: impl Fn() -> f64,
) -> Result<f64, ModelError> {
    learner.set_parameters(&initial_parameters(learner.architecture(), learner.labels(), 0)).await?;
    // A rate with which nothing can leave the numbers: what a step takes does not depend on it.
    let plan = TrainingPlan { learning_rate: 1.0e-6, proximal: 0.0, correction: None, ..plan.clone() };
    let batch = plan.batch_size.max(1);
    let examples = made_up(learner, batch * BATCHES);
    let mut timed = async |examples: &[Example], epochs: usize| {
        let plan = TrainingPlan { epochs: epochs as u32, ..plan.clone() };
        let began = clock();
        learner.train(examples, &plan, async |_| ControlFlow::Continue(())).await?;
        Ok::<f64, ModelError>(clock() - began)
    };
    let first = if on_graphics { batch } else { batch.div_ceil(PARTS) };
    let took = timed(&examples[..first], 1).await?;
    if !on_graphics && took >= ENOUGH_MS {
        return Ok(took * batch as f64 / first as f64);
    }
    let mut steps = 1;
    loop {
        let batches = steps.min(BATCHES);
        let took = timed(&examples[..batches * batch], steps / batches).await?;
        if took >= ENOUGH_MS || steps >= MOST_STEPS {
            return Ok(took / steps as f64);
        }
        steps *= 2;
    }
}

/// Clips of noise that is always the same, with as much text as a sentence has where the network reads.
fn made_up(learner: &Learner, count: usize) -> Vec<Example> {
    let (labels, reads) = (learner.labels(), learner.architecture().reads_text());
    let noise = |place: usize| (place as u32).wrapping_mul(0x9e37_79b9) as f32 / u32::MAX as f32 - 0.5;
    let bucket = |place: usize| ((place as u32).wrapping_mul(0x9e37_79b9) as usize % BUCKETS) as u16;
    let clip = |number: usize| Example {
        values: (0..INPUT_VALUES).map(|place| noise(number * INPUT_VALUES + place)).collect(),
        frames: FRAMES,
        text: (0..if reads { PIECES } else { 0 }).map(|piece| bucket(number * PIECES + piece)).collect(),
        label: number % labels,
        variants: Vec::new(),
    };
    (0..count).map(clip).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use models::{Architecture, Backend};

    use super::*;

    /// What is found where every stretch that is timed takes so long.
    async fn found(learner: &mut Learner, on_graphics: bool, stretches: &[f64]) -> f64 {
        let (read, now) = (Cell::new(0), Cell::new(0.0));
        let clock = || {
            if read.get() % 2 == 1 {
                now.set(now.get() + stretches[read.get() / 2]);
            }
            read.set(read.get() + 1);
            now.get()
        };
        let plan = TrainingPlan { batch_size: 8, ..TrainingPlan::default() };
        step_ms(learner, &plan, on_graphics, clock).await.unwrap()
    }

    #[test]
    fn what_takes_long_is_timed_once_and_what_is_short_more_often() {
        pollster::block_on(async {
            let mut learner = Learner::new(Architecture::Compact, 2, Backend::Cpu).await.unwrap();
            assert_eq!(found(&mut learner, false, &[150.0]).await, 600.0, "two of eight clips took 150 ms");
            assert_eq!(found(&mut learner, false, &[20.0, 30.0, 60.0, 120.0]).await, 30.0, "four steps took 120 ms");
            assert_eq!(found(&mut learner, true, &[9_000.0, 150.0]).await, 150.0, "programs were compiled first");
            let short = [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
            assert_eq!(found(&mut learner, false, &short).await, 1.0, "64 steps are enough");
        });
    }
}
