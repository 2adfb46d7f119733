//! What the page may ask of the client worker. `Commands` in `www/js/worker/messages.js` is the page's end of the same
//! interface, and `cargo xtask lint` holds the two to each other.

use js_sys::{ArrayBuffer, Float32Array};
use serde::Deserialize;

use crate::charts::{self, ChartWords};
use crate::processor::Choice;

/// A command of the page: its type and its fields. (Tagged from outside, since typed arrays would not survive the
/// buffering that a tag among the fields needs.)
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Joins a room. Answers with the room and the seat.
    Open {
        /// The room's code.
        code: String,
        /// The nickname to show.
        name: Option<String>,
        /// The seat that this tab had before, from its session storage.
        seat: Option<String>,
        /// What to write on charts.
        words: ChartWords,
    },
    /// Changes the nickname.
    Name {
        /// The new one.
        name: String,
    },
    /// Asks which labels the paths of one folder speak of: a folder's siblings say whether it is a label or a person.
    LabelsOf {
        /// The paths below what was dropped or chosen.
        paths: Vec<String>,
    },
    /// Adds a sound file.
    AddFile {
        /// Its name.
        name: String,
        /// Its bytes.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        bytes: ArrayBuffer,
        /// The label chosen for it; without one its name may speak of one.
        label: Option<usize>,
        /// Whether a program made this voice, as a list of clips from another laptop may say.
        #[serde(default)]
        made_up: bool,
        /// What is said in it, composed (Unicode's form C), where that is known.
        text: Option<String>,
    },
    /// Adds sound that the browser has decoded or recorded.
    AddPcm {
        /// A name for it.
        name: String,
        /// Samples, interleaved.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        samples: Float32Array,
        /// How many channels are interleaved.
        channels: u16,
        /// Samples a second and channel.
        rate: u32,
        /// The label chosen for it; without one its name may speak of one.
        label: Option<usize>,
        /// What is said in it, composed (Unicode's form C), where that is known.
        text: Option<String>,
    },
    /// Adds the clips of a voice that a program makes up.
    AddMadeUp {},
    /// Asks which seats of other rooms in this browser have clips.
    Elsewhere {},
    /// Copies the clips of such a seat. Answers how many came, and how many have no label here or are here already.
    Bring {
        /// Which.
        seat: String,
    },
    /// Asks, in a page that is in no room, which seats of any room in this browser have clips.
    Kept {},
    /// Asks for the clips of such a seat.
    KeptClips {
        /// Which.
        seat: String,
    },
    /// Asks for one of them as a WAV file.
    KeptSound {
        /// Whose.
        seat: String,
        /// Which.
        clip: f64,
    },
    /// Asks for all of them as one zip file.
    PackKept {
        /// Whose.
        seat: String,
    },
    /// Deletes such a seat with all that this browser keeps of it, unless another tab is in its room with it.
    ForgetKept {
        /// Which.
        seat: String,
    },
    /// Gives a clip another label.
    Relabel {
        /// Which.
        clip: f64,
        /// The label's index.
        label: usize,
    },
    /// Says what is said in a clip.
    Transcribe {
        /// Which.
        clip: f64,
        /// The text, composed (Unicode's form C); an empty one takes the last one away.
        text: String,
    },
    /// Deletes clips in one step; they can come back while the page is open.
    Remove {
        /// Which.
        clips: Vec<f64>,
    },
    /// Takes the last deletion back; may be asked for until all are.
    Undo {},
    /// Asks how good a recording is, before it is kept.
    Quality {
        /// Samples, interleaved.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        samples: Float32Array,
        /// How many channels are interleaved.
        channels: u16,
        /// Samples a second and channel.
        rate: u32,
    },
    /// Says to the room that a clip is being recorded, or no longer.
    Recording {
        /// Which of the two.
        on: bool,
    },
    /// Leaves the room for good, and deletes the seat with all that this browser keeps of it.
    Forget {},
    /// Asks for a clip's sound as a WAV file.
    Sound {
        /// Which.
        clip: f64,
    },
    /// Starts or stops training with the group.
    TakePart {
        /// Which of the two.
        on: bool,
    },
    /// Says in which of the room's groups the person is.
    Group {
        /// Its index; nothing: they say none.
        group: Option<u32>,
    },
    /// Chooses the processor.
    Backend {
        /// Which.
        choice: Choice,
    },
    /// Tries the model on a sound file.
    PredictFile {
        /// Its name.
        name: String,
        /// Its bytes.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        bytes: ArrayBuffer,
    },
    /// Tries the model on recorded or decoded sound.
    PredictPcm {
        /// Samples, interleaved.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        samples: Float32Array,
        /// How many channels are interleaved.
        channels: u16,
        /// Samples a second and channel.
        rate: u32,
    },
    /// Says what is said in what is tried from now on, live or not, and in what is made a clip of it.
    TryText {
        /// The text, composed (Unicode's form C); an empty one takes the last one away.
        text: String,
    },
    /// Tries the model on that text alone.
    PredictText {},
    /// Begins live use.
    LiveStart {
        /// Samples a second of what follows.
        rate: u32,
    },
    /// A piece of the live microphone, mono.
    LivePush {
        /// The samples.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        samples: Float32Array,
        /// When they came, on the page's clock; it comes back with the answer.
        at: f64,
    },
    /// Ends live use.
    LiveStop {},
    /// Draws charts of plain figures, in a page that is in no room. Answers with their SVG texts.
    Charts(charts::Request),
    /// The model was wrong: makes a clip of the last moments of live use, or else of what was last tried.
    Correct {
        /// A name for it.
        name: String,
        /// What it was.
        label: usize,
    },
    /// Makes the personal model: goes on from the shared one on this seat's clips alone.
    Tune {},
    /// Gives that up.
    StopTuning {},
    /// Chooses which model is tried.
    TryWith {
        /// The personal one, or else the shared one.
        mine: bool,
    },
    /// Asks for the personal model as a file for other programs.
    PersonalFile {
        /// Which kind of file.
        format: Format,
    },
    /// Asks for the present shared model, for a page that works without a server.
    OfflineModel {},
    /// Asks for all clips as one zip file.
    PackClips {},
    /// Asks for the clips in a zip file that was made so.
    Unpack {
        /// The zip file's bytes.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        bytes: ArrayBuffer,
    },
    /// Asks for a recording as a WAV file, where it could not be kept as a clip.
    ToWav {
        /// Samples, interleaved.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        samples: Float32Array,
        /// How many channels are interleaved.
        channels: u16,
        /// Samples a second and channel.
        rate: u32,
    },
    /// Asks for the receipts of everything that was sent.
    Receipts {},
    /// Asks for a picture of the values of an update.
    ReceiptPicture {
        /// Which receipt.
        number: u32,
    },
    /// Looks for the person's own voice in what was sent.
    SearchVoice {},
    /// Has an update made for this alone, and attacked as somebody could who runs the server.
    Expose {
        /// The clip that it is made of; none: of all that are trained on.
        clip: Option<f64>,
    },
}

/// A kind of model file.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Tensors by name, as researchers read them.
    Safetensors,
    /// A network that other programs run.
    Onnx,
    /// What both say of the model inside, for programs that cannot look there.
    Json,
}
