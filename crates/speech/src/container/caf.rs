//! Finds the packets in a Core Audio Format file, in which Apple's programs keep voice memos and messages ("Apple Core Audio
//! Format Specification 1.0"), also where the recorder never came to write how long they are.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::*;

use super::descriptor::Stream;
use super::packets::{Blocks, Kept, Packet, Packets, check_channels, parameters};
use super::{Order, Stretch};
use crate::SoundError;

/// The chunks that are needed.
#[derive(Default)]
struct Chunks<'a> {
    description: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
    /// Bytes of data that are claimed and not there.
    missing: u64,
    table: Option<&'a [u8]>,
    cookie: Option<&'a [u8]>,
}

/// # Errors
/// [`SoundError::Damaged`] where a chunk is missing that is needed, [`SoundError::Unsupported`] for encodings that are not
/// read here.
pub(crate) fn stretch(bytes: &[u8]) -> Result<Stretch<'_>, SoundError> {
    let chunks = chunks(bytes);
    let description = chunks.description.and_then(|description| description.first_chunk::<32>());
    let description = description.ok_or_else(|| damaged("its description is missing"))?;
    let data = chunks.data.ok_or_else(|| damaged("its sound is missing"))?;
    let number = |place: usize| Order::Big.u32(description[place..place + 4].try_into().unwrap_or_default());
    let rate = f64::from_be_bytes(description[..8].try_into().unwrap_or_default());
    let form = Form {
        rate: if (1.0..=f64::from(u32::MAX)).contains(&rate) { rate.round() as u32 } else { 0 },
        encoding: description[8..12].try_into().unwrap_or_default(),
        is_float: number(12) & 1 != 0,
        is_little: number(12) & 2 != 0,
        packet_bytes: number(16) as usize,
        packet_frames: u64::from(number(20)),
        channels: u16::try_from(number(24)).unwrap_or(u16::MAX),
        bits: number(28),
    };
    if form.packet_bytes == 0 || form.packet_frames == 0 {
        return form.variable(data, chunks.table, chunks.cookie);
    }
    let blocks = Blocks {
        codec: form.fixed()?,
        channels: form.channels,
        rate: form.rate,
        low_bits: None,
        block_bytes: form.packet_bytes,
        block_frames: form.packet_frames,
        data: data.into(),
        missing_bytes: chunks.missing,
    };
    Ok(Stretch::Packets(blocks.packets()?))
}

fn chunks(bytes: &[u8]) -> Chunks<'_> {
    let mut chunks = Chunks::default();
    let mut place = 8;
    while let Some(header) = bytes.get(place..place + 12) {
        let length = i64::from_be_bytes([4, 5, 6, 7, 8, 9, 10, 11].map(|byte| header[byte]));
        let rest = &bytes[place + 12..];
        // −1 is data that reaches to the end; so does what was cut off.
        let claimed = u64::try_from(length).unwrap_or(rest.len() as u64);
        let there = usize::try_from(claimed).unwrap_or(usize::MAX).min(rest.len());
        let content = &rest[..there];
        match &header[..4] {
            b"desc" => chunks.description = Some(content),
            // It begins with a count of edits.
            b"data" => {
                chunks.data = content.get(4..);
                chunks.missing = claimed - there as u64;
            }
            b"pakt" => chunks.table = Some(content),
            b"kuki" => chunks.cookie = Some(content),
            _ => {}
        }
        place += 12 + there;
    }
    chunks
}

/// What the description says.
struct Form {
    rate: u32,
    encoding: [u8; 4],
    is_float: bool,
    is_little: bool,
    /// 0 where they differ.
    packet_bytes: usize,
    packet_frames: u64,
    channels: u16,
    bits: u32,
}

impl Form {
    /// The encoding of packets that are all alike.
    fn fixed(&self) -> Result<AudioCodecId, SoundError> {
        let codec = match (&self.encoding, self.is_float, self.bits.div_ceil(8), self.is_little) {
            (b"lpcm", true, 4, true) => CODEC_ID_PCM_F32LE,
            (b"lpcm", true, 4, false) => CODEC_ID_PCM_F32BE,
            (b"lpcm", true, 8, true) => CODEC_ID_PCM_F64LE,
            (b"lpcm", true, 8, false) => CODEC_ID_PCM_F64BE,
            (b"lpcm", false, 1, _) => CODEC_ID_PCM_S8,
            (b"lpcm", false, 2, true) => CODEC_ID_PCM_S16LE,
            (b"lpcm", false, 2, false) => CODEC_ID_PCM_S16BE,
            (b"lpcm", false, 3, true) => CODEC_ID_PCM_S24LE,
            (b"lpcm", false, 3, false) => CODEC_ID_PCM_S24BE,
            (b"lpcm", false, 4, true) => CODEC_ID_PCM_S32LE,
            (b"lpcm", false, 4, false) => CODEC_ID_PCM_S32BE,
            (b"alaw", ..) => CODEC_ID_PCM_ALAW,
            (b"ulaw", ..) => CODEC_ID_PCM_MULAW,
            (b"ima4", ..) => CODEC_ID_ADPCM_IMA_QT,
            _ => return Err(self.unsupported()),
        };
        let needed = match &self.encoding {
            b"lpcm" => self.bits.div_ceil(8) as usize,
            b"ima4" => 34,
            _ => 1,
        };
        if self.packet_bytes != needed * usize::from(self.channels) {
            let (bits, bytes) = (self.bits, self.packet_bytes);
            return Err(SoundError::Ambiguous {
                format: format!("a CAF file with {bits} bits in packets of {bytes} bytes"),
            });
        }
        Ok(codec)
    }

    /// Packets whose sizes stand in a table.
    fn variable<'a>(
        &self,
        data: &'a [u8],
        table: Option<&[u8]>,
        cookie: Option<&[u8]>,
    ) -> Result<Stretch<'a>, SoundError> {
        check_channels(self.channels)?;
        let (codec, extra) = match &self.encoding {
            b"alac" => (CODEC_ID_ALAC, cookie),
            b"aac " => (CODEC_ID_AAC, cookie.and_then(|cookie| Stream::read(cookie)?.specific)),
            b"opus" if self.channels > 2 => {
                return Err(SoundError::Unsupported { format: format!("Opus with {} channels", self.channels) });
            }
            // What Apple's programs keep in its cookie is no header as other files have it.
            b"opus" => (CODEC_ID_OPUS, None),
            _ => return Err(self.unsupported()),
        };
        let mut parameters = parameters(codec, self.channels, self.rate);
        if let Some(extra) = extra {
            parameters.with_extra_data(extra.into());
        }
        let (packets, kept, missing) =
            self.packets(data, table.ok_or_else(|| damaged("its table of packets is missing"))?)?;
        Ok(Stretch::Packets(Packets { parameters, data: data.into(), packets, kept, missing }))
    }

    /// The table: how many packets and how many frames of sound there are, how many come before the sound and behind it;
    /// then for each packet its bytes and its frames, as far as they differ.
    fn packets(&self, data: &[u8], table: &[u8]) -> Result<(Vec<Packet>, Kept, f64), SoundError> {
        let cut_off = || damaged("its table of packets is cut off");
        let header = table.first_chunk::<24>().ok_or_else(cut_off)?;
        let [count, valid] =
            [0, 8].map(|place| u64::from_be_bytes(header[place..place + 8].try_into().unwrap_or_default()));
        let front = u64::from(Order::Big.u32(header[16..20].try_into().unwrap_or_default()));
        let mut sizes = &table[24..];
        let (mut packets, mut place, mut lost) = (Vec::new(), 0usize, 0u64);
        for _ in 0..count {
            // Each packet has a byte of the table at least.
            let mut next = |known: u64| if known == 0 { variable_length(&mut sizes) } else { Some(known) };
            let (Some(bytes), Some(frames)) = (next(self.packet_bytes as u64), next(self.packet_frames)) else { break };
            let end = usize::try_from(bytes).ok().and_then(|bytes| place.checked_add(bytes));
            match end.filter(|&end| end <= data.len()) {
                Some(end) => {
                    packets.push(Packet { bytes: place..end, frames });
                    place = end;
                }
                None => {
                    lost = lost.saturating_add(frames);
                    place = data.len() + 1;
                }
            }
        }
        let end = if valid == 0 { u64::MAX } else { front.saturating_add(valid) };
        let kept = Kept::one(front..end, self.rate);
        Ok((packets, kept, lost as f64 / f64::from(self.rate.max(1))))
    }

    fn unsupported(&self) -> SoundError {
        let name = match &self.encoding {
            b"lpcm" => format!("samples of {} bits", self.bits),
            b"MAC3" | b"MAC6" => "MACE".into(),
            other => format!("the encoding {:?}", String::from_utf8_lossy(other).trim()),
        };
        SoundError::Unsupported { format: format!("{name} in a CAF file") }
    }
}

/// A number with seven bits a byte, the highest first, each byte but the last with its eighth bit set.
fn variable_length(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for _ in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value = value << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn damaged(detail: &str) -> SoundError {
    SoundError::Damaged { detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], length: i64, content: &[u8]) -> Vec<u8> {
        [&name[..], &length.to_be_bytes(), content].concat()
    }

    /// A file at 8 kHz, mono, of that encoding, with flags, bytes and frames of a packet, and bits of a sample.
    fn file(encoding: &[u8; 4], [flags, bytes, frames, bits]: [u32; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut description = 8_000f64.to_be_bytes().to_vec();
        description.extend(encoding);
        for number in [flags, bytes, frames, 1, bits] {
            description.extend(number.to_be_bytes());
        }
        [b"caff\0\x01\0\0".to_vec(), chunk(b"desc", 32, &description), chunks.concat()].concat()
    }

    fn read(bytes: &[u8]) -> Result<Packets<'_>, SoundError> {
        match stretch(bytes)? {
            Stretch::Packets(packets) => Ok(packets),
            _ => panic!("packets"),
        }
    }

    #[test]
    fn samples_are_what_the_description_says_to_the_end() {
        for length in [12, -1, 1_000] {
            let bytes = file(b"lpcm", [2, 2, 1, 16], &[chunk(b"data", length, b"\0\0\0\0abcdefgh")]);
            let packets = read(&bytes).unwrap();
            assert_eq!(
                (packets.parameters.codec, &packets.data[..]),
                (CODEC_ID_PCM_S16LE, &b"abcdefgh"[..]),
                "{length}"
            );
            assert_eq!(packets.missing > 0.0, length == 1_000);
        }
        let other = |encoding, numbers| {
            read(&file(encoding, numbers, &[chunk(b"data", -1, &[0; 38])])).map(|packets| packets.parameters.codec)
        };
        assert_eq!(other(b"lpcm", [0, 3, 1, 24]), Ok(CODEC_ID_PCM_S24BE));
        assert_eq!(other(b"lpcm", [3, 4, 1, 32]), Ok(CODEC_ID_PCM_F32LE));
        assert_eq!(other(b"ima4", [0, 34, 64, 0]), Ok(CODEC_ID_ADPCM_IMA_QT));
        assert!(matches!(other(b"lpcm", [0, 4, 1, 24]), Err(SoundError::Ambiguous { .. })));
        assert!(matches!(other(b"MAC3", [0, 1, 1, 0]), Err(SoundError::Unsupported { .. })));
    }

    #[test]
    fn packets_are_where_the_table_says() {
        let mut table = 3u64.to_be_bytes().to_vec();
        table.extend(8_000u64.to_be_bytes());
        table.extend(2_112u32.to_be_bytes());
        table.extend(128u32.to_be_bytes());
        table.extend([3, 0x82, 0x01, 2]);
        let data = chunk(b"data", 4 + 262, &[0; 4 + 262]);
        let table = chunk(b"pakt", 28, &table);
        let bytes = file(b"alac", [0, 0, 4_096, 0], &[table.clone(), data.clone()]);
        let packets = read(&bytes).unwrap();
        let found: Vec<_> = packets.packets.iter().map(|packet| packet.bytes.clone()).collect();
        assert_eq!(found, [0..3, 3..260, 260..262]);
        assert_eq!(packets.kept, Kept::one(2_112..10_112, 8_000));
        assert_eq!(packets.missing, 0.0);

        let cut = file(b"alac", [0, 0, 4_096, 0], &[table, data[..data.len() - 1].to_vec()]);
        let packets = read(&cut).unwrap();
        assert_eq!((packets.packets.len(), packets.missing), (2, 0.512));
        let without = file(b"alac", [0, 0, 4_096, 0], &[data]);
        assert!(matches!(read(&without), Err(SoundError::Damaged { .. })));
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_refused() {
        let whole = file(b"lpcm", [2, 2, 1, 16], &[chunk(b"data", 12, b"\0\0\0\0abcdefgh")]);
        for length in 0..60 {
            assert!(matches!(read(&whole[..length]), Err(SoundError::Damaged { .. })), "{length} bytes");
        }
        let unknown = file(b"qdm2", [0, 0, 960, 0], &[chunk(b"data", -1, b"\0\0\0\0")]);
        let refused = read(&unknown).map(|_| ());
        assert_eq!(refused, Err(SoundError::Unsupported { format: "the encoding \"qdm2\" in a CAF file".into() }));
    }
}
