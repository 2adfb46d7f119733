//! What FedAdagrad, FedAdam and FedYogi share: Reddi et al., "Adaptive Federated Optimization", ICLR 2021,
//! arXiv:2003.00295, algorithm 2.
//!
//! m ← β₁m + (1 − β₁)Δ, v by the strategy's own rule, x ← x + ηm / (√v + τ). As the algorithm has it, v begins at τ²,
//! and nothing corrects for the moments' beginning. (Flower starts v at 0, and corrects the bias of FedAdam alone.)

use super::Gathered;

#[derive(Debug)]
pub(super) struct Adaptive {
    server_learning_rate: f64,
    beta_1: f64,
    tau: f64,
    momentum: Vec<f32>,
    second_moment: Vec<f32>,
}

impl Adaptive {
    pub fn new(parameters: usize, server_learning_rate: f64, beta_1: f64, tau: f64) -> Adaptive {
        let (momentum, second_moment) = (vec![0.0; parameters], vec![(tau * tau) as f32; parameters]);
        Adaptive { server_learning_rate, beta_1, tau, momentum, second_moment }
    }

    /// The next parameters; `follow` gives the next v from v and Δ².
    pub fn publish(
        &mut self,
        gathered: Gathered,
        global: &[f32],
        follow: impl Fn(f64, f64) -> f64,
    ) -> Option<Vec<f32>> {
        let mut mean = gathered.updates.into_mean()?;
        let moments = self.momentum.iter_mut().zip(&mut self.second_moment);
        for ((value, global), (momentum, second)) in mean.iter_mut().zip(global).zip(moments) {
            let delta = f64::from(*value);
            *momentum = (self.beta_1 * f64::from(*momentum) + (1.0 - self.beta_1) * delta) as f32;
            // Never below zero; Yogi's subtraction may round there.
            *second = follow(f64::from(*second), delta * delta).max(0.0) as f32;
            let step = f64::from(*momentum) / (f64::from(*second).sqrt() + self.tau);
            *value = (f64::from(*global) + self.server_learning_rate * step) as f32;
        }
        Some(mean)
    }

    pub fn memory(&self) -> Vec<(&'static str, &[f32])> {
        vec![("momentum", &self.momentum), ("second_moment", &self.second_moment)]
    }

    pub fn memory_mut(&mut self) -> Vec<&mut Vec<f32>> {
        vec![&mut self.momentum, &mut self.second_moment]
    }
}
