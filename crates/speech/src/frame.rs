//! The arithmetic of one window: 3,200 samples → 34 features, operation by operation as in pyAudioAnalysis 0.3.14
//! (`ShortTermFeatures.py`), quirks included. It knows nothing of clips or streams.
//!
//! All of it is in `f64`: where a band holds next to nothing (a pure tone, telephone sound) the rounding noise of an
//! `f32` transform would be louder than the band, and the logarithms of the MFCC would show it.

use std::sync::{Arc, LazyLock};

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::features::{FEATURES, Frame, Normalisation, WINDOW};
use crate::filterbank::{self, CEPSTRA, CHROMA, FilterBank};

/// Magnitudes that are used of each spectrum: the half below the Nyquist frequency, 5 Hz apart.
pub(crate) const BINS: usize = WINDOW / 2;

/// Blocks that the two entropies look at.
const ENTROPY_BLOCKS: usize = 10;

/// Share of a spectrum's energy that lies below the roll-off.
const ROLLOFF: f64 = 0.90;

/// The reference's `eps`, which it adds wherever something might be zero.
const EPSILON: f64 = f64::EPSILON;

/// What it adds to a clip's peak before it divides by it, when samples are in −1 to 1.
pub(crate) const PEAK_EPSILON: f64 = 1e-10;

/// Tables that every analyser shares; planning the transform costs as much as many frames.
static PLAN: LazyLock<Arc<dyn RealToComplex<f64>>> = LazyLock::new(|| RealFftPlanner::new().plan_fft_forward(WINDOW));
static FILTER_BANK: LazyLock<FilterBank> = LazyLock::new(FilterBank::new);

/// Computes frame after frame; it remembers the last spectrum, for the spectral flux. Nothing is allocated per frame.
pub(crate) struct FrameAnalyser {
    window: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
    magnitude: Vec<f64>,
    power: Vec<f64>,
    /// The last frame's magnitudes, divided by their sum. Empty before the first.
    previous: Vec<f64>,
}

impl FrameAnalyser {
    pub(crate) fn new() -> FrameAnalyser {
        FrameAnalyser {
            window: vec![0.0; WINDOW],
            spectrum: PLAN.make_output_vec(),
            scratch: PLAN.make_scratch_vec(),
            magnitude: vec![0.0; BINS],
            power: vec![0.0; BINS],
            previous: Vec::with_capacity(BINS),
        }
    }

    /// The features of one window of [`WINDOW`] finite samples (fewer count as followed by silence).
    pub(crate) fn analyse(&mut self, samples: &[f32], normalisation: Normalisation) -> Frame {
        let scale = 1.0 / (normalisation.peak + PEAK_EPSILON);
        self.window.fill(0.0);
        for (normalised, &sample) in self.window.iter_mut().zip(samples) {
            *normalised = (f64::from(sample) - normalisation.mean) * scale;
        }

        let mut features = [0.0; FEATURES];
        features[0] = zero_crossing_rate(&self.window);
        let block_energies = block_energies(&self.window);
        let energy = block_energies.iter().sum::<f64>();
        features[1] = energy / WINDOW as f64;
        features[2] = entropy(&block_energies, energy);

        self.transform();
        let total = sum(&self.magnitude, |value| value);
        let block_energies = block_sums(&self.power);
        let energy = block_energies.iter().sum::<f64>();
        (features[3], features[4]) = centroid_and_spread(&self.magnitude, total);
        features[5] = entropy(&block_energies, energy);
        features[6] = self.flux(total);
        features[7] = rolloff(&self.power, energy);
        features[8..8 + CEPSTRA].copy_from_slice(&FILTER_BANK.cepstra(&self.magnitude, EPSILON));
        let chroma = FILTER_BANK.chroma(&self.power, if energy == 0.0 { EPSILON } else { energy });
        features[8 + CEPSTRA..8 + CEPSTRA + CHROMA].copy_from_slice(&chroma);
        features[FEATURES - 1] = filterbank::deviation(&chroma);
        features.map(|value| value as f32)
    }

    /// Magnitudes and their squares of the lower half of the window's spectrum, divided by the number of bins.
    fn transform(&mut self) {
        // The buffers are the plan's own, so that it has nothing to refuse.
        let result = PLAN.process_with_scratch(&mut self.window, &mut self.spectrum, &mut self.scratch);
        debug_assert!(result.is_ok(), "{result:?}");
        const SCALE: f64 = 1.0 / BINS as f64;
        for ((bin, magnitude), power) in self.spectrum.iter().zip(&mut self.magnitude).zip(&mut self.power) {
            *magnitude = bin.norm_sqr().sqrt() * SCALE;
            *power = *magnitude * *magnitude;
        }
    }

    /// Σ (m / Σm − m′ / Σm′)² with m′ the last frame's magnitudes; 0 for the first frame.
    fn flux(&mut self, total: f64) -> f64 {
        let scale = 1.0 / (total + BINS as f64 * EPSILON);
        if self.previous.is_empty() {
            self.previous.extend(self.magnitude.iter().map(|value| value * scale));
            return 0.0;
        }
        let mut lanes = [0.0; LANES];
        for (now, before) in self.magnitude.chunks_exact(LANES).zip(self.previous.chunks_exact_mut(LANES)) {
            for ((lane, &now), before) in lanes.iter_mut().zip(now).zip(before) {
                let share = now * scale;
                let change = share - *before;
                *lane += change * change;
                *before = share;
            }
        }
        lanes.iter().sum()
    }
}

/// Sums run in this many independent lanes, which the compiler turns into SIMD; a strict left-to-right sum can't be.
const LANES: usize = 8;

/// Σ of(value).
pub(crate) fn sum<T: Copy>(values: &[T], of: impl Fn(T) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().map(|&value| of(value)).sum();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += of(value);
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// Sign changes per pair of neighbours; a step to or from exactly 0 counts half.
fn zero_crossing_rate(window: &[f64]) -> f64 {
    let sign = |value: f64| i32::from(value > 0.0) - i32::from(value < 0.0);
    let steps: i32 = window.iter().zip(&window[1..]).map(|(&a, &b)| (sign(b) - sign(a)).abs()).sum();
    f64::from(steps) / 2.0 / (window.len() as f64 - 1.0)
}

fn block_energies(values: &[f64]) -> [f64; ENTROPY_BLOCKS] {
    let mut energies = [0.0; ENTROPY_BLOCKS];
    for (energy, block) in energies.iter_mut().zip(values.chunks_exact(values.len() / ENTROPY_BLOCKS)) {
        *energy = sum(block, |value| value * value);
    }
    energies
}

fn block_sums(values: &[f64]) -> [f64; ENTROPY_BLOCKS] {
    let mut sums = [0.0; ENTROPY_BLOCKS];
    for (total, block) in sums.iter_mut().zip(values.chunks_exact(values.len() / ENTROPY_BLOCKS)) {
        *total = sum(block, |value| value);
    }
    sums
}

/// −Σ s log₂ s of the blocks' shares s of the total energy, in bits.
fn entropy(block_energies: &[f64], total: f64) -> f64 {
    -block_energies
        .iter()
        .map(|energy| {
            let share = energy / (total + EPSILON);
            share * (share + EPSILON).log2()
        })
        .sum::<f64>()
}

/// Mean frequency and deviation of the magnitudes, as shares of the Nyquist frequency. Bins are counted from 1.
fn centroid_and_spread(magnitude: &[f64], total: f64) -> (f64, f64) {
    let max = magnitude.iter().fold(0.0, |max: f64, &value| max.max(value));
    // The reference divides by the maximum first, which matters only for its epsilon.
    let weight = total + EPSILON * if max == 0.0 { EPSILON } else { max };
    let mut first = [0.0; LANES];
    let mut second = [0.0; LANES];
    let mut position: [f64; LANES] = std::array::from_fn(|lane| (lane + 1) as f64 / BINS as f64);
    for chunk in magnitude.chunks_exact(LANES) {
        for lane in 0..LANES {
            let moment = position[lane] * chunk[lane];
            first[lane] += moment;
            second[lane] += position[lane] * moment;
            position[lane] += LANES as f64 / BINS as f64;
        }
    }
    let (first, second) = (first.iter().sum::<f64>(), second.iter().sum::<f64>());
    let centroid = first / weight;
    let variance = (second - 2.0 * centroid * first + centroid * centroid * total) / weight;
    (centroid, variance.max(0.0).sqrt())
}

/// The first bin at which the running sum of the power exceeds 90 % of its total, as a share of the bins.
fn rolloff(power: &[f64], total: f64) -> f64 {
    let threshold = ROLLOFF * total;
    let mut running = 0.0;
    let bin = power.iter().position(|value| {
        running += value;
        running + EPSILON > threshold
    });
    bin.unwrap_or(0) as f64 / power.len() as f64
}
