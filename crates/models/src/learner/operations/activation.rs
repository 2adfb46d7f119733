//! ReLU and dropout behind a matrix product, in tensor operations, and on the processor in one pass.

use burn::tensor::{Tensor, TensorData, activation};

use super::{
    dropout::{Dropout, KEPT, SCALE},
    memory::{self, numbers, numbers_mut, rows_of_block, tensor},
    threads,
};
use crate::slices::relu;

/// ReLU of `product` + `bias` (1, columns), then dropout where it is given. Returns also what kept values were
/// multiplied by.
pub(crate) fn forward(product: Tensor<2>, bias: &Tensor<2>, dropout: Option<&mut Dropout>) -> (Tensor<2>, f32) {
    let [rows, columns] = product.dims();
    let scale = if dropout.is_some() { SCALE } else { 1.0 };
    let bytes = dropout.map(|dropout| dropout.bytes(rows * columns));
    let way = if memory::holds(&product) { forward_in_one_pass } else { forward_by_operations };
    (way(product, bias, bytes.as_deref()), scale)
}

pub(super) fn forward_in_one_pass(product: Tensor<2>, bias: &Tensor<2>, bytes: Option<&[u8]>) -> Tensor<2> {
    let device = product.device();
    let [_, columns] = product.dims();
    let bias = bias.clone().into_data();
    let bias = numbers(&bias);
    let mut product = product.into_data();
    let block = rows_of_block(columns) * columns;
    let blocks = numbers_mut(&mut product).chunks_mut(block);
    match bytes {
        None => threads::each(blocks, |values| relu::activate(values, bias)),
        Some(bytes) => threads::each(blocks.zip(bytes.chunks(block)), |(values, bytes)| {
            relu::activate_times(values, bias, bytes, |byte| if byte < KEPT { SCALE } else { 0.0 });
        }),
    }
    Tensor::from_data(product, &device)
}

pub(super) fn forward_by_operations(product: Tensor<2>, bias: &Tensor<2>, bytes: Option<&[u8]>) -> Tensor<2> {
    let device = product.device();
    let shape = product.dims();
    let active = activation::relu(product + bias.clone());
    match bytes {
        None => active,
        Some(bytes) => {
            let factors: Vec<f32> = bytes.iter().map(|&byte| if byte < KEPT { SCALE } else { 0.0 }).collect();
            active * Tensor::from_data(TensorData::new(factors, shape), &device)
        }
    }
}

/// The way back through dropout and ReLU: a value above zero was both active and kept, so no mask has to be stored.
/// Returns the gradient with `margin` rows of zeros at both ends, and its sum over rows, the bias's gradient.
pub(crate) fn backward(gradient: Tensor<2>, output: Tensor<2>, scale: f32, margin: usize) -> (Tensor<2>, Tensor<2>) {
    let here = memory::holds(&gradient);
    let way = if here { backward_in_one_pass } else { backward_by_operations };
    way(gradient, output, scale, margin)
}

pub(super) fn backward_in_one_pass(
    gradient: Tensor<2>,
    output: Tensor<2>,
    scale: f32,
    margin: usize,
) -> (Tensor<2>, Tensor<2>) {
    let device = gradient.device();
    let [rows, columns] = gradient.dims();
    let (gradient, output) = (gradient.into_data(), output.into_data());
    let mut padded = vec![0.0; (rows + 2 * margin) * columns];
    let within = &mut padded[margin * columns..(margin + rows) * columns];
    let block = rows_of_block(columns) * columns;
    let mut sums = vec![0.0; within.len().div_ceil(block) * columns];
    let pieces = within
        .chunks_mut(block)
        .zip(numbers(&gradient).chunks(block).zip(numbers(&output).chunks(block)))
        .zip(sums.chunks_mut(columns));
    threads::each(pieces, |((within, (gradient, output)), sums)| {
        relu::backward(within, gradient, output, scale, sums);
    });
    let bias = memory::sum_of_rows(&sums, columns);
    (tensor(padded, [rows + 2 * margin, columns], &device), tensor(bias, [1, columns], &device))
}

pub(super) fn backward_by_operations(
    gradient: Tensor<2>,
    output: Tensor<2>,
    scale: f32,
    margin: usize,
) -> (Tensor<2>, Tensor<2>) {
    let gradient = (gradient * output.sign()).mul_scalar(scale);
    let bias = gradient.clone().sum_dim(0);
    if margin == 0 {
        return (gradient, bias);
    }
    let [_, columns] = gradient.dims();
    let zeros = Tensor::zeros([margin, columns], &gradient.device());
    (Tensor::cat(vec![zeros.clone(), gradient, zeros], 0), bias)
}
