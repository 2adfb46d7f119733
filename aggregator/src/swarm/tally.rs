//! What all clients of a load have seen so far, counted together.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::{RoomCode, RoundRecord};
use tokio::sync::watch;

/// Counts and samples.
pub struct Tally {
    counts: Mutex<Counts>,
    /// Bytes of frames' payloads, as WebSocket carries them: sent to the server, and received.
    pub bytes_up: AtomicU64,
    /// See `bytes_up`.
    pub bytes_down: AtomicU64,
    /// Updates being sent at this moment.
    pub uploading: AtomicU64,
    clients: usize,
    closed: watch::Sender<u32>,
}

/// Everything that is kept by the lock.
#[derive(Default)]
pub struct Counts {
    /// The records of closed rounds, by room and round.
    pub rounds: HashMap<RoomCode, BTreeMap<u32, RoundRecord>>,
    /// From opening a socket to `welcome`, milliseconds.
    pub connects: Vec<f64>,
    /// Clients connected now.
    pub connected: usize,
    /// Updates that were accepted.
    pub accepted: u64,
    /// Status messages heard.
    pub statuses: u64,
    /// From a WebSocket ping to its pong while updates are on their way, milliseconds.
    pub pings: Vec<f64>,
    /// From a message to its answer through the room's thread while updates are on their way, milliseconds.
    pub answers: Vec<f64>,
    /// Connections that were dropped on purpose.
    pub dropped: u64,
    /// What went wrong, by kind.
    pub errors: BTreeMap<String, u64>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(rooms: &[RoomCode], clients: usize) -> Tally {
        let rounds = rooms.iter().map(|room| (room.clone(), BTreeMap::new())).collect();
        Tally {
            counts: Mutex::new(Counts { rounds, ..Counts::default() }),
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
            uploading: AtomicU64::new(0),
            clients,
            closed: watch::Sender::new(0),
        }
    }

    /// The counts, for a moment.
    pub fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something went wrong for one client.
    pub fn error(&self, kind: impl Into<String>) {
        *self.counts().errors.entry(kind.into()).or_default() += 1;
    }

    /// A client heard that a round is over.
    pub fn round(&self, room: &RoomCode, record: RoundRecord) {
        if let Some(rounds) = self.counts().rounds.get_mut(room) {
            rounds.insert(record.round.0, record);
        }
        self.closed.send_modify(|count| *count += 1);
    }

    /// Waits until every room has closed so many rounds.
    pub async fn all_done(&self, rounds: u32) {
        let done = |_: &u32| self.counts().rounds.values().all(|closed| closed.len() as u32 >= rounds);
        // The sender is this one's own.
        let _ = self.closed.subscribe().wait_for(done).await;
    }

    /// How it stands, in one line.
    pub fn line(&self, since: Duration) -> String {
        let (up, down) = (self.bytes_up.load(Ordering::Relaxed), self.bytes_down.load(Ordering::Relaxed));
        let counts = self.counts();
        let rounds = counts.rounds.values().map(BTreeMap::len);
        let (least, most) = (rounds.clone().min().unwrap_or(0), rounds.max().unwrap_or(0));
        let errors: u64 = counts.errors.values().sum();
        format!(
            "{:5.0} s  {} of {} connected  rounds {least} to {most}  {} updates in, {} on their way  {:.0} MB up, {:.0} MB down  \
             {errors} errors",
            since.as_secs_f64(),
            counts.connected,
            self.clients,
            counts.accepted,
            self.uploading.load(Ordering::Relaxed),
            up as f64 / 1e6,
            down as f64 / 1e6,
        )
    }
}
