//! One frame of an LSTM behind its matrix products, in tensor operations, and on the processor in one pass.

use burn::tensor::{Tensor, activation};

use super::memory::{self, numbers, numbers_mut, tensor};
use crate::slices::lstm;

/// Beyond this the logistic function and the hyperbolic tangent are at their ends, to the last bit of an `f32`. Graphics
/// processors are not asked for more: some make them of powers of e that overflow, and answer with 0 or no number from 43.67 on
/// (<https://github.com/tracel-ai/burn/pull/520>), others from 89 on.
const FAR_OUT: f32 = 40.0;

/// What one frame of an LSTM leaves.
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
    let way = if memory::holds(&share) { forward_in_one_pass } else { forward_by_operations };
    way(share, from_output, bias, before)
}

pub(super) fn forward_in_one_pass(
    share: Tensor<2>,
    from_output: Option<Tensor<2>>,
    bias: &Tensor<2>,
    before: Tensor<2>,
) -> Frame {
    let device = share.device();
    let [batch, units] = before.dims();
    let mut gates = share.into_data();
    let (bias, before) = (bias.clone().into_data(), before.into_data());
    let from_output = from_output.map(Tensor::into_data);
    let from_output = from_output.as_ref().map(numbers);
    let mut cell = numbers(&before).to_vec();
    let [mut squashed, mut output] = [(); 2].map(|()| vec![0.0; batch * units]);
    for clip in 0..batch {
        let row = &mut numbers_mut(&mut gates)[clip * 4 * units..(clip + 1) * 4 * units];
        row.iter_mut().zip(numbers(&bias)).for_each(|(value, bias)| *value += bias);
        if let Some(from_output) = from_output {
            let from_output = &from_output[clip * 4 * units..(clip + 1) * 4 * units];
            row.iter_mut().zip(from_output).for_each(|(value, more)| *value += more);
        }
        let own = clip * units..(clip + 1) * units;
        lstm::forward(row, &mut cell[own.clone()], &mut squashed[own.clone()], &mut output[own]);
    }
    let [cell, squashed, output] = [cell, squashed, output].map(|values| tensor(values, [batch, units], &device));
    let [gates, before] = [gates, before].map(|data| Tensor::from_data(data, &device));
    Frame { gates, before, cell, squashed, output }
}

pub(super) fn forward_by_operations(
    share: Tensor<2>,
    from_output: Option<Tensor<2>>,
    bias: &Tensor<2>,
    before: Tensor<2>,
) -> Frame {
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
    let here = memory::holds(&of_output);
    let way = if here { backward_in_one_pass } else { backward_by_operations };
    way(frame, of_output, of_cell)
}

pub(super) fn backward_in_one_pass(frame: Frame, of_output: Tensor<2>, of_cell: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let device = of_output.device();
    let [batch, units] = of_output.dims();
    let (mut gates, mut of_cell) = (frame.gates.into_data(), of_cell.into_data());
    let (before, squashed) = (frame.before.into_data(), frame.squashed.into_data());
    let of_output = of_output.into_data();
    for clip in 0..batch {
        let own = clip * units..(clip + 1) * units;
        let row = &mut numbers_mut(&mut gates)[clip * 4 * units..(clip + 1) * 4 * units];
        let [before, squashed, of_output] = [&before, &squashed, &of_output].map(|data| &numbers(data)[own.clone()]);
        lstm::backward(row, before, squashed, of_output, &mut numbers_mut(&mut of_cell)[own]);
    }
    (Tensor::from_data(gates, &device), Tensor::from_data(of_cell, &device))
}

pub(super) fn backward_by_operations(frame: Frame, of_output: Tensor<2>, of_cell: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
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
