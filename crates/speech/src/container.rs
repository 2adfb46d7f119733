//! Which kind of sound file some bytes are, by their first bytes: a file's name may say anything.

use crate::SoundError;

/// A kind of file that can be decoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Wav,
    Flac,
    Mp3,
    Adts,
    Ogg,
    Mp4,
}

impl Container {
    /// Looks at the first bytes.
    pub(crate) fn of(bytes: &[u8]) -> Result<Container, SoundError> {
        let unsupported = |format: &str| {
            Err(SoundError::Unsupported {
                format: format.into(),
            })
        };
        match bytes {
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'A',
                b'V',
                b'E',
                ..,
            ] => Ok(Container::Wav),
            [b'f', b'L', b'a', b'C', ..] => Ok(Container::Flac),
            [b'O', b'g', b'g', b'S', ..] => Ok(Container::Ogg),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Ok(Container::Mp4),
            [0x1A, 0x45, 0xDF, 0xA3, ..] => unsupported("a WebM recording"),
            [0xFF, second, ..] if second & 0xF6 == 0xF0 => Ok(Container::Adts),
            [0xFF, second, ..] if second & 0xE0 == 0xE0 => Ok(Container::Mp3),
            _ => Err(SoundError::NotSound),
        }
    }
}
