//! What the format chunk of a WAV file, and of its relatives, says of the samples (Microsoft's `WAVEFORMATEX` and
//! `WAVEFORMATEXTENSIBLE`, and the tags of `mmreg.h`).

use std::borrow::Cow;

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::*;

use super::packets::Blocks;
use super::{Order, Stretch, gsm, mpeg};
use crate::SoundError;

/// The least that a chunk has: tag, channels, rate, bytes a second, bytes of a block, bits of a sample.
const SHORTEST: usize = 16;

const PCM: u16 = 0x0001;
const MICROSOFT_ADPCM: u16 = 0x0002;
const FLOAT: u16 = 0x0003;
const A_LAW: u16 = 0x0006;
const MU_LAW: u16 = 0x0007;
const IMA_ADPCM: u16 = 0x0011;
const GSM: u16 = 0x0031;
const MPEG: u16 = 0x0050;
const MP3: u16 = 0x0055;
const EXTENSIBLE: u16 = 0xFFFE;

/// The sound of a file with that format chunk and that data.
///
/// # Errors
/// [`SoundError::Unsupported`] for an encoding that is not read here, [`SoundError::Ambiguous`] for samples that might
/// be read in more than one way, and [`SoundError::Damaged`] for what contradicts itself.
pub(crate) fn stretches<'a>(
    chunk: &[u8],
    order: Order,
    data: &'a [u8],
    missing_bytes: u64,
) -> Result<Vec<Stretch<'a>>, SoundError> {
    let Some(fields) = chunk.first_chunk::<SHORTEST>() else {
        return Err(SoundError::Damaged { detail: "its format chunk is cut off".into() });
    };
    let number = |place: usize| order.u16([fields[place], fields[place + 1]]);
    let channels = number(2);
    let format = Format {
        channels,
        rate: order.u32([fields[4], fields[5], fields[6], fields[7]]),
        block_bytes: usize::from(number(12)),
        bits: usize::from(number(14)),
        order,
    };
    let mut tag = number(0);
    if tag == EXTENSIBLE {
        check_places(channels, chunk, order)?;
        // The tag is the beginning of the identifier that stands at 24.
        tag = chunk.get(24..26).map_or(tag, |tag| order.u16([tag[0], tag[1]]));
    }
    let blocks = match tag {
        MP3 | MPEG => return mpeg::stretches(data),
        PCM => format.integers(data)?,
        FLOAT => format.floats(data)?,
        A_LAW => format.samples(CODEC_ID_PCM_ALAW, 1, data),
        MU_LAW => format.samples(CODEC_ID_PCM_MULAW, 1, data),
        MICROSOFT_ADPCM if order == Order::Little => format.adpcm(CODEC_ID_ADPCM_MS, 7, 2, data)?,
        GSM if channels == 1 && format.block_bytes == gsm::BLOCK.0 => format.gsm(data),
        IMA_ADPCM if order == Order::Little => format.adpcm(CODEC_ID_ADPCM_IMA_WAV, 4, 1, data)?,
        other => return Err(SoundError::Unsupported { format: format!("{} in a WAV file", name(other)) }),
    };
    let missing_bytes = match tag {
        GSM => missing_bytes / gsm::BLOCK.0 as u64 * gsm::BLOCK.1 * 2,
        _ => missing_bytes,
    };
    Ok(vec![Stretch::Packets(Blocks { missing_bytes, ..blocks }.packets()?)])
}

/// In the long form of the chunk, where each channel is in the room stands at 20, and there are places for 18.
fn check_places(channels: u16, chunk: &[u8], order: Order) -> Result<(), SoundError> {
    let places = chunk.get(20..24).map_or(0, |bytes| order.u32([bytes[0], bytes[1], bytes[2], bytes[3]]));
    if places >> 18 != 0 {
        return Err(SoundError::Damaged { detail: format!("it claims {channels} channels in impossible places") });
    }
    Ok(())
}

/// The numbers of the chunk.
struct Format {
    channels: u16,
    rate: u32,
    block_bytes: usize,
    bits: usize,
    order: Order,
}

impl Format {
    /// Plain samples of so many bytes each.
    fn samples<'a>(&self, codec: AudioCodecId, bytes: usize, data: &'a [u8]) -> Blocks<'a> {
        Blocks {
            codec,
            channels: self.channels,
            rate: self.rate,
            low_bits: None,
            block_bytes: bytes * usize::from(self.channels),
            block_frames: 1,
            data: Cow::Borrowed(data),
            missing_bytes: 0,
        }
    }

    /// Integers stand in the high bits of as many bytes as they need. Where the chunk gives them more bytes than that,
    /// programs differ in which of them they use: the samples themselves may tell.
    fn integers<'a>(&self, data: &'a [u8]) -> Result<Blocks<'a>, SoundError> {
        let needed = self.bits.div_ceil(8);
        let of_block = self.block_bytes / usize::from(self.channels.max(1));
        let is_whole = self.block_bytes == of_block * usize::from(self.channels);
        let bytes = match of_block {
            // Some programs write nonsense here, and all readers go by the bits.
            _ if self.bits.is_multiple_of(8) && (!is_whole || of_block <= needed) => needed,
            4 if is_whole && needed == 3 => return self.loose(data),
            _ if is_whole && of_block == needed => needed,
            _ => 0,
        };
        let little = self.order == Order::Little;
        let codec = match bytes {
            1 => CODEC_ID_PCM_U8,
            2 if little => CODEC_ID_PCM_S16LE,
            2 => CODEC_ID_PCM_S16BE,
            3 if little => CODEC_ID_PCM_S24LE,
            3 => CODEC_ID_PCM_S24BE,
            4 if little => CODEC_ID_PCM_S32LE,
            4 => CODEC_ID_PCM_S32BE,
            _ if (1..=32).contains(&needed) && is_whole && of_block > needed => return Err(self.ambiguous()),
            _ => {
                let detail = format!("it claims samples of {} bits in blocks of {} bytes", self.bits, self.block_bytes);
                return Err(SoundError::Damaged { detail });
            }
        };
        Ok(self.samples(codec, bytes, data))
    }

    /// 17 to 24 bits in 4 bytes. A voice whose samples all fit into the low bits was written there: in the high bits it
    /// would be below −48 dB.
    fn loose<'a>(&self, data: &'a [u8]) -> Result<Blocks<'a>, SoundError> {
        let unused = 32 - self.bits as u32;
        let order = self.order;
        let samples =
            || data.chunks_exact(4).map(move |bytes| order.u32([bytes[0], bytes[1], bytes[2], bytes[3]]) as i32);
        let low_bits = if samples().all(|sample| sample << unused >> unused == sample) {
            Some(self.bits as u32)
        } else if samples().all(|sample| sample.trailing_zeros() >= unused) {
            None
        } else {
            return Err(self.ambiguous());
        };
        let codec = if self.order == Order::Little { CODEC_ID_PCM_S32LE } else { CODEC_ID_PCM_S32BE };
        Ok(Blocks { low_bits, ..self.samples(codec, 4, data) })
    }

    /// It is decoded at once: 16 bits a sample.
    fn gsm(&self, data: &[u8]) -> Blocks<'static> {
        let samples = self.samples(CODEC_ID_PCM_S16LE, 2, &[]);
        Blocks { data: Cow::Owned(gsm::samples(data)), ..samples }
    }

    fn ambiguous(&self) -> SoundError {
        let bytes = self.block_bytes / usize::from(self.channels.max(1));
        SoundError::Ambiguous { format: format!("a WAV file with {} bits in {bytes} bytes", self.bits) }
    }

    fn floats<'a>(&self, data: &'a [u8]) -> Result<Blocks<'a>, SoundError> {
        let codec = match (self.bits, self.order) {
            (32, Order::Little) => CODEC_ID_PCM_F32LE,
            (32, Order::Big) => CODEC_ID_PCM_F32BE,
            (64, Order::Little) => CODEC_ID_PCM_F64LE,
            (64, Order::Big) => CODEC_ID_PCM_F64BE,
            (bits, _) => {
                return Err(SoundError::Unsupported { format: format!("a WAV file with floats of {bits} bits") });
            }
        };
        Ok(self.samples(codec, self.bits / 8, data))
    }

    /// Blocks that begin with `header` bytes for each channel, which hold `ahead` of its samples; half a byte each for
    /// the others.
    fn adpcm<'a>(
        &self,
        codec: AudioCodecId,
        header: usize,
        ahead: u64,
        data: &'a [u8],
    ) -> Result<Blocks<'a>, SoundError> {
        let channels = usize::from(self.channels);
        let headers = header * channels;
        if self.bits != 4 || channels == 0 || channels > 2 || self.block_bytes <= headers {
            return Err(SoundError::Unsupported { format: "this kind of ADPCM in a WAV file".into() });
        }
        let block_frames = (2 * (self.block_bytes - headers) / channels) as u64 + ahead;
        Ok(Blocks { block_bytes: self.block_bytes, block_frames, ..self.samples(codec, 1, data) })
    }
}

/// What an encoding is called that is not read here.
fn name(tag: u16) -> String {
    let name = match tag {
        MICROSOFT_ADPCM | IMA_ADPCM => "big-endian ADPCM",
        0x0014 | 0x0040 | 0x0045 | 0x0064 => "G.721, G.723 or G.726",
        0x0022 => "TrueSpeech",
        GSM => "this kind of GSM 6.10",
        0x0042 => "G.723.1",
        0x0083 => "G.729",
        0x00FF | 0x1600 | 0x1602 | 0x1610 | 0xA106 => "AAC",
        0x0130..=0x0133 => "ACELP",
        0x0160..=0x0163 => "Windows Media Audio",
        0x2000 => "AC-3",
        0x4143 | 0x7A21 => "AMR-NB",
        0x7A22 => "AMR-WB",
        0x674F..=0x6751 | 0x676F..=0x6771 => "Vorbis",
        0xA109 => "Speex",
        0xF1AC => "FLAC",
        _ => return format!("an unknown encoding ({tag:#06x})"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk, and the codec and block that come of it.
    fn read(tag: u16, channels: u16, block: u16, bits: u16, data: &[u8]) -> Result<(AudioCodecId, usize), SoundError> {
        let mut chunk = tag.to_le_bytes().to_vec();
        chunk.extend(channels.to_le_bytes());
        chunk.extend(16_000u32.to_le_bytes());
        chunk.extend(0u32.to_le_bytes());
        chunk.extend(block.to_le_bytes());
        chunk.extend(bits.to_le_bytes());
        match &stretches(&chunk, Order::Little, data, 0)?[..] {
            [Stretch::Packets(packets)] => Ok((packets.parameters.codec, packets.packets.len())),
            _ => panic!("one stretch of packets"),
        }
    }

    #[test]
    fn integers_are_as_wide_as_their_bits_need() {
        let data = [0; 24];
        for (bits, channels, block, codec) in [
            (8, 1, 1, CODEC_ID_PCM_U8),
            (12, 1, 2, CODEC_ID_PCM_S16LE),
            (16, 2, 4, CODEC_ID_PCM_S16LE),
            (20, 1, 3, CODEC_ID_PCM_S24LE),
            (24, 2, 6, CODEC_ID_PCM_S24LE),
            (32, 1, 4, CODEC_ID_PCM_S32LE),
            // The block says nothing, or what it says is wrong.
            (16, 2, 0, CODEC_ID_PCM_S16LE),
            (16, 2, 2, CODEC_ID_PCM_S16LE),
        ] {
            assert_eq!(read(PCM, channels, block, bits, &data), Ok((codec, 1)), "{bits} bits in {block} bytes");
        }
        for bits in [0, 7, 33, 64, u16::MAX] {
            assert!(matches!(read(PCM, 1, 0, bits, &data), Err(SoundError::Damaged { .. })), "{bits} bits in nothing");
        }
    }

    #[test]
    fn integers_with_bytes_to_spare_are_read_where_they_are_or_refused() {
        let of = |samples: &[i32]| samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>();
        let coded = |samples: &[i32]| {
            let mut chunk = vec![1, 0, 1, 0, 0x80, 0x3E, 0, 0, 0, 0, 0, 0, 4, 0, 24, 0];
            chunk.extend([0; 2]);
            let data = of(samples);
            match &stretches(&chunk, Order::Little, &data, 0)?[..] {
                [Stretch::Packets(packets)] => Ok(packets.parameters.bits_per_coded_sample),
                _ => panic!("one stretch of packets"),
            }
        };
        assert_eq!(coded(&[0x12_3456, -0x12_3456, -0x80_0000]), Ok(Some(24)), "in the low bytes");
        assert_eq!(coded(&[0x1234_5600, -0x1234_5600]), Ok(None), "in the high bytes");
        assert!(matches!(coded(&[0x1234_5678, -5]), Err(SoundError::Ambiguous { .. })), "in all four");
        assert!(matches!(read(PCM, 1, 4, 16, &of(&[1, 2])), Err(SoundError::Ambiguous { .. })), "16 bits in 4 bytes");
    }

    #[test]
    fn channels_that_are_nowhere_are_refused() {
        let format = |channels: u16, places: u32| {
            let mut chunk = vec![0xFE, 0xFF];
            chunk.extend(channels.to_le_bytes());
            chunk.extend(16_000u32.to_le_bytes());
            chunk.extend([0; 4]);
            chunk.extend(channels.wrapping_mul(2).to_le_bytes());
            chunk.extend([16, 0, 22, 0, 16, 0]);
            chunk.extend(places.to_le_bytes());
            chunk.extend([1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
            stretches(&chunk, Order::Little, &[0; 24], 0).map(|stretches| stretches.len())
        };
        assert_eq!(format(6, 0x3F), Ok(1));
        for (channels, places) in [(0, 0), (19, 0), (40_000, 0), (2, 1 << 18), (2, u32::MAX)] {
            assert!(matches!(format(channels, places), Err(SoundError::Damaged { .. })), "{channels}, {places:x}");
        }
    }

    #[test]
    fn what_is_not_read_is_called_by_its_name() {
        for (tag, name) in
            [(0x0161, "Windows Media Audio"), (0x7A21, "AMR-NB"), (0x4321, "an unknown encoding (0x4321)")]
        {
            let format = format!("{name} in a WAV file");
            assert_eq!(read(tag, 1, 1, 8, &[0; 8]), Err(SoundError::Unsupported { format }));
        }
    }
}
