//! What an edge says for all of its clients: both ends of a room of edges agree on it here.

use masking::hash;
use protocol::{Evaluation, Hex, ModelVersion, PartialSum, Round, Token, TrainingResult, Transfer};

/// By what a room of edges knows their key.
pub fn key_check(key: &Token) -> Hex<32> {
    Hex(hash("chorus edge key", &[key.secret().as_bytes()]))
}

/// What an edge's clients gave to a round, as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Partial {
    /// The round.
    pub round: Round,
    /// The version of the model that the updates are differences to.
    pub model_version: ModelVersion,
    /// What was added up.
    pub sum: PartialSum,
    /// The means, one behind the other, as [`protocol::ClientMessage::Partial`] sends them.
    pub means: Vec<f32>,
    /// How the received model did on what all of them hold back.
    pub evaluation: Option<Evaluation>,
    /// How their training went.
    pub training: TrainingResult,
}

impl Partial {
    /// Announces it, its bytes being these.
    pub(crate) fn announced(&self, update: Transfer) -> protocol::ClientMessage {
        let Partial { round, model_version, sum, means: _, evaluation, training } = self;
        protocol::ClientMessage::Partial {
            round: *round,
            model_version: *model_version,
            sum: *sum,
            update,
            evaluation: evaluation.clone(),
            training: *training,
        }
    }
}
