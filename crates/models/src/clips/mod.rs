//! Clips as models see them, and how well a model does on them. It knows no sound and no label's meaning.

mod evaluation;
mod example;

pub use evaluation::Evaluation;
#[cfg(feature = "learner")]
pub(crate) use example::Sides;
pub use example::{Example, Standardisation, Variant};
pub(crate) use example::{Seen, check};
