//! By which scale a room's laptops hear.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ProtocolError;

/// What mean and deviation a client standardises its clips by. Nothing more is sent for either: the group's comes from everyone's
/// statistics, and a client makes its own from that and from its clips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// The group's.
    #[default]
    Group,
    /// Its own, held to the group's as far as its clips are few or of one label.
    Own,
}

impl Normalisation {
    /// Whether everyone hears by the group's scale.
    pub fn is_group(&self) -> bool {
        *self == Normalisation::Group
    }
}

impl fmt::Display for Normalisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Normalisation::Group => "group",
            Normalisation::Own => "own",
        })
    }
}

impl FromStr for Normalisation {
    type Err = ProtocolError;

    fn from_str(name: &str) -> Result<Normalisation, ProtocolError> {
        match name {
            "group" => Ok(Normalisation::Group),
            "own" => Ok(Normalisation::Own),
            _ => Err(ProtocolError::invalid("normalisation", "choose group or own")),
        }
    }
}
