//! Parameters as bytes: little-endian f32 or IEEE 754 half floats, one value after the other, or groups of 8 or 4 bits a value.

mod groups;

use bytes::Bytes;
use groups::Width;
use half::f16;
use half::slice::HalfFloatSliceExt as _;

use crate::choice::words;

// Values are viewed as bytes and back without a copy, which is right on the little-endian machines there are.
const _: () = assert!(cfg!(target_endian = "little"), "parameters travel in little-endian order");

words! {
    /// How parameters are written.
    pub enum Encoding, a "encoding" {
        /// IEEE 754 single precision, 4 bytes little-endian.
        F32 = "f32",
        /// IEEE 754 half precision, 2 bytes little-endian; values beyond ±65,504 are held there.
        F16 = "f16",
        /// 8 bits a value, a group's scale included: groups of 248 values and as many bytes.
        Q8 = "q8",
        /// 4 bits a value and a group's scale: groups of 240 values in 124 bytes.
        Q4 = "q4",
    }
}

/// Most values of a block, 4 KiB, which stay in the processor's nearest memory.
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
    /// Whether values travel as they are.
    pub const fn is_exact(&self) -> bool {
        matches!(self, Encoding::F32)
    }

    /// Whether only differences travel so, which are rounded up or down by chance.
    pub const fn is_of_differences(self) -> bool {
        matches!(self, Encoding::Q8 | Encoding::Q4)
    }

    /// What whole models travel as in a room whose updates travel so: rounding whole parameters to 8 bits would be another
    /// model, rounding a difference is a little noise.
    pub const fn of_models(self) -> Encoding {
        match self {
            Encoding::F32 | Encoding::Q8 | Encoding::Q4 => Encoding::F32,
            Encoding::F16 => Encoding::F16,
        }
    }

    /// How many values stand together, and how many bytes they take; a short last group takes as many.
    pub const fn group(self) -> (usize, usize) {
        match self {
            Encoding::F32 => (1, 4),
            Encoding::F16 => (1, 2),
            Encoding::Q8 => Width::Eight.group(),
            Encoding::Q4 => Width::Four.group(),
        }
    }

    /// Bytes of so many values.
    pub const fn length(self, values: usize) -> usize {
        let (in_group, bytes) = self.group();
        values.div_ceil(in_group).saturating_mul(bytes)
    }

    /// Writes values. f32 takes the vector over without copying it; all else rounds to the nearest (f16: ties to even).
    pub fn encode(self, values: Vec<f32>) -> Bytes {
        match self {
            Encoding::F32 => shared_bytes(values),
            _ => self.encode_slice(&values),
        }
    }

    /// Writes a copy of values that are needed further.
    pub fn encode_slice(self, values: &[f32]) -> Bytes {
        self.encode_drawn(values, |_| 0.5)
    }

    /// Writes values, rounded up or down by chance where there are 8 or 4 bits a value: `chance` gives, for a value's place, a
    /// number from 0 to below 1. With uniform ones the mean of what is written is what was given.
    pub fn encode_drawn(self, values: &[f32], chance: impl FnMut(usize) -> f32) -> Bytes {
        match self {
            Encoding::F32 => Bytes::copy_from_slice(bytemuck::cast_slice(values)),
            Encoding::F16 => {
                let halves: Vec<f16> = values.iter().map(|&value| to_half(value)).collect();
                Bytes::from_owner(HalvesAsBytes(halves))
            }
            Encoding::Q8 => Width::Eight.write(values, chance).into(),
            Encoding::Q4 => Width::Four.write(values, chance).into(),
        }
    }

    /// Reads the `bytes` of `count` values in blocks of at most 1,024, in order, and hands each to `take`. It is the quick way
    /// to read many: what `take` does with a block can be done for several values at a time. `bytes` need no alignment.
    ///
    /// # Errors
    /// So many values take another number of bytes.
    pub fn blocks(self, bytes: &[u8], count: usize, mut take: impl FnMut(&[f32])) -> Result<(), EncodingError> {
        if bytes.len() != self.length(count) {
            return Err(EncodingError { bytes: bytes.len(), encoding: self });
        }
        if let (Encoding::F32, Ok(values)) = (self, bytemuck::try_cast_slice::<u8, f32>(bytes)) {
            values.chunks(BLOCK).for_each(take); // They lie as they are needed, which they nearly always do.
            return Ok(());
        }
        let (in_group, width) = self.group();
        let groups = BLOCK / in_group;
        let mut values = [0.0_f32; BLOCK];
        let mut halves = [f16::ZERO; BLOCK];
        let mut left = count;
        for piece in bytes.chunks(groups * width) {
            let values = &mut values[..piece.len() / width * in_group];
            match self {
                Encoding::F32 => bytemuck::cast_slice_mut::<f32, u8>(values).copy_from_slice(piece),
                Encoding::F16 => {
                    let halves = &mut halves[..values.len()];
                    bytemuck::cast_slice_mut::<f16, u8>(halves).copy_from_slice(piece);
                    halves.convert_to_f32_slice(values);
                }
                Encoding::Q8 => read_groups(Width::Eight, piece, values),
                Encoding::Q4 => read_groups(Width::Four, piece, values),
            }
            let real = values.len().min(left); // What fills the last group up is nobody's.
            take(&values[..real]);
            left -= real;
        }
        Ok(())
    }

    /// The values one after the other, those that fill up a last group included. `bytes` need no alignment.
    ///
    /// # Errors
    /// The bytes are no whole number of values or groups.
    pub fn values(self, bytes: &[u8]) -> Result<std::vec::IntoIter<f32>, EncodingError> {
        let (in_group, width) = self.group();
        let count = bytes.len() / width * in_group;
        let mut values = Vec::with_capacity(count);
        self.blocks(bytes, count, |block| values.extend_from_slice(block))?;
        Ok(values.into_iter())
    }
}

/// Reads whole groups into as many values.
fn read_groups(width: Width, bytes: &[u8], values: &mut [f32]) {
    let (in_group, group_bytes) = width.group();
    let groups = bytes.chunks_exact(group_bytes).zip(values.chunks_exact_mut(in_group));
    groups.for_each(|(bytes, values)| width.read(bytes, values));
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

    fn any_encoding() -> impl Strategy<Value = Encoding> {
        prop_oneof![Just(Encoding::F32), Just(Encoding::F16), Just(Encoding::Q8), Just(Encoding::Q4)]
    }

    /// Bits of a group of zeros with this scale.
    fn group(encoding: Encoding, scale: f32) -> Vec<u8> {
        let mut bytes = encoding.encode(vec![0.0; encoding.group().0]).to_vec();
        match encoding {
            Encoding::Q8 => (0..32).for_each(|word| bytes[word * 4 + 3] |= ((scale.to_bits() >> word & 1) << 7) as u8),
            _ => bytes[..4].copy_from_slice(&scale.to_le_bytes()),
        }
        bytes
    }

    #[test]
    fn values_of_8_bits_take_a_quarter_and_those_of_4_less_than_a_seventh() {
        // A full chunk is a whole number of groups, so that each can be read by itself.
        for encoding in [Encoding::Q8, Encoding::Q4] {
            assert_eq!(crate::limits::MAX_CHUNK_PAYLOAD % encoding.group().1, 0);
        }
        assert_eq!(Encoding::Q8.length(248_000) * 4, Encoding::F32.length(248_000));
        assert!(Encoding::Q4.length(240_000) * 7 < Encoding::F32.length(240_000));
    }

    #[test]
    fn a_scale_that_cannot_be_is_no_number() {
        for encoding in [Encoding::Q8, Encoding::Q4] {
            let read = |bytes: &[u8]| encoding.values(bytes).unwrap().collect::<Vec<_>>();
            assert!(read(&group(encoding, 2.0)).iter().all(|value| *value == 0.0));
            for scale in [-1.0, -0.0, f32::INFINITY, f32::NAN] {
                assert!(read(&group(encoding, scale)).iter().all(|value| value.is_nan()), "{encoding:?} {scale}");
            }
            let mut beyond = group(encoding, 1.0);
            beyond.iter_mut().skip(4).for_each(|byte| *byte |= 0x7f);
            assert!(read(&beyond).iter().all(|value| value.is_nan()), "{encoding:?}: a code beyond the largest");
            assert!(read(&encoding.encode(vec![1.0, f32::INFINITY])).iter().all(|value| value.is_nan()));
        }
    }

    #[test]
    fn drawn_roundings_have_the_value_as_their_mean() {
        // Chances spread evenly: of 1,000 roundings of 0.3 multiples, 300 are 1.
        let values: Vec<f32> = (0..240).map(|place| if place == 0 { 7.0 } else { 0.3 }).collect();
        let sum: f32 = (0..1_000)
            .flat_map(|turn| {
                let bytes = Encoding::Q4.encode_drawn(&values, |_| (turn as f32 + 0.5) / 1_000.0);
                Encoding::Q4.values(&bytes).unwrap().skip(1).take(1)
            })
            .sum();
        assert_eq!(sum, 300.0);
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
        fn blocks_are_the_values_in_order(count in 0..3 * BLOCK, encoding in any_encoding(), odd in 0usize..4) {
            let mut bytes = vec![0; odd];
            let given: Vec<f32> = (0..count).map(|index| index as f32 / 8.0 - 17.0).collect();
            bytes.extend_from_slice(&encoding.encode(given.clone()));
            prop_assert_eq!(bytes.len() - odd, encoding.length(count));
            let mut read = Vec::new();
            encoding.blocks(&bytes[odd..], count, |block| read.extend_from_slice(block)).unwrap();
            prop_assert_eq!(&read, &encoding.values(&bytes[odd..]).unwrap().take(count).collect::<Vec<_>>());
            let most = match encoding { Encoding::Q8 => 1.02 / 214.0, Encoding::Q4 => 1.02 / 14.0, _ => 1e-3 };
            for (group, given) in read.chunks(encoding.group().0).zip(given.chunks(encoding.group().0)) {
                let largest = given.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                for (read, given) in group.iter().zip(given) {
                    prop_assert!((read - given).abs() <= most * largest, "{} for {}", read, given);
                }
            }
        }

        #[test]
        fn any_bytes_of_a_group_are_values_or_all_none(bytes in proptest::collection::vec(any::<u8>(), 248), eight in any::<bool>()) {
            let encoding = if eight { Encoding::Q8 } else { Encoding::Q4 };
            let values: Vec<f32> = encoding.values(&bytes).unwrap().collect();
            for group in values.chunks(encoding.group().0) {
                prop_assert!(group.iter().all(|value| value.is_nan()) || group.iter().all(|value| !value.is_nan()));
            }
        }

        #[test]
        fn f16_is_within_half_a_unit_in_the_last_place(value in -65_000f32..65_000.0) {
            let bytes = Encoding::F16.encode(vec![value]);
            let back = Encoding::F16.values(&bytes).unwrap().next().unwrap();
            prop_assert!((back - value).abs() <= (value.abs() * 2f32.powi(-11)).max(2f32.powi(-25)));
        }
    }
}
