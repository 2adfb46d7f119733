//! What a network is fed with: the first 100 frames of a clip, padded with zeros to that length.

use std::sync::LazyLock;

use crate::features::{FEATURE_NAMES, FEATURES, features};
use crate::texture::{TEXTURE, texture};
use crate::{SPEEDS, Sound, SoundError};

/// Frames of an [`Input`]: what comes later in a clip is cut. 100 frames are 10.1 s of sound.
pub const MAX_FRAMES: usize = 100;

/// Values of a frame of an [`Input`]: the 34 short-term features, then 26 that say how the sound changes within the
/// frame.
pub const INPUT_FEATURES: usize = FEATURES + TEXTURE;

/// The names of a frame's values, in their order.
pub static INPUT_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let texture = |what: &'static str| (1..=TEXTURE / 2).map(move |place| format!("short_mfcc_{place}_{what}"));
    let short_term = FEATURE_NAMES.iter().map(|&name| name.to_owned());
    short_term.chain(texture("mean")).chain(texture("std")).collect()
});

/// A clip's features as a network takes them, before standardisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// [`MAX_FRAMES`] rows of [`INPUT_FEATURES`] values, row-major, not standardised; zeros after the real frames.
    pub values: Vec<f32>,
    /// How many of the rows are real.
    pub frames: usize,
}

/// A sound's frames, cut or padded to the length that networks take.
///
/// # Errors
/// [`SoundError::TooShort`] where not one frame fits.
pub fn input(sound: &Sound) -> Result<Input, SoundError> {
    let mut short_term = features(sound)?;
    short_term.truncate(MAX_FRAMES);
    let frames = short_term.len();
    let mut values = Vec::with_capacity(MAX_FRAMES * INPUT_FEATURES);
    for (short_term, texture) in short_term.iter().zip(texture(sound.samples(), frames)) {
        values.extend_from_slice(short_term);
        values.extend_from_slice(&texture);
    }
    values.resize(MAX_FRAMES * INPUT_FEATURES, 0.0);
    Ok(Input { values, frames })
}

/// A sound's input, and then those of the same sound at each of [`SPEEDS`] at which a frame is left of it.
///
/// # Errors
/// As [`input`].
pub fn inputs_at_speeds(sound: &Sound) -> Result<Vec<Input>, SoundError> {
    let mut inputs = vec![input(sound)?];
    for speed in SPEEDS {
        match input(&sound.at_speed(speed)?) {
            Ok(input) => inputs.push(input),
            Err(SoundError::TooShort { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone that swells, `seconds` long.
    fn sound(seconds: usize) -> Sound {
        let samples: Vec<f32> =
            (0..seconds * 16_000).map(|n| (n as f32 * 0.1).sin() * (n as f32 / 160_000.0).min(1.0)).collect();
        Sound::from_pcm(&samples, 1, 16_000).unwrap()
    }

    #[test]
    fn a_short_clip_is_padded_with_zeros_and_a_long_one_cut() {
        let short = input(&sound(1)).unwrap();
        assert_eq!((short.frames, short.values.len()), (9, MAX_FRAMES * INPUT_FEATURES));
        assert!(short.values[9 * INPUT_FEATURES..].iter().all(|&value| value == 0.0));
        let last_real = &short.values[8 * INPUT_FEATURES..9 * INPUT_FEATURES];
        assert_eq!(last_real[..FEATURES], features(&sound(1)).unwrap()[8]);
        assert!(last_real[FEATURES..].iter().all(|&value| value != 0.0));

        let long = input(&sound(12)).unwrap();
        assert_eq!((long.frames, long.values.len()), (MAX_FRAMES, MAX_FRAMES * INPUT_FEATURES));
        assert_eq!(input(&Sound::from_pcm(&[0.1; 3_199], 1, 16_000).unwrap()).ok(), None);
    }

    #[test]
    fn the_shortest_clip_and_silence_are_finite() {
        for samples in [vec![0.0; 3_200], vec![0.0; 40_000]] {
            let input = input(&Sound::from_pcm(&samples, 1, 16_000).unwrap()).unwrap();
            assert!(input.values.iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn a_sound_is_shorter_at_a_higher_speed_and_may_vanish() {
        let frames = |sound: &Sound| -> Vec<usize> {
            inputs_at_speeds(sound).unwrap().iter().map(|input| input.frames).collect()
        };
        assert_eq!(frames(&sound(2)), [19, 22, 20, 17, 16]);
        let shortest = Sound::from_pcm(&[0.1; 3_200], 1, 16_000).unwrap();
        assert_eq!(frames(&shortest), [1, 1, 1], "nothing is left of it at 108 and 117 percent");
    }

    #[test]
    fn every_value_has_a_name_of_its_own() {
        let mut names = INPUT_NAMES.clone();
        assert_eq!(names.len(), INPUT_FEATURES);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), INPUT_FEATURES);
    }
}
