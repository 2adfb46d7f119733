//! 8 and 4 bits a value: the values of a group share a scale, and each is a whole multiple of it. The multiples are drawn so
//! that the mean of many roundings is the value itself (D. Alistarh et al., QSGD, NeurIPS 2017, arXiv:1610.02132), with one
//! scale a group as in T. Dettmers et al., ICLR 2022, arXiv:2110.02861.
//!
//! A group that no sender of this protocol writes (a scale below 0 or without end, a code beyond the largest) is read as
//! NaN, so that whoever looks whether an update is finite refuses it.

/// How wide a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// −107 to 107, four codes of base 215 in 31 bits; the words' first bits hold the scale, so that a value takes a
    /// byte with its share of the scale.
    Eight,
    /// −7 to 7, two codes a byte behind the scale.
    Four,
}

/// Codes of 8 bits: from −107 to 107. Four of them have 215⁴ states, which fit into 31 bits.
const BASE: u32 = 215;

impl Width {
    /// How many values share a scale, and how many bytes they take. A full chunk's payload is a whole number of groups.
    pub(super) const fn group(self) -> (usize, usize) {
        match self {
            Width::Eight => (248, 248),
            Width::Four => (240, 124),
        }
    }

    /// The largest multiple.
    const fn largest(self) -> u32 {
        match self {
            Width::Eight => BASE / 2,
            Width::Four => 7,
        }
    }

    /// Writes values, of which the last group may be short. `chance` gives, for a value's place, a number from 0 to below 1:
    /// above which remainder a multiple is rounded up.
    pub(super) fn write(self, values: &[f32], mut chance: impl FnMut(usize) -> f32) -> Vec<u8> {
        let (in_group, bytes) = self.group();
        let largest = self.largest();
        let mut written = Vec::with_capacity(values.len().div_ceil(in_group) * bytes);
        for (group, values) in values.chunks(in_group).enumerate() {
            let scale = scale(values, largest as f32);
            let mut code = |place: usize| {
                let Some(&value) = values.get(place).filter(|_| scale > 0.0) else { return largest };
                let multiple = (value / scale + chance(group * in_group + place)).floor();
                (multiple.clamp(-(largest as f32), largest as f32) + largest as f32) as u32
            };
            match self {
                Width::Eight => {
                    for word in 0..bytes / 4 {
                        let codes = (0..4).rev().fold(0, |codes, place| codes * BASE + code(word * 4 + place));
                        let bit = if word < 32 { scale.to_bits() >> word & 1 } else { 0 };
                        written.extend_from_slice(&(codes | bit << 31).to_le_bytes());
                    }
                }
                Width::Four => {
                    written.extend_from_slice(&scale.to_le_bytes());
                    written.extend((0..in_group / 2).map(|pair| (code(pair * 2) | code(pair * 2 + 1) << 4) as u8));
                }
            }
        }
        written
    }

    /// Reads one group of `bytes`, a whole one, into as many values.
    pub(super) fn read(self, bytes: &[u8], values: &mut [f32]) {
        let whole = match self {
            Width::Eight => eight(bytes, values),
            Width::Four => four(bytes, values),
        };
        if whole.is_none() {
            values.fill(f32::NAN);
        }
    }
}

/// What 1 stands for in a group. NaN where a value is no finite number: that must not be hidden.
fn scale(values: &[f32], largest: f32) -> f32 {
    if !values.iter().all(|value| value.is_finite()) {
        return f32::NAN;
    }
    values.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / largest
}

fn eight(bytes: &[u8], values: &mut [f32]) -> Option<()> {
    let (words, _) = bytes.as_chunks::<4>();
    let words = words.iter().map(|word| u32::from_le_bytes(*word));
    let bits = words.clone().take(32).enumerate().fold(0, |bits, (place, word)| bits | word >> 31 << place);
    let scale = sound(f32::from_bits(bits))?;
    let (fours, _) = values.as_chunks_mut::<4>();
    for (place, (word, values)) in words.zip(fours).enumerate() {
        let mut codes = word & 0x7fff_ffff;
        for value in values {
            *value = ((codes % BASE) as i32 - (BASE / 2) as i32) as f32 * scale;
            codes /= BASE;
        }
        // Nothing is left of four codes, and no bit of the scale stands behind its last.
        if codes != 0 || place >= 32 && word >> 31 != 0 {
            return None;
        }
    }
    Some(())
}

fn four(bytes: &[u8], values: &mut [f32]) -> Option<()> {
    let (scale, codes) = bytes.split_first_chunk::<4>()?;
    let scale = sound(f32::from_le_bytes(*scale))?;
    let (pairs, _) = values.as_chunks_mut::<2>();
    for (byte, values) in codes.iter().zip(pairs) {
        for (value, code) in values.iter_mut().zip([byte & 15, byte >> 4]) {
            if code > 14 {
                return None;
            }
            *value = (i32::from(code) - 7) as f32 * scale;
        }
    }
    Some(())
}

/// A scale that a sender of this protocol writes.
fn sound(scale: f32) -> Option<f32> {
    (scale.is_finite() && scale.is_sign_positive()).then_some(scale)
}
