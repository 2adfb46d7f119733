//! The made-up clock of an exchange: what happens later, in the order of its time, and for the same moment in the order in
//! which it was decided.

use std::collections::BTreeMap;

use bytes::Bytes;
use federation::Millis;
use protocol::TransferId;

use super::circumstances::Circumstances;

/// Something that happens to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The model is there.
    Downloaded { transfer: TransferId, bytes: Bytes },
    /// Training is done.
    Trained,
    /// The whole update has arrived.
    Uploaded { transfer: TransferId, bytes: Bytes },
    /// The connection is lost.
    Lost,
    /// The client connects again.
    Returns,
}

/// What is due when.
#[derive(Debug)]
pub struct Clock {
    pub now: Millis,
    pub circumstances: Circumstances,
    pub seed: u32,
    /// By time, and then by the number of the decision.
    due: BTreeMap<(Millis, u64), (usize, u64, Happening)>,
    decided: u64,
}

impl Clock {
    pub fn new(circumstances: Circumstances, seed: u32) -> Self {
        Self { now: Millis(1), circumstances, seed, due: BTreeMap::new(), decided: 0 }
    }

    /// In so many milliseconds this happens to a client, if its work is still number `work` then.
    pub fn later(&mut self, milliseconds: u64, client: usize, work: u64, happening: Happening) {
        self.decided += 1;
        self.due.insert((self.now + milliseconds, self.decided), (client, work, happening));
    }

    /// When the next thing happens, to whom, in which of its works, and what.
    pub fn next(&self) -> Option<(Millis, usize, u64, &Happening)> {
        self.due.first_key_value().map(|((at, _), (client, work, happening))| (*at, *client, *work, happening))
    }

    /// Takes the next thing; it is then.
    pub fn take(&mut self) -> Option<(usize, u64, Happening)> {
        let ((at, _), what) = self.due.pop_first()?;
        self.now = self.now.max(at);
        Some(what)
    }

    /// Whose training ends next, in that order, and in which of its works.
    pub fn trainings(&self) -> impl Iterator<Item = (usize, u64)> {
        let ends = self.due.values().filter(|(.., happening)| *happening == Happening::Trained);
        ends.map(|(client, work, _)| (*client, *work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_earlier_comes_first_and_of_the_same_moment_what_was_decided_first() {
        let mut clock = Clock::new(Circumstances::default(), 0);
        clock.later(20, 5, 0, Happening::Trained);
        clock.later(10, 9, 0, Happening::Returns);
        clock.later(10, 1, 0, Happening::Lost);
        assert_eq!(clock.trainings().collect::<Vec<_>>(), [(5, 0)]);
        let order: Vec<usize> = std::iter::from_fn(|| clock.take()).map(|(client, ..)| client).collect();
        assert_eq!((order, clock.now), (vec![9, 1, 5], Millis(21)));
    }
}
