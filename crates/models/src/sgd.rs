//! Plain stochastic gradient descent: w ← w − ηg. It remembers nothing from one step to the next.

use burn::tensor::Tensor;

use crate::{layers::Gradient, processor, pull::PullOn};

/// The step size.
pub(crate) struct Sgd {
    learning_rate: f64,
}

impl Sgd {
    pub fn new(learning_rate: f64) -> Self {
        Self { learning_rate }
    }

    /// Moves a tensor against its gradient and what is added to that.
    pub fn update(&self, parameter: &mut Tensor<2>, gradient: Gradient, pull: Option<PullOn<'_>>) {
        if processor::holds(parameter) {
            parameter.inplace(|parameter| processor::sgd(parameter, gradient, pull, self.learning_rate as f32));
        } else {
            parameter.inplace(|parameter| self.apply_there(parameter, gradient.value(), pull));
        }
    }

    /// The same in tensor operations.
    fn apply_there(&self, parameter: Tensor<2>, gradient: Tensor<2>, pull: Option<PullOn<'_>>) -> Tensor<2> {
        let gradient = PullOn::added(pull, &parameter, gradient);
        parameter - gradient.mul_scalar(self.learning_rate)
    }
}
