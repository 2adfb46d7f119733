//! Which values dropout keeps. Drawn on the host from the training's seed, so that every backend drops the same ones.

use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// Values whose random byte is below [`KEPT`] are kept, and multiplied by [`SCALE`].
pub(crate) use crate::network::{KEPT, KEPT_FACTOR as SCALE};

/// A source of dropout masks.
pub(crate) struct Dropout {
    rng: ChaCha8Rng,
}

impl Dropout {
    /// The masks of a call of `train`. Shuffling uses the same seed's first stream, this its second.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(1);
        Self { rng }
    }

    /// One random byte for each of `length` values; those below [`KEPT`] are kept.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}
