//! How much of anything one may send. Every bound that a parser applies is a constant of this file.

/// The version of the protocol that `hello` names.
pub const PROTOCOL_VERSION: u32 = 1;
/// The WebSocket subprotocol that client and server agree on.
pub const SUBPROTOCOL: &str = "chorus.v1";

/// Longest text frame that a client may send, bytes.
pub const MAX_CLIENT_TEXT_BYTES: usize = 65_536;
/// Longest text frame that a server may send, bytes.
pub const MAX_SERVER_TEXT_BYTES: usize = 1_048_576;

/// Bytes of the header of a binary frame.
pub const CHUNK_HEADER_BYTES: usize = 8;
/// Most payload bytes in one binary frame: a frame is 256 KiB at most, and holds whole f16 and f32 values.
pub const MAX_CHUNK_PAYLOAD: usize = 262_136;
/// Largest encoded model or update, bytes (256 MiB).
pub const MAX_MODEL_BYTES: u32 = 268_435_456;

/// Longest name of a client, a room, a label or an architecture, characters.
pub const MAX_NAME_CHARS: usize = 40;
/// Longest name of the client's software, characters.
pub const MAX_SOFTWARE_CHARS: usize = 120;
/// Longest text for a person within a message, characters.
pub const MAX_TEXT_CHARS: usize = 500;

/// Fewest labels of a room.
pub const MIN_LABELS: usize = 2;
/// Most labels of a room.
pub const MAX_LABELS: usize = 16;
/// Most letters of a label's sign; what is longer names a picture.
pub const MAX_SIGN_LETTERS: usize = 2;
/// Most prompts of a label.
pub const MAX_PROMPTS: usize = 8;
/// Longest prompt, characters.
pub const MAX_PROMPT_CHARS: usize = 120;
/// Fewest groups of people of a room that has any: one alone has nothing to be compared with.
pub const MIN_GROUPS: usize = 2;
/// Most groups of people of a room.
pub const MAX_GROUPS: usize = 8;
/// Most features of a frame.
pub const MAX_FEATURES: usize = 256;
/// Most examples (clips) of one client.
pub const MAX_EXAMPLES: u32 = 100_000;
/// Most feature frames that one client, or an edge for all of its own, may count in its statistics.
pub const MAX_FRAMES: u64 = 100_000_000;
/// Most rounds of a room.
pub const MAX_ROUNDS: u32 = 1_000;
/// Most clients of a room at one time.
pub const MAX_CLIENTS: u32 = 1_024;
/// Most clients that one edge may stand for.
pub const MAX_EDGE_CLIENTS: u32 = 10_000;
/// Most examples of all clients for whom an edge stands.
pub const MAX_EDGE_EXAMPLES: u32 = MAX_EDGE_CLIENTS * MAX_EXAMPLES;
/// Fewest clients in a masked sum that anyone may open.
pub const MIN_MASKED_CLIENTS: usize = 3;
/// Most clients of a masked sum: a client's shares for all others must fit into one text frame.
pub const MAX_MASKED_CLIENTS: usize = 200;
/// Most words of a masked sum without values: an evaluation, its counts of every group, and how many told none.
pub const MAX_MASKED_WORDS: usize = 2 + MAX_LABELS * MAX_LABELS + MAX_GROUPS * (1 + MAX_LABELS * MAX_LABELS) + 1;
/// Most sums over one model, each of other clients, that a client helps to open.
pub const MAX_OPENED_SUMS: usize = 2;
/// Most clients that a `status` names.
pub const MAX_STATUS_CLIENTS: usize = 2 * MAX_CLIENTS as usize;
/// Most round records in one `history` message.
pub const MAX_HISTORY_PAGE: usize = 32;
/// Most local epochs of a round.
pub const MAX_EPOCHS: u32 = 100;
/// Most examples of a mini-batch.
pub const MAX_BATCH: u32 = 1_024;
/// Most steps of an epoch that `progress` may name.
pub const MAX_STEPS: u32 = 1_000_000;
/// Most local steps of a round that an update may name.
pub const MAX_LOCAL_STEPS: u32 = MAX_EPOCHS * MAX_STEPS;
/// Longest time of a step of training that a client may report, milliseconds: an hour.
pub const MAX_STEP_MS: u32 = 3_600_000;
/// Smallest learning rate of clients in a SCAFFOLD room: control variates are divided by it, and must stay numbers.
pub const MIN_SCAFFOLD_LEARNING_RATE: f64 = 1.0e-6;
/// Largest mean loss that a client may report, nats.
pub const MAX_LOSS: f64 = 1.0e6;
/// Shortest and longest deadline of a round, milliseconds.
pub const DEADLINE_MS: std::ops::RangeInclusive<u64> = 1_000..=86_400_000;
/// Limits that a room may set on one client's influence, times the median.
pub const INFLUENCE_LIMIT: std::ops::RangeInclusive<f64> = 1.0..=100.0;
/// Largest limit that a room may set on the L2 norm of an update: even a thousand rounds of it stay far below what an
/// f32 holds.
pub const MAX_NORM: f64 = 1.0e9;
