//! How updates become the next model.

use protocol::{FinalModel, Optimiser, ProtocolError, Strategy};
use serde::Deserialize;

use super::choice::{self, Given};

/// The server's step size where `compact` is trained in its own way.
const GRADIENT_RATE: f64 = 3.0e-3;

/// How `compact` is trained where nothing else is chosen: clients that hardly leave the received model send what is nearly
/// a gradient, and one adaptive optimiser on the server sees all labels. With one speaker or few labels a client it is
/// better than FedAvg, and elsewhere no worse (docs/experiments.md).
pub const GRADIENT: (Optimiser, f64, Strategy) = (
    Optimiser::Sgd,
    1.0e-3,
    Strategy::FedAdam { server_learning_rate: GRADIENT_RATE, beta_1: 0.9, beta_2: 0.99, tau: 1.0e-7 },
);

/// A strategy, and its settings that have options of their own.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct StrategyOptions {
    #[arg(long, value_parser = choice::word::<Strategy>, help = format!(
        "How updates become the next model: {}, or one of them with all of its settings as JSON [default: fedavg; fedadam, with \
         {} on the server, where compact has its own way]",
        choice::names::<Strategy>(), GRADIENT_RATE,
    ))]
    #[serde(deserialize_with = "choice::json")]
    pub strategy: Option<Strategy>,
    #[arg(long, value_name = "RATE", help = format!(
        "Step size on the server of {} [default: {}]",
        choice::with::<Strategy>("server_learning_rate"), choice::usual::<Strategy>("server_learning_rate"),
    ))]
    pub server_learning_rate: Option<f64>,
    #[arg(long, value_name = "MU", help = format!(
        "fedprox's μ: how strongly participants are drawn back to the model that they received [default: {}]",
        choice::usual::<Strategy>("mu"),
    ))]
    pub proximal: Option<f64>,
    /// Which model the rounds end with: last, that of the last round, or mean, the mean of those of all rounds, of which later ones count
    /// more [default: last]
    #[arg(long)]
    pub final_model: Option<FinalModel>,
}

impl StrategyOptions {
    pub(super) fn given(&self) -> Vec<Given> {
        vec![
            Given { option: "server_learning_rate", setting: "server_learning_rate", value: self.server_learning_rate },
            Given { option: "proximal", setting: "mu", value: self.proximal },
        ]
    }

    /// Whether anything is said about it.
    pub fn chooses(&self) -> bool {
        self.strategy.is_some() || self.given().iter().any(|given| given.value.is_some())
    }

    /// The strategy, where a network has no way of its own.
    pub fn strategy(&self) -> Result<Strategy, ProtocolError> {
        let mut strategy = self.strategy.unwrap_or_default();
        choice::set(&mut strategy, self.given())?;
        Ok(strategy)
    }
}
