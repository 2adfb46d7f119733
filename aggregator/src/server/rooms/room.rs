//! One room at work: a thread of its own that owns the room's `Coordinator`, feeds it what arrives and the time, and
//! carries out what it asks for. It knows no socket and no page, and decides nothing: the rules are in `federation`.
//!
//! The thread is the room's alone because folding an update of 100 MB into the mean, or storing such a model, takes a
//! noticeable part of a second: the sockets, and the other rooms, go on meanwhile.
//!
//! What arrives within a moment is taken together, so that it is stored together; and nothing of it is told before it is
//! stored. What happens when it cannot be stored is in `hold.rs`.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use federation::{Action, Checkpoint, ConnectionId, Coordinator, Event, HostError, Load, Millis};
use protocol::{HostCommand, RoomCode, ServerMessage, Status, Token};
use tokio::sync::{mpsc, oneshot, watch};

use super::outbox::{Behind, Outbox, Outgoing};
use super::watch::Watch;
use crate::server::limits::UPLOAD_MEMORY;
use crate::server::metrics::Metrics;
use crate::server::store::Store;

/// Messages and chunks that may wait for a room; beyond that its sockets wait (32 chunks of 256 KiB are 8 MiB).
const QUEUE: usize = 32;
/// What arrives within so long is taken together.
const MOMENT: Duration = Duration::from_millis(5);

/// A room as others see it at one moment.
#[derive(Clone)]
pub struct Snapshot {
    /// What would be stored of it; it holds the participants' secrets.
    pub checkpoint: Checkpoint,
    /// Where it is.
    pub status: Status,
    /// What it holds for its clients.
    pub load: Load,
    /// The present model: `f32` little endian, in the layout's order; shared with the room.
    pub model: Bytes,
}

/// The room's thread is gone.
#[derive(Debug, thiserror::Error)]
#[error("the room has ended")]
pub struct Ended;

/// Why a room cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The room's thread is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// Its server cannot store it, and cannot read either what it stored before.
    #[error("the room is held because it cannot be stored, and what was stored of it cannot be read: {0:#}")]
    Unreadable(anyhow::Error),
}

/// Why a wish of the host was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It makes no sense now.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What was stored of a version cannot be used.
    #[error(transparent)]
    Stored(#[from] anyhow::Error),
    /// The room cannot be stored, and waits until it can.
    #[error("the room is held because it cannot be stored ({0}); free some space, and it goes on by itself")]
    Held(String),
    /// The room's thread is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// What participants do; it waits while the room is held.
pub(super) enum Input {
    Connect { connection: ConnectionId, outbox: Outbox },
    Event(Event),
}

/// What is answered also by a room that is held.
pub(super) enum Request {
    Inspect { answer: oneshot::Sender<Result<Snapshot, InspectError>> },
    Command { command: HostCommand, answer: oneshot::Sender<Result<(), CommandError>> },
    Park { done: oneshot::Sender<()> },
}

/// The door to a room.
#[derive(Clone)]
pub struct RoomHandle {
    inputs: mpsc::Sender<Input>,
    requests: mpsc::Sender<Request>,
    held: watch::Receiver<bool>,
}

impl RoomHandle {
    /// A new connection, whose messages go out through `outbox`.
    pub async fn connect(&self, connection: ConnectionId, outbox: Outbox) -> Result<(), Ended> {
        self.put(Input::Connect { connection, outbox }).await
    }

    /// Anything else that happens on a connection.
    pub async fn tell(&self, event: Event) -> Result<(), Ended> {
        self.put(Input::Event(event)).await
    }

    /// The room at this moment; one that is held is as it was stored last.
    pub async fn inspect(&self) -> Result<Snapshot, InspectError> {
        let (answer, snapshot) = oneshot::channel();
        self.ask(Request::Inspect { answer }).await?;
        snapshot.await.map_err(|_| Ended)?
    }

    /// Whether the room waits until it can be stored: nobody new can be let in.
    pub fn is_held(&self) -> bool {
        *self.held.borrow()
    }

    /// Does what the host asks, and stores it before it returns.
    pub async fn command(&self, command: HostCommand) -> Result<(), CommandError> {
        let (answer, done) = oneshot::channel();
        self.ask(Request::Command { command, answer }).await?;
        done.await.map_err(|_| Ended)?
    }

    /// Tells every participant that the program ends, stores the room, and ends its thread.
    pub async fn park(&self) {
        let (done, parked) = oneshot::channel();
        if self.ask(Request::Park { done }).await.is_ok() {
            // The thread drops `done` where it ends before; then there is nothing left to wait for.
            let _ = parked.await;
        }
    }

    async fn put(&self, input: Input) -> Result<(), Ended> {
        self.inputs.send(input).await.map_err(|_| Ended)
    }

    async fn ask(&self, request: Request) -> Result<(), Ended> {
        self.requests.send(request).await.map_err(|_| Ended)
    }
}

/// Starts the thread of a room. `rooms` counts those that share the memory for updates being received.
pub fn start(
    code: &RoomCode,
    coordinator: Coordinator,
    store: Arc<Store>,
    rooms: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
) -> Result<RoomHandle> {
    let (inputs, waiting) = mpsc::channel(QUEUE);
    let (requests, asked) = mpsc::channel(QUEUE);
    let (held, is_held) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (clients, began, watch) = (HashMap::new(), Instant::now(), Watch::new(&coordinator, metrics));
    let room = Room { coordinator, store, rooms, clients, shown: None, unanswered: None, held, began, watch };
    let doors = Doors { inputs: waiting, requests: asked };
    std::thread::Builder::new()
        .name(format!("room {code}"))
        .spawn(move || runtime.block_on(room.run(doors)))
        .context("the system gives no thread for the room")?;
    Ok(RoomHandle { inputs, requests, held: is_held })
}

/// What waits for the room.
pub(super) struct Doors {
    inputs: mpsc::Receiver<Input>,
    pub(super) requests: mpsc::Receiver<Request>,
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
    pub(super) store: Arc<Store>,
    rooms: Arc<AtomicUsize>,
    pub(super) clients: HashMap<ConnectionId, Client>,
    /// What everyone was told last.
    pub(super) shown: Option<Status>,
    pub(super) unanswered: Option<Unanswered>,
    pub(super) held: watch::Sender<bool>,
    /// Where this room's time starts.
    pub(super) began: Instant,
    watch: Watch,
}

impl Room {
    async fn run(mut self, mut doors: Doors) {
        let mut flow = self.carry_out(&mut doors).await;
        while flow.is_continue() {
            self.coordinator.allow_uploads(UPLOAD_MEMORY / self.rooms.load(Ordering::Relaxed).max(1));
            let wake = self.coordinator.next_timeout().map(|at| self.began + Duration::from_millis(at.0));
            tokio::select! {
                request = doors.requests.recv() => match request {
                    None => return,
                    Some(Request::Park { done }) => {
                        self.park();
                        // The answer is not waited for where the program was told to end at once.
                        let _ = done.send(());
                        return;
                    }
                    Some(Request::Inspect { answer }) => {
                        // Whoever asked may have gone meanwhile.
                        let _ = answer.send(Ok(self.snapshot()));
                        continue;
                    }
                    Some(Request::Command { command, answer }) => {
                        let done = self.watched(|room| room.command(command));
                        self.unanswered = Some((answer, done));
                    }
                },
                input = doors.inputs.recv() => match input {
                    None => return,
                    Some(input) => self.take(input, &mut doors.inputs),
                },
                () = until(wake) => self.watched(|room| room.coordinator.handle_timeout(room.now())),
            }
            flow = self.carry_out(&mut doors).await;
        }
    }

    /// Takes an input, and those that are there by now.
    fn take(&mut self, first: Input, waiting: &mut mpsc::Receiver<Input>) {
        let end = Instant::now() + MOMENT;
        let mut next = Some(first);
        while let Some(input) = next {
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
            self.watched(|room| room.coordinator.handle(room.now(), event));
            next = if Instant::now() < end { waiting.try_recv().ok() } else { None };
        }
    }

    pub(super) fn now(&self) -> Millis {
        Millis(self.began.elapsed().as_millis() as u64)
    }

    /// Does something with the coordinator, and lets what came of it be seen.
    fn watched<T>(&mut self, what: impl FnOnce(&mut Self) -> T) -> T {
        let before = Instant::now();
        let done = what(self);
        self.watch.look(&self.coordinator, before.elapsed());
        done
    }

    fn command(&mut self, command: HostCommand) -> Result<(), CommandError> {
        let HostCommand::Restart { version, rounds } = command else {
            return Ok(self.coordinator.command(self.now(), command)?);
        };
        command.check().map_err(HostError::from)?;
        let (parameters, memory) = self.store.parameters(&self.coordinator.checkpoint(), version)?;
        Ok(self.coordinator.restart(self.now(), version, rounds, parameters, memory)?)
    }

    /// Stores the room where the coordinator wants that, and does the rest of what it wants once that is on the disk.
    async fn carry_out(&mut self, doors: &mut Doors) -> ControlFlow<()> {
        let actions: Vec<Action> = std::iter::from_fn(|| self.coordinator.poll_action()).collect();
        if let Some(model) = Action::checkpoint_of(&actions)
            && let Err(error) = self.save(model)
        {
            self.hold(model, &error, doors).await?;
        }
        actions.into_iter().for_each(|action| self.act(action));
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
                if let ServerMessage::Status(status) = message {
                    self.shown = Some(status);
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

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            checkpoint: self.coordinator.checkpoint(),
            status: self.coordinator.status(self.now()),
            load: self.coordinator.load(),
            model: self.coordinator.model().bytes(),
        }
    }
}

/// Waits for a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// A message as it travels.
pub fn json(message: &ServerMessage) -> Utf8Bytes {
    // Serialising our own message types cannot fail: they hold no map with keys that are no text.
    serde_json::to_string(message).unwrap_or_default().into()
}
