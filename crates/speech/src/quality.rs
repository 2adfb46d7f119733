//! Whether a recording is fit to learn from: loud enough, not clipped, long enough, and well above what is around it.
//!
//! Levels are of 20 ms frames without the sound's offset. The *background* is a low percentile of their energies, since
//! every sentence has pauses and weak consonants in which the room is heard (the idea of minimum statistics; R. Martin,
//! "Noise Power Spectral Density Estimation Based on Optimal Smoothing and Minimum Statistics", IEEE Transactions on
//! Speech and Audio Processing 9(5), 2001). A frame *sounds* where it is well above the background and not far below
//! the loud frames: speech spans about 30 dB (ANSI S3.5-1997). The level of the sounding frames alone is that of the
//! voice, however long one pauses (the active speech level of ITU-T P.56), and the background's share of it is taken off.
//!
//! A sound without any pause, such as one long note, can't be told from noise in this way.

use serde::{Deserialize, Serialize};

use crate::Sound;
use crate::sound::SAMPLE_RATE;

/// Samples of a frame: 20 ms.
const FRAME: usize = SAMPLE_RATE as usize / 50;
/// The share of frames that are as quiet as the background or quieter.
const BACKGROUND_PERCENTILE: f64 = 0.10;
/// The share of frames that are not louder than the loud part.
const LOUD_PERCENTILE: f64 = 0.95;
/// A frame that sounds has at least this many times the background's power: 6 dB.
const ABOVE_BACKGROUND: f64 = 4.0;
/// And at least this share of the loud part's power: −30 dB.
const SHARE_OF_LOUD: f64 = 1e-3;
/// Below this all is silence, dBFS: less than the last bit of 16.
const FLOOR_DB: f64 = -100.0;
/// What [`sounding`] leaves before and after the part that sounds: 0.2 s.
const MARGIN: usize = SAMPLE_RATE as usize / 5;

/// A sample of this size or more was cut off by the microphone. It is a little less than the greatest possible one, as a
/// resampler makes the flat tops of a clipped sound wavy.
pub const CLIPPED_SAMPLE: f32 = 0.99;
/// The share of clipped samples from which one hears it: one in a thousand. The peaks of an undistorted voice that was
/// brought to full scale are rarer.
pub const MOST_CLIPPED: f64 = 1e-3;
/// A sound whose loud part is below this is silence, dBFS, however much of it stands out.
pub const SILENT_BELOW_DB: f64 = -65.0;
/// A voice below this is very quiet, dBFS: at 16 bits it still has some 40 dB, but a laptop's own noise is often as loud.
/// Where such a quiet sound does not stand out from its background it is no voice, but the room or the laptop.
pub const QUIET_BELOW_DB: f64 = -50.0;
/// A voice that is less than this above its background is hard to make out, dB.
pub const LEAST_RATIO_DB: f64 = 10.0;
/// Shorter than this is no sentence, seconds of sound above the background.
pub const LEAST_SECONDS: f64 = 0.5;

/// What was measured of a sound. All levels are in dBFS (0 for a square wave of full scale) and at least −100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// The greatest magnitude of a sample.
    pub peak_db: f64,
    /// The share of samples of [`CLIPPED_SAMPLE`] or more, 0 to 1.
    pub clipped: f64,
    /// Mean power of the frames that sound, without the background's; of the loud frames where none stands out.
    pub speech_db: f64,
    /// Power of the background.
    pub background_db: f64,
    /// How far the one is above the other; 0 where no frame stands out.
    pub ratio_db: f64,
    /// How much of the sound is above the background, seconds.
    pub seconds: f64,
}

/// What a person could do better. Each has advice of its own in the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complaint {
    /// Next to nothing is heard.
    Silent,
    /// A voice is heard, but from far away.
    Quiet,
    /// The microphone cut the loud parts off.
    Clipped,
    /// Too little of it is sound.
    TooShort,
    /// The background is nearly as loud as the voice.
    Noisy,
}

impl Quality {
    /// What is wrong with the sound, the worst first; nothing where it is good. Each is a warning, not a reason to refuse.
    pub fn complaints(&self) -> Vec<Complaint> {
        let noisy = self.ratio_db < LEAST_RATIO_DB;
        let quiet = self.speech_db < QUIET_BELOW_DB;
        if self.speech_db < SILENT_BELOW_DB || (noisy && quiet) {
            return vec![Complaint::Silent];
        }
        [
            (Complaint::Clipped, self.clipped >= MOST_CLIPPED),
            (Complaint::Noisy, noisy),
            (Complaint::Quiet, quiet),
            // In much noise, how much of it sounds can't be said.
            (Complaint::TooShort, !noisy && self.seconds < LEAST_SECONDS),
        ]
        .into_iter()
        .filter_map(|(complaint, is)| is.then_some(complaint))
        .collect()
    }
}

/// Measures a sound.
pub fn quality(sound: &Sound) -> Quality {
    let samples = sound.samples();
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let clipped = samples.iter().filter(|sample| sample.abs() >= CLIPPED_SAMPLE).count();
    let levels = Levels::of(samples);
    let sounding: Vec<f64> = levels.frames.iter().copied().filter(|&power| levels.sounds(power)).collect();
    let (speech, ratio_db) = if sounding.is_empty() {
        (levels.loud, 0.0)
    } else {
        let mean = sounding.iter().sum::<f64>() / sounding.len() as f64;
        let speech = mean - levels.background;
        (speech, decibels(speech) - decibels(levels.background))
    };
    Quality {
        peak_db: decibels(f64::from(peak).powi(2)),
        clipped: clipped as f64 / samples.len() as f64,
        speech_db: decibels(speech),
        background_db: decibels(levels.background),
        ratio_db,
        seconds: (sounding.len() * FRAME) as f64 / f64::from(SAMPLE_RATE),
    }
}

/// The sound from 0.2 s before the first frame that sounds to 0.2 s after the last one; nothing where none does.
pub fn sounding(sound: &Sound) -> Option<Sound> {
    let samples = sound.samples();
    let levels = Levels::of(samples);
    if decibels(levels.loud) < SILENT_BELOW_DB {
        return None;
    }
    let first = levels.frames.iter().position(|&power| levels.sounds(power))?;
    let last = levels.frames.iter().rposition(|&power| levels.sounds(power))?;
    let start = (first * FRAME).saturating_sub(MARGIN);
    let end = ((last + 1) * FRAME + MARGIN).min(samples.len());
    Sound::from_pcm(samples.get(start..end)?, 1, SAMPLE_RATE).ok()
}

/// The powers of a sound's frames, and what they tell of its background and of its loud part.
struct Levels {
    frames: Vec<f64>,
    background: f64,
    loud: f64,
}

impl Levels {
    fn of(samples: &[f32]) -> Levels {
        let mean = samples.iter().map(|&sample| f64::from(sample)).sum::<f64>() / samples.len().max(1) as f64;
        // What is left at the end is no whole frame; only of a sound that is shorter than one does it count.
        let size = FRAME.min(samples.len()).max(1);
        let frames: Vec<f64> = samples
            .chunks_exact(size)
            .map(|frame| frame.iter().map(|&sample| (f64::from(sample) - mean).powi(2)).sum::<f64>() / size as f64)
            .collect();
        let mut sorted = frames.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let percentile = |share: f64| {
            let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
            sorted.get(place).copied().unwrap_or(0.0)
        };
        Levels { background: percentile(BACKGROUND_PERCENTILE), loud: percentile(LOUD_PERCENTILE), frames }
    }

    fn sounds(&self, power: f64) -> bool {
        power > ABOVE_BACKGROUND * self.background && power > SHARE_OF_LOUD * self.loud
    }
}

/// A power (full scale: 1) in decibels, at least [`FLOOR_DB`].
fn decibels(power: f64) -> f64 {
    (10.0 * power.log10()).max(FLOOR_DB)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_2_PI, TAU};

    use super::*;

    fn sound(seconds: f64, mut sample: impl FnMut(f64) -> f64) -> Sound {
        let count = (seconds * 16_000.0) as usize;
        let samples: Vec<f32> = (0..count).map(|n| sample(n as f64 / 16_000.0) as f32).collect();
        Sound::from_pcm(&samples, 1, 16_000).unwrap()
    }

    /// Uniform white noise of the given power, always the same.
    fn noise(power: f64) -> impl FnMut() -> f64 {
        let mut state = 1u64;
        // Uniform over −a to a has the power a²/3.
        let size = (3.0 * power).sqrt();
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            size * ((state >> 33) as f64 / f64::from(1u32 << 30) - 1.0)
        }
    }

    /// A buzz like a voice's, of power 1, for 0.25 s of every 0.5 s: ten harmonics of 150 Hz.
    fn bursts(t: f64) -> f64 {
        if t % 0.5 < 0.25 {
            return 0.0;
        }
        (1..=10).map(|harmonic| (TAU * 150.0 * f64::from(harmonic) * t + f64::from(harmonic)).sin()).sum::<f64>()
            / 5f64.sqrt()
    }

    fn close(value: f64, expected: f64, tolerance: f64) {
        assert!((value - expected).abs() <= tolerance, "{value}, expected {expected} ± {tolerance}");
    }

    #[test]
    fn a_sine_at_minus_6_dbfs_peaks_there_and_has_half_that_power() {
        let peak = 10f64.powf(-6.0 / 20.0);
        let measured = quality(&sound(1.0, |t| peak * (TAU * 400.0 * t).sin()));
        close(measured.peak_db, -6.0, 0.001);
        assert_eq!(measured.clipped, 0.0);
        // A sine's power is 3.01 dB below its peak's; here it is all background, as nothing stands out of it.
        close(measured.background_db, -9.01, 0.01);
        close(measured.speech_db, -9.01, 0.01);
        assert_eq!((measured.ratio_db, measured.seconds), (0.0, 0.0));
    }

    #[test]
    fn of_a_clipped_sine_the_share_above_the_limit_is_counted() {
        for drive in [1.2, 2.0, 5.0] {
            // A frequency that shares no period with the rate, so that the phases are spread evenly.
            let clipped = sound(4.0, |t| (drive * (TAU * 231.7 * t).sin()).clamp(-1.0, 1.0));
            let expected = 1.0 - FRAC_2_PI * (f64::from(CLIPPED_SAMPLE) / drive).asin();
            close(quality(&clipped).clipped, expected, 0.002);
            assert!(quality(&clipped).complaints().contains(&Complaint::Clipped));
        }
        let just_below = sound(4.0, |t| 0.98 * (TAU * 231.7 * t).sin());
        assert_eq!(quality(&just_below).clipped, 0.0);
    }

    #[test]
    fn clipping_at_48_khz_is_still_seen_at_16_khz() {
        let recorded: Vec<f32> =
            (0..96_000).map(|n| (2.0 * bursts(f64::from(n) / 48_000.0)).clamp(-1.0, 1.0) as f32).collect();
        let measured = quality(&Sound::from_pcm(&recorded, 1, 48_000).unwrap());
        assert!(measured.clipped > 0.05, "{} of the samples", measured.clipped);
    }

    #[test]
    fn the_ratio_of_bursts_over_white_noise_is_the_one_they_were_mixed_with() {
        for ratio_db in [0.0, 6.0, 10.0, 20.0, 30.0, 40.0] {
            let signal_power = 0.01;
            let mut hiss = noise(signal_power / 10f64.powf(ratio_db / 10.0));
            let measured = quality(&sound(4.0, |t| signal_power.sqrt() * bursts(t) + hiss()));
            if ratio_db >= 6.0 {
                close(measured.ratio_db, ratio_db, 1.5);
                close(measured.speech_db, -20.0, 1.0);
                close(measured.seconds, 2.0, 0.25);
            }
            assert_eq!(measured.complaints().contains(&Complaint::Noisy), ratio_db < LEAST_RATIO_DB, "{measured:?}");
        }
    }

    #[test]
    fn each_fault_has_its_complaint_and_a_good_sentence_has_none() {
        let said = |seconds: f64, level: f64, hiss_power: f64| {
            let mut hiss = noise(hiss_power);
            quality(&sound(3.0, |t| if t < seconds { level * bursts(t) } else { 0.0 } + hiss())).complaints()
        };
        assert_eq!(said(3.0, 0.1, 1e-6), []);
        assert_eq!(said(0.5, 0.1, 1e-6), [Complaint::TooShort], "a quarter of a second of buzz");
        assert_eq!(said(3.0, 0.002, 1e-9), [Complaint::Quiet], "−54 dBFS");
        assert_eq!(said(3.0, 0.1, 5e-3), [Complaint::Noisy], "3 dB above the noise");
        assert_eq!(said(3.0, 0.0003, 1e-12), [Complaint::Silent], "−70 dBFS");
        assert_eq!(said(0.0, 0.0, 1e-6), [Complaint::Silent], "nothing but a laptop's noise");
        assert_eq!(quality(&sound(2.0, |_| 0.0)).complaints(), [Complaint::Silent]);
        assert_eq!(quality(&sound(2.0, |_| 0.5)).complaints(), [Complaint::Silent], "an offset is no sound");
    }

    #[test]
    fn any_sound_gives_finite_numbers() {
        for samples in [vec![0.0; 1], vec![1.0; 5], vec![f32::MAX; 321], vec![1e-30; 4_000], vec![-1.0; 3_200]] {
            let Quality { peak_db, clipped, speech_db, background_db, ratio_db, seconds } =
                quality(&Sound::from_pcm(&samples, 1, 16_000).unwrap());
            assert!([peak_db, clipped, speech_db, background_db, ratio_db, seconds].iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn what_sounds_is_cut_out_with_a_margin() {
        let mut hiss = noise(1e-7);
        let quiet_ends = sound(4.0, |t| if (1.5..2.5).contains(&t) { 0.1 * bursts(t + 0.25) } else { 0.0 } + hiss());
        let part = sounding(&quiet_ends).unwrap();
        // Buzz from 1.5 to 1.75 s and from 2.0 to 2.25 s, and 0.2 s on either side.
        close(part.seconds(), 0.75 + 0.4, 0.05);
        assert_eq!(sounding(&sound(1.0, |_| 0.0)), None);
    }
}
