//! What travels in a masked round: public keys, sealed shares, signatures, revealed shares; and the choices that a masked room has.
//! What they are for, and who checks what, is in docs/masking.md; nothing here knows how any of it is computed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ClientId;

/// Bytes that are written as hexadecimal digits in small letters. `Debug` hides them: some are shares of secrets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> TryFrom<String> for Hex<N> {
    type Error = String;

    fn try_from(text: String) -> Result<Hex<N>, String> {
        let wrong = || format!("{} hexadecimal digits in small letters are wanted", 2 * N);
        let digit = |letter: u8| match letter {
            b'0'..=b'9' => Ok(letter - b'0'),
            b'a'..=b'f' => Ok(letter - b'a' + 10),
            _ => Err(wrong()),
        };
        if text.len() != 2 * N {
            return Err(wrong());
        }
        let mut bytes = [0; N];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Hex(bytes))
    }
}

impl<const N: usize> From<Hex<N>> for String {
    fn from(bytes: Hex<N>) -> String {
        use fmt::Write as _;
        bytes.0.iter().fold(String::with_capacity(2 * N), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // Writing to a string cannot fail.
            text
        })
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hex({N} bytes)")
    }
}

/// The server that masks have to withstand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adversary {
    /// One that may lie: more than two thirds have to agree on who is in the sum before anyone helps to open it.
    #[default]
    Active,
    /// One that keeps to the protocol and looks at all it gets: more than a half is enough.
    Curious,
}

impl Adversary {
    /// How many of so many clients open a sum, and as many are needed to find out what one of them has shared: ⌊2n/3⌋ + 1 or
    /// ⌊n/2⌋ + 1 (Bonawitz et al., 2017, ePrint 2017/281, theorems 6.3 to 6.5).
    pub const fn threshold(self, clients: usize) -> usize {
        match self {
            Adversary::Active => 2 * clients / 3 + 1,
            Adversary::Curious => clients / 2 + 1,
        }
    }
}

/// How the integers of a masked vector are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskedEncoding {
    /// Modulo 2³², 4 bytes a value.
    #[default]
    Masked32,
    /// Modulo 2²⁴, 3 bytes a value.
    Masked24,
    /// Modulo 2¹⁶, 2 bytes a value.
    Masked16,
}

impl MaskedEncoding {
    /// Every one, the widest first.
    pub const ALL: [MaskedEncoding; 3] = [MaskedEncoding::Masked32, MaskedEncoding::Masked24, MaskedEncoding::Masked16];

    /// Bytes of a value.
    pub const fn width(self) -> usize {
        match self {
            MaskedEncoding::Masked32 => 4,
            MaskedEncoding::Masked24 => 3,
            MaskedEncoding::Masked16 => 2,
        }
    }

    /// Most clients of a sum: with more, too few bits would be left for each one's values.
    pub const fn most_clients(self) -> usize {
        match self {
            MaskedEncoding::Masked32 => crate::limits::MAX_MASKED_CLIENTS,
            MaskedEncoding::Masked24 | MaskedEncoding::Masked16 => 64,
        }
    }

    /// The largest magnitude that each of so many clients' integers may have: no sum of them leaves the modulus' signed range.
    pub const fn largest(self, clients: usize) -> i32 {
        let most = (1_u64 << (8 * self.width() - 1)) - 1;
        let clients = if clients == 0 { 1 } else { clients as u64 };
        (most / clients) as i32
    }
}

/// A client's public keys for one attempt at a masked sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskingKeys {
    /// The seat's Ed25519 key, which stays the same from attempt to attempt.
    pub seat: Hex<32>,
    /// X25519, for boxes.
    pub box_key: Hex<32>,
    /// X25519, for masks.
    pub mask_key: Hex<32>,
    /// By which the seed of the client's own mask is known again once it is put together.
    pub self_check: Hex<32>,
    /// Of the seat's key, over all of these and what the sum is of.
    pub signature: Hex<64>,
}

/// One client of a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterEntry {
    /// Which.
    pub client: ClientId,
    /// Its keys.
    #[serde(flatten)]
    pub keys: MaskingKeys,
}

/// Two shares in a box that one client alone can open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedShares {
    /// On the way to the server, for whom; on the way from it, from whom.
    pub client: ClientId,
    /// The share of the self-mask's seed and that of the mask key, 32 bytes each, encrypted, and 16 bytes of authentication.
    pub sealed: Hex<80>,
    /// By which a revealed share of the seed is known again.
    pub self_check: Hex<16>,
    /// By which a revealed share of the mask key is known again.
    pub mask_check: Hex<16>,
}

/// A client's signature under who is in the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Whose.
    pub client: ClientId,
    /// Ed25519, of its seat's key.
    pub signature: Hex<64>,
}

/// Which of a client's two secrets a share is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// The seed of its own mask: of those who are in the sum.
    SelfSeed,
    /// The key of its masks with others: of those who are lost.
    MaskKey,
}

/// A share that a client reveals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevealedShare {
    /// Whose secret.
    pub client: ClientId,
    /// Which of its two.
    pub secret: Secret,
    /// The share.
    pub share: Hex<32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_small_hexadecimal_digits_and_hidden_from_logs() {
        let bytes = Hex([0x00, 0xa5, 0xff]);
        let text = serde_json::to_string(&bytes).unwrap();
        assert_eq!(text, "\"00a5ff\"");
        assert_eq!(serde_json::from_str::<Hex<3>>(&text).unwrap(), bytes);
        for wrong in ["\"00a5f\"", "\"00A5ff\"", "\"00a5ff00\"", "\"00a5fg\"", "\"\"", "\"é0a5f\"", "7"] {
            assert!(serde_json::from_str::<Hex<3>>(wrong).is_err(), "{wrong}");
        }
        assert!(!format!("{bytes:?}").contains("a5"));
    }

    #[test]
    fn thresholds_are_the_papers() {
        let thresholds = |adversary: Adversary| [3, 4, 5, 6, 30].map(|clients| adversary.threshold(clients));
        assert_eq!(thresholds(Adversary::Active), [3, 3, 4, 5, 21]);
        assert_eq!(thresholds(Adversary::Curious), [2, 3, 3, 4, 16]);
    }

    #[test]
    fn no_sum_leaves_the_modulus() {
        for encoding in MaskedEncoding::ALL {
            let half = 1_i64 << (8 * encoding.width() - 1);
            for clients in 1..=encoding.most_clients() {
                let sum = i64::from(encoding.largest(clients)) * clients as i64;
                assert!(sum < half && sum + clients as i64 >= half, "{encoding:?} {clients}");
            }
        }
        // 26 bits of value for 64 clients, and 18 and 10 where bytes are saved; the sign is one of them.
        let bits = |encoding: MaskedEncoding, clients| 33 - encoding.largest(clients).leading_zeros();
        assert_eq!(MaskedEncoding::ALL.map(|encoding| bits(encoding, 64)), [26, 18, 10]);
    }
}
