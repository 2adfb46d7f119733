//! When bytes last came over a connection, or were taken on its other side: whoever has a slow line may need a minute for one frame,
//! and is not silent meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The moments, of one connection.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    /// Milliseconds from then.
    heard: AtomicU64,
    taken: AtomicU64,
}

impl Progress {
    /// It is open from now on.
    pub fn begin() -> Self {
        Self { began: Instant::now(), heard: AtomicU64::new(0), taken: AtomicU64::new(0) }
    }

    /// When bytes last came.
    pub fn heard(&self) -> Instant {
        self.at(&self.heard)
    }

    /// When bytes were last taken that had to wait: the other side reads. That some fit into the system's buffers says nothing.
    pub fn taken(&self) -> Instant {
        self.at(&self.taken)
    }

    /// Bytes came.
    pub(super) fn note_heard(&self) {
        self.note(&self.heard);
    }

    /// Bytes that had waited were taken.
    pub(super) fn note_taken(&self) {
        self.note(&self.taken);
    }

    fn at(&self, moment: &AtomicU64) -> Instant {
        self.began + Duration::from_millis(moment.load(Ordering::Relaxed))
    }

    fn note(&self, moment: &AtomicU64) {
        moment.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }
}
