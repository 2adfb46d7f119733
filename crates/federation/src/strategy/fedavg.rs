//! FedAvg: McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", AISTATS 2017,
//! arXiv:1602.05629, algorithm 1. x ← x + ηΔ, where Δ is the mean of the updates weighted by examples; with η = 1 that
//! is the weighted mean of the clients' models, and the paper's algorithm.

use super::{Gathered, ServerOptimiser, step};

#[derive(Debug)]
pub(super) struct FedAvg {
    pub server_learning_rate: f64,
}

impl ServerOptimiser for FedAvg {
    fn publish(&mut self, gathered: Gathered, global: &[f32], _clients: u32) -> Option<Vec<f32>> {
        Some(step(gathered.updates.into_mean()?, global, self.server_learning_rate))
    }
}
