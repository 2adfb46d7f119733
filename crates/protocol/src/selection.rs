//! Whom a round asks: everyone who is ready, or so many of them.

use serde::{Deserialize, Serialize};

use crate::ProtocolError;
use crate::parse::check_range;

/// Most clients that may be asked for each update that is wanted.
const MAX_OVER_SELECTION: f64 = 4.0;

/// How many of the ready clients a round asks for an update, and how many updates close it (K. Bonawitz et al., "Towards
/// federated learning at scale: system design", MLSys 2019, arXiv:1902.01046). A round that wants n updates asks
/// ⌈n · `over_selection`⌉ clients, so that it need not wait for the slowest of them, or for those that are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Selection {
    /// Everyone, and the room's `goal` closes the round.
    #[default]
    All,
    /// A number of clients, whatever the number of those that are ready.
    Number {
        /// Updates that are wanted, `least` to `max_clients`.
        clients: u32,
        /// Clients asked for each of them, 1 to 4; the paper takes 1.3.
        #[serde(default = "over_selection")]
        over_selection: f64,
    },
    /// A share of the clients that are ready when the round opens.
    Share {
        /// Updates that are wanted for each of them, above 0 and at most 1; never fewer than `least` in all.
        share: f64,
        /// Clients asked for each of them, 1 to 4; the paper takes 1.3.
        #[serde(default = "over_selection")]
        over_selection: f64,
    },
}

/// The paper's 130 %.
fn over_selection() -> f64 {
    1.3
}

impl Selection {
    /// Everyone.
    pub fn is_all(&self) -> bool {
        *self == Selection::All
    }

    /// Updates that a round wants, and clients that it asks for them, when `ready` are there and at least `least` updates
    /// count. `None`: everyone is asked.
    pub fn wanted(&self, ready: u32, least: u32) -> Option<(u32, u32)> {
        let (wanted, over_selection) = match *self {
            Selection::All => return None,
            Selection::Number { clients, over_selection } => (clients, over_selection),
            Selection::Share { share, over_selection } => ((share * f64::from(ready)).ceil() as u32, over_selection),
        };
        let wanted = wanted.max(least);
        // 1.3 · 10 is a little above 13 in binary; nobody means 14 by it.
        Some((wanted, (f64::from(wanted) * over_selection - 1.0e-9).ceil() as u32))
    }

    /// Refuses settings that can't work in a room of these bounds.
    pub(crate) fn check(&self, least: u32, max_clients: u32, goal: u32) -> Result<(), ProtocolError> {
        let over_selection = match *self {
            Selection::All => return Ok(()),
            Selection::Number { clients, over_selection } => {
                check_range("selection.clients", clients, least..=max_clients)?;
                over_selection
            }
            Selection::Share { share, over_selection } => {
                if !(share > 0.0 && share <= 1.0) {
                    return Err(ProtocolError::invalid("selection.share", "must lie above 0 and not above 1"));
                }
                over_selection
            }
        };
        if !(1.0..=MAX_OVER_SELECTION).contains(&over_selection) {
            let problem = format!("must lie between 1 and {MAX_OVER_SELECTION}");
            return Err(ProtocolError::invalid("selection.over_selection", problem));
        }
        if goal != 0 {
            let problem = "leave it 0 in a room with a selection, which says itself how many updates close a round";
            return Err(ProtocolError::invalid("goal", problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_asks_130_percent() {
        let ten = Selection::Number { clients: 10, over_selection: 1.3 };
        assert_eq!(ten.wanted(50, 2), Some((10, 13)));
        let tenth = Selection::Share { share: 0.1, over_selection: 1.5 };
        assert_eq!(tenth.wanted(25, 2), Some((3, 5)));
        assert_eq!(tenth.wanted(5, 2), Some((2, 3)), "never fewer than the least");
        assert_eq!(Selection::All.wanted(50, 2), None);
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let refused = |json: &str, goal| {
            let selection: Selection = serde_json::from_str(json).unwrap();
            selection.check(2, 64, goal).map_err(|error| error.to_string())
        };
        assert_eq!(refused(r#"{"by": "all"}"#, 5), Ok(()));
        assert_eq!(refused(r#"{"by": "share", "share": 0.5}"#, 0), Ok(()));
        assert!(refused(r#"{"by": "number", "clients": 1}"#, 0).unwrap_err().starts_with("selection.clients"));
        assert!(refused(r#"{"by": "number", "clients": 65}"#, 0).unwrap_err().contains("between 2 and 64"));
        assert!(refused(r#"{"by": "share", "share": 0}"#, 0).unwrap_err().starts_with("selection.share"));
        let too_many = r#"{"by": "number", "clients": 9, "over_selection": 9}"#;
        assert!(refused(too_many, 0).unwrap_err().starts_with("selection.over_selection"));
        assert!(refused(r#"{"by": "number", "clients": 9}"#, 9).unwrap_err().starts_with("goal"));
        assert!(serde_json::from_str::<Selection>(r#"{"by": "share", "clients": 3}"#).is_err());
    }
}
