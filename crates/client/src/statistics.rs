//! What the group's standardisation is added up from: sums over a participant's own frames, the only thing of its
//! sound that it tells.

use federation::Input;
use models::{Example, FEATURES};

/// Answers `Output::ComputeStatistics`: count, sums and sums of squares over the real frames of `examples` as they are,
/// without their variants, in f64. Of clips that are only read there are no frames; as every client has to say something, it
/// then is one frame of zeros.
pub fn statistics<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Input {
    let (mut frames, mut sum, mut sum_squares) = (0, vec![0.0; FEATURES], vec![0.0; FEATURES]);
    for example in examples {
        frames += add_frames(example, &mut sum, &mut sum_squares);
    }
    Input::Statistics { frames: frames.max(1), sum, sum_squares }
}

/// Adds a clip's real frames, as they are, to each feature's sum and sum of squares; how many there were.
pub(crate) fn add_frames(clip: &Example, sum: &mut [f64], sum_squares: &mut [f64]) -> u64 {
    let mut frames = 0;
    for frame in clip.values.chunks_exact(FEATURES).take(clip.frames) {
        frames += 1;
        for ((&value, sum), squares) in frame.iter().zip(&mut *sum).zip(&mut *sum_squares) {
            *sum += f64::from(value);
            *squares += f64::from(value).powi(2);
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use models::{FRAMES, Variant};

    use super::*;

    #[test]
    fn only_real_frames_are_summed() {
        let mut values = vec![0.0; FRAMES * FEATURES];
        values[..FEATURES].fill(2.0);
        values[FEATURES..2 * FEATURES].fill(-1.0);
        values[2 * FEATURES] = 99.0;
        let variants = vec![Variant { values: vec![7.0; FRAMES * FEATURES], frames: FRAMES }];
        let said = statistics(&[Example { values, frames: 2, text: Vec::new(), label: 0, variants }]);
        let Input::Statistics { frames, sum, sum_squares } = said else { panic!("{said:?}") };
        assert_eq!(frames, 2);
        assert_eq!(sum, vec![1.0; FEATURES]);
        assert_eq!(sum_squares, vec![5.0; FEATURES]);
    }
}
