//! Which labels the clips of an update have, and how many of each: from the last layer alone.
//!
//! The gradient of the last layer's bias is, for each label, the mean over the clips of (what the network says for it − 1 where it is
//! the clip's). For one clip the label is therefore the only one whose gradient is below zero (B. Zhao, K. R. Mopuri, H. Bilen, "iDLG:
//! Improved deep leakage from gradients", arXiv:2001.02610); for several, what the network says on average is taken from other
//! clips, and the rest is how many (A. Wainakh et al., "User-level label leakage from gradients in federated learning",
//! arXiv:2105.09369).

use crate::Trained;

/// A guess at how many of the clips have each label; they are `trained.examples` in all. `usual` is what the network says for each label on
/// average, of clips that the attacker has itself; they sum to 1.
pub fn label_counts(trained: &Trained, update: &[f32], usual: &[f32]) -> Vec<u32> {
    let bias = update.len().saturating_sub(trained.labels)..update.len();
    let change: Vec<f64> = update.get(bias).unwrap_or_default().iter().map(|&value| f64::from(value)).collect();
    let shares: Vec<f64> = match trained.learning_rate {
        // SGD went so many steps against the mean gradient.
        Some(rate) => {
            let steps = f64::from(trained.steps.max(1)) * rate;
            change.iter().zip(usual).map(|(change, usual)| f64::from(*usual) + change / steps).collect()
        }
        // The size of other optimisers' steps says little, their direction which labels there are.
        None => change,
    };
    apportioned(&shares, trained.examples)
}

/// So many clips in proportion to shares, of which those below zero count as none: whole numbers, the largest remainders rounded up
/// (Hamilton's method).
fn apportioned(shares: &[f64], clips: u32) -> Vec<u32> {
    let positive: Vec<f64> = shares.iter().map(|share| if share.is_finite() { share.max(0.0) } else { 0.0 }).collect();
    let total: f64 = positive.iter().sum();
    let even = 1.0 / positive.len().max(1) as f64;
    let exact = positive.iter().map(|share| f64::from(clips) * if total > 0.0 { share / total } else { even });
    let exact: Vec<f64> = exact.collect();
    let mut counts: Vec<u32> = exact.iter().map(|exact| exact.floor() as u32).collect();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by(|&one, &two| exact[two].fract().total_cmp(&exact[one].fract()));
    let left = clips.saturating_sub(counts.iter().sum());
    for place in order.into_iter().cycle().take(left as usize) {
        counts[place] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_are_whole_and_all_of_them_have_a_label() {
        assert_eq!(apportioned(&[0.5, 0.3, 0.2, -0.4], 10), [5, 3, 2, 0]);
        assert_eq!(apportioned(&[0.34, 0.33, 0.33], 10), [4, 3, 3]);
        assert_eq!(apportioned(&[f64::NAN, -1.0], 3).iter().sum::<u32>(), 3);
        assert_eq!(apportioned(&[2.0, 1.0], 1), [1, 0]);
    }
}
