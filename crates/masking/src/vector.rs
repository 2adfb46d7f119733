//! Vectors of integers modulo a power of two: how they are written, and how masks are put on and taken off.
//!
//! In memory every value is a word of 32 bits, whatever its width on the way: what is above the width is dropped when it is
//! written, and sums modulo 2³² are right modulo 2²⁴ and 2¹⁶ as well.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use zeroize::Zeroize as _;

use crate::keys::Key;
use crate::task::Layout;

/// Bytes of mask that are made at a time: they stay in the processor's nearest memory, and are whole values of every width.
const BLOCK: usize = 4_096 * 3;

/// Whether a mask is added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
}

/// A vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vector {
    layout: Layout,
    pub values: Vec<u32>,
    pub tail: Vec<u64>,
}

impl Vector {
    /// Zeros.
    pub fn zeros(layout: Layout) -> Vector {
        Vector { layout, values: vec![0; layout.values as usize], tail: vec![0; layout.tail as usize] }
    }

    /// A client's numbers, if they are as many as the layout has.
    pub fn of(layout: Layout, values: &[i32], tail: &[u64]) -> Option<Vector> {
        let fits = values.len() == layout.values as usize && tail.len() == layout.tail as usize;
        let words = |values: &[i32]| values.iter().map(|&value| value as u32).collect();
        fits.then(|| Vector { layout, values: words(values), tail: tail.to_vec() })
    }

    /// Puts masks on, or takes them off. Of each, the stream of ChaCha20 (RFC 8439) with its key, a zero nonce, from block 0 on,
    /// is read as the bytes of a vector.
    pub fn mask(&mut self, masks: &[(Key, Sign)]) {
        let nonce = chacha20::Nonce::default();
        let mut streams: Vec<(ChaCha20, Sign)> =
            masks.iter().map(|(key, sign)| (ChaCha20::new((&**key).into(), &nonce), *sign)).collect();
        let width = self.layout.encoding.width();
        let mut bytes = [0; BLOCK];
        for values in self.values.chunks_mut(BLOCK / width) {
            for (stream, sign) in &mut streams {
                let bytes = &mut bytes[..values.len() * width];
                stream.write_keystream(bytes);
                add(values, bytes, width, *sign);
            }
        }
        for tail in self.tail.chunks_mut(BLOCK / 8) {
            for (stream, sign) in &mut streams {
                let bytes = &mut bytes[..tail.len() * 8];
                stream.write_keystream(bytes);
                for (word, bytes) in tail.iter_mut().zip(bytes.as_chunks().0) {
                    let mask = u64::from_le_bytes(*bytes);
                    *word = if *sign == Sign::Plus { word.wrapping_add(mask) } else { word.wrapping_sub(mask) };
                }
            }
        }
        bytes.zeroize();
    }

    /// Adds a vector as it was written; `false`, and nothing is added, where it has another length.
    #[must_use]
    pub fn add_bytes(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() != self.layout.bytes() {
            return false;
        }
        let width = self.layout.encoding.width();
        let (values, tail) = bytes.split_at(self.values.len() * width);
        add(&mut self.values, values, width, Sign::Plus);
        for (word, bytes) in self.tail.iter_mut().zip(tail.as_chunks().0) {
            *word = word.wrapping_add(u64::from_le_bytes(*bytes));
        }
        true
    }

    /// Writes it: little-endian values of the layout's width, then little-endian words of 8 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.layout.bytes());
        match self.layout.encoding.width() {
            4 => self.values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
            3 => self.values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()[..3])),
            _ => self.values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()[..2])),
        }
        self.tail.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes
    }

    /// Its first values, of so many at most, without what follows them.
    pub fn first(&self, values: usize) -> Vector {
        let values = &self.values[..values.min(self.values.len())];
        let layout = Layout { values: values.len() as u32, tail: 0, ..self.layout };
        Vector { layout, values: values.to_vec(), tail: Vec::new() }
    }

    /// Its values with their signs.
    pub fn signed_values(&self) -> Vec<i32> {
        let above = 32 - 8 * self.layout.encoding.width() as u32;
        self.values.iter().map(|&value| (value << above) as i32 >> above).collect()
    }
}

impl Layout {
    /// The values of a vector as it was written, with their signs; `None` where it has another length.
    pub fn signed_values(self, bytes: &[u8]) -> Option<Vec<i32>> {
        let mut vector = Vector::zeros(self);
        vector.add_bytes(bytes).then(|| vector.signed_values())
    }
}

fn add(values: &mut [u32], bytes: &[u8], width: usize, sign: Sign) {
    match width {
        4 => add_words(values, bytes.as_chunks().0, sign, |bytes: &[u8; 4]| u32::from_le_bytes(*bytes)),
        3 => add_words(values, bytes.as_chunks().0, sign, |&[low, middle, high]: &[u8; 3]| {
            u32::from_le_bytes([low, middle, high, 0])
        }),
        _ => add_words(values, bytes.as_chunks().0, sign, |bytes: &[u8; 2]| u32::from(u16::from_le_bytes(*bytes))),
    }
}

#[inline]
fn add_words<const W: usize>(values: &mut [u32], words: &[[u8; W]], sign: Sign, read: impl Fn(&[u8; W]) -> u32 + Copy) {
    let pairs = values.iter_mut().zip(words);
    match sign {
        Sign::Plus => pairs.for_each(|(value, word)| *value = value.wrapping_add(read(word))),
        Sign::Minus => pairs.for_each(|(value, word)| *value = value.wrapping_sub(read(word))),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Hex, MaskedEncoding};
    use zeroize::Zeroizing;

    use super::*;

    fn layout(encoding: MaskedEncoding, values: u32, tail: u32) -> Layout {
        Layout { encoding, values, tail }
    }

    // The stream of OpenSSL's ChaCha20 for the key of `keys.rs`' test.
    #[test]
    fn a_mask_is_the_stream_that_openssl_has() {
        let bytes = |text: &str| serde_json::from_str::<Hex<32>>(&format!("\"{text}\"")).unwrap().0;
        let key = Zeroizing::new(bytes("08e2af40f479a82e351c96843e5f447f967c78494f8f0b1d722f376d65d90132"));
        let stream = [
            "e4c307bffd1c4d4bfdc71ef4dcc970f21d900f5dcab756c39c4560200ada6b6f",
            "5929a0f920a64b6bc35107560f67c970f82768d7f767d22d4486ff20d00bd168",
            "2d5e1be87efc33aba827e2259a8d34adaf9a5b12addcfb400c1cca078f12487a",
            "17b32c2f1ec6553bc0dd36e9abd389fad99c706df1e1987bb07ca46804b2ecc0",
        ];
        let stream = stream.map(bytes).concat();
        for (encoding, values) in
            [(MaskedEncoding::Masked32, 26), (MaskedEncoding::Masked24, 40), (MaskedEncoding::Masked16, 52)]
        {
            let layout = layout(encoding, values, (128 - values * encoding.width() as u32) / 8);
            let mut vector = Vector::zeros(layout);
            vector.mask(&[(key.clone(), Sign::Plus)]);
            assert_eq!(vector.bytes(), stream[..layout.bytes()], "{encoding:?}");
            vector.mask(&[(key.clone(), Sign::Minus)]);
            assert_eq!(vector.bytes(), vec![0; layout.bytes()], "{encoding:?}");
        }
    }

    #[test]
    fn masks_of_several_blocks_go_on_where_the_last_block_ended() {
        for encoding in MaskedEncoding::ALL {
            let layout = layout(encoding, 20_011, 2_003);
            let key = Zeroizing::new([3; 32]);
            let mut masked = Vector::zeros(layout);
            masked.mask(&[(key.clone(), Sign::Plus)]);
            let mut stream = vec![0; layout.bytes()];
            ChaCha20::new((&*key).into(), &chacha20::Nonce::default()).apply_keystream(&mut stream);
            assert!(masked.bytes() == stream, "{encoding:?}");
        }
    }

    #[test]
    fn values_keep_their_signs_and_sums_wrap_at_their_width() {
        for encoding in MaskedEncoding::ALL {
            let most = encoding.largest(1);
            let layout = layout(encoding, 4, 1);
            let mut sum = Vector::of(layout, &[most, -most, -1, 0], &[u64::MAX]).unwrap();
            let one = Vector::of(layout, &[-1, 1, 1, -7], &[3]).unwrap();
            assert!(sum.add_bytes(&one.bytes()) && !sum.add_bytes(&one.bytes()[1..]));
            assert_eq!(
                (sum.signed_values(), &sum.tail[..]),
                (vec![most - 1, 1 - most, 0, -7], &[2][..]),
                "{encoding:?}"
            );
            assert!(sum.add_bytes(&Vector::of(layout, &[2, 0, 0, 0], &[0]).unwrap().bytes()));
            assert_eq!(sum.signed_values()[0], -most - 1, "{encoding:?}: one above the largest is the smallest");
        }
        assert_eq!(Vector::of(layout(MaskedEncoding::Masked32, 2, 1), &[1], &[1]), None);
    }
}
