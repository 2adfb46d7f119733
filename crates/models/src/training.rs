//! How to train, and what training reports.

use serde::{Deserialize, Serialize};

use crate::{Architecture, ModelError, TensorSpec};

/// What turns gradients into steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// Adam, whose moments start fresh in every call of `train`.
    #[default]
    Adam,
    /// Plain stochastic gradient descent.
    Sgd,
}

/// Which of a network's numbers a training moves. The others stay as they were to the last bit; dropout before the last layer is
/// the same for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Moved {
    /// All of them.
    #[default]
    All,
    /// Those of the last layer alone ([`Architecture::head`]): a softmax regression on what the layers before it make of a clip.
    Head,
    /// The last layer's biases alone, one number a label: vector scaling (Guo et al., "On Calibration of Modern Neural Networks",
    /// 2017, section 4.2) with its scales left at 1.
    Bias,
}

impl Moved {
    /// Whether a tensor of a network of so many labels moves.
    pub(crate) fn moves(self, tensor: &TensorSpec, architecture: Architecture, labels: usize) -> bool {
        let in_head = || architecture.head(labels).contains(&tensor.offset);
        match self {
            Self::All => true,
            Self::Head => in_head(),
            // A network that reads has a second one, of its text, and a gate with a bias of one number.
            Self::Bias => in_head() && tensor.name.ends_with("bias") && tensor.shape == [labels],
        }
    }
}

/// A plan of local training over shuffled mini-batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingPlan {
    /// Passes over all examples.
    pub epochs: u32,
    /// Examples a step; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// What turns gradients into steps.
    pub optimiser: Optimiser,
    /// The optimiser's step size.
    pub learning_rate: f64,
    /// FedProx's μ: adds μ(w − w₀) to the gradient of every step, where training starts from w₀. 0 adds nothing.
    pub proximal: f64,
    /// SCAFFOLD's c − cᵢ, as long as the parameters: added to the gradient of every step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Vec<f32>>,
    /// What of the network is trained.
    #[serde(default)]
    pub moved: Moved,
    /// Decides shuffling and dropout.
    pub seed: u64,
}

impl Default for TrainingPlan {
    fn default() -> Self {
        Self {
            epochs: 1,
            batch_size: 20,
            optimiser: Optimiser::Adam,
            learning_rate: 1e-3,
            proximal: 0.0,
            correction: None,
            moved: Moved::All,
            seed: 0,
        }
    }
}

impl TrainingPlan {
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let what = if self.epochs == 0 {
            "training needs at least one epoch"
        } else if !(1..=1024).contains(&self.batch_size) {
            "a batch has 1 to 1024 examples"
        } else if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            "the learning rate must be a number above zero"
        } else if !(self.proximal.is_finite() && self.proximal >= 0.0) {
            "the weight of the proximal term must be a number not below zero"
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
    /// Mean cross entropy of this batch before the step, in nats; none on a graphics processor, which is asked for such
    /// figures once an epoch at most.
    pub loss: Option<f32>,
    /// Share of this batch that was right before the step, 0 to 1; where [`Step::loss`] is there.
    pub accuracy: Option<f32>,
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
