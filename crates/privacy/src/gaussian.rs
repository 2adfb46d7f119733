//! Noisy sums in which everyone takes part: together they are as one Gaussian release, and what that gives away is known
//! exactly (J. Dong, A. Roth, W. Su, "Gaussian differential privacy", JRSS B 2022, arXiv:1905.02383; B. Balle, Y.-X. Wang,
//! "Improving the Gaussian mechanism for differential privacy", ICML 2018, arXiv:1805.06530).

use crate::MARGIN;
use crate::normal::{cumulative, log_cumulative};

/// Bisections: each halves the interval, so that these end at neighbouring doubles.
const HALVINGS: u32 = 128;
/// Noise multipliers are searched between this and its inverse.
const LEAST_MU: f64 = 1.0e-9;

/// Two normal distributions of deviation 1 whose means lie μ apart: whoever sees a draw of one has to say which it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    mu: f64,
}

impl Gaussian {
    /// So many releases with this noise multiplier: μ = √T / z (Dong, Roth, Su, corollary 3.3).
    pub fn of_rounds(noise_multiplier: f64, rounds: u32) -> Gaussian {
        Gaussian { mu: f64::from(rounds).sqrt() / noise_multiplier }
    }

    /// The same where one person's vector may be replaced by another's: the sum moves twice as far.
    pub(crate) fn doubled(self) -> Gaussian {
        Gaussian { mu: 2.0 * self.mu }
    }

    /// δ for an ε of 0 or more (Balle & Wang, theorem 8): Φ(−ε/μ + μ/2) − e^ε Φ(−ε/μ − μ/2).
    pub fn delta(self, epsilon: f64) -> f64 {
        let mu = self.mu;
        if mu == 0.0 {
            return 0.0;
        }
        let known = cumulative(mu / 2.0 - epsilon / mu);
        let excused = (epsilon + log_cumulative(-mu / 2.0 - epsilon / mu)).exp();
        (known - excused).clamp(0.0, 1.0)
    }

    /// The least ε, rounded up, for a δ above 0.
    pub fn epsilon(self, delta: f64) -> f64 {
        if self.delta(0.0) <= delta {
            return 0.0;
        }
        // Φ(−x) ≤ e^(−x²/2) / 2: here δ is small enough.
        let (mut low, mut high) = (0.0, self.mu * self.mu / 2.0 + self.mu * (-2.0 * delta.ln()).max(0.0).sqrt());
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if self.delta(middle) > delta { low = middle } else { high = middle }
        }
        high + MARGIN
    }

    /// How often whoever knows everything else guesses right, at best, if both cases are as likely: Φ(μ/2), from 0.5 to 1
    /// (Dong, Roth, Su, section 2: the point of the trade-off curve where both kinds of error are the same).
    pub fn best_guess(self) -> f64 {
        cumulative(self.mu / 2.0)
    }
}

/// Rounds, `most` at most, after which ε is still within a budget of `epsilon` for `delta`.
pub fn affordable_rounds(noise_multiplier: f64, epsilon: f64, delta: f64, most: u32) -> u32 {
    let within = |rounds| Gaussian::of_rounds(noise_multiplier, rounds).epsilon(delta) <= epsilon;
    if within(most) {
        return most;
    }
    let (mut low, mut high) = (0, most);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if within(middle) { low = middle } else { high = middle }
    }
    low
}

/// The least noise multiplier with which so many rounds stay within `epsilon` for `delta`.
pub fn noise_multiplier_for(rounds: u32, epsilon: f64, delta: f64) -> f64 {
    let (mut low, mut high) = (LEAST_MU.ln(), -LEAST_MU.ln());
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if (Gaussian { mu: middle.exp() }).epsilon(delta) > epsilon { high = middle } else { low = middle }
    }
    // Up, so that √T / z is no larger again.
    f64::from(rounds).sqrt() / low.exp() * (1.0 + 1.0e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_released_gives_nothing_away() {
        let nothing = Gaussian::of_rounds(1.0, 0);
        assert_eq!((nothing.epsilon(1.0e-5), nothing.best_guess()), (0.0, 0.5));
    }

    #[test]
    fn the_best_guess_is_that_of_the_total_variation() {
        for z in [0.3, 1.0, 7.0] {
            let gaussian = Gaussian::of_rounds(z, 3);
            assert!((gaussian.best_guess() - (1.0 + gaussian.delta(0.0)) / 2.0).abs() < 1.0e-15);
        }
    }

    #[test]
    fn a_round_more_than_can_be_afforded_costs_too_much() {
        for (z, epsilon) in [(1.0, 8.0), (3.0, 8.0), (3.0, 1.7), (20.0, 8.0)] {
            let rounds = affordable_rounds(z, epsilon, 1.0e-5, 1_000);
            assert!(Gaussian::of_rounds(z, rounds).epsilon(1.0e-5) <= epsilon);
            assert!(rounds == 1_000 || Gaussian::of_rounds(z, rounds + 1).epsilon(1.0e-5) > epsilon);
        }
        assert_eq!(affordable_rounds(0.1, 1.0, 1.0e-5, 1_000), 0);
    }

    #[test]
    fn extreme_noise_is_no_number_that_is_none() {
        for z in [1.0e-3, 1.0e6] {
            let gaussian = Gaussian::of_rounds(z, 1_000);
            let epsilon = gaussian.epsilon(1.0e-5);
            assert!(epsilon.is_finite() && gaussian.delta(epsilon) <= 1.0e-5);
        }
    }
}
