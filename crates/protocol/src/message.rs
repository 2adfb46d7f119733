//! The two enums that say all that can be said on the wire, and the records they are made of.
//!
//! In JSON every message is an object whose `"type"` is the variant's name in snake_case. Fields that are `None`
//! are left out. Unknown fields are passed over, so that a later version may add some. What values are allowed is
//! checked in `parse.rs`.

use serde::{Deserialize, Serialize};

use crate::limits::MAX_STATUS_CLIENTS;
use crate::{
    Agreement, Budget, ByGroup, Checksum, ClientId, Encoding, ErrorCode, GroupResult, Hex, MaskingKeys, ModelVersion,
    RefusalReason, RevealedShare, RoomCode, RoomConfig, RosterEntry, Round, SealedShares, Token, TrainingSettings,
    TransferId,
};

/// What a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The first message of a connection: which room, and who it is if it was here before.
    Hello {
        /// The protocol's version that the client speaks, 1.
        protocol: u32,
        /// The room's code.
        room: RoomCode,
        /// The secret of an earlier `welcome`, where the client has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Token>,
        /// What others see, 1 to 40 characters without control characters; left out, the server names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The client's program and version, for the host's log, at most 120 characters.
        software: String,
        /// Whether a large room may say to it what changed, in place of everything again.
        #[serde(default, skip_serializing_if = "is_false")]
        status_changes: bool,
    },
    /// Changes the name.
    Rename {
        /// The new name, 1 to 40 characters without control characters.
        name: String,
    },
    /// Takes part from now on with these examples; sent again when they change.
    Ready {
        /// Examples (clips) that the client trains on, 1 to 100,000.
        examples: u32,
        /// How many of them each label has, in the room's order of labels; they add up to `examples`. Empty in a masked room.
        labels: Vec<u32>,
        /// Examples that it holds back and evaluates on, at most 100,000: an evaluation of more is refused. Left out: no more
        /// than `examples`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held_back: Option<u32>,
        /// How long a step of training on a whole batch takes here, as it was measured: milliseconds, rounded up, 1 to 3,600,000.
        /// Left out: it is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step_ms: Option<u32>,
    },
    /// Stops taking part, but stays and watches.
    Pause {
        /// Because its training came to numbers that are of no use.
        #[serde(default, skip_serializing_if = "is_false")]
        diverged: bool,
    },
    /// Begins or ends to record a clip, for the others to see. Nothing depends on it.
    Recording {
        /// Which of the two.
        on: bool,
    },
    /// Goes for good: nothing waits for this client any more and its identity is forgotten.
    Leave,
    /// Answers `statistics_request`: sums over the real (not padded) frames of the client's training examples.
    Statistics {
        /// Frames counted.
        frames: u64,
        /// Sum of each feature over those frames, in the feature's own unit.
        sum: Vec<f64>,
        /// Sum of each feature's square over those frames.
        sum_squares: Vec<f64>,
    },
    /// Asks for the bytes of a model that `round` or `finished` announced.
    Download {
        /// The announced transfer's id.
        transfer: TransferId,
    },
    /// How far training has come, at most once a second.
    Progress {
        /// The round that is trained for.
        round: Round,
        /// The epoch under way, from 1.
        epoch: u32,
        /// Epochs in all.
        epochs: u32,
        /// The last step done within the epoch, from 1.
        step: u32,
        /// Steps of an epoch.
        steps: u32,
    },
    /// Announces an update; its bytes follow when the server asks for them with `upload`.
    Update {
        /// The round that it is for.
        round: Round,
        /// The version of the model that it is a difference to.
        model_version: ModelVersion,
        /// Examples trained on, 1 to 100,000: its weight in the mean, before the room's cap.
        examples: u32,
        /// Steps of the client's optimiser behind it, 1 to 100,000,000.
        steps: u32,
        /// The bytes to come: the difference local − global, in the layout of the model's parameters.
        update: Transfer,
        /// How the *received* model did on examples that the client holds back from training.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evaluation: Option<Evaluation>,
        /// How the client's own training went.
        training: TrainingResult,
    },
    /// In a room of edges, in place of `ready`: takes part from now on for so many clients; sent again when that changes.
    EdgeReady {
        /// The edges' key, which the room's host gave.
        key: Token,
        /// Clients that take part here, 1 to as many as the room lets an edge stand for.
        clients: u32,
        /// Examples that they train on, all together.
        examples: u32,
        /// How many of them each label has, in the room's order of labels. Empty where they are masked.
        labels: Vec<u32>,
        /// Examples that they hold back and evaluate on, all together.
        held_back: u32,
    },
    /// In a room of edges, in place of `update`: announces what its clients' updates come to.
    Partial {
        /// The round that it is for.
        round: Round,
        /// The version of the model that the updates are differences to.
        model_version: ModelVersion,
        /// What was added up.
        #[serde(flatten)]
        sum: PartialSum,
        /// The bytes to come, f32: the weighted mean of the updates, or with FedNova of the updates each divided by its steps; with
        /// SCAFFOLD the one and behind it the other.
        update: Transfer,
        /// How the *received* model did on what all of them hold back: means weighted by examples, confusions added.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evaluation: Option<Evaluation>,
        /// How their own training went, weighted by examples.
        training: TrainingResult,
    },
    /// In a masked round: this client's public keys for one attempt.
    Keys {
        /// The round.
        round: Round,
        /// Which attempt at it, as `round` said.
        attempt: u32,
        /// The keys.
        #[serde(flatten)]
        keys: MaskingKeys,
    },
    /// In a masked round: this client's shares for all others of the roster, in its order.
    Shares {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// A box for each.
        boxes: Vec<SealedShares>,
    },
    /// In a masked round: whose boxes do not open, or hold something else than they should.
    Unopened {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// Whose.
        clients: Vec<ClientId>,
    },
    /// Announces this client's masked vector, as `update` does an update; nothing else is said of it.
    Masked {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// Its name in the chunks' headers.
        transfer: TransferId,
        /// Its length, bytes.
        bytes: u32,
        /// CRC-32 of all of its bytes.
        checksum: Checksum,
    },
    /// In place of `statistics`, where they are masked: this client's masked sums.
    MaskedStatistics {
        /// The round, as `statistics_request` said.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// Words of 64 bits, each as its little-endian bytes: 1 + 2 · features.
        words: Vec<Hex<8>>,
    },
    /// In a masked round: signs who is in the sum.
    Agree {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// The seat's signature.
        signature: Hex<64>,
    },
    /// In a masked round: what opens the sum.
    Reveal {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// One share for each client of the second roster.
        shares: Vec<RevealedShare>,
    },
    /// In a masked round: this client does not help to open the sum, for beside one that it has helped to open before, over the same
    /// model, it would show what few have given.
    Declined {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// Whose sums over the same model it has helped to open: the public keys of their seats.
        opened: Vec<Vec<Hex<32>>>,
    },
    /// How the finished model does on the examples that the client holds back.
    Evaluation {
        /// The finished model's version.
        model_version: ModelVersion,
        /// The result.
        evaluation: Evaluation,
        /// The group of the room's that the person says to be in, counted from 0; left out where they say none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<u32>,
        /// Of an edge in a room with groups: what its own clients' results come to by group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_group: Option<ByGroup>,
    },
}

/// What the server says.
#[allow(clippy::large_enum_variant, reason = "a message is made, written and dropped; few exist at a time")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Answers `hello`.
    Welcome {
        /// The protocol's version that the server speaks.
        protocol: u32,
        /// The secret to show in the next `hello`; the client stores it and shows it to nobody.
        token: Token,
        /// The client's public number.
        client: ClientId,
        /// The name that others see.
        name: String,
        /// The room's settings.
        room: RoomConfig,
        /// Where the room is.
        status: Status,
        /// The open round, if this client's update for it is already in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accepted: Option<Round>,
    },
    /// Something was wrong with what the client sent, or with the connection.
    Error {
        /// Which kind of trouble.
        code: ErrorCode,
        /// For a person: what is wrong and what to do.
        message: String,
        /// Whether the server closes the connection and coming back in the same way is of no use.
        fatal: bool,
        /// Where the connection is closed for load: how long the client should wait before it connects again, milliseconds.
        /// Different for every client, so that not all come at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// Where the room is; sent when something changed (at most four times a second), and every 15 s otherwise.
    Status(Status),
    /// What changed of it since the last of both, to whoever said in `hello` that it understands this.
    StatusChanges {
        /// As in `status`, but for `clients`, which are those that are new or differ.
        status: Status,
        /// Those who are not in it any more.
        gone: Vec<ClientId>,
    },
    /// Records of earlier rounds, oldest first, at most 32 in a message; sent after `welcome`.
    History {
        /// The records.
        rounds: Vec<RoundRecord>,
    },
    /// The host changed the room's settings.
    Settings {
        /// All of them.
        room: RoomConfig,
    },
    /// The host gave this client another name.
    Renamed {
        /// The name that others see from now on.
        name: String,
    },
    /// Asks for `statistics`; in a masked room, for `keys` and what follows up to `masked_statistics`.
    StatisticsRequest {
        /// Of a masked room alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        masked: Option<MaskedStatistics>,
    },
    /// A round is open: fetch the model with `download`, train, announce an `update`.
    Round {
        /// The round.
        round: Round,
        /// The version of the model to start from.
        model_version: ModelVersion,
        /// Time left until the round closes, milliseconds.
        deadline_ms: u64,
        /// How to train.
        training: RoundTraining,
        /// How to standardise features before they enter the model.
        standardisation: Standardisation,
        /// The model's bytes: its parameters one after the other.
        model: Transfer,
        /// The same with fewer bytes, for who has what it is a difference to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        difference: Option<Difference>,
        /// In a masked room: which attempt at the round's masked sum this is, a number that no other attempt at it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
    },
    /// In a masked round: everyone's keys, by rising number.
    Roster {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// Who gave keys.
        clients: Vec<RosterEntry>,
    },
    /// In a masked round: who dealt shares, by rising number, and the others' boxes for this client.
    Boxes {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// The second roster.
        clients: Vec<ClientId>,
        /// A box of each other one.
        boxes: Vec<SealedShares>,
    },
    /// In a masked round: whose vectors are in the sum, by rising number.
    Survivors {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// Whose.
        clients: Vec<ClientId>,
    },
    /// In a masked round: who has signed the survivors.
    Agreed {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: u32,
        /// Their signatures.
        agreements: Vec<Agreement>,
    },
    /// There is room for the announced update: send its chunks now.
    Upload {
        /// The announced transfer's id.
        transfer: TransferId,
    },
    /// The update is in the round's mean.
    Accepted {
        /// The round.
        round: Round,
    },
    /// The update, or a piece of it, was not taken. The round's mean is as it was before.
    Refused {
        /// The round that the update named; left out where a chunk belongs to no update.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<Round>,
        /// Why, for a program.
        reason: RefusalReason,
        /// Why and what to do, for a person.
        message: String,
        /// The round that is open or will be next.
        present_round: Round,
        /// The present version of the model.
        present_version: ModelVersion,
    },
    /// A round is over, and a new version is published.
    RoundClosed {
        /// What happened in it.
        record: RoundRecord,
    },
    /// A round (or the collection of statistics) brought in too few; it is repeated with the same model.
    RoundAbandoned {
        /// The round, or left out for the collection of statistics.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<Round>,
        /// What came in.
        received: u32,
        /// What was needed.
        least: u32,
    },
    /// The last round is over; the model can be fetched with `download`.
    Finished {
        /// Its version.
        model_version: ModelVersion,
        /// Its bytes.
        model: Transfer,
        /// As in `round`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        difference: Option<Difference>,
        /// How to standardise features before they enter the model.
        standardisation: Standardisation,
        /// In a masked room, which attempt at the sum of all clients' evaluations is under way; `keys` and what follows belong to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
    },
}

/// What stands beside the mean of an edge's updates, so that means of several edges become that of all clients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartialSum {
    /// Updates in it.
    pub clients: u32,
    /// Examples trained on, without the room's cap.
    pub examples: u32,
    /// Σ w, the weights of the mean: examples, each client's capped as the room says; with SCAFFOLD, which weighs all alike,
    /// the count of updates.
    pub weight: f64,
    /// The clients' local steps, averaged with the weights of the mean.
    pub steps: f64,
    /// Σ of the steps done, each client's times its examples up to the cap.
    pub done: f64,
    /// Σ of the steps that these are taken for: more than `done` where slow clients did fewer than all of theirs.
    pub planned: f64,
}

/// What a masked room asks for in place of `statistics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaskedStatistics {
    /// The round that begins once they are known.
    pub round: Round,
    /// Which attempt it is.
    pub attempt: u32,
    /// The scale that every client's sums are taken in, the same for all.
    pub scale: Standardisation,
}

/// Bytes that are announced now and come in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Its name in the chunks' headers.
    pub id: TransferId,
    /// Its length, bytes.
    pub bytes: u32,
    /// How its values are encoded.
    pub encoding: Encoding,
    /// CRC-32 of all of its bytes.
    pub checksum: Checksum,
}

/// A model as the difference to an earlier version of it. Each parameter is the sum, an f32, of the earlier one and what the
/// difference says of it; whether that is the model, its checksum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The version that it is added to; none: to zeros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ModelVersion>,
    /// Its bytes; the id is another than the whole model's.
    #[serde(flatten)]
    pub transfer: Transfer,
}

/// How to train in a round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundTraining {
    /// Epochs, batch size, optimiser and learning rate.
    #[serde(flatten)]
    pub settings: TrainingSettings,
    /// Seed for the order of the examples and for dropout in this round.
    pub seed: u32,
}

/// Mean and deviation of every feature over all clients' frames. A feature x enters the model as (x − mean) / deviation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardisation {
    /// Mean of each feature, in the feature's own unit.
    pub mean: Vec<f32>,
    /// Population standard deviation of each feature, above 0, in the feature's own unit.
    pub deviation: Vec<f32>,
}

/// How a model did on examples it was not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Examples evaluated, at least 1.
    pub examples: u32,
    /// Mean cross-entropy, nats.
    pub loss: f64,
    /// Fraction of examples whose label was found, 0 to 1.
    pub accuracy: f64,
    /// Counts by true label (row) and found label (column); they add up to `examples`.
    pub confusion: Vec<Vec<u32>>,
}

/// How a client's training went in its last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingResult {
    /// Mean cross-entropy, nats.
    pub loss: f64,
    /// Fraction of examples whose label was found, 0 to 1.
    pub accuracy: f64,
}

/// Where a room is in its rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits until the least number of clients is ready.
    Lobby,
    /// Collects the statistics of features.
    Normalising,
    /// A round is open.
    Collecting,
    /// All rounds are over.
    Finished,
}

impl Phase {
    /// Every phase, in the order in which a room goes through them.
    pub const ALL: [Phase; 4] = [Phase::Lobby, Phase::Normalising, Phase::Collecting, Phase::Finished];
}

/// Where a room is, and who is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The phase.
    pub phase: Phase,
    /// The round that is open, or else the next one; the last one in a finished room.
    pub round: Round,
    /// Rounds in all.
    pub rounds: u32,
    /// The present version of the model.
    pub model_version: ModelVersion,
    /// Clients connected now.
    pub connected: u32,
    /// Clients that take part and are connected.
    pub ready: u32,
    /// Answers that close the present phase at once: the room's goal, or all that take part.
    pub goal: u32,
    /// The room's least.
    pub least: u32,
    /// Updates (while normalising: statistics) that are in.
    pub received: u32,
    /// Time left in this phase, milliseconds; left out where nothing is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Whether the host lets no further round begin.
    #[serde(default, skip_serializing_if = "is_false")]
    pub paused: bool,
    /// Whether the host lets nobody new in.
    #[serde(default, skip_serializing_if = "is_false")]
    pub locked: bool,
    /// Whether the room waits until its server can store it: what is sent is answered then, and all else is as it was.
    #[serde(default, skip_serializing_if = "is_false")]
    pub held: bool,
    /// In a masked room, whether no round begins because its sum over those who are here would show what few of them have given: sums
    /// over others were opened in part before, and lost.
    #[serde(default, skip_serializing_if = "is_false")]
    pub singles_out: bool,
    /// Bytes of updates received since the room was made, headers of their frames included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_up: u64,
    /// Bytes of models sent since the room was made, headers of their frames included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_down: u64,
    /// The clients that are here or are waited for, in the order they came.
    pub clients: Vec<ClientSummary>,
    /// How the finished model does on what all clients hold back, as far as they have said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_evaluation: Option<Evaluation>,
    /// In a room with groups, once they are counted: how it does with each, in the room's order; nothing of a group that would say of
    /// few people how it does with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub final_groups: Vec<Option<GroupResult>>,
    /// In a room with noise, what it has given away and what it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

impl Status {
    /// Takes in what [`ServerMessage::StatusChanges`] says.
    pub fn change(&mut self, mut changes: Status, gone: &[ClientId]) {
        let mut clients = std::mem::take(&mut self.clients);
        change_clients(&mut clients, std::mem::take(&mut changes.clients), gone);
        *self = Status { clients, ..changes };
    }
}

/// Takes what changed into clients that lie in the order of their numbers, which is that in which they came.
pub fn change_clients(clients: &mut Vec<ClientSummary>, changed: Vec<ClientSummary>, gone: &[ClientId]) {
    clients.retain(|client| !gone.contains(&client.client));
    for changed in changed {
        match clients.binary_search_by_key(&changed.client, |client| client.client) {
            Ok(at) => clients[at] = changed,
            Err(at) if clients.len() < MAX_STATUS_CLIENTS => clients.insert(at, changed),
            Err(_) => {}
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// What everyone in a room sees of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientSummary {
    /// Its public number.
    pub client: ClientId,
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: ClientState,
    /// How far it has come in that, 0 to 1; left out where that isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f32>,
    /// Whether the open round does without it: it is `ready`, and waits for a later round.
    #[serde(default, skip_serializing_if = "is_false")]
    pub passed_over: bool,
    /// Examples that it trains on.
    pub examples: u32,
    /// How many of them each label has; empty until the client has been ready once.
    pub labels: Vec<u32>,
    /// In a room of edges, how many clients take part there, as it said last; 0 where too few do. Left out in other rooms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u32>,
    /// The cosine, −1 to 1, between this client's update and the mean of the others' in the last round that was closed with
    /// it; left out where there is no such round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f32>,
    /// The L2 norm of that update, in the parameters' own unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_norm: Option<f32>,
    /// Its connection is lost, and the room waits for it so long at most, milliseconds; left out where nothing waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// It stopped taking part because its training came to numbers that are of no use.
    #[serde(default, skip_serializing_if = "is_false")]
    pub diverged: bool,
}

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientState {
    /// Connected without taking part.
    Watching,
    /// Records a clip, and is asked for nothing meanwhile.
    Recording,
    /// Takes part and waits for the next thing to do.
    Ready,
    /// Computes its statistics.
    Normalising,
    /// Downloads the model or trains.
    Training,
    /// Has an update and waits for its turn to send it.
    Waiting,
    /// Sends its update.
    Uploading,
    /// Its update of this round is in.
    Accepted,
    /// Its update of this round was refused too often; it waits for the next round.
    Refused,
    /// Its connection was lost.
    Offline,
}

impl ClientState {
    /// Every state.
    pub const ALL: [ClientState; 10] = [
        ClientState::Watching,
        ClientState::Recording,
        ClientState::Ready,
        ClientState::Normalising,
        ClientState::Training,
        ClientState::Waiting,
        ClientState::Uploading,
        ClientState::Accepted,
        ClientState::Refused,
        ClientState::Offline,
    ];
}

/// What happened in a round that was closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// The round.
    pub round: Round,
    /// The version that it published.
    pub model_version: ModelVersion,
    /// Updates in the mean.
    pub clients: u32,
    /// Examples behind them, without the room's cap.
    pub examples: u64,
    /// Updates refused while it was open.
    pub refused: u32,
    /// From opening to closing, milliseconds.
    pub duration_ms: u64,
    /// How the model that the round *started* from (version `model_version` − 1) did on what the clients hold back:
    /// loss and accuracy weighted by examples, the confusions added. Left out where nobody holds anything back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// The clients' own training, weighted by examples.
    pub training: TrainingResult,
}
