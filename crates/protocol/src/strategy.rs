//! What a room may choose about learning: how the aggregator makes the next model out of a round's updates, and which
//! optimiser the clients train with. Names, settings and their ranges only; the rules are `federation`'s.

use crate::choice::{Choice, Range, choice, words};

/// Server learning rates. With the largest no number leaves what an f32 holds, whatever clients send.
const RATE: Range = Range::Above(0.0, 100.0);
/// Decays of a moment: one of 1 would never forget.
const DECAY: Range = Range::Between(0.0, 0.9999);
/// τ.
const TAU: Range = Range::Between(1.0e-9, 1.0);
/// μ.
const MU: Range = Range::Between(0.0, 100.0);

words! {
    /// A client's optimiser.
    pub enum Optimiser, a "optimiser" {
        /// Adam (Kingma and Ba, 2015), with fresh moments in every round.
        Adam = "adam",
        /// Plain stochastic gradient descent, without momentum.
        Sgd = "sgd",
    }
}

words! {
    /// How a client changes its clips from one pass to the next.
    pub enum Augmentation, a "augmentation" {
        /// Not at all.
        None = "none",
        /// In every pass each clip is heard at its own speed or at another, drawn by chance.
        Speed = "speed",
    }
}

impl Augmentation {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Augmentation::None
    }
}

choice! {
    /// How a round's updates become the next model, with its settings. In JSON an object whose `name` is the strategy's.
    ///
    /// Δ is the mean of the clients' updates (trained − received), weighted by examples where nothing else is said; x is
    /// the model. Usual settings are the paper's; η of the adaptive ones and μ, which the papers choose anew for every task, are
    /// places to begin.
    pub enum Strategy, a "strategy" {
        /// x + ηΔ (McMahan et al., 2017, arXiv:1602.05629).
        FedAvg = "fedavg" {
            /// η; 1 publishes the mean of the clients' models.
            server_learning_rate: f64 = 1.0, RATE;
        }
        /// Server momentum (Hsu et al., 2019, arXiv:1909.06335): v ← βv + Δ, x + ηv.
        FedAvgM = "fedavgm" {
            /// η.
            server_learning_rate: f64 = 1.0, RATE;
            /// β.
            momentum: f64 = 0.9, DECAY;
        }
        /// Server Adagrad (Reddi et al., 2021, arXiv:2003.00295, algorithm 2 with β₁ = 0).
        FedAdagrad = "fedadagrad" {
            /// η.
            server_learning_rate: f64 = 0.1, RATE;
            /// τ, the degree of adaptivity; the unit of Δ.
            tau: f64 = 1.0e-3, TAU;
        }
        /// Server Adam without bias correction (Reddi et al., algorithm 2).
        FedAdam = "fedadam" {
            /// η.
            server_learning_rate: f64 = 0.01, RATE;
            /// Decay of the mean of Δ.
            beta_1: f64 = 0.9, DECAY;
            /// Decay of the mean of Δ².
            beta_2: f64 = 0.99, DECAY;
            /// τ; the unit of Δ.
            tau: f64 = 1.0e-3, TAU;
        }
        /// Server Yogi (Reddi et al., algorithm 2).
        FedYogi = "fedyogi" {
            /// η.
            server_learning_rate: f64 = 0.01, RATE;
            /// Decay of the mean of Δ.
            beta_1: f64 = 0.9, DECAY;
            /// How fast the second moment follows Δ².
            beta_2: f64 = 0.99, DECAY;
            /// τ; the unit of Δ.
            tau: f64 = 1.0e-3, TAU;
        }
        /// The server averages; each client's loss gains μ/2 · ‖w − x‖² (Li et al., 2020, arXiv:1812.06127).
        FedProx = "fedprox" {
            /// μ; 0 is FedAvg.
            mu: f64 = 0.01, MU;
        }
        /// Control variates against the clients' drift (Karimireddy et al., 2020, arXiv:1910.06378, option II). Clients
        /// train with SGD, the mean is not weighted, and a model travels with the server's control variate behind it.
        Scaffold = "scaffold" {
            /// η_g.
            server_learning_rate: f64 = 1.0, RATE;
        }
        /// Updates divided by the clients' counts of local steps (Wang et al., 2020, arXiv:2007.07481).
        FedNova = "fednova"
    }
}

impl Strategy {
    /// Plain federated averaging, as long as nobody chooses another.
    pub const DEFAULT: Strategy = <Strategy as Choice>::ALL[0];

    /// μ of the clients' proximal term; 0 with every strategy but FedProx.
    pub fn proximal(&self) -> f64 {
        match self {
            Strategy::FedProx { mu } => *mu,
            _ => 0.0,
        }
    }

    /// Whether it counts the clients' local steps, which takes updates as they were sent that all start from one model.
    pub fn counts_steps(&self) -> bool {
        matches!(self, Strategy::Scaffold { .. } | Strategy::FedNova)
    }

    /// Whether an update has to be a sum of gradients, which only plain SGD makes of it.
    pub fn needs_sgd(&self) -> bool {
        matches!(self, Strategy::Scaffold { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::check;

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
        let refused = |json: &str| check(&serde_json::from_str::<Strategy>(json).unwrap()).unwrap_err().to_string();
        assert!(refused(r#"{"name":"fedavg","server_learning_rate":0}"#).starts_with("server_learning_rate"));
        assert!(refused(r#"{"name":"scaffold","server_learning_rate":101}"#).starts_with("server_learning_rate"));
        assert!(refused(r#"{"name":"fedavgm","server_learning_rate":1,"momentum":1}"#).starts_with("momentum"));
        let yogi = r#"{"name":"fedyogi","server_learning_rate":1,"beta_1":0.9,"beta_2":-0.1,"tau":0.001}"#;
        assert!(refused(yogi).starts_with("beta_2"));
        assert!(refused(r#"{"name":"fedadagrad","server_learning_rate":1,"tau":0}"#).starts_with("tau"));
        assert!(refused(r#"{"name":"fedprox","mu":-1}"#).starts_with("mu"));
    }
}
