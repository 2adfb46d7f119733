//! GSM 6.10 full rate, as telephone recorders and answering machines keep it in WAV files (ETSI EN 300 961, §5.3: the
//! decoder, in the standard's own 16-bit arithmetic). Microsoft packs two frames of 160 samples into 65 bytes, the lowest
//! bits first.

use std::array::from_fn;

/// Bytes of a block, and samples in it.
pub(crate) const BLOCK: (usize, u64) = (65, 320);

/// Bits of the eight log area ratios (table 1.1).
const RATIO_BITS: [u32; 8] = [6, 6, 5, 5, 4, 4, 3, 3];
/// The least of each ratio, and what turns its code into the ratio: an offset and a reciprocal slope (tables 4.1 and 4.2).
const LEAST: [i16; 8] = [-32, -32, -16, -16, -8, -8, -4, -4];
const OFFSET: [i16; 8] = [0, 0, 2_048, -2_560, 94, -1_792, -341, -1_144];
const RECIPROCAL: [i16; 8] = [13_107, 13_107, 13_107, 13_107, 19_223, 17_476, 31_454, 29_708];
/// Gains of the long-term predictor (table 4.3b), and mantissas of the pulses (table 4.6).
const GAIN: [i16; 4] = [3_277, 11_469, 21_299, 32_767];
const MANTISSA: [i16; 8] = [18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767];
/// De-emphasis: 0.86 of the sample before (§5.3.5).
const DE_EMPHASIS: i16 = 28_180;

/// Samples of a sub-segment, pulses in it, and how far back the predictor reaches at most.
const PART: usize = 40;
const PULSES: usize = 13;
const FARTHEST: usize = 120;

/// Samples at 8 kHz as 16 bits, little-endian, of as many whole blocks as there are.
pub(crate) fn samples(data: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::default();
    let mut samples = Vec::with_capacity(data.len() / BLOCK.0 * BLOCK.1 as usize * 2);
    for block in data.chunks_exact(BLOCK.0) {
        let mut bits = Bits { block, place: 0 };
        for _ in 0..2 {
            samples.extend(decoder.frame(&mut bits).into_iter().flat_map(i16::to_le_bytes));
        }
    }
    samples
}

/// Reads numbers, the lowest bit first.
struct Bits<'a> {
    block: &'a [u8],
    place: usize,
}

impl Bits<'_> {
    fn next(&mut self, count: u32) -> i16 {
        (0..count).fold(0, |value, bit| {
            let byte = self.block[self.place / 8];
            let set = byte >> (self.place % 8) & 1;
            self.place += 1;
            value | i16::from(set) << bit
        })
    }
}

/// The product of two fractions of 2¹⁵, rounded.
fn product(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b) + (1 << 14)) >> 15).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

struct Decoder {
    /// The excitation, what the predictor looks back at first.
    excitation: [i16; FARTHEST + PART],
    lag: usize,
    ratios: [i16; 8],
    lattice: [i16; 9],
    last: i16,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder { excitation: [0; FARTHEST + PART], lag: PART, ratios: [0; 8], lattice: [0; 9], last: 0 }
    }
}

impl Decoder {
    fn frame(&mut self, bits: &mut Bits<'_>) -> [i16; 4 * PART] {
        let ratios: [i16; 8] = from_fn(|i| {
            let code = bits.next(RATIO_BITS[i]).saturating_add(LEAST[i]) << 10;
            let ratio = product(RECIPROCAL[i], code.saturating_sub(OFFSET[i] << 1));
            ratio.saturating_add(ratio)
        });
        let mut excitation = [0; 4 * PART];
        for part in excitation.chunks_exact_mut(PART) {
            self.part(bits, part);
        }
        let before = std::mem::replace(&mut self.ratios, ratios);
        let mixed = |i: usize, zone: usize| match zone {
            0 => (before[i] >> 2).saturating_add(ratios[i] >> 2).saturating_add(before[i] >> 1),
            1 => (before[i] >> 1).saturating_add(ratios[i] >> 1),
            2 => (before[i] >> 2).saturating_add(ratios[i] >> 2).saturating_add(ratios[i] >> 1),
            _ => ratios[i],
        };
        for (zone, range) in [0..13, 13..27, 27..40, 40..160].into_iter().enumerate() {
            let coefficients = from_fn(|i| reflection(mixed(i, zone)));
            for sample in &mut excitation[range] {
                *sample = self.short_term(*sample, &coefficients);
            }
        }
        excitation
    }

    /// A quarter of a frame: pulses on a grid, and what the long-term predictor makes of the past (§5.3.1 and 5.3.2).
    fn part(&mut self, bits: &mut Bits<'_>, out: &mut [i16]) {
        let lag = bits.next(7) as usize;
        let gain = GAIN[bits.next(2) as usize];
        let grid = bits.next(2) as usize;
        let largest = bits.next(6);
        let mut exponent = if largest > 15 { (largest >> 3) - 1 } else { 0 };
        let mut mantissa = largest - (exponent << 3);
        if mantissa == 0 {
            exponent = -4;
            mantissa = 7;
        } else {
            while mantissa <= 7 {
                mantissa = mantissa << 1 | 1;
                exponent -= 1;
            }
            mantissa -= 8;
        }
        let shift = 6 - exponent;
        let mut pulses = [0; PART];
        for pulse in 0..PULSES {
            let coded = (bits.next(3) * 2 - 7) << 12;
            let value = product(MANTISSA[mantissa as usize], coded).saturating_add((1 << shift) >> 1);
            pulses[grid + 3 * pulse] = value >> shift;
        }
        if (PART..=FARTHEST).contains(&lag) {
            self.lag = lag;
        }
        for (k, pulse) in pulses.into_iter().enumerate() {
            let predicted = product(gain, self.excitation[FARTHEST + k - self.lag]);
            self.excitation[FARTHEST + k] = pulse.saturating_add(predicted);
        }
        out.copy_from_slice(&self.excitation[FARTHEST..]);
        self.excitation.copy_within(PART.., 0);
    }

    /// The short-term synthesis filter, a lattice, and the de-emphasis (§5.3.4 and 5.3.5).
    fn short_term(&mut self, excitation: i16, coefficients: &[i16; 8]) -> i16 {
        let mut sample = excitation;
        for i in (0..8).rev() {
            sample = sample.saturating_sub(product(coefficients[i], self.lattice[i]));
            self.lattice[i + 1] = self.lattice[i].saturating_add(product(coefficients[i], sample));
        }
        self.lattice[0] = sample;
        self.last = sample.saturating_add(product(self.last, DE_EMPHASIS));
        self.last.saturating_add(self.last) & !7
    }
}

/// The reflection coefficient of a log area ratio (§5.2.9.2).
fn reflection(ratio: i16) -> i16 {
    let size = ratio.saturating_abs();
    let size = match size {
        ..11_059 => size << 1,
        11_059..20_070 => size + 11_059,
        _ => (size >> 2).saturating_add(26_112),
    };
    if ratio < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_lowest_bit_first() {
        let mut bits = Bits { block: &[0b1011_0101, 0b0000_0011], place: 0 };
        assert_eq!([bits.next(3), bits.next(6), bits.next(1)], [0b101, 0b11_0110, 1]);
    }

    #[test]
    fn any_bits_are_some_sound() {
        let mut noise = 1u32;
        let data: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .take(65 * 200 + 64)
        .collect();
        assert_eq!(samples(&data).len(), 200 * 320 * 2);
        assert!(samples(&[0; 64]).is_empty(), "no whole block");
    }
}
