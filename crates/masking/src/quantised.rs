//! Real numbers as integers that can be masked, and sums of them back again.
//!
//! The largest integer stands for `clip`. What lies between two integers is rounded up or down by chance, so that its mean is
//! the number itself (as in 8- and 4-bit updates; D. Alistarh et al., "QSGD", 2017).

/// Scales values down to an L2 norm of `most`, where theirs is larger. Says which their norm was; what is not finite has none.
pub fn clip(values: &mut [f32], most: f64) -> Option<f64> {
    let norm = values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt();
    if !norm.is_finite() {
        return None;
    }
    if norm > most {
        values.iter_mut().for_each(|value| *value = (f64::from(*value) * (most / norm)) as f32);
    }
    Some(norm)
}

/// Integers for values whose magnitudes are at most `vectors` times `clip`, for which `largest` stands; larger ones are held there.
/// `chance` gives 32 random bits for each.
pub fn quantise(values: &[f32], clip: f64, largest: i32, vectors: u32, mut chance: impl FnMut() -> u32) -> Vec<i32> {
    let (largest, most) = (f64::from(largest), f64::from(largest) * f64::from(vectors));
    let integer = |&value: &f32| {
        let exact = f64::from(value) / clip * largest;
        let below = exact.floor();
        let up = f64::from(chance()) / 4_294_967_296.0 < exact - below;
        (below + f64::from(u8::from(up))).clamp(-most, most) as i32
    };
    values.iter().map(integer).collect()
}

/// What sums of integers stand for, of which `largest` stand for `clip`.
pub fn unquantise(sums: &[i32], clip: f64, largest: i32) -> Vec<f64> {
    let step = clip / f64::from(largest);
    sums.iter().map(|&sum| f64::from(sum) * step).collect()
}

#[cfg(test)]
mod tests {
    use protocol::MaskedEncoding;

    use super::*;

    #[test]
    fn the_bound_is_the_largest_integer_and_nothing_lies_beyond() {
        for encoding in MaskedEncoding::ALL {
            let largest = encoding.largest(30);
            for chance in [0, 1 << 31, u32::MAX] {
                let integers = quantise(&[2.0, -2.0, 0.0, 3.0, -9.0], 2.0, largest, 1, || chance);
                assert_eq!(integers, [largest, -largest, 0, largest, -largest], "{encoding:?}");
            }
        }
    }

    #[test]
    fn the_mean_of_roundings_is_the_number() {
        let (largest, clip) = (MaskedEncoding::Masked16.largest(64), 1.0);
        // Chances spread evenly: what is rounded up in 300 of 1,000 cases lies 0.3 above the integer.
        let value = (7.3 / f64::from(largest)) as f32;
        let mut turn = 0_u64;
        let integers = quantise(&vec![value; 1_000], clip, largest, 1, || {
            turn += 1;
            ((2 * turn - 1) * (1 << 31) / 1_000) as u32
        });
        assert_eq!(integers.iter().sum::<i32>(), 7_300);
    }

    #[test]
    fn with_64_clients_and_a_bound_of_1_the_mean_is_right_to_2e_9() {
        let largest = MaskedEncoding::Masked32.largest(64);
        let step = 1.0 / f64::from(largest);
        // A value is off by less than a step, in the mean by 0; of 64 such errors the mean has a deviation of at most step / 2 / √64.
        assert!(step / 2.0 / 8.0 < 2e-9, "{step}");
        assert_eq!(unquantise(&[largest * 32], 1.0, largest), [32.0]);
    }

    #[test]
    fn longer_vectors_are_scaled_down_and_what_is_no_number_is_said() {
        let mut values = [3.0, -4.0];
        assert_eq!(clip(&mut values, 10.0), Some(5.0));
        assert_eq!(values, [3.0, -4.0]);
        assert_eq!(clip(&mut values, 1.0), Some(5.0));
        assert_eq!(values, [0.6, -0.8]);
        assert_eq!(clip(&mut [1.0, f32::NAN], 1.0), None);
        assert_eq!(clip(&mut [f32::INFINITY], 1.0), None);
    }
}
