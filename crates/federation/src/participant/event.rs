//! What a participant is told, what it wants done, and what it shows.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{
    ByGroup, Chunk, ClientId, ClientMessage, ErrorCode, Evaluation, ModelVersion, ProtocolError, RoomCode, RoomConfig,
    Round, RoundRecord, RoundTraining, ServerMessage, Standardisation, Status, Token, TrainingResult, TransferId,
};
use serde::{Deserialize, Serialize};

use super::masking::{MaskingMemory, MaskingSecrets};
use super::notice::Notice;
use crate::partial::Partial;
use crate::{MaskedTogether, Millis};

/// Who takes part, and where.
#[derive(Clone, Debug)]
pub struct ParticipantConfig {
    /// The room to join.
    pub room: RoomCode,
    /// The name that others see; `None`: the server gives one.
    pub name: Option<String>,
    /// The token of an earlier visit to this room.
    pub token: Option<Token>,
    /// The program and its version, for the host's log.
    pub software: String,
    /// Spreads reconnects over time, so that a class does not come back in one instant: different for every client.
    pub seed: u64,
    /// What it needs in a masked room; without, it takes part in no round of one.
    pub masking: Option<MaskingSecrets>,
}

/// What happened outside.
#[allow(clippy::large_enum_variant, reason = "an input is made, taken and dropped; few exist at a time")]
#[derive(Clone, Debug)]
pub enum Input {
    /// The socket asked for with [`Output::Connect`] is open.
    Opened,
    /// The socket is closed, or could not be opened.
    Closed,
    /// A text frame came, and was read by `protocol::parse_server`.
    Message(ServerMessage),
    /// A frame came that `protocol` refused.
    Malformed(ProtocolError),
    /// A binary frame came, and was read by `protocol::Chunk::parse`.
    Chunk(Chunk),
    /// So much of an upload was handed to the network.
    Sent {
        /// The upload.
        transfer: TransferId,
        /// Payload bytes handed over so far.
        bytes: u32,
    },
    /// The clips that there are to train on changed.
    Holdings {
        /// Examples to train on; 0 = none, and so nothing to take part with.
        examples: u32,
        /// How many each label has, in the room's order.
        labels: Vec<u32>,
        /// Examples to evaluate on.
        held_back: u32,
        /// How long a step of training takes here, milliseconds; `None`: it was not measured.
        step_ms: Option<f64>,
    },
    /// The person starts or stops taking part.
    TakePart(bool),
    /// The person begins or ends to record a clip.
    Recording(bool),
    /// The person says in which of the room's groups they are, counted from 0; `None`: they say none. It is told with how the finished
    /// model does here.
    Group(Option<u32>),
    /// The person wants another name.
    Rename(String),
    /// The person goes for good.
    Leave,
    /// Answers [`Output::ComputeStatistics`].
    Statistics {
        /// Frames counted.
        frames: u64,
        /// Sum of each feature.
        sum: Vec<f64>,
        /// Sum of each feature's square.
        sum_squares: Vec<f64>,
    },
    /// How a model did on held-back examples: of a round's model (before [`Input::Trained`]) or of the finished one.
    Evaluated {
        /// The model's version.
        model_version: ModelVersion,
        /// The result.
        evaluation: Evaluation,
    },
    /// A step of training is done.
    Progress {
        /// The round trained for.
        round: Round,
        /// The epoch under way, from 1.
        epoch: u32,
        /// Epochs in all.
        epochs: u32,
        /// The step done, from 1.
        step: u32,
        /// Steps of an epoch.
        steps: u32,
    },
    /// Answers [`Output::Train`].
    Trained {
        /// The round trained for.
        round: Round,
        /// The version trained from.
        model_version: ModelVersion,
        /// The parameters after training (not the difference).
        parameters: Vec<f32>,
        /// Examples trained on.
        examples: u32,
        /// Steps of the optimiser that it took, at least 1.
        steps: u32,
        /// How it went in the last epoch.
        training: TrainingResult,
    },
    /// For an edge, in place of [`Input::Holdings`]: what all of its clients have.
    Edge {
        /// The edges' key of the room.
        key: Token,
        /// Clients that take part; 0 = none, and so nothing to take part with.
        clients: u32,
        /// Examples that they train on.
        examples: u32,
        /// How many each label has; empty where that is not told.
        labels: Vec<u32>,
        /// Examples that they evaluate on.
        held_back: u32,
    },
    /// For an edge, before [`Input::Evaluated`] of the finished model: what its clients' evaluations come to by group.
    ByGroup(Option<ByGroup>),
    /// For an edge, in place of [`Input::Trained`]: what its clients' updates come to.
    Gathered(Box<Partial>),
    /// Training (or computing statistics) can't be done. The client stops taking part.
    TrainingFailed {
        /// Why, for a person.
        reason: String,
        /// Whether it is because training diverged, which the others are told.
        diverged: bool,
    },
}

/// What the shell has to do, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Open the socket now, and say [`Input::Opened`] or [`Input::Closed`].
    Connect,
    /// Close the socket, or stop opening it, and say nothing of it any more: an [`Input::Closed`] that came later would
    /// be taken for the next socket's.
    Disconnect,
    /// Send a text frame.
    Send(ClientMessage),
    /// Send bytes in chunks (`protocol::chunks`), and say [`Input::Sent`] now and then.
    SendBytes {
        /// The announced transfer.
        transfer: TransferId,
        /// Its bytes.
        bytes: Bytes,
    },
    /// Send no more chunks of this transfer.
    StopSending {
        /// The transfer.
        transfer: TransferId,
    },
    /// Store the token for the next visit; show it to nobody.
    RememberToken(Token),
    /// Store this with the seat, before anything that follows is sent.
    RememberMasking(MaskingMemory),
    /// Compute the statistics of the training examples' features, and say [`Input::Statistics`].
    ComputeStatistics,
    /// Evaluate the model on held-back examples where there are some, train it, and say [`Input::Trained`].
    Train(TrainRequest),
    /// Stop training: it is of no use any more. Nothing need be said.
    StopTraining,
    /// The room is finished and this is its model. Evaluate it on held-back examples where there are some.
    Finished {
        /// Its version.
        model_version: ModelVersion,
        /// Its parameters.
        model: Arc<Vec<f32>>,
        /// How to standardise features.
        standardisation: Standardisation,
    },
    /// [`crate::Participant::view`] changed.
    Changed,
}

/// What is asked for where noise hides single clips: Σ g · min(1, `clip` / ‖g‖) over the gradients g of a client's clips, each by
/// itself. The parameters that it gives are the model less this sum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClippedGradients {
    /// The L2 norm that each is scaled down to.
    pub clip: f64,
    /// Clips that are taken at most, the first ones.
    pub most: u32,
}

/// A round's work.
#[derive(Clone, Debug)]
pub struct TrainRequest {
    /// The round.
    pub round: Round,
    /// The version of the model.
    pub model_version: ModelVersion,
    /// The model's parameters.
    pub model: Arc<Vec<f32>>,
    /// How to standardise features.
    pub standardisation: Standardisation,
    /// How to train.
    pub training: RoundTraining,
    /// FedProx's μ: training adds μ(w − model) to the gradient of every step. 0 adds nothing.
    pub proximal: f64,
    /// SCAFFOLD's c − cᵢ, as long as the model: training adds it to the gradient of every step.
    pub correction: Option<Arc<Vec<f32>>>,
    /// In place of training: the sum of the clips' gradients.
    pub gradients: Option<ClippedGradients>,
    /// In a room where slow clients do fewer steps, the time for training that there was when this was asked, milliseconds.
    pub time_ms: Option<u64>,
}

/// How the connection stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Connection {
    /// The socket is being opened, or `welcome` has not come yet.
    Connecting,
    /// In the room.
    Open,
    /// Lost; tried again by itself.
    Lost {
        /// When.
        retry_at: Millis,
    },
    /// Over; it is not tried again.
    Stopped(StopReason),
}

/// Why a participant stopped for good.
#[derive(Clone, Debug, PartialEq)]
pub enum StopReason {
    /// The person left.
    Left,
    /// The room is not masked any more as it was when this seat first saw it.
    MaskedOtherwise,
    /// The server said that coming back is of no use.
    Error {
        /// Which error.
        code: ErrorCode,
        /// For a person.
        message: String,
    },
}

/// What the participant is busy with.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Nothing; waits for the others or for the person.
    Idle,
    /// Computes statistics.
    Statistics,
    /// Receives a model.
    Downloading {
        /// The part that has come, 0 to 1.
        fraction: f32,
    },
    /// Evaluates the received model and trains it.
    Training {
        /// The round.
        round: Round,
        /// The epoch under way, from 1; 0 before the first step.
        epoch: u32,
        /// Epochs in all.
        epochs: u32,
        /// The step done, from 1; 0 before the first.
        step: u32,
        /// Steps of an epoch; 0 before the first.
        steps: u32,
        /// The part that is done, 0 to 1.
        fraction: f32,
    },
    /// Has an update, and waits for its turn or for the connection.
    Waiting {
        /// The round.
        round: Round,
    },
    /// Sends the update.
    Uploading {
        /// The round.
        round: Round,
        /// The part that is sent, 0 to 1.
        fraction: f32,
    },
    /// Could not train.
    Failed {
        /// Why, for a person.
        reason: String,
    },
}

/// What a page shows.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// How the connection stands.
    pub connection: &'a Connection,
    /// The room, once it is known.
    pub room: Option<&'a RoomConfig>,
    /// Where the room is, as the server last said.
    pub status: Option<&'a Status>,
    /// This client's public number.
    pub client: Option<ClientId>,
    /// This client's name, as the room knows it.
    pub name: Option<&'a str>,
    /// Whether the person wants to take part.
    pub taking_part: bool,
    /// What it is busy with.
    pub work: Work,
    /// The last round that this client's update went into.
    pub accepted: Option<Round>,
    /// The last thing that went wrong without ending anything.
    pub notice: Option<&'a Notice>,
    /// In a masked room, whose numbers are masked together, once that is known.
    pub masked_together: Option<&'a MaskedTogether>,
    /// Bytes of binary frames sent, headers included.
    pub sent: u64,
    /// Bytes of binary frames received, headers included.
    pub received: u64,
    /// Rounds that are over, oldest first.
    pub history: &'a [RoundRecord],
}
