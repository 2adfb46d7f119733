//! All channels of a clip's frames side by side.

use burn::tensor::Tensor;

use crate::FRAMES;

/// (rows, channels) → (batch, frames · channels). Clips begin 100 rows apart; what lies between one clip's `frames` and
/// the next is left out. A view, not a copy, on the CPU.
pub(crate) fn forward(input: Tensor<2>, frames: usize) -> Tensor<2> {
    let [rows, channels] = input.dims();
    input
        .reshape([rows * channels])
        .unfold(0, frames * channels, FRAMES * channels)
}

/// The way back: zeros for the rows that were left out.
pub(crate) fn backward(gradient: Tensor<2>, frames: usize, channels: usize) -> Tensor<2> {
    let [batch, _] = gradient.dims();
    let between = Tensor::zeros([batch, (FRAMES - frames) * channels], &gradient.device());
    let rows = (batch - 1) * FRAMES + frames;
    Tensor::cat(vec![gradient, between], 1)
        .reshape([batch * FRAMES, channels])
        .slice([0..rows])
}
