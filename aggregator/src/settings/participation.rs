//! Whom rounds ask, whether they wait, and what those do who are too slow.

use std::str::FromStr;

use protocol::{Pace, ProtocolError, Selection, Stragglers};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{needs, set};

/// Where the help lists all of it.
const HEADING: &str = "Whom rounds ask, and whether they wait";

/// Participants asked for each update that a round wants, as Bonawitz et al. (2019) have it.
const OVER_SELECTION: f64 = 1.3;

/// How many updates a round wants, as a person gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// So many.
    Number(u32),
    /// Those of this share of the participants, 0 to 1.
    Share(f64),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().map(|percent: f64| Self::Share(percent / 100.0)),
            None => text.trim().parse().ok().map(Self::Number),
        };
        wanted.ok_or_else(|| "give a number of updates such as 10, or a share such as 25%".to_owned())
    }
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(u32),
            Text(String),
        }
        match Given::deserialize(deserializer)? {
            Given::Number(number) => Ok(Self::Number(number)),
            Given::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}

/// A selection, or rounds that wait for nobody.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct ParticipationOptions {
    /// Ask only some of those who are ready: a number of updates that a round wants, or a share of the participants such as
    /// 25% [default: everyone is asked]
    #[arg(long, value_name = "N|P%", help_heading = HEADING)]
    pub selection: Option<Wanted>,
    /// Participants asked for each update that a round wants [default: 1.3]
    #[arg(long, value_name = "TIMES", help_heading = HEADING)]
    pub over_selection: Option<f64>,
    /// Wait for no round: ask everyone again as soon as an update is in, and publish a version for every K of them (FedBuff)
    #[arg(long, value_name = "K", help_heading = HEADING)]
    pub asynchronous: Option<u32>,
    /// With --asynchronous: an update that is τ versions behind weighs (1 + τ)^-A times as much [default: 0.5]
    #[arg(long, value_name = "A", help_heading = HEADING)]
    pub staleness_exponent: Option<f64>,
    /// With --asynchronous: versions that an update may be behind [default: 20]
    #[arg(long, value_name = "VERSIONS", help_heading = HEADING)]
    pub most_stale: Option<u32>,
    /// What participants do whose steps do not fit into the deadline: whole for all of them, too late, or fewer_steps for as many
    /// as fit [default: whole]
    #[arg(long, value_name = "WAY", help_heading = HEADING)]
    pub stragglers: Option<Stragglers>,
}

impl ParticipationOptions {
    /// Whom a round asks.
    pub fn selection(&self) -> Result<Selection, ProtocolError> {
        let over_selection = self.over_selection.unwrap_or(OVER_SELECTION);
        Ok(match self.selection {
            None if self.over_selection.is_some() => return Err(needs("over_selection", "selection")),
            None => Selection::All,
            Some(Wanted::Number(clients)) => Selection::Number { clients, over_selection },
            Some(Wanted::Share(share)) => Selection::Share { share, over_selection },
        })
    }

    /// Whether a round waits.
    pub fn pace(&self) -> Result<Pace, ProtocolError> {
        let mut pace = self.asynchronous.map_or(Pace::Synchronous, Pace::asynchronous);
        match &mut pace {
            Pace::Synchronous if self.staleness_exponent.is_some() => {
                return Err(needs("staleness_exponent", "asynchronous"));
            }
            Pace::Synchronous if self.most_stale.is_some() => return Err(needs("most_stale", "asynchronous")),
            Pace::Synchronous => {}
            Pace::Asynchronous { staleness_exponent, most_stale, .. } => {
                set(staleness_exponent, &self.staleness_exponent);
                set(most_stale, &self.most_stale);
            }
        }
        Ok(pace)
    }
}
