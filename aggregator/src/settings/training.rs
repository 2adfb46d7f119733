//! How participants train.

use models::Architecture;
use protocol::{Augmentation, Optimiser, Strategy, TrainingSettings};
use serde::Deserialize;

use super::set;

/// Step size of SGD where none is chosen: ten times that of Adam, whose steps do not shrink with the gradients.
pub(super) const SGD_LEARNING_RATE: f64 = 0.01;

/// A participant's passes and steps.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct TrainingOptions {
    /// Passes over a participant's own clips in each round [default: 2]
    #[arg(long)]
    pub epochs: Option<u32>,
    /// Clips in a training step [default: 20]
    #[arg(long)]
    pub batch_size: Option<u32>,
    /// Optimiser of the participants: adam or sgd [default: adam; sgd with scaffold, and for compact where neither
    /// optimiser nor strategy nor a rate is chosen]
    #[arg(long)]
    pub optimiser: Option<Optimiser>,
    /// Step size of the participants' optimiser [default: 0.001 for adam, 0.01 for sgd; 0.001 where compact has its own
    /// way]
    #[arg(long)]
    pub learning_rate: Option<f64>,
    /// How participants change their clips from pass to pass: none, or speed for hearing each at one of five speeds
    /// [default: speed for compact, none for the others]
    #[arg(long)]
    pub augmentation: Option<Augmentation>,
}

/// How a network's clips are changed from pass to pass where nothing is chosen: those of the paper's networks not at all,
/// as the paper has it; `compact` and `compact-text` are better when it hears them at several speeds.
pub fn usual_augmentation(architecture: Architecture) -> Augmentation {
    if architecture.hears_as_compact() { Augmentation::Speed } else { Augmentation::None }
}

impl TrainingOptions {
    /// All but what may be a network's own way of training.
    pub fn choose(&self, training: &mut TrainingSettings, architecture: Architecture) {
        set(&mut training.epochs, &self.epochs);
        set(&mut training.batch_size, &self.batch_size);
        training.augmentation = usual_augmentation(architecture);
        set(&mut training.augmentation, &self.augmentation);
    }

    /// Whether it is said how to step.
    pub fn chooses_steps(&self) -> bool {
        self.optimiser.is_some() || self.learning_rate.is_some()
    }

    /// How to step, where a network has no way of its own.
    pub fn choose_steps(&self, training: &mut TrainingSettings, strategy: &Strategy) {
        if strategy.needs_sgd() {
            training.optimiser = Optimiser::Sgd;
        }
        set(&mut training.optimiser, &self.optimiser);
        if training.optimiser == Optimiser::Sgd {
            training.learning_rate = SGD_LEARNING_RATE;
        }
        set(&mut training.learning_rate, &self.learning_rate);
    }
}
