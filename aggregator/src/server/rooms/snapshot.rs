//! A room as others see it at one moment.

use bytes::Bytes;
use federation::{Checkpoint, Coordinator, Insight, Load, MaskedTogether, Millis};
use protocol::Status;

/// What is known of a room at one moment.
#[derive(Clone)]
pub struct Snapshot {
    /// What would be stored of it; it holds the participants' secrets.
    pub checkpoint: Checkpoint,
    /// Where it is.
    pub status: Status,
    /// What the host alone is told of its clients.
    pub insights: Vec<Insight>,
    /// Whose numbers are masked together.
    pub masked_together: Option<MaskedTogether>,
    /// What it holds for its clients.
    pub load: Load,
    /// The present model: `f32` little endian, in the layout's order; shared with the room.
    pub model: Bytes,
}

impl Snapshot {
    /// Of a room as its coordinator has it at `now`.
    pub fn of(room: &Coordinator, now: Millis) -> Self {
        Self {
            checkpoint: room.checkpoint(),
            status: room.status(now),
            insights: room.insights(),
            masked_together: room.masked_together().cloned(),
            load: room.load(),
            model: room.model().bytes(),
        }
    }
}
