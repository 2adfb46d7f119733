//! Finds the frames of MPEG audio, layers II and III, in a file (ISO/IEC 11172-3 §2.4.2.3 and 13818-3).
//!
//! Such a file has no header of its own. Encoders put a frame in front that is none: Xing's and LAME's says how many frames
//! there are and how much silence the encoder added (Gabriel Bouvigne, "Mp3 Info Tag revision 1"), Fraunhofer's VBRI how
//! many. Files that were joined have more than one of them, streams none; and what was cut out of a stream begins within
//! a frame. So every frame is looked at, and no number of them is believed that says less.

use std::ops::Range;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP2, CODEC_ID_MP3};

use super::packets::{Kept, Packet, Packets, parameters};
use super::{Stretch, after_id3};
use crate::SoundError;

/// How far into a file its first frame is looked for, zeros not counted: far beyond the longest frame.
const SEARCHED: usize = 1 << 16;
/// So many frames in a row are no chance.
const ROW: usize = 3;
/// Frames after which a decoder has its first sample: 528 + 1, which LAME's tag does not count.
const DECODER_DELAY: u64 = 529;

/// Kilobits a second by the header's index, from 1 on.
const LAYER_2: [u32; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
const LAYER_3: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const LOW_RATE: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// What a frame's header says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    kind: FrameKind,
    /// With the header.
    bytes: usize,
    /// Before the sound: where Xing's tag stands in a frame that has one.
    side_information: usize,
}

/// What is the same in all frames of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FrameKind {
    is_layer_3: bool,
    rate: u32,
    channels: u16,
    samples: u64,
}

impl Header {
    /// A header is mostly eleven set bits, so reserved values count as none; nor does layer I, which nobody uses and whose
    /// header is also how text in UTF-16 begins, nor a free bit rate, which no decoder here knows.
    fn read(bytes: &[u8]) -> Option<Header> {
        let &[0xFF, second, third, fourth, ..] = bytes else { return None };
        let version = second >> 3 & 0b11;
        let is_layer_3 = match second >> 1 & 0b11 {
            0b01 => true,
            0b10 => false,
            _ => return None,
        };
        if second & 0xE0 != 0xE0 {
            return None;
        }
        let is_full_rate = version == 0b11;
        let halvings = match version {
            0b11 => 0,
            0b10 => 1,
            0b00 => 2,
            _ => return None,
        };
        let rates = if !is_full_rate {
            LOW_RATE
        } else if is_layer_3 {
            LAYER_3
        } else {
            LAYER_2
        };
        let bit_rate = *rates.get(usize::from(third >> 4).checked_sub(1)?)? * 1_000;
        let rate = [44_100u32, 48_000, 32_000].get(usize::from(third >> 2 & 0b11))? >> halvings;
        let samples = if is_layer_3 && !is_full_rate { 576 } else { 1_152 };
        let padding = u32::from(third >> 1 & 1);
        let channels = if fourth >> 6 == 0b11 { 1 } else { 2 };
        Some(Header {
            kind: FrameKind { is_layer_3, rate, channels, samples },
            bytes: (samples as u32 / 8 * bit_rate / rate + padding) as usize,
            side_information: match (is_full_rate, channels) {
                (true, 1) | (false, 2) => 17,
                (true, _) => 32,
                (false, _) => 9,
            },
        })
    }
}

/// Where the first frame begins, if the bytes are MPEG audio: where several follow each other, or, of a very short file, at
/// its beginning.
pub(crate) fn first_frame(bytes: &[u8]) -> Option<usize> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let searched = zeros..bytes.len().min(zeros.saturating_add(SEARCHED));
    let is_short = |header: &Header| header.bytes >= bytes.len() || is_row(bytes, 0, 2);
    next_frame(bytes, searched, ROW).or_else(|| Header::read(bytes).filter(is_short).map(|_| 0))
}

/// Where, in that range, a frame begins that others follow, so that there are `row` of them or the file ends.
fn next_frame(bytes: &[u8], mut range: Range<usize>, row: usize) -> Option<usize> {
    range.find(|&place| bytes[place] == 0xFF && is_row(bytes, place, row))
}

fn is_row(bytes: &[u8], mut place: usize, row: usize) -> bool {
    let mut kind = None;
    for frames in 0..row {
        let Some(header) = Header::read(bytes.get(place..).unwrap_or_default()) else {
            // The last frame of all has none behind it.
            return frames > 1 && place >= bytes.len();
        };
        if *kind.get_or_insert(header.kind) != header.kind {
            return false;
        }
        place += header.bytes;
    }
    true
}

/// The recordings in MPEG audio: a new one begins with a tag of an encoder, or where another kind of frame does.
///
/// # Errors
/// [`SoundError::Empty`] where there is no frame.
pub(crate) fn stretches(bytes: &[u8]) -> Result<Vec<Stretch<'_>>, SoundError> {
    let mut recordings: Vec<Recording> = Vec::new();
    let mut place = first_frame(bytes).ok_or(SoundError::Empty)?;
    while place < bytes.len() {
        let current = recordings.last().map(|recording| recording.kind);
        let header = Header::read(&bytes[place..])
            .filter(|header| current.is_none_or(|kind| kind == header.kind) || is_row(bytes, place, ROW));
        let Some(header) = header else {
            // Between frames there may be tags, pictures in them, and noise.
            let tagged = bytes.len() - after_id3(&bytes[place..]).len();
            match next_frame(bytes, tagged.max(place + 1)..bytes.len(), 2) {
                Some(next) => place = next,
                None => break,
            }
            continue;
        };
        let frame = place..place + header.bytes;
        let Some(content) = bytes.get(frame.clone()) else { break };
        place = frame.end;
        if let Some(tag) = Tag::read(content, &header) {
            recordings.push(Recording { kind: header.kind, tag: Some(tag), frames: Vec::new() });
            continue;
        }
        match recordings.last_mut() {
            Some(recording) if recording.kind == header.kind => recording.frames.push(frame),
            _ => recordings.push(Recording { kind: header.kind, tag: None, frames: vec![frame] }),
        }
    }
    recordings.retain(|recording| !recording.frames.is_empty());
    if recordings.is_empty() {
        return Err(SoundError::Empty);
    }
    Ok(recordings.into_iter().map(|recording| Stretch::Packets(recording.packets(bytes))).collect())
}

struct Recording {
    kind: FrameKind,
    tag: Option<Tag>,
    frames: Vec<Range<usize>>,
}

impl Recording {
    fn packets(self, data: &[u8]) -> Packets<'_> {
        let FrameKind { is_layer_3, rate, channels, samples } = self.kind;
        let (mut kept, mut missing) = (Kept::all(), 0.0);
        if let Some(Tag { frames, delay, padding }) = self.tag {
            let there = self.frames.len() as u64;
            let end = match frames {
                // Some encoders count the tag's own frame and some do not; a tag that is further off is not this
                // recording's.
                Some(frames) if there <= frames + 1 => (frames * samples).saturating_sub(padding).max(delay),
                _ => u64::MAX,
            };
            kept = Kept::one(delay..end, rate);
            let lost = frames.unwrap_or(0).saturating_sub(there);
            missing = if lost > 1 { (lost * samples) as f64 / f64::from(rate) } else { 0.0 };
        }
        Packets {
            parameters: parameters(if is_layer_3 { CODEC_ID_MP3 } else { CODEC_ID_MP2 }, channels, rate),
            data: data.into(),
            packets: self.frames.into_iter().map(|bytes| Packet { bytes, frames: samples }).collect(),
            kept,
            missing,
        }
    }
}

/// What an encoder says of all the frames after this one.
#[derive(Debug, PartialEq, Eq)]
struct Tag {
    frames: Option<u64>,
    /// Samples of silence in front, as they come out of a decoder, and behind.
    delay: u64,
    padding: u64,
}

impl Tag {
    /// None for a frame of sound.
    fn read(frame: &[u8], header: &Header) -> Option<Tag> {
        if !header.kind.is_layer_3 {
            return None;
        }
        if frame.get(36..40) == Some(b"VBRI") {
            // Version, delay, quality and bytes come first.
            let frames = frame.get(50..54)?.try_into().ok()?;
            return Some(Tag { frames: Some(u64::from(u32::from_be_bytes(frames))), delay: 0, padding: 0 });
        }
        let tag = frame.get(4 + header.side_information..)?;
        if !matches!(tag.get(..4)?, b"Xing" | b"Info") {
            return None;
        }
        let flags = tag.get(7).copied().unwrap_or(0);
        let mut place = 8;
        let mut field = |flag: u8, length: usize| {
            let start = place;
            let is_there = flags & flag != 0;
            place += if is_there { length } else { 0 };
            is_there.then_some(start)
        };
        let frames = field(1, 4).and_then(|start| tag.get(start..start + 4)?.try_into().ok()).map(u32::from_be_bytes);
        for (flag, length) in [(2, 4), (4, 100), (8, 4)] {
            field(flag, length); // bytes, table of contents, quality
        }
        let (mut delay, mut padding) = (0, 0);
        if let Some(&[high, middle, low]) = tag.get(place + 21..place + 24)
            && matches!(tag.get(place..place + 4)?, b"LAME" | b"Lavf" | b"Lavc")
        {
            delay = (u64::from(high) << 4 | u64::from(middle >> 4)) + DECODER_DELAY;
            padding = (u64::from(middle & 0x0F) << 8 | u64::from(low)).saturating_sub(DECODER_DELAY);
        }
        Some(Tag { frames: frames.map(u64::from), delay, padding })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 128 kbit/s at 44.1 kHz, mono: 417 bytes, the first four of them the header.
    fn frame(content: &[u8]) -> Vec<u8> {
        let mut frame = vec![0xFF, 0xFB, 0x90, 0xC0];
        frame.extend(content);
        frame.resize(417, 0);
        frame
    }

    /// LAME's tag: so many frames, 576 samples of delay and 1,000 of padding.
    fn tag(frames: u32) -> Vec<u8> {
        let mut tag = vec![0; 17];
        tag.extend(b"Info\0\0\0\x0F");
        tag.extend(frames.to_be_bytes());
        tag.extend([0; 4 + 100 + 4]);
        tag.extend(b"LAME3.100");
        tag.extend([0; 12]);
        tag.extend([0x24, 0x03, 0xE8]);
        frame(&tag)
    }

    /// How many frames each recording has, and what of it is kept.
    fn read(bytes: &[u8]) -> Vec<(usize, Range<u64>)> {
        let of = |stretch| match stretch {
            Stretch::Packets(packets) => {
                let Packets { packets, kept, .. } = packets;
                (packets.len(), kept.ranges[0].clone())
            }
            _ => panic!("packets"),
        };
        stretches(bytes).unwrap().into_iter().map(of).collect()
    }

    #[test]
    fn headers_are_as_the_standard_has_them() {
        let read = |bytes: [u8; 4]| {
            Header::read(&bytes).map(|header| {
                let FrameKind { is_layer_3, rate, channels, samples } = header.kind;
                (if is_layer_3 { 3 } else { 2 }, rate, channels, samples, header.bytes)
            })
        };
        assert_eq!(read([0xFF, 0xFB, 0x90, 0x64]), Some((3, 44_100, 2, 1_152, 417)));
        assert_eq!(read([0xFF, 0xFB, 0x92, 0xC4]), Some((3, 44_100, 1, 1_152, 418)));
        assert_eq!(read([0xFF, 0xF3, 0x48, 0xC4]), Some((3, 16_000, 1, 576, 144)));
        assert_eq!(read([0xFF, 0xE3, 0x28, 0xC4]), Some((3, 8_000, 1, 576, 144)));
        assert_eq!(read([0xFF, 0xFD, 0xA4, 0x00]), Some((2, 48_000, 2, 1_152, 576)));
        for reserved in [
            [0xFF, 0xEB, 0x90, 0x64],
            [0xFF, 0xF9, 0x90, 0x64],
            [0xFF, 0xFF, 0x90, 0x64],
            [0xFF, 0xFB, 0xF0, 0x64],
            [0xFF, 0xFB, 0x00, 0x64],
            [0xFF, 0xFB, 0x9C, 0x64],
        ] {
            assert_eq!(read(reserved), None, "{reserved:x?}");
        }
    }

    #[test]
    fn without_a_tag_every_frame_counts() {
        assert_eq!(read(&frame(b"").repeat(9)), [(9, 0..u64::MAX)]);
        let junk = [vec![0xFF, 0xFB, 1, 2, 3], frame(b"").repeat(9)].concat();
        assert_eq!(read(&junk), [(9, 0..u64::MAX)], "begun within a frame");
        let padded = [vec![0; 100_000], frame(b"").repeat(9), b"TAG".to_vec(), vec![b'x'; 125]].concat();
        assert_eq!(read(&padded), [(9, 0..u64::MAX)], "between zeros and a tag");
    }

    #[test]
    fn a_tag_counts_for_what_follows_it_until_the_next() {
        let end = 5 * 1_152 - (1_000 - 529);
        let one = [tag(5), frame(b"").repeat(5)].concat();
        assert_eq!(read(&one), [(5, 1_105..end)]);
        let id3 = b"ID3\x04\0\0\0\0\0\x03\xFF\xFB\x90".to_vec();
        assert_eq!(read(&[one.clone(), id3, one.clone()].concat()), [(5, 1_105..end), (5, 1_105..end)]);
        let more = [tag(5), frame(b"").repeat(20)].concat();
        assert_eq!(read(&more), [(20, 1_105..u64::MAX)], "more than it knows of");
        let counted = [tag(4), frame(b"").repeat(5)].concat();
        assert_eq!(read(&counted), [(5, 1_105..end - 1_152)], "or one: as every player does");
    }

    #[test]
    fn what_a_tag_claims_and_is_not_there_is_missing() {
        let cut = [tag(50), frame(b"").repeat(12), vec![0xFF; 7]].concat();
        match &stretches(&cut).unwrap()[..] {
            [Stretch::Packets(packets)] => assert_eq!(packets.missing, 38.0 * 1_152.0 / 44_100.0),
            _ => panic!("one recording"),
        }
    }

    #[test]
    fn another_rate_is_another_recording() {
        let other = |_| {
            let mut frame = vec![0xFF, 0xFB, 0x94, 0xC0];
            frame.resize(384, 0);
            frame
        };
        let joined = [frame(b"").repeat(4), (0..4).flat_map(other).collect()].concat();
        assert_eq!(read(&joined), [(4, 0..u64::MAX), (4, 0..u64::MAX)]);
    }
}
