//! What Opus says of itself: the header of a stream (RFC 7845 §5.1), how long a packet is (RFC 6716 §3.1), and which of what
//! an Ogg file decodes to is its sound (RFC 7845 §4). Nothing is decoded here.

use std::ops::Range;

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;

use super::ogg::Page;
use super::packets::{Kept, Packet, Packets, parameters};
use super::{Order, Stretch};
use crate::SoundError;

/// Opus counts time in these, whatever the rate that was recorded.
pub(crate) const RATE: u32 = 48_000;

/// The longest packet, in frames: 120 ms.
pub(crate) const LONGEST_PACKET: u64 = 5_760;

/// Granule position of a page on which no packet ends.
const NO_POSITION: i64 = -1;

/// The header of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Head {
    pub channels: u16,
    /// Frames before the sound begins.
    pub pre_skip: u64,
    /// What every sample is to be multiplied with.
    pub gain: f32,
}

impl Head {
    /// Reads "OpusHead" as Ogg and Matroska have it, or as symphonia makes it of an MP4's box, which has version 0 and turns
    /// its numbers round.
    ///
    /// # Errors
    /// [`SoundError::Damaged`] for a header that is cut off or of a version to come, [`SoundError::Unsupported`] for more
    /// than two channels.
    pub(crate) fn read(bytes: &[u8]) -> Result<Head, SoundError> {
        let header: &[u8; 19] = bytes.first_chunk().ok_or_else(|| damaged("its header is cut off"))?;
        let version = header[8];
        if !header.starts_with(b"OpusHead") || version > 0x0F {
            return Err(damaged("its header makes no sense"));
        }
        let order = if version == 0 { Order::Big } else { Order::Little };
        let number = |place: usize| order.u16([header[place], header[place + 1]]);
        let channels = u16::from(header[9]);
        // Where there is a table of channels, one stream has to hold them all.
        let is_one_stream = header[18] == 0 || bytes.get(19..21) == Some(&[1, header[9].wrapping_sub(1)]);
        match channels {
            0 => Err(damaged("it claims to have no channels")),
            1 | 2 if is_one_stream => Ok(Head {
                channels,
                pre_skip: number(10).into(),
                // In 256ths of a decibel.
                gain: 10f32.powf(f32::from(number(16) as i16) / (20.0 * 256.0)),
            }),
            _ => Err(SoundError::Unsupported { format: format!("Opus with {channels} channels") }),
        }
    }
}

/// What a decoder is to be told of a stream.
pub(crate) fn described(channels: u16, header: Option<&[u8]>) -> AudioCodecParameters {
    let mut parameters = parameters(CODEC_ID_OPUS, channels, RATE);
    parameters.with_max_frames_per_packet(LONGEST_PACKET);
    if let Some(header) = header {
        parameters.with_extra_data(header.into());
    }
    parameters
}

/// How many frames a packet holds; 0 where it holds none, or more than there may be.
pub(crate) fn frames(packet: &[u8]) -> u64 {
    let Some(&first) = packet.first() else { return 0 };
    let configuration = first >> 3;
    let of_one = match configuration {
        0..12 => [480, 960, 1_920, 2_880][usize::from(configuration % 4)],
        12..16 => [480, 960][usize::from(configuration % 2)],
        _ => 120 << (configuration % 4),
    };
    let count = match first & 0b11 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1).map_or(0, |second| second & 0b11_1111)),
    };
    Some(of_one * count).filter(|&frames| frames <= LONGEST_PACKET).unwrap_or(0)
}

/// The Opus stream of that number among the pages of an Ogg file.
///
/// # Errors
/// As [`Head::read`].
pub(crate) fn in_ogg<'a>(pages: impl Iterator<Item = Page<'a>>, serial: u32) -> Result<Stretch<'a>, SoundError> {
    let mut stream = OggStream::default();
    for page in pages.filter(|page| page.serial == serial) {
        stream.take(&page);
    }
    stream.stretch()
}

/// The packets of one stream, as they come page by page.
#[derive(Default)]
struct OggStream {
    data: Vec<u8>,
    /// Where in the data each whole packet is; the first two are headers.
    packets: Vec<Range<usize>>,
    /// Where the packet begins that is not whole yet.
    begun: Option<usize>,
    /// Frames of all packets so far.
    frames: u64,
    /// The position at which the first of them is, once a page has told it.
    first: Option<i64>,
    /// One behind the last of them that is sound, and how many are missing, as the last page tells.
    end: Option<u64>,
    missing: u64,
}

impl OggStream {
    fn take(&mut self, page: &Page<'_>) {
        // A page before this one is lost, or damaged.
        if !page.continues
            && let Some(begun) = self.begun.take()
        {
            self.data.truncate(begun);
        }
        let mut is_orphan = page.continues && self.begun.is_none();
        let mut rest = page.content;
        let mut has_ended = false;
        for &length in page.lengths {
            let Some((segment, after)) = rest.split_at_checked(usize::from(length)) else { break };
            rest = after;
            let is_last = length < 255;
            if !is_orphan {
                let begun = *self.begun.get_or_insert(self.data.len());
                self.data.extend_from_slice(segment);
                if is_last {
                    self.begun = None;
                    has_ended |= self.add(begun..self.data.len());
                }
            }
            is_orphan &= !is_last;
        }
        if has_ended && page.position != NO_POSITION {
            self.place(page.position, page.ends);
        }
    }

    /// A whole packet; whether it is sound.
    fn add(&mut self, packet: Range<usize>) -> bool {
        let is_sound = self.packets.len() >= 2;
        if is_sound {
            self.frames += frames(&self.data[packet.clone()]);
        }
        self.packets.push(packet);
        is_sound
    }

    /// The position behind the last packet of a page. A recording that was cut out of a longer one begins later than at 0;
    /// the last page may have a position before its end, and then what is behind it is no sound.
    fn place(&mut self, position: i64, ends: bool) {
        let frames = i64::try_from(self.frames).unwrap_or(i64::MAX);
        let first = *self.first.get_or_insert(if ends { 0 } else { position.saturating_sub(frames).max(0) });
        let end = u64::try_from(position.saturating_sub(first)).unwrap_or(0);
        self.missing = end.saturating_sub(self.frames);
        self.end = ends.then_some(end);
    }

    fn stretch<'a>(self) -> Result<Stretch<'a>, SoundError> {
        let header = self.packets.first().map(|packet| &self.data[packet.clone()]).unwrap_or_default();
        let head = Head::read(header)?;
        let packets = self.packets.iter().skip(2).filter(|packet| !packet.is_empty());
        let packets =
            packets.map(|packet| Packet { bytes: packet.clone(), frames: frames(&self.data[packet.clone()]) });
        let sound = head.pre_skip..self.end.unwrap_or(u64::MAX);
        Ok(Stretch::Packets(Packets {
            parameters: described(head.channels, Some(header)),
            packets: packets.collect(),
            kept: Kept { ranges: vec![sound], per_second: RATE },
            missing: if self.missing > LONGEST_PACKET { self.missing as f64 / f64::from(RATE) } else { 0.0 },
            data: self.data.into(),
        }))
    }
}

fn damaged(detail: &str) -> SoundError {
    SoundError::Damaged { detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8; 19] = b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\xFA\0";

    #[test]
    fn a_header_says_how_many_channels_and_how_loud() {
        let head = Head::read(HEAD).unwrap();
        assert_eq!((head.channels, head.pre_skip), (2, 312));
        // −6 dB, as 256ths of a decibel.
        assert!((head.gain - 0.501_187).abs() < 1e-5, "{}", head.gain);
        // The same numbers as an MP4 file has them.
        assert_eq!(Head::read(b"OpusHead\x00\x02\x01\x38\0\0\xBB\x80\xFA\0\0").unwrap(), head);
        let with_table = [&HEAD[..18], b"\x01\x01\x01\0\x01"].concat();
        assert_eq!(Head::read(&with_table).unwrap(), head);
    }

    #[test]
    fn more_than_two_channels_are_refused_by_name() {
        let mut surround = [&HEAD[..18], b"\x01\x04\x02\0\x01\x02\x03\x04\x05"].concat();
        surround[9] = 6;
        assert_eq!(Head::read(&surround), Err(SoundError::Unsupported { format: "Opus with 6 channels".into() }));
        let two_streams = [&HEAD[..18], b"\x01\x02\0\0\x01"].concat();
        assert!(matches!(Head::read(&two_streams), Err(SoundError::Unsupported { .. })));
        let mut none = *HEAD;
        none[9] = 0;
        let mut later = *HEAD;
        later[8] = 0x10;
        for wrong in [&none[..], &later, &HEAD[..18], b"OpusTags\x01\x02\x38\x01\x80\xBB\0\0\0\xFA\0"] {
            assert!(matches!(Head::read(wrong), Err(SoundError::Damaged { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn a_packet_is_as_long_as_its_first_bytes_say() {
        // RFC 6716, table 2: configuration, code, frames of 48 kHz.
        for (configuration, code, expected) in
            [(0, 0, 480), (3, 0, 2_880), (11, 1, 5_760), (13, 0, 960), (16, 0, 120), (31, 0, 960), (19, 2, 1_920)]
        {
            assert_eq!(frames(&[configuration << 3 | code, 0]), expected, "{configuration}, {code}");
        }
        assert_eq!(frames(&[16 << 3 | 3, 48]), 5_760);
        for none in [&[][..], &[31 << 3 | 3], &[31 << 3 | 3, 0], &[31 << 3 | 3, 7], &[3 << 3 | 3, 3]] {
            assert_eq!(frames(none), 0, "{none:?}");
        }
    }

    fn page(flags: u8, position: i64, packets: &[&[u8]]) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend(position.to_le_bytes());
        page.extend(7u32.to_le_bytes());
        page.extend([0; 8]);
        page.push(packets.len() as u8);
        page.extend(packets.iter().map(|packet| packet.len() as u8));
        page.extend(packets.concat());
        page
    }

    /// Pages of packets of 20 ms behind the headers: how many, and the position and flags of the page.
    fn file(pages: &[(usize, i64, u8)]) -> Vec<u8> {
        let mut file = [page(2, 0, &[HEAD]), page(0, 0, &[b"OpusTags"])].concat();
        for &(count, position, flags) in pages {
            file.extend(page(flags, position, &vec![&[31 << 3][..]; count]));
        }
        file
    }

    fn read(file: &[u8]) -> Packets<'_> {
        match in_ogg(super::super::ogg::pages(file), 7) {
            Ok(Stretch::Packets(packets)) => packets,
            _ => panic!("packets"),
        }
    }

    fn kept(pages: &[(usize, i64, u8)]) -> Range<u64> {
        read(&file(pages)).kept.ranges[0].clone()
    }

    #[test]
    fn the_last_page_says_where_the_sound_ends() {
        const END: u8 = 4;
        assert_eq!(kept(&[(50, 48_000, 0), (2, 48_312, END)]), 312..48_312);
        assert_eq!(kept(&[(2, 1_500, END)]), 312..1_500, "all on one page");
        assert_eq!(kept(&[(50, 48_000, 0), (1, 48_960, 0)]), 312..u64::MAX, "it breaks off");
        assert_eq!(kept(&[(50, 148_000, 0), (2, 148_312, END)]), 312..48_312, "cut out of a longer one");
        assert_eq!(kept(&[(50, NO_POSITION, 0), (2, 49_000, END)]), 312..49_000);
        assert_eq!(kept(&[(50, 10_000, 0), (2, 48_312, END)]), 312..48_312, "a false position before the last");
        assert!(kept(&[(1, i64::MAX, 0), (1, i64::MIN, END)]).is_empty());
    }

    #[test]
    fn pages_that_are_lost_are_told_in_seconds() {
        assert_eq!(read(&file(&[(50, 48_000, 0), (50, 144_000, 4)])).missing, 1.0);
        assert_eq!(read(&file(&[(50, 48_000, 0), (50, 96_500, 4)])).missing, 0.0, "less than a packet");
    }

    #[test]
    fn packets_go_on_from_page_to_page() {
        let (long, rest) = ([31 << 3; 255], [1, 2, 3]);
        let mut file = file(&[]);
        file.extend(page(0, NO_POSITION, &[&long]));
        file.extend(page(1, 960, &[&rest]));
        let packets = read(&file);
        assert_eq!(packets.packets.iter().map(|packet| packet.bytes.len()).collect::<Vec<_>>(), [258]);
        // Without its beginning, or without its end, it is no packet.
        let headers = file.len() - 28 - 258 - 28;
        let orphan = [&file[..headers], &page(1, 960, &[&rest, &[31 << 3]])].concat();
        assert_eq!(read(&orphan).packets.len(), 1);
        let begun = [&file[..headers], &page(0, NO_POSITION, &[&long]), &page(0, 960, &[&[31 << 3]])].concat();
        assert_eq!(read(&begun).packets.iter().map(|packet| packet.bytes.len()).collect::<Vec<_>>(), [1]);
        let cut = &file[..file.len() - 1];
        assert_eq!(read(cut).packets.len(), 0);
    }
}
