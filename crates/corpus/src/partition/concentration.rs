//! The concentration α of a Dirichlet distribution, and draws from it.

use std::fmt;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Gamma, OpenClosed01};

/// A concentration from 0.001 (each draw is nearly all in one place) to 10,000 (all draws are nearly alike).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Concentration(f64);

impl Concentration {
    /// The smallest one.
    pub const LEAST: f64 = 0.001;
    /// The largest one.
    pub const MOST: f64 = 10_000.0;
    /// Where none is given: the value that Li et al. (2022) use for skewed quantities.
    pub(super) const HALF: Concentration = Concentration(0.5);

    /// A concentration within its bounds; None for any other number.
    pub fn new(alpha: f64) -> Option<Concentration> {
        (Self::LEAST..=Self::MOST).contains(&alpha).then_some(Concentration(alpha))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Concentration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The natural logarithms of one draw from the Dirichlet distribution with these parameters, each positive, up to a
/// constant that all of them share.
///
/// Independent Gamma variables in proportion are Dirichlet (Devroye 1986, XI.4). A Gamma variable of shape a is one of shape a + 1 times
/// U^(1/a) (Marsaglia & Tsang 2000, section 6). In logarithms that product can't vanish, however small a is.
pub(super) fn log_dirichlet(parameters: &[f64], random: &mut ChaCha8Rng) -> Vec<f64> {
    let mut log_gamma = |shape: f64| {
        let gamma = Gamma::new(shape + 1.0, 1.0).expect("a shape above 1 and a scale of 1 are valid");
        let uniform: f64 = random.sample(OpenClosed01);
        libm::log(random.sample(gamma)) + libm::log(uniform) / shape
    };
    parameters.iter().map(|&shape| log_gamma(shape)).collect()
}

/// Positive weights with a sum of 1 from their logarithms up to a constant.
pub(super) fn shares(logarithms: &[f64]) -> Vec<f64> {
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logarithms.iter().map(|logarithm| libm::exp(logarithm - largest)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn only_numbers_within_bounds_are_concentrations() {
        for alpha in [0.0, -1.0, 0.0009, 10_001.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Concentration::new(alpha), None, "{alpha}");
        }
        assert_eq!(Concentration::new(0.001).map(Concentration::get), Some(0.001));
    }

    /// Mean aᵢ / A, variance aᵢ (A − aᵢ) / (A² (A + 1)) and covariance −aᵢ aⱼ / (A² (A + 1)), with A the sum.
    #[test]
    fn moments_are_those_of_the_closed_form() {
        const DRAWS: usize = 40_000;
        for parameters in [[0.05, 0.1, 0.3], [1.0, 1.0, 1.0], [2.0, 5.0, 13.0]] {
            let random = &mut ChaCha8Rng::seed_from_u64(1);
            let draws: Vec<Vec<f64>> = (0..DRAWS).map(|_| shares(&log_dirichlet(&parameters, random))).collect();
            let mean = |value: &dyn Fn(&[f64]) -> f64| draws.iter().map(|draw| value(draw)).sum::<f64>() / DRAWS as f64;
            let total: f64 = parameters.iter().sum();
            let scale = total * total * (total + 1.0);
            let expected = parameters.map(|a| a / total);
            for i in 0..3 {
                let variance = parameters[i] * (total - parameters[i]) / scale;
                // Five standard errors of a mean of so many draws.
                let tolerance = 5.0 * (variance / DRAWS as f64).sqrt();
                assert!((mean(&|draw| draw[i]) - expected[i]).abs() < tolerance, "mean of {parameters:?}");
                let measured = mean(&|draw| (draw[i] - expected[i]).powi(2));
                assert!((measured / variance - 1.0).abs() < 0.05, "variance of {parameters:?}: {measured} {variance}");
                let j = (i + 1) % 3;
                let covariance = -parameters[i] * parameters[j] / scale;
                let measured = mean(&|draw| (draw[i] - expected[i]) * (draw[j] - expected[j]));
                assert!(
                    (measured / covariance - 1.0).abs() < 0.1,
                    "covariance of {parameters:?}: {measured} {covariance}"
                );
            }
        }
    }

    /// The logarithm of a Gamma variable has the mean ψ(a), and ψ(a) − ψ(b) remains where a constant is shared:
    /// ψ(1/2) = −γ − 2 ln 2 and ψ(1) = −γ, so that they differ by 2 ln 2.
    #[test]
    fn logarithms_differ_by_digamma() {
        let random = &mut ChaCha8Rng::seed_from_u64(2);
        let differences = (0..40_000).map(|_| {
            let draw = log_dirichlet(&[1.0, 0.5], random);
            draw[0] - draw[1]
        });
        let mean = differences.sum::<f64>() / 40_000.0;
        assert!((mean - 2.0 * std::f64::consts::LN_2).abs() < 0.06, "{mean}");
    }

    #[test]
    fn the_smallest_shapes_still_give_shares() {
        let random = &mut ChaCha8Rng::seed_from_u64(3);
        for _ in 0..1000 {
            let shares = shares(&log_dirichlet(&[1e-6; 16], random));
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
