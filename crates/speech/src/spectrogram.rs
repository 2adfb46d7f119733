//! A log-mel spectrogram for the eye: small, quick, and for pictures only. The features are computed elsewhere.

use realfft::RealFftPlanner;

use crate::Sound;
use crate::sound::SAMPLE_RATE;

/// Decibels from the darkest to the brightest of a [`Spectrogram`].
pub const DYNAMIC_RANGE: f32 = 80.0;

/// Samples under the window: 40 ms show both pitch and rhythm of a voice.
const WINDOW: usize = 640;

/// Points of the transform; longer than the window, so that the lowest mel bands have bins of their own.
const TRANSFORM: usize = 1_024;

/// At most this many windows are looked at for one column, so that an hour costs no more than a minute.
const WINDOWS_PER_COLUMN: usize = 4;

/// A picture of a sound: `columns` in time and `bands` on the mel scale from 0 to 8 kHz.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// Equal parts of the sound's length, from left to right.
    pub columns: usize,
    /// Mel bands, from the lowest to the highest.
    pub bands: usize,
    /// `db[column * bands + band]`: level in decibels relative to the loudest, −[`DYNAMIC_RANGE`] to 0.
    pub db: Vec<f32>,
}

/// The spectrogram of a sound. All cells of silence are at −[`DYNAMIC_RANGE`].
pub fn spectrogram(sound: &Sound, columns: usize, bands: usize) -> Spectrogram {
    let samples = sound.samples();
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(TRANSFORM);
    let mut input = transform.make_input_vec();
    let mut spectrum = transform.make_output_vec();
    let mut scratch = transform.make_scratch_vec();
    let window: Vec<f32> = (0..WINDOW)
        .map(|n| 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / WINDOW as f32).cos())
        .collect();
    let edges = mel_edges(bands);

    let mut power = vec![0.0f32; columns * bands];
    for (column, cells) in power.chunks_exact_mut(bands.max(1)).enumerate() {
        let start = (samples.len() as u128 * column as u128 / columns as u128) as usize;
        let end = (samples.len() as u128 * (column + 1) as u128 / columns as u128) as usize;
        let windows = ((end - start) / (WINDOW / 2)).clamp(1, WINDOWS_PER_COLUMN);
        for part in 0..windows {
            let centre = start + (end - start) * (2 * part + 1) / (2 * windows);
            input.fill(0.0);
            for (n, (value, weight)) in input.iter_mut().zip(&window).enumerate() {
                let sample = (centre + n)
                    .checked_sub(WINDOW / 2)
                    .and_then(|index| samples.get(index));
                *value = sample.map_or(0.0, |sample| sample * weight);
            }
            let result = transform.process_with_scratch(&mut input, &mut spectrum, &mut scratch);
            debug_assert!(result.is_ok(), "{result:?}");
            for (cell, edge) in cells.iter_mut().zip(edges.windows(2)) {
                let (first, end) = (
                    edge[0].floor() as usize,
                    (edge[1].ceil() as usize).min(spectrum.len()),
                );
                let band = &spectrum[first.min(end)..end];
                let mean =
                    band.iter().map(|bin| bin.norm_sqr()).sum::<f32>() / band.len().max(1) as f32;
                *cell = cell.max(mean);
            }
        }
    }
    let loudest = power.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let db = power
        .iter()
        .map(|value| (10.0 * (value / loudest).log10()).max(-DYNAMIC_RANGE))
        .collect();
    Spectrogram { columns, bands, db }
}

/// The bands' edges in bins of the transform: equally far apart on the mel scale (O'Shaughnessy's 2595 log₁₀(1 + f / 700)).
fn mel_edges(bands: usize) -> Vec<f32> {
    let nyquist = SAMPLE_RATE as f32 / 2.0;
    let highest = 2_595.0 * (1.0 + nyquist / 700.0).log10();
    (0..=bands)
        .map(|edge| {
            let mel = highest * edge as f32 / bands.max(1) as f32;
            let hz = 700.0 * (10f32.powf(mel / 2_595.0) - 1.0);
            hz / nyquist * (TRANSFORM / 2) as f32
        })
        .collect()
}
