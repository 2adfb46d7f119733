//! Looks over a WAV file's header before the decoder does, and mends its lengths.
//!
//! A recorder that writes into a pipe, or is stopped in the middle, leaves in the header the greatest number there is,
//! or none; so does a file that was cut off. The decoder refuses such files. The samples are there all the same: up to
//! the end of the file.

use std::borrow::Cow;

use crate::SoundError;

/// Bytes before the first chunk: "RIFF", a length, "WAVE".
const FIRST_CHUNK: usize = 12;

/// A file may place at most so many channels in a room (Microsoft's `WAVEFORMATEXTENSIBLE`).
const MOST_CHANNELS: u16 = 18;

/// The file with lengths that are true. Only a file whose lengths are false is copied.
pub(crate) fn mend(bytes: &[u8]) -> Result<Cow<'_, [u8]>, SoundError> {
    let Some(data) = chunk(bytes, b"data") else { return Ok(bytes.into()) };
    if let Some(format) = chunk(bytes, b"fmt ") {
        check_channels(bytes.get(format.start..).unwrap_or_default())?;
    }
    let available = bytes.len() - data.start;
    let is_unfinished = data.length == 0 && length_at(bytes, 4) == Some(0);
    if data.length <= available && !is_unfinished {
        return Ok(bytes.into());
    }
    let mut mended = bytes.to_vec();
    for (place, length) in [(4, bytes.len() - 8), (data.start - 4, available)] {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        mended[place..place + 4].copy_from_slice(&length.to_le_bytes());
    }
    Ok(mended.into())
}

/// The number of channels stands at 2; where each of them is in the room, in the long form of the chunk, at 20.
fn check_channels(format: &[u8]) -> Result<(), SoundError> {
    let is_extensible = format.starts_with(&[0xFE, 0xFF]);
    let channels = format.get(2..4).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let places = if is_extensible { length_at(format, 20).unwrap_or_default() } else { 0 };
    if channels == 0 || channels > MOST_CHANNELS || places >> MOST_CHANNELS != 0 {
        return Err(SoundError::Damaged { detail: format!("it claims {channels} channels in impossible places") });
    }
    Ok(())
}

/// A part of the file: where its content starts, and how long it claims to be.
struct Chunk {
    start: usize,
    length: usize,
}

/// The first chunk of that name. None where there is no such chunk.
fn chunk(bytes: &[u8], wanted: &[u8; 4]) -> Option<Chunk> {
    let mut place = FIRST_CHUNK;
    loop {
        let name = bytes.get(place..place + 4)?;
        let length = length_at(bytes, place + 4)?;
        let start = place + 8;
        if name == wanted {
            return Some(Chunk { start, length });
        }
        place = start.checked_add(length)?.checked_add(length % 2)?; // chunks begin at even places
        place.checked_add(8)?;
    }
}

fn length_at(bytes: &[u8], place: usize) -> Option<usize> {
    let bytes = bytes.get(place..place.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(riff: u32, data: u32) -> Vec<u8> {
        let mut file = b"RIFF....WAVEodd \x03\0\0\0abc\0data....samples!".to_vec();
        file[4..8].copy_from_slice(&riff.to_le_bytes());
        file[28..32].copy_from_slice(&data.to_le_bytes());
        file
    }

    #[test]
    fn true_lengths_stay_and_false_ones_are_mended() {
        let whole = file(32, 8);
        assert!(matches!(mend(&whole), Ok(Cow::Borrowed(_))));
        for (riff, data) in [(u32::MAX, u32::MAX), (0, 0), (132, 108)] {
            assert_eq!(*mend(&file(riff, data)).unwrap(), whole, "{riff}, {data}");
        }
    }

    #[test]
    fn a_file_without_samples_is_left_to_the_decoder() {
        for length in 0..28 {
            assert_eq!(*mend(&file(32, 8)[..length]).unwrap(), file(32, 8)[..length]);
        }
    }

    #[test]
    fn channels_that_are_nowhere_are_refused() {
        let format = |channels: u16, places: u32| {
            let mut format = vec![0xFE, 0xFF];
            format.extend(channels.to_le_bytes());
            format.extend([0; 16]);
            format.extend(places.to_le_bytes());
            check_channels(&format)
        };
        assert_eq!(format(6, 0x3F), Ok(()));
        for (channels, places) in [(0, 0), (19, 0), (40_000, 0), (2, 1 << 18), (2, u32::MAX)] {
            assert!(matches!(format(channels, places), Err(SoundError::Damaged { .. })), "{channels}, {places:x}");
        }
    }
}
