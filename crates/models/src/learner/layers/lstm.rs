//! Long short-term memory (Hochreiter & Schmidhuber 1997, with Gers' forget gate) with one bias a gate, as Keras has it.
//!
//! Rows are in time order: first all clips' frame 1, then all clips' frame 2, and so on. The input's share of all
//! gates of all frames is one matrix product; each frame then needs one more, from the output before it.

use burn::tensor::{Tensor, TensorData};

use crate::{
    FRAMES,
    learner::operations::{
        gates::{self, Frame},
        gradient::Gradient,
        product::{Factor, product},
    },
};

/// What the way back needs; the lists have one entry a frame.
pub(crate) struct Saved {
    input: Tensor<2>,
    output: Tensor<2>,
    frames: Vec<Frame>,
    /// For each clip the frame whose output goes on, from 0; absent where every frame's does.
    read: Option<Vec<usize>>,
}

/// (100 · batch, inputs) → (100 · batch, units), or (batch, units) of the frame that is `read` of each clip. Kernels are
/// (inputs, 4 · units) and (units, 4 · units), the bias (1, 4 · units), gates in Keras' order: input, forget, cell,
/// output.
pub(crate) fn forward(
    input: Tensor<2>,
    kernel: &Tensor<2>,
    recurrent: &Tensor<2>,
    bias: &Tensor<2>,
    read: Option<Vec<usize>>,
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
        let left = gates::forward(share, from_output, bias, cell);
        cell = left.cell.clone();
        outputs.push(left.output.clone());
        frames.push(left);
    }
    let ended = read.as_ref().map(|read| {
        let parts = outputs.iter().enumerate();
        let parts = parts.filter_map(|(frame, output)| Some(output.clone() * ending(read, frame, &device)?));
        parts.reduce(|sum, part| sum + part).unwrap_or_else(|| zeros(batch, units, &device))
    });
    let all = Tensor::cat(outputs, 0);
    (ended.unwrap_or_else(|| all.clone()), Saved { input, output: all, frames, read })
}

/// 1 for each clip that is read at this frame and 0 for the others, (batch, 1); `None` where no clip is.
fn ending(read: &[usize], frame: usize, device: &burn::tensor::Device) -> Option<Tensor<2>> {
    let ends: Vec<f32> = read.iter().map(|&last| if last == frame { 1.0 } else { 0.0 }).collect();
    read.contains(&frame).then(|| Tensor::from_data(TensorData::new(ends, [read.len(), 1]), device))
}

/// Gradients of the input, where it is wanted, and of kernel, recurrent kernel and bias.
pub(crate) fn backward(
    saved: Saved,
    gradient: Tensor<2>,
    kernel: &Tensor<2>,
    recurrent: &Tensor<2>,
    input_wanted: bool,
) -> (Option<Tensor<2>>, [Gradient; 3]) {
    let Saved { input, output, frames, read } = saved;
    let [rows, units] = output.dims();
    let batch = rows / FRAMES;
    let device = output.device();
    let transposed = Factor::new(recurrent.clone().transpose());
    let mut of_cell = zeros(batch, units, &device);
    let mut of_output = zeros(batch, units, &device);
    let mut of_gates = Vec::with_capacity(FRAMES);
    for (frame, left) in frames.into_iter().enumerate().rev() {
        match &read {
            None => of_output = of_output + gradient.clone().narrow(0, frame * batch, batch),
            Some(read) => {
                if let Some(ends) = ending(read, frame, &device) {
                    of_output = of_output + gradient.clone() * ends;
                }
            }
        }
        let (of_these, cell_before) = gates::backward(left, of_output, of_cell);
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
