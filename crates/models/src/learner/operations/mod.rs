//! What layers and optimisers are made of: operations on burn's tensors. On the processor those between the matrix
//! products are one pass over memory. They know no layer, no optimiser and no clip.

#[cfg(feature = "cpu")]
pub(crate) mod activation;
pub(crate) mod dropout;
#[cfg(feature = "cpu")]
pub(crate) mod gates;
#[cfg(feature = "cpu")]
pub(crate) mod gradient;
#[cfg(feature = "cpu")]
pub(crate) mod memory;
#[cfg(feature = "cpu")]
pub(crate) mod product;
#[cfg(feature = "cpu")]
pub(crate) mod sequence;
#[cfg(feature = "cpu")]
pub(crate) mod threads;

#[cfg(test)]
#[cfg(feature = "cpu")]
mod tests;
