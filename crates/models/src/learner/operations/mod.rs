//! What layers and optimisers are made of: operations on burn's tensors, on the processor in one pass over memory. They
//! know no layer, no network and no clip.

pub(crate) mod dropout;
pub(crate) mod elementwise;
pub(crate) mod processor;
pub(crate) mod product;
pub(crate) mod threads;
