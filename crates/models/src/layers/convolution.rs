//! Convolution over time as one matrix product, with ReLU and dropout.

use burn::tensor::Tensor;

use super::{Gradient, bias_gradient};
use crate::{dropout::Dropout, elementwise, layer::KERNEL};

/// What the way back needs.
pub(crate) struct Saved {
    input: Tensor<2>,
    output: Tensor<2>,
    scale: f32,
}

/// Three neighbouring rows read as one: (rows, channels) → (rows − 2, 3 · channels). A view, not a copy, on the CPU.
fn windows(rows: Tensor<2>) -> Tensor<2> {
    let [count, channels] = rows.dims();
    rows.reshape([count * channels])
        .unfold(0, KERNEL * channels, channels)
}

/// (rows, inputs) → (rows − 2, outputs); `kernel` is (3 · inputs, outputs), `bias` (1, outputs).
pub(crate) fn forward(
    input: Tensor<2>,
    kernel: &Tensor<2>,
    bias: &Tensor<2>,
    dropout: Option<&mut Dropout>,
) -> (Tensor<2>, Saved) {
    let product = windows(input.clone()).matmul(kernel.clone());
    let (output, scale) = elementwise::activate(product, bias, dropout);
    (
        output.clone(),
        Saved {
            input,
            output,
            scale,
        },
    )
}

/// Gradients of kernel and bias, and, where it is wanted, of the input.
pub(crate) fn backward(
    saved: Saved,
    gradient: Tensor<2>,
    kernel: &Tensor<2>,
    input_wanted: bool,
) -> (Option<Tensor<2>>, [Gradient; 2]) {
    let gradient = elementwise::activate_backward(gradient, &saved.output, saved.scale);
    let bias = bias_gradient(&gradient);
    let input = input_wanted.then(|| {
        // Each input row was used by the three windows that begin at it and at the two rows before it: a convolution
        // of the gradient, with two rows of zeros at both ends, by the kernel read backwards in time.
        let [_, outputs] = gradient.dims();
        let [taps_inputs, _] = kernel.dims();
        let inputs = taps_inputs / KERNEL;
        let backwards = kernel
            .clone()
            .reshape([KERNEL, inputs, outputs])
            .flip([0])
            .swap_dims(1, 2)
            .reshape([KERNEL * outputs, inputs]);
        let ends = Tensor::zeros([KERNEL - 1, outputs], &gradient.device());
        windows(Tensor::cat(vec![ends.clone(), gradient.clone(), ends], 0)).matmul(backwards)
    });
    (
        input,
        [
            Gradient::Product {
                left: windows(saved.input),
                right: gradient,
            },
            bias,
        ],
    )
}
