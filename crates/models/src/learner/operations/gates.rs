//! One frame of an LSTM behind its matrix products, in tensor operations. On the processor all frames are one pass,
//! `sequence`.

use burn::tensor::{Tensor, activation};

/// Beyond this the logistic function and the hyperbolic tangent are at their ends, to the last bit of an `f32`. Graphics
/// processors are not asked for more: some make them of powers of e that overflow, and answer with 0 or no number from 43.67 on
/// (<https://github.com/tracel-ai/burn/pull/520>), others from 89 on.
const FAR_OUT: f32 = 40.0;

/// What one frame of an LSTM leaves.
#[derive(Clone)]
pub(crate) struct Frame {
    /// All gates after their activations (batch, 4 · units): input, forget, cell, output.
    pub gates: Tensor<2>,
    /// The cell before, (batch, units).
    pub before: Tensor<2>,
    /// The cell after, (batch, units).
    pub cell: Tensor<2>,
    /// Hyperbolic tangent of the cell after, (batch, units).
    pub squashed: Tensor<2>,
    /// The frame's output, (batch, units).
    pub output: Tensor<2>,
}

/// One frame forwards: `share` (batch, 4 · units) from the input, `from_output` from the output before it, and the
/// cell before it.
pub(crate) fn forward(share: Tensor<2>, from_output: Option<Tensor<2>>, bias: &Tensor<2>, before: Tensor<2>) -> Frame {
    let [_, units] = before.dims();
    let mut sum = share + bias.clone();
    if let Some(from_output) = from_output {
        sum = sum + from_output;
    }
    let sum = sum.clamp(-FAR_OUT, FAR_OUT);
    let both = activation::sigmoid(sum.clone().narrow(1, 0, 2 * units));
    let candidate = sum.clone().narrow(1, 2 * units, units).tanh();
    let open = activation::sigmoid(sum.narrow(1, 3 * units, units));
    let kept = both.clone().narrow(1, units, units) * before.clone();
    let cell = kept + both.clone().narrow(1, 0, units) * candidate.clone();
    let squashed = cell.clone().clamp(-FAR_OUT, FAR_OUT).tanh();
    let output = open.clone() * squashed.clone();
    Frame { gates: Tensor::cat(vec![both, candidate, open], 1), before, cell, squashed, output }
}

/// The way back through one frame: from the gradients of its output and its cell to those of the gates before their
/// activations (batch, 4 · units) and of the cell before it.
pub(crate) fn backward(frame: Frame, of_output: Tensor<2>, of_cell: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let Frame { gates, before, squashed, .. } = frame;
    let [_, units] = before.dims();
    let gate = |place: usize| gates.clone().narrow(1, place * units, units);
    let [input, forget, candidate, open] = [gate(0), gate(1), gate(2), gate(3)];
    let rising = |gate: Tensor<2>| gate.clone() - gate.clone() * gate;
    let flat = |value: Tensor<2>| (value.clone() * value).neg().add_scalar(1.0);
    let of_cell = of_cell + of_output.clone() * open.clone() * flat(squashed.clone());
    let of_gates = Tensor::cat(
        vec![
            of_cell.clone() * candidate.clone() * rising(input.clone()),
            of_cell.clone() * before * rising(forget.clone()),
            of_cell.clone() * input * flat(candidate),
            of_output * squashed * rising(open),
        ],
        1,
    );
    (of_gates, of_cell * forget)
}
