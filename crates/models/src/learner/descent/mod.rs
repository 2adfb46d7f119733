//! A step of training against the gradient: the plan's optimiser, on the gradient and what the plan adds to it.

pub(crate) mod adam;
mod blocks;
mod pull;
mod sgd;

use burn::tensor::Tensor;

use crate::{Layout, Optimiser, TrainingPlan, learner::operations::gradient::Gradient};
use adam::Adam;
use pull::Pull;
use sgd::Sgd;

/// One plan's optimiser with what it remembers.
pub(crate) struct Descent {
    rule: Rule,
    pull: Option<Pull>,
}

enum Rule {
    Adam(Adam),
    Sgd(Sgd),
}

impl Descent {
    /// Fresh, for the parameters that training starts from and a correction that is as long.
    pub fn new(how: &TrainingPlan, start: &[Tensor<2>], layout: &Layout) -> Self {
        let rule = match how.optimiser {
            Optimiser::Adam => Rule::Adam(Adam::new(how.learning_rate, start.len())),
            Optimiser::Sgd => Rule::Sgd(Sgd::new(how.learning_rate)),
        };
        Self { rule, pull: Pull::new(how, start, layout) }
    }

    /// Begins a step, in which [`Descent::update`] is called once for each tensor.
    pub fn begin_step(&mut self) {
        if let Rule::Adam(adam) = &mut self.rule {
            adam.begin_step();
        }
    }

    /// Moves the tensor at `index` against its gradient.
    pub fn update(&mut self, index: usize, parameter: &mut Tensor<2>, gradient: Gradient) {
        let pull = self.pull.as_ref().map(|pull| pull.on(index));
        match &mut self.rule {
            Rule::Adam(adam) => adam.update(index, parameter, gradient, pull),
            Rule::Sgd(sgd) => sgd.update(parameter, gradient, pull),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::TensorSpec;

    fn matrix(values: &[f32], columns: usize) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / columns, columns]), &Device::flex())
    }

    fn layout(shape: [usize; 2]) -> Layout {
        Layout { tensors: vec![TensorSpec { name: "only".to_owned(), shape: shape.to_vec(), offset: 0 }] }
    }

    fn numbers(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    /// Optimiser, μ, whether there is a correction, and where PyTorch 2.15 is after three steps of 0.1
    /// (`tests/reference/pytorch/optimisers.py`).
    const PYTORCH: [(Optimiser, f64, bool, [f64; 4]); 8] = [
        (Optimiser::Sgd, 0.0, false, [1.025, -0.95, 0.497, -0.01]),
        (Optimiser::Sgd, 0.0, true, [0.995, -0.89, 0.407, 0.11]),
        (Optimiser::Sgd, 0.5, false, [1.031125, -0.9645, 0.4970475, -0.01]),
        (Optimiser::Sgd, 0.5, true, [1.0026, -0.90745, 0.4114725, 0.1041]),
        (
            Optimiser::Adam,
            0.0,
            false,
            [0.8274177428854115, -0.8672274104696712, 0.34920626152247675, -0.06388134888080917],
        ),
        (
            Optimiser::Adam,
            0.0,
            true,
            [0.8101848656244803, -0.8418291604413164, 0.20013213550549724, 0.29822715702835634],
        ),
        (
            Optimiser::Adam,
            0.5,
            false,
            [0.8368438907254786, -0.8721893937665007, 0.4982538951375997, -0.06388134888080917],
        ),
        (
            Optimiser::Adam,
            0.5,
            true,
            [0.8195799816951072, -0.8469425443321495, 0.20340404855825428, 0.2938899124143695],
        ),
    ];

    #[test]
    fn every_optimiser_with_every_term_steps_as_pytorch_does() {
        let gradients = [[0.5, -2.0, 1e-2, 0.0], [0.25, 1.0, -1e-2, 0.0], [-1.0, 0.5, 3e-2, 0.1]];
        for (optimiser, proximal, corrected, expected) in PYTORCH {
            let correction = corrected.then(|| vec![0.1, -0.2, 0.3, -0.4]);
            let how = TrainingPlan { optimiser, proximal, correction, learning_rate: 0.1, ..TrainingPlan::default() };
            let mut weights = matrix(&[1.0, -1.0, 0.5, 0.0], 4);
            let mut descent = Descent::new(&how, std::slice::from_ref(&weights), &layout([1, 4]));
            for gradient in gradients {
                descent.begin_step();
                descent.update(0, &mut weights, Gradient::Value(matrix(&gradient, 4)));
            }
            for (ours, expected) in numbers(weights).into_iter().zip(expected) {
                let error = (f64::from(ours) - expected).abs();
                assert!(error < 1e-6, "{optimiser:?}, μ {proximal}, {corrected}: {ours}, PyTorch has {expected}");
            }
        }
    }

    #[test]
    fn a_gradient_that_is_left_as_a_product_moves_as_far() {
        // More rows than a thread takes at a time.
        let shape @ [rows, columns] = [600, 128];
        let wave = |count: usize, speed: f32| (0..count).map(|i| (i as f32 * speed).sin()).collect::<Vec<f32>>();
        let start = matrix(&wave(rows * columns, 0.37), columns);
        let (left, right) = (matrix(&wave(3 * rows, 0.11), rows), matrix(&wave(3 * columns, 0.23), columns));
        let product = Gradient::Product { left, right };
        let correction = Some(wave(rows * columns, 0.05));
        for optimiser in [Optimiser::Sgd, Optimiser::Adam] {
            let how =
                TrainingPlan { optimiser, proximal: 0.3, correction: correction.clone(), ..TrainingPlan::default() };
            let moved = |gradient: Gradient| {
                let mut weights = start.clone();
                let mut descent = Descent::new(&how, std::slice::from_ref(&start), &layout(shape));
                descent.begin_step();
                descent.update(0, &mut weights, gradient);
                numbers(weights)
            };
            let whole = moved(Gradient::Value(product.clone().value()));
            for (ours, whole) in moved(product.clone()).into_iter().zip(whole) {
                assert!((ours - whole).abs() < 1e-6);
            }
        }
    }
}
