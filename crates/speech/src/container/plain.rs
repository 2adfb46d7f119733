//! Two old formats whose headers are a few numbers before plain samples: Sun's and NeXT's AU, and NIST SPHERE, in which the
//! Linguistic Data Consortium publishes speech.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::*;

use super::packets::Blocks;
use super::{Order, Stretch};
use crate::SoundError;

/// AU: the magic number, then big-endian where the data begins, how long it is (or all bits set), encoding, rate, channels
/// (Oracle's `au(4)`). Some DEC machines wrote it all little-endian.
///
/// # Errors
/// [`SoundError::Damaged`] for a header that is cut off, [`SoundError::Unsupported`] for compressed samples.
pub(crate) fn au(bytes: &[u8], order: Order) -> Result<Stretch<'_>, SoundError> {
    let number = |place: usize| {
        bytes.get(place..place + 4).map(|number| order.u32([number[0], number[1], number[2], number[3]]))
    };
    let cut_off = || SoundError::Damaged { detail: "its header is cut off".into() };
    let [Some(start), Some(length), Some(encoding), Some(rate), Some(channels)] = [4, 8, 12, 16, 20].map(number) else {
        return Err(cut_off());
    };
    let little = order == Order::Little;
    let (codec, width) = match encoding {
        1 => (CODEC_ID_PCM_MULAW, 1),
        2 => (CODEC_ID_PCM_S8, 1),
        3 => (if little { CODEC_ID_PCM_S16LE } else { CODEC_ID_PCM_S16BE }, 2),
        4 => (if little { CODEC_ID_PCM_S24LE } else { CODEC_ID_PCM_S24BE }, 3),
        5 => (if little { CODEC_ID_PCM_S32LE } else { CODEC_ID_PCM_S32BE }, 4),
        6 => (if little { CODEC_ID_PCM_F32LE } else { CODEC_ID_PCM_F32BE }, 4),
        7 => (if little { CODEC_ID_PCM_F64LE } else { CODEC_ID_PCM_F64BE }, 8),
        27 => (CODEC_ID_PCM_ALAW, 1),
        23..=26 => return Err(SoundError::Unsupported { format: "G.721, G.722 or G.723 in an AU file".into() }),
        other => return Err(SoundError::Unsupported { format: format!("encoding {other} of an AU file") }),
    };
    let data = bytes.get(start as usize..).ok_or_else(cut_off)?;
    let claimed = if length == u32::MAX || length == 0 { data.len() } else { length as usize };
    samples(codec, width, channels, rate, data, claimed)
}

/// SPHERE: "NIST_1A", the header's length, then lines with a name, a type and a value (NIST's SPHERE 2.6 manual).
///
/// # Errors
/// [`SoundError::Damaged`] for a header that lacks what is needed, [`SoundError::Unsupported`] for compressed samples.
pub(crate) fn sphere(bytes: &[u8]) -> Result<Stretch<'_>, SoundError> {
    let damaged = |detail: &str| SoundError::Damaged { detail: detail.into() };
    let length =
        bytes.get(8..16).and_then(|line| std::str::from_utf8(line).ok()).and_then(|line| line.trim().parse().ok());
    let length: usize = length.ok_or_else(|| damaged("its header has no length"))?;
    let header = bytes.get(16..length).ok_or_else(|| damaged("its header is cut off"))?;
    let header = String::from_utf8_lossy(header);
    let field = |wanted: &str| {
        let mut lines = header.lines().take_while(|line| line.trim() != "end_head");
        let line = lines.find(|line| line.split_whitespace().next() == Some(wanted))?;
        line.split_whitespace().nth(2)
    };
    let number = |wanted: &str| field(wanted).and_then(|value| value.parse::<u32>().ok());
    let channels = number("channel_count").unwrap_or(1);
    let rate = number("sample_rate").ok_or_else(|| damaged("its header has no sample rate"))?;
    let little = field("sample_byte_format").is_none_or(|format| format.starts_with("01"));
    let coding = field("sample_coding").unwrap_or("pcm");
    if coding.contains("shorten") {
        let format = "a SPHERE file packed with Shorten (which the LDC's free sph2pipe unpacks)";
        return Err(SoundError::Unsupported { format: format.into() });
    }
    let (codec, width) = match (coding, number("sample_n_bytes").unwrap_or(2)) {
        ("ulaw" | "mu-law", _) => (CODEC_ID_PCM_MULAW, 1),
        ("alaw" | "a-law", _) => (CODEC_ID_PCM_ALAW, 1),
        ("pcm", 1) => (CODEC_ID_PCM_S8, 1),
        ("pcm", 2) => (if little { CODEC_ID_PCM_S16LE } else { CODEC_ID_PCM_S16BE }, 2),
        ("pcm", 3) => (if little { CODEC_ID_PCM_S24LE } else { CODEC_ID_PCM_S24BE }, 3),
        ("pcm", 4) => (if little { CODEC_ID_PCM_S32LE } else { CODEC_ID_PCM_S32BE }, 4),
        (other, _) => return Err(SoundError::Unsupported { format: format!("{other} in a SPHERE file") }),
    };
    let data = &bytes[length..];
    let frames = number("sample_count").map_or(usize::MAX, |count| count as usize);
    let claimed = frames.saturating_mul(width).saturating_mul(channels as usize);
    samples(codec, width, channels, rate, data, if frames == usize::MAX { data.len() } else { claimed })
}

/// Plain samples of `width` bytes, of which the header claims so many bytes.
fn samples(
    codec: AudioCodecId,
    width: usize,
    channels: u32,
    rate: u32,
    data: &[u8],
    claimed: usize,
) -> Result<Stretch<'_>, SoundError> {
    let channels = u16::try_from(channels).unwrap_or(u16::MAX);
    let blocks = Blocks {
        codec,
        channels,
        rate,
        low_bits: None,
        block_bytes: width * usize::from(channels),
        block_frames: 1,
        data: data[..claimed.min(data.len())].into(),
        missing_bytes: claimed.saturating_sub(data.len()) as u64,
    };
    Ok(Stretch::Packets(blocks.packets()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stretch: Result<Stretch<'_>, SoundError>) -> Result<(AudioCodecId, Vec<u8>, f64), SoundError> {
        match stretch? {
            Stretch::Packets(packets) => Ok((packets.parameters.codec, packets.data.into_owned(), packets.missing)),
            _ => panic!("packets"),
        }
    }

    fn au_file(length: u32, encoding: u32) -> Vec<u8> {
        let mut file = b".snd".to_vec();
        for number in [28, length, encoding, 8_000, 1] {
            file.extend(number.to_be_bytes());
        }
        file.extend(b"note12345678");
        file
    }

    #[test]
    fn an_au_file_is_what_its_numbers_say() {
        for length in [8, u32::MAX] {
            let file = au_file(length, 3);
            assert_eq!(read(au(&file, Order::Big)), Ok((CODEC_ID_PCM_S16BE, b"12345678".to_vec(), 0.0)));
        }
        assert_eq!(read(au(&au_file(6, 1), Order::Big)), Ok((CODEC_ID_PCM_MULAW, b"123456".to_vec(), 0.0)));
        assert_eq!(read(au(&au_file(8_008, 27), Order::Big)).unwrap().2, 1.0, "the second that was cut off");
        assert!(matches!(au(&au_file(8, 23), Order::Big), Err(SoundError::Unsupported { .. })));
        for length in 0..24 {
            assert!(matches!(au(&au_file(8, 3)[..length], Order::Big), Err(SoundError::Damaged { .. })), "{length}");
        }
    }

    fn sphere_file(fields: &str) -> Vec<u8> {
        let mut file = format!("NIST_1A\n   1024\nsample_rate -i 16000\n{fields}\nend_head\n").into_bytes();
        file.resize(1_024, b' ');
        file.extend(b"12345678");
        file
    }

    #[test]
    fn a_sphere_file_is_what_its_lines_say() {
        let data = b"12345678".to_vec();
        for (fields, codec) in [
            ("sample_n_bytes -i 2\nsample_byte_format -s2 01\nsample_count -i 4", CODEC_ID_PCM_S16LE),
            ("sample_n_bytes -i 2\nsample_byte_format -s2 10\nsample_coding -s3 pcm", CODEC_ID_PCM_S16BE),
            ("sample_n_bytes -i 1\nchannel_count -i 2\nsample_coding -s4 ulaw\nsample_count -i 4", CODEC_ID_PCM_MULAW),
        ] {
            assert_eq!(read(sphere(&sphere_file(fields))), Ok((codec, data.clone(), 0.0)), "{fields}");
        }
        assert_eq!(read(sphere(&sphere_file("sample_count -i 16004"))).unwrap().2, 1.0, "the second that was cut off");
        let packed = sphere(&sphere_file("sample_coding -s26 pcm,embedded-shorten-v2.00")).map(|_| ());
        let Err(SoundError::Unsupported { format }) = packed else { panic!("{packed:?}") };
        assert!(format.contains("Shorten"), "{format}");
        assert!(matches!(sphere(b"NIST_1A\n   1024\nsample_rate"), Err(SoundError::Damaged { .. })));
    }
}
