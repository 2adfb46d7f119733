//! Krum and Multi-Krum: Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent",
//! NeurIPS 2017.
//!
//! An update's score is the sum of its squared L2 distances to its n − f − 2 nearest others. Krum takes the update with
//! the lowest score, Multi-Krum the plain mean of the m lowest: an example count, which a hostile client makes up, plays
//! no part. With 2f + 2 < n, f hostile updates can't be so many that one far from all honest ones has near neighbours
//! enough.
//!
//! Distances are added up over blocks of parameters, each block in f64: n²/2 sums of 8 bytes, beside the blocks.

use std::io;

use super::{KeptUpdates, plain_mean};

/// Lanes in which a distance is added up, so that one addition need not wait for another.
const LANES: usize = 8;

/// The plain mean of the `chosen` best of at least 2 · `faulty` + 3 updates, but of no more than n − `faulty` − 2.
pub(super) fn krum(updates: &mut KeptUpdates<'_>, faulty: usize, chosen: usize) -> io::Result<Vec<f32>> {
    let best = best(updates, faulty, chosen)?;
    plain_mean(updates, &best)
}

/// Which updates are the `chosen` best, the best one first. Of those that tie, which happens where two are each other's
/// nearest, the shorter one comes first.
fn best(updates: &mut KeptUpdates<'_>, faulty: usize, chosen: usize) -> io::Result<Vec<usize>> {
    let count = updates.count();
    let distances = distances(updates)?;
    let neighbours = count.saturating_sub(faulty + 2).max(1);
    let score = |update: usize| {
        let others = (0..count).filter(|&other| other != update);
        let mut near: Vec<f64> =
            others.filter_map(|other| distances.get(pair(update.max(other), update.min(other))).copied()).collect();
        near.sort_unstable_by(f64::total_cmp);
        near.iter().take(neighbours).sum::<f64>()
    };
    let mut scored: Vec<(f64, f64, usize)> =
        updates.norms().enumerate().map(|(update, norm)| (score(update), norm, update)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    Ok(scored.into_iter().take(chosen.clamp(1, neighbours)).map(|(_, _, update)| update).collect())
}

/// The squared L2 distances of all pairs of updates, in the order that `pair` says.
fn distances(updates: &mut KeptUpdates<'_>) -> io::Result<Vec<f64>> {
    let all: Vec<usize> = (0..updates.count()).collect();
    let mut distances = vec![0.0; pair(all.len(), 0)];
    updates.blocks(&all, |rows| {
        let mut sums = distances.iter_mut();
        for (index, row) in rows.iter().enumerate() {
            // The same order as `pair`'s: each with all before it.
            for (other, sum) in rows.iter().take(index).zip(&mut sums) {
                *sum += square_distance(row, other);
            }
        }
    })?;
    Ok(distances)
}

/// Where the distance of two updates stands, `later` > `earlier`.
fn pair(later: usize, earlier: usize) -> usize {
    later * later.saturating_sub(1) / 2 + earlier
}

fn square_distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for (lane, pair) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += square(pair);
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(square).sum::<f64>()
}
