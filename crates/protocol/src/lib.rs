//! What travels between a client and the aggregator: messages, identifiers, limits, encodings and frames.
//!
//! One WebSocket a client carries JSON text frames ([`ClientMessage`], [`ServerMessage`]) and binary frames
//! ([`Chunk`]). Everything that comes from outside goes in through [`parse_client`], [`parse_server`],
//! [`Chunk::parse`] and [`Assembly`], which bound it before anything is allocated for it.
//!
//! This crate knows no rules of a round, no network, no clock and no model: an architecture is a name and a
//! count of parameters. `docs/protocol.md` describes the same for a reader who writes a client in another language.

// The tests' samples name this crate as everybody else does.
#[cfg(test)]
extern crate self as protocol;

mod aggregation;
mod assembly;
mod checksum;
mod choice;
mod chunk;
mod code;
mod edges;
mod encoding;
mod error;
mod final_model;
mod groups;
mod host;
mod id;
pub mod limits;
mod masking;
mod message;
mod modalities;
mod noise;
mod normalisation;
mod pace;
mod parse;
mod room;
#[cfg(test)]
#[path = "../tests/samples/mod.rs"]
mod samples;
mod selection;
mod signs;
mod stragglers;
mod strategy;

pub use aggregation::Aggregation;
pub use assembly::{Assembly, AssemblyError, Receipt};
pub use checksum::Checksum;
pub use choice::{Choice, Range, Setting, UnknownName};
pub use chunk::{Chunk, chunks, framed_bytes, pieces};
pub use code::{ErrorCode, RefusalReason};
pub use edges::Edges;
pub use encoding::{Encoding, EncodingError};
pub use error::ProtocolError;
pub use final_model::FinalModel;
pub use groups::{ByGroup, GroupResult};
pub use host::HostCommand;
pub use id::{ClientId, ModelVersion, RoomCode, Round, Token, TransferId};
pub use masking::{
    Adversary, Agreement, Hex, MaskedEncoding, Masking, MaskingKeys, RevealedShare, RosterEntry, SealedShares, Secret,
};
pub use message::{
    ClientMessage, ClientState, ClientSummary, Difference, Evaluation, MaskedStatistics, PartialSum, Phase,
    RoundRecord, RoundTraining, ServerMessage, Standardisation, Status, TrainingResult, Transfer, change_clients,
};
pub use modalities::Modalities;
pub use noise::{Budget, Hides, Noise};
pub use normalisation::Normalisation;
pub use pace::Pace;
pub use parse::{parse_client, parse_server};
pub use room::{RoomConfig, TrainingSettings};
pub use selection::Selection;
pub use signs::{PICTURES, check_readable};
pub use stragglers::Stragglers;
pub use strategy::{Augmentation, Optimiser, Strategy};
