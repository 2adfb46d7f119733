//! ReLU (Nair & Hinton 2010), and the way back through it. Rows are as long as the bias.

/// ReLU. What is no number stays none, so that the loss tells of it.
#[inline(always)]
pub(crate) fn rectified(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

/// ReLU of each row + `bias`, in place.
pub(crate) fn activate(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len().max(1)) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value = rectified(*value + bias);
        }
    }
}

/// The same, then each value times the `factor` of its own byte.
pub(crate) fn activate_times(rows: &mut [f32], bias: &[f32], bytes: &[u8], factor: impl Fn(u8) -> f32) {
    let columns = bias.len().max(1);
    for (row, bytes) in rows.chunks_exact_mut(columns).zip(bytes.chunks_exact(columns)) {
        for ((value, bias), &byte) in row.iter_mut().zip(bias).zip(bytes) {
            *value = rectified(*value + bias) * factor(byte);
        }
    }
}

/// The way back: writes `gradient` · `scale` into `out` where the `output` was above zero, zero elsewhere, and adds its
/// rows to `sums`, the bias's gradient.
pub(crate) fn backward(out: &mut [f32], gradient: &[f32], output: &[f32], scale: f32, sums: &mut [f32]) {
    let columns = sums.len().max(1);
    let rows = gradient.chunks_exact(columns).zip(output.chunks_exact(columns));
    for (out, (gradient, output)) in out.chunks_exact_mut(columns).zip(rows) {
        for (((out, gradient), output), sum) in out.iter_mut().zip(gradient).zip(output).zip(sums.iter_mut()) {
            let value = if *output > 0.0 { gradient * scale } else { 0.0 };
            *out = value;
            *sum += value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_zero_becomes_zero_and_what_is_no_number_stays_none() {
        assert_eq!([-2.0, -0.0, 0.0, 3.5, f32::INFINITY].map(rectified), [0.0, 0.0, 0.0, 3.5, f32::INFINITY]);
        assert!(rectified(f32::NAN).is_nan());
    }

    #[test]
    fn each_row_gets_the_bias_and_each_value_its_own_factor() {
        let (rows, bias) = ([1.0, -2.0, 3.0, -4.0], [-0.5, 2.5]);
        let mut active = rows;
        activate(&mut active, &bias);
        assert_eq!(active, [0.5, 0.5, 2.5, 0.0]);
        let mut dropped = rows;
        activate_times(&mut dropped, &bias, &[0, 1, 2, 3], |byte| if byte == 0 { 0.0 } else { 2.0 });
        assert_eq!(dropped, [0.0, 1.0, 5.0, 0.0]);
    }

    #[test]
    fn gradients_go_back_where_a_value_came_through() {
        let (mut out, mut sums) = ([f32::NAN; 4], [10.0, 20.0]);
        backward(&mut out, &[1.0, 2.0, 3.0, 4.0], &[0.5, 0.0, 2.5, 7.0], 2.0, &mut sums);
        assert_eq!(out, [2.0, 0.0, 6.0, 8.0]);
        assert_eq!(sums, [18.0, 28.0]);
    }
}
