//! Which kind of sound file some bytes are: by the bytes, for a file's name may say anything. Nothing is decoded here.

mod vorbis;
mod wav;

use std::borrow::Cow;

use crate::SoundError;

/// A kind of file that can be decoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Wav,
    Flac,
    Mp3,
    /// AAC frames without a container.
    Adts,
    Ogg,
    Mp4,
}

/// Name endings of sound, for files of which nothing else is known.
const SOUND_ENDINGS: [&str; 16] = [
    "aac", "aif", "aiff", "amr", "caf", "flac", "m4a", "mp3", "mp4", "oga", "ogg", "opus", "wav", "weba", "webm", "wma",
];

/// A file's kind and its bytes: without an ID3 tag in front, and with what a recorder left unfinished in its header
/// mended.
///
/// # Errors
/// [`SoundError::Unsupported`] for sound of a kind that a browser's decoder may know, [`SoundError::Damaged`] for
/// headers no decoder should see, else [`SoundError::NotSound`].
pub(crate) fn identify<'a>(bytes: &'a [u8], file_name: Option<&str>) -> Result<(Container, Cow<'a, [u8]>), SoundError> {
    let unsupported = |format: &str| Err(SoundError::Unsupported { format: format.into() });
    let bytes = after_id3(bytes);
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => {
            wav::mend(bytes).map(|bytes| (Container::Wav, bytes))
        }
        [b'f', b'L', b'a', b'C', ..] => Ok((Container::Flac, bytes.into())),
        [b'O', b'g', b'g', b'S', ..] => vorbis::check(bytes).map(|()| (Container::Ogg, bytes.into())),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Ok((Container::Mp4, bytes.into())),
        [0x1A, 0x45, 0xDF, 0xA3, ..] => unsupported("a WebM recording"),
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', ..] => unsupported("an AIFF file"),
        [b'R', b'I', b'F', b'X', ..] | [b'R', b'F', b'6', b'4', ..] => unsupported("this rare kind of WAV file"),
        [b'c', b'a', b'f', b'f', ..] => unsupported("a CAF file"),
        [b'#', b'!', b'A', b'M', b'R', ..] => unsupported("an AMR recording"),
        [0x30, 0x26, 0xB2, 0x75, ..] => unsupported("a WMA file"),
        _ => match mpeg_frame(bytes) {
            Some(MpegFrame::Layer3) => Ok((Container::Mp3, bytes.into())),
            Some(MpegFrame::Adts) => Ok((Container::Adts, bytes.into())),
            Some(MpegFrame::Layer2) => unsupported("an MP2 file"),
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

/// Skips ID3v2 tags: ten bytes with a length of four times seven bits, then that many.
fn after_id3(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b'I', b'D', b'3', _, _, _, a, b, c, d, tagged @ ..] = rest {
        let length = [a, b, c, d].iter().fold(0, |length, &&byte| length << 7 | usize::from(byte & 0x7F));
        rest = tagged.get(length..).unwrap_or_default();
    }
    rest
}

enum MpegFrame {
    Layer3,
    Layer2,
    Adts,
}

/// The kind of MPEG audio whose frame header the bytes begin with (ISO/IEC 11172-3 §2.4.2.3, 13818-7 §6.2). A header is
/// mostly eleven set bits, so reserved values count as no header; nor does layer I, which nobody uses and whose header
/// is also how text in UTF-16 begins.
fn mpeg_frame(bytes: &[u8]) -> Option<MpegFrame> {
    let &[0xFF, second, third, ..] = bytes else {
        return None;
    };
    let version = second >> 3 & 0b11;
    let layer = second >> 1 & 0b11;
    let bit_rate = third >> 4;
    let rate = third >> 2 & 0b11;
    match layer {
        0b00 if second & 0xF0 == 0xF0 && third >> 2 & 0b1111 < 13 => Some(MpegFrame::Adts),
        _ if second & 0xE0 != 0xE0 || version == 0b01 || bit_rate == 0b1111 || rate == 0b11 => None,
        0b01 => Some(MpegFrame::Layer3),
        0b10 => Some(MpegFrame::Layer2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_say_whatever_its_name() {
        let kind = |bytes: &[u8]| identify(bytes, Some("a.txt")).map(|(container, _)| container);
        assert_eq!(kind(b"RIFF\0\0\0\0WAVEfmt "), Ok(Container::Wav));
        assert_eq!(kind(b"fLaC\0\0\0\x22"), Ok(Container::Flac));
        assert_eq!(kind(b"\0\0\0\x20ftypM4A "), Ok(Container::Mp4));
        assert_eq!(kind(b"\xFF\xFB\x90\x64"), Ok(Container::Mp3));
        assert_eq!(kind(b"\xFF\xF1\x50\x80"), Ok(Container::Adts));
        assert_eq!(kind(b"ID3\x04\0\0\0\0\0\x03...\xFF\xFB\x90\x64"), Ok(Container::Mp3));
    }

    #[test]
    fn what_only_a_browser_can_decode_is_unsupported_and_says_what_it_is() {
        let format = |bytes: &[u8], name| match identify(bytes, name) {
            Err(SoundError::Unsupported { format }) => format,
            other => panic!("{other:?}"),
        };
        assert_eq!(format(b"\x1A\x45\xDF\xA3\x01", None), "a WebM recording");
        assert_eq!(format(b"\x01\x02\x03\x04", Some("strange.MP3")), "this .mp3 file");
    }

    #[test]
    fn text_is_no_sound_under_any_name() {
        let text = b"file,speaker,emotion\nmann.wav,1,angry\n";
        for name in [None, Some("notes.txt"), Some("renamed.wav"), Some("renamed.mp3")] {
            assert_eq!(identify(text, name), Err(SoundError::NotSound));
        }
        assert_eq!(identify("größer, ÿ".as_bytes(), Some("a.wav")), Err(SoundError::NotSound));
        // UTF-16 begins as an MPEG frame of layer I does.
        assert_eq!(identify(b"\xFF\xFEa\0b\0", None), Err(SoundError::NotSound));
    }
}
