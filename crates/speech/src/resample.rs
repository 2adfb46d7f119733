//! Any sample rate → 16 kHz, block by block, without shifting the sound in time.

use std::ops::RangeInclusive;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::SoundError;
use crate::sound::SAMPLE_RATE;

/// Sample rates that are taken, in Hz: from below a telephone's to above a studio's.
pub const RATES: RangeInclusive<u32> = 4_000..=384_000;

/// About how many 16 kHz samples come out at once. The anti-aliasing filter is as long as a block: with 1,024 it passes
/// up to 7.9 kHz, and live sound waits for no more than 0.1 s.
const BLOCK: usize = 1_024;

/// Brings mono sound of one rate to 16 kHz, by rubato's synchronous FFT resampler (band-limited, linear phase; in
/// `f64`, as the features are, so that a program holds the transforms' code only once). The n-th
/// sample out is the sound at n / 16,000 s, and N samples in give exactly ⌈N · 16,000 / rate⌉ out once finished. Sound
/// that is at 16 kHz already passes unchanged.
pub struct Resampler {
    /// None at 16 kHz.
    fft: Option<Fft<f64>>,
    rate: u32,
    waiting: Vec<f64>,
    block: Vec<f64>,
    /// Samples still to be dropped, because the filter's delay comes out first.
    delay: usize,
    received: u64,
    produced: u64,
}

impl Resampler {
    /// For sound at `rate` Hz.
    ///
    /// # Errors
    /// [`SoundError::Damaged`] where the rate is outside of [`RATES`].
    pub fn new(rate: u32) -> Result<Resampler, SoundError> {
        if !RATES.contains(&rate) {
            return Err(SoundError::Damaged { detail: format!("it claims {rate} samples a second") });
        }
        if rate == SAMPLE_RATE {
            return Ok(Resampler::identity());
        }
        let fft = fft_resampler(rate)?;
        Ok(Resampler {
            delay: fft.output_delay(),
            block: vec![0.0; fft.output_frames_max()],
            fft: Some(fft),
            rate,
            ..Resampler::identity()
        })
    }

    /// For sound that is at 16 kHz already.
    pub(crate) fn identity() -> Resampler {
        Resampler {
            fft: None,
            rate: SAMPLE_RATE,
            waiting: Vec::new(),
            block: Vec::new(),
            delay: 0,
            received: 0,
            produced: 0,
        }
    }

    /// Takes samples and appends to `out` what is ready.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.received += samples.len() as u64;
        let Some(fft) = &mut self.fft else {
            self.produced += samples.len() as u64;
            out.extend_from_slice(samples);
            return;
        };
        let needed = fft.input_frames_next();
        self.waiting.extend(samples.iter().map(|&sample| f64::from(sample)));
        let mut taken = 0;
        while let Some(chunk) = self.waiting.get(taken..taken + needed) {
            convert(fft, chunk, &mut self.block);
            let skipped = self.delay.min(self.block.len());
            self.delay -= skipped;
            out.extend(self.block[skipped..].iter().map(|&sample| sample as f32));
            self.produced += (self.block.len() - skipped) as u64;
            taken += needed;
        }
        self.waiting.drain(..taken);
    }

    /// Appends what is still inside, and makes the length exact. Afterwards the resampler is as new.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let expected = (self.received * u64::from(SAMPLE_RATE)).div_ceil(u64::from(self.rate));
        if let Some(needed) = self.fft.as_ref().map(|fft| fft.input_frames_next()) {
            let silence = vec![0.0; needed];
            while self.produced < expected {
                self.push(&silence, out);
            }
            out.truncate(out.len() - (self.produced - expected) as usize);
        }
        if let Some(fft) = &mut self.fft {
            fft.reset();
            self.delay = fft.output_delay();
        }
        self.waiting.clear();
        self.received = 0;
        self.produced = 0;
    }
}

/// One block through the resampler. Both lengths are the resampler's own, so that it has nothing to refuse; if it did,
/// the block would be silence.
fn convert(fft: &mut Fft<f64>, input: &[f64], output: &mut [f64]) {
    output.fill(0.0);
    let frames = output.len();
    let (Ok(input), Ok(mut output)) =
        (SequentialSlice::new(input, 1, input.len()), SequentialSlice::new_mut(output, 1, frames))
    else {
        return;
    };
    let result = fft.process_into_buffer(&input, &mut output, None);
    debug_assert!(result.is_ok(), "{result:?}");
}

fn fft_resampler(rate: u32) -> Result<Fft<f64>, SoundError> {
    let divisor = greatest_common_divisor(rate, SAMPLE_RATE);
    let smallest_in = (rate / divisor) as usize;
    let smallest_out = (SAMPLE_RATE / divisor) as usize;
    // An even multiple, so that the filter's delay is a whole number of samples at both rates and can be cut off
    // exactly.
    let multiple = BLOCK.div_ceil(smallest_out).next_multiple_of(2);
    Fft::new(rate as usize, SAMPLE_RATE as usize, multiple * smallest_in, 1, 1, FixedSync::Both)
        .map_err(|error| SoundError::Damaged { detail: format!("its sample rate can't be converted: {error}") })
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hz: f64, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (n as f64 / f64::from(rate) * hz * std::f64::consts::TAU).sin() as f32).collect()
    }

    fn resampled(rate: u32, samples: &[f32], piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate).unwrap();
        let mut out = Vec::new();
        for piece in samples.chunks(piece) {
            resampler.push(piece, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    #[test]
    fn a_tone_stays_where_it_was_in_time_and_has_the_exact_length() {
        for rate in [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000, 44_101] {
            let samples = rate as usize + 7;
            let out = resampled(rate, &tone(rate, 1_000.0, samples), samples);
            assert_eq!(out.len(), (samples * 16_000).div_ceil(rate as usize), "{rate} Hz");
            let expected = tone(16_000, 1_000.0, out.len());
            let worst = (2_500..13_500).map(|n| (out[n] - expected[n]).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-5, "{rate} Hz: off by {worst}");
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_vanishes_and_does_not_fold_back() {
        for (rate, hz) in [(44_100, 8_300.0), (44_100, 15_000.0), (48_000, 9_000.0), (96_000, 30_000.0)] {
            let out = resampled(rate, &tone(rate, hz, rate as usize), 10_000);
            let loudest = out[2_500..13_500].iter().fold(0.0, |loudest: f32, sample| loudest.max(sample.abs()));
            assert!(loudest < 1e-4, "{hz} Hz at {rate} Hz: {loudest} is left");
        }
    }

    #[test]
    fn the_size_of_the_pieces_does_not_matter() {
        let samples = tone(44_100, 700.0, 20_000);
        let whole = resampled(44_100, &samples, samples.len());
        for piece in [1, 128, 3_087, 7_000] {
            assert_eq!(resampled(44_100, &samples, piece), whole, "pieces of {piece}");
        }
    }

    #[test]
    fn sound_at_16_khz_passes_unchanged() {
        let samples = tone(16_000, 7_990.0, 5_001);
        assert_eq!(resampled(16_000, &samples, 128), samples);
    }

    #[test]
    fn a_finished_resampler_is_as_new() {
        let samples = tone(48_000, 300.0, 9_000);
        let mut resampler = Resampler::new(48_000).unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for out in [&mut first, &mut second] {
            resampler.push(&samples, out);
            resampler.finish(out);
        }
        assert_eq!(first, second);
    }

    #[test]
    fn any_rate_in_range_can_be_converted() {
        for rate in [4_000, 4_001, 15_999, 16_001, 383_999, 384_000] {
            assert_eq!(
                resampled(rate, &[0.5; 100], 100).len(),
                (100 * 16_000usize).div_ceil(rate as usize),
                "{rate} Hz"
            );
        }
        assert!(Resampler::new(3_999).is_err());
        assert!(Resampler::new(384_001).is_err());
    }
}
