//! What the page shows, as plain objects. The page draws from these alone.

use client::personal::{Compared, Expectation, Score};
use client::{BackendReason, ConnectionState, TrainerState, Work};
use federation::local_work::TooSlow;
use protocol::{Budget, ClientState, Phase};
use serde::Serialize;
use text::Transcript;

use crate::processor::Choice;

/// One clip in the list.
#[derive(Serialize)]
pub struct ClipView {
    /// Its id.
    pub id: f64,
    /// Its name.
    pub name: String,
    /// The label's index in the room.
    pub label: usize,
    /// Its length in seconds.
    pub seconds: f64,
    /// Whether a program made this voice.
    pub made_up: bool,
    /// Whether it was added because the model was wrong about it.
    pub corrected: bool,
    /// Whether it is kept for the test and not trained on.
    pub held_back: bool,
    /// Whether the room sees nothing of it, because it looks at text alone and this clip has none.
    pub unseen: bool,
    /// What is said in it, where that is known.
    pub transcript: Option<Transcript>,
    /// What could be better about the recording, the worst first.
    pub complaints: Vec<speech::Complaint>,
    /// Its waveform: the lowest and the highest sample of each column of the picture, −127 to 127 for the clip's own peak.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub waveform: js_sys::Int8Array,
    /// A small picture of it.
    pub spectrogram: PictureView,
}

/// A small spectrogram.
#[derive(Serialize)]
pub struct PictureView {
    /// Its columns, in time.
    pub columns: u32,
    /// Its bands, in frequency.
    pub bands: u32,
    /// 0 to 255, column after column, each from the lowest band to the highest.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub pixels: js_sys::Uint8Array,
}

/// The room, as far as the page needs it.
#[derive(Clone, Serialize)]
pub struct RoomView {
    /// Its join code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// What each of them is shown by, where the host chose that.
    pub signs: Vec<String>,
    /// What people are asked to say or play for each, where the host did.
    pub prompts: Vec<Vec<String>>,
    /// Groups of which people may say that they are in one.
    pub groups: Vec<String>,
    /// The network's name.
    pub model: String,
    /// How many numbers the network has.
    pub parameters: usize,
    /// How many rounds there will be.
    pub rounds: u32,
    /// How many participants it takes.
    pub max_clients: u32,
    /// Whether what laptops send is masked.
    pub masked: bool,
    /// Whether the model is given voices.
    pub hears: bool,
    /// Whether it is given what is said.
    pub reads: bool,
}

/// Whose numbers are masked together, to be compared aloud.
#[derive(Clone, Serialize)]
pub struct MaskedTogetherView {
    /// Four words, the same on the screens of all of them.
    pub words: [String; 4],
    /// How many laptops.
    pub seats: usize,
}

/// Someone in the room.
#[derive(Clone, Serialize)]
pub struct MemberView {
    /// Their nickname, or their number.
    pub name: String,
    /// What they do now.
    pub state: ClientState,
    /// Whether the open round does without them: they are ready, and wait for a later one.
    pub passed_over: bool,
    /// How many clips they train on.
    pub examples: u64,
    /// How many of each label.
    pub labels: Vec<u64>,
    /// Whether this is the person at this page.
    pub me: bool,
    /// Milliseconds that the room still waits for them, whose connection is lost.
    pub waited_ms: Option<f64>,
    /// Whether they stopped because their training diverged.
    pub diverged: bool,
}

/// Which processor trains, and why.
#[derive(Clone, Serialize)]
pub struct BackendView {
    /// What the person chose.
    pub choice: Choice,
    /// What it came to; none until the trainer is there.
    pub kind: Option<Choice>,
    /// Its name.
    pub name: Option<String>,
    /// How many cores of the processor compute, where they are several.
    pub threads: Option<u32>,
    /// Why it is not what one might expect.
    pub reasons: Vec<BackendReason>,
    /// How long a step takes on the processor, milliseconds, once that was measured.
    pub processor_ms: Option<f64>,
    /// The same on the graphics processor, where there is one.
    pub graphics_ms: Option<f64>,
    /// Where its steps do not fit into the room's deadline.
    pub slow: Option<SlowView>,
}

/// A laptop whose steps do not fit into the room's deadline.
#[derive(Clone, Serialize)]
pub struct SlowView {
    /// By how much.
    #[serde(flatten)]
    pub by: TooSlow,
    /// Whether slow laptops do fewer steps in this room.
    pub fewer: bool,
}

/// One row of the history: a round, shared and own.
#[derive(Clone, Serialize)]
pub struct RoundView {
    /// The round, from 1.
    pub round: u32,
    /// The model that came out of this round, on everyone's held-back clips; known once the next round begins.
    pub shared_loss: Option<f64>,
    /// See `shared_loss`.
    pub shared_accuracy: Option<f64>,
    /// On how many clips.
    pub shared_clips: Option<u32>,
    /// The same model on this person's held-back clips.
    pub own_loss: Option<f64>,
    /// See `own_loss`.
    pub own_accuracy: Option<f64>,
    /// On how many clips.
    pub own_clips: Option<u32>,
    /// How many took part.
    pub clients: u32,
    /// With how many clips.
    pub examples: u64,
}

/// Bytes over the socket.
#[derive(Clone, Copy, Serialize)]
pub struct BytesView {
    /// Sent since this seat was taken.
    pub sent: u64,
    /// Received since this seat was taken.
    pub received: u64,
}

/// The personal model, and how it does beside the shared one.
#[derive(Clone, Serialize)]
pub struct PersonalView {
    /// The shared version that it came from.
    pub version: u32,
    /// Epochs that it went on for.
    pub epochs: u32,
    /// How many clips it was trained on.
    pub clips: usize,
    /// The shared version beside which it is put.
    pub shared_version: Option<u32>,
    /// The clips that were kept for the test; none until both models have heard them.
    pub compared: Option<Vec<Compared>>,
    /// How many of them each model got right, and which is better; none until then.
    pub score: Option<Score>,
}

/// The whole view.
#[derive(Serialize)]
pub struct StateView {
    /// How the line to the aggregator is.
    pub connection: ConnectionState,
    /// Seconds until the next try, while lost.
    pub retry_in_s: Option<f64>,
    /// Why the aggregator has closed the connection for good, where it has.
    pub closed: Option<protocol::ErrorCode>,
    /// The room; none until the aggregator has told of it.
    pub room: Option<RoomView>,
    /// This person's nickname as the room knows it: the host may have given another.
    pub name: Option<String>,
    /// The phase of the room.
    pub phase: Option<Phase>,
    /// Whether there is no place in the room just now.
    pub full: bool,
    /// Whether the room waits until its server can store it.
    pub held: bool,
    /// Whether no round begins because the sum of those who are here would show what few of them gave.
    pub singles_out: bool,
    /// Whether its host lets no further round begin.
    pub paused: bool,
    /// The present version of the model: rounds that are done.
    pub model_version: u32,
    /// How many take part.
    pub ready: u32,
    /// How many begin a round.
    pub least: u32,
    /// Answers of the present phase that are in.
    pub received: u32,
    /// Answers that close the present phase.
    pub goal: u32,
    /// The present round, from 1; 0 before the first.
    pub round: u32,
    /// How many rounds there will be.
    pub rounds: u32,
    /// In a room with noise, what it has given away and what it may.
    pub budget: Option<Budget>,
    /// In a masked room, whose numbers are masked together, once that is known.
    pub masked_together: Option<MaskedTogetherView>,
    /// Who is here.
    pub clients: Vec<MemberView>,
    /// The clips.
    pub clips: Vec<ClipView>,
    /// The clips that undoing the last deletion brings back.
    pub removed: Vec<f64>,
    /// How far the personal model is, 0 to 1, while it is being made.
    pub tuning: Option<f64>,
    /// The personal model, once there is one.
    pub personal: Option<PersonalView>,
    /// What one gave others with no more clips; none until the room is known.
    pub expectation: Option<Expectation>,
    /// Whether the personal model is tried rather than the shared one.
    pub try_mine: bool,
    /// Whether this tab takes part.
    pub taking_part: bool,
    /// The group of the room's that the person said to be in.
    pub group: Option<u32>,
    /// Which processor.
    pub backend: BackendView,
    /// How the trainer stands.
    pub trainer: TrainerState,
    /// What it does now.
    pub work: Option<Work>,
    /// Traffic.
    pub bytes: BytesView,
    /// Round by round.
    pub history: Vec<RoundView>,
    /// Whether there is a model to try.
    pub has_model: bool,
    /// Whether the last round is over.
    pub finished: bool,
}
