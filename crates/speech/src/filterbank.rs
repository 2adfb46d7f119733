//! What turns a spectrum into MFCC and chroma: tables made once, sparse, and the sums over them.
//!
//! Both follow pyAudioAnalysis 0.3.14 (`mfcc_filter_banks`, `mfcc`, `chroma_features_init`, `chroma_features`) with its
//! quirks, because its numbers are the reference: the mel filters are laid out as if the spectrum's 1,600 bins reached
//! up to the sample rate (they reach half of it), and the chroma keeps of all bins nearest to a semitone only the
//! highest one.

use std::f64::consts::PI;

use crate::frame::BINS;
use crate::sound::SAMPLE_RATE;

/// Mel-frequency cepstral coefficients of a frame.
pub(crate) const CEPSTRA: usize = 13;

/// Pitch classes: A, A♯, … G♯.
pub(crate) const CHROMA: usize = 12;

const LINEAR_FILTERS: usize = 13;
const LOG_FILTERS: usize = 27;
const FILTERS: usize = LINEAR_FILTERS + LOG_FILTERS;
const LOWEST_HZ: f64 = 133.33;
const LINEAR_STEP_HZ: f64 = 200.0 / 3.0;
const LOG_STEP: f64 = 1.071_170_3;

/// Frequency of the lowest A of a piano, from which semitones are counted.
const LOWEST_A_HZ: f64 = 27.5;

/// The tables of all features that weigh bins.
pub(crate) struct FilterBank {
    mel: Vec<Filter>,
    /// The first [`CEPSTRA`] rows of the orthonormal DCT-II over [`FILTERS`] values.
    cosine: Vec<[f64; FILTERS]>,
    chroma: Vec<Semitone>,
}

/// A triangle over neighbouring bins.
struct Filter {
    first_bin: usize,
    weights: Vec<f64>,
}

/// One bin's part in a pitch class.
struct Semitone {
    bin: usize,
    weight: f64,
    pitch_class: usize,
}

impl FilterBank {
    pub(crate) fn new() -> FilterBank {
        FilterBank { mel: mel_filters(), cosine: cosine_rows(), chroma: semitones() }
    }

    /// The cepstrum: DCT-II of the filters' log₁₀ outputs.
    pub(crate) fn cepstra(&self, magnitude: &[f64], epsilon: f64) -> [f64; CEPSTRA] {
        let mut logs = [0.0; FILTERS];
        for (log, filter) in logs.iter_mut().zip(&self.mel) {
            let output: f64 =
                filter.weights.iter().zip(&magnitude[filter.first_bin..]).map(|(weight, value)| weight * value).sum();
            *log = (output + epsilon).log10();
        }
        let mut cepstra = [0.0; CEPSTRA];
        for (coefficient, row) in cepstra.iter_mut().zip(&self.cosine) {
            *coefficient = row.iter().zip(&logs).map(|(cosine, log)| cosine * log).sum();
        }
        cepstra
    }

    /// The power in each pitch class, as a share of `total`.
    pub(crate) fn chroma(&self, power: &[f64], total: f64) -> [f64; CHROMA] {
        let mut chroma = [0.0; CHROMA];
        for semitone in &self.chroma {
            chroma[semitone.pitch_class] += semitone.weight * power[semitone.bin];
        }
        chroma.map(|value| value / total)
    }
}

/// Population deviation, the 34th feature.
pub(crate) fn deviation(chroma: &[f64; CHROMA]) -> f64 {
    let mean = chroma.iter().sum::<f64>() / CHROMA as f64;
    (chroma.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / CHROMA as f64).sqrt()
}

fn mel_filters() -> Vec<Filter> {
    let corners: Vec<f64> = (0..FILTERS + 2)
        .map(|corner| {
            if corner < LINEAR_FILTERS {
                LOWEST_HZ + corner as f64 * LINEAR_STEP_HZ
            } else {
                let last_linear = LOWEST_HZ + (LINEAR_FILTERS - 1) as f64 * LINEAR_STEP_HZ;
                last_linear * LOG_STEP.powi((corner - LINEAR_FILTERS + 1) as i32)
            }
        })
        .collect();
    let bin_hz = f64::from(SAMPLE_RATE) / BINS as f64; // the quirk: bins are really half as far apart
    let bin_above = |hz: f64| (hz * BINS as f64 / f64::from(SAMPLE_RATE)).floor() as usize + 1;
    corners
        .windows(3)
        .map(|corner| {
            let [low, centre, high] = [corner[0], corner[1], corner[2]];
            let height = 2.0 / (high - low);
            let rising = height / (centre - low);
            let falling = height / (high - centre);
            let (first_bin, peak_bin, end_bin) = (bin_above(low), bin_above(centre), bin_above(high));
            let weights = (first_bin..end_bin)
                .map(|bin| {
                    let hz = bin as f64 * bin_hz;
                    if bin < peak_bin { rising * (hz - low) } else { falling * (high - hz) }
                })
                .collect();
            Filter { first_bin, weights }
        })
        .collect()
}

fn cosine_rows() -> Vec<[f64; FILTERS]> {
    (0..CEPSTRA)
        .map(|row| {
            let scale = (if row == 0 { 1.0 } else { 2.0 } / FILTERS as f64).sqrt();
            std::array::from_fn(|n| scale * (PI * row as f64 * (2 * n + 1) as f64 / (2 * FILTERS) as f64).cos())
        })
        .collect()
}

/// The reference writes each bin's power into a list at its semitone's number (so that of several bins the last one
/// stays), divides the entry at place i by how many bins share the semitone *of the semitone of bin i*, and folds the
/// list by twelves. Semitones below the lowest A are negative and count from the list's end.
fn semitones() -> Vec<Semitone> {
    let bin_hz = f64::from(SAMPLE_RATE) / (2 * BINS) as f64;
    let place = |semitone: i64| semitone.rem_euclid(BINS as i64) as usize;
    let semitone_of: Vec<i64> = (0..BINS)
        .map(|bin| (12.0 * ((bin + 1) as f64 * bin_hz / LOWEST_A_HZ).log2()).round_ties_even() as i64)
        .collect();
    let sharing = |bin: usize| semitone_of.iter().filter(|&&semitone| semitone == semitone_of[bin]).count();
    let mut table: Vec<Semitone> = Vec::new();
    for bin in 0..BINS {
        let is_last = semitone_of[bin + 1..].iter().all(|&semitone| semitone != semitone_of[bin]);
        if is_last {
            let place_in_list = place(semitone_of[bin]);
            table.push(Semitone {
                bin,
                weight: 1.0 / sharing(place(semitone_of[place_in_list])) as f64,
                pitch_class: place_in_list % CHROMA,
            });
        }
    }
    table
}
