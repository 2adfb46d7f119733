//! Adam (Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1).

use burn::tensor::Tensor;

use crate::layers::Gradient;

/// Decay of the mean of gradients.
const BETA_1: f64 = 0.9;
/// Decay of the mean of squared gradients.
const BETA_2: f64 = 0.999;
/// Added to the root of the second moment after its correction, as in the paper and in PyTorch, and of their size
/// (Keras adds 1e-7 to the uncorrected one).
const EPSILON: f64 = 1e-8;

/// The moments of every parameter and the count of steps.
pub(crate) struct Adam {
    learning_rate: f64,
    step: i32,
    /// First and second moment; none before the first step.
    moments: Vec<Option<(Tensor<2>, Tensor<2>)>>,
}

impl Adam {
    /// Fresh moments for `tensors` parameters.
    pub fn new(learning_rate: f64, tensors: usize) -> Self {
        Self {
            learning_rate,
            step: 0,
            moments: (0..tensors).map(|_| None).collect(),
        }
    }

    /// One step of all parameters, which are in the same order as their gradients.
    pub fn step(&mut self, parameters: &mut [Tensor<2>], gradients: Vec<Gradient>) {
        self.step += 1;
        let correction_1 = 1.0 - BETA_1.powi(self.step);
        let correction_2 = 1.0 - BETA_2.powi(self.step);
        for ((parameter, gradient), moments) in
            parameters.iter_mut().zip(gradients).zip(&mut self.moments)
        {
            let gradient = gradient.value();
            let first = gradient.clone().mul_scalar(1.0 - BETA_1);
            let second = (gradient.clone() * gradient).mul_scalar(1.0 - BETA_2);
            let (first, second) = match moments.take() {
                Some((before_1, before_2)) => (
                    before_1.mul_scalar(BETA_1) + first,
                    before_2.mul_scalar(BETA_2) + second,
                ),
                None => (first, second),
            };
            let root = second
                .clone()
                .div_scalar(correction_2)
                .sqrt()
                .add_scalar(EPSILON);
            *parameter = parameter.clone()
                - (first.clone() / root).mul_scalar(self.learning_rate / correction_1);
            *moments = Some((first, second));
        }
    }
}
