//! Which values dropout keeps. Drawn on the host from the training's seed, so that every backend drops the same ones.

use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::threads;

/// Values whose random byte is below [`KEPT`] are kept, and multiplied by [`SCALE`].
pub(crate) use crate::network::{KEPT, KEPT_FACTOR as SCALE};

/// Bytes that a thread draws at a time: of whole blocks of the stream.
const PIECE: usize = 32 * 1024;
/// Bytes of one of the stream's words. Each call begins with a new one.
const WORD: usize = 4;

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
        let (stream, from) = (&self.rng, self.rng.get_word_pos());
        threads::each((from..).step_by(PIECE / WORD).zip(bytes.chunks_mut(PIECE)), |(from, bytes)| {
            let mut rng = stream.clone();
            rng.set_word_pos(from);
            rng.fill_bytes(bytes);
        });
        self.rng.set_word_pos(from + length.div_ceil(WORD) as u128);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_the_stream_one_after_the_other() {
        let mut stream = ChaCha8Rng::seed_from_u64(5);
        stream.set_stream(1);
        let mut dropout = Dropout::new(5);
        for length in [3, 2 * PIECE + 7, 64, PIECE] {
            let mut expected = vec![0; length];
            stream.fill_bytes(&mut expected);
            assert_eq!(dropout.bytes(length), expected, "{length} bytes");
        }
    }
}
