//! Looks over an MP4, M4A, 3GP or QuickTime file before symphonia's reader does (ISO/IEC 14496-12, and Apple's QuickTime
//! File Format).
//!
//! The reader wants the first box to say what the file is, and the last one to be whole; it knows some codecs by name only,
//! and it passes over the list of edits, by which an encoder says how much silence it has put in front. All of that is
//! mended or read here.

use std::borrow::Cow;

use super::descriptor::Stream;
use super::packets::{Kept, scaled};
use super::{Contained, Container, Stretch};
use crate::SoundError;

/// Boxes with which such files begin.
const FIRST: [&[u8]; 8] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"];

/// A sound track, by its number in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoundTrack {
    pub id: u32,
    /// What it is encoded with, as people call it.
    pub codec: String,
    pub kept: Kept,
}

/// Whether the bytes begin as such a file does.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    let name = bytes.get(4..8).unwrap_or_default();
    name == b"ftyp" || (FIRST.contains(&name) && (child(bytes, b"moov").is_some() || child(bytes, b"mdat").is_some()))
}

/// The file with what is missing in its boxes, and what its tracks say of themselves.
///
/// # Errors
/// [`SoundError::Damaged`] where the index is missing, [`SoundError::Empty`] where it lists no sound.
pub(crate) fn stretch(bytes: &[u8]) -> Result<Stretch<'_>, SoundError> {
    let Some(movie) = child(bytes, b"moov") else {
        return Err(SoundError::Damaged { detail: "its index is missing: the recording was not finished".into() });
    };
    let tracks: Vec<SoundTrack> = boxes(movie.content)
        .filter(|each| each.name == b"trak")
        .filter_map(|each| track(movie.content, each.content))
        .collect();
    if tracks.is_empty() {
        return Err(SoundError::Empty);
    }
    Ok(Stretch::Contained(Contained { container: Container::Mp4, bytes: mended(bytes), tracks }))
}

/// The last box reaches to the end of the file, whatever its length says; where no box says that this is such a file, one
/// at the end does: in front it would move all that the index points to.
fn mended(bytes: &[u8]) -> Cow<'_, [u8]> {
    let needs_type = child(bytes, b"ftyp").is_none();
    let last = boxes(bytes).last().filter(|last| last.is_cut || (needs_type && last.is_open));
    if !needs_type && last.is_none() {
        return bytes.into();
    }
    let mut mended = bytes.to_vec();
    if let Some(last) = last {
        let length = bytes.len() - last.place;
        match (last.header, u32::try_from(length)) {
            (16, _) => mended[last.place + 8..last.place + 16].copy_from_slice(&(length as u64).to_be_bytes()),
            (_, Ok(length)) => mended[last.place..last.place + 4].copy_from_slice(&length.to_be_bytes()),
            // An open end for more than four bytes can count.
            (_, Err(_)) => mended[last.place..last.place + 4].fill(0),
        }
    }
    if needs_type {
        mended.extend(b"\0\0\0\x10ftypqt  \0\0\0\0");
    }
    mended.into()
}

/// What a track says of itself; None where it is no sound.
fn track(movie: &[u8], track: &[u8]) -> Option<SoundTrack> {
    let media = child(track, b"mdia")?.content;
    if child(media, b"hdlr")?.content.get(8..12)? != b"soun" {
        return None;
    }
    let entry = descend(media, &[b"minf", b"stbl", b"stsd"])?.get(8..)?;
    let header = child(track, b"tkhd")?.content;
    let kept = edits(movie, track, media).or_else(|| itunes_gap(movie, media)).unwrap_or_else(Kept::all);
    Some(SoundTrack { id: number(header, time_place(header))?, codec: codec(entry), kept })
}

/// What the list of edits keeps. A list that plays parts at another speed or in another order is passed over: nothing of
/// the sound is to be lost.
fn edits(movie: &[u8], track: &[u8], media: &[u8]) -> Option<Kept> {
    let list = descend(track, &[b"edts", b"elst"])?;
    let per_second = timescale(child(media, b"mdhd")?.content)?;
    let movie_scale = timescale(child(movie, b"mvhd")?.content)?;
    let is_fragmented = child(movie, b"mvex").is_some();
    let is_long = *list.first()? == 1;
    let mut kept = Kept { ranges: Vec::new(), per_second };
    for entry in list.get(8..)?.chunks_exact(if is_long { 20 } else { 12 }).take(number(list, 4)? as usize) {
        let (length, start, rate) = if is_long {
            (long(entry, 0)?, long(entry, 8)? as i64, &entry[16..])
        } else {
            (u64::from(number(entry, 0)?), i64::from(number(entry, 4)? as i32), &entry[8..])
        };
        // A pause before the sound is a matter of pictures.
        let Ok(start) = u64::try_from(start) else { continue };
        if rate != [0, 1, 0, 0] || kept.ranges.last().is_some_and(|last| last.end > start) {
            return None;
        }
        let is_open = length == 0 || is_fragmented;
        let end = if is_open { u64::MAX } else { start.saturating_add(scaled(length, per_second, movie_scale)) };
        kept.ranges.push(start..end);
    }
    (!kept.ranges.is_empty()).then_some(kept)
}

/// What iTunes and Apple's older encoders write beside the track: in hexadecimal, behind a zero, the samples of silence in
/// front and behind, and how many samples there are between them.
fn itunes_gap(movie: &[u8], media: &[u8]) -> Option<Kept> {
    let name = b"iTunSMPB";
    let place = movie.windows(name.len()).position(|window| window == name)? + name.len();
    // A box "data" follows: its length, its name, eight bytes, then the text.
    let text = std::str::from_utf8(movie.get(place + 16..place + 16 + 45)?).ok()?;
    let mut numbers = text.split_whitespace().skip(1).map(|number| u64::from_str_radix(number, 16));
    let (Ok(front), Ok(_behind), Ok(length)) = (numbers.next()?, numbers.next()?, numbers.next()?) else { return None };
    let kept = front..front.checked_add(length)?;
    Some(Kept::one(kept, timescale(child(media, b"mdhd")?.content)?))
}

/// What the description of a track's samples says that they are encoded with.
fn codec(entry: &[u8]) -> String {
    let name = match entry.get(4..8).unwrap_or_default() {
        b"mp4a" => match descriptor(entry).map(|stream| stream.kind) {
            Some(0xDD) => "Vorbis",
            Some(0x69 | 0x6B) => "MP3",
            Some(0xA5) => "AC-3",
            Some(0xA6) => "E-AC-3",
            Some(0xA9..=0xAC) => "DTS",
            Some(0xAD) => "Opus",
            Some(0xE1) => "QCELP",
            _ => "this kind of AAC",
        },
        b"samr" => "AMR-NB",
        b"sawb" | b"sawp" => "AMR-WB",
        b"Opus" => "Opus",
        b"alac" => "this kind of Apple Lossless",
        b"fLaC" => "FLAC",
        b".mp3" => "MP3",
        b"ac-3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"sqcp" | b"Qclp" => "QCELP",
        b"sevc" => "EVRC",
        b"agsm" => "GSM 6.10",
        b"ima4" => "IMA ADPCM",
        b"QDM2" | b"QDMC" => "QDesign Music",
        b"MAC3" | b"MAC6" => "MACE",
        b"drms" | b"enca" => "copy-protected sound",
        other => return format!("an unknown codec ({:?})", String::from_utf8_lossy(other)),
    };
    name.to_owned()
}

/// The elementary stream descriptor in the description of a track's samples, after four bytes of version.
fn descriptor(entry: &[u8]) -> Option<Stream<'_>> {
    let place = entry.windows(4).position(|name| name == b"esds")?;
    Stream::read(entry.get(place + 8..)?)
}

/// Where a header of a movie, track or media has what follows its two dates.
fn time_place(header: &[u8]) -> usize {
    if header.first() == Some(&1) { 20 } else { 12 }
}

fn timescale(header: &[u8]) -> Option<u32> {
    number(header, time_place(header)).filter(|&scale| scale > 0)
}

fn number(bytes: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(place..place + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], place: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(place..place + 8)?.try_into().ok()?))
}

/// The content of a box in a box in a box.
fn descend<'a>(bytes: &'a [u8], names: &[&[u8; 4]]) -> Option<&'a [u8]> {
    names.iter().try_fold(bytes, |bytes, name| child(bytes, name).map(|child| child.content))
}

fn child<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<Atom<'a>> {
    boxes(bytes).find(|each| each.name == name)
}

/// A part of the file, which QuickTime calls an atom and MPEG a box.
struct Atom<'a> {
    place: usize,
    /// Bytes of its length and name.
    header: usize,
    name: &'a [u8],
    /// As much as there is of it.
    content: &'a [u8],
    is_cut: bool,
    /// It says that it reaches to the end, wherever that is.
    is_open: bool,
}

/// The boxes that follow each other in these bytes.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = Atom<'_>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let place = next;
        let name = bytes.get(place + 4..place + 8)?;
        let (header, length) = match number(bytes, place)? {
            0 => (8, (bytes.len() - place) as u64),
            1 => (16, long(bytes, place + 8)?),
            length => (8, u64::from(length)),
        };
        let is_open = number(bytes, place)? == 0;
        let end = usize::try_from(length).ok().and_then(|length| place.checked_add(length)).unwrap_or(usize::MAX);
        let is_cut = end > bytes.len();
        next = end.min(bytes.len());
        let content = bytes.get(place + header..next)?;
        Some(Atom { place, header, name, content, is_cut, is_open })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut boxed = (8 + content.len() as u32).to_be_bytes().to_vec();
        boxed.extend(name);
        boxed.extend(content);
        boxed
    }

    /// Dates, then a number.
    fn header(number: u32) -> Vec<u8> {
        let mut header = vec![0; 12];
        header.extend(number.to_be_bytes());
        header
    }

    /// A movie of which a second has 1,000 units, with a sound track of which a second has 8,000, and its edits.
    fn movie(entry: &[u8], edits: &[(u32, i32)], beside: &[u8]) -> Vec<u8> {
        let mut list = vec![0; 4];
        list.extend((edits.len() as u32).to_be_bytes());
        for (length, start) in edits {
            list.extend(length.to_be_bytes());
            list.extend(start.to_be_bytes());
            list.extend([0, 1, 0, 0]);
        }
        let description = [vec![0, 0, 0, 0, 0, 0, 0, 1], entry.to_vec()].concat();
        let samples = boxed(b"minf", &boxed(b"stbl", &boxed(b"stsd", &description)));
        let media = [boxed(b"mdhd", &header(8_000)), boxed(b"hdlr", b"\0\0\0\0mhlrsoun"), samples].concat();
        let edits = if edits.is_empty() { Vec::new() } else { boxed(b"edts", &boxed(b"elst", &list)) };
        let track = [boxed(b"tkhd", &header(7)), edits, boxed(b"mdia", &media)].concat();
        boxed(b"moov", &[boxed(b"mvhd", &header(1_000)), boxed(b"trak", &track), beside.to_vec()].concat())
    }

    fn sound_track(file: &[u8]) -> SoundTrack {
        match stretch(file) {
            Ok(Stretch::Contained(Contained { tracks, .. })) => tracks[0].clone(),
            _ => panic!("a file with one track"),
        }
    }

    fn kept(edits: &[(u32, i32)]) -> Kept {
        sound_track(&movie(b"\0\0\0\x08mp4a", edits, b"")).kept
    }

    #[test]
    fn edits_say_which_part_of_a_track_is_its_sound() {
        let of = |ranges: &[(u64, u64)]| Kept {
            ranges: ranges.iter().map(|&(start, end)| start..end).collect(),
            per_second: 8_000,
        };
        assert_eq!(kept(&[(1_000, 1_024)]), of(&[(1_024, 9_024)]), "one second behind the encoder's silence");
        assert_eq!(kept(&[(0, 1_024)]), of(&[(1_024, u64::MAX)]), "of unknown length");
        assert_eq!(kept(&[(500, -1), (1_000, 1_024)]), of(&[(1_024, 9_024)]), "after a pause");
        assert_eq!(kept(&[(100, 800), (100, 4_000)]), of(&[(800, 1_600), (4_000, 4_800)]), "two parts");
        assert_eq!(kept(&[(100, 4_000), (100, 800)]), Kept::all(), "turned round: all of it");
        assert_eq!(kept(&[]), Kept::all());
    }

    #[test]
    fn itunes_has_a_text_of_its_own() {
        let text = b" 00000000 00000840 000001CA 00000000003F31F6 00000000 00000000";
        let data = boxed(b"data", &[vec![0; 8], text.to_vec()].concat());
        let beside = boxed(b"udta", &[b"iTunSMPB".to_vec(), data].concat());
        let kept = sound_track(&movie(b"\0\0\0\x08mp4a", &[], &beside)).kept;
        assert_eq!(kept, Kept::one(0x840..0x840 + 0x3F_31F6, 8_000));
    }

    #[test]
    fn a_codec_is_called_by_its_name() {
        let codec = |entry: &[u8]| sound_track(&movie(entry, &[], b"")).codec;
        assert_eq!(codec(b"\0\0\0\x08samr"), "AMR-NB");
        assert_eq!(codec(b"\0\0\0\x08abcd"), "an unknown codec (\"abcd\")");
        let vorbis =
            b"\0\0\0\x24mp4a....\0\0\0\x18esds\0\0\0\0\x03\x80\x80\x80\x09\0\x01\0\x04\x80\x80\x80\x04\xDD\x15";
        assert_eq!(codec(vorbis), "Vorbis");
    }

    #[test]
    fn what_boxes_lack_is_mended() {
        let file = |movie: &[u8]| match stretch(movie).unwrap() {
            Stretch::Contained(Contained { bytes, .. }) => bytes.into_owned(),
            _ => panic!("a file"),
        };
        let kind = boxed(b"ftyp", b"M4A \0\0\0\0");
        let movie = movie(b"\0\0\0\x08mp4a", &[], b"");
        let whole = [kind.clone(), movie.clone(), boxed(b"mdat", b"sound")].concat();
        assert_eq!(file(&whole), whole);
        let cut = [kind, movie.clone(), boxed(b"mdat", b"so")].concat();
        assert_eq!(file(&whole[..whole.len() - 3]), cut, "what is left of its sound is all of it");
        let untyped = [movie.clone(), b"\0\0\0\0mdatsound".to_vec()].concat();
        let typed = [movie, boxed(b"mdat", b"sound"), boxed(b"ftyp", b"qt  \0\0\0\0")].concat();
        assert!(is_one(&untyped));
        assert_eq!(file(&untyped), typed);
    }

    #[test]
    fn a_file_without_its_index_is_damaged_and_one_without_sound_is_empty() {
        let data = [boxed(b"ftyp", b"M4A \0\0\0\0"), boxed(b"mdat", b"sound")].concat();
        assert!(matches!(stretch(&data), Err(SoundError::Damaged { .. })));
        assert!(matches!(stretch(&boxed(b"moov", b"")), Err(SoundError::Empty)));
        assert!(!is_one(b"\0\0\0\x08freeand something else"));
    }
}
