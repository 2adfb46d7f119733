//! What a network is fed with: the first 100 frames of a clip, padded with zeros to that length.

use crate::features::{FEATURES, Frame};

/// Frames of an [`Input`]: what comes later in a clip is cut. 100 frames are 10.1 s of sound.
pub const MAX_FRAMES: usize = 100;

/// A clip's features as a network takes them, before standardisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// [`MAX_FRAMES`] rows of [`FEATURES`] values, row-major, not standardised; zeros after the real frames.
    pub values: Vec<f32>,
    /// How many of the rows are real.
    pub frames: usize,
}

/// Cuts or pads frames to the length that networks take.
pub fn input(frames: &[Frame]) -> Input {
    let real = frames.len().min(MAX_FRAMES);
    let mut values = frames[..real].as_flattened().to_vec();
    values.resize(MAX_FRAMES * FEATURES, 0.0);
    Input { values, frames: real }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_clip_is_padded_with_zeros_and_a_long_one_cut() {
        let short = input(&[[1.0; FEATURES]; 3]);
        assert_eq!(short.frames, 3);
        assert_eq!(short.values.len(), MAX_FRAMES * FEATURES);
        assert!(short.values[..3 * FEATURES].iter().all(|&value| value == 1.0));
        assert!(short.values[3 * FEATURES..].iter().all(|&value| value == 0.0));

        let long: Vec<Frame> = (0..130).map(|index| [index as f32; FEATURES]).collect();
        let long = input(&long);
        assert_eq!((long.frames, long.values.len()), (100, 3_400));
        assert_eq!(long.values[3_399], 99.0);
    }
}
