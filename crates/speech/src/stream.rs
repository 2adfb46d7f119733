//! Features frame by frame, while the sound is still coming in.
//!
//! The batch knows a clip's mean and peak before its first frame; a stream can't. It takes those of the sound that a
//! network would see along with the frame: under it and the 99 frames before it (10.1 s), or all there was if that is
//! less. So the last frame of a stream that is younger than that is exactly the last frame of the same sound in one
//! piece, and a door that slams is forgotten 10 s later.

use std::collections::VecDeque;

use crate::SoundError;
use crate::features::{Frame, HOP, Normalisation, WINDOW};
use crate::frame::{FrameAnalyser, sum};
use crate::input::MAX_FRAMES;
use crate::resample::Resampler;
use crate::sound::{SAMPLE_RATE, tame};

/// Hops whose mean and peak count: those under as many frames as a network takes.
const MEMORY: usize = MAX_FRAMES + 1;

/// Turns mono sound that arrives in pieces of any size into frames. Memory is bounded, however long it runs.
pub struct Stream {
    resampler: Resampler,
    analyser: FrameAnalyser,
    normalisation: StreamNormalisation,
    /// Samples at 16 kHz from the start of the next window on.
    samples: Vec<f32>,
}

enum StreamNormalisation {
    Fixed(Normalisation),
    Running(VecDeque<HopRange>),
}

/// The part of one hop in a running normalisation.
struct HopRange {
    sum: f64,
    low: f32,
    high: f32,
}

impl Stream {
    /// For sound at 16 kHz, normalised by its own last 10 s.
    pub fn new() -> Stream {
        Stream::of(Resampler::identity(), StreamNormalisation::Running(VecDeque::with_capacity(MEMORY)))
    }

    /// For sound at `rate` Hz, such as a microphone delivers, normalised by its own last 10 s.
    ///
    /// # Errors
    /// [`SoundError::Damaged`] where the rate is outside of [`RATES`](crate::RATES).
    pub fn at_rate(rate: u32) -> Result<Stream, SoundError> {
        let running = StreamNormalisation::Running(VecDeque::with_capacity(MEMORY));
        Ok(Stream::of(Resampler::new(rate)?, running))
    }

    /// For sound at 16 kHz whose normalisation is known. With a clip's own, the frames are those of
    /// [`features`](crate::features).
    pub fn with_normalisation(normalisation: Normalisation) -> Stream {
        Stream::of(Resampler::identity(), StreamNormalisation::Fixed(normalisation))
    }

    fn of(resampler: Resampler, normalisation: StreamNormalisation) -> Stream {
        Stream { resampler, analyser: FrameAnalyser::new(), normalisation, samples: Vec::with_capacity(2 * WINDOW) }
    }

    /// Takes mono samples and hands each frame that they complete to `on_frame`, oldest first. Samples that are no
    /// finite number count as silence.
    pub fn push(&mut self, samples: &[f32], mut on_frame: impl FnMut(Frame)) {
        for block in samples.chunks(SAMPLE_RATE as usize) {
            let tamed: Vec<f32> = block.iter().map(|&sample| tame(sample)).collect();
            self.resampler.push(&tamed, &mut self.samples);
            let mut start = 0;
            while let Some(window) = self.samples.get(start..start + WINDOW) {
                let normalisation = self.normalisation.of_next(window);
                on_frame(self.analyser.analyse(window, normalisation));
                start += HOP;
            }
            self.samples.drain(..start);
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Stream::new()
    }
}

impl StreamNormalisation {
    /// That of the next window, of which the last hop is new (of the first window, both are).
    fn of_next(&mut self, window: &[f32]) -> Normalisation {
        let hops = match self {
            StreamNormalisation::Fixed(normalisation) => return *normalisation,
            StreamNormalisation::Running(hops) => hops,
        };
        let new = if hops.is_empty() { window } else { &window[WINDOW - HOP..] };
        for hop in new.chunks_exact(HOP) {
            if hops.len() == MEMORY {
                hops.pop_front();
            }
            hops.push_back(HopRange {
                sum: sum(hop, f64::from),
                low: hop.iter().copied().fold(f32::MAX, f32::min),
                high: hop.iter().copied().fold(f32::MIN, f32::max),
            });
        }
        let mean = hops.iter().map(|hop| hop.sum).sum::<f64>() / (hops.len() * HOP) as f64;
        let low = hops.iter().map(|hop| hop.low).fold(f32::MAX, f32::min);
        let high = hops.iter().map(|hop| hop.high).fold(f32::MIN, f32::max);
        Normalisation::from_range(mean, low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sound, features};

    /// Something between noise and a voice, with an offset, that differs from hop to hop.
    fn samples(seconds: f64) -> Vec<f32> {
        let mut noise = 1u32;
        (0..(seconds * 16_000.0) as usize)
            .map(|n| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let t = n as f32 / 16_000.0;
                0.05 + 0.3 * (t * 900.0).sin() * (t * 5.0).sin() + noise as f32 / u32::MAX as f32 * 0.1
            })
            .collect()
    }

    fn batch(samples: &[f32]) -> Vec<Frame> {
        features(&Sound::from_pcm(samples, 1, 16_000).unwrap()).unwrap()
    }

    fn streamed(mut stream: Stream, samples: &[f32], piece: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        for piece in samples.chunks(piece) {
            stream.push(piece, |frame| frames.push(frame));
        }
        frames
    }

    #[test]
    fn with_the_clips_own_normalisation_the_frames_are_exactly_those_of_the_batch() {
        let samples = samples(2.35);
        let expected = batch(&samples);
        for piece in [1, 128, 1_600, 5_000, samples.len()] {
            let stream = Stream::with_normalisation(Normalisation::of(&samples));
            assert_eq!(streamed(stream, &samples, piece), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_frame_of_a_young_stream_is_the_last_of_the_same_sound_in_one_piece() {
        let samples = samples(3.0);
        let frames = streamed(Stream::new(), &samples, 777);
        assert_eq!(frames.len(), 29);
        for (index, frame) in frames.iter().enumerate() {
            let expected = batch(&samples[..WINDOW + index * HOP]);
            for (value, expected) in frame.iter().zip(&expected[index]) {
                assert!(
                    (value - expected).abs() <= 1e-5 * (1.0 + expected.abs()),
                    "frame {index}: {value}, {expected}"
                );
            }
        }
    }

    #[test]
    fn a_door_that_slams_is_forgotten_after_ten_seconds() {
        let voice = samples(25.0);
        let mut slammed = voice.clone();
        slammed[1_000] = 1.0;
        let quiet = streamed(Stream::new(), &voice, 1_600);
        let loud = streamed(Stream::new(), &slammed, 1_600);
        assert!(loud[50][1] < 0.5 * quiet[50][1], "5 s later the energy is still small beside the slam");
        assert_eq!(loud[101..], quiet[101..]);
    }

    #[test]
    fn a_microphone_at_48_khz_gives_the_frames_of_its_sound() {
        let recorded: Vec<f32> = (0..96_000).map(|n| (n as f32 / 48_000.0 * 1_200.0).sin() * 0.5).collect();
        let frames = streamed(Stream::at_rate(48_000).unwrap(), &recorded, 480);
        assert!((17..=18).contains(&frames.len()), "{} frames; the last may still be in the resampler", frames.len());
        assert!(Stream::at_rate(7).is_err());
    }

    #[test]
    fn a_broken_sample_does_not_spoil_the_stream() {
        let mut broken = samples(1.0);
        broken[3_000] = f32::NAN;
        broken[5_000] = f32::INFINITY;
        for stream in [Stream::new(), Stream::at_rate(44_100).unwrap()] {
            assert!(streamed(stream, &broken, 100).iter().flatten().all(|value| value.is_finite()));
        }
    }
}
