//! Arithmetic on plain slices of `f32`, without a tensor library and without a device. Predictions are made of it, and on
//! the processor the learner's operations. It knows no network and no clip.

pub(crate) mod fusion;
pub(crate) mod kernel;
pub(crate) mod lstm;
pub(crate) mod matrix;
pub(crate) mod norm;
pub(crate) mod pooling;
pub(crate) mod relu;
pub(crate) mod softmax;
pub(crate) mod vector;

/// Added to variances, in normalisation and pooling, so that the root has a slope where nothing ever changes.
pub(crate) const EPSILON: f32 = 1e-5;
