//! An LSTM over all frames of a batch on the processor, forwards and back, on plain slices. No clip knows of another, so
//! threads share them out, and each goes through the frames on its own. It must not know which frames a network reads.
//!
//! Rows are in time order: first all clips' frame 1, then all clips' frame 2, and so on.

use burn::tensor::{Tensor, TensorData};

use super::{
    memory::{add, numbers, numbers_mut, sum_of_rows, tensor},
    threads,
};
use crate::{
    FRAMES,
    learner::backend::in_memory,
    slices::{
        lstm,
        matrix::{self, Matrix, Packed, Strips},
    },
};

/// What the way back needs of all frames.
#[derive(Clone)]
pub(crate) struct Saved {
    /// All gates after their activations (100 · batch, 4 · units): input, forget, cell, output.
    gates: TensorData,
    /// The cells after each frame, (100 · batch, units).
    cells: Vec<f32>,
    /// Their hyperbolic tangents.
    squashed: Vec<f32>,
}

/// The outputs of all frames, (100 · batch, units), from the `shares` of the input in their gates
/// (100 · batch, 4 · units).
pub(crate) fn forward(shares: Tensor<2>, recurrent: &Tensor<2>, bias: &Tensor<2>) -> (Tensor<2>, Saved) {
    let device = shares.device();
    let [rows, columns] = shares.dims();
    let units = columns / 4;
    let recurrent = packed(recurrent, Packed::new);
    let (mut gates, bias) = (shares.into_data(), bias.clone().into_data());
    let [mut cells, mut squashed, mut output] = [(); 3].map(|()| vec![0.0; rows * units]);

    let clips = Clips::between_threads(rows / FRAMES);
    let states = clips.of(&mut cells, units).zip(clips.of(&mut squashed, units));
    let pieces = clips.of(numbers_mut(&mut gates), columns).zip(states).zip(clips.of(&mut output, units));
    threads::each(pieces, |((mut gates, (mut cells, mut squashed)), mut output)| {
        let mut strips = Strips::default();
        for frame in 0..FRAMES {
            let (cells_before, cells) = cells.split_at_mut(frame);
            let (outputs_before, output) = output.split_at_mut(frame);
            let (gates, cells, output) = (&mut *gates[frame], &mut *cells[0], &mut *output[0]);
            if let (Some(cell), Some(output)) = (cells_before.last(), outputs_before.last()) {
                cells.copy_from_slice(cell);
                let rows = &mut matrix::rows(gates, columns);
                matrix::add_product_with(rows, &Matrix::contiguous(output, units), &recurrent, &mut strips);
            }
            lstm::forward_clips(gates, numbers(&bias), cells, squashed[frame], output);
        }
    });
    (tensor(output, [rows, units], &device), Saved { gates, cells, squashed })
}

/// The way back from the `gradient` of each clip's output in the frame that is `read`, or of all outputs: gradients of the
/// gates before their activations (100 · batch, 4 · units) and of the bias (1, 4 · units).
pub(crate) fn backward(
    saved: Saved,
    recurrent: &Tensor<2>,
    gradient: Tensor<2>,
    read: Option<&[usize]>,
) -> [Tensor<2>; 2] {
    let Saved { mut gates, cells, squashed } = saved;
    let device = gradient.device();
    let [units, columns] = recurrent.dims();
    let batch = cells.len() / units / FRAMES;
    let transposed = packed(recurrent, |stored| Packed::new(&stored.transposed()));
    let gradient = gradient.into_data();
    let gradient = numbers(&gradient);
    let nothing = vec![0.0; batch * units];
    // A row of sums for each clip: so they are the same however many threads there are.
    let mut of_biases = vec![0.0; batch * columns];

    let clips = Clips::between_threads(batch);
    let pieces = clips.of(numbers_mut(&mut gates), columns).zip(of_biases.chunks_mut(clips.together * columns));
    threads::each(pieces.enumerate(), |(piece, (mut gates, of_biases))| {
        let mut strips = Strips::default();
        let first = piece * clips.together;
        let length = gates[0].len() / 4;
        let [mut of_output, mut of_cell] = [(); 2].map(|()| vec![0.0; length]);
        for (frame, gates) in gates.iter_mut().enumerate().rev() {
            let own = |frame: usize| (frame * batch + first) * units..(frame * batch + first) * units + length;
            match read {
                None => add(&mut of_output, &gradient[own(frame)]),
                Some(read) => {
                    let ending =
                        of_output.chunks_exact_mut(units).zip(first..).filter(|(_, clip)| read[*clip] == frame);
                    ending.for_each(|(of_output, clip)| add(of_output, &gradient[clip * units..(clip + 1) * units]));
                }
            }
            let before = frame.checked_sub(1).map_or(&nothing[..length], |before| &cells[own(before)]);
            let seen = [before, &squashed[own(frame)], &of_output];
            lstm::backward_clips(units, gates, seen, &mut of_cell, of_biases);
            if frame > 0 {
                of_output.fill(0.0);
                let rows = &mut matrix::rows(&mut of_output, units);
                matrix::add_product_with(rows, &Matrix::contiguous(gates, columns), &transposed, &mut strips);
            }
        }
    });
    let of_bias = sum_of_rows(&of_biases, columns);
    [Tensor::from_data(gates, &device), tensor(of_bias, [1, columns], &device)]
}

fn packed(parameter: &Tensor<2>, pack: impl FnOnce(&Matrix<'_>) -> Packed) -> Packed {
    in_memory(parameter, pack).expect("a network's parameters lie as they were made")
}

/// Neighbouring clips that go through the frames together.
struct Clips {
    batch: usize,
    together: usize,
}

impl Clips {
    fn between_threads(batch: usize) -> Self {
        Self { batch, together: batch.div_ceil(threads::count()).max(1) }
    }

    /// For each piece its rows of every frame, of rows with `width` numbers.
    fn of<'a>(&self, values: &'a mut [f32], width: usize) -> impl Iterator<Item = Vec<&'a mut [f32]>> + use<'a> {
        let mut pieces: Vec<_> = (0..self.batch).step_by(self.together).map(|_| Vec::with_capacity(FRAMES)).collect();
        for frame in values.chunks_mut(self.batch * width) {
            pieces.iter_mut().zip(frame.chunks_mut(self.together * width)).for_each(|(own, rows)| own.push(rows));
        }
        pieces.into_iter()
    }
}
