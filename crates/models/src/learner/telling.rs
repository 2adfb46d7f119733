//! What a training tells on its way, and what it has come to, wherever it computes.

use std::ops::ControlFlow;

use crate::{EpochReport, Evaluation, ModelError, Step, Trained, TrainingPlan, clips::Sides};

/// One example as an epoch has it.
pub(super) struct Drawn {
    /// Which one.
    pub example: usize,
    /// In which of its ways: 0 as it is, from 1 its variants.
    pub way: usize,
    /// Heard, read, or both.
    pub sides: Sides,
}

/// A training under way: who hears of its steps, and its sums.
pub(super) struct Telling<F> {
    epochs: u32,
    steps: u32,
    labels: usize,
    on_step: F,
    trained: Trained,
    loss: f64,
    right: f64,
    seen: f64,
}

impl<F: AsyncFnMut(Step) -> ControlFlow<()>> Telling<F> {
    /// Of a training on so many examples.
    pub fn new(how: &TrainingPlan, examples: usize, labels: usize, on_step: F) -> Self {
        let steps = examples.div_ceil(how.batch_size) as u32;
        let trained = Trained { epochs: Vec::new(), steps: 0, stopped: false };
        Self { epochs: how.epochs, steps, labels, on_step, trained, loss: 0.0, right: 0.0, seen: 0.0 }
    }

    /// Tells of a step that is done, with the batch's own figures where they are known; breaks where training is to stop.
    pub async fn step(&mut self, epoch: u32, step: u32, figures: Option<&Evaluation>) -> ControlFlow<()> {
        let Self { epochs, steps, .. } = *self;
        let loss = figures.map(|figures| figures.loss as f32);
        let accuracy = figures.map(|figures| figures.accuracy as f32);
        let told = (self.on_step)(Step { epoch, epochs, step, steps, loss, accuracy }).await;
        self.trained.stopped |= told.is_break();
        told
    }

    /// Whether it was told to stop.
    pub fn stopped(&self) -> bool {
        self.trained.stopped
    }

    /// Counts a step's batch: a row of logits and a true label for each of its clips.
    ///
    /// # Errors
    /// Its loss is no number.
    pub fn count(&mut self, logits: &[f32], truth: &[usize]) -> Result<Evaluation, ModelError> {
        let batch = Evaluation::of(logits, truth, self.labels);
        self.trained.steps += 1;
        if !batch.loss.is_finite() {
            return Err(ModelError::Diverged { step: self.trained.steps });
        }
        let count = truth.len() as f64;
        self.loss += batch.loss * count;
        self.right += batch.accuracy * count;
        self.seen += count;
        Ok(batch)
    }

    /// Ends an epoch, or what was done of it.
    pub fn end_epoch(&mut self) {
        let [loss, right, seen] = [&mut self.loss, &mut self.right, &mut self.seen].map(std::mem::take);
        self.trained.epochs.push(EpochReport { loss: loss / seen, accuracy: right / seen });
    }

    /// What it came to.
    pub fn trained(self) -> Trained {
        self.trained
    }
}
