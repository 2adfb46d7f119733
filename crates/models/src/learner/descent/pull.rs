//! What federated strategies add to every gradient: FedProx's μ(w − w₀), which pulls back to the parameters w₀ that the
//! round began with (Li et al., 2020, arXiv:1812.06127, equation 2), and SCAFFOLD's c − cᵢ, which pulls towards where
//! all clients go together (Karimireddy et al., 2020, arXiv:1910.06378, equation 3).
//!
//! Both together are μw + b with a constant b = c − cᵢ − μw₀, so that one vector is kept and one pass made.

use burn::tensor::{Tensor, TensorData};

use crate::{Layout, TrainingPlan, learner::operations::memory};

/// The sum for all tensors of a network.
pub(crate) struct Pull {
    proximal: f32,
    /// b, one a tensor.
    offsets: Vec<Offset>,
}

#[allow(clippy::large_enum_variant, reason = "there are a dozen of them")]
enum Offset {
    /// On the processor.
    Here(Vec<f32>),
    /// On the graphics processor.
    There(Tensor<2>),
}

/// The sum for one tensor.
#[derive(Clone, Copy)]
pub(crate) struct PullOn<'a> {
    proximal: f32,
    offset: &'a Offset,
}

impl Pull {
    /// What a plan adds, with `start` as the parameters that training starts from. `None`: nothing.
    pub fn new(how: &TrainingPlan, start: &[Tensor<2>], layout: &Layout) -> Option<Self> {
        if how.proximal == 0.0 && how.correction.is_none() {
            return None;
        }
        let offset = |(start, spec): (&Tensor<2>, &crate::TensorSpec)| {
            let device = start.device();
            let correction = how.correction.as_ref().map(|correction| {
                Tensor::<2>::from_data(TensorData::new(correction[spec.range()].to_vec(), spec.matrix()), &device)
            });
            let back = (how.proximal != 0.0).then(|| start.clone().mul_scalar(-how.proximal));
            let offset = match (correction, back) {
                (Some(correction), Some(back)) => correction + back,
                (Some(offset), None) | (None, Some(offset)) => offset,
                (None, None) => Tensor::zeros(spec.matrix(), &device),
            };
            if memory::holds(start) { Offset::Here(memory::to_vec(offset)) } else { Offset::There(offset) }
        };
        let offsets = start.iter().zip(&layout.tensors).map(offset).collect();
        Some(Self { proximal: how.proximal as f32, offsets })
    }

    /// The part for the tensor at `index`.
    pub fn on(&self, index: usize) -> PullOn<'_> {
        PullOn { proximal: self.proximal, offset: &self.offsets[index] }
    }
}

impl PullOn<'_> {
    /// Adds to a block of a gradient, in place; `values` are the parameters of that block, which begins at `place`
    /// within the tensor.
    pub fn add(self, place: usize, values: &[f32], gradient: &mut [f32]) {
        if let Offset::Here(offset) = self.offset {
            let offset = &offset[place..place + values.len()];
            for ((gradient, value), offset) in gradient.iter_mut().zip(values).zip(offset) {
                *gradient += self.proximal * value + offset;
            }
        }
    }

    /// The same in tensor operations, where there is something to add.
    pub fn added(pull: Option<Self>, parameter: &Tensor<2>, gradient: Tensor<2>) -> Tensor<2> {
        match pull {
            Some(Self { proximal, offset: Offset::There(offset) }) => {
                gradient + parameter.clone().mul_scalar(proximal) + offset.clone()
            }
            _ => gradient,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_sum_is_the_same_in_place_and_by_operations() {
        let row = |values: &[f32]| Tensor::from_data(TensorData::new(values.to_vec(), [1, 3]), &Device::flex());
        let (values, gradient, offset) = ([1.0, -2.0, 0.5], [0.1, 0.2, 0.3], [0.5, 0.0, -1.0]);
        let (here, there) = (Offset::Here(offset.to_vec()), Offset::There(row(&offset)));
        let mut in_place = gradient;
        PullOn { proximal: 0.5, offset: &here }.add(0, &values, &mut in_place);
        let pull = PullOn { proximal: 0.5, offset: &there };
        let by_operations = memory::to_vec(PullOn::added(Some(pull), &row(&values), row(&gradient)));
        // 0.1 + 0.5 · 1 + 0.5, 0.2 − 0.5 · 2, 0.3 + 0.5 · 0.5 − 1.
        for (sums, expected) in in_place.iter().zip(&by_operations).zip([1.1, -0.8, -0.45]) {
            assert!((sums.0 - expected).abs() < 1e-6 && (sums.1 - expected).abs() < 1e-6, "{sums:?}");
        }
        let blocked = |place: usize| {
            let mut block = [gradient[place]];
            PullOn { proximal: 0.5, offset: &here }.add(place, &values[place..=place], &mut block);
            block[0]
        };
        assert_eq!([blocked(0), blocked(1), blocked(2)], in_place, "a block finds its own part of the constant");
    }
}
