//! The cell of long short-term memory (Hochreiter & Schmidhuber 1997, with Gers' forget gate), one frame of one clip.
//! Gates lie side by side in Keras' order: input, forget, cell, output. There are four times as many as units.

use super::vector::{sigmoid, tanh};

/// One frame forwards. `gates` are sums of what comes in, and become the gates after their activations; `cell` is the
/// cell before, and becomes the one after. Writes the cell's hyperbolic tangent into `squashed`, and the frame's `output`.
#[inline(always)]
pub(crate) fn forward(gates: &mut [f32], cell: &mut [f32], squashed: &mut [f32], output: &mut [f32]) {
    let units = cell.len();
    let (both, rest) = gates.split_at_mut(2 * units);
    let (candidate, open) = rest.split_at_mut(units);
    both.iter_mut().for_each(|value| *value = sigmoid(*value));
    candidate.iter_mut().for_each(|value| *value = tanh(*value));
    open.iter_mut().for_each(|value| *value = sigmoid(*value));
    let (input, forget) = both.split_at(units);
    for (((cell, forget), input), candidate) in cell.iter_mut().zip(forget).zip(input).zip(&*candidate) {
        *cell = forget * *cell + input * candidate;
    }
    squashed.iter_mut().zip(&*cell).for_each(|(squashed, cell)| *squashed = tanh(*cell));
    output.iter_mut().zip(&*squashed).zip(&*open).for_each(|((out, squashed), open)| *out = squashed * open);
}

/// The way back. `gates` after their activations become the gradients of the gates before them, and `of_cell`, the
/// gradient of the cell after, that of the cell `before`.
#[inline(always)]
pub(crate) fn backward(gates: &mut [f32], before: &[f32], squashed: &[f32], of_output: &[f32], of_cell: &mut [f32]) {
    let units = of_cell.len();
    let (input, rest) = gates.split_at_mut(units);
    let (forget, rest) = rest.split_at_mut(units);
    let (candidate, open) = rest.split_at_mut(units);
    let (before, squashed, of_output) = (&before[..units], &squashed[..units], &of_output[..units]);
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

/// One frame of neighbouring clips forwards, from the sums in their gates without the bias.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn forward_clips(
    gates: &mut [f32],
    bias: &[f32],
    cells: &mut [f32],
    squashed: &mut [f32],
    outputs: &mut [f32],
) {
    let units = bias.len() / 4;
    let clips = gates.chunks_exact_mut(bias.len()).zip(cells.chunks_exact_mut(units));
    let results = squashed.chunks_exact_mut(units).zip(outputs.chunks_exact_mut(units));
    for ((gates, cell), (squashed, output)) in clips.zip(results) {
        gates.iter_mut().zip(bias).for_each(|(gate, bias)| *gate += bias);
        forward(gates, cell, squashed, output);
    }
}

/// The way back through one frame of neighbouring clips of `units` units. What a clip's bias has to do with it is added to
/// `of_biases`, which are like `gates`.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
pub(crate) fn backward_clips(
    units: usize,
    gates: &mut [f32],
    [before, squashed, of_outputs]: [&[f32]; 3],
    of_cells: &mut [f32],
    of_biases: &mut [f32],
) {
    let clips = gates.chunks_exact_mut(4 * units).zip(before.chunks_exact(units)).zip(squashed.chunks_exact(units));
    let gradients = of_outputs.chunks_exact(units).zip(of_cells.chunks_exact_mut(units));
    for (((gates, before), squashed), ((of_output, of_cell), of_bias)) in
        clips.zip(gradients.zip(of_biases.chunks_exact_mut(4 * units)))
    {
        backward(gates, before, squashed, of_output, of_cell);
        of_bias.iter_mut().zip(gates).for_each(|(sum, gate)| *sum += *gate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(ours: &[f32], expected: &[f64]) {
        assert_eq!(ours.len(), expected.len());
        for (ours, expected) in ours.iter().zip(expected) {
            assert!((f64::from(*ours) - expected).abs() < 5e-7, "{ours}, expected {expected}");
        }
    }

    /// By the cell's equations in double precision; the gradients are central differences of them.
    #[test]
    fn a_cell_goes_forwards_and_back_as_by_the_equations() {
        let mut gates = [0.5, -1.0, 2.0, 1.0, 0.25, -3.0, -0.5, 1.5, 0.75, 0.1, -2.0, 1.25];
        let before = [0.2, -0.7, 1.5];
        let (mut cell, mut squashed, mut output) = (before, [0.0; 3], [0.0; 3]);
        forward(&mut gates, &mut cell, &mut squashed, &mut output);
        near(
            &gates,
            &[
                0.622459331,
                0.268941421,
                0.880797078,
                0.731058579,
                0.562176501,
                0.047425873,
                -0.462117157,
                0.905148254,
                0.635148952,
                0.524979187,
                0.119202922,
                0.777299861,
            ],
        );
        near(&cell, &[-0.141437421, -0.150091693, 0.630576151]);
        near(&squashed, &[-0.140501777, -0.148974693, 0.558448813]);
        near(&output, &[-0.073760509, -0.017758219, 0.434082185]);

        let mut of_cell = [0.25, 1.5, -1.0];
        backward(&mut gates, &before, &squashed, &[1.0, -0.5, 2.0], &mut of_cell);
        near(
            &gates,
            &[
                -0.08303669,
                0.25657297,
                0.00465301,
                0.03006651,
                -0.24839973,
                0.00472826,
                0.37430365,
                0.07006693,
                0.03666441,
                -0.03503778,
                0.00782069,
                0.19334033,
            ],
        );
        near(&of_cell, &[0.55897887, 0.81050184, 0.00330911]);
    }

    #[test]
    fn gates_that_are_far_out_are_at_their_ends() {
        for (far, open) in [(100.0_f32, 1.0), (-100.0, 0.0)] {
            let (mut gates, mut cell, mut squashed, mut output) = ([far; 4], [far], [0.0], [0.0]);
            forward(&mut gates, &mut cell, &mut squashed, &mut output);
            near(&gates, &[open, open, f64::from(far.signum()), open]);
            // All of the cell before is kept and 1 added, or all is forgotten.
            near(&cell, &[open * 101.0]);
            near(&squashed, &[open]);
            near(&output, &[open]);
        }
    }
}
