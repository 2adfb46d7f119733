//! Mean and standard deviation over each clip's real frames, so that padding has no say.

use burn::tensor::{Tensor, TensorData};

use crate::{FRAMES, learner::operations::product::product, slices::EPSILON};

/// What the way back needs.
pub(crate) struct Saved {
    /// (batch, rows): 1/n for each of a clip's n real rows, else 0.
    weights: Tensor<2>,
    /// (rows, channels): each row less its clip's mean.
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
    let batch = frames.len();
    let lost = batch * FRAMES - rows;
    let mut weights = vec![0.0_f32; batch * rows];
    let mut members = vec![0.0_f32; batch * rows];
    for (clip, frames) in frames.iter().enumerate() {
        let real = frames.saturating_sub(lost).max(1);
        let first = clip * rows + clip * FRAMES;
        weights[first..first + real].fill(1.0 / real as f32);
        members[first..first + real].fill(1.0);
    }
    let device = input.device();
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [batch, rows]), &device);
    let members = Tensor::<2>::from_data(TensorData::new(members, [batch, rows]), &device);
    let mean = product(weights.clone(), input.clone());
    let centred = input - product(members.transpose(), mean.clone());
    let variance = product(weights.clone(), centred.clone() * centred.clone());
    let deviation = variance.add_scalar(EPSILON).sqrt();
    (Tensor::cat(vec![mean, deviation.clone()], 1), Saved { weights, centred, deviation })
}

/// The way back. The deviation's slope by a row is its distance from the mean, over n times the deviation; that the
/// mean moves too adds nothing, because the distances sum to zero.
pub(crate) fn backward(saved: Saved, gradient: Tensor<2>) -> Tensor<2> {
    let [_, channels] = saved.deviation.dims();
    let of_mean = gradient.clone().narrow(1, 0, channels);
    let of_deviation = gradient.narrow(1, channels, channels) / saved.deviation;
    let weights = saved.weights.transpose();
    product(weights.clone(), of_mean) + saved.centred * product(weights, of_deviation)
}
