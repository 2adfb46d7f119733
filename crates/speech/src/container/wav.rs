//! Mends the lengths in a WAV file's header.
//!
//! A recorder that writes into a pipe, or is stopped in the middle, leaves in the header the greatest number there is, or none; so does a
//! file that was cut off. The decoder refuses such files. The samples are there all the same: up to the end of the file.

use std::borrow::Cow;

/// Bytes before the first chunk: "RIFF", a length, "WAVE".
const FIRST_CHUNK: usize = 12;

/// The file with lengths that are true. Only a file whose lengths are false is copied.
pub(crate) fn mend(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some((data_length, claimed)) = data_chunk(bytes) else { return bytes.into() };
    let available = bytes.len() - (data_length + 4);
    let riff_claimed = length_at(bytes, 4).unwrap_or_default();
    let is_unfinished = claimed == 0 && riff_claimed == 0;
    if claimed <= available && !is_unfinished {
        return bytes.into();
    }
    let mut mended = bytes.to_vec();
    for (place, length) in [(4, bytes.len() - 8), (data_length, available)] {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        mended[place..place + 4].copy_from_slice(&length.to_le_bytes());
    }
    mended.into()
}

/// Where the length of the chunk with the samples stands, and what it says. None where there is no such chunk.
fn data_chunk(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut chunk = FIRST_CHUNK;
    loop {
        let name = bytes.get(chunk..chunk + 4)?;
        let length = length_at(bytes, chunk + 4)?;
        if name == b"data" {
            return Some((chunk + 4, length));
        }
        chunk = chunk.checked_add(8)?.checked_add(length)?.checked_add(length % 2)?; // chunks begin at even places
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
        assert!(matches!(mend(&whole), Cow::Borrowed(_)));
        for (riff, data) in [(u32::MAX, u32::MAX), (0, 0), (132, 108)] {
            assert_eq!(*mend(&file(riff, data)), whole, "{riff}, {data}");
        }
    }

    #[test]
    fn a_file_without_samples_is_left_to_the_decoder() {
        for length in 0..28 {
            assert_eq!(*mend(&file(32, 8)[..length]), file(32, 8)[..length]);
        }
    }
}
