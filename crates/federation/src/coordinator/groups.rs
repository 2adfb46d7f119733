//! In a room whose host named groups, how its finished model does with each of them. It is counted once: two counts over other people
//! would show by what they differ whose group is which. Until then nobody sees how the model does, and from then on nobody's group is
//! known here any more.

use std::collections::BTreeMap;

use protocol::{ByGroup, ClientId, Evaluation, GroupResult};
use serde::{Deserialize, Serialize};

use super::phase::PhaseState;
use super::{Client, Coordinator, HEARTBEAT_MS};
use crate::{groups, metrics};

/// Evaluations of the finished model are waited for so long, milliseconds.
pub(super) const EVALUATIONS_MS: u64 = 2 * HEARTBEAT_MS;

/// What clients told of their groups, and what is shown of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Groups {
    /// The group of each client that told one, until they are counted.
    told: BTreeMap<ClientId, u32>,
    /// In a room of edges, what each says of its own clients, until they are counted.
    edges: BTreeMap<ClientId, ByGroup>,
    /// Once they are counted: what everyone sees of each group, in the room's order.
    shown: Option<Vec<Option<GroupResult>>>,
}

impl Groups {
    /// Whether they are counted: what comes later is in no group.
    pub(super) fn are_counted(&self) -> bool {
        self.shown.is_some()
    }

    /// What everyone sees of each group, in the room's order; nothing before they are counted.
    pub fn shown(&self) -> &[Option<GroupResult>] {
        self.shown.as_deref().unwrap_or_default()
    }

    /// A client said how the finished model does, and what it is to be counted as.
    pub(super) fn note(&mut self, client: ClientId, group: Option<u32>, by_group: Option<ByGroup>) {
        if !self.are_counted() {
            self.told.extend(group.map(|group| (client, group)));
            self.edges.extend(by_group.map(|sums| (client, sums)));
        }
    }
}

impl Coordinator {
    /// Why a client cannot be counted as what it says, where it cannot.
    pub(super) fn problem_of_groups(
        &self,
        evaluation: &Evaluation,
        group: Option<u32>,
        by_group: Option<&ByGroup>,
    ) -> Option<&'static str> {
        let count = self.config.groups.len();
        if count == 0 && (group.is_some() || by_group.is_some()) {
            return Some("this room has no groups; leave group and by_group out");
        }
        let of_another_kind = if self.config.edges.is_some() { group.is_some() } else { by_group.is_some() };
        if of_another_kind {
            return Some("a client is in one group, and an edge says what its clients come to by group");
        }
        if group.is_some_and(|group| group as usize >= count) {
            return Some("the room has no such group; they are counted from 0");
        }
        let most = self.config.edges.map_or(0, |edges| edges.clients);
        if by_group.is_some_and(|sums| sums.groups.len() != count || !metrics::are_of(sums, evaluation, most)) {
            return Some("the groups' counts are not of the room's groups, or not part of the evaluation's");
        }
        None
    }

    /// Counts the groups once all who can say how the finished model does have said so, or in time. An edge's are the root's to count.
    pub(super) fn settle_groups(&mut self) {
        let nothing = self.config.groups.is_empty() || self.final_evaluations.is_empty();
        if nothing || self.groups.are_counted() || self.is_led() {
            return;
        }
        // Who has not said what it holds back may hold something back.
        let can_say = |client: &Client| client.most_examples == 0 || client.most_evaluated() > 0;
        let here = |client: &Client| client.connection.is_some() || client.taking_part;
        let missing = self.clients.all.values().any(|client| {
            client.contributed && here(client) && can_say(client) && !self.final_evaluations.contains_key(&client.id)
        });
        let now = self.now;
        let PhaseState::Finished(finished) = &mut self.phase else { return };
        let by = *finished.groups_by.get_or_insert(now + EVALUATIONS_MS);
        if missing && now < by {
            return;
        }
        finished.groups_by = None;
        let sums = self.sums_by_group();
        self.show_groups(Some(&sums));
    }

    /// What the clients' evaluations come to by group, without those of whom the host leaves out.
    pub(super) fn sums_by_group(&self) -> ByGroup {
        let counted = self.final_evaluations.iter().filter(|(client, _)| !self.left_out.contains(client));
        let (nobody, cap) = (ByGroup::of_nobody(&self.config), self.config.evaluation_cap());
        if self.config.edges.is_some() {
            let told = counted.map(|(client, evaluation)| (evaluation, self.groups.edges.get(client)));
            return metrics::by_group_of_edges(told, nobody, cap);
        }
        let told: Vec<(&Evaluation, Option<u32>)> =
            counted.map(|(client, evaluation)| (evaluation, self.groups.told.get(client).copied())).collect();
        metrics::by_group(&told, nobody, cap, self.config.influence_limit)
    }

    /// They are counted: everyone sees what may be seen, and who is in which is forgotten. Without sums nothing is seen.
    pub(super) fn show_groups(&mut self, sums: Option<&ByGroup>) {
        let nothing = || vec![None; self.config.groups.len()];
        let shown = Some(sums.map_or_else(nothing, groups::shown));
        self.groups = Groups { shown, ..Groups::default() };
        self.status_changed = true;
        self.identities_changed = true;
    }
}
