//! SCAFFOLD: Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning", ICML 2020,
//! arXiv:1910.06378, algorithm 1 with option II: both ends' arithmetic.
//!
//! A client's steps are w ← w − η(g + c − cᵢ). After K of them, with Δ = w − x, its control variate becomes
//! cᵢ⁺ = cᵢ − c − Δ/(Kη). The server can work out cᵢ⁺ − cᵢ = −c − Δ/(Kη) by itself, so that nothing is uploaded but Δ:
//! x ← x + η_g · mean(Δᵢ), c ← c + |S|/N · (−c − mean(Δᵢ/(Kᵢη))), for the |S| clients of a round out of N in all. Means
//! are not weighted. N is how many take part in the room at that time: where clients come and go, c is no longer
//! exactly the mean of all cᵢ. A client that has lost its cᵢ starts again at zero, as the paper's clients do.

use super::{Effort, Gathered, ServerOptimiser, step};
use crate::update::Update;

#[derive(Debug)]
pub(crate) struct Scaffold {
    server_learning_rate: f64,
    /// η.
    learning_rate: f64,
    /// c.
    control_variate: Vec<f32>,
}

impl Scaffold {
    pub fn new(parameters: usize, server_learning_rate: f64, learning_rate: f64) -> Scaffold {
        Scaffold { server_learning_rate, learning_rate, control_variate: vec![0.0; parameters] }
    }
}

impl ServerOptimiser for Scaffold {
    fn fold(&self, gathered: &mut Gathered, update: &Update<'_>, effort: Effort) {
        gathered.updates.fold(update, 1.0, effort.steps, effort.scale / effort.done());
        gathered.per_step.fold(update, 1.0, effort.steps, effort.scale / f64::from(effort.steps));
    }

    fn means(&self) -> usize {
        2
    }

    fn publish(&mut self, gathered: Gathered, global: &[f32], clients: u32) -> Option<Vec<f32>> {
        let received = gathered.updates.weight();
        let share = received / received.max(f64::from(clients)).max(1.0);
        let per_step = gathered.per_step.into_mean()?;
        for (variate, per_step) in self.control_variate.iter_mut().zip(&per_step) {
            let before = f64::from(*variate);
            *variate = (before + share * (-before - f64::from(*per_step) / self.learning_rate)) as f32;
        }
        Some(step(gathered.updates.into_mean()?, global, self.server_learning_rate))
    }

    fn memory(&self) -> Vec<(&'static str, &[f32])> {
        vec![("control_variate", &self.control_variate)]
    }

    fn memory_mut(&mut self) -> Vec<&mut Vec<f32>> {
        vec![&mut self.control_variate]
    }

    fn attachment(&self) -> &[f32] {
        &self.control_variate
    }
}

/// What a client adds to its gradients, c − cᵢ; an empty cᵢ stands for zeros.
pub(crate) fn correction(server: &[f32], own: &[f32]) -> Vec<f32> {
    server.iter().zip(own.iter().chain(std::iter::repeat(&0.0))).map(|(server, own)| server - own).collect()
}

/// A client's next control variate, cᵢ⁺ = −(c − cᵢ) − Δ/(Kη), from its correction and its update.
pub(crate) fn next_variate(correction: &[f32], update: impl Iterator<Item = f32>, steps: u32, rate: f64) -> Vec<f32> {
    let per_step = 1.0 / (f64::from(steps) * rate);
    let next = |(correction, update): (&f32, f32)| (-f64::from(*correction) - f64::from(update) * per_step) as f32;
    correction.iter().zip(update).map(next).collect()
}
