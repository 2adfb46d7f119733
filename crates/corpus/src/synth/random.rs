//! Random numbers that are the same everywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// A stream of its own for each key.
    pub(super) fn new(key: [u64; 4]) -> Random {
        let mut seed = [0; 32];
        for (bytes, word) in seed.chunks_exact_mut(8).zip(key) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Random(ChaCha8Rng::from_seed(seed))
    }

    /// Uniform from `least` up to `most`.
    pub(super) fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// Nearly normal with this deviation, and never beyond 2.6 of them: the sum of a few uniform numbers, so that no
    /// speaker is a monster.
    pub(super) fn normal(&mut self, deviation: f64) -> f64 {
        // The variance of a uniform number from -1 to 1 is 1/3.
        let sum: f64 = (0..3).map(|_| self.between(-1.0, 1.0)).sum();
        sum.clamp(-2.6, 2.6) * deviation
    }

    /// An index below `number`, which is at least 1.
    pub(super) fn index(&mut self, number: usize) -> usize {
        (self.between(0.0, number as f64) as usize).min(number - 1)
    }
}
