//! What a participant does, whatever it runs in: the tab, `chorus join` and the simulator call the same functions.
//!
//! Pure: it knows no browser, no socket, no disk, no clock and no random source of its own. The rules of the rounds are
//! `federation`'s, the networks are `models`'; this says how a person's sound becomes what those two take and give.
#![forbid(unsafe_code)]

mod held_back;
mod sizes;
mod statistics;

pub use held_back::{divide, held_back, per_label};
pub use sizes::INPUT_VALUES;
pub use statistics::statistics;
