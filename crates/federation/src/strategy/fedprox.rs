//! FedProx: Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, arXiv:1812.06127, algorithm 2.
//! Its proximal term μ/2 · ‖w − x‖² is the clients' (`protocol::Strategy::proximal` tells them μ); the server averages.
//! As in the authors' program, and unlike the text (which draws clients by their share of examples and then averages
//! evenly), all who take part are averaged with their examples as weights.

use super::{Gathered, ServerOptimiser, step};

#[derive(Debug)]
pub(super) struct FedProx;

impl ServerOptimiser for FedProx {
    fn publish(&mut self, gathered: Gathered, global: &[f32], _clients: u32) -> Option<Vec<f32>> {
        Some(step(gathered.updates.into_mean()?, global, 1.0))
    }
}
