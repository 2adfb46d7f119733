//! For tests: whether what is done on the processor in one pass is what tensor operations do.

use burn::tensor::{Device, Tensor, TensorData};

/// A matrix of numbers from -1 to 1, which differ with `seed`.
pub(crate) fn matrix(rows: usize, columns: usize, seed: usize) -> Tensor<2> {
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1000.0 - 1.0;
    Tensor::from_data(TensorData::new((0..rows * columns).map(value).collect(), [rows, columns]), &Device::flex())
}

/// Holds each number in one pass to within `error` of that by operations, which it is told.
pub(crate) fn agree(ours: Tensor<2>, theirs: Tensor<2>, error: fn(f32) -> f32) {
    assert_eq!(ours.dims(), theirs.dims());
    let [ours, theirs] = [ours, theirs].map(|tensor| tensor.into_data().try_into_vec::<f32>().unwrap());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() < error(theirs), "{ours} in one pass, {theirs} by operations");
    }
}
