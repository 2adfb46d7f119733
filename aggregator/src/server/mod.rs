//! What `chorus serve` runs: rooms on disk and in memory, their sockets, their pages and their interface over HTTP.
//!
//! An import points down this list, or to a file beside the rooms:
//!
//! | room | what lives there |
//! | --- | --- |
//! | `http` | addresses, pages, and rooms as JSON |
//! | `socket` | one participant's WebSocket |
//! | `rooms` | one thread a room, which carries out what the coordinator asks for |
//! | `store` | rooms and models on disk |
//!
//! What they stand on knows no room: `config`, `disk`, `limits`, `links`, `log` and `metrics` know nothing of the others, `gate` knows
//! `limits` and `metrics`, `tls` knows `disk` and `links`. No rule of a round is here: those are in `federation`.

pub mod config;
pub mod disk;
pub mod gate;
pub mod http;
pub mod limits;
pub mod links;
pub mod log;
pub mod metrics;
pub mod rooms;
mod socket;
pub mod store;
pub mod tls;
