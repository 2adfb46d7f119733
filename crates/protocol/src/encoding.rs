//! Parameters as bytes: little-endian f32 or IEEE 754 half floats, one value after the other.

use bytes::Bytes;
use half::f16;
use half::slice::HalfFloatSliceExt as _;
use serde::{Deserialize, Serialize};

// Values are viewed as bytes and back without a copy, which is right on the little-endian machines there are.
const _: () = assert!(cfg!(target_endian = "little"), "parameters travel in little-endian order");

/// How parameters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// IEEE 754 single precision, 4 bytes little-endian.
    F32,
    /// IEEE 754 half precision, 2 bytes little-endian; values beyond ±65,504 are held there.
    F16,
}

/// Values of a block, 4 KiB, which stay in the processor's nearest memory.
const BLOCK: usize = 1024;

/// Bytes that are no whole number of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes are no whole number of {encoding:?} values")]
pub struct EncodingError {
    /// Their number.
    pub bytes: usize,
    /// The encoding they should have.
    pub encoding: Encoding,
}

impl Encoding {
    /// Bytes of one value.
    pub const fn bytes_per_value(self) -> usize {
        match self {
            Encoding::F32 => 4,
            Encoding::F16 => 2,
        }
    }

    /// Writes values. f32 takes the vector over without copying it; f16 rounds to the nearest (ties to even).
    pub fn encode(self, values: Vec<f32>) -> Bytes {
        match self {
            Encoding::F32 => shared_bytes(values),
            Encoding::F16 => self.encode_slice(&values),
        }
    }

    /// Writes a copy of values that are needed further.
    pub fn encode_slice(self, values: &[f32]) -> Bytes {
        match self {
            Encoding::F32 => Bytes::copy_from_slice(bytemuck::cast_slice(values)),
            Encoding::F16 => {
                let halves: Vec<f16> = values.iter().map(|&value| to_half(value)).collect();
                Bytes::from_owner(HalvesAsBytes(halves))
            }
        }
    }

    /// Reads `bytes` in blocks of at most 1,024 values, in order, and hands each to `take`. It is the quick way to read many:
    /// what `take` does with a block can be done for several values at a time. `bytes` need no alignment.
    pub fn blocks(self, bytes: &[u8], mut take: impl FnMut(&[f32])) -> Result<(), EncodingError> {
        let width = self.bytes_per_value();
        if !bytes.len().is_multiple_of(width) {
            return Err(EncodingError { bytes: bytes.len(), encoding: self });
        }
        if let (Encoding::F32, Ok(values)) = (self, bytemuck::try_cast_slice::<u8, f32>(bytes)) {
            values.chunks(BLOCK).for_each(take); // They lie as they are needed, which they nearly always do.
            return Ok(());
        }
        let mut values = [0.0_f32; BLOCK];
        let mut halves = [f16::ZERO; BLOCK];
        for piece in bytes.chunks(BLOCK * width) {
            let count = piece.len() / width;
            let Some(values) = values.get_mut(..count) else { continue };
            match (self, halves.get_mut(..count)) {
                (Encoding::F16, Some(halves)) => {
                    bytemuck::cast_slice_mut::<f16, u8>(halves).copy_from_slice(piece);
                    halves.convert_to_f32_slice(values);
                }
                _ => bytemuck::cast_slice_mut::<f32, u8>(values).copy_from_slice(piece),
            }
            take(values);
        }
        Ok(())
    }

    /// The values one after the other, without a copy of the whole. `bytes` need no alignment.
    pub fn values(self, bytes: &[u8]) -> Result<impl ExactSizeIterator<Item = f32> + '_, EncodingError> {
        let width = self.bytes_per_value();
        if !bytes.len().is_multiple_of(width) {
            return Err(EncodingError { bytes: bytes.len(), encoding: self });
        }
        Ok(bytes.chunks_exact(width).map(move |value| match *value {
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            [a, b] => f16::from_le_bytes([a, b]).to_f32(),
            _ => f32::NAN,
        }))
    }
}

/// A finite value stays finite; NaN and the infinities stay what they are, so that a receiver sees them.
fn to_half(value: f32) -> f16 {
    if value.is_finite() { f16::from_f32(value.clamp(-65_504.0, 65_504.0)) } else { f16::from_f32(value) }
}

/// Bytes that share a vector of values.
fn shared_bytes(values: Vec<f32>) -> Bytes {
    Bytes::from_owner(ValuesAsBytes(values))
}

struct ValuesAsBytes(Vec<f32>);

impl AsRef<[u8]> for ValuesAsBytes {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

struct HalvesAsBytes(Vec<f16>);

impl AsRef<[u8]> for HalvesAsBytes {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_floats_are_those_of_ieee_754() {
        // From the table of examples in the article on the half-precision format (binary16).
        let known: [(f32, u16); 6] = [
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (65_504.0, 0x7bff),
            (0.000_061_035_156, 0x0400),
            (5.960_464_5e-8, 0x0001),
            (0.333_251_95, 0x3555),
        ];
        for (value, bits) in known {
            assert_eq!(&Encoding::F16.encode(vec![value])[..], bits.to_le_bytes());
        }
    }

    #[test]
    fn too_large_for_half_is_held_and_infinite_is_not_hidden() {
        let bytes = Encoding::F16.encode(vec![1.0e9, -1.0e9, f32::INFINITY, f32::NAN]);
        let values: Vec<f32> = Encoding::F16.values(&bytes).unwrap().collect();
        assert_eq!(values[..3], [65_504.0, -65_504.0, f32::INFINITY]);
        assert!(values[3].is_nan());
    }

    #[test]
    fn a_torn_value_is_refused() {
        assert!(Encoding::F32.values(&[0; 7]).is_err());
        assert!(Encoding::F16.values(&[0; 3]).is_err());
    }

    proptest! {
        #[test]
        fn f32_comes_back_bit_for_bit(values in proptest::collection::vec(any::<f32>(), 0..40), odd in 0usize..4) {
            let mut bytes = vec![0; odd];
            bytes.extend_from_slice(&Encoding::F32.encode(values.clone()));
            let back: Vec<u32> = Encoding::F32.values(&bytes[odd..]).unwrap().map(f32::to_bits).collect();
            prop_assert_eq!(back, values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        }

        #[test]
        fn blocks_are_the_values_in_order(count in 0..3 * BLOCK, half in any::<bool>(), odd in 0usize..4) {
            let encoding = if half { Encoding::F16 } else { Encoding::F32 };
            let mut bytes = vec![0; odd];
            bytes.extend_from_slice(&encoding.encode((0..count).map(|index| index as f32 / 8.0 - 17.0).collect()));
            let mut read = Vec::new();
            encoding.blocks(&bytes[odd..], |block| read.extend_from_slice(block)).unwrap();
            prop_assert_eq!(read, encoding.values(&bytes[odd..]).unwrap().collect::<Vec<_>>());
        }

        #[test]
        fn f16_is_within_half_a_unit_in_the_last_place(value in -65_000f32..65_000.0) {
            let bytes = Encoding::F16.encode(vec![value]);
            let back = Encoding::F16.values(&bytes).unwrap().next().unwrap();
            prop_assert!((back - value).abs() <= (value.abs() * 2f32.powi(-11)).max(2f32.powi(-25)));
        }
    }
}
