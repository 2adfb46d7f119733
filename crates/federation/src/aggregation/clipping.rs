//! The weighted mean of updates whose norm is bounded: Sun et al., "Can You Really Backdoor Federated Learning?", 2019,
//! arXiv:1911.07963, section 4: Δᵢ · min(1, M / ‖Δᵢ‖). M is the room's, or the median of the round's norms, which hostile
//! clients that are fewer than half can't push above the largest honest one.

use std::io;

use super::KeptUpdates;

/// What an update of this norm is multiplied with.
pub(crate) fn scale(norm: f64, limit: f64) -> f64 {
    if norm > limit { limit / norm } else { 1.0 }
}

/// The median norm, of an even count the mean of the middle two.
pub(super) fn median_norm(norms: impl Iterator<Item = f64>) -> f64 {
    let mut norms: Vec<f64> = norms.collect();
    norms.sort_unstable_by(f64::total_cmp);
    let middle = |place: usize| norms.get(place).copied().unwrap_or_default();
    (middle(norms.len().saturating_sub(1) / 2) + middle(norms.len() / 2)) / 2.0
}

/// The mean, weighted by examples, of the updates scaled down to `limit`.
pub(super) fn clipped_mean(updates: &mut KeptUpdates<'_>, limit: f64) -> io::Result<Vec<f32>> {
    let weights: f64 = updates.kept().iter().map(|update| update.weight).sum();
    let each = updates.kept().iter().zip(updates.norms());
    let shares = each.map(|(update, norm)| update.weight / weights * scale(norm, limit));
    let shares: Vec<f64> = shares.collect();
    let all: Vec<usize> = (0..updates.count()).collect();
    super::weighted_sum(updates, &all, &shares)
}
