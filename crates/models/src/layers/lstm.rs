//! Long short-term memory (Hochreiter & Schmidhuber 1997, with Gers' forget gate) with one bias a gate, as Keras has it.
//!
//! Rows are in time order: first all clips' frame 1, then all clips' frame 2, and so on. The input's share of all
//! gates of all frames is one matrix product; each frame then needs one more, from the output before it.

use burn::tensor::{Tensor, TensorData};

use super::Gradient;
use crate::{
    FRAMES, elementwise,
    product::{Factor, product},
};

/// What the way back needs; the lists have one entry a frame.
pub(crate) struct Saved {
    input: Tensor<2>,
    output: Tensor<2>,
    frames: Vec<elementwise::Frame>,
    sequence: bool,
}

/// (100 · batch, inputs) → (100 · batch, units), or (batch, units) of the last frame. Kernels are (inputs, 4 · units)
/// and (units, 4 · units), the bias (1, 4 · units), gates in Keras' order: input, forget, cell, output.
pub(crate) fn forward(
    input: Tensor<2>,
    kernel: &Tensor<2>,
    recurrent: &Tensor<2>,
    bias: &Tensor<2>,
    sequence: bool,
) -> (Tensor<2>, Saved) {
    let [rows, _] = input.dims();
    let [units, _] = recurrent.dims();
    let batch = rows / FRAMES;
    let device = input.device();
    let shares = product(input.clone(), kernel.clone());
    let shared = Factor::new(recurrent.clone());
    let mut cell = zeros(batch, units, &device);
    let mut outputs = Vec::with_capacity(FRAMES);
    let mut frames = Vec::with_capacity(FRAMES);
    for frame in 0..FRAMES {
        let share = shares.clone().narrow(0, frame * batch, batch);
        let from_output = outputs.last().map(|output: &Tensor<2>| shared.after(output.clone()));
        let left = elementwise::gates(share, from_output, bias, cell);
        cell = left.cell.clone();
        outputs.push(left.output.clone());
        frames.push(left);
    }
    let all = Tensor::cat(outputs, 0);
    let output = if sequence { all.clone() } else { all.clone().narrow(0, rows - batch, batch) };
    (output, Saved { input, output: all, frames, sequence })
}

/// Gradients of the input, where it is wanted, and of kernel, recurrent kernel and bias.
pub(crate) fn backward(
    saved: Saved,
    gradient: Tensor<2>,
    kernel: &Tensor<2>,
    recurrent: &Tensor<2>,
    input_wanted: bool,
) -> (Option<Tensor<2>>, [Gradient; 3]) {
    let Saved { input, output, frames, sequence } = saved;
    let [rows, units] = output.dims();
    let batch = rows / FRAMES;
    let device = output.device();
    let transposed = Factor::new(recurrent.clone().transpose());
    let mut of_cell = zeros(batch, units, &device);
    let mut of_output = if sequence { zeros(batch, units, &device) } else { gradient.clone() };
    let mut of_gates = Vec::with_capacity(FRAMES);
    for (frame, gates) in frames.into_iter().enumerate().rev() {
        if sequence {
            of_output = of_output + gradient.clone().narrow(0, frame * batch, batch);
        }
        let (of_these, cell_before) = elementwise::gates_backward(gates, of_output, of_cell);
        of_cell = cell_before;
        of_output = transposed.after(of_these.clone());
        of_gates.push(of_these);
    }
    of_gates.reverse();
    let of_gates = Tensor::cat(of_gates, 0);
    let of_input = input_wanted.then(|| product(of_gates.clone(), kernel.clone().transpose()));
    // A frame's gates saw the output of the frame before it; the first frame saw none.
    let before = output.narrow(0, 0, rows - batch);
    let after = of_gates.clone().narrow(0, batch, rows - batch);
    let bias = Gradient::Value(of_gates.clone().sum_dim(0));
    (
        of_input,
        [Gradient::Product { left: input, right: of_gates }, Gradient::Product { left: before, right: after }, bias],
    )
}

fn zeros(rows: usize, columns: usize, device: &burn::tensor::Device) -> Tensor<2> {
    Tensor::from_data(TensorData::zeros::<f32, _>([rows, columns]), device)
}
