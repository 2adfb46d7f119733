//! The standard normal distribution, exact far into its tails.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Below this the logarithm comes from a series: what is left out of it is smaller there than double precision.
const FAR: f64 = -30.0;

/// Φ(x), with full relative precision in the lower tail.
pub(crate) fn cumulative(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// ln Φ(x), also where Φ(x) is too small for a double.
pub(crate) fn log_cumulative(x: f64) -> f64 {
    if x > 0.0 {
        return (-cumulative(-x)).ln_1p();
    }
    if x > FAR {
        return cumulative(x).ln();
    }
    // Abramowitz & Stegun, Handbook of Mathematical Functions, 26.2.12.
    let t = 1.0 / (x * x);
    let series = t * (-1.0 + t * (3.0 + t * (-15.0 + t * (105.0 - t * 945.0))));
    -x * x / 2.0 - (-x).ln() - (2.0 * PI).ln() / 2.0 + series.ln_1p()
}

/// The mass between two points, with full relative precision where both lie in one tail.
pub(crate) fn between(low: f64, high: f64) -> f64 {
    if low >= high {
        0.0
    } else if low > 0.0 {
        cumulative(-low) - cumulative(-high)
    } else {
        cumulative(high) - cumulative(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one / other - 1.0).abs() < 1.0e-13
    }

    #[test]
    fn it_is_mpmaths() {
        // mpmath, 30 digits.
        assert!(close(cumulative(1.0), 0.841_344_746_068_542_9));
        assert!(close(cumulative(-10.0), 7.619_853_024_160_526e-24));
        assert!(close(log_cumulative(1.0), -0.172_753_779_023_449_9));
        assert!(close(log_cumulative(-20.0), -203.917_155_371_097_26));
        assert!(close(log_cumulative(-40.0), -804.608_442_013_753_8));
        assert!(close(log_cumulative(-400.0), -80_006.910_409_330_2));
    }

    #[test]
    fn the_series_goes_on_where_the_function_ends() {
        assert!(close(log_cumulative(FAR), cumulative(FAR).ln()));
    }

    #[test]
    fn a_small_mass_in_the_upper_tail_is_that_of_the_lower_tail() {
        assert!(close(between(8.0, 8.1), between(-8.1, -8.0)));
        assert_eq!(between(f64::NEG_INFINITY, f64::INFINITY), 1.0);
        assert_eq!(between(2.0, 1.0), 0.0);
    }
}
