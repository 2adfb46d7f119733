//! Takes an Ogg file apart into the recordings that are chained in it (RFC 3533 §4), each of which is a whole Ogg file, and
//! says of what each consists. Internet radio and recorders that begin anew write such chains.

use super::{Contained, Container, Stretch, opus, vorbis};
use crate::SoundError;

/// Bytes of a page's header before the lengths of its segments.
const HEADER: usize = 27;
/// Flags of a page: its first packet began on the one before, a logical stream begins with it, or ends.
const CONTINUES: u8 = 1;
const BEGINS: u8 = 2;
const ENDS: u8 = 4;

/// The sound of such a file, one stretch for each link of the chain.
pub(crate) fn stretches(bytes: &[u8]) -> Vec<Stretch<'_>> {
    links(bytes).into_iter().map(|link| stretch(link).unwrap_or_else(Stretch::Unreadable)).collect()
}

/// One link: the first of its streams that is sound decides.
///
/// # Errors
/// As [`vorbis::check`] and [`opus::in_ogg`]; [`SoundError::Unsupported`] where there is no sound in it that is read here.
fn stretch(link: &[u8]) -> Result<Stretch<'_>, SoundError> {
    let mut other = "this kind of OGG file";
    for page in pages(link).take_while(|page| page.begins) {
        match page.content {
            [1, b'v', b'o', b'r', b'b', b'i', b's', ..] => {
                vorbis::check(&link[page.place..])?;
                return Ok(contained(link));
            }
            [0x7F, b'F', b'L', b'A', b'C', ..] => return Ok(contained(link)),
            [b'O', b'p', b'u', b's', b'H', ..] => return opus::in_ogg(pages(link), page.serial),
            [b'S', b'p', b'e', b'e', b'x', ..] => other = "a Speex recording",
            _ => {}
        }
    }
    Err(SoundError::Unsupported { format: other.into() })
}

fn contained(link: &[u8]) -> Stretch<'_> {
    Stretch::Contained(Contained { container: Container::Ogg, bytes: link.into(), tracks: Vec::new() })
}

/// A new link begins where streams begin after others have gone on.
fn links(bytes: &[u8]) -> Vec<&[u8]> {
    let mut starts = vec![0];
    let mut was_beginning = true;
    for page in pages(bytes) {
        if page.begins && !was_beginning {
            starts.push(page.place);
        }
        was_beginning = page.begins;
    }
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &bytes[start..end]).collect()
}

pub(crate) struct Page<'a> {
    place: usize,
    /// Of its logical stream.
    pub serial: u32,
    pub continues: bool,
    begins: bool,
    pub ends: bool,
    /// Behind the last packet that ends on it, in the units of its stream.
    pub position: i64,
    /// Of the segments; a packet ends with one of less than 255 bytes.
    pub lengths: &'a [u8],
    /// As much as there is of it.
    pub content: &'a [u8],
}

/// The pages of a file, passing over what is none.
pub(crate) fn pages(bytes: &[u8]) -> impl Iterator<Item = Page<'_>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let place = next + bytes.get(next..)?.windows(4).position(|four| four == b"OggS")?;
        let header = bytes.get(place..place + HEADER)?;
        let segments = usize::from(header[HEADER - 1]);
        let lengths = bytes.get(place + HEADER..place + HEADER + segments)?;
        let start = place + HEADER + segments;
        let end = start + lengths.iter().map(|&length| usize::from(length)).sum::<usize>();
        next = end.min(bytes.len());
        Some(Page {
            place,
            serial: u32::from_le_bytes(header[14..18].try_into().ok()?),
            continues: header[5] & CONTINUES != 0,
            begins: header[5] & BEGINS != 0,
            ends: header[5] & ENDS != 0,
            position: i64::from_le_bytes(header[6..14].try_into().ok()?),
            lengths,
            content: &bytes[start..next],
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(flags: u8, content: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend([0; 20]);
        page.push(1);
        page.push(content.len() as u8);
        page.extend(content);
        page
    }

    #[test]
    fn a_chain_is_taken_apart_where_streams_begin_anew() {
        let two_streams = [page(2, b"one"), page(2, b"two"), page(0, b"more"), page(4, b"last")].concat();
        let next = [page(2, b"three"), page(4, b"more")].concat();
        assert_eq!(links(&two_streams), [&two_streams[..]]);
        let chain = [two_streams.clone(), next.clone()].concat();
        assert_eq!(links(&chain), [&two_streams[..], &next[..]]);
        assert_eq!(links(&chain[..chain.len() - 2]).len(), 2, "cut off within its last page");
        let damaged = [two_streams.clone(), b"noise".to_vec(), next.clone()].concat();
        assert_eq!(links(&damaged)[1], &next[..]);
    }

    #[test]
    fn what_is_in_it_is_called_by_its_name() {
        let format = |content: &[u8]| match &stretches(&[page(2, b"fishead\0"), page(2, content)].concat())[..] {
            [Stretch::Unreadable(SoundError::Unsupported { format })] => format.clone(),
            _ => panic!("it isn't read here"),
        };
        assert_eq!(format(b"Speex   1.2"), "a Speex recording");
        assert_eq!(format(b"\x80theora"), "this kind of OGG file");
        let flac = [page(2, b"\x7FFLAC\x01\0"), page(0, b"more")].concat();
        assert!(matches!(stretches(&flac)[..], [Stretch::Contained(_)]));
    }
}
