//! What the client and its trainer say to each other: plain objects, with large arrays as typed arrays whose
//! buffers change hands instead of being copied.

use client::personal::{Tuned, Way};
use client::{LocalRound, Packed, Utterance};
use federation::ClippedGradients;
use js_sys::Float32Array;
use models::{Example, Standardisation, Step, TrainingPlan};
use protocol::{Evaluation, TrainingResult};
use serde::{Deserialize, Serialize};

/// [`Packed`], with its values in a typed array.
#[derive(Serialize, Deserialize)]
pub struct Examples {
    /// See [`Packed::values`].
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub values: Float32Array,
    /// See [`Packed::frames`].
    pub frames: Vec<u32>,
    /// See [`Packed::utterances`].
    pub utterances: Vec<Utterance>,
}

impl Examples {
    /// Packs examples into one typed array.
    pub fn pack(examples: &[Example]) -> Self {
        let Packed { values, frames, utterances } = Packed::of(examples);
        Self { values: Float32Array::from(values.as_slice()), frames, utterances }
    }

    /// The examples again.
    pub fn unpack(self) -> Vec<Example> {
        let Self { values, frames, utterances } = self;
        Packed { values: values.to_vec(), frames, utterances }.examples()
    }
}

/// The network that a job is about.
#[derive(Serialize, Deserialize)]
pub struct Model {
    /// `compact`, `conv`, `dense` or `lstm`.
    pub architecture: models::Architecture,
    /// How many labels it tells apart.
    pub labels: usize,
    /// Its parameters.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub parameters: Float32Array,
    /// Mean and deviation of each feature, by which this laptop hears.
    pub standardisation: Standardisation,
}

/// What the client asks of the trainer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Evaluates the model on the held-back examples, then trains it on the others.
    Round {
        /// Where training starts.
        model: Model,
        /// How to train, without its correction.
        training: TrainingPlan,
        /// The plan's correction (SCAFFOLD's); empty: none.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        correction: Float32Array,
        /// Steps after which training ends, where it ends before its plan's epochs do.
        most_steps: Option<u32>,
        /// In place of training: the sum of the clips' gradients.
        gradients: Option<ClippedGradients>,
        /// What to train on.
        examples: Examples,
        /// What to evaluate the received model on, before it is trained further.
        held_back: Examples,
    },
    /// Makes a personal model: trains the shared one further on one person's examples alone.
    Tune {
        /// Where training starts.
        model: Model,
        /// Its version.
        version: u32,
        /// What of it changes.
        way: Way,
        /// What to train on.
        examples: Examples,
    },
    /// Times a few steps of training; the answer is how long one takes, milliseconds.
    Measure {
        /// The network.
        architecture: models::Architecture,
        /// How many labels it tells apart.
        labels: usize,
        /// How to train.
        training: TrainingPlan,
    },
    /// Evaluates the model.
    Evaluate {
        /// What is evaluated.
        model: Model,
        /// On what.
        examples: Examples,
    },
}

/// The answer to [`Job::Round`], unless it was stopped before its end, which gives none: [`LocalRound`] with its parameters
/// in a typed array.
#[derive(Serialize, Deserialize)]
pub struct RoundResult {
    /// The parameters after training.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub parameters: Float32Array,
    /// The received model on the held-back examples; none where there are none.
    pub evaluation: Option<Evaluation>,
    /// Examples trained on.
    pub examples: u32,
    /// Steps of the optimiser.
    pub steps: u32,
    /// How the last epoch went.
    pub training: TrainingResult,
}

/// The answer to [`Job::Tune`], unless it was stopped before its end, which gives none: [`Tuned`] with its parameters in a
/// typed array.
#[derive(Serialize, Deserialize)]
pub struct TuneResult {
    /// The parameters after training.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub parameters: Float32Array,
    /// Epochs that were trained.
    pub epochs: u32,
}

impl RoundResult {
    /// What came of a round.
    pub fn new(round: LocalRound) -> Self {
        let LocalRound { evaluation, parameters, examples, steps, training } = round;
        Self { parameters: Float32Array::from(parameters.as_slice()), evaluation, examples, steps, training }
    }
}

impl TuneResult {
    /// What came of tuning.
    pub fn new(Tuned { parameters, epochs }: Tuned) -> Self {
        Self { parameters: Float32Array::from(parameters.as_slice()), epochs }
    }
}

impl From<RoundResult> for LocalRound {
    fn from(result: RoundResult) -> Self {
        let RoundResult { parameters, evaluation, examples, steps, training } = result;
        Self { evaluation, parameters: parameters.to_vec(), examples, steps, training }
    }
}

/// How far a [`Job::Round`] or a [`Job::Tune`] is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// Whether it is a [`Job::Tune`].
    pub tuning: bool,
    /// The step that is done.
    pub step: Step,
}
