//! WAV files of integer or f32 samples: what is kept of a clip, for one. Other sound files are for a decoder.

use speech::{Sound, SoundError};

/// Reads one.
///
/// # Errors
/// [`SoundError::Unsupported`] where it is no such file; otherwise as [`Sound::from_pcm`].
pub fn sound_of_wav(bytes: &[u8]) -> Result<Sound, SoundError> {
    let reader = hound::WavReader::new(bytes).map_err(other)?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    let samples: Vec<f32> = match sample_format {
        hound::SampleFormat::Float => reader.into_samples().collect::<Result<_, _>>().map_err(other)?,
        hound::SampleFormat::Int => {
            let full = 2_f32.powi(i32::from(bits_per_sample) - 1);
            let scaled = |sample: i32| sample as f32 / full;
            reader.into_samples().map(|sample| sample.map(scaled)).collect::<Result<_, _>>().map_err(other)?
        }
    };
    Sound::from_pcm(&samples, channels, sample_rate)
}

fn other(error: hound::Error) -> SoundError {
    SoundError::Unsupported { format: format!("this WAV file ({error})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A WAV file of 16 kHz, mono.
    fn wav(format: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        let block = bits / 8;
        [
            b"RIFF",
            &(36 + data.len() as u32).to_le_bytes()[..],
            b"WAVEfmt ",
            &16_u32.to_le_bytes(),
            &format.to_le_bytes(),
            &1_u16.to_le_bytes(),
            &16_000_u32.to_le_bytes(),
            &(16_000 * u32::from(block)).to_le_bytes(),
            &block.to_le_bytes(),
            &bits.to_le_bytes(),
            b"data",
            &(data.len() as u32).to_le_bytes(),
            data,
        ]
        .concat()
    }

    #[test]
    fn what_is_kept_of_a_clip_is_read_as_it_was() {
        let sound = Sound::from_pcm(&[0.0, 0.5, -0.25, -1.0], 1, 16_000).unwrap();
        assert_eq!(sound_of_wav(&sound.to_wav()).unwrap(), sound);
    }

    #[test]
    fn integers_and_floats_are_read() {
        let integers: Vec<u8> = [16_384_i16, -32_768].iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(sound_of_wav(&wav(1, 16, &integers)).unwrap().samples(), [0.5, -1.0]);
        let wide: Vec<u8> = [0, 0, 0x40, 0, 0, 0x80].to_vec();
        assert_eq!(sound_of_wav(&wav(1, 24, &wide)).unwrap().samples(), [0.5, -1.0]);
        let floats: Vec<u8> = [0.5_f32, -1.0].iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(sound_of_wav(&wav(3, 32, &floats)).unwrap().samples(), [0.5, -1.0]);
    }

    #[test]
    fn anything_else_is_for_a_decoder() {
        for bytes in [&b""[..], b"OggS", b"RIFF\x24\0\0\0WAVE", &wav(0x11, 4, &[0; 64])] {
            let error = sound_of_wav(bytes).unwrap_err();
            assert!(matches!(error, SoundError::Unsupported { .. }), "{error}");
        }
        let empty = sound_of_wav(&wav(1, 16, &[])).unwrap_err();
        assert_eq!(empty, SoundError::Empty);
    }
}
