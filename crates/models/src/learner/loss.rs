//! Softmax cross entropy: on the device for the gradient, on the host for what is reported.

#[cfg(feature = "cpu")]
use burn::tensor::{Tensor, activation::softmax};

use crate::Evaluation;

/// One example's result.
pub(crate) struct Outcome {
    /// Cross entropy in nats.
    pub loss: f64,
    /// The most probable label.
    pub predicted: usize,
}

/// Loss and prediction of one row of logits. A NaN among them makes the loss NaN.
pub(crate) fn outcome(logits: &[f32], label: usize) -> Outcome {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - greatest).exp()).sum();
    let predicted = logits.iter().position(|&logit| logit == greatest).unwrap_or(0);
    Outcome { loss: sum.ln() - f64::from(logits[label] - greatest), predicted }
}

/// Gradient of the batch's mean cross entropy by the logits: (softmax − truth) / batch.
/// `logits` and `truth` (one-hot) are (batch, labels).
#[cfg(feature = "cpu")]
pub(crate) fn gradient(logits: Tensor<2>, truth: Tensor<2>) -> Tensor<2> {
    let [batch, _] = logits.dims();
    (softmax(logits, 1) - truth).div_scalar(batch as f32)
}

impl Evaluation {
    /// Counts one pass: a row of logits and a true label for each example.
    pub(crate) fn of(logits: &[f32], truth: &[usize], labels: usize) -> Self {
        let mut confusion = vec![vec![0; labels]; labels];
        let mut loss = 0.0;
        let mut right = 0;
        for (row, &label) in logits.chunks_exact(labels).zip(truth) {
            let outcome = outcome(row, label);
            loss += outcome.loss;
            right += usize::from(outcome.predicted == label);
            confusion[label][outcome.predicted] += 1;
        }
        let examples = truth.len();
        let mean = |sum: f64| sum / examples.max(1) as f64;
        Self { examples, loss: mean(loss), accuracy: mean(right as f64), confusion }
    }
}
