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
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(TRANSFORM);
    let mut input = transform.make_input_vec();
    let mut spectrum = transform.make_output_vec();
    let mut scratch = transform.make_scratch_vec();
    let window: Vec<f64> =
        (0..WINDOW).map(|n| 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / WINDOW as f64).cos()).collect();
    let edges = mel_edges(bands);

    let mut power = vec![0.0f64; columns * bands];
    for (column, cells) in power.chunks_exact_mut(bands.max(1)).enumerate() {
        let start = (samples.len() as u128 * column as u128 / columns as u128) as usize;
        let end = (samples.len() as u128 * (column + 1) as u128 / columns as u128) as usize;
        let windows = ((end - start) / (WINDOW / 2)).clamp(1, WINDOWS_PER_COLUMN);
        for part in 0..windows {
            let centre = start + (end - start) * (2 * part + 1) / (2 * windows);
            input.fill(0.0);
            for (n, (value, weight)) in input.iter_mut().zip(&window).enumerate() {
                let sample = (centre + n).checked_sub(WINDOW / 2).and_then(|index| samples.get(index));
                *value = sample.map_or(0.0, |&sample| f64::from(sample) * weight);
            }
            let result = transform.process_with_scratch(&mut input, &mut spectrum, &mut scratch);
            debug_assert!(result.is_ok(), "{result:?}");
            for (cell, edge) in cells.iter_mut().zip(edges.windows(2)) {
                let (first, end) = (edge[0].floor() as usize, (edge[1].ceil() as usize).min(spectrum.len()));
                let band = &spectrum[first.min(end)..end];
                let mean = band.iter().map(|bin| bin.norm_sqr()).sum::<f64>() / band.len().max(1) as f64;
                *cell = cell.max(mean);
            }
        }
    }
    let loudest = power.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let db =
        power.iter().map(|value| (10.0 * (value / loudest).log10()).max(-f64::from(DYNAMIC_RANGE)) as f32).collect();
    Spectrogram { columns, bands, db }
}

/// The bands' edges in bins of the transform: equally far apart on the mel scale (O'Shaughnessy's 2595 log₁₀(1 + f /
/// 700)).
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, seconds: f32) -> Sound {
        let samples: Vec<f32> = (0..(seconds * 16_000.0) as usize)
            .map(|n| (n as f32 / 16_000.0 * hz * std::f32::consts::TAU).sin())
            .collect();
        Sound::from_pcm(&samples, 1, 16_000).unwrap()
    }

    #[test]
    fn a_tone_is_a_line_at_its_height_on_the_mel_scale() {
        let picture = spectrogram(&tone(1_000.0, 1.0), 50, 40);
        assert_eq!((picture.columns, picture.bands, picture.db.len()), (50, 40, 2_000));
        // 1,000 Hz are 1,000 mel, and 8,000 Hz are 2,840: band ⌊40 · 1,000 / 2,840⌋ = 14.
        for column in picture.db.chunks(40) {
            let loudest = (0..40).max_by(|&a, &b| column[a].total_cmp(&column[b])).unwrap();
            assert!((13..=15).contains(&loudest), "band {loudest}");
            assert!(column[30] < -50.0, "{} dB far above the tone", column[30]);
        }
    }

    #[test]
    fn a_pause_is_dark() {
        let mut samples = tone(500.0, 1.0).samples().to_vec();
        samples[6_000..10_000].fill(0.0);
        let picture = spectrogram(&Sound::from_pcm(&samples, 1, 16_000).unwrap(), 10, 20);
        assert!(picture.db[5 * 20..6 * 20].iter().all(|&db| db == -DYNAMIC_RANGE));
    }

    #[test]
    fn any_sound_and_any_size_give_a_picture() {
        for sound in [tone(300.0, 0.0001), tone(300.0, 30.0), Sound::from_pcm(&[0.0; 9_000], 1, 16_000).unwrap()] {
            for (columns, bands) in [(0, 0), (1, 1), (7, 0), (0, 7), (300, 64), (20, 700)] {
                let picture = spectrogram(&sound, columns, bands);
                assert_eq!(picture.db.len(), columns * bands);
                assert!(picture.db.iter().all(|db| (-DYNAMIC_RANGE..=0.0).contains(db)));
            }
        }
    }
}
