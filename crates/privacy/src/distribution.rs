//! A privacy loss on a grid: ln(P/Q) of what is seen, drawn from P. Sums of independent losses are convolutions, and these are
//! products of Fourier transforms (A. Koskela, J. Jälkö, A. Honkela, "Computing tight differential privacy guarantees using
//! FFT", AISTATS 2020, arXiv:1906.03049).

use realfft::RealFftPlanner;

use crate::MARGIN;

/// The mass that may lie outside of the window of a composition, at each of its ends. It counts as an infinite loss.
const TAIL: f64 = 1.0e-13;
/// What the transforms' rounding may take from a tail for each release in it. It counts as an infinite loss as well.
const ROUNDING: f64 = 1.0e-15;

/// Masses at multiples of an interval. It is never more favourable than the loss that it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Distribution {
    /// Between two places of the grid, in nats.
    pub interval: f64,
    /// The first mass is at so many intervals.
    pub first: i64,
    pub masses: Vec<f64>,
    /// The mass of an infinite loss.
    pub infinite: f64,
}

impl Distribution {
    fn loss(&self, index: usize) -> f64 {
        (self.first + index as i64) as f64 * self.interval
    }

    /// The loss of so many independent releases.
    pub fn composed(&self, times: u32) -> Distribution {
        let (low, length) = self.window(times);
        let length = length.next_power_of_two().max(2);
        let place = |index: i64| index.rem_euclid(length as i64) as usize;
        // A sum that leaves the window comes in again at its other end: from below that is only worse than it is, and what leaves
        // it above counts as infinite besides.
        let mut ring = vec![0.0; length];
        for (index, mass) in self.masses.iter().enumerate() {
            ring[place(self.first + index as i64)] += mass;
        }
        let mut planner = RealFftPlanner::<f64>::new();
        let (there, back) = (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
        let mut spectrum = there.make_output_vec();
        let transformed = there.process(&mut ring, &mut spectrum);
        for value in &mut spectrum {
            *value = value.powu(times) / length as f64;
        }
        let transformed = transformed.and_then(|()| back.process(&mut spectrum, &mut ring));
        debug_assert!(transformed.is_ok(), "the plans made the buffers");
        Distribution {
            interval: self.interval,
            first: low,
            masses: (0..length as i64).map(|index| ring[place(low + index)].max(0.0)).collect(),
            infinite: -(f64::from(times) * (-self.infinite).ln_1p()).exp_m1()
                + 2.0 * TAIL
                + f64::from(times) * ROUNDING,
        }
    }

    /// Where the sum of so many losses lies but for `TAIL` at each end, by Chernoff's bound: the first place of the grid, and how
    /// many there are.
    pub fn window(&self, times: u32) -> (i64, usize) {
        let times = f64::from(times);
        let last = self.loss(self.masses.len() - 1);
        let bound = |sign: f64| {
            let exponents = (-12..=24).map(|half| (f64::from(half) / 2.0).exp2());
            let bounds = exponents.map(|exponent| (times * self.log_moment(sign * exponent) - TAIL.ln()) / exponent);
            bounds.fold(f64::INFINITY, f64::min)
        };
        let high = bound(1.0).min(times * last);
        let low = (-bound(-1.0)).max(times * self.loss(0));
        let first = (low / self.interval).floor();
        let length = ((high / self.interval).ceil() - first).max(0.0) + 1.0;
        (first as i64, length as usize)
    }

    /// ln E e^(`exponent` · loss), of the finite losses.
    fn log_moment(&self, exponent: f64) -> f64 {
        let ends = [self.loss(0), self.loss(self.masses.len() - 1)];
        let largest = ends.map(|loss| exponent * loss).into_iter().fold(f64::NEG_INFINITY, f64::max);
        let terms = self.masses.iter().enumerate();
        let sum: f64 = terms.map(|(index, mass)| mass * (exponent * self.loss(index) - largest).exp()).sum();
        // Where all underflow, what no logarithm of a moment is above.
        if sum > 0.0 { largest + sum.ln() } else { largest }
    }

    /// δ for an ε: E max(0, 1 − e^(ε − loss)).
    pub fn delta(&self, epsilon: f64) -> f64 {
        let masses = self.masses.iter().enumerate().rev();
        let above = masses.map(|(index, mass)| (self.loss(index), mass)).take_while(|(loss, _)| *loss > epsilon);
        (self.infinite + above.map(|(loss, mass)| -mass * (epsilon - loss).exp_m1()).sum::<f64>()).min(1.0)
    }

    /// The least ε, rounded up, for a δ. Infinite where too much of the loss is.
    pub fn epsilon(&self, delta: f64) -> f64 {
        if self.infinite > delta {
            return f64::INFINITY;
        }
        let decay = (-self.interval).exp();
        // Of all masses above the place that is looked at: their sum, and their sum times e^(place − loss).
        let (mut above, mut discounted) = (self.infinite, 0.0_f64);
        for (index, mass) in self.masses.iter().enumerate().rev() {
            let place = self.loss(index);
            if above - discounted > delta {
                let epsilon = place + ((above - delta) / discounted).ln();
                return if epsilon > 0.0 { epsilon + MARGIN } else { 0.0 };
            }
            if place <= 0.0 {
                break;
            }
            above += mass;
            discounted = (discounted + mass) * decay;
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Randomised response: the truth with probability 3/4, ln 3 away from its opposite.
    fn response() -> Distribution {
        let interval = 3.0_f64.ln() / 4.0;
        let mut masses = vec![0.0; 9];
        (masses[0], masses[8]) = (0.25, 0.75);
        Distribution { interval, first: -4, masses, infinite: 0.0 }
    }

    #[test]
    fn one_response_is_as_it_is_known() {
        let one = response();
        assert!((one.epsilon(1.0e-12) - 3.0_f64.ln()).abs() < 1.0e-5);
        // (P − Q)⁺ is 3/4 − 1/4.
        assert!((one.delta(0.0) - 0.5).abs() < 1.0e-12);
    }

    #[test]
    fn three_responses_are_a_binomial() {
        let three = response().composed(3);
        // Three truths have 27/64, and seen from the other side 1/64; two have 27/64 and 9/64. At ε = ln 3 that leaves 27/64 − 3/64
        // of the first, and nothing of the second.
        assert!((three.delta(3.0_f64.ln()) - 24.0 / 64.0).abs() < 1.0e-9, "{}", three.delta(3.0_f64.ln()));
        assert!((three.epsilon(1.0e-6) - 27.0_f64.ln()).abs() < 1.0e-4);
    }

    #[test]
    fn an_infinite_loss_comes_again_in_every_release() {
        let leaky = Distribution { infinite: 0.01, masses: vec![0.99], first: 0, interval: 0.1 };
        let twice = leaky.composed(2);
        assert!((twice.infinite - 0.0199).abs() < 1.0e-12);
        assert_eq!(twice.epsilon(0.01), f64::INFINITY);
        assert_eq!(twice.epsilon(0.02), 0.0);
    }
}
