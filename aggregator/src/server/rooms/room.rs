//! One room at work: a thread of its own that owns the room's `Coordinator`, feeds it what arrives and the time, and
//! carries out what it asks for. It knows no socket and no page, and decides nothing: the rules are in `federation`.
//!
//! The thread is the room's alone because folding an update of 100 MB into the mean, or storing such a model, takes a
//! noticeable part of a second: the sockets, and the other rooms, go on meanwhile.
//!
//! What arrives within a moment is taken together, so that it is stored together; and nothing of it is told before it is
//! stored. What happens when it cannot be stored is in `hold.rs`; how others reach it is in `door.rs`.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use federation::{Action, ConnectionId, Coordinator, Event, HostError, Word};
use protocol::{HostCommand, ModelVersion, RoomCode, ServerMessage, Status, Token};
use tokio::sync::{mpsc, oneshot, watch};

use super::door::{self, CommandError, Door, Input, Request, RoomHandle, Waiting};
use super::outbox::{Behind, Outbox, Outgoing, json};
use super::snapshot::Snapshot;
use super::watch::Watch;
use crate::clock::Clock;
use crate::server::limits::UPLOAD_MEMORY;
use crate::server::metrics::Metrics;
use crate::server::store::{Lost, Store};

/// What arrives within so long is taken together.
const MOMENT: Duration = Duration::from_millis(5);

/// Starts the thread of a room. `rooms` counts those that share the memory for updates being received. What an edge's room has for
/// the room above goes into `words`.
pub fn start(
    code: &RoomCode,
    coordinator: Coordinator,
    store: Arc<dyn Store>,
    rooms: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
    words: Option<mpsc::UnboundedSender<Word>>,
) -> Result<RoomHandle> {
    let (handle, door, held) = door::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (clients, clock, watch) = (HashMap::new(), Clock::start(), Watch::new(&coordinator, metrics));
    let room = Room { coordinator, store, rooms, clients, shown: None, unanswered: None, held, clock, watch, words };
    std::thread::Builder::new()
        .name(format!("room {code}"))
        .spawn(move || runtime.block_on(room.run(door)))
        .context("the system gives no thread for the room")?;
    Ok(handle)
}

/// One participant's connection.
pub(super) struct Client {
    outbox: Outbox,
    /// Nothing is said to a connection before its `welcome`.
    pub(super) welcomed: bool,
}

/// A host who waits for an answer, and what it is once it is stored.
pub(super) type Unanswered = (oneshot::Sender<Result<(), CommandError>>, Result<(), CommandError>);

pub(super) struct Room {
    pub(super) coordinator: Coordinator,
    pub(super) store: Arc<dyn Store>,
    rooms: Arc<AtomicUsize>,
    pub(super) clients: HashMap<ConnectionId, Client>,
    /// What everyone was told last.
    pub(super) shown: Option<Status>,
    pub(super) unanswered: Option<Unanswered>,
    pub(super) held: watch::Sender<bool>,
    /// This room's time.
    pub(super) clock: Clock,
    watch: Watch,
    words: Option<mpsc::UnboundedSender<Word>>,
}

impl Room {
    async fn run(mut self, mut door: Door) {
        let mut flow = self.carry_out(&mut door).await;
        while flow.is_continue() {
            self.coordinator.allow_uploads(UPLOAD_MEMORY / self.rooms.load(Ordering::Relaxed).max(1));
            tokio::select! {
                request = door.requests.recv() => match request {
                    None => return,
                    Some(Request::Park { done }) => {
                        self.park();
                        // The answer is not waited for where the program was told to end at once.
                        let _ = done.send(());
                        return;
                    }
                    Some(Request::Leave) => {
                        self.leave();
                        return;
                    }
                    Some(Request::Knows { token, answer }) => {
                        let _ = answer.send(self.coordinator.knows(&token));
                        continue;
                    }
                    Some(Request::Inspect { answer }) => {
                        // Whoever asked may have gone meanwhile.
                        let _ = answer.send(Ok(Snapshot::of(&self.coordinator, self.clock.now())));
                        continue;
                    }
                    Some(Request::Held { answer }) => {
                        let _ = answer.send(self.coordinator.held());
                        continue;
                    }
                    Some(Request::Command { command, answer }) => {
                        let done = self.watched(|room| room.command(command));
                        self.unanswered = Some((answer, done));
                    }
                    Some(Request::Lead { lead }) => {
                        self.watched(|room| room.coordinator.lead(room.clock.now(), *lead));
                    }
                },
                input = door.inputs.recv() => match input {
                    None => return,
                    Some(input) => self.take(input, &mut door.inputs),
                },
                () = self.clock.until(self.coordinator.next_timeout()) => {
                    self.watched(|room| room.coordinator.handle_timeout(room.clock.now()));
                },
            }
            flow = self.carry_out(&mut door).await;
        }
    }

    /// Takes an input, and those that are there by now.
    fn take(&mut self, first: Waiting, waiting: &mut mpsc::Receiver<Waiting>) {
        let end = Instant::now() + MOMENT;
        let mut next = Some(first);
        // A chunk's place is free once it was handled.
        while let Some((input, _place)) = next {
            let event = match input {
                Input::Connect { connection, outbox } => {
                    self.clients.insert(connection, Client { outbox, welcomed: false });
                    Event::Connected { connection, fresh_token: Token::from_random(rand::random()) }
                }
                Input::Event(event) => {
                    if let Event::Disconnected { connection } = &event {
                        self.clients.remove(connection);
                        self.watch.gone(*connection);
                    }
                    event
                }
            };
            self.watched(|room| room.coordinator.handle(room.clock.now(), event));
            next = if Instant::now() < end { waiting.try_recv().ok() } else { None };
        }
    }

    /// Does something with the coordinator, and lets what came of it be seen.
    fn watched<T>(&mut self, what: impl FnOnce(&mut Self) -> T) -> T {
        let before = Instant::now();
        let done = what(self);
        self.watch.look(&self.coordinator, before.elapsed());
        done
    }

    fn command(&mut self, command: HostCommand) -> Result<(), CommandError> {
        command.check().map_err(HostError::from)?;
        match command {
            HostCommand::Restart { version, rounds } => self.restart(version, rounds),
            HostCommand::Undo { client, rounds } => {
                let before = self.coordinator.version_without(client, rounds)?;
                let stored = self.store.versions(&self.coordinator.checkpoint())?;
                let version = stored.iter().map(|stored| stored.version).rfind(|version| *version <= before);
                self.restart(version.ok_or(HostError::NoVersion(before))?, None)?;
                match self.coordinator.command(self.clock.now(), HostCommand::Remove { client }) {
                    // Who has left is out already.
                    Err(HostError::NoClient(_)) => Ok(()),
                    done => Ok(done?),
                }
            }
            command => Ok(self.coordinator.command(self.clock.now(), command)?),
        }
    }

    /// Goes back to a stored version.
    fn restart(&mut self, version: ModelVersion, rounds: Option<u32>) -> Result<(), CommandError> {
        let (parameters, memory) = self.store.parameters(&self.coordinator.checkpoint(), version)?;
        Ok(self.coordinator.restart(self.clock.now(), version, rounds, parameters, memory)?)
    }

    /// Stores the room where the coordinator wants that, and does the rest of what it wants once that is on the disk.
    async fn carry_out(&mut self, door: &mut Door) -> ControlFlow<()> {
        let actions: Vec<Action> = std::iter::from_fn(|| self.coordinator.poll_action()).collect();
        let model = Action::checkpoint_of(&actions);
        let stored = match model {
            Some(model) => self.save(model),
            None if actions.is_empty() => Ok(()),
            None => self.store.may_tell(&self.coordinator.config().code),
        };
        match stored {
            Ok(()) => {}
            Err(error) if error.is::<Lost>() => {
                self.leave();
                return ControlFlow::Break(());
            }
            Err(error) => self.hold(model.unwrap_or(false), &error, door).await?,
        }
        actions.into_iter().for_each(|action| self.act(action));
        if let Some(words) = &self.words {
            // Nobody listens where the program ends.
            std::iter::from_fn(|| self.coordinator.poll_word()).for_each(|word| drop(words.send(word)));
        }
        if let Some((answer, done)) = self.unanswered.take() {
            // Whoever asked may have gone meanwhile; it is done all the same.
            let _ = answer.send(done);
        }
        ControlFlow::Continue(())
    }

    fn act(&mut self, action: Action) {
        self.watch.action(&action);
        match action {
            Action::Send { connection, message } => {
                self.put(connection, |outbox| outbox.put(Outgoing::Text(json(&message))));
                if let ServerMessage::Welcome { status, .. } = message {
                    match self.clients.get_mut(&connection) {
                        Some(client) => {
                            client.welcomed = true;
                            self.shown.get_or_insert(status);
                        }
                        // It went in the moment in which it came.
                        None => self.watch.gone(connection),
                    }
                }
            }
            Action::SendModel { connection, transfer, bytes } => {
                self.put(connection, |outbox| outbox.put_model(transfer, bytes));
            }
            Action::Broadcast { connections, message } => {
                let text = json(&message);
                for connection in connections {
                    self.put(connection, |outbox| outbox.put(Outgoing::Text(text.clone())));
                }
                match (message, &mut self.shown) {
                    (ServerMessage::Status(status), shown) => *shown = Some(status),
                    (ServerMessage::StatusChanges { status, gone }, Some(shown)) => shown.change(status, &gone),
                    _ => {}
                }
            }
            Action::Close { connection, reason } => {
                self.put(connection, |outbox| outbox.put(Outgoing::Close { code: reason.code() }));
                self.clients.remove(&connection);
            }
            Action::Checkpoint { model } => {
                if model {
                    // What is left of the model before is of no use, and would stay in memory for the slowest.
                    self.clients.values().for_each(|client| client.outbox.take_model_back());
                }
            }
        }
    }

    /// Queues something for a participant; one whose queue is full has not read for long, and its connection is ended.
    pub(super) fn put(&mut self, connection: ConnectionId, put: impl FnOnce(&Outbox) -> Result<(), Behind>) {
        if let Some(Err(behind)) = self.clients.get(&connection).map(|client| put(&client.outbox)) {
            self.clients.remove(&connection);
            if behind == Behind::Slow {
                self.watch.slow(connection);
            }
        }
    }

    /// Stores the room, and lets that be seen.
    pub(super) fn save(&self, model_changed: bool) -> Result<()> {
        let before = Instant::now();
        let stored = self.store.save(&self.coordinator, model_changed);
        self.watch.stored(before.elapsed(), stored.is_ok());
        stored
    }

    /// Tells every participant that the program ends, and stores the room.
    pub(super) fn park(&mut self) {
        self.coordinator.close();
        let actions: Vec<Action> = std::iter::from_fn(|| self.coordinator.poll_action()).collect();
        if let Err(error) = self.save(false) {
            let room = &self.coordinator.config().code;
            tracing::error!(%room, "the room could not be stored at its end ({error:#}); it comes back as it was stored last");
        }
        actions.into_iter().for_each(|action| self.act(action));
    }

    /// Tells every participant to come back, which leads them to the server that has the room now. Nothing that happened here since it
    /// was stored is told or stored.
    pub(super) fn leave(&mut self) {
        while self.coordinator.poll_action().is_some() {}
        self.coordinator.close();
        let actions: Vec<Action> = std::iter::from_fn(|| self.coordinator.poll_action()).collect();
        actions.into_iter().for_each(|action| self.act(action));
    }
}
