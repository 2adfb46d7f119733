//! What the tests of the running program share: a server of their own, and a participant that speaks the bare protocol.
#![allow(dead_code, reason = "each test file uses its own part of this")]

#[cfg(feature = "cluster")]
pub mod cluster;
pub mod http;
pub mod proxy;
pub mod raw_client;
pub mod server;
pub mod student;
pub mod told;
pub mod voices;
