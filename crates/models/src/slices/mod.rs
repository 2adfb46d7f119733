//! Arithmetic on plain slices of `f32`, without a tensor library and without a device. It knows no network.

pub(crate) mod matrix;
pub(crate) mod softmax;
pub(crate) mod vector;
