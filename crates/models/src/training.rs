//! How to train, and what training reports.

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// A plan of local training: Adam over shuffled mini-batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Passes over all examples.
    pub epochs: u32,
    /// Examples a step; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Decides shuffling and dropout.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self { epochs: 1, batch_size: 20, learning_rate: 1e-3, seed: 0 }
    }
}

impl Training {
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let what = if self.epochs == 0 {
            "training needs at least one epoch"
        } else if !(1..=1024).contains(&self.batch_size) {
            "a batch has 1 to 1024 examples"
        } else if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            "the learning rate must be a number above zero"
        } else {
            return Ok(());
        };
        Err(ModelError::Plan { what })
    }
}

/// Where training is, told after every step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// This epoch, from 1.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
    /// This step within the epoch, from 1.
    pub step: u32,
    /// Steps of an epoch.
    pub steps: u32,
    /// Mean cross entropy of this batch before the step, in nats.
    pub loss: f32,
    /// Share of this batch that was right before the step, 0 to 1.
    pub accuracy: f32,
}

/// Means over one epoch's examples, as they were seen during training (with dropout).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Mean cross entropy, in nats.
    pub loss: f64,
    /// Share that was right, 0 to 1.
    pub accuracy: f64,
}

/// What a call of `train` did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// One report for each epoch that was begun.
    pub epochs: Vec<EpochReport>,
    /// Steps taken in all.
    pub steps: u32,
    /// Whether the callback stopped it early.
    pub stopped: bool,
}
