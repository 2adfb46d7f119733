//! A network as data: its layers, the order of its parameters, and how these start. Nothing here computes an answer.

mod architecture;
mod initial;
mod layer;
mod layout;

pub use architecture::{Architecture, UnknownArchitecture};
pub use initial::initial_parameters;
#[cfg(feature = "learner")]
pub(crate) use layer::KEPT;
pub(crate) use layer::KERNEL;
pub use layer::{KEPT_FACTOR, Layer, LstmOutput};
pub use layout::{Layout, TensorSpec};
