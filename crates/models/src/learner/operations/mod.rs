//! What layers and optimisers are made of: operations on burn's tensors. On the processor those between the matrix
//! products are one pass over memory. They know no layer, no optimiser and no clip.

pub(crate) mod activation;
pub(crate) mod dropout;
pub(crate) mod gates;
pub(crate) mod gradient;
pub(crate) mod memory;
pub(crate) mod product;
pub(crate) mod sequence;
pub(crate) mod threads;

#[cfg(test)]
mod tests;
