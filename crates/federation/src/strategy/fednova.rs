//! FedNova: Wang et al., "Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization",
//! NeurIPS 2020, arXiv:2007.07481, its normalised averaging.
//!
//! x ← x + τₑ · Σ pᵢΔᵢ/τᵢ with τₑ = Σ pᵢτᵢ, where client i took τᵢ local steps and pᵢ is its share of the examples. So
//! a client that takes more steps pulls no harder than another. τᵢ is the norm ‖aᵢ‖₁ that belongs to plain SGD; for
//! clients that train with Adam the paper has none, and τᵢ is used all the same, which is right as far as steps of
//! Adam are alike in length.

use super::{Effort, Gathered, ServerOptimiser, step};
use crate::update::Update;

#[derive(Debug)]
pub(super) struct FedNova;

impl ServerOptimiser for FedNova {
    fn fold(&self, gathered: &mut Gathered, update: &Update<'_>, effort: Effort) {
        gathered.per_step.fold(update, effort.weight, effort.steps, effort.scale / f64::from(effort.steps));
    }

    fn publish(&mut self, gathered: Gathered, global: &[f32], _clients: u32) -> Option<Vec<f32>> {
        let effective_steps = gathered.per_step.mean_steps();
        Some(step(gathered.per_step.into_mean()?, global, effective_steps))
    }
}
