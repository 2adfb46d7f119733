//! FedYogi: Reddi et al., "Adaptive Federated Optimization", ICLR 2021, arXiv:2003.00295, algorithm 2:
//! v ← v − (1 − β₂)Δ² · sign(v − Δ²), which moves v towards Δ² by no more than a share of Δ².

use super::adaptive::Adaptive;
use super::{Gathered, ServerOptimiser};

#[derive(Debug)]
pub(super) struct FedYogi {
    moments: Adaptive,
    beta_2: f64,
}

impl FedYogi {
    pub fn new(parameters: usize, server_learning_rate: f64, [beta_1, beta_2]: [f64; 2], tau: f64) -> FedYogi {
        FedYogi { moments: Adaptive::new(parameters, server_learning_rate, beta_1, tau), beta_2 }
    }
}

impl ServerOptimiser for FedYogi {
    fn publish(&mut self, gathered: Gathered, global: &[f32], _clients: u32) -> Option<Vec<f32>> {
        let beta_2 = self.beta_2;
        self.moments
            .publish(gathered, global, |second, square| second - (1.0 - beta_2) * square * sign(second - square))
    }

    fn memory(&self) -> Vec<(&'static str, &[f32])> {
        self.moments.memory()
    }

    fn memory_mut(&mut self) -> Vec<&mut Vec<f32>> {
        self.moments.memory_mut()
    }
}

/// −1, 0 or 1; unlike `f64::signum`, 0 of 0.
fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}
