//! Any sample rate → 16 kHz, block by block, without shifting the sound in time.

use std::ops::RangeInclusive;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::SoundError;
use crate::sound::SAMPLE_RATE;

/// Sample rates that are taken, in Hz: from below a telephone's to above a studio's.
pub const RATES: RangeInclusive<u32> = 4_000..=384_000;

/// About how many 16 kHz samples come out at once. The anti-aliasing filter is as long as a block: with 1,024 it passes up to
/// 7.9 kHz, and live sound waits for no more than 0.1 s.
const BLOCK: usize = 1_024;

/// Brings mono sound of one rate to 16 kHz, by rubato's synchronous FFT resampler (band-limited, linear phase). The n-th
/// sample out is the sound at n / 16,000 s, and N samples in give exactly ⌈N · 16,000 / rate⌉ out once finished. Sound that is
/// at 16 kHz already passes unchanged.
pub struct Resampler {
    /// None at 16 kHz.
    fft: Option<Fft<f32>>,
    rate: u32,
    waiting: Vec<f32>,
    block: Vec<f32>,
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
            return Err(SoundError::Damaged {
                detail: format!("it claims {rate} samples a second"),
            });
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
        self.waiting.extend_from_slice(samples);
        let mut taken = 0;
        while let Some(chunk) = self.waiting.get(taken..taken + needed) {
            convert(fft, chunk, &mut self.block);
            let skipped = self.delay.min(self.block.len());
            self.delay -= skipped;
            out.extend_from_slice(&self.block[skipped..]);
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

/// One block through the resampler. Both lengths are the resampler's own, so that it has nothing to refuse; if it did, the block
/// would be silence.
fn convert(fft: &mut Fft<f32>, input: &[f32], output: &mut [f32]) {
    output.fill(0.0);
    let frames = output.len();
    let (Ok(input), Ok(mut output)) = (
        SequentialSlice::new(input, 1, input.len()),
        SequentialSlice::new_mut(output, 1, frames),
    ) else {
        return;
    };
    let result = fft.process_into_buffer(&input, &mut output, None);
    debug_assert!(result.is_ok(), "{result:?}");
}

fn fft_resampler(rate: u32) -> Result<Fft<f32>, SoundError> {
    let divisor = greatest_common_divisor(rate, SAMPLE_RATE);
    let smallest_in = (rate / divisor) as usize;
    let smallest_out = (SAMPLE_RATE / divisor) as usize;
    // An even multiple, so that the filter's delay is a whole number of samples at both rates and can be cut off exactly.
    let multiple = BLOCK.div_ceil(smallest_out).next_multiple_of(2);
    Fft::new(
        rate as usize,
        SAMPLE_RATE as usize,
        multiple * smallest_in,
        1,
        1,
        FixedSync::Both,
    )
    .map_err(|error| SoundError::Damaged {
        detail: format!("its sample rate can't be converted: {error}"),
    })
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
