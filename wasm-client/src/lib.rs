//! Chorus in a browser tab.
//!
//! Programs that share this crate: `client` is small and starts at once: it keeps clips, speaks to the aggregator and
//! runs the participant's side of the rounds. `trainer` and `trainer-webgpu` have the networks in them, one for the
//! processor and one for a graphics processor: either runs in a worker of its own, so that the connection stays alive
//! while it computes, and knows neither clips, nor storage, nor network. `decoder` reads sound files in a worker that may be lost. `attacker` is set on an update of this
//! laptop's own. `offline` is in the page that a person takes
//! home. Nothing here decides a rule of the rounds (that is `federation`) or draws the page (that is `www/`).

pub mod adapter;
pub mod answer;
pub mod app;
mod charts;
mod clip_list;
mod commands;
mod connection;
mod decoder_link;
pub mod exposing;
pub mod failure;
mod holding;
mod kept;
pub mod page;
mod personal;
mod preflight;
mod processor;
mod receipts;
mod rounds;
mod seats;
mod shared_model;
mod showing;
mod socket;
pub mod sounds;
mod storage;
mod trainer_host;
mod trainer_link;
pub mod training;
mod trying;
mod view;
pub mod worker_link;
