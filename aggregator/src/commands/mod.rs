//! One file per command: its arguments, and a `run` that does it.

pub mod edge;
pub mod experiment;
pub mod features;
mod house;
mod interrupt;
pub mod join;
pub mod models;
pub mod privacy;
mod progress;
mod queue;
pub mod serve;
pub mod simulate;
pub mod swarm;
pub mod synth;
pub mod work;
