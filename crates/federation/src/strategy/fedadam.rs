//! FedAdam: Reddi et al., "Adaptive Federated Optimization", ICLR 2021, arXiv:2003.00295, algorithm 2:
//! v ← β₂v + (1 − β₂)Δ².

use super::adaptive::Adaptive;
use super::{Gathered, ServerOptimiser};

#[derive(Debug)]
pub(super) struct FedAdam {
    moments: Adaptive,
    beta_2: f64,
}

impl FedAdam {
    pub fn new(parameters: usize, server_learning_rate: f64, [beta_1, beta_2]: [f64; 2], tau: f64) -> FedAdam {
        FedAdam { moments: Adaptive::new(parameters, server_learning_rate, beta_1, tau), beta_2 }
    }
}

impl ServerOptimiser for FedAdam {
    fn publish(&mut self, gathered: Gathered, global: &[f32], _clients: u32) -> Option<Vec<f32>> {
        let beta_2 = self.beta_2;
        self.moments.publish(gathered, global, |second, square| beta_2 * second + (1.0 - beta_2) * square)
    }

    fn memory(&self) -> Vec<(&'static str, &[f32])> {
        self.moments.memory()
    }

    fn memory_mut(&mut self) -> Vec<&mut Vec<f32>> {
        self.moments.memory_mut()
    }
}
