//! A room: who is in it, which phase it is in, and what has to be done next.
//!
//! This file takes events apart and keeps time; each phase has its rules in `phase/`, clients and their identities
//! are in `clients.rs`, and the line of uploads is in `uploads.rs`. None of it knows a socket, a clock, a file or
//! what the parameters mean.

mod checkpoint;
mod clients;
mod contributions;
mod edges;
mod event;
mod groups;
mod holding;
mod host;
mod led;
mod masking;
mod phase;
mod selecting;
mod status;
#[cfg(test)]
mod tests;
mod uploads;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::limits::{MAX_HISTORY_PAGE, PROTOCOL_VERSION};
use protocol::{
    ClientId, ClientMessage, Encoding, ErrorCode, Evaluation, ModelVersion, ProtocolError, RefusalReason, RoomConfig,
    Round, RoundRecord, ServerMessage, Standardisation, Token, TransferId,
};

pub use checkpoint::{Checkpoint, Identity};
pub(crate) use clients::{Client, Clients, Session, Turn};
pub use contributions::{Contribution, Insight};
pub use event::{Action, CloseReason, ConnectionId, Event};
pub use groups::Groups;
pub use holding::{Beginning, Held, HeldOf, Holding, Kind};
pub use host::HostError;
use led::Led;
pub use led::{Lead, Word};
use phase::PhaseState;
pub use status::Load;
use status::Told;

use crate::noise::Noising;
use crate::sketch::mix;
use crate::strategy::{self, ServerOptimiser};
use crate::{MaskedTogether, Millis, Model, ModelMean, Spool};

/// A connection has so long to say `hello`, milliseconds.
const HELLO_MS: u64 = 10_000;
/// A connection with so many wrong messages is closed.
const MAX_ERRORS: u32 = 32;
/// A client may fetch the model so often in a round (each reload and each lost connection may need it anew).
const MAX_DOWNLOADS: u32 = 16;
/// Status goes out at most so often, milliseconds.
const STATUS_EVERY_MS: u64 = 250;
/// And in a large room at most so often for each connection, milliseconds: as a status names everyone, each client is then
/// sent the same amount in a second however large the room is, about 20 kB, and the room as a whole no more than that for each.
const STATUS_EVERY_MS_A_CLIENT: u64 = 5;
/// Status goes out at least so often, so that clients notice a dead connection, milliseconds.
const HEARTBEAT_MS: u64 = 15_000;

/// After a restart so long is waited for those who were there, milliseconds: a client tries again within half a minute.
const BACK_MS: u64 = 30_000;

/// Clients that a closing server sends away come back spread over so many milliseconds for each of them.
const RETURN_EVERY_MS: u64 = 20;
/// And not before so many milliseconds.
const RETURN_FIRST_MS: u64 = 1_000;
/// Who finds the room full comes back after once to twice as many milliseconds.
const FULL_AGAIN_MS: u64 = 15_000;

/// Why a room can't be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// The settings can't work.
    #[error("the room's settings can't work: {0}")]
    Config(#[from] ProtocolError),
    /// Not as many parameters as the settings say.
    #[error("there are {found} parameters, and the room's settings say {expected}")]
    WrongLength {
        /// Parameters given.
        found: usize,
        /// Parameters that the settings name.
        expected: usize,
    },
    /// A parameter is NaN or infinite.
    #[error("parameter {index} is not finite")]
    NotFinite {
        /// Its index.
        index: usize,
    },
    /// A checkpoint contradicts itself.
    #[error("the stored room is damaged: {what}; start a new one, or use an older copy")]
    Damaged {
        /// What is wrong.
        what: String,
    },
}

/// One room's rules.
#[derive(Debug)]
pub struct Coordinator {
    config: RoomConfig,
    model: Model,
    /// What rounding has left out of the model's steps, where they travel with few bits a value. It is not stored: a server
    /// that is started anew goes on from the model that clients have.
    rest: Vec<f32>,
    optimiser: Box<dyn ServerOptimiser>,
    /// In a room that ends with it, the mean of its rounds' models.
    model_mean: Option<ModelMean>,
    /// Where the updates of an open round wait, if the room's aggregation needs all of them at once.
    spool: Box<dyn Spool>,
    /// Rounds in a row whose updates could not be read back.
    unread: u32,
    standardisation: Option<Standardisation>,
    /// The host wants the statistics of features anew.
    renormalise: bool,
    history: Vec<RoundRecord>,
    /// Who gave what to each round of the history, as long as that is known.
    contributions: Vec<Vec<Contribution>>,
    /// How the finished model does with each client that took part.
    final_evaluations: BTreeMap<ClientId, Evaluation>,
    /// In a masked room, the sum of all of them in place of each.
    masked_evaluation: Option<Evaluation>,
    /// In a room with groups, what they told of theirs.
    groups: Groups,
    /// Clients whose evaluations the host leaves out.
    left_out: BTreeSet<ClientId>,
    /// How often rounds that are over were changed.
    revision: u32,
    phase: PhaseState,
    clients: Clients,
    actions: VecDeque<Action>,
    /// The latest time told.
    now: Millis,
    status_changed: bool,
    status_sent: Millis,
    /// What everyone knows of the clients.
    told: Told,
    /// Clients came or went, and a checkpoint should remember it.
    identities_changed: bool,
    /// The host lets no further round begin.
    paused: bool,
    /// The host lets nobody new in.
    locked: bool,
    /// The version that the room was made, restored or set back with: an older update may be in the model already.
    floor: ModelVersion,
    /// Clients that begin the rounds: the room's setting, or what the host made of it.
    least: u32,
    /// Whether the rounds have begun.
    begun: bool,
    /// By when everyone is back after a restart: then the rounds have begun again, whoever is missing.
    back_by: Option<Millis>,
    /// Bytes of updates received, and of models sent, with the headers of their frames.
    bytes_up: u64,
    bytes_down: u64,
    /// Memory for updates being received, bytes.
    upload_memory: usize,
    /// In a room with noise, where that comes from and what it was spent on.
    noise: Option<Noising>,
    /// In a masked room: attempts that were begun since it was made or restored, and the number that they count from.
    attempts: u32,
    run: u32,
    /// Whom the next attempt at the present round's sum may be of.
    openers: masking::Openers,
    /// Who was on the latest roster.
    masked_together: Option<MaskedTogether>,
    /// The scale of features that it begins with.
    common_scale: Option<Standardisation>,
    /// And who made an attempt at the present round's sum fail: those after it do without.
    outcast: BTreeSet<ClientId>,
    /// In a room that an edge keeps, what the root wants of it, and what it has for the root.
    led: Option<Led>,
}

impl Coordinator {
    /// A new room with its initial parameters. `spool` is this room's alone, and empty.
    ///
    /// # Errors
    /// The settings can't work, or the parameters don't belong to them.
    pub fn new(config: RoomConfig, initial: Vec<f32>, spool: Box<dyn Spool>) -> Result<Coordinator, CoordinatorError> {
        Coordinator::with(config, initial, Model::first, spool, |_| Ok(()))
    }

    /// A room with the model that `make` makes of parameters, attachment and encoding. Its strategy may be given back what it
    /// remembered.
    fn with(
        config: RoomConfig,
        parameters: Vec<f32>,
        make: impl FnOnce(Vec<f32>, &[f32], Encoding) -> Model,
        spool: Box<dyn Spool>,
        remind: impl FnOnce(&mut dyn ServerOptimiser) -> Result<(), CoordinatorError>,
    ) -> Result<Coordinator, CoordinatorError> {
        config.check()?;
        let expected = config.parameters as usize;
        if parameters.len() != expected {
            return Err(CoordinatorError::WrongLength { found: parameters.len(), expected });
        }
        if let Some(index) = parameters.iter().position(|parameter| !parameter.is_finite()) {
            return Err(CoordinatorError::NotFinite { index });
        }
        let noise = Noising::of(&config)?;
        let mut optimiser = strategy::server_optimiser(&config);
        remind(&mut *optimiser)?;
        let model = make(parameters, optimiser.attachment(), config.encoding);
        Ok(Coordinator {
            floor: model.version(),
            model,
            rest: Vec::new(),
            optimiser,
            model_mean: (!config.final_model.is_last()).then(|| ModelMean::new(expected)),
            spool,
            unread: 0,
            standardisation: None,
            renormalise: false,
            history: Vec::new(),
            contributions: Vec::new(),
            final_evaluations: BTreeMap::new(),
            masked_evaluation: None,
            groups: Groups::default(),
            left_out: BTreeSet::new(),
            revision: 0,
            phase: PhaseState::Lobby,
            clients: Clients::new(&config),
            actions: VecDeque::new(),
            now: Millis(0),
            status_changed: false,
            told: Told::default(),
            status_sent: Millis(0),
            identities_changed: false,
            paused: false,
            locked: false,
            least: config.least,
            begun: false,
            back_by: None,
            bytes_up: 0,
            bytes_down: 0,
            upload_memory: uploads::UPLOAD_MEMORY,
            noise,
            attempts: 0,
            run: 0,
            openers: masking::Openers::default(),
            masked_together: None,
            common_scale: None,
            outcast: BTreeSet::new(),
            led: None,
            config,
        })
    }

    /// Takes note of what happened.
    pub fn handle(&mut self, now: Millis, event: Event) {
        self.now = self.now.max(now);
        match event {
            Event::Connected { connection, fresh_token } => self.connected(connection, fresh_token),
            Event::Message { connection, message } => self.message(connection, message),
            Event::Malformed { connection, error } => {
                self.error(connection, ErrorCode::Malformed, error.to_string());
            }
            Event::Chunk { connection, chunk } => self.chunk(connection, chunk),
            Event::Receiving { connection } => self.receiving(connection),
            Event::Disconnected { connection } => self.disconnected(connection),
        }
        self.advance();
        self.send_status();
    }

    /// Does what is due at `now`. Calling it early or often does no harm.
    pub fn handle_timeout(&mut self, now: Millis) {
        self.now = self.now.max(now);
        let now = self.now;
        let late = |session: &Session| session.client.is_none() && session.hello_by <= now;
        let silent: Vec<ConnectionId> = self
            .clients
            .sessions
            .iter()
            .filter(|(_, session)| late(session))
            .map(|(&connection, _)| connection)
            .collect();
        for connection in silent {
            let message = "no hello came in time; connect again".to_owned();
            self.end(connection, ErrorCode::HelloTimeout, message, false);
        }
        self.give_up_absent();
        self.end_stalled_uploads();
        self.advance();
        self.send_status();
    }

    /// When `handle_timeout` should be called next, if nothing happens before.
    pub fn next_timeout(&self) -> Option<Millis> {
        let hello =
            self.clients.sessions.values().filter(|session| session.client.is_none()).map(|session| session.hello_by);
        let absent = self.clients.all.values().filter(|client| client.taking_part && client.connection.is_none());
        let grace = absent.map(|client| client.lost_at + self.config.grace_ms);
        let somebody = self.clients.connected().next().is_some();
        let status_every = if self.status_changed { self.status_every_ms() } else { HEARTBEAT_MS };
        let status = (somebody || self.identities_changed).then(|| self.status_sent + status_every);
        let led = self.led.as_ref().and_then(|led| led.next_timeout(&self.phase));
        hello.chain(grace).chain(status).chain(self.back_by).chain(led).chain(self.phase.next_timeout()).min()
    }

    /// The next thing to do. Ask until there is none after every event and timeout.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Says to everyone that the server stops, and closes all connections.
    pub fn close(&mut self) {
        let connections: Vec<ConnectionId> = self.clients.sessions.keys().copied().collect();
        let spread = connections.len() as u64 * RETURN_EVERY_MS;
        for connection in connections {
            let message = "the server stops; this page comes back by itself when it is started again";
            self.turn_away(connection, ErrorCode::ServerClosing, message.to_owned(), RETURN_FIRST_MS, spread);
        }
        self.actions.push_back(Action::Checkpoint { model: false });
    }

    /// Allows so many bytes for updates being received, from the next round on; one update always has room.
    pub fn allow_uploads(&mut self, bytes: usize) {
        self.upload_memory = bytes;
    }

    /// Has the room's noise come from these bytes: new ones whenever it is made or restored, which nobody can guess. Without them a
    /// room with noise begins no round.
    pub fn seed_noise(&mut self, seed: [u8; 32]) {
        if let Some(noise) = &mut self.noise {
            noise.seed(seed);
        }
        self.advance();
    }

    /// Gives a masked room, or one with noise, the scale of features that it begins with, new or restored: nobody tells it the sums
    /// of their own.
    pub fn standardise(&mut self, common: Standardisation) {
        if self.config.tells_nothing_of_clients() && common.mean.len() == self.config.features as usize {
            self.common_scale = Some(common);
        }
    }

    /// The room's settings.
    pub fn config(&self) -> &RoomConfig {
        &self.config
    }

    /// The present model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How features are standardised, once that is known.
    pub fn standardisation(&self) -> Option<&Standardisation> {
        self.standardisation.as_ref()
    }

    /// Rounds that are over, oldest first.
    pub fn history(&self) -> &[RoundRecord] {
        &self.history
    }

    /// Whether a token is that of somebody who may come back.
    pub fn knows(&self, token: &Token) -> bool {
        self.clients.known(token).is_some()
    }

    fn connected(&mut self, connection: ConnectionId, fresh_token: Token) {
        self.begin_run(&fresh_token);
        let full = !self.clients.may_connect();
        let hello_by = self.now + HELLO_MS;
        let session = Session { client: None, fresh_token, status_changes: false, hello_by, errors: 0, ended: None };
        self.clients.sessions.insert(connection, session);
        if full {
            self.turn_away_full(connection);
        }
    }

    fn message(&mut self, connection: ConnectionId, message: ClientMessage) {
        let Some(session) = self.clients.sessions.get(&connection) else {
            return; // It was closed here, and this was on its way.
        };
        let Some(client) = session.client else {
            return self.hello(connection, message);
        };
        match message {
            ClientMessage::Hello { .. } => {
                self.error(connection, ErrorCode::OutOfOrder, "hello was said before".to_owned());
            }
            ClientMessage::Rename { name } => {
                let Some(client) = self.clients.get_mut(client) else { return };
                if client.named_by_host {
                    // The name that the host gave stays, and whoever wished for another is told so.
                    let name = client.name.clone();
                    return self.send(connection, ServerMessage::Renamed { name });
                }
                client.name = name;
                self.status_changed = true;
                self.identities_changed = true;
            }
            ClientMessage::Ready { .. } | ClientMessage::Update { .. } if self.config.edges.is_some() => {
                let message =
                    "this room takes edges alone; ask whoever runs it for the link of one, and take part there";
                self.error(connection, ErrorCode::OutOfOrder, message.to_owned());
            }
            ClientMessage::EdgeReady { key, clients, examples, labels, held_back } => {
                let said = edges::Said { clients, examples, labels, held_back };
                self.edge_ready(connection, client, &key, said);
            }
            ClientMessage::Partial { round, model_version, sum, update, evaluation, training } => {
                let (examples, steps, sum) = (0, 0, Some(sum));
                let announcement = uploads::Announcement {
                    client,
                    connection,
                    round,
                    examples,
                    steps,
                    sum,
                    update,
                    evaluation,
                    training,
                };
                self.take_announcement(model_version, announcement);
            }
            ClientMessage::Ready { examples, labels, held_back, step_ms } => {
                if let Some(client) = self.clients.get_mut(client) {
                    client.step_ms = step_ms;
                }
                self.ready(connection, client, examples, labels, held_back);
            }
            ClientMessage::Pause { diverged } => {
                self.stop_taking_part(client);
                if let Some(client) = self.clients.get_mut(client) {
                    client.diverged = diverged;
                }
            }
            ClientMessage::Recording { on } => {
                if let Some(client) = self.clients.get_mut(client) {
                    client.recording = on;
                    self.status_changed = true;
                }
            }
            ClientMessage::Leave => {
                self.stop_taking_part(client);
                self.close_to_newcomers(client);
                self.clients.forget(client);
                self.clients.sessions.remove(&connection);
                self.identities_changed = true;
                self.actions.push_back(Action::Close { connection, reason: CloseReason::Left });
            }
            ClientMessage::Statistics { frames, sum, sum_squares } => {
                self.take_statistics(connection, client, frames, sum, sum_squares);
            }
            ClientMessage::Download { transfer } => self.download(connection, client, transfer),
            ClientMessage::Progress { round, epoch, epochs, step, steps } => {
                let steps = f64::from(steps.max(1));
                let done = (f64::from(epoch) - 1.0 + f64::from(step) / steps) / f64::from(epochs.max(1));
                self.take_progress(client, round, done.clamp(0.0, 1.0) as f32);
            }
            ClientMessage::Update { round, model_version, examples, steps, update, evaluation, training } => {
                let sum = None;
                let announcement = uploads::Announcement {
                    client,
                    connection,
                    round,
                    examples,
                    steps,
                    sum,
                    update,
                    evaluation,
                    training,
                };
                self.take_announcement(model_version, announcement);
            }
            ClientMessage::Keys { .. }
            | ClientMessage::Shares { .. }
            | ClientMessage::Unopened { .. }
            | ClientMessage::Declined { .. }
            | ClientMessage::Masked { .. }
            | ClientMessage::MaskedStatistics { .. }
            | ClientMessage::Agree { .. }
            | ClientMessage::Reveal { .. } => self.take_masking(connection, client, message),
            ClientMessage::Evaluation { model_version, evaluation, group, by_group } => {
                let said = phase::FinalSaid { evaluation, group, by_group };
                self.take_final_evaluation(connection, client, model_version, said);
            }
        }
    }

    fn hello(&mut self, connection: ConnectionId, message: ClientMessage) {
        let ClientMessage::Hello { protocol, room, token, name, software: _, status_changes } = message else {
            return self.error(connection, ErrorCode::OutOfOrder, "the first message has to be hello".to_owned());
        };
        if protocol != PROTOCOL_VERSION {
            let message = format!(
                "this server speaks version {PROTOCOL_VERSION} of the protocol, not {protocol}; reload the page"
            );
            return self.end(connection, ErrorCode::ProtocolMismatch, message, true);
        }
        if room != self.config.code {
            let message = format!("there is no room {room} here; check the code");
            return self.end(connection, ErrorCode::RoomUnknown, message, true);
        }
        let known = token.and_then(|token| self.clients.known(&token));
        if known.is_some_and(|client| self.clients.is_removed(client)) {
            return self.end(connection, ErrorCode::Removed, host::removed_text(), true);
        }
        let present = known.and_then(|client| self.clients.connection_of(client));
        if present.is_some_and(|present| present > connection) {
            // A tab was loaded anew, and the word of the one before comes last. Whoever opened a connection later is still there.
            return self.end(connection, ErrorCode::Replaced, replaced_text(), true);
        }
        if known.is_none() && self.locked {
            return self.end(connection, ErrorCode::Locked, host::locked_text(), true);
        }
        let client = match known {
            Some(client) if self.clients.may_return(client) => Some(client),
            Some(_) => None,
            None => {
                let fresh = self.clients.sessions.get(&connection).map(|session| session.fresh_token.clone());
                let admitted = fresh.and_then(|token| self.clients.admit(token, name.clone()));
                if admitted.is_some() {
                    // Whoever is told a token comes back with it, be it to a server that was killed a moment later.
                    self.actions.push_back(Action::Checkpoint { model: false });
                }
                admitted
            }
        };
        let Some(client) = client else {
            return self.turn_away_full(connection);
        };
        if let Some(session) = self.clients.sessions.get_mut(&connection) {
            session.status_changes = status_changes;
        }
        self.welcome(connection, client, name);
    }

    /// Ties a connection to an identity and tells it everything.
    fn welcome(&mut self, connection: ConnectionId, id: ClientId, name: Option<String>) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if let Some(name) = name.filter(|_| !client.named_by_host) {
            client.name = name;
        }
        let before = client.connection.replace(connection);
        if client.turn == Turn::Asked {
            client.turn = Turn::None; // The new connection was asked for nothing yet.
        }
        let done = client.turn == Turn::Done;
        let given = client.given.map(|version| Round(version.0 + 1));
        let (token, name) = (client.token.clone(), client.name.clone());
        if let Some(session) = self.clients.sessions.get_mut(&connection) {
            session.client = Some(id);
        }
        if let Some(before) = before {
            // Taken off the identity first, so that its end is not the client's.
            self.cancel_upload(id);
            if let Some(session) = self.clients.sessions.get_mut(&before) {
                session.client = None;
            }
            self.end(before, ErrorCode::Replaced, replaced_text(), true);
        }
        self.status_changed = true;
        self.identities_changed = true;
        let open = matches!(self.phase, PhaseState::Collecting(_));
        let status = self.status(self.now);
        self.told.also(&status.clients);
        let message = ServerMessage::Welcome {
            protocol: PROTOCOL_VERSION,
            token,
            client: id,
            name,
            room: self.config.clone(),
            status,
            accepted: if self.config.pace.is_synchronous() {
                (open && done).then(|| self.present_round())
            } else {
                given
            },
        };
        self.send(connection, message);
        for page in self.history.chunks(MAX_HISTORY_PAGE) {
            let message = ServerMessage::History { rounds: page.to_vec() };
            self.actions.push_back(Action::Send { connection, message });
        }
        if let Some(message) = self.finished_message() {
            self.send(connection, message);
        }
    }

    fn ready(
        &mut self,
        connection: ConnectionId,
        id: ClientId,
        examples: u32,
        labels: Vec<u32>,
        held_back: Option<u32>,
    ) {
        // In a masked room nobody says how many of each label it has; whoever does so all the same is not repeated.
        let masked = self.config.masking.is_some();
        let told = if self.config.tells_nothing_of_clients() { Vec::new() } else { labels.clone() };
        if !masked && labels.len() != self.config.labels.len() {
            let message =
                format!("ready counts {} labels, and this room has {}", labels.len(), self.config.labels.len());
            return self.error(connection, ErrorCode::Malformed, message);
        }
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        client.taking_part = true;
        client.diverged = false;
        client.examples = examples;
        client.most_examples = client.most_examples.max(examples);
        client.most_held_back = client.most_held_back.max(held_back);
        client.labels = told;
        self.status_changed = true;
        self.ask(id);
        self.remind(id);
    }

    /// Takes a client out of whatever the room waits for.
    fn stop_taking_part(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        client.taking_part = false;
        client.fraction = None;
        if client.turn == Turn::Asked {
            client.turn = Turn::None;
        }
        self.status_changed = true;
        self.cancel_upload(id);
        self.begin_uploads();
    }

    fn download(&mut self, connection: ConnectionId, id: ClientId, transfer: TransferId) {
        let bytes = self.model.bytes_of(transfer);
        if bytes.is_none() && Model::version_of(transfer) < self.model.version() {
            return; // A round closed while this was on its way; the next `round` says what to fetch.
        }
        let finished = matches!(self.phase, PhaseState::Finished(_));
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        // A round may have been abandoned while this was on its way; what is fetched now is of use in its repetition.
        let entitled = finished || client.taking_part;
        let Some(bytes) = bytes.filter(|_| entitled && client.downloads < MAX_DOWNLOADS) else {
            let message = "this model was not announced to you, or you fetched it too often; wait for the next round";
            return self.error(connection, ErrorCode::OutOfOrder, message.to_owned());
        };
        client.downloads += 1;
        self.bytes_down += protocol::framed_bytes(bytes.len());
        self.actions.push_back(Action::SendModel { connection, transfer, bytes });
    }

    fn disconnected(&mut self, connection: ConnectionId) {
        let Some(session) = self.clients.sessions.remove(&connection) else {
            return;
        };
        let Some(id) = session.client else { return };
        if let Some(client) = self.clients.get_mut(id) {
            client.connection = None;
            client.lost_at = self.now;
            client.fraction = None;
            client.recording = false;
        }
        self.status_changed = true;
        self.close_to_newcomers(id);
        self.cancel_upload(id);
        self.begin_uploads();
    }

    /// Clients that were away for longer than the grace take part no more, until they come back.
    fn give_up_absent(&mut self) {
        let (now, grace) = (self.now, self.config.grace_ms);
        for client in self.clients.all.values_mut() {
            if client.taking_part && client.connection.is_none() && client.lost_at + grace <= now {
                client.taking_part = false;
                self.status_changed = true;
            }
        }
    }

    fn send(&mut self, connection: ConnectionId, message: ServerMessage) {
        self.actions.push_back(Action::Send { connection, message });
    }

    /// Tells everyone who said `hello`.
    fn broadcast(&mut self, message: ServerMessage) {
        let connections: Vec<ConnectionId> = self.clients.connected().map(|(_, connection)| connection).collect();
        self.send_to_all(connections, message);
    }

    fn send_to_all(&mut self, connections: Vec<ConnectionId>, message: ServerMessage) {
        if !connections.is_empty() {
            self.actions.push_back(Action::Broadcast { connections, message });
        }
    }

    /// Tells a client that what it sent was wrong, and ends the connection when that happens too often.
    fn error(&mut self, connection: ConnectionId, code: ErrorCode, message: String) {
        let Some(session) = self.clients.sessions.get_mut(&connection) else {
            return;
        };
        session.errors += 1;
        if session.errors > MAX_ERRORS {
            let message = "too many messages were wrong; the client's program does not fit this server".to_owned();
            return self.end(connection, ErrorCode::TooManyErrors, message, true);
        }
        self.send(connection, ServerMessage::Error { code, message, fatal: false, retry_after_ms: None });
    }

    /// Tells a client why, and closes its connection.
    fn end(&mut self, connection: ConnectionId, code: ErrorCode, message: String, fatal: bool) {
        self.end_with(connection, ServerMessage::Error { code, message, fatal, retry_after_ms: None }, code);
    }

    /// Closes a connection for load, and says when to come back: `first` milliseconds from now, or up to `spread` later,
    /// which differs from connection to connection.
    fn turn_away(&mut self, connection: ConnectionId, code: ErrorCode, message: String, first: u64, spread: u64) {
        let later = mix(connection.0 ^ u64::from(self.config.seed) << 32) % (spread + 1);
        let retry_after_ms = Some(first + later);
        self.end_with(connection, ServerMessage::Error { code, message, fatal: false, retry_after_ms }, code);
    }

    fn turn_away_full(&mut self, connection: ConnectionId) {
        let message =
            "the room is full; this page tries again by itself, and whoever runs the room can make a larger one";
        self.turn_away(connection, ErrorCode::RoomFull, message.to_owned(), FULL_AGAIN_MS, FULL_AGAIN_MS);
    }

    fn end_with(&mut self, connection: ConnectionId, error: ServerMessage, code: ErrorCode) {
        self.send(connection, error);
        self.actions.push_back(Action::Close { connection, reason: CloseReason::Error(code) });
        // Nothing that it still says is heard, and the `Disconnected` that follows finds nothing to do.
        self.disconnected(connection);
    }

    fn refuse(&mut self, connection: ConnectionId, round: Option<Round>, reason: RefusalReason, message: String) {
        let (present_round, present_version) = (self.present_round(), self.model.version());
        self.send(connection, ServerMessage::Refused { round, reason, message, present_round, present_version });
    }

    /// The round that is open or will be next; the last one in a finished room.
    fn present_round(&self) -> Round {
        Round((self.history.len() as u32 + 1).min(self.config.rounds))
    }
}

fn replaced_text() -> String {
    "this identity connected from elsewhere, perhaps from another tab; close one of them".to_owned()
}
