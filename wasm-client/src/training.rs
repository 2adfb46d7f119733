//! What the client and its trainer say to each other: plain objects, with large arrays as typed arrays whose
//! buffers change hands instead of being copied.

use js_sys::Float32Array;
use models::{Evaluation, Example, Standardisation, Training, Variant};
use serde::{Deserialize, Serialize};

/// Which processor trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// WebGPU where the browser offers a real graphics processor, else the CPU.
    Auto,
    /// WebGPU, or an error.
    Webgpu,
    /// The processor, with SIMD.
    Cpu,
}

/// Labelled inputs, packed.
#[derive(Serialize, Deserialize)]
pub struct Examples {
    /// n × 100 × 60 features, not standardised, one input after the other: of each utterance its own, then its variants.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub values: Float32Array,
    /// The number of real frames of each input.
    pub frames: Vec<u32>,
    /// The label's index of each utterance, and how many inputs it has.
    pub utterances: Vec<(u32, u32)>,
}

impl Examples {
    /// Packs examples into one typed array.
    pub fn pack(examples: &[Example]) -> Self {
        let mut values = Vec::new();
        let mut frames = Vec::new();
        for example in examples {
            values.extend_from_slice(&example.values);
            frames.push(example.frames as u32);
            for variant in &example.variants {
                values.extend_from_slice(&variant.values);
                frames.push(variant.frames as u32);
            }
        }
        Self {
            values: Float32Array::from(values.as_slice()),
            frames,
            utterances: examples
                .iter()
                .map(|example| (example.label as u32, 1 + example.variants.len() as u32))
                .collect(),
        }
    }

    /// The examples again.
    pub fn unpack(&self) -> Vec<Example> {
        let values = self.values.to_vec();
        let mut inputs = values
            .chunks_exact(speech::MAX_FRAMES * speech::INPUT_FEATURES)
            .zip(&self.frames)
            .map(|(values, &frames)| Variant { values: values.to_vec(), frames: frames as usize });
        self.utterances
            .iter()
            .filter_map(|&(label, count)| {
                let Variant { values, frames } = inputs.next()?;
                let variants = inputs.by_ref().take(count.saturating_sub(1) as usize).collect();
                Some(Example { values, frames, label: label as usize, variants })
            })
            .collect()
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
    /// Mean and deviation of each feature over the group's training frames.
    pub standardisation: Standardisation,
}

/// What the client asks of the trainer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Makes the processor ready and says its name.
    Prepare {
        /// Which processor.
        backend: Choice,
    },
    /// Evaluates the model on the held-back examples, then trains it on the others.
    Round {
        /// Which processor.
        backend: Choice,
        /// Where training starts.
        model: Model,
        /// How to train, without its correction.
        training: Training,
        /// The plan's correction (SCAFFOLD's); empty: none.
        #[serde(with = "serde_wasm_bindgen::preserve")]
        correction: Float32Array,
        /// What to train on.
        examples: Examples,
        /// What to evaluate the received model on, before it is trained further.
        held_back: Examples,
    },
    /// Trains the model further on one person's examples alone. It ends early after the first epoch in which it was right
    /// about enough of them.
    Tune {
        /// Which processor.
        backend: Choice,
        /// Where training starts.
        model: Model,
        /// How to train, for how many epochs at most.
        training: Training,
        /// The share of the examples, 0 to 1, that is enough.
        enough: f64,
        /// What to train on.
        examples: Examples,
    },
    /// Evaluates the model.
    Evaluate {
        /// Which processor.
        backend: Choice,
        /// What is evaluated.
        model: Model,
        /// On what.
        examples: Examples,
    },
}

/// The answer to [`Job::Prepare`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prepared {
    /// Which processor it is.
    pub kind: Choice,
    /// Its name.
    pub name: String,
}

/// The answer to [`Job::Round`].
#[derive(Serialize, Deserialize)]
pub struct RoundResult {
    /// The parameters after training.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub parameters: Float32Array,
    /// The received model on the held-back examples; none where there are none.
    pub evaluation: Option<Evaluation>,
    /// Mean loss of the last epoch.
    pub loss: f64,
    /// Accuracy over the last epoch.
    pub accuracy: f64,
    /// Steps of the optimiser.
    pub steps: u32,
    /// Whether training was stopped before its end.
    pub stopped: bool,
    /// The processor that did it.
    pub backend: Prepared,
}

/// The answer to [`Job::Tune`].
#[derive(Serialize, Deserialize)]
pub struct TuneResult {
    /// The parameters after training.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub parameters: Float32Array,
    /// Epochs that were trained.
    pub epochs: u32,
    /// Whether training was stopped before its end.
    pub stopped: bool,
    /// The processor that did it.
    pub backend: Prepared,
}

/// How far a [`Job::Round`] or a [`Job::Tune`] is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// Whether it is a [`Job::Tune`].
    pub tuning: bool,
    /// The present epoch, from 1.
    pub epoch: u32,
    /// How many epochs there are.
    pub epochs: u32,
    /// The step in this epoch, from 1.
    pub step: u32,
    /// Steps an epoch.
    pub steps: u32,
    /// Loss of this step's batch.
    pub loss: f32,
}
