//! Work on pieces of memory, on all threads of the pool where the feature `threads` is on, else one after another.

/// Calls `work` once for each piece.
#[cfg(feature = "threads")]
pub(crate) fn each<T: Send>(pieces: impl Iterator<Item = T>, work: impl Fn(T) + Send + Sync) {
    use rayon::prelude::*;
    let pieces: Vec<T> = pieces.collect();
    pieces.into_par_iter().for_each(work);
}

/// Calls `work` once for each piece.
#[cfg(not(feature = "threads"))]
pub(crate) fn each<T>(pieces: impl Iterator<Item = T>, work: impl Fn(T)) {
    pieces.for_each(work);
}

/// How many pieces [`each`] works on at a time.
#[cfg(feature = "threads")]
pub(crate) fn count() -> usize {
    rayon::current_num_threads()
}

/// How many pieces [`each`] works on at a time.
#[cfg(not(feature = "threads"))]
pub(crate) fn count() -> usize {
    1
}
