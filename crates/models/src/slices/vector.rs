//! Arithmetic on single numbers, written so that loops over it compile to vector instructions.

/// The sum of `term` over numbers, in eight running sums so that it compiles to vector instructions.
#[inline(always)]
pub(crate) fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; 8];
    let eights = values.chunks_exact(8);
    let rest: f32 = eights.remainder().iter().map(|&value| term(value)).sum();
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, &value)| *sum += term(value));
    }
    sums.iter().sum::<f32>() + rest
}

/// e to the power of `x`, to 2 units in the last place between −87 and 88, where it ends: Cody and Waite's reduction
/// and Cephes' polynomial, without a branch or a call, so that it compiles to vector instructions.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding this leaves the nearest whole number in the lowest bits.
    const ROUNDER: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let whole = rounded - ROUNDER;
    let rest = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4_f32;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = sum * rest + coefficient;
    }
    let fraction = sum * rest * rest + rest + 1.0;
    fraction * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the standard library in double precision.
    #[test]
    fn exp_is_right_to_two_units_in_the_last_place_and_ends_where_it_says() {
        for step in -8700..=8800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            // A unit in the last place is at most 2⁻²³ of the number.
            assert!((f64::from(exp(x)) - exact).abs() <= exact * 2.0 * f64::from(f32::EPSILON), "e^{x} is {}", exp(x));
        }
        assert_eq!((exp(1e9), exp(-1e9)), (exp(88.0), exp(-87.0)));
    }

    #[test]
    fn sigmoid_and_tanh_are_those_of_the_standard_library() {
        for step in -2000..=2000 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x);
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp())).abs() < 2e-7, "{x}");
            assert!((f64::from(tanh(x)) - exact.tanh()).abs() < 2e-7, "{x}");
        }
    }

    #[test]
    fn sums_have_every_term_once() {
        for count in [0_u16, 1, 7, 8, 9, 64, 67] {
            let values: Vec<f32> = (1..=count).map(f32::from).collect();
            let n = f32::from(count);
            assert_eq!(sum(&values, |value| value), n * (n + 1.0) / 2.0);
            assert_eq!(sum(&values, |value| value * value), n * (n + 1.0) * (2.0 * n + 1.0) / 6.0);
        }
    }
}
