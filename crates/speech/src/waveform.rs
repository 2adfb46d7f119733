//! The outline of a sound for the eye, beside its [`spectrogram`](crate::spectrogram).

use crate::Sound;

/// The lowest and the highest sample of each of `columns` equal parts of a sound, from left to right. Parts of a sound
/// that has fewer samples than columns share theirs.
pub fn waveform(sound: &Sound, columns: usize) -> Vec<[f32; 2]> {
    let samples = sound.samples();
    let edge = |column: usize| (samples.len() as u128 * column as u128 / columns as u128) as usize;
    (0..columns)
        .map(|column| {
            let start = edge(column);
            let end = edge(column + 1).max(start + 1).min(samples.len());
            let part = samples.get(start..end).unwrap_or_default();
            part.iter()
                .fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &sample| [low.min(sample), high.max(sample)])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_spans_its_samples() {
        let sound = Sound::from_pcm(&[0.0, 0.5, -0.25, 0.25, 1.0, 0.75], 1, 16_000).unwrap();
        assert_eq!(waveform(&sound, 3), [[0.0, 0.5], [-0.25, 0.25], [0.75, 1.0]]);
        assert_eq!(waveform(&sound, 1), [[-0.25, 1.0]]);
        assert_eq!(waveform(&sound, 0), [[0.0; 2]; 0]);
    }

    #[test]
    fn a_sound_shorter_than_the_picture_fills_it() {
        let sound = Sound::from_pcm(&[0.5, -0.5], 1, 16_000).unwrap();
        assert_eq!(waveform(&sound, 4), [[0.5, 0.5], [0.5, 0.5], [-0.5, -0.5], [-0.5, -0.5]]);
    }
}
