//! Shares of labels that differ from client to client, after Hsu, Qi & Brown 2019 (arXiv:1909.06335), section 2.
//!
//! Each client draws its own distribution of labels q from Dirichlet(α p), where p are the shares of labels in the whole,
//! and then its clips by q without replacement. So α → ∞ makes all clients alike and α → 0 gives each one label, while
//! all have equally many clips. (Others draw the shares of clients for each label instead; then sizes differ as well.)

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Concentration;
use super::concentration::{log_dirichlet, shares};

/// Clients take turns, so that when a label runs out, no client in particular has to take what is left. A label that has
/// run out is as if it had not been drawn: the others keep their proportions.
pub(super) fn assign(
    labels: &[usize],
    clients: usize,
    alpha: Concentration,
    random: &mut ChaCha8Rng,
) -> Vec<Vec<usize>> {
    let mut clips_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (clip, &label) in labels.iter().enumerate() {
        clips_of.entry(label).or_default().push(clip);
    }
    let mut left: Vec<Vec<usize>> = clips_of.into_values().collect();
    left.iter_mut().for_each(|clips| clips.shuffle(random));
    let parameters: Vec<f64> =
        left.iter().map(|clips| alpha.get() * clips.len() as f64 / labels.len() as f64).collect();
    let wishes: Vec<Vec<f64>> = (0..clients).map(|_| log_dirichlet(&parameters, random)).collect();
    let mut parts = vec![Vec::new(); clients];
    for client in (0..clients).cycle().take(labels.len()) {
        let open: Vec<usize> = (0..left.len()).filter(|&label| !left[label].is_empty()).collect();
        let wished: Vec<f64> = open.iter().map(|&label| wishes[client][label]).collect();
        let label = open[drawn(&shares(&wished), random)];
        parts[client].extend(left[label].pop());
    }
    parts
}

/// An index, each with the chance that its share of 1 is.
fn drawn(shares: &[f64], random: &mut ChaCha8Rng) -> usize {
    let mut rest: f64 = random.random();
    for (index, share) in shares.iter().enumerate() {
        if rest < *share {
            return index;
        }
        rest -= share;
    }
    // Only where rounding has left a little beyond the last one.
    shares.len().saturating_sub(1)
}
