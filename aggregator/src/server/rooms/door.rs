//! How others reach a room: the ends of the channels to its thread, and what it may answer. It carries nothing out.

use std::sync::Arc;

use federation::{ConnectionId, Event, Held, HostError, Lead};
use protocol::{HostCommand, Token};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::outbox::Outbox;
use super::snapshot::Snapshot;

/// Messages and chunks that may wait for a room; beyond that its sockets wait.
const QUEUE: usize = 32;
/// Of these, chunks (of 256 KiB): a message waits behind so many at most, however many clients send theirs.
const CHUNKS: usize = 4;

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

/// An input that waits, and where it is a chunk, its place among those that may.
pub(super) type Waiting = (Input, Option<OwnedSemaphorePermit>);

/// What is answered also by a room that is held.
pub(super) enum Request {
    Knows {
        token: Token,
        answer: oneshot::Sender<bool>,
    },
    Inspect {
        answer: oneshot::Sender<Result<Snapshot, InspectError>>,
    },
    Held {
        answer: oneshot::Sender<Held>,
    },
    Command {
        command: HostCommand,
        answer: oneshot::Sender<Result<(), CommandError>>,
    },
    /// In an edge's room: what the room above wants.
    Lead {
        lead: Box<Lead>,
    },
    Park {
        done: oneshot::Sender<()>,
    },
    /// Another server has the room.
    Leave,
}

/// The door to a room, from outside.
#[derive(Clone)]
pub struct RoomHandle {
    inputs: mpsc::Sender<Waiting>,
    chunks: Arc<Semaphore>,
    requests: mpsc::Sender<Request>,
    held: watch::Receiver<bool>,
}

impl RoomHandle {
    /// A new connection, whose messages go out through `outbox`.
    pub async fn connect(&self, connection: ConnectionId, outbox: Outbox) -> Result<(), Ended> {
        self.put((Input::Connect { connection, outbox }, None)).await
    }

    /// Anything else that happens on a connection.
    pub async fn tell(&self, event: Event) -> Result<(), Ended> {
        let place = match &event {
            Event::Chunk { .. } => Some(self.chunks.clone().acquire_owned().await.map_err(|_| Ended)?),
            _ => None,
        };
        self.put((Input::Event(event), place)).await
    }

    /// The room at this moment; one that is held is as it was stored last.
    pub async fn inspect(&self) -> Result<Snapshot, InspectError> {
        let (answer, snapshot) = oneshot::channel();
        self.ask(Request::Inspect { answer }).await?;
        snapshot.await.map_err(|_| Ended)?
    }

    /// What the room holds of everyone at this moment.
    pub async fn held(&self) -> Result<Held, Ended> {
        let (answer, held) = oneshot::channel();
        self.ask(Request::Held { answer }).await?;
        held.await.map_err(|_| Ended)
    }

    /// Whether a token is that of somebody whom the room knows.
    pub async fn knows(&self, token: Token) -> Result<bool, Ended> {
        let (answer, known) = oneshot::channel();
        self.ask(Request::Knows { token, answer }).await?;
        known.await.map_err(|_| Ended)
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

    /// Has an edge's room do what the room above wants.
    pub async fn lead(&self, lead: Lead) -> Result<(), Ended> {
        self.ask(Request::Lead { lead: Box::new(lead) }).await
    }

    /// Tells every participant that the program ends, stores the room, and ends its thread.
    pub async fn park(&self) {
        let (done, parked) = oneshot::channel();
        if self.ask(Request::Park { done }).await.is_ok() {
            // The thread drops `done` where it ends before; then there is nothing left to wait for.
            let _ = parked.await;
        }
    }

    /// Ends its thread without storing anything: another server has the room.
    pub async fn leave(&self) {
        // It may have ended already.
        let _ = self.ask(Request::Leave).await;
    }

    /// Whether its thread is gone.
    pub fn has_ended(&self) -> bool {
        self.requests.is_closed()
    }

    async fn put(&self, waiting: Waiting) -> Result<(), Ended> {
        self.inputs.send(waiting).await.map_err(|_| Ended)
    }

    async fn ask(&self, request: Request) -> Result<(), Ended> {
        self.requests.send(request).await.map_err(|_| Ended)
    }
}

/// The room's end.
pub(super) struct Door {
    pub inputs: mpsc::Receiver<Waiting>,
    pub requests: mpsc::Receiver<Request>,
}

/// Both ends for a new room, and where it says whether it is held.
pub(super) fn new() -> (RoomHandle, Door, watch::Sender<bool>) {
    let (inputs, waiting) = mpsc::channel(QUEUE);
    let (requests, asked) = mpsc::channel(QUEUE);
    let (held, is_held) = watch::channel(false);
    let chunks = Arc::new(Semaphore::new(CHUNKS));
    (RoomHandle { inputs, chunks, requests, held: is_held }, Door { inputs: waiting, requests: asked }, held)
}
