//! How much one client may bring to bear on what a room adds up: no more than so many times what clients bring in the
//! middle. What is above the limit is scaled down to it, not refused, so that a client that is honestly different still counts.

use crate::aggregation::Kept;

/// What lies in the middle of three or more: the lower median, of an even count the lower one of the middle two, which a client
/// that shouts cannot raise. Two have no middle.
pub(crate) fn middle(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get((values.len().saturating_sub(1)) / 2).copied().filter(|_| values.len() > 2)
}

/// Holds the weights of a round's updates at `limit` times their median, and returns what the norm of one may be: as many
/// times the median of the norms, those of `earlier` rounds among them, so that a round of few has a middle, too.
pub(crate) fn hold(kept: &mut [Kept], limit: f64, earlier: impl IntoIterator<Item = f64>) -> f64 {
    let weight = middle(kept.iter().map(|update| update.weight)).map_or(f64::INFINITY, |median| limit * median);
    for update in kept.iter_mut() {
        update.weight = update.weight.min(weight);
    }
    // One that is zero moves nothing, and says nothing of how far others may.
    let norms = kept.iter().map(|update| update.norm).chain(earlier).filter(|norm| *norm > 0.0);
    middle(norms).map_or(f64::INFINITY, |median| limit * median)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(updates: &[(f64, f64)]) -> Vec<Kept> {
        updates.iter().map(|&(weight, norm)| Kept { weight, norm, steps: 1, planned: 1 }).collect()
    }

    #[test]
    fn nobody_weighs_or_pulls_more_than_the_limit_times_the_middle() {
        let mut round = kept(&[(20.0, 0.4), (1_000.0, 9_999.0), (24.0, 0.3), (16.0, 0.0)]);
        let norm = hold(&mut round, 1.5, []);
        assert_eq!(round.iter().map(|update| update.weight).collect::<Vec<_>>(), [20.0, 30.0, 24.0, 16.0]);
        assert!((norm - 0.6).abs() < 1e-12, "1.5 times 0.4, the middle of 0.3, 0.4 and 9,999");
    }

    #[test]
    fn two_updates_have_the_middle_of_the_rounds_before() {
        let mut round = kept(&[(20.0, 9_999.0), (20.0, 9_999.0)]);
        assert!((hold(&mut round, 2.0, [0.4, 0.4, 0.5]) - 1.0).abs() < 1e-12);
        let mut alone = kept(&[(30.0, 0.5), (10.0, 0.5)]);
        assert_eq!(hold(&mut alone, 2.0, []), f64::INFINITY, "two updates alone have none");
        assert_eq!((alone[0].weight, alone[1].weight), (30.0, 10.0));
    }
}
