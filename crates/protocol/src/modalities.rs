//! Which sides of a clip a room looks at.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ProtocolError;

/// What of a clip goes into a network that takes both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modalities {
    /// What there is of each clip.
    #[default]
    Both,
    /// How it sounds, whatever is said.
    Voice,
    /// What is said, however it sounds; a clip without that is left out.
    Text,
}

impl Modalities {
    /// Whether both sides are looked at.
    pub fn is_both(&self) -> bool {
        *self == Modalities::Both
    }
}

impl fmt::Display for Modalities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Modalities::Both => "both",
            Modalities::Voice => "voice",
            Modalities::Text => "text",
        })
    }
}

impl FromStr for Modalities {
    type Err = ProtocolError;

    fn from_str(name: &str) -> Result<Modalities, ProtocolError> {
        match name {
            "both" => Ok(Modalities::Both),
            "voice" => Ok(Modalities::Voice),
            "text" => Ok(Modalities::Text),
            _ => Err(ProtocolError::invalid("modalities", "choose both, voice or text")),
        }
    }
}
