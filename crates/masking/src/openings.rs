//! Which sums a client has helped to open. A second sum of the same model is allowed only where the two together hide everyone
//! as well as each does alone.
//!
//! Of sums over S and S′ of the same numbers, every combination is aΣ_S + bΣ_S′. Where a + b ≠ 0 and neither is 0, it holds all
//! of S ∪ S′; where one is 0, all of the other's; where a + b = 0, those of the symmetric difference. So at least three numbers are in
//! each that is not 0 if the difference is empty or has at least three, and no third sum is opened.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::Hex;
use protocol::limits::{MAX_OPENED_SUMS, MIN_MASKED_CLIENTS};
use serde::{Deserialize, Serialize};

use crate::task::{Purpose, Task};

/// Models that are remembered, the latest ones.
const MOST: usize = 2_048;

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
    /// Whose sums of a task's model it has helped to open.
    pub fn of(&self, task: &Task) -> Vec<BTreeSet<Hex<32>>> {
        let same = |opening: &&Opening| opening.purpose == task.purpose && opening.model.0 == task.model;
        self.0.iter().filter(same).map(|opening| opening.seats.clone()).collect()
    }

    /// Whether a sum of these may be opened.
    pub(crate) fn allow(&self, task: &Task, seats: &BTreeSet<Hex<32>>) -> bool {
        hides(seats, &self.of(task))
    }

    pub(crate) fn add(&mut self, task: &Task, seats: BTreeSet<Hex<32>>) {
        if self.of(task).contains(&seats) {
            return;
        }
        self.0.push_back(Opening { purpose: task.purpose, model: Hex(task.model), seats });
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }
}

/// Whether a sum of these tells no more of anyone beside sums of the same model that were opened before. The same ones again give the
/// same sum again, and are not counted.
pub fn hides<S: Ord>(seats: &BTreeSet<S>, opened: &[BTreeSet<S>]) -> bool {
    let apart = opened.iter().map(|before| before.symmetric_difference(seats).count());
    let others: Vec<usize> = apart.filter(|&apart| apart > 0).collect();
    others.len() < MAX_OPENED_SUMS && others.iter().all(|&apart| apart >= MIN_MASKED_CLIENTS)
}

/// Of those who are there, the most whose sum every one of them would help to open, so many at least: those who have helped to open
/// others of this model may do so again for the same ones, or for ones far enough from them. `None`: there are no such.
pub fn who_can_open<S: Ord + Copy>(
    here: &BTreeSet<S>,
    opened: &BTreeMap<S, Vec<BTreeSet<S>>>,
    least: usize,
) -> Option<BTreeSet<S>> {
    let before = |seat: &S| opened.get(seat).map_or(&[][..], Vec::as_slice);
    let all_would = |sum: &BTreeSet<S>| sum.iter().all(|seat| hides(sum, before(seat)));
    let with = |most: usize| here.iter().copied().filter(|seat| before(seat).len() < most).collect::<BTreeSet<S>>();
    let again = opened.values().flatten().filter(|sum| sum.is_subset(here)).cloned();
    let mut sums = vec![with(1), further(with(MAX_OPENED_SUMS), opened)];
    sums.extend(again);
    sums.push(here.clone());
    sums.into_iter()
        .filter(|sum| sum.len() >= least.max(MIN_MASKED_CLIENTS) && all_would(sum))
        .max_by_key(BTreeSet::len)
}

/// As many of these as are far enough from every sum that one of them has helped to open: whoever is in most of those that are too
/// near is done without, one after the other.
fn further<S: Ord + Copy>(mut sum: BTreeSet<S>, opened: &BTreeMap<S, Vec<BTreeSet<S>>>) -> BTreeSet<S> {
    loop {
        let is_near =
            |before: &&BTreeSet<S>| (1..MIN_MASKED_CLIENTS).contains(&before.symmetric_difference(&sum).count());
        let of_these = opened.iter().filter(|(seat, _)| sum.contains(seat));
        let near: BTreeSet<&BTreeSet<S>> = of_these.flat_map(|(_, before)| before).filter(is_near).collect();
        let times = |seat: &S| near.iter().filter(|before| before.contains(seat)).count();
        match sum.iter().copied().max_by_key(times).filter(|seat| times(seat) > 0) {
            Some(seat) => sum.remove(&seat),
            None => return sum,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(seats: &[u32]) -> BTreeSet<u32> {
        seats.iter().copied().collect()
    }

    /// Who can open a sum, of so many seats, where some have helped to open others.
    fn can_open(here: &[u32], opened: &[(&[u32], &[&[u32]])], least: usize) -> Option<Vec<u32>> {
        let opened = opened.iter().flat_map(|(seats, sums)| {
            let sums: Vec<BTreeSet<u32>> = sums.iter().map(|sum| set(sum)).collect();
            seats.iter().map(move |seat| (*seat, sums.clone()))
        });
        Some(who_can_open(&set(here), &opened.collect(), least)?.into_iter().collect())
    }

    #[test]
    fn the_same_ones_open_their_sum_again() {
        let six: &[u32] = &[1, 2, 3, 4, 5, 6];
        assert_eq!(can_open(six, &[(six, &[six])], 3).unwrap(), six);
        // A newcomer waits, for with it the sum would show what it gave.
        assert_eq!(can_open(&[1, 2, 3, 4, 5, 6, 7], &[(six, &[six])], 3).unwrap(), six);
    }

    #[test]
    fn with_one_gone_two_more_are_done_without() {
        let (six, five): (&[u32], &[u32]) = (&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 5]);
        assert_eq!(can_open(five, &[(six, &[six])], 3).unwrap().len(), 3);
        assert_eq!(can_open(five, &[(six, &[six])], 4), None, "three are too few for this room");
        assert_eq!(can_open(&[1, 2, 3, 4], &[(&[1, 2, 3, 4], &[five])], 3), None, "four less two are too few for any");
        // Two newcomers for the one who is gone are three of a difference.
        assert_eq!(can_open(&[1, 2, 3, 4, 7, 8], &[(five, &[five])], 3).unwrap(), [1, 2, 3, 4, 7, 8]);
    }

    #[test]
    fn who_has_not_opened_anything_needs_no_regard_for_the_others() {
        let ten: Vec<u32> = (1..=10).collect();
        // Only the first was asked before its server was killed, and the last is gone.
        assert_eq!(can_open(&ten[..9], &[(&[1], &[&ten])], 3).unwrap(), ten[1..9]);
    }

    #[test]
    fn whoever_opened_two_opens_one_of_them_again_or_none() {
        let eight: &[u32] = &[1, 2, 3, 4, 5, 6, 7, 8];
        let (first, second): (&[u32], &[u32]) = (&[1, 2, 3, 4, 5], &[1, 2, 3, 6, 7, 8]);
        let both: &[(&[u32], &[&[u32]])] = &[(&[1, 2, 3], &[first, second])];
        assert_eq!(can_open(eight, both, 3).unwrap(), second);
        assert_eq!(can_open(&[1, 2, 3, 4, 5, 7, 8], both, 5).unwrap(), first);
        assert_eq!(can_open(&[1, 2, 3, 4, 7, 8], both, 3).unwrap(), [4, 7, 8]);
        assert_eq!(can_open(&[1, 2, 3, 4, 7], both, 3), None);
    }

    #[test]
    fn what_is_found_is_what_all_would_open_whatever_was_opened() {
        // Eight seats, of which each has helped to open none, one or two of a few sums; a quarter are gone.
        let mut chance = 7_u64;
        let mut draw = |most: u64| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (chance >> 33) % most
        };
        let mut found = 0;
        for _ in 0..2_000 {
            let sums: Vec<BTreeSet<u32>> = (0..2).map(|_| (0..8).filter(|_| draw(5) > 0).collect()).collect();
            let opened: BTreeMap<u32, Vec<BTreeSet<u32>>> = (0..8)
                .map(|seat| (seat, sums.iter().filter(|sum| sum.contains(&seat) && draw(2) > 0).cloned().collect()))
                .collect();
            let here: BTreeSet<u32> = (0..8).filter(|_| draw(4) > 0).collect();
            let Some(sum) = who_can_open(&here, &opened, 3) else { continue };
            found += 1;
            assert!(sum.len() >= 3 && sum.is_subset(&here));
            for seat in &sum {
                let apart = opened[seat].iter().map(|before| before.symmetric_difference(&sum).count());
                assert!(apart.clone().all(|apart| apart == 0 || apart >= 3), "{seat} of {sum:?} after {opened:?}");
                assert!(apart.filter(|apart| *apart > 0).count() < 2, "{seat} of {sum:?} after {opened:?}");
            }
        }
        assert!(found > 1_000, "{found}");
    }
}
