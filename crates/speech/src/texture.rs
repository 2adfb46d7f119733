//! What the 34 short-term features of a 0.2 s window can't tell: how the sound changes *within* it.
//!
//! A window is one vowel or two; its spectrum is an average over them. Here each window is looked at through shorter
//! ones (25 ms, one every 10 ms, as in speech recognition), and the mean and the deviation of their cepstra over the
//! window are two features each: the "texture window" of Tzanetakis & Cook, "Musical Genre Classification of Audio
//! Signals", IEEE Transactions on Speech and Audio Processing 10(5), 2002.
//!
//! The cepstra are those of librosa 0.11: `melspectrogram(y, sr=16000, n_fft=512, win_length=400, hop_length=160,
//! center=False, n_mels=40, fmin=50, fmax=8000, htk=True)`, ln(power + 10⁻⁶), and the first 13 rows of the orthonormal
//! DCT-II over the 40 bands (`tests/reference/librosa`).

use std::f64::consts::PI;
use std::sync::{Arc, LazyLock};

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::features::{HOP, Normalisation, WINDOW};
use crate::frame::PEAK_EPSILON;
use crate::sound::SAMPLE_RATE;

/// Cepstra of a short window.
pub(crate) const CEPSTRA: usize = 13;

/// Texture features of a frame: the means of the cepstra, then their deviations.
pub(crate) const TEXTURE: usize = 2 * CEPSTRA;

/// Samples of a short window: 25 ms.
pub(crate) const SHORT_WINDOW: usize = 400;
/// Samples of a short window with the silence around it, as long as its transform.
pub(crate) const TRANSFORM: usize = 512;
/// Samples from one short window to the next: 10 ms.
pub(crate) const SHORT_HOP: usize = 160;
/// Short windows that lie whole in one window, and how many windows begin later.
const IN_WINDOW: usize = (WINDOW - TRANSFORM) / SHORT_HOP + 1;
const IN_HOP: usize = HOP / SHORT_HOP;

pub(crate) const BINS: usize = TRANSFORM / 2 + 1;
const BANDS: usize = 40;
const LOWEST_HZ: f64 = 50.0;
const HIGHEST_HZ: f64 = 8_000.0;
/// Power below which all is silence: about 80 dB below a full tone.
const SILENCE: f64 = 1e-6;

/// Made once, as all analysers of a program share them.
static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

struct Tables {
    plan: Arc<dyn RealToComplex<f64>>,
    /// A Hann window in the middle of the transform.
    window: [f64; TRANSFORM],
    bands: Vec<Band>,
    /// The first rows of the orthonormal DCT-II.
    cosine: [[f64; BANDS]; CEPSTRA],
}

/// A triangle over neighbouring bins.
struct Band {
    first_bin: usize,
    weights: Vec<f64>,
}

/// The texture features of the first `frames` windows of a sound's samples, in the order of the windows. There must be
/// samples for as many.
pub(crate) fn texture(samples: &[f32], frames: usize) -> Vec<[f32; TEXTURE]> {
    let cepstra = cepstra(samples, (frames * IN_HOP + IN_WINDOW).saturating_sub(IN_HOP));
    (0..frames).map(|frame| moments(&cepstra[frame * IN_HOP..frame * IN_HOP + IN_WINDOW])).collect()
}

/// Mean and (population) deviation of each cepstrum.
fn moments(cepstra: &[[f64; CEPSTRA]]) -> [f32; TEXTURE] {
    let count = cepstra.len() as f64;
    let mut texture = [0.0; TEXTURE];
    for place in 0..CEPSTRA {
        let mean = cepstra.iter().map(|cepstrum| cepstrum[place]).sum::<f64>() / count;
        let variance = cepstra.iter().map(|cepstrum| (cepstrum[place] - mean).powi(2)).sum::<f64>() / count;
        texture[place] = mean as f32;
        texture[CEPSTRA + place] = variance.sqrt() as f32;
    }
    texture
}

/// The cepstra of the first `count` short windows, at the loudness to which the whole clip is brought for all features.
fn cepstra(samples: &[f32], count: usize) -> Vec<[f64; CEPSTRA]> {
    let Tables { plan, window, bands, cosine } = &*TABLES;
    let normalisation = Normalisation::of(samples);
    let scale = 1.0 / (normalisation.peak + PEAK_EPSILON);
    let mut input = plan.make_input_vec();
    let mut spectrum: Vec<Complex<f64>> = plan.make_output_vec();
    let mut scratch = plan.make_scratch_vec();
    let mut power = [0.0; BINS];
    let starts = (0..).step_by(SHORT_HOP);
    starts
        .map_while(|start| samples.get(start..start + TRANSFORM))
        .take(count)
        .map(|samples| {
            for ((value, &sample), weight) in input.iter_mut().zip(samples).zip(window) {
                *value = (f64::from(sample) - normalisation.mean) * scale * weight;
            }
            // The buffers are the plan's own, so that it has nothing to refuse.
            let result = plan.process_with_scratch(&mut input, &mut spectrum, &mut scratch);
            debug_assert!(result.is_ok(), "{result:?}");
            for (power, bin) in power.iter_mut().zip(&spectrum) {
                *power = bin.norm_sqr();
            }
            let logs: [f64; BANDS] = std::array::from_fn(|band| {
                let Band { first_bin, weights } = &bands[band];
                let sum: f64 = weights.iter().zip(&power[*first_bin..]).map(|(weight, power)| weight * power).sum();
                (sum + SILENCE).ln()
            });
            std::array::from_fn(|row| cosine[row].iter().zip(&logs).map(|(cosine, log)| cosine * log).sum())
        })
        .collect()
}

/// The power of each bin of a short window whose cepstra are these, as far as thirteen of them tell: a smooth spectrum.
pub(crate) fn spectrum_of(cepstra: &[f64; CEPSTRA]) -> [f64; BINS] {
    let Tables { bands, cosine, .. } = &*TABLES;
    let (mut power, mut weights) = ([0.0; BINS], [1e-12; BINS]);
    for (band, Band { first_bin, weights: own }) in bands.iter().enumerate() {
        // The rows of the DCT are orthonormal: its inverse is its transpose.
        let log: f64 = cosine.iter().zip(cepstra).map(|(row, cepstrum)| row[band] * cepstrum).sum();
        let mean = (log.min(30.0).exp() - SILENCE).max(0.0) / own.iter().sum::<f64>().max(1e-12);
        for ((power, weight), own) in power[*first_bin..].iter_mut().zip(&mut weights[*first_bin..]).zip(own) {
            *power += own * mean;
            *weight += own;
        }
    }
    std::array::from_fn(|bin| power[bin] / weights[bin])
}

impl Tables {
    fn new() -> Self {
        let before = (TRANSFORM - SHORT_WINDOW) / 2;
        let hann = |n: usize| 0.5 - 0.5 * (2.0 * PI * n as f64 / SHORT_WINDOW as f64).cos();
        Self {
            plan: RealFftPlanner::new().plan_fft_forward(TRANSFORM),
            window: std::array::from_fn(|n| n.checked_sub(before).filter(|&n| n < SHORT_WINDOW).map_or(0.0, hann)),
            bands: bands(),
            cosine: std::array::from_fn(|row| {
                let scale = (if row == 0 { 1.0 } else { 2.0 } / BANDS as f64).sqrt();
                std::array::from_fn(|n| scale * (PI * row as f64 * (2 * n + 1) as f64 / (2 * BANDS) as f64).cos())
            }),
        }
    }
}

/// Triangles of equal area, evenly spaced on the mel scale of HTK: 2595 log₁₀(1 + f / 700).
fn bands() -> Vec<Band> {
    let mel = |hz: f64| 2_595.0 * (1.0 + hz / 700.0).log10();
    let hz = |mel: f64| 700.0 * (10_f64.powf(mel / 2_595.0) - 1.0);
    let (lowest, highest) = (mel(LOWEST_HZ), mel(HIGHEST_HZ));
    let corner = |index: usize| hz(lowest + (highest - lowest) * index as f64 / (BANDS + 1) as f64);
    let bin_hz = f64::from(SAMPLE_RATE) / TRANSFORM as f64;
    (0..BANDS)
        .map(|band| {
            let [low, centre, high] = [corner(band), corner(band + 1), corner(band + 2)];
            let first_bin = (low / bin_hz).ceil() as usize;
            let last_bin = ((high / bin_hz).floor() as usize).min(BINS - 1);
            let weights = (first_bin..=last_bin)
                .map(|bin| {
                    let at = bin as f64 * bin_hz;
                    2.0 / (high - low) * ((at - low) / (centre - low)).min((high - at) / (high - centre)).max(0.0)
                })
                .collect();
            Band { first_bin, weights }
        })
        .collect()
}
