//! What each layer computes, forwards and backwards. All work on matrices: a row is one frame or one clip.
//!
//! Frames of a batch lie clip after clip in one matrix, so that a convolution is one matrix product without a copy:
//! its window over three frames is three neighbouring rows, read as one long row. Windows that span two clips give
//! rows that no layer after them looks at; on the way back their gradient is zero.

pub(crate) mod convolution;
pub(crate) mod dense;
pub(crate) mod flatten;
pub(crate) mod lstm;
pub(crate) mod normalise;
pub(crate) mod pooling;

use burn::tensor::Tensor;

use crate::learner::operations::product::product;

/// A parameter's gradient.
#[allow(clippy::large_enum_variant, reason = "there are three of them at a time")]
#[derive(Clone)]
pub(crate) enum Gradient {
    /// Given as such.
    Value(Tensor<2>),
    /// `left`ᵀ · `right`, left to the optimiser, which need not hold all of a large product at once.
    Product { left: Tensor<2>, right: Tensor<2> },
}

impl Gradient {
    /// The gradient itself.
    pub fn value(self) -> Tensor<2> {
        match self {
            Self::Value(value) => value,
            Self::Product { left, right } => product(left.transpose(), right),
        }
    }
}
