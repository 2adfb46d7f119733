//! A step of an optimiser on the processor: one pass over memory, a block of rows at a time.

use burn::tensor::Tensor;

use super::pull::PullOn;
use crate::learner::operations::{
    gradient::Gradient,
    memory::{numbers_mut, rows_of_block},
    product::product_alone,
    threads,
};

/// Moves a matrix a block of rows at a time ([`rows_of_block`]), each with what the optimiser remembers of it
/// (`moments`). A gradient that is a product is multiplied out block by block, so that it never goes to memory and back.
pub(crate) fn descend<M: Send>(
    parameter: Tensor<2>,
    gradient: Gradient,
    pull: Option<PullOn<'_>>,
    moments: impl Iterator<Item = M>,
    apply: impl Fn(&mut [f32], &[f32], M) + Send + Sync,
) -> Tensor<2> {
    let device = parameter.device();
    let [rows, columns] = parameter.dims();
    let mut parameter = parameter.into_data();
    let per_block = rows_of_block(columns);
    let length = per_block * columns;
    let pieces = numbers_mut(&mut parameter).chunks_mut(length).zip(moments).enumerate();
    let pulled = |block: usize, values: &[f32], gradient: &mut [f32]| {
        if let Some(pull) = pull {
            pull.add(block * length, values, gradient);
        }
    };
    match gradient {
        // A long sum over rows is quicker as one product.
        Gradient::Product { left, right } if left.dims()[0] <= 64 && rows > per_block => {
            threads::each(pieces, |(block, (values, moments))| {
                let rows = left.clone().narrow(1, block * per_block, values.len() / columns);
                let mut gradient = product_alone(rows.transpose(), right.clone()).into_data();
                let gradient = numbers_mut(&mut gradient);
                pulled(block, values, gradient);
                apply(values, gradient, moments);
            });
        }
        gradient => {
            let mut gradient = gradient.value().into_data();
            let pieces = pieces.zip(numbers_mut(&mut gradient).chunks_mut(length));
            threads::each(pieces, |((block, (values, moments)), gradient)| {
                pulled(block, values, gradient);
                apply(values, gradient, moments);
            });
        }
    }
    Tensor::from_data(parameter, &device)
}
