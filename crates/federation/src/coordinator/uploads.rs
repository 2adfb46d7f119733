//! Uploads one after the other: announced updates wait in line until there is memory to receive them.
//!
//! A client has at most one announcement here, so the line is never longer than the room; and the buffers together
//! take at most what the shell allows (at first [`UPLOAD_MEMORY`]), or one update where that is larger.

use std::collections::VecDeque;

use bytes::Bytes;
use protocol::{
    Assembly, AssemblyError, Chunk, ClientId, Evaluation, PartialSum, Round, TrainingResult, Transfer, TransferId,
};

use super::ConnectionId;
use crate::Millis;

/// Memory for updates being received where the shell allows no other, bytes.
pub(crate) const UPLOAD_MEMORY: usize = 48 * 1024 * 1024;
/// Most updates received at one time.
const MAX_SLOTS: usize = 64;
/// An upload of which nothing came for this long is ended, milliseconds.
pub(crate) const STALL_MS: u64 = 30_000;
/// While others wait, an upload has its slot for so long, milliseconds,
pub(crate) const TURN_MS: u64 = 30_000;
/// or for as long as its bytes take at this rate, where that is longer, bytes a millisecond: a slow Wi-Fi at the other end of
/// the school. Whoever is slower still goes to the end of the line, and has all the time there is when nobody waits.
const LOWEST_RATE: u64 = 32;

/// An update that a client has, as far as it has been checked.
#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    pub client: ClientId,
    pub connection: ConnectionId,
    pub round: Round,
    pub examples: u32,
    pub steps: u32,
    /// In a room of edges, what its bytes are the mean of; `examples` and `steps` are 0 then.
    pub sum: Option<PartialSum>,
    pub update: Transfer,
    pub evaluation: Option<Evaluation>,
    pub training: TrainingResult,
}

#[derive(Debug)]
struct Slot {
    announcement: Announcement,
    assembly: Assembly,
    begun: Millis,
    /// When the last of it came.
    last: Millis,
}

impl Slot {
    /// When it has to make place for whoever waits.
    fn turn_over(&self) -> Millis {
        self.begun + TURN_MS.max(u64::from(self.announcement.update.bytes) / LOWEST_RATE)
    }
}

/// An upload that was ended, and why.
pub(crate) enum Ended {
    /// Nothing came for too long.
    Stalled(Announcement),
    /// It had its time, and others wait.
    TurnOver(Announcement),
}

/// The line and the slots.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    slots: Vec<Slot>,
    line: VecDeque<Announcement>,
    most_slots: usize,
}

/// What a chunk led to.
pub(crate) enum Taken {
    /// More has to come.
    More,
    /// This is the whole update, with the right checksum.
    Whole(Announcement, Bytes),
    /// The chunk does not fit; the upload is ended.
    Wrong(Announcement, AssemblyError),
    /// No upload of this name was asked for on this connection.
    Unannounced,
}

impl Uploads {
    /// Lets updates of so many bytes take so much memory, from the next one on that may begin.
    pub(crate) fn allow(&mut self, update_bytes: usize, memory: usize) {
        self.most_slots = (memory / update_bytes.max(1)).clamp(1, MAX_SLOTS);
    }

    /// Puts an update at the end of the line. The caller has removed an earlier one of the same client.
    pub(crate) fn announce(&mut self, announcement: Announcement) {
        self.line.push_back(announcement);
    }

    /// Gives a free slot to the first in line: this upload may begin.
    pub(crate) fn begin_next(&mut self, now: Millis) -> Option<(ConnectionId, TransferId)> {
        if self.slots.len() >= self.most_slots {
            return None;
        }
        let announcement = self.line.pop_front()?;
        let begun = (announcement.connection, announcement.update.id);
        let assembly = Assembly::new(announcement.update);
        self.slots.push(Slot { announcement, assembly, begun: now, last: now });
        Some(begun)
    }

    /// Takes a chunk for the slot that it belongs to.
    pub(crate) fn take(&mut self, now: Millis, connection: ConnectionId, chunk: &Chunk) -> Taken {
        let belongs =
            |slot: &Slot| slot.announcement.connection == connection && slot.announcement.update.id == chunk.transfer;
        let Some(index) = self.slots.iter().position(belongs) else {
            return Taken::Unannounced;
        };
        let slot = &mut self.slots[index];
        slot.last = now;
        match slot.assembly.take(chunk) {
            Ok(None) => Taken::More,
            Ok(Some(bytes)) => Taken::Whole(self.slots.swap_remove(index).announcement, bytes),
            Err(error) => Taken::Wrong(self.slots.swap_remove(index).announcement, error),
        }
    }

    /// Some of a chunk came on a connection.
    pub(crate) fn goes_on(&mut self, now: Millis, connection: ConnectionId) {
        self.slots
            .iter_mut()
            .filter(|slot| slot.announcement.connection == connection)
            .for_each(|slot| slot.last = now);
    }

    /// Takes a client's update out of the line or its slot.
    pub(crate) fn cancel(&mut self, client: ClientId) -> Option<Announcement> {
        if let Some(index) = self.slots.iter().position(|slot| slot.announcement.client == client) {
            return Some(self.slots.swap_remove(index).announcement);
        }
        let index = self.line.iter().position(|waiting| waiting.client == client)?;
        self.line.remove(index)
    }

    /// Ends one upload that has stalled, or keeps others waiting for too long.
    pub(crate) fn end_stalled(&mut self, now: Millis) -> Option<Ended> {
        if let Some(index) = self.slots.iter().position(|slot| slot.last + STALL_MS <= now) {
            return Some(Ended::Stalled(self.slots.swap_remove(index).announcement));
        }
        // Each that is ended makes place for one of the line.
        if self.slots.len() < self.most_slots || self.line.is_empty() {
            return None;
        }
        let index = self.slots.iter().position(|slot| slot.turn_over() <= now)?;
        Some(Ended::TurnOver(self.slots.swap_remove(index).announcement))
    }

    /// Takes everything out.
    pub(crate) fn end_all(&mut self) -> Vec<Announcement> {
        self.slots.drain(..).map(|slot| slot.announcement).chain(self.line.drain(..)).collect()
    }

    /// When the next upload is ended if nothing comes.
    pub(crate) fn next_stall(&self) -> Option<Millis> {
        let waited_for = self.slots.len() >= self.most_slots && !self.line.is_empty();
        let end = |slot: &Slot| {
            let stall = slot.last + STALL_MS;
            if waited_for { stall.min(slot.turn_over()) } else { stall }
        };
        self.slots.iter().map(end).min()
    }

    /// The part of a client's update that has come: `None` = not here, `Some(None)` = waits in line.
    pub(crate) fn state_of(&self, client: ClientId) -> Option<Option<f32>> {
        let slot = self.slots.iter().find(|slot| slot.announcement.client == client);
        let waits = || self.line.iter().any(|waiting| waiting.client == client);
        match slot {
            Some(slot) => Some(Some(slot.assembly.receipt().fraction())),
            None => waits().then_some(None),
        }
    }

    /// Bytes of a client's update that have come; `None`: none is on its way.
    pub(crate) fn bytes_of(&self, client: ClientId) -> Option<usize> {
        let slot = self.slots.iter().find(|slot| slot.announcement.client == client)?;
        Some(slot.assembly.receipt().received() as usize)
    }

    /// Bytes that the slots' buffers take, slots in use, and length of the line.
    pub(crate) fn load(&self) -> (usize, usize, usize) {
        let bytes = self.slots.iter().map(|slot| slot.assembly.capacity()).sum();
        (bytes, self.slots.len(), self.line.len())
    }
}
