//! FedAdagrad: Reddi et al., "Adaptive Federated Optimization", ICLR 2021, arXiv:2003.00295, algorithm 2 with β₁ = 0:
//! v ← v + Δ².

use super::adaptive::Adaptive;
use super::{Gathered, ServerOptimiser};

#[derive(Debug)]
pub(super) struct FedAdagrad {
    moments: Adaptive,
}

impl FedAdagrad {
    pub fn new(parameters: usize, server_learning_rate: f64, tau: f64) -> FedAdagrad {
        FedAdagrad { moments: Adaptive::new(parameters, server_learning_rate, 0.0, tau) }
    }
}

impl ServerOptimiser for FedAdagrad {
    fn publish(&mut self, gathered: Gathered, global: &[f32], _clients: u32) -> Option<Vec<f32>> {
        self.moments.publish(gathered, global, |second, square| second + square)
    }

    fn memory(&self) -> Vec<(&'static str, &[f32])> {
        self.moments.memory()
    }

    fn memory_mut(&mut self) -> Vec<&mut Vec<f32>> {
        self.moments.memory_mut()
    }
}
