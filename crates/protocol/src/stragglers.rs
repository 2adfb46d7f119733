//! What a room does about clients that are too slow for its deadline.

use crate::choice::words;

words! {
    /// What a client does whose steps do not fit into the time that a round has.
    pub enum Stragglers, a "stragglers" {
        /// All of its steps; the round may close without it.
        Whole = "whole",
        /// As many as fit, one at least. Its update counts as if it had gone on in the same direction, and all of the round's
        /// together are shortened in proportion: J. Wang et al., "Tackling the Objective Inconsistency Problem in
        /// Heterogeneous Federated Optimization", NeurIPS 2020, arXiv:2007.07481.
        FewerSteps = "fewer_steps",
    }
}

impl Stragglers {
    /// Whether everyone does all steps.
    pub fn is_whole(&self) -> bool {
        *self == Stragglers::Whole
    }
}
