//! What a series of noisy sums gives away at most: ε for a δ, and how often the best guess of all is right.
//!
//! A release is a sum to which everyone adds a vector of norm 1 at most (in units of the clip), with Gaussian noise of
//! deviation z, the noise multiplier, on each coordinate. Where everyone takes part in every round, what T of them give away is
//! known exactly ([`Gaussian`]). Where each takes part by chance, it is bounded from above by a distribution of the privacy
//! loss on a grid (`sampled.rs`, `distribution.rs`). docs/privacy.md says in words what the numbers mean.
//!
//! It draws no noise, and knows no room, no model and no clip. No number here is ever below what is true: each is rounded up by
//! more than the arithmetic errs.

mod distribution;
mod gaussian;
mod normal;
mod release;
mod sampled;

pub use gaussian::{Gaussian, affordable_rounds, noise_multiplier_for};
pub use release::{PrivacyError, PrivacyLoss, Relation, Release};

/// Added to every ε that is searched for: far more than double precision errs, far less than anyone reads.
const MARGIN: f64 = 1.0e-6;
