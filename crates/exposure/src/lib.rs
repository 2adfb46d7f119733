//! What one update gives away: an attacker who has the update, the model and what else a server knows, and who tries to find out
//! which labels the clips have, whose voice they are of, and what they sounded like.
//!
//! A laptop runs it against its own update, in each of three ways in which a server might see it ([`masked`], [`noised`], or as it is).
//! Attacks are given no truth: what they found is compared with it by [`correlation`] and by whoever called. docs/exposure.md says what
//! is attacked and how, and how far that goes.
//!
//! It knows no sound, no browser, no room and no random source of its own.
#![forbid(unsafe_code)]

mod inversion;
mod labels;
mod score;
mod seen;
mod target;
mod voice;

pub use inversion::{Effort, Inversion, invert, ordered};
pub use labels::label_counts;
pub use score::correlation;
pub use seen::{masked, noised};
pub use target::{Found, Inside, Target, usual, whole, whole_in_order};
pub use voice::{Voice, likeness};

/// What whoever runs the server knows beside an update: it has sent the model itself, and says how laptops train.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// The network that the update is of.
    pub gradients: &'a models::Gradients,
    /// The parameters from which training began.
    pub parameters: &'a [f32],
    /// How it was trained.
    pub trained: Trained,
}

/// How an update was trained, as far as a server knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// How many labels there are.
    pub labels: usize,
    /// Clips that were trained on.
    pub examples: u32,
    /// Steps that were done, all of them with this step size; `None` where the optimiser has a step size for each parameter.
    pub steps: u32,
    /// The step size of SGD.
    pub learning_rate: Option<f64>,
}
