//! Numbers of clips that differ from client to client, while labels are at random: quantity skew as in Li, Diao, Chen &
//! He 2022 (arXiv:2102.02079), section IV.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Concentration;
use super::concentration::{log_dirichlet, shares};

/// One clip for each client first, so that none is empty; the rest by the drawn shares.
pub(super) fn assign(clips: usize, clients: usize, alpha: Concentration, random: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let drawn = shares(&log_dirichlet(&vec![alpha.get(); clients], random));
    let mut order: Vec<usize> = (0..clips).collect();
    order.shuffle(random);
    let mut order = order.into_iter();
    let sizes = apportioned(clips.saturating_sub(clients), &drawn);
    sizes.into_iter().map(|size| order.by_ref().take(size + 1).collect()).collect()
}

/// Whole numbers with this sum in proportion to shares of 1: each rounded down, what is left to the largest remainders
/// (Hamilton's method).
fn apportioned(sum: usize, shares: &[f64]) -> Vec<usize> {
    let exact: Vec<f64> = shares.iter().map(|share| share * sum as f64).collect();
    let mut whole: Vec<usize> = exact.iter().map(|number| number.floor() as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    // Rounding in `exact` can carry the floors a hair past the sum, never by a whole number a client.
    let mut missing = sum.saturating_sub(whole.iter().sum());
    for place in order.into_iter().cycle() {
        if missing == 0 {
            break;
        }
        whole[place] += 1;
        missing -= 1;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Wikipedia article "Largest remainder method" (Hamilton): 100,000 votes for 10 seats.
    #[test]
    fn remainders_decide() {
        let votes = [47_000.0, 16_000.0, 15_800.0, 12_000.0, 6_100.0, 3_100.0];
        assert_eq!(apportioned(10, &votes.map(|vote| vote / 100_000.0)), [5, 2, 1, 1, 1, 0]);
        assert_eq!(apportioned(0, &[0.5, 0.5]), [0, 0]);
    }
}
