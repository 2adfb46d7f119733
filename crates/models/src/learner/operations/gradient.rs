//! What a layer gives the optimiser for each of its parameters.

use burn::tensor::Tensor;

use super::product::product;

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
