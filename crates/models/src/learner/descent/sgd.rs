//! Plain stochastic gradient descent: w ← w − ηg. It remembers nothing from one step to the next.

use burn::tensor::Tensor;

use super::{blocks, pull::PullOn};
use crate::learner::operations::{gradient::Gradient, memory};

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
        if memory::holds(parameter) {
            parameter.inplace(|parameter| self.apply_here(parameter, gradient, pull));
        } else {
            parameter.inplace(|parameter| self.apply_there(parameter, gradient.value(), pull));
        }
    }

    /// In one pass over memory.
    fn apply_here(&self, parameter: Tensor<2>, gradient: Gradient, pull: Option<PullOn<'_>>) -> Tensor<2> {
        let rate = self.learning_rate as f32;
        blocks::descend(parameter, gradient, pull, std::iter::repeat(()), |values, gradient, ()| {
            values.iter_mut().zip(gradient).for_each(|(value, gradient)| *value -= rate * gradient);
        })
    }

    /// The same in tensor operations.
    fn apply_there(&self, parameter: Tensor<2>, gradient: Tensor<2>, pull: Option<PullOn<'_>>) -> Tensor<2> {
        let gradient = PullOn::added(pull, &parameter, gradient);
        parameter - gradient.mul_scalar(self.learning_rate)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// torch.optim.SGD(lr=0.1) of PyTorch 2.15 after the same three gradients (`tests/reference/pytorch/optimisers.py`).
    #[test]
    fn tensor_operations_step_as_pytorch_does() {
        let row = |values: [f32; 4]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [1, 4]), &Device::flex());
        let mut weights = row([1.0, -1.0, 0.5, 0.0]);
        for gradient in [[0.5, -2.0, 1e-2, 0.0], [0.25, 1.0, -1e-2, 0.0], [-1.0, 0.5, 3e-2, 0.1]] {
            weights = Sgd::new(0.1).apply_there(weights, row(gradient), None);
        }
        for (ours, expected) in memory::to_vec(weights).into_iter().zip([1.025, -0.95, 0.497, -0.01]) {
            assert!((ours - expected).abs() < 1e-6, "{ours}, PyTorch has {expected}");
        }
    }
}
