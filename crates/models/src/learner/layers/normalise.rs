//! Layer normalisation of each frame's channels, in tensor operations, and on the processor in one pass. It needs no
//! statistics of the batch, which clients of a federation do not share.

use burn::tensor::Tensor;

use crate::{
    learner::operations::{
        gradient::Gradient,
        memory::{self, numbers, numbers_mut, rows_of_block, tensor},
        threads,
    },
    slices::{EPSILON, norm},
};

/// What the way back needs.
pub(crate) struct Saved {
    /// (rows, channels): rows of mean 0 and deviation 1.
    normal: Tensor<2>,
    /// (rows, 1): one over each row's deviation.
    inverse: Tensor<2>,
}

/// (rows, channels) → the same; `scale` and `offset` are (1, channels).
pub(crate) fn forward(input: Tensor<2>, scale: &Tensor<2>, offset: &Tensor<2>) -> (Tensor<2>, Saved) {
    let way = if memory::holds(&input) { forward_in_one_pass } else { forward_by_operations };
    way(input, scale, offset)
}

fn forward_in_one_pass(input: Tensor<2>, scale: &Tensor<2>, offset: &Tensor<2>) -> (Tensor<2>, Saved) {
    let device = input.device();
    let [rows, columns] = input.dims();
    let (scale, offset) = (scale.clone().into_data(), offset.clone().into_data());
    let (scale, offset) = (numbers(&scale), numbers(&offset));
    let mut normal = input.into_data();
    let (mut output, mut inverse) = (vec![0.0; rows * columns], vec![0.0; rows]);
    let (together, block) = block(columns);
    let pieces = numbers_mut(&mut normal).chunks_mut(block).zip(output.chunks_mut(block));
    threads::each(pieces.zip(inverse.chunks_mut(together)), |((normal, output), inverse)| {
        norm::forward_into(output, inverse, normal, scale, offset);
    });
    let saved = Saved { normal: Tensor::from_data(normal, &device), inverse: tensor(inverse, [rows, 1], &device) };
    (tensor(output, [rows, columns], &device), saved)
}

/// Rows that a thread takes at a time, and their numbers. Sums over rows are those of these blocks, however many threads there are.
fn block(columns: usize) -> (usize, usize) {
    let rows = rows_of_block(columns);
    (rows, rows * columns.max(1))
}

fn forward_by_operations(input: Tensor<2>, scale: &Tensor<2>, offset: &Tensor<2>) -> (Tensor<2>, Saved) {
    let centred = input.clone() - input.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    let inverse = variance.add_scalar(EPSILON).sqrt().recip();
    let normal = centred * inverse.clone();
    (normal.clone() * scale.clone() + offset.clone(), Saved { normal, inverse })
}

/// Gradients of the input, and of scale and offset. A row without a gradient stays without one.
pub(crate) fn backward(saved: Saved, gradient: Tensor<2>, scale: &Tensor<2>) -> (Tensor<2>, [Gradient; 2]) {
    let way = if memory::holds(&gradient) { backward_in_one_pass } else { backward_by_operations };
    let [input, of_scale, of_offset] = way(saved, gradient, scale);
    (input, [Gradient::Value(of_scale), Gradient::Value(of_offset)])
}

fn backward_in_one_pass(saved: Saved, gradient: Tensor<2>, scale: &Tensor<2>) -> [Tensor<2>; 3] {
    let device = gradient.device();
    let [rows, columns] = gradient.dims();
    let scale = scale.clone().into_data();
    let scale = numbers(&scale);
    let (normal, inverse) = (saved.normal.into_data(), saved.inverse.into_data());
    let mut gradient = gradient.into_data();
    let (together, block) = block(columns);
    let mut sums = vec![0.0; rows.div_ceil(together) * 2 * columns];
    let pieces = numbers_mut(&mut gradient).chunks_mut(block).zip(numbers(&normal).chunks(block));
    let pieces = pieces.zip(numbers(&inverse).chunks(together)).zip(sums.chunks_mut(2 * columns.max(1)));
    threads::each(pieces, |(((gradient, normal), inverse), sums)| {
        norm::add_backward(sums.split_at_mut(columns).into(), gradient, normal, inverse, scale);
    });
    let mut all = memory::sum_of_rows(&sums, 2 * columns);
    let of_offset = all.split_off(columns);
    let [of_scale, of_offset] = [all, of_offset].map(|values| tensor(values, [1, columns], &device));
    [Tensor::from_data(gradient, &device), of_scale, of_offset]
}

fn backward_by_operations(saved: Saved, gradient: Tensor<2>, scale: &Tensor<2>) -> [Tensor<2>; 3] {
    let Saved { normal, inverse } = saved;
    let of_offset = gradient.clone().sum_dim(0);
    let of_scale = (gradient.clone() * normal.clone()).sum_dim(0);
    let of_normal = gradient * scale.clone();
    let along = (of_normal.clone() * normal.clone()).mean_dim(1);
    let input = (of_normal.clone() - of_normal.mean_dim(1) - normal * along) * inverse;
    [input, of_scale, of_offset]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::in_one_pass::{agree, matrix};

    #[test]
    fn it_is_the_same_in_one_pass() {
        let (scale, offset) = (matrix(1, 16, 1), matrix(1, 16, 2));
        let ours = forward_in_one_pass(matrix(50, 16, 3), &scale, &offset);
        let theirs = forward_by_operations(matrix(50, 16, 3), &scale, &offset);
        agree(ours.0, theirs.0, roundings);
        let ours = backward_in_one_pass(ours.1, matrix(50, 16, 4), &scale);
        let theirs = backward_by_operations(theirs.1, matrix(50, 16, 4), &scale);
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            agree(ours, theirs, roundings);
        }
    }

    /// Some ten roundings of sums of 50 numbers around 1.
    fn roundings(_value: f32) -> f32 {
        2e-5
    }
}
