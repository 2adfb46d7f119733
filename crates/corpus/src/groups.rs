//! Speakers in groups of about equal size: the folds of a cross-validation and the clients of a federation.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Puts things of these positive weights into `groups` groups of about equal sum, and gives the group of each.
///
/// The heaviest goes first, each into the group that is lightest by then (Graham 1969: no sum exceeds the best possible
/// one by more than a third); chance decides among equals. Groups are numbered in the order of their first member, so
/// that as many groups as things are those things in their order. With no more groups than things, none stays empty.
pub(crate) fn balanced(weights: &[usize], groups: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.shuffle(random);
    order.sort_by_key(|&thing| std::cmp::Reverse(weights[thing]));
    let mut sums = vec![0usize; groups];
    let mut group_of = vec![0; weights.len()];
    for thing in order {
        if let Some(lightest) = (0..groups).min_by_key(|&group| sums[group]) {
            sums[lightest] += weights[thing];
            group_of[thing] = lightest;
        }
    }
    let mut renumbered = BTreeMap::new();
    for group in &mut group_of {
        let next = renumbered.len();
        *group = *renumbered.entry(*group).or_insert(next);
    }
    group_of
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn the_example_of_graham_1969() {
        // Seven jobs on three machines; heaviest first needs 11 where 9 is possible, the worst case of the rule.
        let weights = [5, 5, 4, 4, 3, 3, 3];
        for seed in 0..20 {
            let groups = balanced(&weights, 3, &mut ChaCha8Rng::seed_from_u64(seed));
            let sum = |group| (0..7).filter(|&thing| groups[thing] == group).map(|thing| weights[thing]).sum::<usize>();
            assert_eq!([0, 1, 2].map(sum).into_iter().max(), Some(11));
        }
    }

    #[test]
    fn as_many_groups_as_things_keep_their_order() {
        let groups = balanced(&[1, 9, 4, 4], 4, &mut ChaCha8Rng::seed_from_u64(3));
        assert_eq!(groups, [0, 1, 2, 3]);
    }
}
