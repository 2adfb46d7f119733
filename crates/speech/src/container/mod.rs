//! Which kind of sound file some bytes are: by the bytes, for a file's name may say anything. Headers are read here, and
//! what a recorder left unfinished in them is mended; nothing is decoded.

mod aiff;
mod caf;
mod descriptor;
mod format_chunk;
mod gsm;
mod mp4;
mod mpeg;
mod ogg;
pub(crate) mod opus;
mod packets;
mod plain;
mod riff;
mod vorbis;
mod webm;

use std::borrow::Cow;

pub(crate) use self::mp4::SoundTrack;
#[cfg(test)]
pub(crate) use self::packets::Packet;
pub(crate) use self::packets::{Kept, Packets};
use crate::SoundError;

/// A part of a file that is decoded by itself. There are several where recordings were joined.
pub(crate) enum Stretch<'a> {
    /// Behind a header that was read here, or none.
    Packets(Packets<'a>),
    /// In a container that a reader of symphonia's takes apart.
    Contained(Contained<'a>),
    /// One among others that can't be read.
    Unreadable(SoundError),
}

/// A whole file of a container.
pub(crate) struct Contained<'a> {
    pub container: Container,
    pub bytes: Cow<'a, [u8]>,
    /// What the file says of its sound tracks, where the reader doesn't.
    pub tracks: Vec<SoundTrack>,
}

/// A container that is read by symphonia.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Flac,
    /// AAC frames without a container.
    Adts,
    Ogg,
    Mp4,
}

/// In which order the bytes of a number stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self == Order::Little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == Order::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }
}

/// Name endings of sound, for files of which nothing else is known.
const SOUND_ENDINGS: [&str; 27] = [
    "3gp", "aac", "aif", "aifc", "aiff", "amr", "ape", "au", "caf", "flac", "m4a", "mka", "mov", "mp2", "mp3", "mp4",
    "oga", "ogg", "opus", "snd", "sph", "w64", "wav", "weba", "webm", "wma", "wv",
];

/// Beginnings of sound that is not read here, and what it is called.
const UNREAD: [(&[u8], &str); 15] = [
    (b"#!AMR-WB", "an AMR-WB recording"),
    (b"#!AMR", "an AMR-NB recording"),
    (b"#!SILK", "a SILK voice message"),
    (b"\x02#!SILK", "a SILK voice message"),
    (b"\x30\x26\xB2\x75", "a WMA file"),
    (b"wvpk", "a WavPack file"),
    (b"MAC ", "a Monkey's Audio file"),
    (b"MPCK", "a Musepack file"),
    (b"MP+", "a Musepack file"),
    (b"TTA1", "a True Audio file"),
    (b"ajkg", "a Shorten file"),
    (b"Creative Voice File", "a Creative VOC file"),
    (b".RMF", "a RealAudio file"),
    (b".ra\xFD", "a RealAudio file"),
    (b"DSD ", "a DSD file"),
];

/// What a file consists of, without an ID3 tag in front; at least one stretch.
///
/// # Errors
/// [`SoundError::Unsupported`] for sound of a kind that a browser's decoder may know, [`SoundError::Damaged`] for
/// headers no decoder should see, [`SoundError::Ambiguous`], [`SoundError::Empty`], else [`SoundError::NotSound`].
pub(crate) fn stretches<'a>(bytes: &'a [u8], file_name: Option<&str>) -> Result<Vec<Stretch<'a>>, SoundError> {
    let bytes = after_id3(bytes);
    let one = |stretch: Result<Stretch<'a>, SoundError>| stretch.map(|stretch| vec![stretch]);
    let contained =
        |container| one(Ok(Stretch::Contained(Contained { container, bytes: bytes.into(), tracks: Vec::new() })));
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => riff::stretches(bytes, riff::Kind::Riff),
        [b'R', b'I', b'F', b'X', _, _, _, _, b'W', b'A', b'V', b'E', ..] => riff::stretches(bytes, riff::Kind::Rifx),
        [b'R', b'F', b'6', b'4', ..] | [b'B', b'W', b'6', b'4', ..] => riff::stretches(bytes, riff::Kind::Riff),
        [b'r', b'i', b'f', b'f', 0x2E, 0x91, 0xCF, 0x11, ..] => riff::stretches(bytes, riff::Kind::Wave64),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => {
            Err(SoundError::Unsupported { format: "an AVI video".into() })
        }
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', ..] => one(aiff::stretch(bytes)),
        [b'c', b'a', b'f', b'f', ..] => one(caf::stretch(bytes)),
        [b'.', b's', b'n', b'd', ..] => one(plain::au(bytes, Order::Big)),
        [b'd', b'n', b's', b'.', ..] => one(plain::au(bytes, Order::Little)),
        [b'N', b'I', b'S', b'T', b'_', b'1', b'A', ..] => one(plain::sphere(bytes)),
        [b'f', b'L', b'a', b'C', ..] => contained(Container::Flac),
        [b'O', b'g', b'g', b'S', ..] => Ok(ogg::stretches(bytes)),
        [0x1A, 0x45, 0xDF, 0xA3, ..] => one(webm::stretch(bytes)),
        _ if mp4::is_one(bytes) => one(mp4::stretch(bytes)),
        _ if is_adts(bytes) => contained(Container::Adts),
        _ => match UNREAD.iter().find(|(beginning, _)| bytes.starts_with(beginning)) {
            Some((_, name)) => Err(SoundError::Unsupported { format: (*name).into() }),
            None if mpeg::first_frame(bytes).is_some() => mpeg::stretches(bytes),
            None => Err(unknown(bytes, file_name)),
        },
    }
}

/// Bytes that begin like nothing known: text is no sound under any name, but for the rest the name may say that a
/// browser should try.
fn unknown(bytes: &[u8], file_name: Option<&str>) -> SoundError {
    let start = &bytes[..bytes.len().min(1_024)];
    let is_text = start.iter().all(|&byte| byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r'));
    let ending = file_name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    match ending {
        Some(ending) if !is_text && SOUND_ENDINGS.contains(&ending.as_str()) => {
            SoundError::Unsupported { format: format!("this .{ending} file") }
        }
        _ => SoundError::NotSound,
    }
}

/// Skips ID3v2 tags: ten bytes with a length of four times seven bits, then that many, and ten more where the flags say
/// that the tag has an end as it has a beginning; then the zeros that some programs leave behind it.
fn after_id3(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b'I', b'D', b'3', _, _, flags, a, b, c, d, tagged @ ..] = rest {
        let length = [a, b, c, d].iter().fold(0, |length, &&byte| length << 7 | usize::from(byte & 0x7F));
        let footer = if flags & 0x10 != 0 { 10 } else { 0 };
        rest = tagged.get(length + footer..).unwrap_or_default();
        rest = &rest[rest.iter().take_while(|&&byte| byte == 0).count()..];
    }
    rest
}

/// Whether the bytes begin with an AAC frame (ISO/IEC 13818-7 §6.2): twelve set bits, layer 0, a sample rate of which there
/// are 13.
fn is_adts(bytes: &[u8]) -> bool {
    matches!(bytes, &[0xFF, second, third, ..] if second & 0xF6 == 0xF0 && third >> 2 & 0b1111 < 13)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file is told to be, in a word.
    fn kind(bytes: &[u8], name: Option<&str>) -> Result<&'static str, SoundError> {
        Ok(match stretches(bytes, name)?.as_slice() {
            [Stretch::Packets(_)] => "packets",
            [Stretch::Contained(Contained { container: Container::Flac, .. })] => "FLAC",
            [Stretch::Contained(Contained { container: Container::Adts, .. })] => "ADTS",
            [Stretch::Contained(Contained { container: Container::Ogg, .. })] => "Ogg",
            [Stretch::Contained(Contained { container: Container::Mp4, .. })] => "MP4",
            _ => "something else",
        })
    }

    #[test]
    fn a_file_is_what_its_bytes_say_whatever_its_name() {
        let kind = |bytes: &[u8]| kind(bytes, Some("a.txt"));
        assert_eq!(kind(b"fLaC\0\0\0\x22"), Ok("FLAC"));
        assert_eq!(kind(b"\xFF\xF1\x50\x80"), Ok("ADTS"));
        assert_eq!(kind(b"ID3\x04\0\0\0\0\0\x03...\0\0\0\0fLaC\0\0\0\x22"), Ok("FLAC"));
        let mp3 = [vec![0xFF, 0xFB, 0x90, 0x64], vec![0; 413]].concat().repeat(3);
        assert_eq!(kind(&mp3), Ok("packets"));
        assert_eq!(kind(&[b"ID3\x04\0\0\0\0\0\x03...".to_vec(), mp3.clone()].concat()), Ok("packets"));
        assert_eq!(kind(&[b"ID3\x04\0\x10\0\0\0\x03...3DI\x04\0\x10\0\0\0\x03".to_vec(), mp3].concat()), Ok("packets"));
        let wav = b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3E\0\0\0\x7D\0\0\x02\0\x10\0data\x02\0\0\0\0\0";
        assert_eq!(kind(wav), Ok("packets"));
        assert!(matches!(kind(b"\0\0\0\x10ftypM4A \0\0\0\0"), Err(SoundError::Damaged { .. })));
    }

    #[test]
    fn what_is_not_read_says_what_it_is() {
        let format = |bytes: &[u8], name| match kind(bytes, name) {
            Err(SoundError::Unsupported { format }) => format,
            other => panic!("{other:?}"),
        };
        assert_eq!(format(b"#!AMR\n\x0C", None), "an AMR-NB recording");
        assert_eq!(format(b"#!AMR-WB\n\x0C", None), "an AMR-WB recording");
        assert_eq!(format(b"\x01\x02\x03\x04", Some("strange.MP3")), "this .mp3 file");
    }

    #[test]
    fn text_is_no_sound_under_any_name() {
        let text = b"file,speaker,emotion\nmann.wav,1,angry\n";
        for name in [None, Some("notes.txt"), Some("renamed.wav"), Some("renamed.mp3")] {
            assert_eq!(kind(text, name), Err(SoundError::NotSound));
        }
        assert_eq!(kind("größer, ÿ".as_bytes(), Some("a.wav")), Err(SoundError::NotSound));
        // UTF-16 begins as an MPEG frame of layer I does.
        assert_eq!(kind(b"\xFF\xFEa\0b\0", None), Err(SoundError::NotSound));
    }
}
