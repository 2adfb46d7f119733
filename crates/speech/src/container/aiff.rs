//! Finds the samples in an AIFF or AIFF-C file (Apple's "Audio Interchange File Format", 1.3 and its AIFF-C draft), also
//! where it was cut off or its recorder never came to write the lengths.

use symphonia::core::codecs::audio::well_known::*;

use super::packets::Blocks;
use super::{Order, Stretch};
use crate::SoundError;

/// Bytes of a block of Apple's IMA ADPCM, for one channel, and the frames in it.
const IMA_BLOCK: (usize, u64) = (34, 64);

/// # Errors
/// [`SoundError::Damaged`] where the description or the samples are missing, [`SoundError::Unsupported`] for what is
/// compressed in a way that is not read here.
pub(crate) fn stretch(bytes: &[u8]) -> Result<Stretch<'_>, SoundError> {
    let damaged = |detail: &str| SoundError::Damaged { detail: detail.into() };
    let (mut common, mut sound) = (None, None);
    let mut place = 12;
    while let Some(header) = bytes.get(place..place + 8) {
        let length = Order::Big.u32([header[4], header[5], header[6], header[7]]) as usize;
        let content = &bytes[place + 8..];
        match &header[..4] {
            b"COMM" => common = Some(&content[..length.min(content.len())]),
            b"SSND" => {
                // A recorder that was stopped has left no length.
                let claimed = if length == 0 { content.len() } else { length };
                sound = Some((&content[..claimed.min(content.len())], claimed.saturating_sub(content.len())));
            }
            _ => {}
        }
        place = match place.checked_add(8).and_then(|start| start.checked_add(length.checked_next_multiple_of(2)?)) {
            Some(next) if next <= bytes.len() => next,
            _ => break,
        };
    }
    let common = common.ok_or_else(|| damaged("its description is missing"))?;
    let (sound, missing) = sound.ok_or_else(|| damaged("its samples are missing"))?;
    let offset = sound.first_chunk::<4>().map(|&offset| u32::from_be_bytes(offset) as usize);
    let start = offset.and_then(|offset| offset.checked_add(8));
    let data = start.and_then(|start| sound.get(start..)).ok_or_else(|| damaged("its samples are cut off"))?;
    let Some(&[c0, c1, _, _, _, _, b0, b1]) = common.first_chunk::<8>() else {
        return Err(damaged("its description is cut off"));
    };
    let rate = common.get(8..18).and_then(extended).ok_or_else(|| damaged("its sample rate makes no sense"))?;
    let channels = u16::from_be_bytes([c0, c1]);
    let width = usize::from(u16::from_be_bytes([b0, b1])).div_ceil(8);
    let compression: [u8; 4] = common.get(18..22).and_then(|name| name.try_into().ok()).unwrap_or(*b"NONE");
    let (codec, width, frames) = match (&compression.map(|byte| byte.to_ascii_lowercase()), width) {
        (b"none" | b"twos" | b"sowt", 1) => (CODEC_ID_PCM_S8, 1, 1),
        (b"none" | b"twos", 2) => (CODEC_ID_PCM_S16BE, 2, 1),
        (b"none" | b"twos", 3) | (b"in24", _) => (CODEC_ID_PCM_S24BE, 3, 1),
        (b"none" | b"twos", 4) | (b"in32", _) => (CODEC_ID_PCM_S32BE, 4, 1),
        (b"sowt", 2) => (CODEC_ID_PCM_S16LE, 2, 1),
        (b"sowt", 3) | (b"42ni", _) => (CODEC_ID_PCM_S24LE, 3, 1),
        (b"sowt", 4) | (b"23ni", _) => (CODEC_ID_PCM_S32LE, 4, 1),
        (b"raw ", _) => (CODEC_ID_PCM_U8, 1, 1),
        (b"fl32", _) => (CODEC_ID_PCM_F32BE, 4, 1),
        (b"fl64", _) => (CODEC_ID_PCM_F64BE, 8, 1),
        (b"alaw", _) => (CODEC_ID_PCM_ALAW, 1, 1),
        (b"ulaw", _) => (CODEC_ID_PCM_MULAW, 1, 1),
        (b"ima4", _) => (CODEC_ID_ADPCM_IMA_QT, IMA_BLOCK.0, IMA_BLOCK.1),
        (b"none" | b"twos" | b"sowt", _) => return Err(damaged("its samples have an impossible size")),
        _ => {
            let name = String::from_utf8_lossy(&compression);
            return Err(SoundError::Unsupported {
                format: format!("the compression {:?} of an AIFF file", name.trim()),
            });
        }
    };
    let blocks = Blocks {
        codec,
        channels,
        rate,
        low_bits: None,
        block_bytes: width * usize::from(channels),
        block_frames: frames,
        data: data.into(),
        missing_bytes: missing as u64,
    };
    Ok(Stretch::Packets(blocks.packets()?))
}

/// A number of ten bytes, as the 68881 had them: a sign, an exponent with bias 16,383, a mantissa of 64 bits with its
/// first one. None for what is no sample rate.
fn extended(bytes: &[u8]) -> Option<u32> {
    let exponent = i32::from(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?));
    let mantissa = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
    let value = mantissa as f64 * f64::from(exponent - 16_383 - 63).exp2();
    (1.0..=f64::from(u32::MAX)).contains(&value).then_some(value.round() as u32)
}

#[cfg(test)]
mod tests {
    use symphonia::core::codecs::audio::AudioCodecId;

    use super::*;

    /// 44,100 Hz, as every AIFF file of that rate has it.
    const CD: [u8; 10] = [0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0];

    fn file(bits: u16, compression: Option<&[u8; 4]>, sound_length: u32) -> Vec<u8> {
        let mut file = b"FORM\0\0\0\0AIFCCOMM\0\0\0".to_vec();
        file.push(if compression.is_some() { 24 } else { 18 });
        file.extend([0, 1, 0, 0, 0, 4]);
        file.extend(bits.to_be_bytes());
        file.extend(CD);
        if let Some(compression) = compression {
            file.extend(compression);
            file.extend([0, 0]);
        }
        file.extend(b"SSND");
        file.extend(sound_length.to_be_bytes());
        file.extend([0; 8]);
        file.extend(b"12345678");
        file
    }

    fn read(bytes: &[u8]) -> Result<(AudioCodecId, Vec<u8>), SoundError> {
        match stretch(bytes)? {
            Stretch::Packets(packets) => Ok((packets.parameters.codec, packets.data.into_owned())),
            _ => panic!("packets"),
        }
    }

    #[test]
    fn samples_are_what_the_description_says() {
        for (bits, compression, codec) in [
            (16, None, CODEC_ID_PCM_S16BE),
            (12, None, CODEC_ID_PCM_S16BE),
            (24, Some(b"NONE"), CODEC_ID_PCM_S24BE),
            (16, Some(b"sowt"), CODEC_ID_PCM_S16LE),
            (32, Some(b"FL32"), CODEC_ID_PCM_F32BE),
            (16, Some(b"ulaw"), CODEC_ID_PCM_MULAW),
        ] {
            assert_eq!(read(&file(bits, compression, 16)), Ok((codec, b"12345678".to_vec())), "{bits} {compression:?}");
        }
        assert!(matches!(read(&file(16, Some(b"MAC3"), 16)), Err(SoundError::Unsupported { .. })));
    }

    #[test]
    fn samples_reach_to_the_end_whatever_the_length_says() {
        for length in [0, 16, 80_000, u32::MAX] {
            assert_eq!(read(&file(16, None, length)).unwrap().1, b"12345678", "{length}");
        }
        for length in 0..file(16, None, 16).len() - 8 {
            assert!(matches!(read(&file(16, None, 16)[..length]), Err(SoundError::Damaged { .. })), "{length} bytes");
        }
    }

    #[test]
    fn rates_are_ten_bytes_long() {
        assert_eq!(extended(&CD), Some(44_100));
        assert_eq!(extended(&[0x40, 0x0C, 0xFA, 0, 0, 0, 0, 0, 0, 0]), Some(16_000));
        assert_eq!(extended(&[0x7F, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(extended(&[0; 10]), None);
    }
}
