//! The coordinate-wise median: Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates",
//! ICML 2018, arXiv:1803.01498, definition 1. As long as fewer than half of the values are a hostile client's, the median
//! lies between two honest ones.

/// The median of one parameter's values, of which there is at least one; of an even count the mean of the middle two.
pub(super) fn median(values: &mut [f32]) -> f32 {
    let count = values.len();
    let (before, &mut upper, _) = values.select_nth_unstable_by(count / 2, f32::total_cmp);
    if count % 2 == 1 {
        return upper;
    }
    let lower = before.iter().copied().max_by(f32::total_cmp).unwrap_or(upper);
    ((f64::from(lower) + f64::from(upper)) / 2.0) as f32
}
