//! Looks over the headers of a Vorbis file before the decoder does.
//!
//! What a header claims is not trusted with memory: the codebooks are read as in the Vorbis I specification, §3.2.1, only
//! to see that their sizes are such as encoders write.

use crate::SoundError;

/// Values in one codebook's table. Encoders stay below 2¹⁷.
const MOST_VALUES: u64 = 1 << 20;

/// Bytes of the setup header. Encoders stay below 10,000.
const LONGEST_HEADER: usize = 1 << 20;

/// Refuses a Vorbis stream, with whose first page the bytes begin, if its codebooks are such as no encoder makes.
///
/// # Errors
/// [`SoundError::Damaged`].
pub(crate) fn check(bytes: &[u8]) -> Result<(), SoundError> {
    let [_identification, _comment, setup] = &header_packets(bytes)[..] else {
        return Err(damaged("its headers are cut off"));
    };
    let [5, b'v', b'o', b'r', b'b', b'i', b's', rest @ ..] = &setup[..] else {
        return Err(damaged("its setup header is missing"));
    };
    check_codebooks(&mut Bits { bytes: rest, position: 0 }).ok_or_else(|| damaged("its codebooks make no sense"))
}

fn damaged(detail: &str) -> SoundError {
    SoundError::Damaged { detail: detail.into() }
}

/// The first three packets of the first logical stream (RFC 3533 §6); fewer where the file ends before or they are too
/// long.
fn header_packets(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut packet = Vec::new();
    let mut first_serial = None;
    let mut rest = bytes;
    while let [b'O', b'g', b'g', b'S', header @ ..] = rest {
        let (Some(serial), Some(&segments)) = (header.get(10..14), header.get(22)) else {
            break;
        };
        let Some(lacing) = header.get(23..23 + usize::from(segments)) else {
            break;
        };
        let mut body = &header[23 + lacing.len()..];
        let is_first_stream = *first_serial.get_or_insert(serial) == serial;
        for &length in lacing {
            let Some((segment, after)) = body.split_at_checked(usize::from(length)) else {
                return packets;
            };
            body = after;
            if is_first_stream {
                packet.extend_from_slice(segment);
                if length < 255 {
                    packets.push(std::mem::take(&mut packet));
                }
                if packets.len() == 3 || packet.len() > LONGEST_HEADER.max(bytes.len()) {
                    return packets;
                }
            }
        }
        rest = body;
    }
    packets
}

/// None where a codebook breaks the rules, or claims more than [`MOST_VALUES`].
fn check_codebooks(bits: &mut Bits) -> Option<()> {
    let codebooks = bits.read(8)? + 1;
    for _ in 0..codebooks {
        if bits.read(24)? != 0x564342 {
            return None;
        }
        let dimensions = bits.read(16)?;
        let entries = bits.read(24)?;
        if dimensions == 0 || entries == 0 || u64::from(dimensions) * u64::from(entries) > MOST_VALUES {
            return None;
        }
        skip_code_lengths(bits, entries)?;
        let lookup = bits.read(4)?;
        let values = match lookup {
            0 => continue,
            1 => values_per_dimension(entries, dimensions)?,
            2 => entries * dimensions,
            _ => return None,
        };
        bits.read(32)?; // least value
        bits.read(32)?; // step
        let value_bits = bits.read(4)? + 1;
        bits.read(1)?; // running sum
        bits.skip(u64::from(values) * u64::from(value_bits))?;
    }
    Some(())
}

fn skip_code_lengths(bits: &mut Bits, entries: u32) -> Option<()> {
    let is_ordered = bits.read(1)? == 1;
    if is_ordered {
        bits.read(5)?;
        let mut seen = 0;
        while seen < entries {
            seen += bits.read(u32::BITS - (entries - seen).leading_zeros())?;
        }
        return (seen == entries).then_some(());
    }
    let is_sparse = bits.read(1)? == 1;
    if !is_sparse {
        return bits.skip(u64::from(entries) * 5);
    }
    for _ in 0..entries {
        if bits.read(1)? == 1 {
            bits.read(5)?;
        }
    }
    Some(())
}

/// The greatest integer whose `dimensions`-th power is at most `entries`. None where `f32` is too coarse to find it, or
/// the next power is beyond 32 bits.
fn values_per_dimension(entries: u32, dimensions: u32) -> Option<u32> {
    let root = (entries as f32).powf(1.0 / dimensions as f32).floor() as u32;
    let is_root = root.checked_pow(dimensions)? <= entries && (root + 1).checked_pow(dimensions)? > entries;
    is_root.then_some(root)
}

/// Reads bits, the least significant of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    position: u64,
}

impl Bits<'_> {
    /// The next `count` ≤ 32 bits; None at the end.
    fn read(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for bit in 0..count {
            let byte = *self.bytes.get(usize::try_from(self.position / 8).ok()?)?;
            value |= u32::from(byte >> (self.position % 8) & 1) << bit;
            self.position += 1;
        }
        Some(value)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.position += count;
        (self.position <= self.bytes.len() as u64 * 8).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes fields of so many bits as Vorbis packs them.
    fn packed(fields: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<u8> =
            fields.iter().flat_map(|&(value, count)| (0..count).map(move |bit| (value >> bit & 1) as u8)).collect();
        bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |value, bit| value << 1 | bit)).collect()
    }

    fn codebook(dimensions: u32, entries: u32, lookup: u32) -> Vec<u8> {
        let mut fields = vec![(0, 8), (0x564342, 24), (dimensions, 16), (entries, 24), (0, 1), (0, 1)];
        fields.extend((0..entries.min(1_000)).map(|_| (1, 5)));
        fields.extend([(lookup, 4), (0, 32), (0, 32), (3, 4), (0, 1)]);
        fields.extend((0..1_000).map(|_| (0, 4)));
        packed(&fields)
    }

    fn is_sound(bytes: &[u8]) -> bool {
        check_codebooks(&mut Bits { bytes, position: 0 }).is_some()
    }

    #[test]
    fn codebooks_as_encoders_write_them_pass() {
        assert!(is_sound(&codebook(4, 81, 1)));
        assert!(is_sound(&codebook(2, 100, 2)));
        assert!(is_sound(&codebook(1, 64, 0)));
    }

    #[test]
    fn codebooks_that_no_encoder_writes_are_refused() {
        assert!(is_sound(&codebook(1_048, 1_000, 0)), "nearly as many values as are taken");
        assert!(!is_sound(&codebook(1_049, 1_000, 0)), "more");
        assert!(!is_sound(&codebook(0, 16, 0)), "no dimensions");
        assert!(!is_sound(&codebook(2, 100, 3)), "an unknown lookup");
        assert!(!is_sound(&codebook(2, 100, 2)[..60]), "cut off");
    }

    #[test]
    fn a_root_is_the_greatest_whose_power_fits() {
        assert_eq!(values_per_dimension(81, 4), Some(3));
        assert_eq!(values_per_dimension(80, 4), Some(2));
        assert_eq!(values_per_dimension(1, 8), Some(1));
        assert_eq!(values_per_dimension(16, 40), None, "2 to the 40th is beyond 32 bits");
    }
}
