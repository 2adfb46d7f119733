//! What a room may choose about hostile or broken clients: how a round's updates become the one direction Δ out of which
//! its [`Strategy`](crate::Strategy) makes the next model. Names, settings and their ranges only; the rules are
//! `federation`'s.

use crate::choice::{Choice, Range, check, choice};
use crate::limits::{MAX_CLIENTS, MAX_NORM};
use crate::{ProtocolError, Strategy};

/// Counts of clients.
const CLIENTS: Range = Range::Between(1.0, MAX_CLIENTS as f64);

choice! {
    /// How a round's updates become Δ, with its settings. In JSON an object whose `name` is the aggregation's.
    ///
    /// n is the count of updates in the round. Only `mean` and `clipping` weigh by examples: a hostile client makes its count
    /// up. Usual settings are to begin with: a fifth cut off at each end, one faulty client.
    pub enum Aggregation, a "aggregation" {
        /// The mean weighted by examples (McMahan et al., 2017, arXiv:1602.05629). One hostile client can move it anywhere.
        Mean = "mean"
        /// Each parameter's median (Yin et al., 2018, arXiv:1803.01498, definition 1).
        Median = "median"
        /// Each parameter's mean without its largest and its smallest values (Yin et al., definition 2).
        TrimmedMean = "trimmed_mean" {
            /// The share of the values that is left out at each end: ⌊trim · n⌋ of them, and one at least where there are three
            /// or more.
            trim: f64 = 0.2, Range::Inside(0.0, 0.5);
        }
        /// The one update that is nearest to its n − `faulty` − 2 nearest others (Blanchard et al., 2017, NeurIPS, "Machine
        /// Learning with Adversaries: Byzantine Tolerant Gradient Descent").
        Krum = "krum" {
            /// Clients that may be hostile, f; rounds need 2f + 3 updates.
            faulty: u32 = 1, CLIENTS;
        }
        /// The plain mean of the `chosen` updates that Krum finds best (Blanchard et al., section 6).
        MultiKrum = "multi_krum" {
            /// Clients that may be hostile, f; rounds need 2f + 3 updates.
            faulty: u32 = 1, CLIENTS;
            /// How many updates are taken, at most n − f − 2.
            chosen: u32 = 2, CLIENTS;
        }
        /// The mean weighted by examples, of updates whose L2 norm is first scaled down to a limit where it is above it (Sun et
        /// al., 2019, arXiv:1911.07963).
        Clipping = "clipping" {
            /// The limit, in the parameters' own unit; left out, the median of the round's norms.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            norm: Option<f64> = None, Range::Above(0.0, MAX_NORM);
        }
    }
}

impl Aggregation {
    /// Whether it is the weighted mean.
    pub fn is_mean(&self) -> bool {
        *self == Aggregation::Mean
    }

    /// Whether it needs all updates of a round at once, so that each has to be kept until the round closes; the others are
    /// folded as they come.
    pub fn keeps_updates(&self) -> bool {
        !matches!(self, Aggregation::Mean | Aggregation::Clipping { norm: Some(_) })
    }

    /// Fewest updates for which it is defined: 2f + 3 with Krum, the `least` that its room has at least; 1 with the others.
    pub fn least(&self) -> u32 {
        match self {
            // Krum's condition, 2f + 2 < n.
            Aggregation::Krum { faulty } => faulty.saturating_mul(2).saturating_add(3),
            // So many, that as many as are chosen have n − f − 2 neighbours.
            Aggregation::MultiKrum { faulty, chosen } => {
                let krum = Aggregation::Krum { faulty: *faulty }.least();
                krum.max(faulty.saturating_add(*chosen).saturating_add(2))
            }
            _ => 1,
        }
    }

    /// Refuses settings that can't work, by themselves or with the room's strategy and its fewest updates.
    pub(crate) fn check(&self, strategy: &Strategy, least: u32) -> Result<(), ProtocolError> {
        check(self)?;
        let name = self.name();
        if strategy.counts_steps() && !self.is_mean() {
            let problem = format!(
                "{strategy} adds up what {name} would leave out or change; choose mean, or another strategy such as fedavg"
            );
            return Err(ProtocolError::invalid("aggregation", problem));
        }
        if least < self.least() {
            let problem = format!(
                "{name} needs rounds of {} updates at least, and this room's may have {least}; make it more, or expect \
                 fewer faulty clients",
                self.least()
            );
            return Err(ProtocolError::invalid("least", problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_settings_that_work_with_the_least_that_it_needs() {
        for aggregation in Aggregation::ALL {
            assert_eq!(aggregation.check(&Strategy::DEFAULT, aggregation.least()), Ok(()));
        }
        assert_eq!("Trimmed-Mean".parse(), Ok(Aggregation::TrimmedMean { trim: 0.2 }));
    }

    #[test]
    fn a_mistyped_name_is_guessed_and_all_are_listed() {
        let error = "meridian".parse::<Aggregation>().unwrap_err();
        assert_eq!(error.guess, Some("median"));
        assert_eq!(
            error.to_string(),
            "there is no aggregation \"meridian\", did you mean median? There are mean, median, trimmed_mean, krum, \
             multi_krum, clipping"
        );
        assert_eq!("multikrum".parse::<Aggregation>().unwrap_err().guess, Some("multi_krum"));
        assert_eq!("fedavg".parse::<Aggregation>().unwrap_err().guess, None);
    }

    fn refused(json: &str, least: u32) -> String {
        let aggregation: Aggregation = serde_json::from_str(json).unwrap();
        aggregation.check(&Strategy::DEFAULT, least).unwrap_err().to_string()
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        for trim in ["0", "0.5", "-0.1", "1"] {
            assert!(refused(&format!(r#"{{"name":"trimmed_mean","trim":{trim}}}"#), 9).starts_with("trim: "));
        }
        assert!(refused(r#"{"name":"krum","faulty":0}"#, 9).starts_with("faulty: "));
        assert!(refused(r#"{"name":"multi_krum","faulty":1,"chosen":0}"#, 9).starts_with("chosen: "));
        assert!(refused(r#"{"name":"clipping","norm":0}"#, 9).starts_with("norm: "));
        assert!(refused(r#"{"name":"clipping","norm":1e10}"#, 9).starts_with("norm: "));
    }

    #[test]
    fn krum_needs_more_than_twice_its_faulty_clients_and_two() {
        assert!(refused(r#"{"name":"krum","faulty":2}"#, 6).starts_with("least: krum needs rounds of 7 updates"));
        assert_eq!(Aggregation::Krum { faulty: 2 }.check(&Strategy::DEFAULT, 7), Ok(()));
        // Four chosen out of n need n − 1 − 2 ≥ 4.
        assert!(refused(r#"{"name":"multi_krum","faulty":1,"chosen":4}"#, 6).contains("7 updates"));
        assert_eq!(Aggregation::MultiKrum { faulty: 1, chosen: 4 }.check(&Strategy::DEFAULT, 7), Ok(()));
        assert!(refused(r#"{"name":"krum","faulty":1024}"#, 1024).contains("2051 updates"));
    }

    #[test]
    fn strategies_that_need_the_mean_get_nothing_else() {
        for strategy in [Strategy::Scaffold { server_learning_rate: 1.0 }, Strategy::FedNova] {
            assert_eq!(Aggregation::Mean.check(&strategy, 2), Ok(()));
            for aggregation in &Aggregation::ALL[1..] {
                let error = aggregation.check(&strategy, 9).unwrap_err().to_string();
                assert!(error.contains("choose mean, or another strategy"), "{error}");
            }
        }
    }
}
