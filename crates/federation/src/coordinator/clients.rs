//! Who is in the room: connections, the identities behind them, and the tokens by which an identity comes back.
//!
//! Bounded: at most twice `max_clients` connections (half of them without a `hello` yet), and at most four times
//! `max_clients` identities, of which the longest absent are forgotten first.

use std::collections::{BTreeMap, HashMap};

use protocol::{ClientId, ModelVersion, RoomConfig, Token, TransferId};

use super::ConnectionId;
use crate::Millis;

/// How many absent identities are kept for each client that may be connected.
const IDENTITIES_PER_CLIENT: usize = 4;

/// Whether a client's turn in the present phase has come, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It was asked for nothing yet.
    None,
    /// For statistics or an update.
    Asked,
    /// And its answer is in.
    Done,
    /// And its answers were refused: nothing more is waited for.
    GivenUp,
}

/// One identity.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub id: ClientId,
    pub token: Token,
    pub name: String,
    /// `None`: its connection was lost, at the time that stands in `lost_at`.
    pub connection: Option<ConnectionId>,
    pub lost_at: Millis,
    pub taking_part: bool,
    pub examples: u32,
    /// The most that it ever said to have: an update may have been trained before some were removed.
    pub most_examples: u32,
    /// The most that it ever said to hold back; `None`: it said nothing of that.
    pub most_held_back: Option<u32>,
    pub labels: Vec<u32>,
    /// In a room of edges, the clients that it stands for, the most that it said.
    pub edge: Option<u32>,
    /// And those that it said last.
    pub behind: u32,
    /// How long a step of its training takes, milliseconds, as it says.
    pub step_ms: Option<u32>,
    pub turn: Turn,
    /// Whether it stopped because its training diverged.
    pub diverged: bool,
    /// How far it says to have come with training, 0 to 1.
    pub fraction: Option<f32>,
    /// Updates refused in this round.
    pub refusals: u32,
    /// Downloads of the present version.
    pub downloads: u32,
    /// Whether an update of it is in a round that is over.
    pub contributed: bool,
    /// How far its features' statistics lie from the middle of all clients', in deviations.
    pub statistics_distance: Option<f32>,
    /// Whether it says that a clip is being recorded.
    pub recording: bool,
    /// Whether the host put it out.
    pub removed: bool,
    /// Whether the host gave it its name.
    pub named_by_host: bool,
    /// How far its last update pointed where the others' did, a cosine.
    pub agreement: Option<f32>,
    /// The L2 norm of that update.
    pub update_norm: Option<f32>,
    /// In an asynchronous room, the version that its last accepted update started from.
    pub given: Option<ModelVersion>,
    /// Where rounds ask only some: how often it was asked of late and gave nothing.
    pub failures: u32,
    /// And how many rounds it was ready for since it was asked.
    pub passed_over: u32,
}

impl Client {
    pub(crate) fn new(id: ClientId, token: Token, name: String) -> Client {
        Client {
            id,
            token,
            name,
            connection: None,
            lost_at: Millis(0),
            taking_part: false,
            examples: 0,
            most_examples: 0,
            most_held_back: None,
            labels: Vec::new(),
            edge: None,
            behind: 0,
            step_ms: None,
            turn: Turn::None,
            diverged: false,
            fraction: None,
            refusals: 0,
            downloads: 0,
            contributed: false,
            statistics_distance: None,
            recording: false,
            removed: false,
            named_by_host: false,
            agreement: None,
            update_norm: None,
            given: None,
            failures: 0,
            passed_over: 0,
        }
    }

    /// Clients that it stands for: itself, or all of an edge.
    pub(crate) fn stands_for(&self) -> u32 {
        self.edge.unwrap_or(1)
    }

    /// Whether the present phase waits for it.
    pub(crate) fn is_missing(&self) -> bool {
        self.taking_part && matches!(self.turn, Turn::None | Turn::Asked)
    }
}

/// One connection: who speaks on it, and how it behaved.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// `None` until `hello`.
    pub client: Option<ClientId>,
    pub fresh_token: Token,
    /// Whether it understands what changed, in place of a whole status.
    pub status_changes: bool,
    /// When `hello` is due.
    pub hello_by: Millis,
    /// Messages and frames that were wrong.
    pub errors: u32,
    /// The last upload that was ended before its end: chunks of it may still be on their way.
    pub ended: Option<TransferId>,
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(super) all: BTreeMap<ClientId, Client>,
    pub(super) sessions: BTreeMap<ConnectionId, Session>,
    tokens: HashMap<Token, ClientId>,
    pub(super) next: u32,
    most: usize,
}

impl Clients {
    pub(crate) fn new(config: &RoomConfig) -> Clients {
        Clients {
            all: BTreeMap::new(),
            sessions: BTreeMap::new(),
            tokens: HashMap::new(),
            next: 1,
            most: config.max_clients as usize,
        }
    }

    /// Whether one more connection without `hello` may be kept.
    pub(crate) fn may_connect(&self) -> bool {
        self.sessions.values().filter(|session| session.client.is_none()).count() < self.most
    }

    /// The identity behind a token.
    pub(crate) fn known(&self, token: &Token) -> Option<ClientId> {
        self.tokens.get(token).copied()
    }

    /// The connection of an identity that has one.
    pub(crate) fn connection_of(&self, id: ClientId) -> Option<ConnectionId> {
        self.all.get(&id)?.connection
    }

    /// A new identity, or `None` where the room is full.
    pub(crate) fn admit(&mut self, token: Token, name: Option<String>) -> Option<ClientId> {
        if self.connected().count() >= self.most {
            return None;
        }
        if self.all.len() >= self.most * IDENTITIES_PER_CLIENT {
            let longest_absent = self
                .all
                .values()
                .filter(|client| client.connection.is_none())
                // One that was put out, or whose update is in, is remembered as long as there is room: forgotten, it could come
                // in again, though it would have to wait for the next round.
                .min_by_key(|client| (client.removed, client.turn == Turn::Done, client.lost_at))?
                .id;
            self.forget(longest_absent);
        }
        let id = ClientId(self.next);
        self.next += 1;
        let name = name.unwrap_or_else(|| format!("Client {id}"));
        self.insert(Client::new(id, token, name));
        Some(id)
    }

    /// Whether an absent identity may come back: not where the room filled up meanwhile.
    pub(crate) fn may_return(&self, id: ClientId) -> bool {
        self.connection_of(id).is_some() || self.connected().count() < self.most
    }

    pub(crate) fn insert(&mut self, client: Client) {
        self.tokens.insert(client.token.clone(), client.id);
        self.all.insert(client.id, client);
    }

    pub(crate) fn forget(&mut self, id: ClientId) {
        if let Some(client) = self.all.remove(&id) {
            self.tokens.remove(&client.token);
        }
    }

    pub(crate) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.all.get_mut(&id)
    }

    /// Clients with a connection, with it.
    pub(crate) fn connected(&self) -> impl Iterator<Item = (&Client, ConnectionId)> {
        self.all.values().filter_map(|client| Some((client, client.connection?)))
    }

    /// Clients that take part and are connected, with their connections.
    pub(crate) fn ready(&self) -> impl Iterator<Item = (&Client, ConnectionId)> {
        self.connected().filter(|(client, _)| client.taking_part)
    }

    /// Nobody has been asked for anything any more.
    pub(crate) fn reset_turns(&mut self) {
        for client in self.all.values_mut() {
            client.turn = Turn::None;
            client.fraction = None;
            client.refusals = 0;
        }
    }
}
