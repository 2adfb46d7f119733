//! Features frame by frame, while the sound is still coming in.
//!
//! The batch knows a clip's mean and peak before its first frame; a stream can't. It takes those of the sound that a network would see
//! along with the frame: the last 100 hops (10 s), or all there was if that is less. So the last frame of a stream that is not yet
//! 10 s old is exactly the last frame of the same sound in one piece, and a door that slams is forgotten 10 s later.

use std::collections::VecDeque;

use crate::SoundError;
use crate::features::{Frame, HOP, Normalisation, WINDOW};
use crate::frame::{FrameAnalyser, sum};
use crate::input::MAX_FRAMES;
use crate::resample::Resampler;
use crate::sound::{SAMPLE_RATE, tame};

/// Hops whose mean and peak count: what fits into a network's input.
const MEMORY: usize = MAX_FRAMES + 1;

/// Turns mono sound that arrives in pieces of any size into frames. Memory is bounded, however long it runs.
pub struct Stream {
    resampler: Resampler,
    analyser: FrameAnalyser,
    normalisation: StreamNormalisation,
    /// Samples at 16 kHz whose frame has not been computed, after those that the next window shares with the last.
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
        Stream::of(
            Resampler::identity(),
            StreamNormalisation::Running(VecDeque::with_capacity(MEMORY)),
        )
    }

    /// For sound at `rate` Hz, such as a microphone delivers, normalised by its own last 10 s.
    ///
    /// # Errors
    /// [`SoundError::Damaged`] where the rate is outside of [`RATES`](crate::RATES).
    pub fn at_rate(rate: u32) -> Result<Stream, SoundError> {
        let running = StreamNormalisation::Running(VecDeque::with_capacity(MEMORY));
        Ok(Stream::of(Resampler::new(rate)?, running))
    }

    /// For sound at 16 kHz whose normalisation is known. With a clip's own, the frames are those of [`features`](crate::features).
    pub fn with_normalisation(normalisation: Normalisation) -> Stream {
        Stream::of(
            Resampler::identity(),
            StreamNormalisation::Fixed(normalisation),
        )
    }

    fn of(resampler: Resampler, normalisation: StreamNormalisation) -> Stream {
        Stream {
            resampler,
            analyser: FrameAnalyser::new(),
            normalisation,
            samples: Vec::with_capacity(2 * WINDOW),
        }
    }

    /// Takes mono samples and hands each frame that they complete to `on_frame`, oldest first. Samples that are no finite number count as
    /// silence.
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
        let new = if hops.is_empty() {
            window
        } else {
            &window[WINDOW - HOP..]
        };
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
