//! What each layer computes of one clip; [`crate::Layer`] says it in words.

use crate::{
    LstmOutput,
    network::KERNEL,
    slices::{
        lstm,
        matrix::{self, Matrix},
        norm, pooling, relu,
    },
};

/// A clip between two layers.
pub(super) struct Frames {
    /// Frame after frame, not empty. Frames that are missing at the end are all like the last one here: what a
    /// convolution makes of a clip's padding is the same in every frame of it, and need be computed only once.
    pub values: Vec<f32>,
    /// Values of a frame.
    pub channels: usize,
    /// How many frames there are, with those that are missing.
    pub total: usize,
}

impl Frames {
    /// A single one.
    pub(super) fn one(values: Vec<f32>) -> Self {
        Self { channels: values.len(), values, total: 1 }
    }

    fn held(&self) -> usize {
        self.values.len() / self.channels.max(1)
    }

    /// All of them.
    fn iter(&self) -> impl Iterator<Item = &[f32]> {
        all(&self.values, self.channels, self.total)
    }
}

/// `total` rows of `columns` values, the last of them again and again where there are fewer.
fn all(values: &[f32], columns: usize, total: usize) -> impl Iterator<Item = &[f32]> {
    let rows = values.chunks_exact(columns.max(1));
    let last = rows.clone().next_back().unwrap_or_default();
    rows.chain(std::iter::repeat(last)).take(total)
}

/// (frames, inputs) → (frames − 2, outputs) with ReLU; `kernel` is (3 · inputs, outputs).
pub(super) fn convolution(mut input: Frames, kernel: &[f32], bias: &[f32]) -> Frames {
    let total = input.total.saturating_sub(KERNEL - 1);
    let held = input.held().min(total);
    // The last windows reach into frames that may be missing.
    let needed: Vec<f32> = input.iter().take(held + KERNEL - 1).skip(input.held()).flatten().copied().collect();
    input.values.extend(needed);
    // A window over three frames is three neighbouring rows, read as one long row.
    let columns = KERNEL * input.channels;
    let windows = Matrix { values: &input.values, rows: held, columns, steps: [input.channels, 1] };
    let mut values = matrix::product(&windows, &Matrix::contiguous(kernel, bias.len()));
    relu::activate(&mut values, bias);
    Frames { values, channels: bias.len(), total }
}

/// (frames, channels) → the same.
pub(super) fn normalise(mut frames: Frames, scale: &[f32], offset: &[f32]) -> Frames {
    let (values, _) = norm::forward(&mut frames.values, scale, offset);
    Frames { values, ..frames }
}

/// (frames, channels) → (1, frames · channels).
pub(super) fn flatten(frames: &Frames) -> Frames {
    Frames::one(frames.iter().flatten().copied().collect())
}

/// (frames, channels) → (1, 2 · channels): all means, then all deviations of the population.
pub(super) fn pooling(frames: &Frames) -> Frames {
    let mut rows: Vec<f32> = frames.iter().flatten().copied().collect();
    let mut pooled = vec![0.0; 2 * frames.channels];
    let (mean, deviation) = pooled.split_at_mut(frames.channels);
    pooling::forward(&mut rows, mean, deviation);
    Frames::one(pooled)
}

/// (frames, inputs) → (frames, units), or (1, units) of the last frame: those that follow the one that is to be read
/// have been left out before. Gates lie side by side in Keras' order: input, forget, cell, output.
pub(super) fn lstm(input: &Frames, kernel: &[f32], recurrent: &[f32], bias: &[f32], output: LstmOutput) -> Frames {
    let units = bias.len() / 4;
    let shares = Matrix::contiguous(&input.values, input.channels);
    let shares = matrix::product(&shares, &Matrix::contiguous(kernel, bias.len()));
    let mut all_outputs = Vec::with_capacity(input.total * units);
    let [mut cell, mut squashed, mut out] = [(); 3].map(|()| vec![0.0; units]);
    let mut gates = vec![0.0; bias.len()];
    for share in all(&shares, bias.len(), input.total) {
        gates.iter_mut().zip(share).zip(bias).for_each(|((gate, share), bias)| *gate = share + bias);
        matrix::add_row_product(&mut gates, &out, recurrent);
        lstm::forward(&mut gates, &mut cell, &mut squashed, &mut out);
        if output == LstmOutput::EveryFrame {
            all_outputs.extend_from_slice(&out);
        }
    }
    match output {
        LstmOutput::EveryFrame => Frames { values: all_outputs, channels: units, total: input.total },
        LstmOutput::LastFrame | LstmOutput::LastRealFrame => Frames::one(out),
    }
}

/// (1, inputs) → (1, outputs) with ReLU.
pub(super) fn dense(input: &Frames, kernel: &[f32], bias: &[f32]) -> Frames {
    let mut frames = linear(input, kernel, bias);
    frames.values.iter_mut().for_each(|value| *value = relu::rectified(*value));
    frames
}

/// (1, inputs) → (1, outputs).
pub(super) fn linear(input: &Frames, kernel: &[f32], bias: &[f32]) -> Frames {
    let mut sums = bias.to_vec();
    matrix::add_row_product(&mut sums, &input.values, kernel);
    Frames::one(sums)
}
