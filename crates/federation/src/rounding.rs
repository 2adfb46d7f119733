//! A difference of parameters written with few bits a value, and what that left out: added to the next difference, it is
//! late rather than lost (error feedback: F. Seide et al., Interspeech 2014; S. P. Karimireddy et al., ICML 2019,
//! arXiv:1901.09847).

use bytes::Bytes;
use protocol::{Encoding, EncodingError};

use crate::sketch::mix;

/// `difference` + `rest` in this encoding, and what of it the bytes do not say: nothing (an empty vector) where the encoding
/// does not draw. `rest` is that of the difference before, empty for none. `key` decides which values are rounded up.
pub(crate) fn round(encoding: Encoding, mut difference: Vec<f32>, rest: &[f32], key: u64) -> (Bytes, Vec<f32>) {
    if !encoding.is_of_differences() {
        return (encoding.encode(difference), Vec::new());
    }
    if rest.len() == difference.len() {
        difference.iter_mut().zip(rest).for_each(|(value, rest)| *value += rest);
    }
    let key = mix(key);
    let bytes = encoding.encode_drawn(&difference, |place| chance(mix(key ^ place as u64)));
    let read = each(encoding, &bytes, &mut difference, |value, said| *value -= said);
    debug_assert!(read.is_ok(), "what was just written has the right length");
    (bytes, difference)
}

/// Adds what a difference says to the values that it is a difference to.
///
/// # Errors
/// So many values take another number of bytes; `values` are as they were.
pub(crate) fn add(encoding: Encoding, bytes: &[u8], values: &mut [f32]) -> Result<(), EncodingError> {
    each(encoding, bytes, values, |value, said| *value += said)
}

/// Calls `change` with each value and what the bytes say of it.
fn each(
    encoding: Encoding,
    bytes: &[u8],
    mut values: &mut [f32],
    change: impl Fn(&mut f32, f32),
) -> Result<(), EncodingError> {
    encoding.blocks(bytes, values.len(), |block| {
        let (here, behind) = std::mem::take(&mut values).split_at_mut(block.len());
        here.iter_mut().zip(block).for_each(|(value, &said)| change(value, said));
        values = behind;
    })
}

/// A number from 0 to below 1.
fn chance(hash: u64) -> f32 {
    (hash >> 40) as f32 / (1_u32 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(encoding: Encoding, bytes: &Bytes, count: usize) -> Vec<f32> {
        encoding.values(bytes).unwrap().take(count).collect()
    }

    #[test]
    fn what_is_left_out_comes_with_the_next() {
        for encoding in [Encoding::Q8, Encoding::Q4] {
            // The same small difference a hundred times, beside a large one that makes the scale coarse.
            let difference: Vec<f32> = (0..500).map(|place| if place == 7 { 1.0 } else { 0.003 }).collect();
            let (mut rest, mut sum) = (Vec::new(), vec![0.0_f64; 500]);
            for key in 0..100 {
                let (bytes, left) = round(encoding, difference.clone(), &rest, key);
                for (sum, value) in sum.iter_mut().zip(read(encoding, &bytes, 500)) {
                    *sum += f64::from(value);
                }
                rest = left;
            }
            for (place, (sum, rest)) in sum.iter().zip(&rest).enumerate() {
                let whole = 100.0 * f64::from(difference[place]);
                assert!((sum + f64::from(*rest) - whole).abs() < 1e-3, "{encoding:?}, {place}: {sum} and {rest}");
                assert!(rest.abs() < 0.3, "{encoding:?}: what is late is at most a step, {rest}");
            }
        }
    }

    #[test]
    fn the_mean_of_many_is_what_they_were_given() {
        let difference: Vec<f32> = (0..240).map(|place| (place as f32 * 0.7).sin()).collect();
        let mut mean = vec![0.0_f64; 240];
        for key in 0..4_000 {
            let (bytes, _) = round(Encoding::Q4, difference.clone(), &[], key);
            for (mean, value) in mean.iter_mut().zip(read(Encoding::Q4, &bytes, 240)) {
                *mean += f64::from(value) / 4_000.0;
            }
        }
        // A step is 1/7; the mean of 4,000 has a standard error below 1/7/2/√4000 = 0.0012.
        let worst = mean.iter().zip(&difference).map(|(mean, value)| (mean - f64::from(*value)).abs());
        assert!(worst.fold(0.0, f64::max) < 0.006);
    }

    #[test]
    fn exact_encodings_leave_nothing() {
        let (bytes, rest) = round(Encoding::F32, vec![0.1, 0.2], &[5.0, 5.0], 1);
        assert_eq!((read(Encoding::F32, &bytes, 2), rest), (vec![0.1, 0.2], Vec::new()));
    }
}
