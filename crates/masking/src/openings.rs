//! Which sums a client has helped to open. A second sum of the same model is allowed only where the two together hide everyone
//! as well as each does alone.
//!
//! Of sums over S and S′ of the same numbers, every combination is aΣ_S + bΣ_S′. Where a + b ≠ 0 and neither is 0, it holds all
//! of S ∪ S′; where one is 0, all of the other's; where a + b = 0, those of the symmetric difference. So at least three numbers are in
//! each that is not 0 if the difference is empty or has at least three, and no third sum is opened.

use std::collections::{BTreeSet, VecDeque};

use protocol::Hex;
use protocol::limits::MIN_MASKED_CLIENTS;
use serde::{Deserialize, Serialize};

use crate::task::{Purpose, Task};

/// Models that are remembered, the latest ones.
const MOST: usize = 2_048;
/// Sums of one model.
const MOST_SUMS: usize = 2;

/// What was opened. It is the seat's: it has to live as long as the client's clips stay in the room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Openings(VecDeque<Opening>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Opening {
    purpose: Purpose,
    model: Hex<32>,
    /// By seat keys, for a server could give a client another number.
    seats: BTreeSet<Hex<32>>,
}

impl Openings {
    fn of<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = &'a Opening> {
        self.0.iter().filter(|opening| opening.purpose == task.purpose && opening.model.0 == task.model)
    }

    /// Whether a sum of these may be opened.
    pub(crate) fn allow(&self, task: &Task, seats: &BTreeSet<Hex<32>>) -> bool {
        let apart = |opening: &Opening| opening.seats.symmetric_difference(seats).count();
        let hides = |apart| apart == 0 || apart >= MIN_MASKED_CLIENTS;
        // The same ones again give the same sum again, and are not counted.
        self.of(task).all(|opening| hides(apart(opening)))
            && self.of(task).filter(|opening| apart(opening) > 0).count() < MOST_SUMS
    }

    pub(crate) fn add(&mut self, task: &Task, seats: BTreeSet<Hex<32>>) {
        if self.of(task).any(|opening| opening.seats == seats) {
            return;
        }
        self.0.push_back(Opening { purpose: task.purpose, model: Hex(task.model), seats });
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }
}
