//! Tensors on the processor as slices, a block at a time. There an operation is one pass over memory instead of several,
//! because the passes cost as much as the matrix products.
//!
//! A tensor on the processor gives its numbers away and takes them back without a copy, as long as nothing else holds it.

use burn::tensor::{Device, Tensor, TensorData};

use crate::learner::backend;

/// Numbers that a thread works on at a time: with gradient and moments they fit into a processor's second cache.
const BLOCK: usize = 32 * 1024;

/// Whether the tensor lives here.
pub(crate) fn holds(tensor: &Tensor<2>) -> bool {
    backend::is_processor(&tensor.device())
}

/// A tensor's numbers, row by row.
pub(crate) fn numbers(data: &TensorData) -> &[f32] {
    data.as_slice().expect("networks hold nothing but f32")
}

/// A tensor's numbers, row by row, to be changed in place.
pub(crate) fn numbers_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("networks hold nothing but f32")
}

/// A copy of a tensor's numbers, row by row.
pub(crate) fn to_vec(tensor: Tensor<2>) -> Vec<f32> {
    numbers(&tensor.into_data()).to_vec()
}

/// Numbers as a tensor, row by row.
pub(crate) fn tensor(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The sum of rows of `columns` numbers, as each block or clip has its own, in their order: the same however many threads there were.
pub(crate) fn sum_of_rows(rows: &[f32], columns: usize) -> Vec<f32> {
    let mut all = vec![0.0; columns];
    for row in rows.chunks_exact(columns.max(1)) {
        add(&mut all, row);
    }
    all
}

/// Adds to each sum its term.
pub(crate) fn add(sums: &mut [f32], terms: &[f32]) {
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

/// Rows of `columns` numbers that make up about a [`BLOCK`].
pub(crate) fn rows_of_block(columns: usize) -> usize {
    (BLOCK / columns.max(1)).max(1)
}
