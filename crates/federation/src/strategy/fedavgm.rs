//! FedAvgM: Hsu, Qi and Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
//! Classification", 2019, arXiv:1909.06335, section 4.3. v ← βv + Δ, x ← x + ηv; v begins at zero. (The paper writes Δ
//! with the opposite sign, and subtracts.)

use super::{Gathered, ServerOptimiser, step};

#[derive(Debug)]
pub(super) struct FedAvgM {
    server_learning_rate: f64,
    decay: f64,
    momentum: Vec<f32>,
}

impl FedAvgM {
    pub fn new(parameters: usize, server_learning_rate: f64, decay: f64) -> FedAvgM {
        FedAvgM { server_learning_rate, decay, momentum: vec![0.0; parameters] }
    }
}

impl ServerOptimiser for FedAvgM {
    fn publish(&mut self, gathered: Gathered, global: &[f32], _clients: u32) -> Option<Vec<f32>> {
        let mut mean = gathered.updates.into_mean()?;
        for (momentum, mean) in self.momentum.iter_mut().zip(&mut mean) {
            *momentum = (self.decay * f64::from(*momentum) + f64::from(*mean)) as f32;
            *mean = *momentum;
        }
        Some(step(mean, global, self.server_learning_rate))
    }

    fn memory(&self) -> Vec<(&'static str, &[f32])> {
        vec![("momentum", &self.momentum)]
    }

    fn memory_mut(&mut self) -> Vec<&mut Vec<f32>> {
        vec![&mut self.momentum]
    }
}
