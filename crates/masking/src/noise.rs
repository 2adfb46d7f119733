//! Noise that the clients of a sum add together, each its share, so that the sum comes to the server with it and without a summand
//! (P. Kairouz, Z. Liu, T. Steinke, "The distributed discrete Gaussian mechanism for federated learning with secure aggregation",
//! ICML 2021, arXiv:2102.06387).
//!
//! A share is a discrete Gaussian: an integer n with a chance in proportion to exp(−n² / 2σ²). Of shares as wide as these, the sum is
//! the discrete Gaussian of all their variances (theorem 9 there: their ratio differs from 1 by less than 10⁻⁴⁰⁰ for each number), and
//! that is what a continuous one becomes when it is rounded at random, with a narrow discrete Gaussian about it (C. Peikert, "An
//! efficient and parallel Gaussian sampler for lattices", CRYPTO 2010, theorem 3.1). So the sum says no more than the continuous
//! Gaussian with which `privacy` counts: whoever has that can make this of it.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::Rng;
use protocol::MaskedEncoding;

use crate::task::Task;

/// The width of the Gaussian by which a continuous one is rounded: the theorem errs by 2 exp(−2π² · 2²) = 10⁻³⁴.
const ROUNDING: f64 = 2.0;
/// Integers on either side of a number that are looked at: ten of these widths, beyond which lies 10⁻²³ of it.
const REACH: u32 = 20;
/// The noise of a sum has room for so many of its deviations; a sum beyond wraps around, which betrays nothing.
const DEVIATIONS: f64 = 8.0;
/// More than f32 errs where an update is scaled down to the clip.
const F32_ERROR: f64 = 1.0e-6;

/// The noise of a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharedNoise {
    /// Its deviation on each value, in units of the task's clip, with no more shares than open the sum; z.
    pub multiplier: f64,
    /// How many vectors, each as long as the clip, one client's may be the sum of: one more or fewer is what the noise hides.
    pub vectors: u32,
}

impl SharedNoise {
    /// The integer that stands for the clip in sums of so many values over so many clients: their numbers and the noise have to fit
    /// beside each other. Below 1, nothing is left for either.
    fn largest(self, encoding: MaskedEncoding, clients: usize, values: u32) -> f64 {
        let most = f64::from(encoding.largest(1));
        // Shares of all where half would do are √2 as wide together.
        let width = DEVIATIONS * std::f64::consts::SQRT_2 * self.multiplier;
        ((most - width * f64::from(values).sqrt())
            / (clients as f64 * f64::from(self.vectors) + width * (1.0 + F32_ERROR)))
            .floor()
    }

    /// Whether the numbers of so many clients have enough room beside it: rounding makes it louder by less than a tenth.
    pub fn leaves_room(self, encoding: MaskedEncoding, clients: usize, values: u32) -> bool {
        self.largest(encoding, clients, values) >= 10.0 * f64::from(values).sqrt()
    }

    /// Adds one client's share to its integers, of which `largest` stand for the clip, where `least` clients or more are in the sum.
    ///
    /// One vector more or fewer moves the integers by the clip's, and by rounding (where the same chance decides with it and without)
    /// each by less than one more: √d for d values.
    pub(crate) fn add(self, integers: &mut [i32], largest: f64, least: usize, random: &mut ChaCha20Rng) {
        let moved = largest * (1.0 + F32_ERROR) + (integers.len() as f64).sqrt();
        let deviation = self.multiplier * moved / (least as f64).sqrt();
        integers.iter_mut().for_each(|integer| {
            let noise = rounded(deviation * normal(random), random);
            // Modulo 2³², as everything that is masked.
            *integer = integer.wrapping_add(noise as i32);
        });
    }
}

/// A number near another, with a chance in proportion to exp(−distance² / 2 · 2²). (By rejection from those within reach.)
fn rounded(centre: f64, random: &mut ChaCha20Rng) -> i64 {
    let nearest = centre.round();
    loop {
        let word = random.next_u64();
        // 41 numbers; that the lowest bits favour some of them by 10⁻⁸ is no more than double precision errs elsewhere.
        let place = (word as u32 % (2 * REACH + 1)) as f64 - f64::from(REACH);
        let distance = (nearest - centre + place) / ROUNDING;
        let chance = (word >> 32) as f64 / 4_294_967_296.0;
        if chance < (-distance * distance / 2.0).exp() {
            return (nearest + place) as i64;
        }
    }
}

/// A number of the standard normal distribution (Box and Muller, 1958).
pub fn normal(random: &mut impl Rng) -> f64 {
    // 53 bits, above 0 and at most 1; and from 0 to below 1.
    let unit = |random: &mut _| (Rng::next_u64(random) >> 11) as f64 / 9_007_199_254_740_992.0;
    let (radius, angle) = (1.0 - unit(random), unit(random));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

impl Task {
    /// The integer that stands for the task's clip in sums over so many clients.
    pub fn largest(&self, clients: usize) -> i32 {
        let encoding = self.layout.encoding;
        match self.noise {
            None => encoding.largest(clients),
            Some(noise) => noise.largest(encoding, clients, self.layout.values).max(1.0) as i32,
        }
    }
}

#[cfg(test)]
mod tests {
    use chacha20::rand_core::SeedableRng as _;

    use super::*;

    fn random() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([7; 32])
    }

    #[test]
    fn a_share_is_a_discrete_gaussian() {
        // Of deviation 3: P(0) = 1 / Σ exp(−n² / 18) = 0.132 980 76, P(3) = 0.080 656 91 (summed by hand in 30 digits).
        const COUNT: u32 = 400_000;
        let mut random = random();
        let continuous = (9.0_f64 - ROUNDING * ROUNDING).sqrt();
        let mut drawn = std::collections::BTreeMap::new();
        for _ in 0..COUNT {
            *drawn.entry(rounded(continuous * normal(&mut random), &mut random)).or_insert(0_u32) += 1;
        }
        let sum: f64 = (-60..=60).map(|n| (-f64::from(n * n) / 18.0).exp()).sum();
        for n in -9..=9_i32 {
            let expected = (-f64::from(n * n) / 18.0).exp() / sum;
            let found = f64::from(drawn[&n.into()]) / f64::from(COUNT);
            let deviation = (expected * (1.0 - expected) / f64::from(COUNT)).sqrt();
            assert!((found - expected).abs() < 5.0 * deviation, "{n}: {found} for {expected}");
        }
    }

    #[test]
    fn the_fewest_shares_are_as_loud_as_said_and_more_are_louder() {
        let noise = SharedNoise { multiplier: 1.5, vectors: 1 };
        for (least, clients) in [(3, 3), (3, 4), (21, 30)] {
            let (largest, values) = (5_000.0, 20_000);
            let mut random = random();
            let mut sum = vec![0_i32; values];
            for _ in 0..clients {
                let mut share = vec![0; values];
                noise.add(&mut share, largest, least, &mut random);
                sum.iter_mut().zip(share).for_each(|(sum, share)| *sum += share);
            }
            let variance = sum.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() / values as f64;
            let moved = largest + (values as f64).sqrt();
            let said = (1.5 * moved).powi(2) * clients as f64 / least as f64;
            assert!((variance / said - 1.0).abs() < 5.0 * (2.0 / values as f64).sqrt(), "{variance} for {said}");
        }
    }

    #[test]
    fn numbers_and_noise_fit_beside_each_other() {
        use MaskedEncoding::{Masked16, Masked24, Masked32};
        for (encoding, clients, vectors, values, multiplier) in [
            (Masked32, 200, 100, 1_800_000, 4.0),
            (Masked24, 30, 1, 45_188, 4.0),
            (Masked24, 30, 100, 10_000, 4.0),
            (Masked16, 3, 1, 9, 0.5),
        ] {
            let noise = SharedNoise { multiplier, vectors };
            assert!(noise.leaves_room(encoding, clients, values));
            let largest = noise.largest(encoding, clients, values);
            let deviation = multiplier * (largest + f64::from(values).sqrt()) * 2.0_f64.sqrt();
            let (used, there) =
                ((clients * vectors as usize) as f64 * largest + 7.99 * deviation, f64::from(encoding.largest(1)));
            assert!((0.95 * there..=there).contains(&used), "{used} of {there}");
        }
        assert!(!SharedNoise { multiplier: 4.0, vectors: 1 }.leaves_room(Masked16, 30, 45_188));
        assert!(!SharedNoise { multiplier: 1_000.0, vectors: 1 }.leaves_room(Masked24, 3, 1_800_000));
    }
}
