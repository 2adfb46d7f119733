//! A sound made of features alone: what somebody hears who has an input of a network and not the sound that it was computed of.
//!
//! Of each frame's values the thirteen means of short cepstra are used, which are a smooth spectrum: noise is filtered by it, frame
//! by frame, and added up with overlap (as in a channel vocoder; H. Dudley, 1939). What comes out is a whisper. Pitch and phase are
//! in no feature.

use std::f64::consts::{PI, TAU};

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

use crate::features::{FEATURES, HOP, WINDOW};
use crate::input::INPUT_FEATURES;
use crate::sound::SAMPLE_RATE;
use crate::texture::{BINS, CEPSTRA, SHORT_HOP, SHORT_WINDOW, TRANSFORM, spectrum_of};
use crate::{Sound, SoundError};

/// The loudest sample.
const PEAK: f64 = 0.8;

/// The sound of so many frames of [`INPUT_FEATURES`] values that are not standardised, one after the other.
///
/// # Errors
/// [`SoundError::Empty`] where there is no whole frame.
pub fn imagined(values: &[f32]) -> Result<Sound, SoundError> {
    let frames: Vec<&[f32]> = values.chunks_exact(INPUT_FEATURES).collect();
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return Err(SoundError::Empty) };
    let length = (frames.len() - 1) * HOP + WINDOW;
    let plan = RealFftPlanner::new().plan_fft_inverse(TRANSFORM);
    let mut spectrum = plan.make_input_vec();
    let mut window = plan.make_output_vec();
    let mut samples = vec![0.0_f64; length + TRANSFORM];
    let mut noise = Noise(1);
    for start in (0..length).step_by(SHORT_HOP) {
        // Each frame stands for its middle; between two middles lies what is between them.
        let place = ((start as f64 - WINDOW as f64 / 2.0) / HOP as f64).max(0.0);
        let below = frames.get(place as usize).unwrap_or(last);
        let above = frames.get(place as usize + 1).unwrap_or(last);
        let part = if start * 2 < WINDOW { 0.0 } else { place.fract() };
        let below = if start * 2 < WINDOW { first } else { below };
        let cepstra: [f64; CEPSTRA] = std::array::from_fn(|row| {
            let at = |frame: &[f32]| f64::from(frame[FEATURES + row]);
            at(below) * (1.0 - part) + at(above) * part
        });
        let power = spectrum_of(&cepstra);
        for (bin, power) in spectrum.iter_mut().zip(power) {
            *bin = Complex::from_polar(power.sqrt(), TAU * noise.next());
        }
        // Both ends of a real spectrum are real.
        spectrum[0].im = 0.0;
        spectrum[BINS - 1].im = 0.0;
        // The buffers are the plan's own, so that it has nothing to refuse.
        let result = plan.process(&mut spectrum, &mut window);
        debug_assert!(result.is_ok(), "{result:?}");
        for (place, value) in window.iter().take(SHORT_WINDOW).enumerate() {
            let hann = 0.5 - 0.5 * (TAU * place as f64 / SHORT_WINDOW as f64).cos();
            samples[start + place] += value * hann;
        }
    }
    samples.truncate(length);
    let loudest = samples.iter().fold(PI * 1e-12, |most: f64, sample| most.max(sample.abs()));
    let samples: Vec<f32> = samples.iter().map(|sample| (sample / loudest * PEAK) as f32).collect();
    Sound::from_pcm(&samples, 1, SAMPLE_RATE)
}

/// Numbers from 0 to 1 that are the same every time (D. E. Knuth's MMIX generator).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input;

    /// Correlation of the means of short cepstra, all but the first, which is loudness.
    fn likeness(one: &[f32], two: &[f32]) -> f64 {
        let pick = |values: &[f32]| -> Vec<f64> {
            let frames = values.chunks_exact(INPUT_FEATURES);
            frames
                .flat_map(|frame| frame[FEATURES + 1..FEATURES + CEPSTRA].iter().map(|&value| f64::from(value)))
                .collect()
        };
        let (one, two) = (pick(one), pick(two));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (first, second) = (mean(&one), mean(&two));
        let product = |f: &dyn Fn(usize) -> f64| (0..one.len()).map(f).sum::<f64>();
        let both = product(&|n| (one[n] - first) * (two[n] - second));
        both / (product(&|n| (one[n] - first).powi(2)) * product(&|n| (two[n] - second).powi(2))).sqrt()
    }

    #[test]
    fn its_own_features_are_those_that_it_was_made_of() {
        // A tone that climbs through a noise that grows.
        let mut noise = Noise(7);
        let samples: Vec<f32> = (0..32_000)
            .map(|n| {
                let at = n as f32 / 16_000.0;
                (at * at * 900.0).sin() * 0.4 + (noise.next() as f32 - 0.5) * at * 0.2
            })
            .collect();
        let heard = input(&Sound::from_pcm(&samples, 1, SAMPLE_RATE).unwrap()).unwrap();
        let real = &heard.values[..heard.frames * INPUT_FEATURES];
        let again = input(&imagined(real).unwrap()).unwrap();
        assert_eq!(again.frames, heard.frames);
        let found = likeness(real, &again.values[..again.frames * INPUT_FEATURES]);
        assert!(found > 0.9, "{found}");
    }

    #[test]
    fn nothing_of_nothing_and_a_finite_sound_of_anything() {
        assert_eq!(imagined(&[0.0; 59]), Err(SoundError::Empty));
        for value in [0.0, 1e6, -1e6] {
            let sound = imagined(&vec![value; 3 * INPUT_FEATURES]).unwrap();
            assert_eq!(sound.samples().len(), WINDOW + 2 * HOP);
            assert!(sound.samples().iter().all(|sample| sample.is_finite() && sample.abs() <= 1.0));
        }
    }
}
