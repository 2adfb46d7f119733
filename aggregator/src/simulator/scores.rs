//! How good a model is, from its confusion matrix: accuracy, unweighted average recall (UAR, the mean of the labels'
//! recalls), and macro precision and F1. A label that is never found has precision 0.
//!
//! Which labels a mean is over matters where the model finds one of which there is no test clip. Here it is over the labels
//! that have test clips, as scikit-learn's `balanced_accuracy_score` takes recall: a label of which nothing can be found says
//! nothing of the model. scikit-learn's `classification_report` and `f1_score` with `average="macro"`, and audmetric's
//! `unweighted_average_recall`, take in the labels that were found as well, with 0 for each that has no test clip. Where the two
//! differ both are given ([`Scores::with_found`]).

use serde::{Deserialize, Serialize};

/// Scores of one model on one set of clips, each from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Share of clips whose label was found.
    pub accuracy: f64,
    /// Mean recall over the labels that have test clips: unweighted average recall.
    pub uar: f64,
    /// Mean precision over the labels that have test clips.
    pub precision: f64,
    /// Mean F1 over the labels that have test clips.
    pub f1: f64,
    /// The same means over the labels that have test clips or were found, where these are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_found: Option<Means>,
    /// The same for each label, in the room's order.
    pub per_label: Vec<LabelScores>,
    /// Counts by true label (row) and found label (column).
    pub confusion: Vec<Vec<u32>>,
}

/// Means over labels, as scikit-learn's macro average and audmetric take them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// Of recall: `audmetric.unweighted_average_recall`, `sklearn.metrics.recall_score(average="macro")`.
    pub uar: f64,
    /// Of precision: `sklearn.metrics.precision_score(average="macro")`.
    pub precision: f64,
    /// Of F1: `sklearn.metrics.f1_score(average="macro")`.
    pub f1: f64,
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
        let found = |label: usize| confusion.iter().any(|row| row[label] > 0);
        let (tested, also_found): (Vec<_>, Vec<_>) = per_label
            .iter()
            .enumerate()
            .filter(|(label, scores)| scores.support > 0 || found(*label))
            .map(|(_, scores)| scores)
            .partition(|scores| scores.support > 0);
        let mean = |of: fn(&LabelScores) -> f64| ratio(tested.iter().copied().map(of).sum(), tested.len() as f64);
        let (uar, precision, f1) = (mean(|one| one.recall), mean(|one| one.precision), mean(|one| one.f1));
        // Labels without test clips have 0 in everything.
        let share = ratio(tested.len() as f64, (tested.len() + also_found.len()) as f64);
        let all = Means { uar: uar * share, precision: precision * share, f1: f1 * share };
        let with_found = (!also_found.is_empty()).then_some(all);
        let right: u32 = (0..confusion.len()).map(|label| confusion[label][label]).sum();
        let all: u32 = confusion.iter().flatten().sum();
        Self {
            accuracy: ratio(right.into(), all.into()),
            uar,
            precision,
            f1,
            with_found,
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

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-9, "{value}, not {expected}");
    }

    /// What scikit-learn and audmetric say, by `tests/reference/scores/golden.py`.
    #[test]
    fn scores_are_those_of_scikit_learn_and_audmetric() {
        let golden = include_str!("../../../tests/reference/scores/scores.json");
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let cases = golden["cases"].as_array().unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            let labels = |of: &str| -> Vec<usize> { serde_json::from_value(case[of].clone()).unwrap() };
            let number = |of: &str| case[of].as_f64().unwrap();
            let scores = Scores::of_labels(&labels("truth"), &labels("found"), 4);
            near(scores.accuracy, number("sklearn_accuracy"));
            near(scores.uar, number("sklearn_balanced_accuracy"));
            // Over the labels that have test clips, by naming these to scikit-learn.
            near(scores.uar, number("sklearn_recall_of_true_labels"));
            near(scores.precision, number("sklearn_precision_of_true_labels"));
            near(scores.f1, number("sklearn_f1_of_true_labels"));
            // As both do by themselves.
            let here = Means { uar: scores.uar, precision: scores.precision, f1: scores.f1 };
            let all = scores.with_found.unwrap_or(here);
            near(all.uar, number("audmetric_uar"));
            near(all.uar, number("sklearn_recall_macro"));
            near(all.precision, number("sklearn_precision_macro"));
            near(all.f1, number("sklearn_f1_macro"));
        }
    }

    /// Truth a, h, s, s and found a, h, s, n: nothing is neutral, and once it is found.
    #[test]
    fn both_means_are_given_where_they_differ() {
        let scores = Scores::of_labels(&[0, 1, 3, 3], &[0, 1, 3, 2], 4);
        let all = scores.with_found.unwrap();
        near(scores.uar, 2.5 / 3.0);
        near(all.uar, 0.625);
        near(scores.precision, 1.0);
        near(all.precision, 0.75);
        near(scores.f1, 8.0 / 9.0);
        near(all.f1, 2.0 / 3.0);
        let json = serde_json::to_value(&scores).unwrap();
        near(json["with_found"]["uar"].as_f64().unwrap(), 0.625);
        assert_eq!(Scores::of_labels(&[0, 1], &[0, 0], 4).with_found, None, "what is never found has a precision of 0");
    }

    /// sklearn.metrics.precision_recall_fscore_support and accuracy_score of scikit-learn 1.9.1 on the same labels.
    #[test]
    fn scores_are_those_of_scikit_learn() {
        let truth = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3];
        let found = [0, 0, 1, 3, 1, 0, 1, 0, 0, 3, 3, 3, 1, 0];
        let scores = Scores::of_labels(&truth, &found, 4);
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
