//! What each layer computes, forwards and backwards. All work on matrices: a row is one frame or one clip.
//!
//! Frames of a batch lie clip after clip in one matrix, so that a convolution is one matrix product without a copy:
//! its window over three frames is three neighbouring rows, read as one long row. Windows that span two clips give
//! rows that no layer after them looks at; on the way back their gradient is zero.

pub(crate) mod convolution;
pub(crate) mod dense;
pub(crate) mod flatten;
pub(crate) mod fusion;
pub(crate) mod lstm;
pub(crate) mod normalise;
pub(crate) mod pooling;
