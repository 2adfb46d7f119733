//! Long short-term memory (Hochreiter & Schmidhuber 1997, with Gers' forget gate) with one bias a gate, as Keras has it.
//!
//! Rows are in time order: first all clips' frame 1, then all clips' frame 2, and so on. The input's share of all
//! gates of all frames is one matrix product; each frame then needs one more, from the output before it.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{
    FRAMES,
    learner::operations::{
        gates::{self, Frame},
        gradient::Gradient,
        memory,
        product::product,
        sequence,
    },
};

/// What the way back needs.
pub(crate) struct Saved {
    input: Tensor<2>,
    output: Tensor<2>,
    frames: Frames,
    /// For each clip the frame whose output goes on, from 0; absent where every frame's does.
    read: Option<Vec<usize>>,
}

/// What the way back needs of all frames.
enum Frames {
    /// On the processor.
    Here(sequence::Saved),
    /// On the graphics processor, one entry a frame.
    There(Vec<Frame>),
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
    let way = if memory::holds(&input) { forward_here } else { forward_there };
    let (output, frames) = way(product(input.clone(), kernel.clone()), recurrent, bias);
    let ended = read.as_ref().map(|read| of_ends(&output, read)).unwrap_or_else(|| output.clone());
    (ended, Saved { input, output, frames, read })
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
    let [rows, _] = output.dims();
    let batch = rows / FRAMES;
    let [of_gates, bias] = match frames {
        Frames::Here(saved) => sequence::backward(saved, recurrent, gradient, read.as_deref()),
        Frames::There(frames) => backward_there(frames, recurrent, gradient, read.as_deref()),
    };
    let of_input = input_wanted.then(|| product(of_gates.clone(), kernel.clone().transpose()));
    // A frame's gates saw the output of the frame before it; the first frame saw none.
    let before = output.narrow(0, 0, rows - batch);
    let after = of_gates.clone().narrow(0, batch, rows - batch);
    (
        of_input,
        [
            Gradient::Product { left: input, right: of_gates },
            Gradient::Product { left: before, right: after },
            Gradient::Value(bias),
        ],
    )
}

fn forward_here(shares: Tensor<2>, recurrent: &Tensor<2>, bias: &Tensor<2>) -> (Tensor<2>, Frames) {
    let (output, saved) = sequence::forward(shares, recurrent, bias);
    (output, Frames::Here(saved))
}

fn forward_there(shares: Tensor<2>, recurrent: &Tensor<2>, bias: &Tensor<2>) -> (Tensor<2>, Frames) {
    let [rows, columns] = shares.dims();
    let (batch, units) = (rows / FRAMES, columns / 4);
    let mut cell = zeros(batch, units, &shares.device());
    let mut outputs = Vec::with_capacity(FRAMES);
    let mut frames = Vec::with_capacity(FRAMES);
    for frame in 0..FRAMES {
        let share = shares.clone().narrow(0, frame * batch, batch);
        let from_output = outputs.last().map(|output: &Tensor<2>| product(output.clone(), recurrent.clone()));
        let left = gates::forward(share, from_output, bias, cell);
        cell = left.cell.clone();
        outputs.push(left.output.clone());
        frames.push(left);
    }
    (Tensor::cat(outputs, 0), Frames::There(frames))
}

/// Gradients of the gates of all frames and of the bias.
fn backward_there(
    frames: Vec<Frame>,
    recurrent: &Tensor<2>,
    gradient: Tensor<2>,
    read: Option<&[usize]>,
) -> [Tensor<2>; 2] {
    let device = gradient.device();
    let [units, _] = recurrent.dims();
    let [batch, _] = frames[0].cell.dims();
    let [mut of_cell, mut of_output] = [(); 2].map(|()| zeros(batch, units, &device));
    let mut of_gates = Vec::with_capacity(FRAMES);
    for (frame, left) in frames.into_iter().enumerate().rev() {
        let of_this = match read {
            None => Some(gradient.clone().narrow(0, frame * batch, batch)),
            Some(read) => ending(read, frame, &device).map(|ends| gradient.clone() * ends),
        };
        if let Some(of_this) = of_this {
            of_output = of_output + of_this;
        }
        let (of_these, cell_before) = gates::backward(left, of_output, of_cell);
        of_cell = cell_before;
        of_output = product(of_these.clone(), recurrent.clone().transpose());
        of_gates.push(of_these);
    }
    of_gates.reverse();
    let of_gates = Tensor::cat(of_gates, 0);
    let bias = of_gates.clone().sum_dim(0);
    [of_gates, bias]
}

/// Each clip's output in the frame that is read of it.
fn of_ends(output: &Tensor<2>, read: &[usize]) -> Tensor<2> {
    let batch = read.len();
    let device = output.device();
    let of = |frame: usize| Some(output.clone().narrow(0, frame * batch, batch) * ending(read, frame, &device)?);
    let parts = (0..FRAMES).filter_map(of);
    parts.reduce(|sum, part| sum + part).unwrap_or_else(|| zeros(batch, output.dims()[1], &device))
}

/// 1 for each clip that is read at this frame and 0 for the others, (batch, 1); `None` where no clip is.
fn ending(read: &[usize], frame: usize, device: &Device) -> Option<Tensor<2>> {
    let ends: Vec<f32> = read.iter().map(|&last| if last == frame { 1.0 } else { 0.0 }).collect();
    read.contains(&frame).then(|| Tensor::from_data(TensorData::new(ends, [read.len(), 1]), device))
}

fn zeros(rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::zeros::<f32, _>([rows, columns]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::in_one_pass::{agree, matrix};

    /// Five clips between threads, of which the last one may have fewer.
    #[test]
    fn all_frames_on_slices_are_what_operations_make_of_them() {
        let (batch, units) = (5, 8);
        let [recurrent, bias] = [matrix(units, 4 * units, 1), matrix(1, 4 * units, 2)];
        let ways = [forward_here, forward_there]
            .map(|way| way(matrix(FRAMES * batch, 4 * units, 3).mul_scalar(5.0), &recurrent, &bias));
        let [(ours, here), (theirs, there)] = ways;
        let close = |value: f32| 1e-5 * value.abs().max(1.0);
        agree(ours.clone(), theirs, close);
        let (Frames::Here(here), Frames::There(there)) = (here, there) else { panic!("each goes its way") };
        for read in [None, Some([99, 0, 57, 99, 3])] {
            let gradient = matrix(if read.is_some() { batch } else { FRAMES * batch }, units, 4);
            let read = read.as_ref().map(<[usize; 5]>::as_slice);
            let ours = sequence::backward(here.clone(), &recurrent, gradient.clone(), read);
            let theirs = backward_there(there.clone(), &recurrent, gradient, read);
            for (ours, theirs) in ours.into_iter().zip(theirs) {
                agree(ours, theirs, |value| 2e-5 * value.abs().max(1.0));
            }
        }
    }
}
