//! What everyone is told about the room, no more often than a page can use.

use std::collections::BTreeSet;

use protocol::limits::MAX_STATUS_CLIENTS;
use protocol::{ClientId, ClientState, ClientSummary, Phase, Round, ServerMessage, Status, change_clients};

use super::{
    Action, Client, ConnectionId, Coordinator, HEARTBEAT_MS, PhaseState, STATUS_EVERY_MS, STATUS_EVERY_MS_A_CLIENT,
    Turn,
};
use crate::Millis;

/// Rooms of fewer are told everything again, which is little.
const LARGE: usize = 32;
/// A client whose training has come further by less than this has not changed.
const NOTED_FRACTION: f32 = 0.1;
/// Nor one that is waited for less long by less than this.
const NOTED_WAIT_MS: u64 = 1_000;

/// What everyone who was told of the clients knows of them.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// As they were when all were told last; in the order of their numbers.
    clients: Vec<ClientSummary>,
    /// Those of whom somebody has heard otherwise since, in a `welcome`.
    otherwise: BTreeSet<ClientId>,
}

impl Told {
    /// Somebody alone was told of all these.
    pub(super) fn also(&mut self, clients: &[ClientSummary]) {
        let (changed, gone) = self.changes(clients);
        let changed: Vec<ClientId> = changed.into_iter().map(|client| client.client).collect();
        self.otherwise.extend(changed.into_iter().chain(gone));
    }

    /// Who differs from what is known, and who is not there any more.
    fn changes(&self, clients: &[ClientSummary]) -> (Vec<ClientSummary>, Vec<ClientId>) {
        let known = |id: ClientId| self.clients.binary_search_by_key(&id, |client| client.client);
        let differs = |client: &&ClientSummary| match known(client.client) {
            Ok(at) => self.otherwise.contains(&client.client) || !is_as(client, &self.clients[at]),
            Err(_) => true,
        };
        let is_gone = |id: &ClientId| clients.binary_search_by_key(id, |client| client.client).is_err();
        let known_once: BTreeSet<ClientId> =
            self.clients.iter().map(|client| client.client).chain(self.otherwise.iter().copied()).collect();
        (clients.iter().filter(differs).cloned().collect(), known_once.into_iter().filter(is_gone).collect())
    }

    /// Everybody was told that these have changed, and that those are gone.
    fn all(&mut self, changed: Vec<ClientSummary>, gone: &[ClientId]) {
        self.otherwise.clear();
        change_clients(&mut self.clients, changed, gone);
    }
}

/// Whether there is nothing new in what is said of a client.
fn is_as(client: &ClientSummary, known: &ClientSummary) -> bool {
    let near = |now: Option<f32>, then: Option<f32>| match (now, then) {
        (Some(now), Some(then)) => (now - then).abs() < NOTED_FRACTION,
        (now, then) => now == then,
    };
    let soon = |now: Option<u64>, then: Option<u64>| match (now, then) {
        (Some(now), Some(then)) => now.abs_diff(then) < NOTED_WAIT_MS,
        (now, then) => now == then,
    };
    let rest = ClientSummary { fraction: known.fraction, waited_ms: known.waited_ms, ..client.clone() };
    near(client.fraction, known.fraction) && soon(client.waited_ms, known.waited_ms) && rest == *known
}

/// What a room holds for its clients at a moment: for monitoring, and to check that it stays bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Connections, with and without `hello`.
    pub connections: usize,
    /// Clients that are remembered.
    pub identities: usize,
    /// Bytes of buffers for updates being received.
    pub upload_bytes: usize,
    /// Updates being received.
    pub uploads: usize,
    /// Announced updates waiting in line.
    pub waiting: usize,
}

impl Coordinator {
    /// What the room holds at this moment.
    pub fn load(&self) -> Load {
        let (upload_bytes, uploads, waiting) = match &self.phase {
            PhaseState::Collecting(state) => state.uploads.load(),
            _ => (0, 0, 0),
        };
        Load {
            connections: self.clients.sessions.len(),
            identities: self.clients.all.len(),
            upload_bytes,
            uploads,
            waiting,
        }
    }

    /// The open round, and when it was opened; none outside of collecting.
    pub fn round_under_way(&self) -> Option<(Round, Millis)> {
        match &self.phase {
            PhaseState::Collecting(state) if !state.collects_statistics() => Some((self.present_round(), state.opened)),
            _ => None,
        }
    }

    /// Where the room is at `now`.
    pub fn status(&self, now: Millis) -> Status {
        let clients = &self.clients;
        let taking_part = clients.all.values().filter(|client| client.taking_part).count() as u32;
        let (phase, received, deadline) = match &self.phase {
            PhaseState::Lobby => (Phase::Lobby, 0, None),
            PhaseState::Normalising(state) => (Phase::Normalising, state.received(), Some(state.deadline)),
            PhaseState::Collecting(state) => {
                let phase = if state.collects_statistics() { Phase::Normalising } else { Phase::Collecting };
                (phase, state.received(), Some(state.deadline))
            }
            PhaseState::Finished(_) => (Phase::Finished, 0, None),
        };
        Status {
            phase,
            round: self.present_round(),
            rounds: self.config.rounds,
            model_version: self.model.version(),
            connected: clients.connected().count() as u32,
            ready: clients.ready().count() as u32,
            goal: if self.goal() > 0 { self.goal() } else { taking_part.max(self.least()) },
            least: self.least(),
            received,
            deadline_ms: deadline.map(|deadline| deadline.since(now)),
            paused: self.paused,
            locked: self.locked,
            held: false,
            singles_out: matches!(self.phase, PhaseState::Lobby)
                && self.openers.are_none()
                && clients.ready().count() as u32 >= self.least(),
            bytes_up: self.bytes_up,
            bytes_down: self.bytes_down,
            clients: self.summaries(now),
            final_evaluation: self.final_evaluation(),
            final_groups: self.groups.shown().to_vec(),
            budget: self
                .noise
                .as_ref()
                .map(|noise| noise.budget(self.config.rounds.saturating_sub(self.model.version().0))),
        }
    }

    /// Everyone who is here or waited for, in the order they came; where that is more than may be told of, those who are here.
    fn summaries(&self, now: Millis) -> Vec<ClientSummary> {
        let all = self.clients.all.values();
        let here = all.clone().filter(|client| client.connection.is_some()).count();
        let mut lost = MAX_STATUS_CLIENTS.saturating_sub(here);
        let told_of = all.filter(|client| {
            let waited_for = client.connection.is_none() && client.taking_part && lost > 0;
            lost -= usize::from(waited_for);
            client.connection.is_some() || waited_for
        });
        told_of.map(|client| self.summary(client, now)).collect()
    }

    /// How many of those who are connected stopped because their training diverged.
    pub fn diverged(&self) -> usize {
        self.clients.connected().filter(|(client, _)| client.diverged).count()
    }

    fn summary(&self, client: &Client, now: Millis) -> ClientSummary {
        let (state, fraction) = self.state(client);
        ClientSummary {
            client: client.id,
            name: client.name.clone(),
            state,
            fraction,
            passed_over: state == ClientState::Ready && !self.is_wanted(client.id),
            examples: client.examples,
            labels: client.labels.clone(),
            behind: self.config.edges.map(|_| if client.taking_part { client.behind } else { 0 }),
            agreement: client.agreement,
            update_norm: client.update_norm,
            waited_ms: client.connection.is_none().then(|| (client.lost_at + self.config.grace_ms).since(now)),
            diverged: client.diverged,
        }
    }

    fn state(&self, client: &Client) -> (ClientState, Option<f32>) {
        if client.connection.is_none() {
            return (ClientState::Offline, None);
        }
        let idle = if client.recording { ClientState::Recording } else { ClientState::Ready };
        if !client.taking_part {
            return (if client.recording { ClientState::Recording } else { ClientState::Watching }, None);
        }
        match (&self.phase, client.turn) {
            (PhaseState::Normalising(_), Turn::Asked) => (ClientState::Normalising, None),
            (PhaseState::Collecting(state), Turn::Asked) if state.collects_statistics() => {
                (ClientState::Normalising, None)
            }
            (PhaseState::Collecting(state), Turn::Asked) => match state.uploads.state_of(client.id) {
                Some(Some(fraction)) => (ClientState::Uploading, Some(fraction)),
                Some(None) => (ClientState::Waiting, None),
                None => (ClientState::Training, client.fraction),
            },
            (PhaseState::Collecting(_), Turn::Done) => (ClientState::Accepted, None),
            (PhaseState::Finished(_), _) => (idle, None),
            (_, Turn::GivenUp) => (ClientState::Refused, None),
            _ => (idle, None),
        }
    }

    /// The shortest time between two statuses, milliseconds.
    pub(super) fn status_every_ms(&self) -> u64 {
        (STATUS_EVERY_MS_A_CLIENT * self.clients.sessions.len() as u64).clamp(STATUS_EVERY_MS, HEARTBEAT_MS)
    }

    /// Sends what changed, unless it was sent a moment ago; and a sign of life now and then.
    pub(super) fn send_status(&mut self) {
        let since = self.now.since(self.status_sent);
        let due = if self.status_changed { since >= self.status_every_ms() } else { since >= HEARTBEAT_MS };
        if !due && self.status_sent != Millis(0) {
            return;
        }
        if self.identities_changed {
            self.identities_changed = false;
            self.actions.push_back(Action::Checkpoint { model: false });
        }
        if self.clients.connected().next().is_some() {
            let mut status = self.status(self.now);
            let (changed, gone) = self.told.changes(&status.clients);
            let large = status.clients.len() >= LARGE;
            let understands = |connection: &ConnectionId| {
                large && self.clients.sessions.get(connection).is_some_and(|session| session.status_changes)
            };
            let connections = self.clients.connected().map(|(_, connection)| connection);
            let (some, others): (Vec<ConnectionId>, Vec<ConnectionId>) = connections.partition(understands);
            self.told.all(changed.clone(), &gone);
            if !others.is_empty() {
                self.send_to_all(others, ServerMessage::Status(status.clone()));
            }
            status.clients = changed;
            self.send_to_all(some, ServerMessage::StatusChanges { status, gone });
        }
        self.status_changed = false;
        self.status_sent = self.now;
    }
}
