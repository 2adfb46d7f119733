//! Adam (Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1).

use burn::tensor::Tensor;

use super::{blocks, pull::PullOn};
use crate::learner::operations::{gradient::Gradient, memory};

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
    /// One for each tensor.
    moments: Vec<Moments>,
}

/// First and second moment of one tensor.
#[allow(clippy::large_enum_variant, reason = "there are a dozen of them")]
enum Moments {
    /// Before the first step.
    Fresh,
    /// On the processor.
    Here([Vec<f32>; 2]),
    /// On the graphics processor.
    There([Tensor<2>; 2]),
}

/// What a step multiplies by, once the step's bias corrections are in.
#[derive(Clone, Copy)]
struct Rates {
    /// Learning rate over the first moment's correction.
    step: f32,
    /// One over the root of the second moment's correction.
    root: f32,
}

impl Adam {
    /// Fresh moments for `tensors` parameters.
    pub fn new(learning_rate: f64, tensors: usize) -> Self {
        Self { learning_rate, step: 0, moments: (0..tensors).map(|_| Moments::Fresh).collect() }
    }

    /// Begins a step, in which [`Adam::update`] is called once for each tensor.
    pub fn begin_step(&mut self) {
        self.step = self.step.saturating_add(1);
    }

    /// Moves the tensor at `index` against its gradient and what is added to that.
    pub fn update(&mut self, index: usize, parameter: &mut Tensor<2>, gradient: Gradient, pull: Option<PullOn<'_>>) {
        let rates = Rates {
            step: (self.learning_rate / (1.0 - BETA_1.powi(self.step))) as f32,
            root: (1.0 / (1.0 - BETA_2.powi(self.step)).sqrt()) as f32,
        };
        let moments = &mut self.moments[index];
        if memory::holds(parameter) {
            if !matches!(moments, Moments::Here(_)) {
                *moments = Moments::Here([Vec::new(), Vec::new()]);
            }
            if let Moments::Here(moments) = moments {
                parameter.inplace(|parameter| rates.apply_here(parameter, gradient, pull, moments));
            }
        } else {
            parameter.inplace(|parameter| {
                let gradient = PullOn::added(pull, &parameter, gradient.value());
                rates.apply_there(parameter, gradient, moments)
            });
        }
    }
}

impl Rates {
    /// One step of one matrix, in one pass over memory.
    fn apply_here(
        self,
        parameter: Tensor<2>,
        gradient: Gradient,
        pull: Option<PullOn<'_>>,
        moments: &mut [Vec<f32>; 2],
    ) -> Tensor<2> {
        let [rows, columns] = parameter.dims();
        moments.iter_mut().for_each(|moment| moment.resize(rows * columns, 0.0));
        let [first, second] = moments;
        let length = memory::rows_of_block(columns) * columns;
        let moments = first.chunks_mut(length).zip(second.chunks_mut(length));
        blocks::descend(parameter, gradient, pull, moments, |values, gradient, (first, second)| {
            self.apply(values, gradient, first, second);
        })
    }

    /// One step of some numbers, in place.
    fn apply(self, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        const DECAY_1: f32 = BETA_1 as f32;
        const DECAY_2: f32 = BETA_2 as f32;
        const SHARE_1: f32 = (1.0 - BETA_1) as f32;
        const SHARE_2: f32 = (1.0 - BETA_2) as f32;
        let moments = first.iter_mut().zip(second);
        for ((value, gradient), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
            *first = DECAY_1 * *first + SHARE_1 * gradient;
            *second = DECAY_2 * *second + SHARE_2 * gradient * gradient;
            *value -= self.step * *first / (second.sqrt() * self.root + EPSILON as f32);
        }
    }

    /// The same in tensor operations.
    fn apply_there(self, parameter: Tensor<2>, gradient: Tensor<2>, moments: &mut Moments) -> Tensor<2> {
        let first = gradient.clone().mul_scalar(1.0 - BETA_1);
        let second = (gradient.clone() * gradient).mul_scalar(1.0 - BETA_2);
        let (first, second) = match std::mem::replace(moments, Moments::Fresh) {
            Moments::There([before_1, before_2]) => {
                (before_1.mul_scalar(BETA_1) + first, before_2.mul_scalar(BETA_2) + second)
            }
            Moments::Fresh | Moments::Here(_) => (first, second),
        };
        let root = second.clone().sqrt().mul_scalar(self.root).add_scalar(EPSILON);
        let moved = parameter - (first.clone() / root).mul_scalar(self.step);
        *moments = Moments::There([first, second]);
        moved
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn row(values: &[f32]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, values.len()]), &Device::flex())
    }

    /// torch.optim.Adam(lr=0.01) of PyTorch 2.15 on the same gradients, in double precision.
    #[test]
    fn three_steps_give_what_pytorch_gives() {
        let gradients = [[0.5, -2.0, 1e-6, 0.0], [0.25, 1.0, -1e-6, 0.0], [-1.0, 0.5, 3e-6, 0.1]];
        let expected = [0.9827417742885411, -0.9867227410469671, 0.48504352480495483, -0.006388134888080917];
        let mut adam = Adam::new(0.01, 1);
        let mut here = row(&[1.0, -1.0, 0.5, 0.0]);
        let mut there = here.clone();
        let mut moments = Moments::Fresh;
        for gradient in gradients {
            adam.begin_step();
            adam.update(0, &mut here, Gradient::Value(row(&gradient)), None);
            let rates = Rates {
                step: (0.01 / (1.0 - BETA_1.powi(adam.step))) as f32,
                root: (1.0 / (1.0 - BETA_2.powi(adam.step)).sqrt()) as f32,
            };
            there = rates.apply_there(there, row(&gradient), &mut moments);
        }
        for tensor in [here, there] {
            let values = tensor.into_data().try_into_vec::<f32>().unwrap();
            for (value, expected) in values.iter().zip(expected) {
                assert!((f64::from(*value) - expected).abs() < 2e-7, "{value} but PyTorch has {expected}");
            }
        }
    }
}
