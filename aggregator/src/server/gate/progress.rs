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
    /// Bytes of messages that were sent.
    sent: AtomicU64,
    /// Those of which it is known that they arrived.
    arrived: AtomicU64,
}

impl Progress {
    /// It is open from now on.
    pub fn begin() -> Self {
        let none = || AtomicU64::new(0);
        Self { began: Instant::now(), heard: none(), taken: none(), sent: none(), arrived: none() }
    }

    /// When bytes last came.
    pub fn heard(&self) -> Instant {
        self.at(&self.heard)
    }

    /// When bytes were last taken that had to wait: the other side reads. That some fit into the system's buffers says nothing.
    pub fn taken(&self) -> Instant {
        self.at(&self.taken)
    }

    /// Bytes of messages that were sent, and of which it is not known that they arrived: those after the last ping that was answered.
    /// The system may still hold them for a line that is slow.
    pub fn on_its_way(&self) -> u64 {
        self.sent.load(Ordering::Relaxed).saturating_sub(self.arrived.load(Ordering::Relaxed))
    }

    /// A message of so many bytes was sent.
    pub fn note_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What a ping says that goes out now: how much was sent before it.
    pub fn ping(&self) -> [u8; 8] {
        self.sent.load(Ordering::Relaxed).to_be_bytes()
    }

    /// A ping was answered, with what it said, or with what somebody made up.
    pub fn note_answered(&self, ping: &[u8]) {
        if let Ok(before) = ping.try_into().map(u64::from_be_bytes) {
            self.arrived.fetch_max(before.min(self.sent.load(Ordering::Relaxed)), Ordering::Relaxed);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_before_an_answered_ping_has_arrived() {
        let progress = Progress::begin();
        progress.note_sent(1000);
        let first = progress.ping();
        progress.note_sent(200);
        assert_eq!(progress.on_its_way(), 1200);
        progress.note_answered(&first);
        assert_eq!(progress.on_its_way(), 200);
        // Answers that nobody asked for, or that come late, change nothing that is true.
        for wrong in [&[][..], b"hello", &0_u64.to_be_bytes(), &first] {
            progress.note_answered(wrong);
            assert_eq!(progress.on_its_way(), 200);
        }
        progress.note_answered(&u64::MAX.to_be_bytes());
        progress.note_sent(50);
        assert_eq!(progress.on_its_way(), 50);
    }
}
