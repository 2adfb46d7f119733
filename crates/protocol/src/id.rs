//! The identifiers that cross the wire, each a type of its own so that none is taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ProtocolError;

/// A round's number, from 1. A round that is abandoned and repeated keeps its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Round(pub u32);

/// A version of the shared model: 0 is the initial one, and every closed round publishes the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelVersion(pub u32);

/// Names a binary transfer within one connection and one direction; its sender chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransferId(pub u32);

/// A client's public number within its room, from 1. It lets others tell clients apart and proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u32);

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The letters of a room's code: those that nobody mistakes for another or for a digit when read aloud or off a board.
const CODE_LETTERS: &[u8] = b"ABCDEFGHJKMNPRSTUVWXYZ";

/// A room's short join code: 5 or 6 capital letters without I, L, O and Q. Small letters are read as capitals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomCode(String);

impl RoomCode {
    /// Reads a code as a person typed it: surrounding blanks and the case of letters don't matter.
    pub fn parse(text: &str) -> Result<RoomCode, ProtocolError> {
        let code = text.trim().to_ascii_uppercase();
        let known = code.bytes().all(|letter| CODE_LETTERS.contains(&letter));
        if known && (5..=6).contains(&code.len()) {
            Ok(RoomCode(code))
        } else {
            Err(ProtocolError::invalid("room", "a room's code has 5 or 6 letters, without I, L, O and Q"))
        }
    }

    /// A code of 5 letters from a random number; about five million different ones.
    pub fn from_random(mut number: u64) -> RoomCode {
        let letters = CODE_LETTERS.len() as u64;
        let code = (0..5)
            .map(|_| {
                let letter = CODE_LETTERS[(number % letters) as usize];
                number /= letters;
                char::from(letter)
            })
            .collect();
        RoomCode(code)
    }

    /// The code's letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RoomCode {
    type Error = ProtocolError;

    fn try_from(text: String) -> Result<RoomCode, ProtocolError> {
        RoomCode::parse(&text)
    }
}

impl std::str::FromStr for RoomCode {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<RoomCode, ProtocolError> {
        RoomCode::parse(text)
    }
}

impl From<RoomCode> for String {
    fn from(code: RoomCode) -> String {
        code.0
    }
}

impl fmt::Display for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret by which a client gets its identity back after a reload: 32 hexadecimal digits (128 random bits).
///
/// Whoever holds it *is* that client, so it is shown in no log: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(String);

impl Token {
    /// A token of 128 bits that come from the operating system's random source.
    pub fn from_random(bits: u128) -> Token {
        Token(format!("{bits:032x}"))
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Token, ProtocolError> {
        if text.len() == 32 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Token(text.to_owned()))
        } else {
            Err(ProtocolError::invalid("token", "a token has 32 hexadecimal digits in small letters"))
        }
    }

    /// The digits themselves, for storing; never for a log.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl TryFrom<String> for Token {
    type Error = ProtocolError;

    fn try_from(text: String) -> Result<Token, ProtocolError> {
        Token::parse(&text)
    }
}

impl From<Token> for String {
    fn from(token: Token) -> String {
        token.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        assert_eq!(RoomCode::parse(" kmpxz ").unwrap().as_str(), "KMPXZ");
        for wrong in ["", "KMPX", "KMPXZAB", "KMPX0", "KMPIO", "KMPXé", "KM PX"] {
            assert!(RoomCode::parse(wrong).is_err(), "{wrong:?} passed");
        }
    }

    #[test]
    fn a_random_code_is_a_code() {
        for number in [0, 1, 21, 22, 5_153_631, u64::MAX] {
            let code = RoomCode::from_random(number);
            assert_eq!(RoomCode::parse(code.as_str()).unwrap(), code);
        }
    }

    #[test]
    fn a_token_is_read_back_and_shows_nothing_in_debug() {
        let token = Token::from_random(0xfeed_0123);
        assert_eq!(Token::parse(token.secret()).unwrap(), token);
        assert!(!format!("{token:?}").contains("feed"));
        assert!(Token::parse("short").is_err());
        assert!(Token::parse(&"g".repeat(32)).is_err());
    }
}
