//! Finds the Opus packets in a WebM or Matroska file (RFC 9559, EBML in RFC 8794), as browsers, messengers and OBS record
//! them: also where the recorder never knew how long its parts would be, and where the file breaks off.

use std::ops::Range;

use super::opus::{self, Head};
use super::packets::{Kept, Packet, Packets};
use super::{Order, Stretch};
use crate::SoundError;

/// Elements, by the numbers that stand in a file.
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63A2;
const CODEC_DELAY: u32 = 0x56AA;
const CONTENT_ENCODINGS: u32 = 0x6D80;
const AUDIO: u32 = 0xE1;
const CHANNELS: u32 = 0x9F;
const CLUSTER: u32 = 0x1F43_B675;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK_GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;
const DISCARD_PADDING: u32 = 0x75A2;

/// A track's type if it is sound.
const SOUND: u64 = 2;

/// # Errors
/// [`SoundError::Unsupported`] where no track is Opus, with what they are; [`SoundError::Empty`] where there is none,
/// [`SoundError::Damaged`] where one makes no sense.
pub(crate) fn stretch(bytes: &[u8]) -> Result<Stretch<'_>, SoundError> {
    let mut reading = Reading::default();
    // The parts that hold others of any length are looked into, as if what they hold followed them.
    for element in elements(bytes, 0..bytes.len(), &[SEGMENT, INFO, TRACKS, CLUSTER]) {
        reading.take(bytes, &element);
    }
    reading.stretch(bytes)
}

/// What has been read of a file so far.
#[derive(Default)]
struct Reading {
    /// Nanoseconds of a unit of the length; 0 where it isn't said.
    scale: u64,
    length: f64,
    track: Option<Track>,
    /// What other sound tracks are encoded with.
    other: Option<String>,
    packets: Vec<Packet>,
    frames: u64,
    /// Which of the frames are sound.
    kept: Vec<Range<u64>>,
    error: Option<SoundError>,
}

struct Track {
    number: u64,
    channels: u16,
    /// The header, if there is one.
    private: Option<Range<usize>>,
}

impl Reading {
    fn take(&mut self, bytes: &[u8], element: &Element) {
        let content = &bytes[element.content.clone()];
        match element.id {
            TIMESTAMP_SCALE => self.scale = unsigned(content),
            DURATION => self.length = float(content),
            TRACK_ENTRY => match self.describe(bytes, element) {
                Ok(Some(track)) if self.track.is_none() => self.track = Some(track),
                Ok(_) => {}
                Err(error) => self.error = self.error.take().or(Some(error)),
            },
            // Half a packet would be decoded, to noise.
            SIMPLE_BLOCK | BLOCK_GROUP if element.is_cut => {}
            SIMPLE_BLOCK => self.block(bytes, element.content.clone(), 0),
            BLOCK_GROUP => {
                let parts: Vec<Element> = elements(bytes, element.content.clone(), &[]).collect();
                let part = |id: u32| parts.iter().find(|part| part.id == id).map(|part| part.content.clone());
                let padding = part(DISCARD_PADDING).map_or(0, |range| unsigned(&bytes[range]));
                if let Some(block) = part(BLOCK) {
                    // A signed number of nanoseconds; before the sound there is none.
                    let padding = if padding < 1 << 40 { in_frames(padding) } else { 0 };
                    self.block(bytes, block, padding);
                }
            }
            _ => {}
        }
    }

    /// A track, if it is Opus. Where the sound begins is said twice.
    fn describe(&mut self, bytes: &[u8], entry: &Element) -> Result<Option<Track>, SoundError> {
        let parts: Vec<Element> = elements(bytes, entry.content.clone(), &[AUDIO]).collect();
        let part = |id: u32| parts.iter().find(|part| part.id == id).map(|part| part.content.clone());
        let number = |id: u32| part(id).map(|range| unsigned(&bytes[range]));
        if number(TRACK_TYPE) != Some(SOUND) {
            return Ok(None);
        }
        let codec = part(CODEC_ID).map(|range| String::from_utf8_lossy(&bytes[range])).unwrap_or_default();
        let codec = codec.trim_end_matches('\0');
        if codec != "A_OPUS" || part(CONTENT_ENCODINGS).is_some() {
            let packed = if codec == "A_OPUS" { "packed " } else { "" };
            self.other = self.other.take().or(Some(format!("{packed}{}", name_of(codec))));
            return Ok(None);
        }
        let private = part(CODEC_PRIVATE).filter(|range| !range.is_empty());
        let channels = number(CHANNELS).unwrap_or(1);
        let (channels, delay) = match &private {
            Some(range) => {
                let head = Head::read(&bytes[range.clone()])?;
                (head.channels, head.pre_skip)
            }
            None if channels > 2 => {
                return Err(SoundError::Unsupported { format: format!("Opus with {channels} channels") });
            }
            None => (channels.max(1) as u16, in_frames(number(CODEC_DELAY).unwrap_or(0))),
        };
        if self.track.is_none() {
            let sound = delay..u64::MAX;
            self.kept = vec![sound];
        }
        Ok(Some(Track { number: number(TRACK_NUMBER).unwrap_or(0), channels, private }))
    }

    /// A block: its track's number, two bytes of time, flags, then one packet or several. So many frames at its end are no
    /// sound.
    fn block(&mut self, bytes: &[u8], block: Range<usize>, padding: u64) {
        let Some(track) = &self.track else { return };
        let mut rest = block;
        if variable(bytes, &mut rest) != Some(track.number) || rest.len() < 3 {
            return;
        }
        let flags = bytes[rest.start + 2];
        rest.start += 3;
        let packets = laced(bytes, rest, flags >> 1 & 0b11).unwrap_or_default();
        for packet in packets.into_iter().filter(|packet| !packet.is_empty()) {
            let frames = opus::frames(&bytes[packet.clone()]);
            self.frames += frames;
            self.packets.push(Packet { bytes: packet, frames });
        }
        let end = self.frames.saturating_sub(padding);
        if padding > 0
            && let Some(last) = self.kept.last_mut()
        {
            last.end = end.max(last.start);
            self.kept.push(self.frames..u64::MAX);
        }
    }

    fn stretch(self, bytes: &[u8]) -> Result<Stretch<'_>, SoundError> {
        let Some(track) = self.track else {
            return Err(match (self.error, self.other) {
                (Some(error), _) => error,
                (None, Some(other)) => {
                    SoundError::Unsupported { format: format!("{other} in a WebM or Matroska file") }
                }
                (None, None) => SoundError::Empty,
            });
        };
        let length = self.length * if self.scale == 0 { 1e6 } else { self.scale as f64 } / 1e9;
        let there = self.frames as f64 / f64::from(opus::RATE);
        // The length includes what comes before the sound and after it, or not, and is told in milliseconds.
        let missing = if length.is_finite() && length - there > 0.15 { length - there } else { 0.0 };
        Ok(Stretch::Packets(Packets {
            parameters: opus::described(track.channels, track.private.map(|range| &bytes[range])),
            data: bytes.into(),
            packets: self.packets,
            kept: Kept { ranges: self.kept, per_second: opus::RATE },
            missing,
        }))
    }
}

/// What a codec is called, by the name that Matroska has for it.
fn name_of(codec: &str) -> String {
    match codec {
        "A_VORBIS" => "Vorbis",
        "A_FLAC" => "FLAC",
        "A_ALAC" => "Apple Lossless",
        "A_MPEG/L3" => "MP3",
        "A_MPEG/L2" => "MP2",
        "A_AC3" => "AC-3",
        "A_EAC3" => "E-AC-3",
        "A_PCM/INT/LIT" | "A_PCM/INT/BIG" | "A_PCM/FLOAT/IEEE" => "PCM",
        aac if aac.starts_with("A_AAC") => "AAC",
        dts if dts.starts_with("A_DTS") => "DTS",
        other => return format!("the encoding {other:?}"),
    }
    .into()
}

/// Nanoseconds in frames of Opus.
fn in_frames(nanoseconds: u64) -> u64 {
    super::packets::scaled(nanoseconds, opus::RATE, 1_000_000_000)
}

/// Where the packets of a block are: one, or as many as its first byte says and one more, with sizes as Xiph's formats or
/// EBML write them, or all alike. None where they are not.
fn laced(bytes: &[u8], block: Range<usize>, lacing: u8) -> Option<Vec<Range<usize>>> {
    if lacing == 0 {
        return Some(vec![block]);
    }
    let mut rest = block;
    let others = usize::from(*bytes.get(rest.clone())?.first()?);
    rest.start += 1;
    let mut sizes = Vec::with_capacity(others + 1);
    for index in 0..others {
        sizes.push(match lacing {
            1 => {
                let mut size = 0;
                loop {
                    let byte = *bytes.get(rest.clone())?.first()?;
                    rest.start += 1;
                    size += usize::from(byte);
                    if byte < 255 {
                        break size;
                    }
                }
            }
            2 => rest.len() / (others + 1),
            _ if index == 0 => usize::try_from(variable(bytes, &mut rest)?).ok()?,
            _ => {
                // The difference to the size before, of as many bits as fit, around a zero in their middle.
                let start = rest.start;
                let value = i64::try_from(variable(bytes, &mut rest)?).ok()?;
                let middle = (1i64 << (7 * (rest.start - start) - 1)) - 1;
                let before = i64::try_from(*sizes.last()?).ok()?;
                usize::try_from(before.checked_add(value - middle)?).ok()?
            }
        });
    }
    let known = sizes.iter().try_fold(0usize, |sum, &size| sum.checked_add(size))?;
    sizes.push(rest.len().checked_sub(known)?);
    let mut start = rest.start;
    let ranges = sizes.into_iter().map(|size| {
        start += size;
        start - size..start
    });
    Some(ranges.collect())
}

/// A part of a file.
struct Element {
    id: u32,
    /// As much as there is of it.
    content: Range<usize>,
    is_cut: bool,
}

/// The elements that follow each other in a range, and what those of some kinds hold behind them. Where bytes are none, the
/// next cluster is looked for.
fn elements<'a>(bytes: &'a [u8], range: Range<usize>, looked_into: &'a [u32]) -> impl Iterator<Item = Element> + 'a {
    let mut rest = range;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let start = rest.start;
            if let Some((id, size)) = header(bytes, &mut rest) {
                let there = size.map_or(rest.len(), |size| size.min(rest.len()));
                let content = rest.start..rest.start + there;
                rest.start = if looked_into.contains(&id) { content.start } else { content.end };
                let is_cut = size.is_some_and(|size| size > there);
                return Some(Element { id, content, is_cut });
            }
            let next = bytes[start + 1..rest.end].windows(4).position(|four| four == CLUSTER.to_be_bytes())?;
            rest.start = start + 1 + next;
        }
    })
}

/// An element's number and size, if the size is known.
fn header(bytes: &[u8], rest: &mut Range<usize>) -> Option<(u32, Option<usize>)> {
    let first = *bytes.get(rest.clone())?.first()?;
    let length = first.leading_zeros() as usize + 1;
    let id =
        bytes.get(rest.start..(rest.start + length).min(rest.end)).filter(|id| id.len() == length && length <= 4)?;
    let id = id.iter().fold(0, |id, &byte| id << 8 | u32::from(byte));
    rest.start += length;
    let start = rest.start;
    let size = variable(bytes, rest)?;
    let is_unknown = size == (1 << (7 * (rest.start - start))) - 1;
    Some((id, if is_unknown { None } else { Some(usize::try_from(size).unwrap_or(usize::MAX)) }))
}

/// A number of one to eight bytes, as many as its first has zeros in front and one more.
fn variable(bytes: &[u8], rest: &mut Range<usize>) -> Option<u64> {
    let number = bytes.get(rest.clone())?;
    let length = number.first()?.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let value = unsigned(number.get(..length)?);
    rest.start += length;
    Some(value & ((1 << (7 * length)) - 1))
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
}

fn float(bytes: &[u8]) -> f64 {
    match *bytes {
        [a, b, c, d] => f32::from_bits(Order::Big.u32([a, b, c, d])).into(),
        [..] if bytes.len() == 8 => f64::from_bits(unsigned(bytes)),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8; 19] = b"OpusHead\x01\x01\x38\x01\x80\xBB\0\0\0\0\0";
    /// 20 ms.
    const PACKET: &[u8] = &[31 << 3, 1, 2];
    /// Behind what the header says that the encoder added.
    const SOUND_ON: Range<u64> = 312..u64::MAX;

    /// An element of known size; numbers of one to four bytes.
    fn element(id: u32, content: &[u8]) -> Vec<u8> {
        let id = id.to_be_bytes();
        let id = &id[id.iter().take_while(|&&byte| byte == 0).count()..];
        [id, &(0x1000_0000 | content.len() as u32).to_be_bytes(), content].concat()
    }

    /// An element that goes on until another of its kind.
    fn open(id: u32, content: &[u8]) -> Vec<u8> {
        [&id.to_be_bytes()[..], &[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], content].concat()
    }

    fn track(codec: &[u8], private: Option<&[u8]>) -> Vec<u8> {
        let mut entry = [element(TRACK_NUMBER, &[1]), element(TRACK_TYPE, &[2]), element(CODEC_ID, codec)].concat();
        entry.extend(element(CODEC_DELAY, &6_500_000u32.to_be_bytes()));
        entry.extend(element(AUDIO, &element(CHANNELS, &[1])));
        entry.extend(private.map(|private| element(CODEC_PRIVATE, private)).unwrap_or_default());
        element(TRACKS, &element(TRACK_ENTRY, &entry))
    }

    fn block(flags: u8, content: &[u8]) -> Vec<u8> {
        [&[0x81, 0, 0, flags][..], content].concat()
    }

    fn simple(content: &[u8]) -> Vec<u8> {
        element(SIMPLE_BLOCK, &block(0x80, content))
    }

    fn ebml(segment: &[u8]) -> Vec<u8> {
        [element(0x1A45_DFA3, b""), open(SEGMENT, segment)].concat()
    }

    fn read(file: &[u8]) -> Result<Packets<'_>, SoundError> {
        match stretch(file)? {
            Stretch::Packets(packets) => Ok(packets),
            _ => panic!("packets"),
        }
    }

    fn packets(file: &[u8]) -> Vec<&[u8]> {
        read(file).unwrap().packets.iter().map(|packet| &file[packet.bytes.clone()]).collect()
    }

    #[test]
    fn packets_are_found_where_nobody_knew_how_long_the_parts_would_be() {
        let cluster = |content: &[u8]| open(CLUSTER, &[element(0xE7, &[0]), content.to_vec()].concat());
        let other = element(SIMPLE_BLOCK, &[&[0x82, 0, 0, 0][..], b"a picture"].concat());
        let file = [track(b"A_OPUS", Some(HEAD)), cluster(&simple(PACKET)), cluster(&[other, simple(PACKET)].concat())];
        let file = ebml(&file.concat());
        assert_eq!(packets(&file), [PACKET, PACKET]);
        let found = read(&file).unwrap();
        assert_eq!(found.kept, Kept { ranges: vec![SOUND_ON], per_second: 48_000 });
        assert_eq!(packets(&file[..file.len() - 1]), [PACKET], "broken off within a packet");
    }

    #[test]
    fn the_delay_is_there_without_a_header_too() {
        let file = ebml(&[track(b"A_OPUS", None), open(CLUSTER, &simple(PACKET))].concat());
        assert_eq!(read(&file).unwrap().kept.ranges, [SOUND_ON]);
    }

    #[test]
    fn what_was_added_at_the_end_is_cut_off_again() {
        let last = |padding: &[u8]| {
            let group = [element(BLOCK, &block(0, PACKET)), element(DISCARD_PADDING, padding)].concat();
            let cluster = element(CLUSTER, &[simple(PACKET), element(BLOCK_GROUP, &group)].concat());
            read(&ebml(&[track(b"A_OPUS", Some(HEAD)), cluster].concat())).unwrap().kept.ranges.clone()
        };
        // 10 ms of the second 20 ms.
        assert_eq!(last(&10_000_000u32.to_be_bytes()), [312..1_440, 1_920..u64::MAX]);
        assert_eq!(last(&(-10_000_000i64).to_be_bytes()), [SOUND_ON]);
    }

    #[test]
    fn several_packets_in_one_block_are_taken_apart() {
        let content = [PACKET, PACKET, &[31 << 3, 9]].concat();
        // As Xiph writes them; all alike; as EBML writes them: the first size, then the difference to it.
        for (flags, sizes, last) in [
            (0b010, &[2, 3, 3][..], &content[6..]),
            (0b100, &[1], &content[4..]),
            (0b110, &[2, 0x83, 0xBF], &content[6..]),
        ] {
            let laced = element(SIMPLE_BLOCK, &block(flags, &[sizes, &content].concat()));
            let file = ebml(&[track(b"A_OPUS", Some(HEAD)), open(CLUSTER, &laced)].concat());
            assert_eq!(packets(&file).last(), Some(&last), "{flags:b}");
        }
        for broken in [&[5][..], &[2, 255], &[2, 200, 3], &[]] {
            assert!(
                packets(&ebml(
                    &[track(b"A_OPUS", Some(HEAD)), open(CLUSTER, &element(SIMPLE_BLOCK, &block(0b010, broken))),]
                        .concat()
                ))
                .is_empty(),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn damage_ends_with_the_cluster_that_it_is_in() {
        let cluster = element(CLUSTER, &simple(PACKET));
        let file = ebml(&[track(b"A_OPUS", Some(HEAD)), cluster.clone(), vec![0; 50], cluster].concat());
        assert_eq!(packets(&file), [PACKET, PACKET]);
    }

    #[test]
    fn a_length_that_is_not_there_is_missing() {
        let of = |seconds: f64| {
            let info =
                [element(TIMESTAMP_SCALE, &[0x0F, 0x42, 0x40]), element(DURATION, &(seconds * 1e3).to_be_bytes())];
            let segment = [element(INFO, &info.concat()), track(b"A_OPUS", Some(HEAD)), open(CLUSTER, &simple(PACKET))];
            read(&ebml(&segment.concat())).unwrap().missing
        };
        assert_eq!(of(0.02), 0.0);
        assert!((of(1.02) - 1.0).abs() < 1e-9);
        assert_eq!(of(f64::NAN), 0.0);
    }

    #[test]
    fn what_is_not_opus_is_called_by_its_name() {
        let refused = |tracks: Vec<u8>| read(&ebml(&tracks)).map(|_| ());
        let unsupported = |format: &str| Err(SoundError::Unsupported { format: format.into() });
        assert_eq!(refused(track(b"A_VORBIS", None)), unsupported("Vorbis in a WebM or Matroska file"));
        assert_eq!(refused(track(b"A_AAC", None)), unsupported("AAC in a WebM or Matroska file"));
        let mut surround = [&HEAD[..18], b"\x01\x04\x02\0\x01\x02\x03\x04\x05"].concat();
        surround[9] = 6;
        assert_eq!(refused(track(b"A_OPUS", Some(&surround))), unsupported("Opus with 6 channels"));
        assert_eq!(refused(Vec::new()), Err(SoundError::Empty));
    }
}
