//! What everyone may see of how a model does with groups of people: nothing by which one or two of them could be told apart.

use protocol::{ByGroup, GroupResult};

/// Fewest clients of whom a sum is shown.
const LEAST: u32 = 3;

/// What is shown of each group, in the room's order. The sum of all is known as well, so that what is not shown, together with those who
/// told no group, is the rest that is left of it. A group is shown
///
/// - of [`LEAST`] clients or more,
/// - where that rest is of nobody or of [`LEAST`] clients or more: else the smallest group that could be shown is left to it, of equal
///   ones the last, which is enough,
/// - and where not all are in it, for then it would say of each of them in which group they are.
pub(crate) fn shown(all: &ByGroup) -> Vec<Option<GroupResult>> {
    let everyone = all.others + all.groups.iter().map(|group| group.clients).sum::<u32>();
    let large = |group: &GroupResult| group.clients >= LEAST && group.clients < everyone;
    let mut shown: Vec<Option<GroupResult>> =
        all.groups.iter().map(|group| large(group).then(|| group.clone())).collect();
    let rest = everyone - shown.iter().flatten().map(|group| group.clients).sum::<u32>();
    if (1..LEAST).contains(&rest) {
        let groups = shown.iter_mut().rev().filter(|group| group.is_some());
        if let Some(smallest) = groups.min_by_key(|group| group.as_ref().map(|group| group.clients)) {
            *smallest = None;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clients of the groups that are shown, where so many are in each, and so many in none.
    fn clients(groups: &[u32], others: u32) -> Vec<Option<u32>> {
        let group = |&clients| GroupResult { clients, ..GroupResult::of_nobody(2) };
        let all = ByGroup { groups: groups.iter().map(group).collect(), others };
        shown(&all).into_iter().map(|group| group.map(|group| group.clients)).collect()
    }

    #[test]
    fn a_group_is_shown_from_three_clients_on() {
        assert_eq!(clients(&[3, 4], 0), [Some(3), Some(4)]);
        assert_eq!(clients(&[5, 2, 1], 0), [Some(5), None, None]);
        assert_eq!(clients(&[2, 2], 9), [None, None]);
        assert_eq!(clients(&[3, 0], 3), [Some(3), None]);
        assert_eq!(clients(&[0, 0], 0), [None, None]);
    }

    #[test]
    fn a_small_group_is_not_what_is_left_of_all() {
        // Two are the total less the five and the four: the four are kept back with them.
        assert_eq!(clients(&[5, 4, 2], 0), [Some(5), None, None]);
        assert_eq!(clients(&[5, 4, 2], 1), [Some(5), Some(4), None]);
        // Nor is somebody who told no group.
        assert_eq!(clients(&[4, 4, 6], 1), [Some(4), None, Some(6)]);
        assert_eq!(clients(&[6, 2], 0), [None, None]);
    }

    #[test]
    fn a_group_of_all_is_not_shown() {
        assert_eq!(clients(&[7, 0], 0), [None, None]);
        assert_eq!(clients(&[7, 0], 3), [Some(7), None]);
    }

    /// However many are in four groups and in none, nothing that is shown is of one or two, nor is what it leaves of the sum of all.
    #[test]
    fn nothing_of_one_or_two_can_be_reckoned() {
        for code in 0..7_u32.pow(5) {
            let count = |place: u32| code / 7_u32.pow(place) % 7;
            let (groups, others) = ([0, 1, 2, 3].map(count), count(4));
            let shown = clients(&groups, others);
            let of_shown: u32 = shown.iter().flatten().sum();
            let rest = groups.iter().sum::<u32>() + others - of_shown;
            assert!(shown.iter().flatten().all(|&clients| clients >= 3), "{groups:?} {others}: {shown:?}");
            assert!(rest == 0 || rest >= 3 || of_shown == 0, "{groups:?} {others}: {shown:?}");
            // Not more is kept back than has to be: of the large ones one at most, but where one has all.
            let large = groups.iter().filter(|&&clients| clients >= 3).count();
            assert!(shown.iter().flatten().count() + 1 >= large, "{groups:?} {others}: {shown:?}");
        }
    }
}
