//! What a participant makes of its own clips before a round: which of them it keeps for the test, and the sums that
//! the group's standardisation is added up from. Tabs and native participants share it, so that they hold back and
//! count alike.

use crate::{Example, FEATURES};

/// Every so many clips of a label, one is kept for the test.
const HELD_BACK_EVERY: usize = 5;

/// Which clips are kept for the test and never trained on, given all clips' labels in the order of adding.
///
/// Of each label it is the fourth clip and every fifth from there: a fifth of many clips, none of three. What was
/// chosen once stays chosen when more clips are added.
pub fn held_back(labels: &[usize]) -> Vec<bool> {
    let mut seen = vec![0_usize; labels.iter().max().map_or(0, |most| most + 1)];
    labels
        .iter()
        .map(|&label| {
            let index = seen[label];
            seen[label] += 1;
            index % HELD_BACK_EVERY == 3
        })
        .collect()
}

/// Count, sums and sums of squares over the real frames of examples: what federated standardisation needs of a client.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameSums {
    /// Real frames counted.
    pub frames: u64,
    /// Sum of each of the 60 features, in the feature's own unit.
    pub sum: Vec<f64>,
    /// Sum of each feature's square.
    pub sum_squares: Vec<f64>,
}

impl FrameSums {
    /// Adds up the real frames of `examples` in f64.
    pub fn of<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Self {
        let mut sums = Self { frames: 0, sum: vec![0.0; FEATURES], sum_squares: vec![0.0; FEATURES] };
        for example in examples {
            for frame in example.values.chunks_exact(FEATURES).take(example.frames) {
                sums.frames += 1;
                for ((&value, sum), squares) in frame.iter().zip(&mut sums.sum).zip(&mut sums.sum_squares) {
                    *sum += f64::from(value);
                    *squares += f64::from(value).powi(2);
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_each_label_is_held_back_and_stays_so() {
        let labels = [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let held = held_back(&labels);
        let of_label = |label| labels.iter().zip(&held).filter(|&(&l, &h)| l == label && h).count();
        assert_eq!(of_label(0), 2, "of nine clips the fourth and the ninth");
        assert_eq!(of_label(1), 0, "two clips are too few to give one away");
        assert_eq!(held_back(&labels[..6]), held[..6], "more clips change nothing for the earlier ones");
        assert!(held_back(&[]).is_empty());
    }

    #[test]
    fn only_real_frames_are_summed() {
        let mut values = vec![0.0; crate::FRAMES * FEATURES];
        values[..FEATURES].fill(2.0);
        values[FEATURES..2 * FEATURES].fill(-1.0);
        values[2 * FEATURES] = 99.0;
        let sums = FrameSums::of(&[Example { values, frames: 2, label: 0, variants: Vec::new() }]);
        assert_eq!(sums.frames, 2);
        assert_eq!(sums.sum, vec![1.0; FEATURES]);
        assert_eq!(sums.sum_squares, vec![5.0; FEATURES]);
    }
}
