//! What travels in a masked round: public keys, sealed shares, signatures, revealed shares; and the choices that a masked room has.
//! What they are for, and who checks what, is in docs/masking.md; nothing here knows how any of it is computed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::choice::words;
use crate::limits::{MAX_NORM, MIN_MASKED_CLIENTS};
use crate::{Aggregation, ClientId, Encoding, ProtocolError, RoomConfig, Strategy};

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

words! {
    /// The server that masks have to withstand.
    pub enum Adversary, a "masking" {
        /// One that may lie: more than two thirds have to agree on who is in the sum before anyone helps to open it.
        Active = "active",
        /// One that keeps to the protocol and looks at all it gets: more than a half is enough.
        Curious = "curious",
    }
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

words! {
    /// How the integers of a masked vector are written.
    pub enum MaskedEncoding, a "masking_encoding" {
        /// Modulo 2³², 4 bytes a value.
        Masked32 = "masked32",
        /// Modulo 2²⁴, 3 bytes a value.
        Masked24 = "masked24",
        /// Modulo 2¹⁶, 2 bytes a value.
        Masked16 = "masked16",
    }
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

/// How a room's updates are masked: its server learns sums over at least three clients, and no client's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Masking {
    /// The server that masks have to withstand.
    #[serde(default)]
    pub server: Adversary,
    /// How masked vectors are written.
    #[serde(default)]
    pub encoding: MaskedEncoding,
    /// The L2 norm that each client scales its update down to where it is longer, above 0. Nobody else can see to it.
    pub clip: f64,
}

impl Masking {
    /// Refuses a room in which it can't work, with the reason.
    pub(crate) fn check(&self, room: &RoomConfig) -> Result<(), ProtocolError> {
        let refuse = |field, problem: &str| Err(ProtocolError::invalid(field, problem));
        if !(self.clip > 0.0 && self.clip <= MAX_NORM) {
            return refuse("masking.clip", "must lie above 0 and not above 1000000000");
        }
        if (room.least as usize) < MIN_MASKED_CLIENTS {
            return refuse("least", "a masked room needs at least 3: a sum of two tells each of them about the other");
        }
        let most = self.encoding.most_clients();
        if room.max_clients as usize > most {
            return refuse("max_clients", &format!("with this masking a room may have at most {most}"));
        }
        if room.aggregation != Aggregation::Mean {
            return refuse("aggregation", "a masked room's server sees no single update, only their sum; choose mean");
        }
        if room.influence_limit.is_some() {
            return refuse("influence_limit", "a masked room's server sees nobody's counts and norms; leave it out");
        }
        if matches!(room.strategy, Strategy::Scaffold { .. }) {
            return refuse("strategy", "scaffold needs each client's update; choose another in a masked room");
        }
        if !room.pace.is_synchronous() {
            return refuse("pace", "masks cancel among clients of one round; choose synchronous rounds");
        }
        if !room.selection.is_all() {
            return refuse("selection", "a masked round begins with all clients that are there; leave it out");
        }
        if !room.stragglers.is_whole() {
            return refuse(
                "stragglers",
                "a masked room's server sees nobody's count of steps; let all do whole rounds",
            );
        }
        if room.goal != 0 {
            return refuse("goal", "a masked round takes all who began it; leave it 0");
        }
        if room.encoding != Encoding::F32 {
            return refuse("encoding", "masked updates have an encoding of their own; choose f32 for models");
        }
        Ok(())
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

    #[test]
    fn what_cannot_work_in_a_masked_room_is_refused_with_the_reason() {
        let room = |change: fn(&mut RoomConfig)| {
            let labels = vec!["no".to_owned(), "yes".to_owned()];
            let mut room = RoomConfig::new(crate::RoomCode::from_random(1), "compact", 100, labels);
            let masking = Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked32, clip: 1.0 };
            (room.masking, room.least) = (Some(masking), 3);
            change(&mut room);
            room.check().map_err(|error| error.to_string())
        };
        let begins = |change, field: &str| {
            let refused = room(change).unwrap_err();
            assert!(refused.starts_with(field), "{refused}");
        };
        assert_eq!(room(|_| ()), Ok(()));
        begins(|room| room.least = 2, "least");
        begins(|room| room.max_clients = 201, "max_clients");
        begins(|room| room.aggregation = Aggregation::Median, "aggregation");
        begins(|room| room.aggregation = Aggregation::Clipping { norm: Some(1.0) }, "aggregation");
        begins(|room| room.influence_limit = Some(1.5), "influence_limit");
        begins(|room| room.pace = crate::Pace::asynchronous(3), "pace");
        begins(|room| room.selection = crate::Selection::Number { clients: 3, over_selection: 1.0 }, "selection");
        begins(|room| room.goal = 3, "goal");
        begins(|room| room.stragglers = crate::Stragglers::FewerSteps, "stragglers");
        begins(|room| room.encoding = Encoding::Q8, "encoding");
        begins(
            |room| {
                room.strategy = Strategy::Scaffold { server_learning_rate: 1.0 };
                room.training.optimiser = crate::Optimiser::Sgd;
            },
            "strategy",
        );
        for clip in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let masking = Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked16, clip };
            let labels = vec!["no".to_owned(), "yes".to_owned()];
            let code = crate::RoomCode::from_random(1);
            let room = RoomConfig { masking: Some(masking), least: 3, ..RoomConfig::new(code, "compact", 100, labels) };
            assert!(room.check().unwrap_err().to_string().starts_with("masking.clip"), "{clip}");
        }
    }
}
