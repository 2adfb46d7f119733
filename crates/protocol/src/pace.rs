//! Whether a round waits for its clients, or the model goes on without them.

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_CLIENTS, MAX_ROUNDS};
use crate::parse::check_range;
use crate::{ProtocolError, Selection, Strategy};

/// Largest exponent of the staleness.
const MAX_STALENESS_EXPONENT: f64 = 4.0;

/// When a client is asked again, and what an update may start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Pace {
    /// All clients of a round start from the same version, and the next round begins when it is over.
    #[default]
    Synchronous,
    /// FedBuff (J. Nguyen et al., "Federated learning with buffered asynchronous aggregation", AISTATS 2022,
    /// arXiv:2106.06639): whoever has given an update is asked again with the present model, and a version is published
    /// whenever the buffer is full. An update that started τ versions ago has its weight multiplied by
    /// (1 + τ)^−`staleness_exponent`.
    Asynchronous {
        /// Updates that publish a version, `least` to 1,024; K in the paper.
        buffer: u32,
        /// How fast an update loses weight with its age, 0 to 4; the paper takes 1/2.
        #[serde(default = "staleness_exponent")]
        staleness_exponent: f64,
        /// Versions that an update may be behind, 0 to 1,000; one that is further behind is refused as stale.
        #[serde(default = "most_stale")]
        most_stale: u32,
    },
}

/// 1/√(1 + τ).
fn staleness_exponent() -> f64 {
    0.5
}

fn most_stale() -> u32 {
    20
}

impl Pace {
    /// A buffer with the paper's weights.
    pub fn asynchronous(buffer: u32) -> Pace {
        Pace::Asynchronous { buffer, staleness_exponent: staleness_exponent(), most_stale: most_stale() }
    }

    /// Rounds that wait.
    pub fn is_synchronous(&self) -> bool {
        *self == Pace::Synchronous
    }

    /// Versions that an update may be behind.
    pub fn most_stale(&self) -> u32 {
        match *self {
            Pace::Synchronous => 0,
            Pace::Asynchronous { most_stale, .. } => most_stale,
        }
    }

    /// What the weight of an update is multiplied by that is `behind` versions behind.
    pub fn discount(&self, behind: u32) -> f64 {
        match *self {
            Pace::Synchronous => 1.0,
            Pace::Asynchronous { staleness_exponent, .. } => (1.0 + f64::from(behind)).powf(-staleness_exponent),
        }
    }

    /// Refuses settings that can't work together with the room's others.
    pub(crate) fn check(
        &self,
        least: u32,
        goal: u32,
        selection: Selection,
        strategy: Strategy,
    ) -> Result<(), ProtocolError> {
        let Pace::Asynchronous { buffer, staleness_exponent, most_stale } = *self else { return Ok(()) };
        check_range("pace.buffer", buffer, least..=MAX_CLIENTS)?;
        check_range("pace.most_stale", most_stale, 0..=MAX_ROUNDS)?;
        if !(0.0..=MAX_STALENESS_EXPONENT).contains(&staleness_exponent) {
            let problem = format!("must lie between 0 and {MAX_STALENESS_EXPONENT}");
            return Err(ProtocolError::invalid("pace.staleness_exponent", problem));
        }
        if goal != 0 {
            let problem = "leave it 0 in an asynchronous room, where a full buffer publishes a version";
            return Err(ProtocolError::invalid("goal", problem));
        }
        if !selection.is_all() {
            let problem = "an asynchronous room asks everyone; leave the selection out, or choose synchronous rounds";
            return Err(ProtocolError::invalid("selection", problem));
        }
        if strategy.counts_steps() {
            let problem =
                format!("{strategy} compares updates that start from one model; choose another, or synchronous rounds");
            return Err(ProtocolError::invalid("strategy", problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_updates_weigh_less() {
        let paper = Pace::asynchronous(10);
        assert_eq!(paper.discount(0), 1.0);
        assert!((paper.discount(3) - 0.5).abs() < 1e-15);
        let linear = Pace::Asynchronous { buffer: 10, staleness_exponent: 1.0, most_stale: 5 };
        assert!((linear.discount(4) - 0.2).abs() < 1e-15);
        assert_eq!(Pace::Synchronous.discount(3), 1.0);
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let check = |json: &str, goal, selection, strategy: &str| {
            let pace: Pace = serde_json::from_str(json).unwrap();
            pace.check(2, goal, selection, strategy.parse().unwrap()).map_err(|error| error.to_string())
        };
        let buffer = r#"{"name": "asynchronous", "buffer": 4}"#;
        assert_eq!(check(buffer, 0, Selection::All, "fedavg"), Ok(()));
        assert_eq!(serde_json::from_str::<Pace>(buffer).unwrap(), Pace::asynchronous(4));
        assert!(check(buffer, 3, Selection::All, "fedavg").unwrap_err().starts_with("goal"));
        let some = Selection::Number { clients: 3, over_selection: 1.0 };
        assert!(check(buffer, 0, some, "fedavg").unwrap_err().starts_with("selection"));
        for strategy in ["scaffold", "fednova"] {
            assert!(check(buffer, 0, Selection::All, strategy).unwrap_err().contains(strategy));
        }
        let refused = |json| check(json, 0, Selection::All, "fedavg").unwrap_err();
        assert!(refused(r#"{"name": "asynchronous", "buffer": 1}"#).starts_with("pace.buffer"));
        assert!(refused(r#"{"name": "asynchronous", "buffer": 4, "most_stale": 1001}"#).starts_with("pace.most_stale"));
        let exponent = r#"{"name": "asynchronous", "buffer": 4, "staleness_exponent": -1}"#;
        assert!(refused(exponent).starts_with("pace.staleness_exponent"));
    }
}
