//! Convolution over time as one matrix product, with ReLU and dropout.

use burn::tensor::Tensor;

use crate::{
    learner::operations::{
        activation,
        dropout::Dropout,
        gradient::Gradient,
        memory::{self, numbers, tensor},
        product::product,
    },
    network::KERNEL,
};

/// What the way back needs.
pub(crate) struct Saved {
    input: Tensor<2>,
    output: Tensor<2>,
    scale: f32,
}

/// Three neighbouring rows read as one: (rows, channels) → (rows − 2, 3 · channels). On the processor it is a view,
/// not a copy; graphics kernels take no view whose rows overlap.
fn windows(rows: Tensor<2>) -> Tensor<2> {
    if memory::holds(&rows) {
        let [count, channels] = rows.dims();
        rows.reshape([count * channels]).unfold(0, KERNEL * channels, channels)
    } else {
        windows_by_copies(rows)
    }
}

fn windows_by_copies(rows: Tensor<2>) -> Tensor<2> {
    let [count, _] = rows.dims();
    Tensor::cat((0..KERNEL).map(|at| rows.clone().narrow(0, at, count - (KERNEL - 1))).collect(), 1)
}

/// (rows, inputs) → (rows − 2, outputs); `kernel` is (3 · inputs, outputs), `bias` (1, outputs).
pub(crate) fn forward(
    input: Tensor<2>,
    kernel: &Tensor<2>,
    bias: &Tensor<2>,
    dropout: Option<&mut Dropout>,
) -> (Tensor<2>, Saved) {
    let product = product(windows(input.clone()), kernel.clone());
    let (output, scale) = activation::forward(product, bias, dropout);
    (output.clone(), Saved { input, output, scale })
}

/// Gradients of kernel and bias, and, where it is wanted, of the input.
pub(crate) fn backward(
    saved: Saved,
    gradient: Tensor<2>,
    kernel: &Tensor<2>,
    input_wanted: bool,
) -> (Option<Tensor<2>>, [Gradient; 2]) {
    let [rows, _] = gradient.dims();
    let margin = if input_wanted { KERNEL - 1 } else { 0 };
    let (padded, bias) = activation::backward(gradient, saved.output, saved.scale, margin);
    let input = input_wanted.then(|| {
        // Each input row was used by the three windows that begin at it and at the two rows before it: a convolution
        // of the gradient, with two rows of zeros at both ends, by the kernel read backwards in time.
        let backwards = if memory::holds(kernel) { backwards_in_one_pass } else { backwards_by_operations };
        product(windows(padded.clone()), backwards(kernel.clone()))
    });
    let gradient = padded.narrow(0, margin, rows);
    (input, [Gradient::Product { left: windows(saved.input), right: gradient }, Gradient::Value(bias)])
}

/// A kernel (3 · inputs, outputs) read backwards in time: (3 · outputs, inputs).
fn backwards_by_operations(kernel: Tensor<2>) -> Tensor<2> {
    let [height, outputs] = kernel.dims();
    let inputs = height / KERNEL;
    kernel.reshape([KERNEL, inputs, outputs]).flip([0]).swap_dims(1, 2).reshape([KERNEL * outputs, inputs])
}

fn backwards_in_one_pass(kernel: Tensor<2>) -> Tensor<2> {
    let (device, [height, outputs]) = (kernel.device(), kernel.dims());
    let inputs = height / KERNEL;
    let kernel = kernel.into_data();
    let mut values = vec![0.0; height * outputs];
    let steps = values.chunks_exact_mut((outputs * inputs).max(1));
    for (after, before) in steps.zip(numbers(&kernel).chunks_exact((inputs * outputs).max(1)).rev()) {
        for (output, row) in after.chunks_exact_mut(inputs).enumerate() {
            let column = before[output..].iter().step_by(outputs);
            row.iter_mut().zip(column).for_each(|(value, of_output)| *value = *of_output);
        }
    }
    tensor(values, [KERNEL * outputs, inputs], &device)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn the_view_and_the_copies_are_the_same_windows() {
        let values: Vec<f32> = (0..30).map(|value| value as f32).collect();
        let rows = Tensor::<2>::from_data(TensorData::new(values, [6, 5]), &Device::flex());
        let view = windows(rows.clone()).into_data();
        view.assert_eq(&windows_by_copies(rows).into_data(), true);
        assert_eq!(view.shape().as_slice(), [4, 15]);
    }

    #[test]
    fn a_kernel_is_read_backwards_alike() {
        let values: Vec<f32> = (0..3 * 4 * 5).map(|value| value as f32).collect();
        let kernel = Tensor::<2>::from_data(TensorData::new(values, [3 * 4, 5]), &Device::flex());
        let ours = backwards_in_one_pass(kernel.clone()).into_data();
        ours.assert_eq(&backwards_by_operations(kernel).into_data(), true);
        assert_eq!(ours.shape().as_slice(), [3 * 5, 4]);
    }
}
