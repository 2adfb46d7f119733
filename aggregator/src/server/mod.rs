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
//! Of the files, `config`, `limits`, `links`, `log`, `metrics` and `process` know no room; `gate` knows `limits` and `metrics`, `tls`
//! knows `links`. No rule of a round is here: those are in `federation`.

pub mod config;
pub mod gate;
pub mod http;
pub mod limits;
pub mod links;
pub mod log;
pub mod metrics;
pub mod process;
pub mod rooms;
mod socket;
pub mod store;
pub mod tls;
