//! Softmax cross entropy: on the device for the gradient, on the host for what is reported.

use burn::tensor::{Tensor, activation::softmax};

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
pub(crate) fn gradient(logits: Tensor<2>, truth: Tensor<2>) -> Tensor<2> {
    let [batch, _] = logits.dims();
    (softmax(logits, 1) - truth).div_scalar(batch as f32)
}
