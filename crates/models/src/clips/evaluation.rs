//! How well a model does on labelled clips.

use serde::{Deserialize, Serialize};

/// Loss, accuracy and confusion matrix over a set of examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many examples.
    pub examples: usize,
    /// Mean cross entropy, in nats.
    pub loss: f64,
    /// Share that was right, 0 to 1.
    pub accuracy: f64,
    /// How often each true label (row) was taken for each label (column).
    pub confusion: Vec<Vec<u32>>,
}

impl Evaluation {
    /// Unweighted average recall: the mean over the labels that occur of the share found right. Chance is 1/labels
    /// however uneven the labels are.
    pub fn uar(&self) -> f64 {
        let recalls: Vec<f64> = self
            .confusion
            .iter()
            .enumerate()
            .filter_map(|(label, row)| {
                let all: u32 = row.iter().sum();
                (all > 0).then(|| f64::from(row[label]) / f64::from(all))
            })
            .collect();
        recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
    }
}
