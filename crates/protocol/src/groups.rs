//! Groups of people that a room's host names, so that all can see whether its finished model does equally well for each of them. Which
//! names there may be, and what may be said of a group; what is shown of it is `federation`'s.

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_EDGE_CLIENTS, MAX_GROUPS, MAX_LABELS, MIN_GROUPS, MIN_LABELS};
use crate::parse::{check_name, check_range};
use crate::{ProtocolError, RoomConfig};

/// How a model does with the people of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupResult {
    /// Clients that said to be in it, and how the model does.
    pub clients: u32,
    /// Examples evaluated.
    pub examples: u32,
    /// Counts by true label (row) and found label (column); they add up to `examples`.
    pub confusion: Vec<Vec<u32>>,
}

/// What several clients' results come to by group: what an edge says of all of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByGroup {
    /// Of each group, in the room's order; zeros where nobody is in it.
    pub groups: Vec<GroupResult>,
    /// Clients that said how the model does, and no group.
    pub others: u32,
}

impl GroupResult {
    /// Of nobody, in a room of so many labels.
    pub fn of_nobody(labels: usize) -> GroupResult {
        GroupResult { clients: 0, examples: 0, confusion: vec![vec![0; labels]; labels] }
    }

    pub(crate) fn check(&self) -> Result<(), ProtocolError> {
        let refuse = |problem: String| Err(ProtocolError::invalid("groups", problem));
        let labels = self.confusion.len();
        check_range("groups", labels, MIN_LABELS..=MAX_LABELS)?;
        if self.confusion.iter().any(|row| row.len() != labels) {
            return refuse("a confusion must have as many columns as rows".to_owned());
        }
        if self.clients > self.examples || (self.clients == 0 && self.examples > 0) {
            return refuse(format!("{} clients did not evaluate {} examples", self.clients, self.examples));
        }
        let counted: u64 = self.confusion.iter().flatten().map(|&count| u64::from(count)).sum();
        if counted != u64::from(self.examples) {
            return refuse(format!("its counts add up to {counted}, not to the {} examples", self.examples));
        }
        Ok(())
    }
}

impl ByGroup {
    /// Of nobody, in such a room.
    pub fn of_nobody(room: &RoomConfig) -> ByGroup {
        ByGroup { groups: vec![GroupResult::of_nobody(room.labels.len()); room.groups.len()], others: 0 }
    }

    pub(crate) fn check(&self) -> Result<(), ProtocolError> {
        check_range("groups", self.groups.len(), MIN_GROUPS..=MAX_GROUPS)?;
        self.groups.iter().try_for_each(GroupResult::check)?;
        let clients = self.groups.iter().map(|group| group.clients).fold(self.others, u32::saturating_add);
        check_range("by_group", clients, 1..=MAX_EDGE_CLIENTS)
    }
}

/// Refuses groups that no room may have.
pub(crate) fn check(room: &RoomConfig) -> Result<(), ProtocolError> {
    let refuse = |problem: String| Err(ProtocolError::invalid("groups", problem));
    if room.groups.is_empty() {
        return Ok(());
    }
    check_range("groups", room.groups.len(), MIN_GROUPS..=MAX_GROUPS)?;
    for (index, group) in room.groups.iter().enumerate() {
        check_name("groups", group)?;
        if room.groups[..index].contains(group) {
            return refuse(format!("{group:?} stands there twice"));
        }
    }
    if room.noise.is_some() {
        let problem = "a room with noise asks nobody how its model does, and so has nothing by group; leave them out, or the noise";
        return refuse(problem.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hides, Noise, RoomCode};

    fn with(groups: &[&str], change: impl Fn(&mut RoomConfig)) -> Result<(), String> {
        let labels = vec!["no".to_owned(), "yes".to_owned()];
        let mut room = RoomConfig::new(RoomCode::from_random(1), "compact", 100, labels);
        room.groups = groups.iter().map(|&group| group.to_owned()).collect();
        change(&mut room);
        room.check().map_err(|error| error.to_string())
    }

    #[test]
    fn groups_are_bounded_like_labels() {
        let eight = ["a", "b", "c", "d", "e", "f", "g", "h"];
        for good in [&[][..], &["German at home", "another language"], &eight] {
            assert_eq!(with(good, |_| ()), Ok(()));
        }
        for (bad, why) in [
            (&["alone"][..], "between 2 and 8"),
            (&[eight.as_slice(), &["i"]].concat(), "between 2 and 8"),
            (&["headset", "headset"], "twice"),
            (&["headset", " \u{2003}"], "blank"),
            (&["headset", ""], "blank"),
            (&["head\nset", "laptop"], "control characters"),
            (&["head\u{202e}set", "laptop"], "control characters"),
            (&["x".repeat(41).as_str(), "laptop"], "more than 40"),
        ] {
            let refused = with(bad, |_| ()).unwrap_err();
            assert!(refused.starts_with("groups") && refused.contains(why), "{bad:?}: {refused}");
        }
        let noise = Noise { hides: Hides::Person, clip: 1.0, multiplier: 1.0, clients: 9, epsilon: 8.0, delta: 1.0e-5 };
        let refused = with(&["a", "b"], |room| room.noise = Some(noise)).unwrap_err();
        assert!(refused.starts_with("groups") && refused.contains("noise"), "{refused}");
    }

    #[test]
    fn a_result_has_the_counts_that_it_says() {
        let good = GroupResult { clients: 2, examples: 4, confusion: vec![vec![1, 1], vec![0, 2]] };
        assert_eq!((good.check(), GroupResult::of_nobody(2).check()), (Ok(()), Ok(())));
        for wrong in [
            GroupResult { examples: 5, ..good.clone() },
            GroupResult { clients: 0, ..good.clone() },
            GroupResult { clients: 5, ..good.clone() },
            GroupResult { confusion: vec![vec![4]], ..good.clone() },
            GroupResult { confusion: vec![vec![1, 1], vec![2]], ..good.clone() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
        let all = |groups, others| ByGroup { groups, others }.check();
        assert_eq!(all(vec![good.clone(), GroupResult::of_nobody(2)], 1), Ok(()));
        assert!(all(vec![good.clone()], 1).is_err() && all(vec![good.clone(); 9], 1).is_err());
        assert!(
            all(vec![GroupResult::of_nobody(2); 2], 0).is_err() && all(vec![good; 2], MAX_EDGE_CLIENTS - 3).is_err()
        );
    }
}
