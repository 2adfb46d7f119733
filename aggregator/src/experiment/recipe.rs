//! How the systems are trained. One table of constants: whoever wants to try another recipe changes it here.

use protocol::{Augmentation, Choice as _, Optimiser, Strategy, TrainingSettings};
use serde::Serialize;

/// Optimiser and strategy under one name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recipe {
    /// Its name in keys and tables.
    pub name: &'static str,
    /// Why it is among the experiments.
    pub why: &'static str,
    /// What a client does in a round (or the whole, where training is centralised).
    pub training: TrainingSettings,
    /// How updates become the next model.
    pub strategy: Strategy,
}

/// One pass over a client's clips in each round, 20 clips a step: what the paper says of all its federated systems.
const fn one_epoch(optimiser: Optimiser, learning_rate: f64) -> TrainingSettings {
    TrainingSettings { epochs: 1, batch_size: 20, optimiser, learning_rate, augmentation: Augmentation::None }
}

/// The baseline without federation.
pub const CENTRALISED: Recipe = Recipe {
    name: "adam",
    why: "the rate of the paper's baselines, with the batch of its federated systems, so that both differ in nothing else",
    training: one_epoch(Optimiser::Adam, 1.0e-3),
    strategy: Strategy::DEFAULT,
};

/// The recipes of federated systems, in the order in which they are shown.
pub const FEDERATED: [Recipe; 3] = [
    Recipe {
        name: "paper",
        why: "the learning rates of the paper's notebooks; FedAdam is the one of Reddi et al., without bias correction, and so has β₂ 0.99 for Keras' 0.999, with which its first steps would be three to six times as long",
        training: one_epoch(Optimiser::Adam, 1.0e-4),
        strategy: Strategy::FedAdam { server_learning_rate: 1.0e-2, beta_1: 0.9, beta_2: 0.99, tau: 1.0e-7 },
    },
    Recipe {
        name: "fedavg",
        why: "plain federated averaging with the rate of the centralised model",
        training: one_epoch(Optimiser::Adam, 1.0e-3),
        strategy: Strategy::FedAvg { server_learning_rate: 1.0 },
    },
    Recipe {
        name: "gradient",
        why: "clients that hardly leave the received model send what is nearly a gradient, and one adaptive optimiser on the server sees all labels",
        training: one_epoch(Optimiser::Sgd, 1.0e-3),
        strategy: Strategy::FedAdam { server_learning_rate: 1.0e-3, beta_1: 0.9, beta_2: 0.99, tau: 1.0e-7 },
    },
];

impl Recipe {
    /// What a client does, in words.
    pub fn client(&self) -> String {
        let TrainingSettings { epochs, batch_size, optimiser, learning_rate, augmentation: _ } = self.training;
        let optimiser = match optimiser {
            Optimiser::Adam => "Adam",
            Optimiser::Sgd => "SGD",
        };
        let epochs = if epochs == 1 { "1 epoch".to_owned() } else { format!("{epochs} epochs") };
        format!("{optimiser} {learning_rate}, {epochs}, {batch_size} clips a step")
    }

    /// What the server does, in words.
    pub fn server(&self) -> String {
        let title = self.strategy.title().to_owned();
        if self.strategy == Strategy::DEFAULT {
            return title;
        }
        self.strategy.settings().iter().fold(title, |said, setting| {
            let value = setting.value.unwrap_or_default();
            match setting.name {
                "server_learning_rate" => format!("{said} {value}"),
                "beta_1" => format!("{said}, β {value}"),
                "beta_2" => format!("{said} and {value}"),
                "tau" => format!("{said}, τ {value:e}"),
                "mu" => format!("{said}, μ {value}"),
                name => format!("{said}, {name} {value}"),
            }
        })
    }
}

/// The recipes of Experiment 2, by name.
pub const OF_CLIENT_COUNTS: [&str; 2] = ["paper", "fedavg"];

/// The recipes of Experiment 3, by name.
pub const OF_SPEAKERS: [&str; 2] = ["fedavg", "gradient"];

/// The federated recipes with these names, in the table's order.
pub fn named(names: &[&str]) -> Vec<Recipe> {
    FEDERATED.into_iter().filter(|recipe| names.contains(&recipe.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_says_its_own_numbers() {
        let paper = named(&["paper"])[0];
        assert_eq!(paper.client(), "Adam 0.0001, 1 epoch, 20 clips a step");
        assert_eq!(paper.server(), "FedAdam 0.01, β 0.9 and 0.99, τ 1e-7");
        let server = |strategy| Recipe { strategy, ..paper }.server();
        assert_eq!(server(Strategy::DEFAULT), "FedAvg");
        assert_eq!(server(Strategy::FedAvg { server_learning_rate: 0.5 }), "FedAvg 0.5");
        assert_eq!(server("fedavgm".parse().unwrap()), "FedAvgM 1, momentum 0.9");
        assert_eq!(server("fedprox".parse().unwrap()), "FedProx, μ 0.01");
        assert_eq!(server(Strategy::FedNova), "FedNova");
    }

    #[test]
    fn every_name_is_in_the_table_once_and_may_stand_in_a_file_name() {
        assert_eq!(named(&OF_CLIENT_COUNTS).len(), OF_CLIENT_COUNTS.len());
        assert_eq!(named(&OF_SPEAKERS).len(), OF_SPEAKERS.len());
        for recipe in FEDERATED.iter().chain([&CENTRALISED]) {
            assert!(recipe.name.bytes().all(|letter| letter.is_ascii_lowercase()), "{}", recipe.name);
        }
        let mut names = FEDERATED.map(|recipe| recipe.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
