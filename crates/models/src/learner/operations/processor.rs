//! The same arithmetic as [`super::elementwise`] and the optimisers have in tensor operations, for the
//! processor: one pass over memory instead of one an operation, because there the passes cost as much as the matrix
//! products.
//!
//! A tensor on the processor gives its numbers away and takes them back without a copy, as long as nothing else holds it.

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    dropout::{KEPT, SCALE},
    elementwise::Frame,
    product::product,
    threads,
};
use crate::{
    learner::{
        descent::{adam::Rates, pull::PullOn},
        layers::{Gradient, normalise},
    },
    network::EPSILON,
    slices::vector::{sigmoid, sum, tanh},
};

/// Numbers that a thread works on at a time: with gradient and moments they fit into a processor's second cache.
const BLOCK: usize = 32 * 1024;

/// Whether the tensor lives here.
pub(crate) fn holds(tensor: &Tensor<2>) -> bool {
    tensor.device() == Device::flex()
}

/// The same matrix with its rows one after another in memory.
pub(crate) fn contiguous(tensor: Tensor<2>) -> Tensor<2> {
    let device = tensor.device();
    Tensor::from_data(tensor.into_data(), &device)
}

/// A tensor's numbers, row by row.
fn numbers(data: &TensorData) -> &[f32] {
    data.as_slice().expect("networks hold nothing but f32")
}

/// A copy of a tensor's numbers, row by row.
pub(crate) fn to_vec(tensor: Tensor<2>) -> Vec<f32> {
    numbers(&tensor.into_data()).to_vec()
}

/// A tensor's numbers, row by row, to be changed in place.
fn numbers_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("networks hold nothing but f32")
}

fn tensor(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Rows of `columns` numbers that make up about a [`BLOCK`].
fn rows_of_block(columns: usize) -> usize {
    (BLOCK / columns.max(1)).max(1)
}

/// ReLU. What is no number stays none, so that the loss tells of it.
#[inline(always)]
fn rectified(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

/// ReLU of `product` + `bias`, then dropout where random `bytes` are given, one for each value.
pub(crate) fn activate(product: Tensor<2>, bias: &Tensor<2>, bytes: Option<&[u8]>) -> Tensor<2> {
    let device = product.device();
    let [_, columns] = product.dims();
    let bias = bias.clone().into_data();
    let bias = numbers(&bias);
    let mut product = product.into_data();
    let block = rows_of_block(columns) * columns;
    match bytes {
        None => threads::each(numbers_mut(&mut product).chunks_mut(block), |values| {
            for row in values.chunks_exact_mut(columns) {
                for (value, bias) in row.iter_mut().zip(bias) {
                    *value = rectified(*value + bias);
                }
            }
        }),
        Some(bytes) => {
            threads::each(numbers_mut(&mut product).chunks_mut(block).zip(bytes.chunks(block)), |(values, bytes)| {
                for (row, bytes) in values.chunks_exact_mut(columns).zip(bytes.chunks_exact(columns)) {
                    for ((value, bias), &byte) in row.iter_mut().zip(bias).zip(bytes) {
                        let factor = if byte < KEPT { SCALE } else { 0.0 };
                        *value = rectified(*value + bias) * factor;
                    }
                }
            });
        }
    }
    Tensor::from_data(product, &device)
}

/// The way back, with `margin` rows of zeros at both ends, and the sum over rows, which is the bias's gradient.
pub(crate) fn activate_backward(
    gradient: Tensor<2>,
    output: Tensor<2>,
    scale: f32,
    margin: usize,
) -> (Tensor<2>, Tensor<2>) {
    let device = gradient.device();
    let [rows, columns] = gradient.dims();
    let (gradient, output) = (gradient.into_data(), output.into_data());
    let mut padded = vec![0.0; (rows + 2 * margin) * columns];
    let within = &mut padded[margin * columns..(margin + rows) * columns];
    let block = rows_of_block(columns) * columns;
    let mut sums = vec![0.0; within.len().div_ceil(block) * columns];
    let pieces = within
        .chunks_mut(block)
        .zip(numbers(&gradient).chunks(block).zip(numbers(&output).chunks(block)))
        .zip(sums.chunks_mut(columns));
    threads::each(pieces, |((within, (gradient, output)), sums)| {
        let rows = gradient.chunks_exact(columns).zip(output.chunks_exact(columns));
        for (out, (gradient, output)) in within.chunks_exact_mut(columns).zip(rows) {
            for (((out, gradient), output), sum) in out.iter_mut().zip(gradient).zip(output).zip(sums.iter_mut()) {
                let value = if *output > 0.0 { gradient * scale } else { 0.0 };
                *out = value;
                *sum += value;
            }
        }
    });
    let mut bias = vec![0.0; columns];
    for sums in sums.chunks_exact(columns) {
        bias.iter_mut().zip(sums).for_each(|(bias, sum)| *bias += sum);
    }
    (tensor(padded, [rows + 2 * margin, columns], &device), tensor(bias, [1, columns], &device))
}

/// Layer normalisation of each row, then scale and offset of each column.
pub(crate) fn normalise(input: Tensor<2>, scale: &Tensor<2>, offset: &Tensor<2>) -> (Tensor<2>, normalise::Saved) {
    let device = input.device();
    let [rows, columns] = input.dims();
    let (scale, offset) = (scale.clone().into_data(), offset.clone().into_data());
    let (scale, offset) = (numbers(&scale), numbers(&offset));
    let mut normal = input.into_data();
    let mut output = vec![0.0; rows * columns];
    let mut inverse = vec![0.0; rows];
    for ((row, out), inverse) in
        numbers_mut(&mut normal).chunks_exact_mut(columns).zip(output.chunks_exact_mut(columns)).zip(&mut inverse)
    {
        let mean = sum(row, |value| value) / columns as f32;
        row.iter_mut().for_each(|value| *value -= mean);
        let variance = sum(row, |value| value * value) / columns as f32;
        *inverse = 1.0 / (variance + EPSILON).sqrt();
        for (((value, out), scale), offset) in row.iter_mut().zip(out).zip(scale).zip(offset) {
            *value *= *inverse;
            *out = *value * scale + offset;
        }
    }
    let normal = Tensor::from_data(normal, &device);
    let inverse = tensor(inverse, [rows, 1], &device);
    (tensor(output, [rows, columns], &device), normalise::Saved { normal, inverse })
}

/// The way back: gradients of input, scale and offset.
pub(crate) fn normalise_backward(saved: normalise::Saved, gradient: Tensor<2>, scale: &Tensor<2>) -> [Tensor<2>; 3] {
    let device = gradient.device();
    let [_, columns] = gradient.dims();
    let scale = scale.clone().into_data();
    let scale = numbers(&scale);
    let (normal, inverse) = (saved.normal.into_data(), saved.inverse.into_data());
    let mut gradient = gradient.into_data();
    let [mut of_scale, mut of_offset] = [(); 2].map(|()| vec![0.0; columns]);
    for ((gradient, normal), inverse) in numbers_mut(&mut gradient)
        .chunks_exact_mut(columns)
        .zip(numbers(&normal).chunks_exact(columns))
        .zip(numbers(&inverse))
    {
        let sums = of_scale.iter_mut().zip(&mut of_offset);
        for (((value, normal), scale), (of_scale, of_offset)) in gradient.iter_mut().zip(normal).zip(scale).zip(sums) {
            *of_scale += *value * normal;
            *of_offset += *value;
            *value *= scale;
        }
        let mean = sum(gradient, |value| value) / columns as f32;
        let along = gradient.iter().zip(normal).map(|(value, normal)| value * normal).sum::<f32>() / columns as f32;
        gradient.iter_mut().zip(normal).for_each(|(value, normal)| *value = (*value - mean - normal * along) * inverse);
    }
    let input = Tensor::from_data(gradient, &device);
    [input, tensor(of_scale, [1, columns], &device), tensor(of_offset, [1, columns], &device)]
}

/// One frame of an LSTM.
pub(crate) fn gates(share: Tensor<2>, from_output: Option<Tensor<2>>, bias: &Tensor<2>, before: Tensor<2>) -> Frame {
    let device = share.device();
    let [batch, units] = before.dims();
    let mut gates = share.into_data();
    let (bias, before) = (bias.clone().into_data(), before.into_data());
    let from_output = from_output.map(Tensor::into_data);
    let from_output = from_output.as_ref().map(numbers);
    let [mut cell, mut squashed, mut output] = [(); 3].map(|()| vec![0.0; batch * units]);
    for clip in 0..batch {
        let row = &mut numbers_mut(&mut gates)[clip * 4 * units..(clip + 1) * 4 * units];
        row.iter_mut().zip(numbers(&bias)).for_each(|(value, bias)| *value += bias);
        if let Some(from_output) = from_output {
            let from_output = &from_output[clip * 4 * units..(clip + 1) * 4 * units];
            row.iter_mut().zip(from_output).for_each(|(value, more)| *value += more);
        }
        let (both, rest) = row.split_at_mut(2 * units);
        let (candidate, open) = rest.split_at_mut(units);
        both.iter_mut().for_each(|value| *value = sigmoid(*value));
        candidate.iter_mut().for_each(|value| *value = tanh(*value));
        open.iter_mut().for_each(|value| *value = sigmoid(*value));
        let (input, forget) = both.split_at(units);
        let own = clip * units..(clip + 1) * units;
        let before = &numbers(&before)[own.clone()];
        let cell = &mut cell[own.clone()];
        for (unit, cell) in cell.iter_mut().enumerate() {
            *cell = forget[unit] * before[unit] + input[unit] * candidate[unit];
        }
        let squashed = &mut squashed[own.clone()];
        squashed.iter_mut().zip(&*cell).for_each(|(squashed, cell)| *squashed = tanh(*cell));
        output[own].iter_mut().zip(&*squashed).zip(&*open).for_each(|((out, squashed), open)| *out = squashed * open);
    }
    let [cell, squashed, output] = [cell, squashed, output].map(|values| tensor(values, [batch, units], &device));
    let [gates, before] = [gates, before].map(|data| Tensor::from_data(data, &device));
    Frame { gates, before, cell, squashed, output }
}

/// The way back through one frame: gradients of the gates before activation (batch, 4 · units) and of the cell before.
pub(crate) fn gates_backward(frame: Frame, of_output: Tensor<2>, of_cell: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let device = of_output.device();
    let [batch, units] = of_output.dims();
    let (mut gates, mut of_cell) = (frame.gates.into_data(), of_cell.into_data());
    let (before, squashed) = (frame.before.into_data(), frame.squashed.into_data());
    let of_output = of_output.into_data();
    for clip in 0..batch {
        let own = clip * units..(clip + 1) * units;
        let row = &mut numbers_mut(&mut gates)[clip * 4 * units..(clip + 1) * 4 * units];
        let (input, rest) = row.split_at_mut(units);
        let (forget, rest) = rest.split_at_mut(units);
        let (candidate, open) = rest.split_at_mut(units);
        let (before, squashed) = (&numbers(&before)[own.clone()], &numbers(&squashed)[own.clone()]);
        let (of_output, of_cell) = (&numbers(&of_output)[own.clone()], &mut numbers_mut(&mut of_cell)[own]);
        for unit in 0..units {
            let (i, f, g, o) = (input[unit], forget[unit], candidate[unit], open[unit]);
            let of_this = of_cell[unit] + of_output[unit] * o * (1.0 - squashed[unit] * squashed[unit]);
            input[unit] = of_this * g * i * (1.0 - i);
            forget[unit] = of_this * before[unit] * f * (1.0 - f);
            candidate[unit] = of_this * i * (1.0 - g * g);
            open[unit] = of_output[unit] * squashed[unit] * o * (1.0 - o);
            of_cell[unit] = of_this * f;
        }
    }
    (Tensor::from_data(gates, &device), Tensor::from_data(of_cell, &device))
}

/// One step of Adam of one matrix.
pub(crate) fn adam(
    parameter: Tensor<2>,
    gradient: Gradient,
    pull: Option<PullOn<'_>>,
    moments: &mut [Vec<f32>; 2],
    rates: Rates,
) -> Tensor<2> {
    let [rows, columns] = parameter.dims();
    moments.iter_mut().for_each(|moment| moment.resize(rows * columns, 0.0));
    let [first, second] = moments;
    let length = rows_of_block(columns) * columns;
    let moments = first.chunks_mut(length).zip(second.chunks_mut(length));
    descend(parameter, gradient, pull, moments, |values, gradient, (first, second)| {
        rates.apply(values, gradient, first, second);
    })
}

/// One step of plain gradient descent of one matrix.
pub(crate) fn sgd(parameter: Tensor<2>, gradient: Gradient, pull: Option<PullOn<'_>>, rate: f32) -> Tensor<2> {
    descend(parameter, gradient, pull, std::iter::repeat(()), |values, gradient, ()| {
        values.iter_mut().zip(gradient).for_each(|(value, gradient)| *value -= rate * gradient);
    })
}

/// Moves a matrix a block of rows at a time, each with what the optimiser remembers of it (`moments`). A gradient that
/// is a product is multiplied out block by block, so that it never goes to memory and back.
fn descend<M: Send>(
    parameter: Tensor<2>,
    gradient: Gradient,
    pull: Option<PullOn<'_>>,
    moments: impl Iterator<Item = M>,
    apply: impl Fn(&mut [f32], &[f32], M) + Send + Sync,
) -> Tensor<2> {
    let device = parameter.device();
    let [rows, columns] = parameter.dims();
    let mut parameter = parameter.into_data();
    let per_block = rows_of_block(columns);
    let length = per_block * columns;
    let pieces = numbers_mut(&mut parameter).chunks_mut(length).zip(moments).enumerate();
    let pulled = |block: usize, values: &[f32], gradient: &mut [f32]| {
        if let Some(pull) = pull {
            pull.add(block * length, values, gradient);
        }
    };
    match gradient {
        // A long sum over rows is quicker as one product.
        Gradient::Product { left, right } if left.dims()[0] <= 64 && rows > per_block => {
            threads::each(pieces, |(block, (values, moments))| {
                let rows = left.clone().narrow(1, block * per_block, values.len() / columns);
                let mut gradient = product(rows.transpose(), right.clone()).into_data();
                let gradient = numbers_mut(&mut gradient);
                pulled(block, values, gradient);
                apply(values, gradient, moments);
            });
        }
        gradient => {
            let mut gradient = gradient.value().into_data();
            let pieces = pieces.zip(numbers_mut(&mut gradient).chunks_mut(length));
            threads::each(pieces, |((block, (values, moments)), gradient)| {
                pulled(block, values, gradient);
                apply(values, gradient, moments);
            });
        }
    }
    Tensor::from_data(parameter, &device)
}
