//! Finds the samples in a WAV file and its relatives: RIFX (big-endian), RF64 and BW64 (ITU-R BS.2088, EBU Tech 3306) and
//! Sony's Wave64, whatever the lengths in the header say.
//!
//! A recorder that writes into a pipe, or is stopped in the middle, leaves in the header the greatest number there is,
//! or none; so does a file that was cut off. The samples are there all the same: up to the end of the file.

use super::{Order, Stretch, format_chunk};
use crate::SoundError;

/// A length from here on stands for "not known yet": programs write 0x7FFF… or 0x8000… up to the greatest number.
const UNKNOWN: u64 = 0x7FFF_0000;

/// How chunks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// RIFF, RF64 and BW64: a name of 4 bytes, a length of 4, each chunk at an even place.
    Riff,
    /// The same, all numbers big-endian.
    Rifx,
    /// An identifier of 16 bytes, of which the first 4 are a name, a length of 8 that counts from where the chunk begins,
    /// each at a multiple of 8.
    Wave64,
}

impl Kind {
    fn order(self) -> Order {
        if self == Kind::Rifx { Order::Big } else { Order::Little }
    }

    /// Bytes before the first chunk: the outer name and length, and "WAVE".
    fn first_chunk(self) -> usize {
        if self == Kind::Wave64 { 40 } else { 12 }
    }

    /// The chunk at a place: where its content starts, and how long it claims to be.
    fn chunk(self, bytes: &[u8], place: usize) -> Option<Chunk<'_>> {
        let name = bytes.get(place..place.checked_add(4)?)?;
        let (start, length) = match self {
            Kind::Wave64 => {
                let length = bytes.get(place + 16..place + 24)?.try_into().ok()?;
                (place + 24, u64::from_le_bytes(length).saturating_sub(24))
            }
            _ => (place + 8, u64::from(self.order().u32(bytes.get(place + 4..place + 8)?.try_into().ok()?))),
        };
        Some(Chunk { name, start, length })
    }

    /// Where the next chunk begins, behind content that ends there: some programs forget to fill up. None where nothing
    /// there is a chunk.
    fn next(self, bytes: &[u8], end: usize) -> Option<usize> {
        let full = end.next_multiple_of(if self == Kind::Wave64 { 8 } else { 2 });
        [full, end].into_iter().find(|&place| {
            let name = bytes.get(place..).and_then(|rest| rest.first_chunk::<4>());
            name.is_some_and(|name| name.iter().all(|byte| matches!(byte, b' '..=b'~')))
        })
    }
}

struct Chunk<'a> {
    name: &'a [u8],
    start: usize,
    length: u64,
}

/// The sound of such a file.
///
/// # Errors
/// As [`format_chunk::stretches`]; [`SoundError::Damaged`] where the format or the data is missing.
pub(crate) fn stretches(bytes: &[u8], kind: Kind) -> Result<Vec<Stretch<'_>>, SoundError> {
    let mut place = kind.first_chunk();
    let mut format = None;
    let mut long_length = None;
    while let Some(chunk) = kind.chunk(bytes, place) {
        match chunk.name {
            b"fmt " => format = Some(content(bytes, &chunk)),
            // The length of the data, where four bytes are too few.
            b"ds64" => long_length = bytes.get(chunk.start + 8..chunk.start + 16),
            b"data" => {
                let format = format.ok_or_else(|| damaged("its format chunk is missing"))?;
                let long_length = long_length.and_then(|length| length.try_into().ok()).map(u64::from_le_bytes);
                let claimed = match long_length {
                    Some(length) if chunk.length == u64::from(u32::MAX) => length,
                    _ => chunk.length,
                };
                let end = end_of_data(bytes, kind, chunk.start, claimed);
                // A claim of the greatest number there is was never one.
                let missing = if claimed >= UNKNOWN && long_length.is_none() && kind != Kind::Wave64 {
                    0
                } else {
                    claimed.saturating_sub((end - chunk.start) as u64)
                };
                return format_chunk::stretches(format, kind.order(), &bytes[chunk.start..end], missing);
            }
            _ => {}
        }
        let end = usize::try_from(chunk.length).ok().and_then(|length| chunk.start.checked_add(length));
        let Some(end) = end.filter(|&end| end <= bytes.len()) else { break };
        place = kind.next(bytes, end).unwrap_or(end);
    }
    Err(damaged("its samples are missing"))
}

/// Where the data ends that begins there and claims to be so long: at the end of the file, unless the claim can be true
/// and either the whole file's length agrees with it or something else follows.
fn end_of_data(bytes: &[u8], kind: Kind, start: usize, claimed: u64) -> usize {
    let available = bytes.len() - start;
    let Ok(length) = usize::try_from(claimed) else { return bytes.len() };
    if length > available {
        return bytes.len();
    }
    let end = start + length;
    let follows = kind.next(bytes, end).and_then(|place| kind.chunk(bytes, place));
    let is_followed = follows.is_some_and(|chunk| chunk.start as u64 + chunk.length <= bytes.len() as u64);
    let rest = &bytes[end..];
    if rest.len() <= 1 || is_followed || rest.iter().all(|&byte| byte == 0) {
        return end;
    }
    let whole = whole_length(bytes, kind);
    let agrees = length > 0 && whole >= end as u64 && whole <= bytes.len() as u64 + 1;
    if agrees { end } else { bytes.len() }
}

/// How long the file says that it is.
fn whole_length(bytes: &[u8], kind: Kind) -> u64 {
    match kind {
        Kind::Wave64 => bytes.get(16..24).and_then(|length| length.try_into().ok()).map_or(0, u64::from_le_bytes),
        _ => kind.chunk(bytes, 0).map_or(0, |chunk| chunk.length + 8),
    }
}

/// What is there of a chunk.
fn content<'a>(bytes: &'a [u8], chunk: &Chunk<'_>) -> &'a [u8] {
    let rest = bytes.get(chunk.start..).unwrap_or_default();
    &rest[..usize::try_from(chunk.length).unwrap_or(usize::MAX).min(rest.len())]
}

fn damaged(detail: &str) -> SoundError {
    SoundError::Damaged { detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight-bit samples behind a header with those lengths, and what follows them.
    fn file(riff: u32, data: u32, samples: &[u8], behind: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF....WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3E\0\0\x80\x3E\0\0\x01\0\x08\0".to_vec();
        file.extend(b"odd \x03\0\0\0abc\0data....");
        let length = file.len();
        file[4..8].copy_from_slice(&riff.to_le_bytes());
        file[length - 4..].copy_from_slice(&data.to_le_bytes());
        file.extend(samples);
        file.extend(behind);
        file
    }

    /// The samples that are found, and how many are said to be missing.
    fn samples(bytes: &[u8], kind: Kind) -> Result<(Vec<u8>, f64), SoundError> {
        match stretches(bytes, kind)?.pop() {
            Some(Stretch::Packets(packets)) => Ok((packets.data.into_owned(), packets.missing * 16_000.0)),
            _ => panic!("packets"),
        }
    }

    #[test]
    fn true_lengths_count_and_false_ones_do_not() {
        let whole = (b"samples!".to_vec(), 0.0);
        for (riff, data) in
            [(56, 8), (36, 8), (0, 8), (u32::MAX, u32::MAX), (0, 0), (36, 0), (56, 0), (36, 3), (0, 0x8000_0000)]
        {
            assert_eq!(samples(&file(riff, data, b"samples!", b""), Kind::Riff).unwrap(), whole, "{riff}, {data}");
        }
        let list = b"LIST\x04\0\0\0INFO";
        for (riff, data) in [(68, 8), (36, 8), (0, 8)] {
            let found = samples(&file(riff, data, b"samples!", list), Kind::Riff).unwrap();
            assert_eq!(found, whole, "{riff}, {data}: the list behind is no sound");
        }
        assert_eq!(samples(&file(68, 0, b"", list), Kind::Riff).unwrap().0, b"", "a file without samples has none");
        assert_eq!(samples(&file(56, 8, b"samples!", b"\x01\x02\x03"), Kind::Riff).unwrap(), whole, "what is outside");
    }

    #[test]
    fn a_file_that_was_cut_off_says_how_much_is_missing() {
        assert_eq!(samples(&file(132, 108, b"samples!", b""), Kind::Riff).unwrap(), (b"samples!".to_vec(), 100.0));
    }

    #[test]
    fn a_chunk_of_odd_length_may_forget_to_be_filled_up() {
        let whole = file(56, 8, b"samples!", b"");
        let mut unfilled = whole.clone();
        unfilled.remove(47);
        assert_eq!(unfilled[44..51], *b"abcdata");
        assert_eq!(samples(&unfilled, Kind::Riff).unwrap().0, b"samples!");
    }

    #[test]
    fn a_file_without_format_or_samples_is_damaged() {
        let whole = file(56, 8, b"samples!", b"");
        for length in 0..whole.len() - 8 {
            assert!(matches!(samples(&whole[..length], Kind::Riff), Err(SoundError::Damaged { .. })), "{length} bytes");
        }
    }

    #[test]
    fn rifx_rf64_and_wave64_are_the_same_in_other_clothes() {
        let mut rifx = b"RIFX\0\0\0\x30WAVEfmt \0\0\0\x10\0\x01\0\x01\0\0\x3E\x80\0\0\x3E\x80\0\x02\0\x10".to_vec();
        rifx.extend(b"data\0\0\0\x04\x01\x02\x03\x04");
        let Some(Stretch::Packets(packets)) = stretches(&rifx, Kind::Rifx).unwrap().pop() else { panic!() };
        let big_endian = symphonia::core::codecs::audio::well_known::CODEC_ID_PCM_S16BE;
        assert_eq!((packets.parameters.codec, packets.parameters.sample_rate), (big_endian, Some(16_000)));
        assert_eq!(*packets.data, [1, 2, 3, 4]);

        let mut rf64 = b"RF64\xFF\xFF\xFF\xFFWAVEds64\x1C\0\0\0".to_vec();
        rf64.extend([0; 8]);
        rf64.extend(12u64.to_le_bytes());
        rf64.extend([0; 12]);
        rf64.extend(&file(0, u32::MAX, b"samples!", b"")[12..]);
        assert_eq!(samples(&rf64, Kind::Riff).unwrap(), (b"samples!".to_vec(), 4.0));

        let tail = [0xF3, 0xAC, 0xD3, 0x11, 0x8C, 0xD1, 0, 0xC0, 0x4F, 0x8E, 0xDB, 0x8A];
        let mut wave64 = b"riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\0\0".to_vec();
        wave64.extend(112u64.to_le_bytes());
        for (name, content) in [
            (b"wave", &[][..]),
            (b"fmt ", &b"\x01\0\x01\0\x80\x3E\0\0\x80\x3E\0\0\x01\0\x08\0"[..]),
            (b"data", &b"samples!"[..]),
        ] {
            wave64.extend(name);
            wave64.extend(tail);
            if name != b"wave" {
                wave64.extend((24 + content.len() as u64).to_le_bytes());
            }
            wave64.extend(content);
        }
        assert_eq!(samples(&wave64, Kind::Wave64).unwrap(), (b"samples!".to_vec(), 0.0));
    }
}
