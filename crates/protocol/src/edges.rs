//! A room whose clients are edges: servers with clients of their own, each of which sends one sum a round for all of them. Which
//! rooms can be so, and what one edge may say; the rules are `federation`'s.

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_CLIENTS, MAX_EDGE_CLIENTS, MIN_MASKED_CLIENTS};
use crate::parse::check_range;
use crate::{Aggregation, FinalModel, Hex, Masking, ProtocolError, RoomConfig};

/// A room of edges. Its settings are those of each edge's own room as well, where they are about one client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edges {
    /// Clients that one edge may stand for, 1 to 10,000.
    pub clients: u32,
    /// SHA-256 of the edges' key, by which the room knows them: whoever has no key cannot say to be thousands.
    pub key: Hex<32>,
    /// How each edge's own clients mask their updates; left out: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masking: Option<Masking>,
}

impl Edges {
    /// Refuses a room in which sums of several clients would not give what each client's update gives, with the reason.
    pub(crate) fn check(&self, room: &RoomConfig) -> Result<(), ProtocolError> {
        let refuse = |field, problem: &str| Err(ProtocolError::invalid(field, problem));
        check_range("edges.clients", self.clients, 1..=MAX_EDGE_CLIENTS)?;
        if room.aggregation.keeps_updates() {
            let problem = "it needs every client's update at once, and an edge sends one sum of many; choose mean, or clipping with \
                           a norm of your own";
            return refuse("aggregation", problem);
        }
        debug_assert!(matches!(room.aggregation, Aggregation::Mean | Aggregation::Clipping { norm: Some(_) }));
        if room.influence_limit.is_some() {
            let problem = "the middle of all clients is not known where edges send sums; leave it out";
            return refuse("influence_limit", problem);
        }
        if !room.pace.is_synchronous() {
            return refuse("pace", "an edge gives one sum a round; choose synchronous rounds");
        }
        if !room.selection.is_all() {
            return refuse("selection", "an edge asks all of its clients; leave it out");
        }
        if room.goal != 0 {
            return refuse("goal", "a round takes all edges; leave it 0");
        }
        if room.noise.is_some() {
            return refuse(
                "noise",
                "it is counted for one sum, and here are as many as edges; choose a room without edges",
            );
        }
        if room.masking.is_some() {
            return refuse(
                "masking",
                "an edge's sum is masked by no other; choose the masks of the edges' own rooms, in edges.masking",
            );
        }
        // What masks do not go with in any room, they do not in an edge's.
        if let Some(masking) = self.masking {
            masking.check(&RoomConfig { least: MIN_MASKED_CLIENTS as u32, ..self.below(room) })?;
        }
        Ok(())
    }

    /// The room that an edge of this one keeps for its own clients: the same, but for who is in it, and that its models are the root's.
    fn below(&self, room: &RoomConfig) -> RoomConfig {
        let most = self.masking.map_or(MAX_CLIENTS, |masking| masking.encoding.most_clients() as u32);
        let least = if self.masking.is_some() { MIN_MASKED_CLIENTS as u32 } else { 1 };
        let max_clients = self.clients.min(most).max(least);
        let final_model = FinalModel::Last;
        RoomConfig { edges: None, masking: self.masking, final_model, least, max_clients, ..room.clone() }
    }
}

impl RoomConfig {
    /// The room that each edge of this one keeps for its own clients, with the fewest and the most of them that there may be;
    /// `None`: this is no room of edges.
    pub fn of_edge(&self) -> Option<RoomConfig> {
        self.edges.map(|edges| edges.below(self))
    }

    /// Most examples that one evaluation counts with here: a client's, or those of all for whom an edge may stand.
    pub fn evaluation_cap(&self) -> u32 {
        self.weight_cap.saturating_mul(self.edges.map_or(1, |edges| edges.clients))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adversary, Encoding, MaskedEncoding, Noise, Pace, RoomCode, Selection, Stragglers, Strategy};

    fn room(change: impl Fn(&mut RoomConfig)) -> Result<(), String> {
        let labels = vec!["no".to_owned(), "yes".to_owned()];
        let mut room = RoomConfig::new(RoomCode::from_random(1), "compact", 100, labels);
        room.edges = Some(Edges { clients: 200, key: Hex([7; 32]), masking: None });
        change(&mut room);
        room.check().map_err(|error| error.to_string())
    }

    fn masks(server: Adversary) -> Option<Masking> {
        Some(Masking { server, encoding: MaskedEncoding::Masked32, clip: 1.0 })
    }

    #[test]
    fn what_needs_every_client_is_refused_in_a_room_of_edges_with_the_reason() {
        assert_eq!(room(|_| ()), Ok(()));
        let begins = |change: fn(&mut RoomConfig), field: &str| {
            let refused = room(change).unwrap_err();
            assert!(refused.starts_with(field), "{refused}");
        };
        begins(|room| room.aggregation = Aggregation::Median, "aggregation");
        begins(|room| room.aggregation = Aggregation::TrimmedMean { trim: 0.2 }, "aggregation");
        begins(|room| (room.aggregation, room.least) = (Aggregation::Krum { faulty: 1 }, 5), "aggregation");
        begins(|room| room.aggregation = Aggregation::Clipping { norm: None }, "aggregation");
        begins(|room| room.influence_limit = Some(1.5), "influence_limit");
        begins(|room| room.pace = Pace::asynchronous(3), "pace");
        begins(|room| room.selection = Selection::Number { clients: 3, over_selection: 1.0 }, "selection");
        begins(|room| room.goal = 3, "goal");
        begins(|room| (room.masking, room.least) = (masks(Adversary::Active), 3), "masking");
        begins(
            |room| {
                let hides = crate::Hides::Person;
                room.noise = Some(Noise { hides, clip: 1.0, multiplier: 1.0, clients: 9, epsilon: 8.0, delta: 1.0e-5 });
            },
            "noise",
        );
        for clients in [0, MAX_EDGE_CLIENTS + 1] {
            let edges = Some(Edges { clients, key: Hex([7; 32]), masking: None });
            assert!(room(|room| room.edges = edges).unwrap_err().starts_with("edges.clients"), "{clients}");
        }
        // A limit of one's own is each edge's to keep, client by client.
        assert_eq!(room(|room| room.aggregation = Aggregation::Clipping { norm: Some(1.0) }), Ok(()));
        assert_eq!(room(|room| room.stragglers = Stragglers::FewerSteps), Ok(()));
    }

    #[test]
    fn masks_are_those_of_the_edges_own_rooms_and_refuse_what_they_do_everywhere() {
        let masked = |change: fn(&mut RoomConfig)| {
            room(|room| {
                let Some(edges) = &mut room.edges else { return };
                edges.masking = masks(Adversary::Curious);
                change(room);
            })
        };
        assert_eq!(masked(|_| ()), Ok(()));
        assert!(masked(|room| room.encoding = Encoding::Q8).unwrap_err().starts_with("encoding"));
        assert!(masked(|room| room.stragglers = Stragglers::FewerSteps).unwrap_err().starts_with("stragglers"));
        let scaffold = masked(|room| {
            room.strategy = Strategy::Scaffold { server_learning_rate: 1.0 };
            room.training.optimiser = crate::Optimiser::Sgd;
        });
        assert!(scaffold.unwrap_err().starts_with("strategy"));
    }

    #[test]
    fn an_edges_own_room_is_the_same_but_for_who_is_in_it() {
        let labels = vec!["no".to_owned(), "yes".to_owned()];
        let root = RoomConfig::new(RoomCode::from_random(1), "compact", 100, labels);
        assert_eq!(root.of_edge(), None);
        let edges = |masking| Some(Edges { clients: 5_000, key: Hex([7; 32]), masking });
        let plain = RoomConfig { edges: edges(None), ..root.clone() }.of_edge().unwrap();
        assert_eq!(plain, RoomConfig { least: 1, max_clients: MAX_CLIENTS, ..root.clone() });
        let masking = masks(Adversary::Active);
        let masked = RoomConfig { edges: edges(masking), ..root.clone() }.of_edge().unwrap();
        assert_eq!(masked, RoomConfig { masking, least: 3, max_clients: 200, ..root.clone() });
        assert_eq!(masked.check(), Ok(()));
        assert_eq!(
            (plain.evaluation_cap(), RoomConfig { edges: edges(None), ..root }.evaluation_cap()),
            (1_000, 5_000_000)
        );
    }
}
