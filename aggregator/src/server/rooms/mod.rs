//! All rooms of this program, by code.

mod door;
mod hold;
pub mod outbox;
mod room;
mod snapshot;
mod taking_over;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use anyhow::{Context as _, Result};
use federation::{ConnectionId, Coordinator, Word};
use futures_util::future::join_all;
use models::Architecture;
use protocol::{RoomCode, RoomConfig};
use tokio::sync::mpsc;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use crate::server::limits::{Allowance, Limits, UPLOAD_MEMORY, room_memory};
use crate::server::log::Few;
use crate::server::metrics::Metrics;
use crate::server::store::Store;

static REFUSED_LINES: Few = Few::new();

pub use door::{CommandError, InspectError, RoomHandle};
pub use snapshot::Snapshot;

/// Why a room was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Two rooms cannot share a code.
    #[error("there is already a room {0}; choose another code or none")]
    Taken(RoomCode),
    /// The program has as many rooms as it serves.
    #[error("this program serves at most {0} rooms; delete one, or start it again with a larger --max-rooms")]
    TooMany(usize),
    /// The models of all rooms would take too much memory.
    #[error(
        "the rooms' models would take {needed} MiB of memory, and {allowed} MiB are allowed; delete a room, choose a \
         smaller network, or start the program again with a larger --max-model-memory"
    )]
    TooLarge {
        /// With the new room, MiB.
        needed: u64,
        /// By the limit, MiB.
        allowed: u64,
    },
    /// Rooms are made faster than they may be.
    #[error("{0} rooms were made within a minute, and no more may be; wait a moment")]
    TooFast(usize),
    /// The network is not one of ours.
    #[error(transparent)]
    Model(#[from] models::UnknownArchitecture),
    /// The system or the rules would not have it.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// The rooms, and what they have in common.
pub struct Rooms {
    rooms: RwLock<HashMap<RoomCode, Held>>,
    store: Arc<dyn Store>,
    stopping: Receiver<bool>,
    connections: AtomicU64,
    limits: Limits,
    new_rooms: Mutex<Allowance>,
    metrics: Arc<Metrics>,
    /// How many there are, which their threads see.
    count: Arc<AtomicUsize>,
}

/// A room that goes on.
struct Held {
    handle: RoomHandle,
    /// Bytes that it may come to hold by itself.
    memory: u64,
}

impl Rooms {
    /// No rooms yet. `stopping` turns true when the program is to end.
    pub fn new(store: Arc<dyn Store>, stopping: Receiver<bool>, limits: Limits, metrics: Arc<Metrics>) -> Self {
        let new_rooms = Mutex::new(limits.new_rooms(Instant::now()));
        let (rooms, connections, count) = (RwLock::default(), AtomicU64::new(0), Arc::default());
        Self { rooms, store, stopping, connections, limits, new_rooms, metrics, count }
    }

    /// Makes a room with a freshly initialised model.
    pub fn create(&self, config: RoomConfig) -> Result<(), CreateError> {
        let architecture: Architecture = config.architecture.parse()?;
        // Before a model is made for it; `add` looks again, since others may be made meanwhile.
        self.is_place_for(&self.read(), &config)?;
        if !self.new_rooms.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now()) {
            return self.refuse("rooms_per_minute", CreateError::TooFast(self.limits.max_rooms_per_minute));
        }
        let initial = models::initial_parameters(architecture, config.labels.len(), config.seed.into());
        let code = config.code.clone();
        let spool = self.store.spool(&config);
        let mut coordinator =
            Coordinator::new(config, initial, spool).context("the room's settings do not fit together")?;
        coordinator.standardise(client::common_scale());
        // A damaged room is in the store and not here: it must not be overwritten.
        if self.store.contains(&code)? {
            return Err(CreateError::Taken(code));
        }
        self.store.save(&coordinator, true).context("the new room cannot be stored")?;
        let (model, memory) = (coordinator.config().architecture.clone(), room_memory(coordinator.config()));
        let added = self.add(code.clone(), coordinator);
        added.inspect(|()| tracing::info!(room = %code, model, memory, "room made")).inspect_err(|_| {
            if let Err(error) = self.store.delete(&code) {
                tracing::error!(room = %code, "what was stored of a room that was not made is left behind ({error:#})");
            }
        })
    }

    fn is_place_for(&self, rooms: &HashMap<RoomCode, Held>, config: &RoomConfig) -> Result<u64, CreateError> {
        if rooms.len() >= self.limits.max_rooms {
            return self.refuse("rooms", CreateError::TooMany(self.limits.max_rooms));
        }
        let memory = room_memory(config);
        let needed = memory_of(rooms) + memory;
        let allowed = self.limits.model_memory();
        if needed > allowed {
            let mebibytes = |bytes: u64| bytes.div_ceil(1024 * 1024);
            let error = CreateError::TooLarge { needed: mebibytes(needed), allowed: mebibytes(allowed) };
            return self.refuse("model_memory", error);
        }
        Ok(memory)
    }

    fn refuse<T>(&self, limit: &'static str, error: CreateError) -> Result<T, CreateError> {
        self.metrics.refused(limit);
        if let Some(left_out) = REFUSED_LINES.allow() {
            tracing::warn!(limit, left_out, "a room was refused");
        }
        Err(error)
    }

    /// Ends a room for everyone in it and deletes everything that is stored of it.
    pub async fn delete(&self, code: &RoomCode) -> Result<()> {
        let room = {
            let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
            let room = rooms.remove(code);
            self.count.store(rooms.len(), Ordering::Relaxed);
            room
        };
        if let Some(room) = room {
            room.handle.park().await;
        }
        self.store.delete(code)
    }

    /// Where rooms are stored.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Makes the room of an edge, which waits for what the room above wants of it; what it has for that comes out of the channel.
    pub fn create_led(&self, config: RoomConfig) -> Result<(RoomHandle, mpsc::UnboundedReceiver<Word>), CreateError> {
        let _: Architecture = config.architecture.parse()?;
        let code = config.code.clone();
        let mut coordinator = Coordinator::led(config).context("the room's settings do not fit together")?;
        coordinator.standardise(client::common_scale());
        self.store.save(&coordinator, true).context("the room cannot be stored")?;
        let (words, said) = mpsc::unbounded_channel();
        self.add_with(code.clone(), coordinator, Some(words))?;
        let handle = self.get(&code).context("the room has ended")?;
        Ok((handle, said))
    }

    /// Lets a room go on, new or restored.
    pub fn add(&self, code: RoomCode, coordinator: Coordinator) -> Result<(), CreateError> {
        self.add_with(code, coordinator, None)
    }

    fn add_with(
        &self,
        code: RoomCode,
        mut coordinator: Coordinator,
        words: Option<mpsc::UnboundedSender<Word>>,
    ) -> Result<(), CreateError> {
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        if rooms.contains_key(&code) {
            return Err(CreateError::Taken(code));
        }
        let memory = self.is_place_for(&rooms, coordinator.config())?;
        // New whenever the program starts: noise that comes twice could be taken off.
        coordinator.seed_noise(rand::random());
        let handle =
            room::start(&code, coordinator, self.store.clone(), self.count.clone(), self.metrics.clone(), words)?;
        rooms.insert(code, Held { handle, memory });
        self.count.store(rooms.len(), Ordering::Relaxed);
        Ok(())
    }

    /// Forgets rooms that other servers took.
    fn forget_ended(&self) {
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, room| !room.handle.has_ended());
        self.count.store(rooms.len(), Ordering::Relaxed);
    }

    /// How many rooms there are, and how many bytes they may come to hold.
    pub fn size(&self) -> (u64, u64) {
        let rooms = self.read();
        (rooms.len() as u64, memory_of(&rooms))
    }

    /// What this program takes on.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where it is counted what happens.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<RoomCode, Held>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The door to a room.
    pub fn get(&self, code: &RoomCode) -> Option<RoomHandle> {
        self.read().get(code).map(|room| room.handle.clone()).filter(|room| !room.has_ended())
    }

    /// The codes of all rooms, sorted.
    pub fn codes(&self) -> Vec<RoomCode> {
        let rooms = self.read();
        let going_on = rooms.iter().filter(|(_, room)| !room.handle.has_ended());
        let mut codes: Vec<_> = going_on.map(|(code, _)| code.clone()).collect();
        codes.sort();
        codes
    }

    /// A number that no connection of this program had before.
    pub fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// Turns true when the program is to end.
    pub fn stopping(&self) -> Receiver<bool> {
        self.stopping.clone()
    }

    /// Stores every room and ends its thread; another server of the cluster may have it from then on, whatever the others here still
    /// wait for.
    pub async fn park(&self) {
        let each = self.codes().into_iter().filter_map(|code| Some((self.get(&code)?, code)));
        let parked = each.map(|(room, code)| async move {
            room.park().await;
            let store = self.store.clone();
            // Where it fails the others notice a moment later.
            let _ = tokio::task::spawn_blocking(move || store.release(&code)).await;
        });
        join_all(parked).await;
        let store = self.store.clone();
        let _ = tokio::task::spawn_blocking(move || store.leave()).await;
    }
}

/// Bytes that rooms may come to hold, with the memory for updates that they share.
fn memory_of(rooms: &HashMap<RoomCode, Held>) -> u64 {
    UPLOAD_MEMORY as u64 + rooms.values().map(|room| room.memory).sum::<u64>()
}
