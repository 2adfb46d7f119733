//! Mean and standard deviation over each clip's real frames, so that padding has no say: in tensor operations, and on the
//! processor in one pass.

use burn::tensor::{Tensor, TensorData};

use crate::{
    FRAMES,
    learner::operations::{
        memory::{self, numbers, numbers_mut, tensor},
        product::product,
        threads,
    },
    slices::{EPSILON, pooling},
};

/// What the way back needs.
pub(crate) struct Saved {
    /// Of each clip, the first row and how many of its rows are real.
    clips: Vec<(usize, usize)>,
    /// (rows, channels): each real row less its clip's mean.
    centred: Tensor<2>,
    /// (batch, channels).
    deviation: Tensor<2>,
}

/// (rows, channels) → (batch, 2 · channels): all means, then all deviations (of the population, not the sample).
///
/// `frames` are the clips' real frames in the input of the network; convolutions have used up some of them at each
/// clip's end, and a clip so short that none is left keeps its first row.
pub(crate) fn forward(input: Tensor<2>, frames: &[usize]) -> (Tensor<2>, Saved) {
    let [rows, _] = input.dims();
    let lost = frames.len() * FRAMES - rows;
    let clips = frames.iter().enumerate().map(|(clip, frames)| (clip * FRAMES, frames.saturating_sub(lost).max(1)));
    let way = if memory::holds(&input) { forward_in_one_pass } else { forward_by_operations };
    way(input, clips.collect())
}

fn forward_in_one_pass(input: Tensor<2>, clips: Vec<(usize, usize)>) -> (Tensor<2>, Saved) {
    let device = input.device();
    let [_, channels] = input.dims();
    let mut centred = input.into_data();
    let mut pooled = vec![0.0; clips.len() * 2 * channels];
    let pieces = numbers_mut(&mut centred).chunks_mut(FRAMES * channels).zip(pooled.chunks_exact_mut(2 * channels));
    threads::each(pieces.zip(&clips), |((rows, pooled), (_, real))| {
        let (mean, deviation) = pooled.split_at_mut(channels);
        pooling::forward(&mut rows[..real * channels], mean, deviation);
    });
    let deviation = pooled.chunks_exact(2 * channels).flat_map(|pooled| &pooled[channels..]).copied().collect();
    let deviation = tensor(deviation, [clips.len(), channels], &device);
    let pooled = tensor(pooled, [clips.len(), 2 * channels], &device);
    (pooled, Saved { clips, centred: Tensor::from_data(centred, &device), deviation })
}

fn forward_by_operations(input: Tensor<2>, clips: Vec<(usize, usize)>) -> (Tensor<2>, Saved) {
    let (device, shape) = (input.device(), [clips.len(), input.dims()[0]]);
    let weights = rows_of_clips(&clips, shape, |real| 1.0 / real as f32, &device);
    let members = rows_of_clips(&clips, shape, |_| 1.0, &device);
    let mean = product(weights.clone(), input.clone());
    let centred = input - product(members.transpose(), mean.clone());
    let variance = product(weights, centred.clone() * centred.clone());
    let deviation = variance.add_scalar(EPSILON).sqrt();
    (Tensor::cat(vec![mean, deviation.clone()], 1), Saved { clips, centred, deviation })
}

/// A matrix (batch, rows): `value` of their number for a clip's real rows, else 0.
fn rows_of_clips(
    clips: &[(usize, usize)],
    [batch, rows]: [usize; 2],
    value: impl Fn(usize) -> f32,
    device: &burn::tensor::Device,
) -> Tensor<2> {
    let mut values = vec![0.0; batch * rows];
    for (row, &(first, real)) in values.chunks_exact_mut(rows).zip(clips) {
        row[first..first + real].fill(value(real));
    }
    Tensor::from_data(TensorData::new(values, [batch, rows]), device)
}

/// The way back, to (rows, channels).
pub(crate) fn backward(saved: Saved, gradient: Tensor<2>) -> Tensor<2> {
    let way = if memory::holds(&gradient) { backward_in_one_pass } else { backward_by_operations };
    way(saved, gradient)
}

fn backward_in_one_pass(saved: Saved, gradient: Tensor<2>) -> Tensor<2> {
    let device = gradient.device();
    let [_, channels] = saved.deviation.dims();
    let (gradient, deviation) = (gradient.into_data(), saved.deviation.into_data());
    let mut centred = saved.centred.into_data();
    let pieces = numbers_mut(&mut centred).chunks_mut(FRAMES * channels).zip(numbers(&gradient).chunks(2 * channels));
    let pieces = pieces.zip(numbers(&deviation).chunks(channels)).zip(&saved.clips);
    threads::each(pieces, |(((rows, gradient), deviation), (_, real))| {
        let (rows, padding) = rows.split_at_mut(real * channels);
        padding.fill(0.0);
        let (of_mean, of_deviation) = gradient.split_at(channels);
        pooling::backward(rows, of_mean, of_deviation, deviation);
    });
    Tensor::from_data(centred, &device)
}

/// See [`pooling::backward`] for the slope.
fn backward_by_operations(saved: Saved, gradient: Tensor<2>) -> Tensor<2> {
    let [_, channels] = saved.deviation.dims();
    let shape = [saved.clips.len(), saved.centred.dims()[0]];
    let weights = rows_of_clips(&saved.clips, shape, |real| 1.0 / real as f32, &gradient.device()).transpose();
    let of_mean = gradient.clone().narrow(1, 0, channels);
    let of_deviation = gradient.narrow(1, channels, channels) / saved.deviation;
    product(weights.clone(), of_mean) + saved.centred * product(weights, of_deviation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::in_one_pass::{agree, matrix};

    #[test]
    fn it_is_the_same_in_one_pass() {
        // The last clip is cut short by two convolutions; one has a single real row.
        let clips = || vec![(0, 100), (FRAMES, 1), (2 * FRAMES, 57), (3 * FRAMES, 96)];
        let rows = 4 * FRAMES - 4;
        let ours = forward_in_one_pass(matrix(rows, 6, 1), clips());
        let theirs = forward_by_operations(matrix(rows, 6, 1), clips());
        agree(ours.0, theirs.0, roundings);
        let ours = backward_in_one_pass(ours.1, matrix(4, 12, 2));
        let theirs = backward_by_operations(theirs.1, matrix(4, 12, 2));
        agree(ours, theirs, roundings);
    }

    /// Some ten roundings of sums of 100 numbers around 1; the deviation of a single row, the root of 1e-5, makes its
    /// gradient some 300 times as large.
    fn roundings(value: f32) -> f32 {
        1e-5 * value.abs().max(1.0)
    }
}
