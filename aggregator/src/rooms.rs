//! All rooms of this program, by code.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, Result};
use federation::{ConnectionId, Coordinator};
use models::Architecture;
use protocol::{RoomCode, RoomConfig};
use tokio::sync::watch;

use crate::room::{self, RoomHandle};
use crate::store::Store;

/// Each room may hold about three times its model in memory, so there is an end.
const MOST_ROOMS: usize = 32;

/// Why a room was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Two rooms cannot share a code.
    #[error("there is already a room {0}; choose another code or none")]
    Taken(RoomCode),
    /// The program has as many rooms as it serves.
    #[error("this program serves at most {MOST_ROOMS} rooms; start another one")]
    TooMany,
    /// The network is not one of ours.
    #[error(transparent)]
    Model(#[from] models::UnknownArchitecture),
    /// The system or the rules would not have it.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// The rooms, and what they have in common.
pub struct Rooms {
    rooms: RwLock<HashMap<RoomCode, RoomHandle>>,
    store: Arc<Store>,
    stopping: watch::Receiver<bool>,
    connections: AtomicU64,
}

impl Rooms {
    /// No rooms yet. `stopping` turns true when the program is to end.
    pub fn new(store: Arc<Store>, stopping: watch::Receiver<bool>) -> Self {
        Self { rooms: RwLock::default(), store, stopping, connections: AtomicU64::new(0) }
    }

    /// Makes a room with a freshly initialised model.
    pub fn create(&self, config: RoomConfig) -> Result<(), CreateError> {
        let architecture: Architecture = config.architecture.parse()?;
        let initial = models::initial_parameters(architecture, config.labels.len(), config.seed.into());
        let code = config.code.clone();
        let spool = self.store.spool(&config);
        let coordinator =
            Coordinator::new(config, initial, spool).context("the room's settings do not fit together")?;
        // A damaged room is in the store and not here: it must not be overwritten.
        if self.store.contains(&code)? {
            return Err(CreateError::Taken(code));
        }
        self.store.save(&coordinator, true).context("the new room cannot be stored")?;
        self.add(code.clone(), coordinator).inspect_err(|_| {
            if let Err(error) = self.store.delete(&code) {
                tracing::error!(room = %code, "what was stored of a room that was not made is left behind ({error:#})");
            }
        })
    }

    /// Ends a room for everyone in it and deletes everything that is stored of it.
    pub async fn delete(&self, code: &RoomCode) -> Result<()> {
        let room = self.rooms.write().unwrap_or_else(PoisonError::into_inner).remove(code);
        if let Some(room) = room {
            room.park().await;
        }
        self.store.delete(code)
    }

    /// Where rooms are stored.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Lets a room go on, new or restored.
    pub fn add(&self, code: RoomCode, coordinator: Coordinator) -> Result<(), CreateError> {
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        if rooms.contains_key(&code) {
            return Err(CreateError::Taken(code));
        }
        if rooms.len() >= MOST_ROOMS {
            return Err(CreateError::TooMany);
        }
        let handle = room::start(&code, coordinator, self.store.clone())?;
        rooms.insert(code, handle);
        Ok(())
    }

    /// The door to a room.
    pub fn get(&self, code: &RoomCode) -> Option<RoomHandle> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(code).cloned()
    }

    /// The codes of all rooms, sorted.
    pub fn codes(&self) -> Vec<RoomCode> {
        let mut codes: Vec<_> = self.rooms.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        codes.sort();
        codes
    }

    /// A number that no connection of this program had before.
    pub fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// Turns true when the program is to end.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// Stores every room and ends its thread.
    pub async fn park(&self) {
        for code in self.codes() {
            if let Some(room) = self.get(&code) {
                room.park().await;
            }
        }
    }
}
