//! Normalising: every client sends the sums of its features, and the coordinator adds them up. It happens once in the
//! life of a room, and again where the host wants that; who comes later takes the result as it is.

use std::collections::BTreeMap;

use protocol::{ClientId, ErrorCode, RoomConfig, ServerMessage};

use super::{PhaseState, Verdict};
use crate::Millis;
use crate::coordinator::{Action, ConnectionId, Coordinator, Turn};
use crate::normalisation::{Sums, standardisation};

/// What came in.
#[derive(Debug)]
pub(in crate::coordinator) struct Normalising {
    pub deadline: Millis,
    sums: BTreeMap<ClientId, Sums>,
}

impl Normalising {
    /// Clients whose sums are in.
    pub fn received(&self) -> u32 {
        self.sums.len() as u32
    }

    /// Bytes of a client's sums, where they are in.
    pub fn bytes_of(&self, id: ClientId) -> Option<usize> {
        self.sums.get(&id).map(Sums::bytes)
    }
}

impl Coordinator {
    pub(in crate::coordinator) fn begin_normalising(&mut self) {
        self.clients.reset_turns();
        self.phase = PhaseState::Normalising(Normalising { deadline: self.deadline(), sums: BTreeMap::new() });
        self.ask_all();
    }

    pub(super) fn ask_for_statistics(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let Some(connection) = client.connection else {
            return;
        };
        client.turn = Turn::Asked;
        self.send(connection, ServerMessage::StatisticsRequest { masked: None });
    }

    /// Adds a client's statistics, or tells it why they can't be right.
    pub(in crate::coordinator) fn take_statistics(
        &mut self,
        connection: ConnectionId,
        id: ClientId,
        frames: u64,
        sum: Vec<f64>,
        sum_squares: Vec<f64>,
    ) {
        let PhaseState::Normalising(state) = &mut self.phase else {
            return; // They were collected without this client, which is no fault of it.
        };
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if client.turn == Turn::Done {
            return; // It was asked twice, because the collection was abandoned meanwhile, and answers twice.
        }
        if client.turn != Turn::Asked {
            let message = "statistics were not asked for".to_owned();
            return self.error(connection, ErrorCode::OutOfOrder, message);
        }
        self.status_changed = true;
        let most = u64::from(RoomConfig::FRAMES) * u64::from(client.most_examples);
        match Sums::from_client(self.config.features as usize, most, frames, sum, sum_squares) {
            Ok(sums) => {
                client.turn = Turn::Done;
                state.sums.insert(id, sums);
            }
            Err(message) => {
                client.turn = Turn::GivenUp;
                self.error(connection, ErrorCode::Malformed, message);
            }
        }
    }

    /// Closes the collection of statistics with what is in.
    pub(in crate::coordinator) fn close_normalising(&mut self) {
        self.leave_normalising(Verdict::Close);
    }

    pub(super) fn leave_normalising(&mut self, verdict: Verdict) -> bool {
        let PhaseState::Normalising(state) = &self.phase else {
            return false;
        };
        let received = state.received();
        match verdict {
            Verdict::GoOn => false,
            Verdict::Close => {
                if self.led.is_some() {
                    let all = Sums::of_all(state.sums.values());
                    return all.inspect(|all| self.give_statistics(all)).is_some();
                }
                let sums: Vec<&Sums> = state.sums.values().collect();
                let Some((standardisation, distances)) = standardisation(&sums, self.config.influence_limit) else {
                    return false;
                };
                let distances: BTreeMap<_, _> = state.sums.keys().copied().zip(distances).collect();
                for client in self.clients.all.values_mut() {
                    client.statistics_distance = distances.get(&client.id).copied();
                }
                self.standardisation = Some(standardisation);
                self.renormalise = false;
                // Stored before anyone is told of it: every `round` carries it.
                self.identities_changed = false;
                self.actions.push_back(Action::Checkpoint { model: false });
                self.back_to_lobby();
                true
            }
            Verdict::Abandon => {
                let least = self.least();
                self.back_to_lobby();
                self.broadcast(ServerMessage::RoundAbandoned { round: None, received, least });
                true
            }
        }
    }
}
