//! Which model a room ends with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ProtocolError;

/// What the last version of a room's model is. It decides nothing before the last round, and nothing that a client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalModel {
    /// What its strategy makes of the last round.
    #[default]
    Last,
    /// The mean of what it made of all rounds, of which later ones count more.
    Mean,
}

impl FinalModel {
    /// Whether it is that of the last round alone.
    pub fn is_last(&self) -> bool {
        *self == FinalModel::Last
    }
}

impl fmt::Display for FinalModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FinalModel::Last => "last",
            FinalModel::Mean => "mean",
        })
    }
}

impl FromStr for FinalModel {
    type Err = ProtocolError;

    fn from_str(name: &str) -> Result<FinalModel, ProtocolError> {
        match name {
            "last" => Ok(FinalModel::Last),
            "mean" => Ok(FinalModel::Mean),
            _ => Err(ProtocolError::invalid("final_model", "choose last or mean")),
        }
    }
}
