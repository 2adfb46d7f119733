//! The networks of speech emotion, and the [`Learner`] that trains them.
//!
//! A network is a list of [`Layer`]s; its parameters travel as one flat `f32` vector whose order is its [`Layout`].
//! Gradients are written out by hand, layer by layer: over burn's tensors on the processor, and as kernels for graphics
//! processors; both are checked against PyTorch. This crate must not know a socket, a round, a file, a
//! sound or a word: it sees clips as frames of features, and what is said in them as numbers of buckets, and returns numbers.
//!
//! ```
//! # use models::{Architecture, Backend, Example, Learner, TrainingPlan};
//! # use std::ops::ControlFlow;
//! # pollster::block_on(async {
//! let mut learner = Learner::new(Architecture::Compact, 2, Backend::Cpu).await?;
//! let clip = |value: f32, label| {
//!     Example { values: vec![value; 100 * 60], frames: 100, text: Vec::new(), label, variants: Vec::new() }
//! };
//! let how = TrainingPlan { epochs: 2, ..TrainingPlan::default() };
//! let trained = learner.train(&[clip(-1.0, 0), clip(1.0, 1)], &how, async |_step| ControlFlow::Continue(())).await?;
//! assert_eq!(trained.steps, 2);
//! # Ok::<(), models::ModelError>(()) }).unwrap();
//! ```

// The plain types' checks are for the learner, and some of what works on slices for the one on the processor; without it nobody
// calls them.
#![cfg_attr(not(feature = "cpu"), allow(dead_code))]

mod clips;
mod error;
mod gradients;
mod inference;
#[cfg(feature = "learner")]
mod learner;
mod network;
pub mod onnx;
mod slices;
mod training;

pub use clips::{Evaluation, Example, Standardisation, Variant};
pub use error::ModelError;
pub use gradients::{ClipGradients, Gradients};
pub use inference::{Branches, Inference};
#[cfg(feature = "learner")]
pub use learner::{Backend, Course, Learner};
pub use network::{
    Architecture, KEPT_FACTOR, Layer, Layout, LstmOutput, TensorSpec, UnknownArchitecture, initial_parameters,
};
pub use training::{EpochReport, Moved, Optimiser, Step, Trained, TrainingPlan};

/// Frames of a clip that a network sees; shorter clips end in zero frames.
pub const FRAMES: usize = 100;
/// Features of one frame, of which some networks use the first alone ([`Architecture::features`]).
pub const FEATURES: usize = 60;
/// Buckets that the pieces of a transcript are hashed into.
pub const BUCKETS: usize = 1 << 13;
/// The most pieces that a clip's transcript can have.
pub const MOST_PIECES: usize = 1 << 14;
/// The fewest labels a network can tell apart.
pub const LEAST_LABELS: usize = 2;
/// The most labels a network can tell apart.
pub const MOST_LABELS: usize = 16;
