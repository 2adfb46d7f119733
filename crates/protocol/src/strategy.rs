//! What a room may choose about learning: how the aggregator makes the next model out of a round's updates, and which
//! optimiser the clients train with. Names, settings and their ranges only; the rules are `federation`'s.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ProtocolError;

/// Largest server learning rate. With it no number leaves what an f32 holds, whatever clients send.
const MAX_SERVER_LEARNING_RATE: f64 = 100.0;
/// Largest decay of a moment: one of 1 would never forget.
const MAX_DECAY: f64 = 0.9999;
/// Range of τ.
const TAU: RangeInclusive<f64> = 1.0e-9..=1.0;
/// Largest μ.
const MAX_MU: f64 = 100.0;
/// Likeness of two names, 0 to 1 (Jaro and Winkler), from which on one is taken for the other, mistyped.
const LIKENESS: f64 = 0.8;

/// A client's optimiser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// Adam (Kingma and Ba, 2015), with fresh moments in every round.
    #[default]
    Adam,
    /// Plain stochastic gradient descent, without momentum.
    Sgd,
}

/// How a client changes its clips from one pass to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Augmentation {
    /// Not at all.
    #[default]
    None,
    /// In every pass each clip is heard at its own speed or at another, drawn by chance.
    Speed,
}

impl Augmentation {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Augmentation::None
    }
}

/// How a round's updates become the next model, with its settings. In JSON an object whose `name` is the strategy's.
///
/// Δ is the mean of the clients' updates (trained − received), weighted by examples where nothing else is said; x is
/// the model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Strategy {
    /// x + ηΔ (McMahan et al., 2017, arXiv:1602.05629).
    FedAvg {
        /// η, above 0 and at most 100; 1 publishes the mean of the clients' models.
        server_learning_rate: f64,
    },
    /// Server momentum (Hsu et al., 2019, arXiv:1909.06335): v ← βv + Δ, x + ηv.
    FedAvgM {
        /// η, above 0 and at most 100.
        server_learning_rate: f64,
        /// β, 0 to 0.9999.
        momentum: f64,
    },
    /// Server Adagrad (Reddi et al., 2021, arXiv:2003.00295, algorithm 2 with β₁ = 0).
    FedAdagrad {
        /// η, above 0 and at most 100.
        server_learning_rate: f64,
        /// τ, the degree of adaptivity, 10⁻⁹ to 1; the unit of Δ.
        tau: f64,
    },
    /// Server Adam without bias correction (Reddi et al., algorithm 2).
    FedAdam {
        /// η, above 0 and at most 100.
        server_learning_rate: f64,
        /// Decay of the mean of Δ, 0 to 0.9999.
        beta_1: f64,
        /// Decay of the mean of Δ², 0 to 0.9999.
        beta_2: f64,
        /// τ, 10⁻⁹ to 1; the unit of Δ.
        tau: f64,
    },
    /// Server Yogi (Reddi et al., algorithm 2).
    FedYogi {
        /// η, above 0 and at most 100.
        server_learning_rate: f64,
        /// Decay of the mean of Δ, 0 to 0.9999.
        beta_1: f64,
        /// How fast the second moment follows Δ², 0 to 0.9999.
        beta_2: f64,
        /// τ, 10⁻⁹ to 1; the unit of Δ.
        tau: f64,
    },
    /// The server averages; each client's loss gains μ/2 · ‖w − x‖² (Li et al., 2020, arXiv:1812.06127).
    FedProx {
        /// μ, 0 to 100; 0 is FedAvg.
        mu: f64,
    },
    /// Control variates against the clients' drift (Karimireddy et al., 2020, arXiv:1910.06378, option II). Clients
    /// train with SGD, the mean is not weighted, and a model travels with the server's control variate behind it.
    Scaffold {
        /// η_g, above 0 and at most 100.
        server_learning_rate: f64,
    },
    /// Updates divided by the clients' counts of local steps (Wang et al., 2020, arXiv:2007.07481).
    FedNova,
}

/// A name that no strategy has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no strategy {name:?}{} There are {}", hint(.guess), Strategy::NAMES.join(", "))]
pub struct UnknownStrategy {
    /// The name that was asked for, shortened.
    pub name: String,
    /// The strategy that was probably meant.
    pub guess: Option<&'static str>,
}

pub(crate) fn hint(guess: &Option<&'static str>) -> String {
    guess.map_or(".".to_owned(), |guess| format!(", did you mean {guess}?"))
}

/// The one of these names that was probably meant.
pub(crate) fn likeliest(names: &[&'static str], wanted: &str) -> Option<&'static str> {
    let likeness = |known: &&str| strsim::jaro_winkler(known, wanted);
    let nearest = names.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.filter(|nearest| likeness(nearest) >= LIKENESS)
}

impl Strategy {
    /// The names of all of them, in the order in which they are listed to people.
    pub const NAMES: [&'static str; 8] =
        ["fedavg", "fedavgm", "fedadagrad", "fedadam", "fedyogi", "fedprox", "scaffold", "fednova"];

    /// Plain federated averaging, as long as nobody chooses another.
    pub const DEFAULT: Strategy = Strategy::FedAvg { server_learning_rate: 1.0 };

    /// The name that people and messages use.
    pub fn name(&self) -> &'static str {
        match self {
            Strategy::FedAvg { .. } => "fedavg",
            Strategy::FedAvgM { .. } => "fedavgm",
            Strategy::FedAdagrad { .. } => "fedadagrad",
            Strategy::FedAdam { .. } => "fedadam",
            Strategy::FedYogi { .. } => "fedyogi",
            Strategy::FedProx { .. } => "fedprox",
            Strategy::Scaffold { .. } => "scaffold",
            Strategy::FedNova => "fednova",
        }
    }

    /// μ of the clients' proximal term; 0 with every strategy but FedProx.
    pub fn proximal(&self) -> f64 {
        match self {
            Strategy::FedProx { mu } => *mu,
            _ => 0.0,
        }
    }

    /// The server learning rate, where the strategy has one.
    pub fn server_learning_rate_mut(&mut self) -> Option<&mut f64> {
        match self {
            Strategy::FedAvg { server_learning_rate }
            | Strategy::FedAvgM { server_learning_rate, .. }
            | Strategy::FedAdagrad { server_learning_rate, .. }
            | Strategy::FedAdam { server_learning_rate, .. }
            | Strategy::FedYogi { server_learning_rate, .. }
            | Strategy::Scaffold { server_learning_rate } => Some(server_learning_rate),
            Strategy::FedProx { .. } | Strategy::FedNova => None,
        }
    }

    /// Refuses settings that can't work.
    pub(crate) fn check(&self) -> Result<(), ProtocolError> {
        let mut strategy = *self;
        if let Some(&mut rate) = strategy.server_learning_rate_mut()
            && !(rate > 0.0 && rate <= MAX_SERVER_LEARNING_RATE)
        {
            let problem = format!("must lie above 0 and not above {MAX_SERVER_LEARNING_RATE}");
            return Err(ProtocolError::invalid("server_learning_rate", problem));
        }
        match *self {
            Strategy::FedAvg { .. } | Strategy::Scaffold { .. } | Strategy::FedNova => Ok(()),
            Strategy::FedAvgM { momentum, .. } => within("momentum", momentum, 0.0..=MAX_DECAY),
            Strategy::FedAdagrad { tau, .. } => within("tau", tau, TAU),
            Strategy::FedAdam { beta_1, beta_2, tau, .. } | Strategy::FedYogi { beta_1, beta_2, tau, .. } => {
                within("beta_1", beta_1, 0.0..=MAX_DECAY)?;
                within("beta_2", beta_2, 0.0..=MAX_DECAY)?;
                within("tau", tau, TAU)
            }
            Strategy::FedProx { mu } => within("mu", mu, 0.0..=MAX_MU),
        }
    }
}

impl Default for Strategy {
    fn default() -> Strategy {
        Strategy::DEFAULT
    }
}

/// A strategy by its name, with its paper's settings; η of the adaptive ones and μ, which the papers choose anew for every
/// task, are places to begin.
impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Strategy, UnknownStrategy> {
        let wanted = name.trim().to_lowercase();
        Ok(match wanted.as_str() {
            "fedavg" => Strategy::DEFAULT,
            "fedavgm" => Strategy::FedAvgM { server_learning_rate: 1.0, momentum: 0.9 },
            "fedadagrad" => Strategy::FedAdagrad { server_learning_rate: 0.1, tau: 1.0e-3 },
            "fedadam" => Strategy::FedAdam { server_learning_rate: 0.01, beta_1: 0.9, beta_2: 0.99, tau: 1.0e-3 },
            "fedyogi" => Strategy::FedYogi { server_learning_rate: 0.01, beta_1: 0.9, beta_2: 0.99, tau: 1.0e-3 },
            "fedprox" => Strategy::FedProx { mu: 0.01 },
            "scaffold" => Strategy::Scaffold { server_learning_rate: 1.0 },
            "fednova" => Strategy::FedNova,
            _ => {
                let guess = likeliest(&Strategy::NAMES, &wanted);
                return Err(UnknownStrategy { name: name.chars().take(40).collect(), guess });
            }
        })
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Augmentation::None => "none",
            Augmentation::Speed => "speed",
        })
    }
}

impl FromStr for Augmentation {
    type Err = ProtocolError;

    fn from_str(name: &str) -> Result<Augmentation, ProtocolError> {
        match name {
            "none" => Ok(Augmentation::None),
            "speed" => Ok(Augmentation::Speed),
            _ => Err(ProtocolError::invalid("augmentation", "choose none or speed")),
        }
    }
}

impl fmt::Display for Optimiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Optimiser::Adam => "adam",
            Optimiser::Sgd => "sgd",
        })
    }
}

impl FromStr for Optimiser {
    type Err = ProtocolError;

    fn from_str(name: &str) -> Result<Optimiser, ProtocolError> {
        match name.trim().to_lowercase().as_str() {
            "adam" => Ok(Optimiser::Adam),
            "sgd" => Ok(Optimiser::Sgd),
            _ => Err(ProtocolError::invalid("optimiser", "choose adam or sgd")),
        }
    }
}

fn within(field: &'static str, value: f64, range: RangeInclusive<f64>) -> Result<(), ProtocolError> {
    if range.contains(&value) {
        Ok(())
    } else {
        Err(ProtocolError::invalid(field, format!("must lie between {} and {}", range.start(), range.end())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_has_settings_that_work() {
        for name in Strategy::NAMES {
            let strategy: Strategy = name.parse().unwrap();
            assert_eq!(strategy.name(), name);
            assert_eq!(strategy.check(), Ok(()));
            let json = serde_json::to_value(strategy).unwrap();
            assert_eq!(json["name"], name);
            assert_eq!(serde_json::from_value::<Strategy>(json).unwrap(), strategy);
        }
    }

    #[test]
    fn a_mistyped_name_is_guessed_and_all_are_listed() {
        let error = "fedadm".parse::<Strategy>().unwrap_err();
        assert_eq!(error.guess, Some("fedadam"));
        assert_eq!(
            error.to_string(),
            "there is no strategy \"fedadm\", did you mean fedadam? There are fedavg, fedavgm, fedadagrad, fedadam, \
             fedyogi, fedprox, scaffold, fednova"
        );
        assert_eq!("SCAFOLD".parse::<Strategy>().unwrap_err().guess, Some("scaffold"));
        assert_eq!("lstm".parse::<Strategy>().unwrap_err().guess, None);
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let refused = |json: &str| serde_json::from_str::<Strategy>(json).unwrap().check().unwrap_err().to_string();
        assert!(refused(r#"{"name":"fedavg","server_learning_rate":0}"#).starts_with("server_learning_rate"));
        assert!(refused(r#"{"name":"scaffold","server_learning_rate":101}"#).starts_with("server_learning_rate"));
        assert!(refused(r#"{"name":"fedavgm","server_learning_rate":1,"momentum":1}"#).starts_with("momentum"));
        let yogi = r#"{"name":"fedyogi","server_learning_rate":1,"beta_1":0.9,"beta_2":-0.1,"tau":0.001}"#;
        assert!(refused(yogi).starts_with("beta_2"));
        assert!(refused(r#"{"name":"fedadagrad","server_learning_rate":1,"tau":0}"#).starts_with("tau"));
        assert!(refused(r#"{"name":"fedprox","mu":-1}"#).starts_with("mu"));
    }
}
