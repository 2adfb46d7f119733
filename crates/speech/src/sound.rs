//! A piece of sound as all of Chorus uses it: 16 kHz, mono, finite `f32` samples.

use crate::mix::{Heard, Mix, Sides};
use crate::resample::Resampler;
use crate::{Decoded, SoundError};

/// Samples per second of every [`Sound`].
pub const SAMPLE_RATE: u32 = 16_000;

/// The longest sound that is taken, in seconds. Two hours are 460 MB of samples: what a browser tab can still hold.
pub const MAX_SECONDS: u32 = 2 * 60 * 60;

/// Speeds other than its own at which a clip is heard in training, in percent. A
/// faster voice is also a higher and a smaller one, so that five speakers come out of one (speed perturbation; Ko et al.,
/// "Audio Augmentation for Speech Recognition", Interspeech 2015).
pub const SPEEDS: [u32; 4] = [85, 92, 108, 117];

/// Samples of this size are kept, louder ones are cut: far above any real sound (nominally −1 to 1), and far below
/// where sums and squares would overflow.
const LOUDEST: f32 = 65_536.0;

/// Sound at 16 kHz, mono; every sample is finite and nominally in −1 to 1. It has at least one sample and lasts at most
/// [`MAX_SECONDS`].
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    samples: Vec<f32>,
}

impl Sound {
    /// From interleaved samples (`samples[frame * channels + channel]`, nominally −1 to 1) at `rate` Hz. Channels are
    /// averaged with equal weight, except for two of which one is silent or the other turned round
    /// ([`Decoded::from_pcm`] says which); an incomplete last frame is dropped, and samples that are no finite number
    /// become silence.
    ///
    /// # Errors
    /// [`SoundError::Empty`], [`SoundError::TooLong`], and [`SoundError::Damaged`] for no channels or a rate outside of
    /// [`RATES`](crate::RATES).
    pub fn from_pcm(samples: &[f32], channels: u16, rate: u32) -> Result<Sound, SoundError> {
        Decoded::from_pcm(samples, channels, rate).map(|decoded| decoded.sound)
    }

    /// Sounds one after the other, as one.
    ///
    /// # Errors
    /// [`SoundError::TooLong`], and [`SoundError::Empty`] for none.
    pub(crate) fn joined(sounds: Vec<Sound>) -> Result<Sound, SoundError> {
        let mut sounds = sounds.into_iter();
        let mut samples = sounds.next().ok_or(SoundError::Empty)?.samples;
        for sound in sounds {
            samples.extend(sound.samples);
            check_length(samples.len(), MAX_SECONDS)?;
        }
        Ok(Sound { samples })
    }

    /// The samples, 16,000 a second.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// How long it lasts, in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(SAMPLE_RATE)
    }

    /// The same sound played at another speed (percent of its own), its pitch and timbre with it, as a tape does.
    ///
    /// # Errors
    /// [`SoundError::TooLong`], and [`SoundError::Damaged`] for a speed that would need a rate outside of
    /// [`RATES`](crate::RATES).
    pub fn at_speed(&self, percent: u32) -> Result<Sound, SoundError> {
        Sound::from_pcm(&self.samples, 1, SAMPLE_RATE / 100 * percent)
    }

    /// As a WAV file (16-bit, 16 kHz, mono), for playing and storing. Samples beyond −1 to 1 are clipped.
    pub fn to_wav(&self) -> Vec<u8> {
        let data_bytes = (self.samples.len() * 2) as u32; // ≤ 2 h, so far below 4 GiB
        let mut wav = Vec::with_capacity(44 + self.samples.len() * 2);
        wav.extend_from_slice(b"RIFF");
        wav.extend_from_slice(&(36 + data_bytes).to_le_bytes());
        wav.extend_from_slice(b"WAVEfmt ");
        wav.extend_from_slice(&16u32.to_le_bytes());
        wav.extend_from_slice(&1u16.to_le_bytes()); // integer PCM
        wav.extend_from_slice(&1u16.to_le_bytes()); // channels
        wav.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
        wav.extend_from_slice(&(SAMPLE_RATE * 2).to_le_bytes()); // bytes a second
        wav.extend_from_slice(&2u16.to_le_bytes()); // bytes a frame
        wav.extend_from_slice(&16u16.to_le_bytes()); // bits a sample
        wav.extend_from_slice(b"data");
        wav.extend_from_slice(&data_bytes.to_le_bytes());
        for &sample in &self.samples {
            let step = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
            wav.extend_from_slice(&step.to_le_bytes());
        }
        wav
    }
}

/// A sample that no later sum or square can make infinite: no number is silence, and what is louder than [`LOUDEST`] is
/// cut.
pub(crate) fn tame(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-LOUDEST, LOUDEST) } else { 0.0 }
}

/// Builds a [`Sound`] block by block, so that a long file is never held at its full rate and channel count.
pub(crate) struct SoundBuilder {
    channels: usize,
    mix: Mix,
    sides: Sides,
    resampler: Resampler,
    mono: Vec<f32>,
    samples: Vec<f32>,
    /// Most seconds that are wanted.
    longest: u32,
}

impl SoundBuilder {
    pub(crate) fn new(channels: u16, rate: u32, mix: Mix, longest: u32) -> Result<SoundBuilder, SoundError> {
        if channels == 0 {
            return Err(SoundError::Damaged { detail: "it claims to have no channels".into() });
        }
        Ok(SoundBuilder {
            channels: usize::from(channels),
            mix,
            sides: Sides::default(),
            resampler: Resampler::new(rate)?,
            mono: Vec::new(),
            samples: Vec::new(),
            longest,
        })
    }

    /// Takes interleaved samples; whole frames only, what is left over is dropped.
    pub(crate) fn push(&mut self, interleaved: &[f32]) -> Result<(), SoundError> {
        // Mixing a block at a time keeps the extra memory small, however long the slice.
        for block in interleaved.chunks(self.channels * 65_536) {
            self.mono.clear();
            let frames = block.chunks_exact(self.channels);
            match self.mix {
                Mix::Only(channel) => self.mono.extend(frames.map(|frame| tame(frame[channel]))),
                Mix::All => {
                    let scale = 1.0 / self.channels as f32;
                    self.mono.extend(frames.map(|frame| frame.iter().map(|&sample| tame(sample)).sum::<f32>() * scale));
                    if self.channels == 2 {
                        for frame in block.chunks_exact(2) {
                            self.sides.take(tame(frame[0]), tame(frame[1]));
                        }
                    }
                }
            }
            self.resampler.push(&self.mono, &mut self.samples);
            check_length(self.samples.len(), self.longest)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Heard, SoundError> {
        self.resampler.finish(&mut self.samples);
        check_length(self.samples.len(), self.longest)?;
        if self.samples.is_empty() {
            return Err(SoundError::Empty);
        }
        Ok(Heard { sound: Sound { samples: self.samples }, alone: self.sides.alone(), missing: 0.0 })
    }
}

fn check_length(samples: usize, longest: u32) -> Result<(), SoundError> {
    if samples > longest as usize * SAMPLE_RATE as usize {
        return Err(SoundError::TooLong { limit_seconds: longest });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stereo_at_44100_hz_becomes_mono_at_16_khz() {
        let tone = |n: usize| (n as f64 / 44_100.0 * 500.0 * std::f64::consts::TAU).sin() as f32;
        let stereo: Vec<f32> = (0..44_100).flat_map(|n| [tone(n), 0.5 * tone(n)]).collect();
        let sound = Sound::from_pcm(&stereo, 2, 44_100).unwrap();
        assert_eq!(sound.samples().len(), 16_000);
        assert_eq!(sound.seconds(), 1.0);
        for n in 500..15_500 {
            let expected = 0.75 * (n as f64 / 16_000.0 * 500.0 * std::f64::consts::TAU).sin();
            assert!((f64::from(sound.samples()[n]) - expected).abs() < 1e-5, "sample {n}");
        }
    }

    #[test]
    fn a_sample_that_is_no_number_is_silence_and_none_is_too_loud() {
        let sound = Sound::from_pcm(&[0.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX], 1, 16_000).unwrap();
        assert_eq!(sound.samples(), [0.5, 0.0, 0.0, 0.0, LOUDEST]);
        // The same through the resampler, whose filter would spread one NaN over all its neighbours.
        let sound = Sound::from_pcm(&[f32::NAN, f32::MAX, f32::MIN, 0.5].repeat(1_000), 2, 48_000).unwrap();
        assert!(sound.samples().iter().all(|sample| sample.is_finite()));
    }

    #[test]
    fn the_smallest_sounds_are_one_sample_or_none() {
        assert_eq!(Sound::from_pcm(&[0.25], 1, 16_000).unwrap().samples(), [0.25]);
        assert_eq!(Sound::from_pcm(&[0.25], 1, 48_000).unwrap().samples().len(), 1);
        assert_eq!(Sound::from_pcm(&[], 1, 16_000), Err(SoundError::Empty));
        assert_eq!(Sound::from_pcm(&[], 2, 44_100), Err(SoundError::Empty));
        assert_eq!(Sound::from_pcm(&[0.25], 2, 16_000), Err(SoundError::Empty), "half a frame");
    }

    #[test]
    fn what_no_microphone_delivers_is_refused() {
        assert!(matches!(Sound::from_pcm(&[0.0; 10], 0, 16_000), Err(SoundError::Damaged { .. })));
        assert!(matches!(Sound::from_pcm(&[0.0; 10], 1, 0), Err(SoundError::Damaged { .. })));
        assert!(matches!(Sound::from_pcm(&[0.0; 10], 1, u32::MAX), Err(SoundError::Damaged { .. })));
    }

    #[test]
    fn a_wav_file_clips_what_it_cannot_hold() {
        let wav = Sound { samples: vec![0.5, 1.5, -1.5] }.to_wav();
        assert_eq!(wav.len(), 44 + 6);
        assert_eq!(wav[4..8], 42u32.to_le_bytes());
        assert_eq!(wav[44..], [16_384i16, 32_767, -32_768].map(i16::to_le_bytes).concat());
    }
}
