//! What a room's thread lets the log and the metrics know of what happens in it. It decides nothing, and neither names
//! nor secrets pass through it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use federation::{Action, ConnectionId, Coordinator, Millis};
use protocol::{ClientId, RoomCode, Round, ServerMessage};

use crate::server::log::Few;
use crate::server::metrics::{self, Metrics};

/// One room's observer.
pub struct Watch {
    code: RoomCode,
    metrics: Arc<Metrics>,
    /// Who is behind a connection, from welcome on.
    clients: HashMap<ConnectionId, ClientId>,
    /// The open round, and when it was opened.
    open: Option<(Round, Millis)>,
    /// Rounds that are over.
    over: usize,
    refused_updates: Few,
    refused_clients: Few,
    slow_clients: Few,
    /// Clients whose training diverged.
    diverged: usize,
}

impl Watch {
    /// Of a room as it is now.
    pub fn new(room: &Coordinator, metrics: Arc<Metrics>) -> Self {
        let (code, open, over) = (room.config().code.clone(), room.round_under_way(), room.history().len());
        let lines = Few::new;
        let (refused_updates, refused_clients, slow_clients) = (lines(), lines(), lines());
        Self {
            code,
            metrics,
            clients: HashMap::new(),
            open,
            over,
            refused_updates,
            refused_clients,
            slow_clients,
            diverged: 0,
        }
    }

    /// Tells what changed through the event that was handled last, which took so long.
    pub fn look(&mut self, room: &Coordinator, took: Duration) {
        let (open, over) = (room.round_under_way(), room.history().len());
        if let Some(record) = room.history().last().filter(|_| over > self.over) {
            self.metrics.round_published(Duration::from_millis(record.duration_ms));
            self.metrics.aggregated(took);
            tracing::info!(
                room = %self.code,
                round = record.round.0,
                version = record.model_version.0,
                clients = record.clients,
                examples = record.examples,
                refused = record.refused,
                duration_ms = record.duration_ms,
                aggregation_ms = took.as_millis() as u64,
                "round closed"
            );
        } else if let Some((round, _)) = self.open.filter(|_| open != self.open && !room.is_led()) {
            self.metrics.round_abandoned();
            tracing::info!(room = %self.code, round = round.0, "round abandoned");
        }
        if let Some((round, _)) = open.filter(|_| open != self.open) {
            tracing::info!(room = %self.code, round = round.0, clients = self.clients.len(), "round opened");
        }
        (self.open, self.over) = (open, over);
        let diverged = room.diverged();
        if diverged > self.diverged {
            tracing::warn!(
                room = %self.code,
                version = room.model().version().0,
                clients = diverged,
                "training diverged: make a room with a smaller learning rate, or go back to an earlier version"
            );
        }
        self.diverged = diverged;
    }

    /// Counts what the room asks for.
    pub fn action(&mut self, action: &Action) {
        let Action::Send { connection, message } = action else { return };
        let client = self.clients.get(connection).map(|client| client.0);
        match message {
            ServerMessage::Welcome { client, .. } => {
                self.clients.insert(*connection, *client);
                tracing::debug!(room = %self.code, connection = connection.0, client = client.0, "client welcomed");
            }
            ServerMessage::Accepted { round } => {
                self.metrics.updates_accepted.inc();
                tracing::debug!(room = %self.code, round = round.0, client, "update accepted");
            }
            ServerMessage::Refused { reason, present_round, .. } => {
                let reason = metrics::name(reason);
                self.metrics.update_refused(&reason);
                if let Some(left_out) = self.refused_updates.allow() {
                    tracing::info!(room = %self.code, round = present_round.0, client, reason, left_out, "update refused");
                }
            }
            ServerMessage::Error { code, fatal: true, .. } => {
                let reason = metrics::name(code);
                if let Some(left_out) = self.refused_clients.allow() {
                    tracing::info!(room = %self.code, connection = connection.0, client, reason, left_out, "client refused");
                }
            }
            ServerMessage::Error { code, .. } => {
                let reason = metrics::name(code);
                tracing::debug!(room = %self.code, connection = connection.0, client, reason, "client told of an error");
            }
            _ => {}
        }
    }

    /// A connection is gone.
    pub fn gone(&mut self, connection: ConnectionId) {
        if let Some(client) = self.clients.remove(&connection) {
            tracing::debug!(room = %self.code, connection = connection.0, client = client.0, "client gone");
        }
    }

    /// A connection was given up because nothing was read on the other side.
    pub fn slow(&self, connection: ConnectionId) {
        self.metrics.slow_readers.inc();
        let client = self.clients.get(&connection).map(|client| client.0);
        if let Some(left_out) = self.slow_clients.allow() {
            tracing::info!(room = %self.code, connection = connection.0, client, left_out, "client dropped: it does not read");
        }
    }

    /// The room was stored, or that was tried.
    pub fn stored(&self, took: Duration, done: bool) {
        self.metrics.checkpoint(took, done);
    }
}
