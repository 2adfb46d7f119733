//! The time that the state machines of `federation` are told, for the shells around them.

use std::time::{Duration, Instant};

use federation::Millis;

/// A clock that stands at 0 when it is started.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time.
    pub fn now(self) -> Millis {
        Millis(self.0.elapsed().as_millis() as u64)
    }

    /// Waits until it is `due`; for ever where nothing is.
    pub async fn until(self, due: Option<Millis>) {
        match due {
            Some(due) => tokio::time::sleep_until((self.0 + Duration::from_millis(due.0)).into()).await,
            None => std::future::pending().await,
        }
    }

    /// Stood still for so long.
    pub fn stood_still(&mut self, paused: Duration) {
        self.0 += paused;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_due_is_waited_for_and_what_is_not_due_never_comes() {
        let mut clock = Clock::start();
        clock.until(Some(Millis(0))).await;
        clock.until(Some(Millis(20))).await;
        assert!(clock.now() >= Millis(20));
        let patience = Duration::from_millis(20);
        assert!(tokio::time::timeout(patience, clock.until(None)).await.is_err());
        clock.stood_still(Duration::from_millis(20));
        assert!(tokio::time::timeout(patience, clock.until(Some(clock.now() + 10_000))).await.is_err());
    }
}
