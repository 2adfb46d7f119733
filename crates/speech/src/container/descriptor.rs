//! Elementary stream descriptors (ISO/IEC 14496-1 §7.2.6), by which MP4 and CAF files say what an MPEG decoder has to know.

/// Tags of a stream's description, of its decoder's configuration in that, and of what only that decoder understands.
const STREAM: u8 = 3;
const CONFIGURATION: u8 = 4;
const SPECIFIC: u8 = 5;

/// What a stream's description says.
pub(crate) struct Stream<'a> {
    /// The kind of encoding: 0x40 for AAC.
    pub kind: u8,
    /// For AAC, its `AudioSpecificConfig`.
    pub specific: Option<&'a [u8]>,
}

impl Stream<'_> {
    pub(crate) fn read(bytes: &[u8]) -> Option<Stream<'_>> {
        // An id of two bytes and flags, for a stream that depends on another and for one with a clock.
        let stream = content(bytes, STREAM)?;
        let flags = *stream.get(2)?;
        let extra = if flags & 0x80 != 0 { 2 } else { 0 } + if flags & 0x20 != 0 { 2 } else { 0 };
        let configuration = content(stream.get(3 + extra..)?, CONFIGURATION)?;
        // Behind the kind come twelve bytes of buffers and bit rates.
        let specific = configuration.get(13..).and_then(|rest| content(rest, SPECIFIC));
        Some(Stream { kind: *configuration.first()?, specific })
    }
}

/// What follows a tag: its length, seven bits a byte in up to four bytes, then as much; less where it is cut off.
fn content(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (&first, mut rest) = bytes.split_first()?;
    let mut length = 0;
    for _ in 0..4 {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        length = length << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    (first == tag).then(|| &rest[..length.min(rest.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_gives_the_kind_and_what_the_decoder_needs() {
        // As ffmpeg writes it for AAC-LC at 44.1 kHz, mono: lengths in four bytes.
        let bytes = b"\x03\x80\x80\x80\x25\0\x01\0\x04\x80\x80\x80\x17\x40\x15\0\0\0\0\0\xFA\0\0\0\xFA\0\
            \x05\x80\x80\x80\x05\x12\x08\x56\xE5\0\x06\x80\x80\x80\x01\x02";
        let stream = Stream::read(bytes).unwrap();
        assert_eq!((stream.kind, stream.specific), (0x40, Some(&b"\x12\x08\x56\xE5\0"[..])));
        let short = Stream::read(b"\x03\x13\0\x01\x20\0\x02\x04\x0D\x6B\x15\0\0\0\0\0\0\0\0\0\0\0").unwrap();
        assert_eq!((short.kind, short.specific), (0x6B, None), "lengths in one byte, and a clock");
        for length in 0..14 {
            assert!(Stream::read(&bytes[..length]).is_none(), "{length} bytes");
        }
    }
}
