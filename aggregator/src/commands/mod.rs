//! One file per command: its arguments, and a `run` that does it.

pub mod experiment;
pub mod features;
mod interrupt;
pub mod join;
pub mod models;
pub mod privacy;
mod progress;
pub mod serve;
pub mod simulate;
pub mod swarm;
pub mod synth;
