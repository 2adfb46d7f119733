//! How good a model is, from its confusion matrix: accuracy, unweighted average recall (UAR, the mean of the classes'
//! recalls), and macro precision and F1, defined as scikit-learn's `classification_report` defines them (a class
//! that is never predicted has precision 0).

use serde::{Deserialize, Serialize};

/// Scores of one model on one set of clips, each from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Share of clips whose label was found.
    pub accuracy: f64,
    /// Mean recall over the labels that occur: unweighted average recall, macro recall.
    pub uar: f64,
    /// Mean precision over the labels that occur.
    pub precision: f64,
    /// Mean F1 over the labels that occur.
    pub f1: f64,
    /// The same for each label, in the room's order.
    pub per_label: Vec<LabelScores>,
    /// Counts by true label (row) and found label (column).
    pub confusion: Vec<Vec<u32>>,
}

/// Scores of one label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LabelScores {
    /// Of the clips found to have it, the share that do.
    pub precision: f64,
    /// Of the clips that have it, the share found.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Clips that have it.
    pub support: u32,
}

impl Scores {
    /// Scores of a square matrix `confusion[true][found]`. All are 0 where there are no clips.
    pub fn of(confusion: &[Vec<u32>]) -> Self {
        let per_label: Vec<LabelScores> = (0..confusion.len()).map(|label| LabelScores::of(confusion, label)).collect();
        let occurring: Vec<&LabelScores> = per_label.iter().filter(|scores| scores.support > 0).collect();
        let mean =
            |of: fn(&LabelScores) -> f64| ratio(occurring.iter().map(|one| of(one)).sum(), occurring.len() as f64);
        let right: u32 = (0..confusion.len()).map(|label| confusion[label][label]).sum();
        let all: u32 = confusion.iter().flatten().sum();
        Self {
            accuracy: ratio(right.into(), all.into()),
            uar: mean(|one| one.recall),
            precision: mean(|one| one.precision),
            f1: mean(|one| one.f1),
            confusion: confusion.to_vec(),
            per_label,
        }
    }

    /// Scores of found labels beside the true ones.
    pub fn of_labels(truth: &[usize], found: &[usize], labels: usize) -> Self {
        let mut confusion = vec![vec![0; labels]; labels];
        for (&truth, &found) in truth.iter().zip(found) {
            if let Some(count) = confusion.get_mut(truth).and_then(|row| row.get_mut(found)) {
                *count += 1;
            }
        }
        Self::of(&confusion)
    }
}

impl LabelScores {
    fn of(confusion: &[Vec<u32>], label: usize) -> Self {
        let right = f64::from(confusion[label][label]);
        let support: u32 = confusion[label].iter().sum();
        let found: u32 = confusion.iter().map(|row| row[label]).sum();
        Self {
            precision: ratio(right, found.into()),
            recall: ratio(right, support.into()),
            f1: ratio(2.0 * right, f64::from(support + found)),
            support,
        }
    }
}

/// 0 where there is nothing to divide by.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sklearn.metrics.precision_recall_fscore_support and accuracy_score of scikit-learn 1.9.1 on the same labels.
    #[test]
    fn scores_are_those_of_scikit_learn() {
        let truth = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3];
        let found = [0, 0, 1, 3, 1, 0, 1, 0, 0, 3, 3, 3, 1, 0];
        let scores = Scores::of_labels(&truth, &found, 4);
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{value}, not {expected}");
        near(scores.accuracy, 0.5);
        near(scores.uar, 0.441_666_666_666_666_7);
        near(scores.precision, 0.395_833_333_333_333_3);
        near(scores.f1, 0.409_523_809_523_809_5);
        near(scores.per_label[0].f1, 0.4);
        near(scores.per_label[2].precision, 0.0);
        assert_eq!(scores.per_label.iter().map(|one| one.support).collect::<Vec<_>>(), [4, 3, 2, 5]);
    }

    #[test]
    fn a_model_that_always_says_the_same_is_at_chance() {
        let scores = Scores::of(&[vec![5, 0], vec![20, 0]]);
        assert_eq!((scores.accuracy, scores.uar), (0.2, 0.5));
        assert_eq!(Scores::of(&[vec![0, 0], vec![0, 0]]).uar, 0.0);
    }
}
