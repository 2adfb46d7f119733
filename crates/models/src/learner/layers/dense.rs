//! Every input to every output, with ReLU and dropout, or linear as the last layer.

use burn::tensor::Tensor;

use crate::learner::operations::{activation, dropout::Dropout, gradient::Gradient, product::product};

/// What the way back needs.
pub(crate) struct Saved {
    input: Tensor<2>,
    /// Absent for the last layer, which is linear.
    activated: Option<(Tensor<2>, f32)>,
}

/// (batch, inputs) → (batch, outputs) with ReLU.
pub(crate) fn forward(
    input: Tensor<2>,
    kernel: &Tensor<2>,
    bias: &Tensor<2>,
    dropout: Option<&mut Dropout>,
) -> (Tensor<2>, Saved) {
    let (output, scale) = activation::forward(product(input.clone(), kernel.clone()), bias, dropout);
    (output.clone(), Saved { input, activated: Some((output, scale)) })
}

/// (batch, inputs) → (batch, labels), linear.
pub(crate) fn output(input: Tensor<2>, kernel: &Tensor<2>, bias: &Tensor<2>) -> (Tensor<2>, Saved) {
    (product(input.clone(), kernel.clone()) + bias.clone(), Saved { input, activated: None })
}

/// Gradients of the input, and of kernel and bias.
pub(crate) fn backward(saved: Saved, gradient: Tensor<2>, kernel: &Tensor<2>) -> (Tensor<2>, [Gradient; 2]) {
    let (gradient, bias) = match saved.activated {
        Some((output, scale)) => activation::backward(gradient, output, scale, 0),
        None => {
            let bias = gradient.clone().sum_dim(0);
            (gradient, bias)
        }
    };
    let input = product(gradient.clone(), kernel.clone().transpose());
    (input, [Gradient::Product { left: saved.input, right: gradient }, Gradient::Value(bias)])
}
