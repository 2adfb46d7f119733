//! The checksum of a transfer: CRC-32 as in IEEE 802.3 (zip, PNG), written as 8 hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ProtocolError;

/// CRC-32 (IEEE 802.3) of a transfer's bytes. It finds damage, not malice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum(pub u32);

impl Checksum {
    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> Checksum {
        Checksum(crc32fast::hash(bytes))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({self})")
    }
}

impl TryFrom<String> for Checksum {
    type Error = ProtocolError;

    fn try_from(text: String) -> Result<Checksum, ProtocolError> {
        let hexadecimal = text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        match u32::from_str_radix(&text, 16) {
            Ok(sum) if hexadecimal => Ok(Checksum(sum)),
            _ => Err(ProtocolError::invalid("checksum", "a checksum has 8 hexadecimal digits")),
        }
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> String {
        checksum.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32/ISO-HDLC in Greg Cook's catalogue of parametrised CRC algorithms.
    #[test]
    fn agrees_with_the_catalogue() {
        assert_eq!(Checksum::of(b"123456789").to_string(), "cbf43926");
    }

    #[test]
    fn reads_only_eight_digits() {
        assert_eq!(Checksum::try_from("0000002a".to_owned()).unwrap(), Checksum(42));
        for wrong in ["", "2a", "+000002a", "0000002ag", "zzzzzzzz"] {
            assert!(Checksum::try_from(wrong.to_owned()).is_err(), "{wrong:?} passed");
        }
    }
}
