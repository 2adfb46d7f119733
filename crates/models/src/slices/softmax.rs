//! From logits to probabilities.

/// Probabilities of one row of logits; they sum to 1.
pub(crate) fn probabilities(logits: &[f32]) -> Vec<f32> {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - greatest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// e⁻², e⁻¹ and 1 over their sum; and the same however great the logits are.
    #[test]
    fn probabilities_are_shares_of_powers() {
        for shift in [0.0, 1000.0, -1000.0] {
            let row = probabilities(&[1.0 + shift, 2.0 + shift, 3.0 + shift]);
            for (ours, expected) in row.iter().zip([0.090_030_57, 0.244_728_48, 0.665_240_97]) {
                assert!((ours - expected).abs() < 1e-6, "{ours}, expected {expected}");
            }
        }
    }
}
