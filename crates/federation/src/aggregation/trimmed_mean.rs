//! The coordinate-wise trimmed mean: Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical
//! Rates", ICML 2018, arXiv:1803.01498, definition 2. As long as no more values are hostile than are cut off at an end,
//! what remains lies between honest ones.

/// How many of `count` values are cut off at each end: ⌊trim · count⌋ as in SciPy, but one at least where three values
/// leave one to keep, so that a small round is not left without protection. Twice this is always less than `count`.
pub(super) fn cut(trim: f64, count: usize) -> usize {
    let share = (trim * count as f64) as usize;
    share.max(usize::from(count >= 3))
}

/// The mean of one parameter's values without the `cut` largest and the `cut` smallest.
pub(super) fn trimmed_mean(values: &mut [f32], cut: usize) -> f32 {
    let end = values.len() - cut;
    if cut > 0 {
        values.select_nth_unstable_by(cut, f32::total_cmp);
        if let Some(above) = values.get_mut(cut..) {
            above.select_nth_unstable_by(end - cut - 1, f32::total_cmp);
        }
    }
    let kept = values.get(cut..end).unwrap_or_default();
    (kept.iter().map(|&value| f64::from(value)).sum::<f64>() / kept.len() as f64) as f32
}
