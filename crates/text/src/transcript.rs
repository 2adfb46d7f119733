//! What a person said, as it is kept: one line without what can't be seen, and not without end.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{buckets, composed};

/// Longest transcript, in characters: a clip has ten seconds, in which nobody says a tenth of that.
pub const LONGEST: usize = 1_000;
/// Longest text that is looked at, in bytes: a transcript with as much around it as it may have itself.
const LONGEST_BYTES: usize = 8 * LONGEST;

/// What is said in a clip: 1 to [`LONGEST`] characters, composed, without control and format characters, in one line without
/// spaces at its ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Transcript(String);

/// Why a text is no transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTranscript {
    /// Nothing is left of it when what can't be seen is taken away.
    #[error("there is nothing to read in it")]
    Empty,
    /// It is too long for one clip.
    #[error("it has more than {LONGEST} characters")]
    TooLong,
}

impl Transcript {
    /// A text as a transcript: letters composed, every run of spaces and control characters one space, and what has no shape of its
    /// own (marks for the direction of writing, joiners, soft hyphens) left out.
    ///
    /// # Errors
    /// [`NoTranscript`].
    pub fn new(text: &str) -> Result<Self, NoTranscript> {
        if text.len() > LONGEST_BYTES {
            return Err(NoTranscript::TooLong);
        }
        let mut line = String::with_capacity(text.len());
        for letter in composed(text).chars().filter(|&letter| !has_no_shape(letter)) {
            let space = letter.is_whitespace() || letter.is_control();
            match (space, line.is_empty() || line.ends_with(' ')) {
                (true, true) => {}
                (true, false) => line.push(' '),
                (false, _) => line.push(letter),
            }
        }
        line.truncate(line.trim_end().len());
        match line.chars().count() {
            0 => Err(NoTranscript::Empty),
            1..=LONGEST => Ok(Self(line)),
            _ => Err(NoTranscript::TooLong),
        }
    }

    /// It.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a network sees of it: the numbers of buckets, each below [`crate::BUCKETS`], ascending, one for each piece, so that a
    /// piece that comes twice is there twice; at least one and at most [`crate::MOST`].
    pub fn buckets(&self) -> Vec<u16> {
        buckets::of(&self.0)
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Transcript {
    type Error = NoTranscript;

    fn try_from(text: String) -> Result<Self, NoTranscript> {
        Self::new(&text)
    }
}

impl From<Transcript> for String {
    fn from(transcript: Transcript) -> String {
        transcript.0
    }
}

/// Whether it is one of Unicode's format characters (category Cf), which no control characters are.
fn has_no_shape(letter: char) -> bool {
    matches!(letter,
        '\u{AD}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{890}' | '\u{891}' | '\u{8E2}'
        | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{110BD}' | '\u{110CD}'
        | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0001}'
        | '\u{E0020}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Result<String, NoTranscript> {
        Transcript::new(text).map(String::from)
    }

    #[test]
    fn what_cannot_be_seen_is_left_out() {
        assert_eq!(kept("\u{FEFF}one\r\n\r\n two\u{0}three\t").as_deref(), Ok("one two three"));
        // Marks that turn the direction of writing around, so that a text seems to say something else.
        assert_eq!(kept("\u{202E}abc\u{202C} \u{200F}שלום\u{2066}").as_deref(), Ok("abc שלום"));
        assert_eq!(kept("co\u{AD}op\u{200B}").as_deref(), Ok("coop"));
        for nothing in ["", "   ", "\r\n\t", "\u{0}\u{1}\u{7F}\u{9B}", "\u{200E}\u{202E}\u{2069}", "\u{3000}"] {
            assert_eq!(kept(nothing), Err(NoTranscript::Empty), "{nothing:?}");
        }
    }

    #[test]
    fn it_is_bounded_whatever_its_letters() {
        for letter in ["a", "ß", "好", "😀"] {
            assert_eq!(kept(&letter.repeat(LONGEST)), Ok(letter.repeat(LONGEST)));
            assert_eq!(kept(&letter.repeat(LONGEST + 1)), Err(NoTranscript::TooLong));
        }
        assert_eq!(kept(&"a".repeat(100_000)), Err(NoTranscript::TooLong));
        assert_eq!(kept(&" ".repeat(100_000)), Err(NoTranscript::TooLong), "what is not looked at may hold anything");
        assert_eq!(kept(&format!("{}a", " ".repeat(5_000))).as_deref(), Ok("a"));
    }

    #[cfg(feature = "compose")]
    #[test]
    fn composed_and_decomposed_letters_are_one_text() {
        assert_eq!(kept("Z\u{307}e u\u{308}ber"), kept("Że über"));
    }

    #[test]
    fn it_is_stored_as_text_and_read_with_its_bounds() {
        let said = Transcript::new("¡Qué día!").unwrap();
        let json = serde_json::to_string(&said).unwrap();
        assert_eq!(json, "\"¡Qué día!\"");
        assert_eq!(serde_json::from_str::<Transcript>(&json).unwrap(), said);
        assert!(serde_json::from_str::<Transcript>("\" \"").is_err());
        assert!(serde_json::from_str::<Transcript>(&format!("\"{}\"", "a".repeat(1_001))).is_err());
    }
}
