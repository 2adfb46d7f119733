//! One room at work: a thread of its own that owns the room's `Coordinator`, feeds it what arrives and the time, and
//! carries out what it asks for. It knows no socket and no page, and decides nothing: the rules are in `federation`.
//!
//! The thread is the room's alone because folding an update of 100 MB into the mean, or storing such a model, takes a
//! noticeable part of a second: the sockets, and the other rooms, go on meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use federation::{Action, Checkpoint, ConnectionId, Coordinator, Event, HostError, Load, Millis};
use protocol::{HostCommand, RoomCode, ServerMessage, Status, Token};
use tokio::sync::{mpsc, oneshot};

use crate::metrics::Metrics;
use crate::outbox::{Behind, Outbox, Outgoing};
use crate::store::Store;
use crate::watch::Watch;

/// Messages and chunks that may wait for a room; beyond that its sockets wait (32 chunks of 256 KiB are 8 MiB).
const QUEUE: usize = 32;

/// A room as others see it at one moment.
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

/// Why a wish of the host was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It makes no sense now.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What was stored of a version cannot be used.
    #[error("{0:#}")]
    Stored(#[from] anyhow::Error),
    /// The room's thread is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
}

enum Input {
    Connect { connection: ConnectionId, outbox: Outbox },
    Event(Event),
    Inspect { answer: oneshot::Sender<Snapshot> },
    Command { command: HostCommand, answer: oneshot::Sender<Result<(), CommandError>> },
    Park { done: oneshot::Sender<()> },
}

/// The door to a room.
#[derive(Clone)]
pub struct RoomHandle {
    inputs: mpsc::Sender<Input>,
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

    /// The room at this moment.
    pub async fn inspect(&self) -> Result<Snapshot, Ended> {
        let (answer, snapshot) = oneshot::channel();
        self.put(Input::Inspect { answer }).await?;
        snapshot.await.map_err(|_| Ended)
    }

    /// Does what the host asks, and stores it before it returns.
    pub async fn command(&self, command: HostCommand) -> Result<(), CommandError> {
        let (answer, done) = oneshot::channel();
        self.put(Input::Command { command, answer }).await?;
        done.await.map_err(|_| Ended)?
    }

    /// Tells every participant that the program ends, stores the room, and ends its thread.
    pub async fn park(&self) {
        let (done, parked) = oneshot::channel();
        if self.put(Input::Park { done }).await.is_ok() {
            // The thread drops `done` where it ends before; then there is nothing left to wait for.
            let _ = parked.await;
        }
    }

    async fn put(&self, input: Input) -> Result<(), Ended> {
        self.inputs.send(input).await.map_err(|_| Ended)
    }
}

/// Starts the thread of a room.
pub fn start(
    code: &RoomCode,
    coordinator: Coordinator,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
) -> Result<RoomHandle> {
    let (inputs, queue) = mpsc::channel(QUEUE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let watch = Watch::new(&coordinator, metrics);
    let room = Room { coordinator, store, clients: HashMap::new(), began: Instant::now(), watch };
    std::thread::Builder::new()
        .name(format!("room {code}"))
        .spawn(move || runtime.block_on(room.run(queue)))
        .context("the system gives no thread for the room")?;
    Ok(RoomHandle { inputs })
}

struct Room {
    coordinator: Coordinator,
    store: Arc<Store>,
    clients: HashMap<ConnectionId, Outbox>,
    /// Where this room's time starts.
    began: Instant,
    watch: Watch,
}

impl Room {
    async fn run(mut self, mut queue: mpsc::Receiver<Input>) {
        self.carry_out();
        loop {
            let wake = self.coordinator.next_timeout().map(|at| self.began + Duration::from_millis(at.0));
            let input = tokio::select! {
                input = queue.recv() => input,
                () = until(wake) => {
                    let before = Instant::now();
                    self.coordinator.handle_timeout(self.now());
                    self.watch.look(&self.coordinator, before.elapsed());
                    self.carry_out();
                    continue;
                }
            };
            match input {
                None => return,
                Some(Input::Park { done }) => {
                    self.coordinator.close();
                    self.carry_out();
                    // The answer is not waited for where the program was told to end at once.
                    let _ = done.send(());
                    return;
                }
                Some(Input::Inspect { answer }) => {
                    // Whoever asked may have gone meanwhile.
                    let _ = answer.send(self.snapshot());
                }
                Some(Input::Command { command, answer }) => {
                    let before = Instant::now();
                    let done = self.command(command);
                    self.watch.look(&self.coordinator, before.elapsed());
                    self.carry_out();
                    // Whoever asked may have gone meanwhile; it is done all the same.
                    let _ = answer.send(done);
                }
                Some(Input::Connect { connection, outbox }) => {
                    self.clients.insert(connection, outbox);
                    let fresh_token = Token::from_random(rand::random());
                    self.handle(Event::Connected { connection, fresh_token });
                }
                Some(Input::Event(event)) => {
                    if let Event::Disconnected { connection } = &event {
                        self.clients.remove(connection);
                        self.watch.gone(*connection);
                    }
                    self.handle(event);
                }
            }
        }
    }

    fn now(&self) -> Millis {
        Millis(self.began.elapsed().as_millis() as u64)
    }

    fn handle(&mut self, event: Event) {
        let before = Instant::now();
        self.coordinator.handle(self.now(), event);
        self.watch.look(&self.coordinator, before.elapsed());
        self.carry_out();
    }

    fn command(&mut self, command: HostCommand) -> Result<(), CommandError> {
        let HostCommand::Restart { version, rounds } = command else {
            return Ok(self.coordinator.command(self.now(), command)?);
        };
        command.check().map_err(HostError::from)?;
        let (parameters, memory) = self.store.parameters(&self.coordinator.checkpoint(), version)?;
        Ok(self.coordinator.restart(self.now(), version, rounds, parameters, memory)?)
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.coordinator.poll_action() {
            self.watch.action(&action);
            match action {
                Action::Send { connection, message } => {
                    self.put(connection, |outbox| outbox.put(Outgoing::Text(json(&message))))
                }
                Action::SendModel { connection, transfer, bytes } => {
                    self.put(connection, |outbox| outbox.put_model(transfer, bytes));
                }
                Action::Broadcast { connections, message } => {
                    let text = json(&message);
                    for connection in connections {
                        self.put(connection, |outbox| outbox.put(Outgoing::Text(text.clone())));
                    }
                }
                Action::Close { connection, reason } => {
                    self.put(connection, |outbox| outbox.put(Outgoing::Close { code: reason.code() }));
                    self.clients.remove(&connection);
                }
                Action::Checkpoint { model } => {
                    if model {
                        // What is left of the model before is of no use, and would stay in memory for the slowest.
                        self.clients.values().for_each(Outbox::take_model_back);
                    }
                    self.save(model);
                }
            }
        }
    }

    /// Queues something for a participant; one whose queue is full has not read for long, and its connection is ended.
    fn put(&mut self, connection: ConnectionId, put: impl FnOnce(&Outbox) -> Result<(), Behind>) {
        if let Some(Err(behind)) = self.clients.get(&connection).map(put) {
            self.clients.remove(&connection);
            if behind == Behind::Slow {
                self.watch.slow(connection);
            }
        }
    }

    fn save(&self, model_changed: bool) {
        let before = Instant::now();
        let stored = self.store.save(&self.coordinator, model_changed);
        self.watch.stored(before.elapsed(), stored.err().as_ref());
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
