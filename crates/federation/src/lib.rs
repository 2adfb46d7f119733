//! The rules of federated rounds, for both ends, as state machines.
//!
//! [`Coordinator`] keeps a room: it takes [`Event`]s and gives [`Action`]s. [`Participant`] is a client's side: it
//! takes [`Input`]s and gives [`Output`]s. Both are told the time, and say when they next want to be woken. They
//! open no sockets, read no clocks, touch no files and start no threads, so that a tab, a native program and a test
//! with a made-up clock run the same rules.
//!
//! The shell around either of them does this, for ever:
//! ```text
//! handle(now, what happened) or handle_timeout(now)
//! while let Some(action) = poll_action() { carry it out }
//! sleep until next_timeout() or until something happens
//! ```

mod aggregation;
mod coordinator;
mod edge;
mod groups;
pub mod in_memory;
mod influence;
pub mod local_work;
mod masked;
mod metrics;
mod model;
mod model_mean;
mod noise;
mod normalisation;
mod partial;
mod participant;
mod rounding;
mod sketch;
mod strategy;
mod time;
mod update;

pub use aggregation::{MemorySpool, Spool};
pub use coordinator::{
    Action, Beginning, Checkpoint, CloseReason, ConnectionId, Contribution, Coordinator, CoordinatorError, Event,
    Groups, Held, HeldOf, Holding, HostError, Identity, Insight, Kind, Lead, Load, Word,
};
pub use edge::Edge;
pub use masked::MaskedTogether;
pub use masking::normal;
pub use model::Model;
pub use model_mean::ModelMean;
pub use noise::budget_before;
pub use partial::{Partial, key_check};
pub use participant::{
    ClippedGradients, Connection, Input, MaskingMemory, MaskingSecrets, Notice, NoticeCode, Output, Participant,
    ParticipantConfig, StopReason, TrainRequest, View, Work,
};
pub use strategy::extra_vectors;
pub use time::Millis;
