//! Noisy sums in which each person takes part by chance, independently of all others, with the same probability in each round
//! (Poisson sampling): the loss of one such release on a grid.
//!
//! The two distributions that are hardest to tell apart are N(0, z²) without the person and (1 − q) N(0, z²) + q N(1, z²) with it
//! (Y. Zhu, J. Dong, Y.-X. Wang, "Optimal accounting of differential privacy via characteristic function", AISTATS 2022,
//! arXiv:2106.08567); which of them is seen makes two losses, and both are counted. What lies between two places of the grid is
//! shared between them so that both distributions keep their mass: the least that is never too favourable (V. Doroshenko, B. Ghazi,
//! P. Kamath, R. Kumar, P. Manurangsi, "Connect the dots: tighter discrete approximations of privacy loss distributions", PoPETs
//! 2022, arXiv:2207.04380).

use crate::distribution::Distribution;
use crate::normal::between;

/// Between two places of the grid, in nats. T rounds cost about T · interval² / 12 more than is true.
const INTERVAL: f64 = 1.0e-3;
/// Most places of a grid; where more would be needed the interval is doubled until they are enough.
const PLACES: usize = 1 << 21;
/// So many deviations away from its mean a draw counts as an infinite loss; Φ(−8.5) is 10⁻¹⁷.
const DEVIATIONS: f64 = 8.5;
/// Losses from here on are rounded up whole: e to their power is too near to what a double can hold.
const LARGE: f64 = 600.0;

/// A sum that a person is in with probability `sampling`, above 0 and below 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampled {
    pub noise_multiplier: f64,
    pub sampling: f64,
}

/// From which of the two distributions what is seen was drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    With,
    Without,
}

impl Sampled {
    /// The loss of so many releases, 1 or more: where what is seen has the person in it, and where it has not.
    pub fn of_rounds(self, rounds: u32) -> [Distribution; 2] {
        [Seen::With, Seen::Without].map(|seen| {
            let mut interval = INTERVAL;
            loop {
                if self.largest_loss() / interval < PLACES as f64 {
                    let one = self.loss(seen, interval);
                    if one.window(rounds).1 <= PLACES {
                        return one.composed(rounds);
                    }
                }
                interval *= 2.0;
            }
        })
    }

    /// ln of the density with the person over that without, `DEVIATIONS` above the person's mean.
    fn largest_loss(self) -> f64 {
        let z = self.noise_multiplier;
        let ratio = (0.5 + DEVIATIONS * z) / (z * z);
        // ln(1 − q + q e^ratio), where e^ratio may be too large for a double.
        ratio + (self.sampling + (1.0 - self.sampling) * (-ratio).exp()).ln()
    }

    /// Where that logarithm is `loss`; it rises with the place.
    fn place(self, loss: f64) -> f64 {
        let Sampled { noise_multiplier: z, sampling: q } = self;
        let least = (-q).ln_1p();
        if loss <= least {
            return f64::NEG_INFINITY;
        }
        let ratio =
            if loss > 1.0 { loss + (-(1.0 - q) * (-loss).exp()).ln_1p() } else { least + (loss - least).exp_m1().ln() };
        z * z * (ratio - q.ln()) + 0.5
    }

    fn without(self, low: f64, high: f64) -> f64 {
        between(low / self.noise_multiplier, high / self.noise_multiplier)
    }

    fn with(self, low: f64, high: f64) -> f64 {
        self.sampling * self.without(low - 1.0, high - 1.0) + (1.0 - self.sampling) * self.without(low, high)
    }

    /// The loss of one release on a grid.
    fn loss(self, seen: Seen, interval: f64) -> Distribution {
        let [least, largest] = [(-self.sampling).ln_1p(), self.largest_loss()];
        let beyond = self.place((largest / interval).ceil() * interval);
        let (first, last, infinite) = match seen {
            Seen::With => ((least / interval).floor(), (largest / interval).ceil(), self.with(beyond, f64::INFINITY)),
            Seen::Without => (-(largest / interval).ceil(), (-least / interval).ceil(), 0.0),
        };
        let (first, last) = (first as i64, last as i64);
        let mut masses = vec![0.0; (last - first) as usize + 1];
        if seen == Seen::Without {
            // What would be lost less than this is taken as if it were as much.
            masses[0] = self.without(beyond, f64::INFINITY);
        }
        for index in first..last {
            let (low, high) = (index as f64 * interval, (index + 1) as f64 * interval);
            let (mass, other) = match seen {
                Seen::With => {
                    let (from, to) = (self.place(low), self.place(high));
                    (self.with(from, to), self.without(from, to))
                }
                Seen::Without => {
                    let (from, to) = (self.place(-high), self.place(-low));
                    (self.without(from, to), self.with(from, to))
                }
            };
            let at_high = share_at_high(mass, other, low, interval);
            let at = (index - first) as usize;
            masses[at] += mass - at_high;
            masses[at + 1] += at_high;
        }
        Distribution { interval, first, masses, infinite }
    }
}

/// How much of a mass whose losses lie between `low` and `low` + `interval` is put to the upper end, so that the other distribution's
/// mass there, Σ mass · e^(−loss), stays as it is.
fn share_at_high(mass: f64, other: f64, low: f64, interval: f64) -> f64 {
    if low > LARGE {
        return mass;
    }
    ((mass - other * low.exp()) / -(-interval).exp_m1()).clamp(0.0, mass)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_the_loss_that_it_is_for() {
        for (z, q) in [(0.5, 0.5), (1.0, 0.1), (4.0, 0.9)] {
            let sampled = Sampled { noise_multiplier: z, sampling: q };
            for loss in [-0.09, -0.01, 0.0, 0.3, 0.999, 1.001, 12.0] {
                let place = sampled.place(loss);
                let ratio = (place - 0.5) / (z * z);
                if place.is_finite() {
                    assert!(((1.0 - q + q * ratio.exp()).ln() - loss).abs() < 1.0e-9, "{z} {q} {loss}");
                }
            }
        }
    }

    #[test]
    fn both_distributions_keep_their_mass() {
        let sampled = Sampled { noise_multiplier: 0.8, sampling: 0.3 };
        for seen in [Seen::With, Seen::Without] {
            let one = sampled.loss(seen, INTERVAL);
            let mass: f64 = one.masses.iter().sum::<f64>() + one.infinite;
            let losses = (0..one.masses.len()).map(|index| (one.first + index as i64) as f64 * one.interval);
            let other: f64 = one.masses.iter().zip(losses).map(|(mass, loss)| mass * (-loss).exp()).sum();
            assert!((mass - 1.0).abs() < 1.0e-12, "{mass}");
            assert!((other - 1.0).abs() < 1.0e-9, "{other}");
        }
    }

    #[test]
    fn little_noise_and_many_rounds_are_counted_on_a_coarser_grid() {
        let [with, without] = Sampled { noise_multiplier: 0.1, sampling: 0.5 }.of_rounds(1_000);
        assert!(with.interval > INTERVAL && with.masses.len() <= PLACES);
        let epsilon = with.epsilon(1.0e-5).max(without.epsilon(1.0e-5));
        // No sampling costs at most as much: mu = 316, and half of the rounds have the person in them.
        assert!(epsilon.is_finite() && epsilon < crate::Gaussian::of_rounds(0.1, 1_000).epsilon(1.0e-5));
    }
}
