//! The 34 short-term features of a whole clip.
//!
//! The reference is `ShortTermFeatures.feature_extraction(x, 16000, 3200, 1600, deltas=False)` of pyAudioAnalysis
//! 0.3.14, with `x` the samples in 16-bit range (a [`Sound`]'s samples · 32,768). Before anything else it subtracts the
//! whole clip's mean and divides by the greatest magnitude that is left; then come rectangular windows of 0.2 s, one
//! every 0.1 s, as many as fit whole. [`frame`](crate::frame) has the arithmetic of one window.

use crate::frame::{FrameAnalyser, sum};
use crate::sound::tame;
use crate::{Sound, SoundError};

/// Samples in a window: 0.2 s.
pub const WINDOW: usize = 3_200;

/// Samples from the start of one window to the start of the next: 0.1 s.
pub const HOP: usize = 1_600;

/// Features of a frame.
pub const FEATURES: usize = 34;

/// The features of one window, in the order of [`FEATURE_NAMES`].
pub type Frame = [f32; FEATURES];

/// The features' names, as pyAudioAnalysis gives them.
pub const FEATURE_NAMES: [&str; FEATURES] = [
    "zcr",
    "energy",
    "energy_entropy",
    "spectral_centroid",
    "spectral_spread",
    "spectral_entropy",
    "spectral_flux",
    "spectral_rolloff",
    "mfcc_1",
    "mfcc_2",
    "mfcc_3",
    "mfcc_4",
    "mfcc_5",
    "mfcc_6",
    "mfcc_7",
    "mfcc_8",
    "mfcc_9",
    "mfcc_10",
    "mfcc_11",
    "mfcc_12",
    "mfcc_13",
    "chroma_1",
    "chroma_2",
    "chroma_3",
    "chroma_4",
    "chroma_5",
    "chroma_6",
    "chroma_7",
    "chroma_8",
    "chroma_9",
    "chroma_10",
    "chroma_11",
    "chroma_12",
    "chroma_std",
];

/// The features of every window of a sound: ⌊(samples − 3,200) / 1,600⌋ + 1 frames.
///
/// # Errors
/// [`SoundError::TooShort`] where not one window fits.
pub fn features(sound: &Sound) -> Result<Vec<Frame>, SoundError> {
    let samples = sound.samples();
    if samples.len() < WINDOW {
        return Err(SoundError::TooShort { seconds: sound.seconds() });
    }
    let normalisation = Normalisation::of(samples);
    let mut analyser = FrameAnalyser::new();
    Ok((0..=samples.len() - WINDOW)
        .step_by(HOP)
        .map(|start| analyser.analyse(&samples[start..start + WINDOW], normalisation))
        .collect())
}

/// How samples are brought to a common offset and loudness before their features are computed: (x − mean) / (peak +
/// 10⁻¹⁰), pyAudioAnalysis' `dc_normalize`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// What is subtracted: the mean of the samples.
    pub(crate) mean: f64,
    /// What is then divided by: the greatest distance of a sample from the mean.
    pub(crate) peak: f64,
}

impl Normalisation {
    /// That of a whole clip at 16 kHz, as [`features`] uses it. Samples that are no finite number count as silence.
    pub fn of(samples: &[f32]) -> Normalisation {
        if samples.is_empty() {
            return Normalisation { mean: 0.0, peak: 0.0 };
        }
        let mean = sum(samples, |sample| f64::from(tame(sample))) / samples.len() as f64;
        let (low, high) = samples
            .iter()
            .map(|&sample| tame(sample))
            .fold((f32::MAX, f32::MIN), |(low, high), sample| (low.min(sample), high.max(sample)));
        Normalisation::from_range(mean, low, high)
    }

    /// From the mean, the lowest and the highest of some samples.
    pub(crate) fn from_range(mean: f64, low: f32, high: f32) -> Normalisation {
        Normalisation { mean, peak: (mean - f64::from(low)).max(f64::from(high) - mean) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(samples: &[f32]) -> Sound {
        Sound::from_pcm(samples, 1, 16_000).unwrap()
    }

    #[test]
    fn there_are_as_many_frames_as_whole_windows() {
        let frames = |samples| features(&sound(&vec![0.1; samples])).map(|frames| frames.len());
        assert_eq!(frames(3_199), Err(SoundError::TooShort { seconds: 3_199.0 / 16_000.0 }));
        assert_eq!(frames(3_200), Ok(1));
        assert_eq!(frames(4_799), Ok(1));
        assert_eq!(frames(4_800), Ok(2));
        assert_eq!(frames(16_000), Ok(9));
        assert_eq!(frames(1), Err(SoundError::TooShort { seconds: 1.0 / 16_000.0 }));
    }

    #[test]
    fn silence_clipping_and_broken_samples_give_finite_numbers() {
        let nan = Sound::from_pcm(&[f32::NAN, f32::INFINITY, 0.3, -0.2].repeat(2_000), 1, 16_000).unwrap();
        let square: Vec<f32> = (0..8_000).map(|n| if n / 40 % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let mut click = vec![0.0; 8_000];
        click[5_000] = f32::MIN_POSITIVE;
        for sound in
            [sound(&[0.0; 8_000]), sound(&[1.0; 8_000]), sound(&[1e-30; 8_000]), sound(&square), sound(&click), nan]
        {
            let frames = features(&sound).unwrap();
            assert!(frames.iter().flatten().all(|value| value.is_finite()), "{frames:?}");
        }
    }

    #[test]
    fn an_hour_of_telephone_sound_is_no_trouble() {
        let hour = 8_000 * 3_600;
        let mut samples: Vec<f32> = (0..8_000).map(|n| (n as f32 * 0.17).sin() * (n as f32 * 0.0011).sin()).collect();
        samples = samples.repeat(hour / samples.len());
        let sound = Sound::from_pcm(&samples, 1, 8_000).unwrap();
        assert_eq!(sound.seconds(), 3_600.0);
        let frames = features(&sound).unwrap();
        assert_eq!(frames.len(), 35_999);
        assert!(frames.iter().flatten().all(|value| value.is_finite()));
    }
}
