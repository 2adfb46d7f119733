//! How long a sound lasts, by its header alone. Nothing is decoded.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Chunks before the sound that are looked at.
const MOST_CHUNKS: usize = 64;

/// Seconds of a WAV or FLAC file; None for other formats and for headers that don't say.
pub(crate) fn seconds(path: &Path) -> Option<f64> {
    let mut file = File::open(path).ok()?;
    let bytes = file.metadata().ok()?.len();
    let seconds = match &read::<4>(&mut file)? {
        b"RIFF" => wav(&mut file, bytes)?,
        b"fLaC" => flac(&mut file)?,
        _ => return None,
    };
    Some(seconds).filter(|seconds| seconds.is_finite())
}

fn read<const N: usize>(file: &mut File) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// RIFF: chunks of a four-letter name, a length and so many bytes, padded to an even number.
fn wav(file: &mut File, file_bytes: u64) -> Option<f64> {
    file.seek(SeekFrom::Start(12)).ok()?;
    let mut bytes_a_second = None;
    for _ in 0..MOST_CHUNKS {
        let name = read::<4>(file)?;
        let length = u64::from(u32::from_le_bytes(read(file)?));
        let begin = file.stream_position().ok()?;
        match &name {
            b"fmt " => {
                // After format, channels and sample rate.
                file.seek(SeekFrom::Current(8)).ok()?;
                bytes_a_second = Some(f64::from(u32::from_le_bytes(read(file)?)));
            }
            // A recorder that was cut off leaves a length that the file doesn't have.
            b"data" => return Some(length.min(file_bytes.saturating_sub(begin)) as f64 / bytes_a_second?),
            _ => {}
        }
        file.seek(SeekFrom::Start(begin + length + length % 2)).ok()?;
    }
    None
}

/// RFC 9639, section 8.2: STREAMINFO comes first; the eight bytes from its eleventh on are the sample rate (20 bits), channels (3), sample
/// size (5) and number of samples (36, 0 where unknown).
fn flac(file: &mut File) -> Option<f64> {
    let [kind, ..] = read::<4>(file)?;
    if kind & 0x7F != 0 {
        return None;
    }
    read::<10>(file)?;
    let bits = u64::from_be_bytes(read(file)?);
    let samples = bits & 0xF_FFFF_FFFF;
    (samples > 0).then(|| samples as f64 / (bits >> 44) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_file_lasts_as_long_as_its_samples() {
        let dir = tempfile::tempdir().unwrap();
        let sound = crate::synth::Voice::new(1).say(0, 0);
        let path = dir.path().join("1.wav");
        std::fs::write(&path, sound.to_wav()).unwrap();
        assert!((seconds(&path).unwrap() - sound.seconds()).abs() < 1e-9);
        std::fs::write(&path, &sound.to_wav()[..44 + 32_000]).unwrap();
        assert_eq!(seconds(&path), Some(1.0), "16,000 samples of two bytes are left of it");
    }

    #[test]
    fn odd_headers_say_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.wav");
        for bytes in ["", "RIFF", "RIFF\0\0\0\0WAVEdata\x04\0\0\0abcd", "fLaC", "fLaC\x01\0\0\x22", "ID3 and more"] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(seconds(&path), None, "{bytes:?}");
        }
        assert_eq!(seconds(dir.path()), None);
    }
}
