//! Clips at random, to each client as many: the independent and identically distributed case.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Numbers of clips differ by one at most.
pub(super) fn assign(clips: usize, clients: usize, random: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..clips).collect();
    order.shuffle(random);
    (0..clients).map(|client| order.iter().skip(client).step_by(clients).copied().collect()).collect()
}
