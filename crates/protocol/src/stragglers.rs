//! What a room does about clients that are too slow for its deadline.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ProtocolError;

/// What a client does whose steps do not fit into the time that a round has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stragglers {
    /// All of its steps; the round may close without it.
    #[default]
    Whole,
    /// As many as fit, one at least. Its update counts as if it had gone on in the same direction, and all of the round's
    /// together are shortened in proportion: J. Wang et al., "Tackling the Objective Inconsistency Problem in
    /// Heterogeneous Federated Optimization", NeurIPS 2020, arXiv:2007.07481.
    FewerSteps,
}

impl Stragglers {
    /// Whether everyone does all steps.
    pub fn is_whole(&self) -> bool {
        *self == Stragglers::Whole
    }
}

impl fmt::Display for Stragglers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stragglers::Whole => "whole",
            Stragglers::FewerSteps => "fewer_steps",
        })
    }
}

impl FromStr for Stragglers {
    type Err = ProtocolError;

    fn from_str(name: &str) -> Result<Stragglers, ProtocolError> {
        match name {
            "whole" => Ok(Stragglers::Whole),
            "fewer_steps" => Ok(Stragglers::FewerSteps),
            _ => Err(ProtocolError::invalid("stragglers", "choose whole or fewer_steps")),
        }
    }
}
