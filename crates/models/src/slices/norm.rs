//! Layer normalisation (Ba, Kiros & Hinton 2016): each row to mean 0 and deviation 1, then a learnt scale and offset for
//! each of its columns. Rows are as long as the scale.

use super::{EPSILON, vector::sum};

/// Makes `rows` normal, in place. Returns them scaled and shifted, and one over each row's deviation.
pub(crate) fn forward(rows: &mut [f32], scale: &[f32], offset: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut output = vec![0.0; rows.len()];
    let mut inverse = vec![0.0; rows.len() / scale.len().max(1)];
    forward_into(&mut output, &mut inverse, rows, scale, offset);
    (output, inverse)
}

/// As [`forward`], into memory of as many numbers as `rows` has, and of as many as there are rows.
pub(crate) fn forward_into(output: &mut [f32], inverse: &mut [f32], rows: &mut [f32], scale: &[f32], offset: &[f32]) {
    let columns = scale.len().max(1);
    for ((row, out), inverse) in rows.chunks_exact_mut(columns).zip(output.chunks_exact_mut(columns)).zip(inverse) {
        let mean = sum(row, |value| value) / columns as f32;
        row.iter_mut().for_each(|value| *value -= mean);
        let variance = sum(row, |value| value * value) / columns as f32;
        *inverse = 1.0 / (variance + EPSILON).sqrt();
        for (((value, out), scale), offset) in row.iter_mut().zip(out).zip(scale).zip(offset) {
            *value *= *inverse;
            *out = *value * scale + offset;
        }
    }
}

/// The way back, with the normal rows and what else [`forward`] returned: `gradient` becomes the input's, in place.
/// Returns those of scale and offset. A row without a gradient stays without one.
pub(crate) fn backward(gradient: &mut [f32], normal: &[f32], inverse: &[f32], scale: &[f32]) -> [Vec<f32>; 2] {
    let [mut of_scale, mut of_offset] = [(); 2].map(|()| vec![0.0; scale.len()]);
    add_backward([&mut of_scale, &mut of_offset], gradient, normal, inverse, scale);
    [of_scale, of_offset]
}

/// As [`backward`]; adds the gradients of scale and offset to what is there.
pub(crate) fn add_backward(
    [of_scale, of_offset]: [&mut [f32]; 2],
    gradient: &mut [f32],
    normal: &[f32],
    inverse: &[f32],
    scale: &[f32],
) {
    let columns = scale.len().max(1);
    for ((gradient, normal), inverse) in
        gradient.chunks_exact_mut(columns).zip(normal.chunks_exact(columns)).zip(inverse)
    {
        let sums = of_scale.iter_mut().zip(&mut *of_offset);
        for (((value, normal), scale), (of_scale, of_offset)) in gradient.iter_mut().zip(normal).zip(scale).zip(sums) {
            *of_scale += *value * normal;
            *of_offset += *value;
            *value *= scale;
        }
        let mean = sum(gradient, |value| value) / columns as f32;
        let along = gradient.iter().zip(normal).map(|(value, normal)| value * normal).sum::<f32>() / columns as f32;
        gradient.iter_mut().zip(normal).for_each(|(value, normal)| *value = (*value - mean - normal * along) * inverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [f32; 20] =
        [1.0, -2.0, 0.5, 3.0, 0.25, -1.5, 2.0, 0.75, -0.5, 4.0, 0.1, 0.2, -0.1, 0.4, 0.0, 0.3, -0.3, 0.2, 0.6, -0.2];
    const SCALE: [f32; 10] = [1.0, 0.5, 2.0, -1.0, 1.5, 0.25, 1.0, 0.75, -0.5, 1.25];
    const OFFSET: [f32; 10] = [0.0, 0.1, -0.2, 0.3, 0.0, 0.5, -0.5, 0.25, 0.0, 1.0];
    const GRADIENT: [f32; 20] = [
        0.5, -1.0, 0.25, 2.0, 0.0, 1.0, -0.5, 0.75, -0.25, 0.125, -0.5, 0.5, 1.0, -1.0, 0.25, 0.0, 0.75, -0.125, 2.0,
        0.5,
    ];

    fn near(ours: &[f32], expected: &[f64]) {
        assert_eq!(ours.len(), expected.len());
        for (ours, expected) in ours.iter().zip(expected) {
            assert!((f64::from(*ours) - expected).abs() < 3e-6, "{ours}, expected {expected}");
        }
    }

    /// By the paper's equations in double precision; the gradients are central differences of them.
    #[test]
    fn rows_longer_than_the_running_sums_come_out_as_by_the_equations() {
        let mut rows = ROWS;
        let (output, inverse) = forward(&mut rows, &SCALE, &OFFSET);
        near(&inverse, &[0.561_212_649_467_561_7, 3.790_217_941_902_506]);
        near(
            &output,
            &[
                0.140303162,
                -0.671667393,
                -0.480606325,
                -0.962728461,
                -0.420909487,
                0.184317885,
                0.201515812,
                0.25,
                0.350757906,
                3.279926388,
                -0.075804359,
                0.251608718,
                -1.867695894,
                -0.761261024,
                -0.68223923,
                0.670559807,
                -2.091891536,
                0.477413077,
                -0.909652306,
                -0.516087177,
            ],
        );
        let mut gradient = GRADIENT;
        let [of_scale, of_offset] = backward(&mut gradient, &rows, &inverse, &SCALE);
        near(
            &gradient,
            &[
                0.34896954,
                -0.42228291,
                0.3139629,
                -0.91403555,
                0.01585326,
                0.03363321,
                -0.14222984,
                0.36654201,
                0.03349489,
                0.36609249,
                -3.31438013,
                0.1694242,
                4.87888297,
                4.2943694,
                -0.63908031,
                -0.13698941,
                -1.1411712,
                -1.13346322,
                -2.00378473,
                -0.97380757,
            ],
        );
        near(
            &of_scale,
            &[
                0.10805376,
                1.6949435,
                -0.86892374,
                1.4641959,
                -0.11370654,
                -1.26272846,
                -1.54467656,
                -0.03790218,
                3.81398818,
                -0.37844223,
            ],
        );
        near(&of_offset, &[0.0, -0.5, 1.25, 1.0, 0.25, 1.0, 0.25, 0.625, 1.75, 0.625]);
    }

    #[test]
    fn a_row_without_a_gradient_and_one_that_never_changes_stay_finite() {
        let (mut rows, mut gradient) = ([2.0; 10], [0.0; 10]);
        let (output, inverse) = forward(&mut rows, &SCALE, &OFFSET);
        assert_eq!((rows, output.as_slice()), ([0.0; 10], OFFSET.as_slice()));
        backward(&mut gradient, &rows, &inverse, &SCALE);
        assert_eq!(gradient, [0.0; 10]);
    }
}
