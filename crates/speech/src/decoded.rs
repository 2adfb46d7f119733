//! What reading a sound gives: the sound, and what a person should know of how it was read.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mix::mixed;
use crate::sound::{MAX_SECONDS, SoundBuilder};
use crate::{Sound, SoundError};

/// A sound as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// All of it that could be read.
    pub sound: Sound,
    /// What is not as one would expect, each once; mostly nothing.
    pub notices: Vec<Notice>,
}

/// Something that a person should know of a sound that was read all the same. Its text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// The file breaks off, or is damaged within: some of the sound that it says it has isn't there.
    Missing {
        /// How much, as far as the file tells.
        seconds: Option<f64>,
    },
    /// One of two channels is silent: the other one was taken, since their mean would be half as loud.
    OneSided,
    /// One of two channels is the other one turned round, so that their mean is next to nothing: the louder was taken.
    Inverted,
}

impl Decoded {
    /// From interleaved samples, as [`Sound::from_pcm`], with what there is to know of the channels.
    ///
    /// # Errors
    /// As [`Sound::from_pcm`].
    pub fn from_pcm(samples: &[f32], channels: u16, rate: u32) -> Result<Decoded, SoundError> {
        let (heard, notice) = mixed(|mix| {
            let mut builder = SoundBuilder::new(channels, rate, mix, MAX_SECONDS)?;
            builder.push(samples)?;
            builder.finish()
        })?;
        Ok(Decoded { sound: heard.sound, notices: notice.into_iter().collect() })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Missing { seconds: Some(seconds) } => {
                write!(text, "{seconds:.1} s of it are missing: the file breaks off or is damaged")
            }
            Notice::Missing { seconds: None } => text.write_str("a part of it can't be read: the file is damaged"),
            Notice::OneSided => text.write_str("one of its two channels is silent: the other one is taken"),
            Notice::Inverted => {
                text.write_str("one of its two channels is the other one turned round: the louder one is taken")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_plain_data_for_the_page_and_a_sentence_for_everyone_else() {
        let notice = Notice::Missing { seconds: Some(1.25) };
        assert_eq!(serde_json::to_string(&notice).unwrap(), r#"{"kind":"missing","seconds":1.25}"#);
        assert_eq!(serde_json::to_string(&Notice::OneSided).unwrap(), r#"{"kind":"one_sided"}"#);
        assert!(notice.to_string().starts_with("1.2 s of it are missing"));
    }
}
