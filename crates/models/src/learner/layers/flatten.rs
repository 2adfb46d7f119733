//! All channels of a clip's frames side by side.

use burn::tensor::Tensor;

use crate::{FRAMES, learner::operations::memory};

/// (rows, channels) → (batch, frames · channels). Clips begin 100 rows apart; what lies between one clip's `frames` and
/// the next is left out. On the processor it is a view, not a copy; graphics kernels want rows without gaps.
pub(crate) fn forward(input: Tensor<2>, frames: usize) -> Tensor<2> {
    let [rows, channels] = input.dims();
    if memory::holds(&input) {
        return input.reshape([rows * channels]).unfold(0, frames * channels, FRAMES * channels);
    }
    let clips = (0..rows.div_ceil(FRAMES))
        .map(|clip| input.clone().narrow(0, clip * FRAMES, frames).reshape([1, frames * channels]))
        .collect();
    Tensor::cat(clips, 0)
}

/// The way back: zeros for the rows that were left out.
pub(crate) fn backward(gradient: Tensor<2>, frames: usize) -> Tensor<2> {
    let [batch, values] = gradient.dims();
    let channels = values / frames;
    let between = Tensor::zeros([batch, (FRAMES - frames) * channels], &gradient.device());
    let rows = (batch - 1) * FRAMES + frames;
    Tensor::cat(vec![gradient, between], 1).reshape([batch * FRAMES, channels]).narrow(0, 0, rows)
}
