//! What can go wrong with a model, and what to do about it.

use crate::{Architecture, BUCKETS, FEATURES, FRAMES, LEAST_LABELS, MOST_LABELS, MOST_PIECES};

/// Why a model could not do what it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The number of labels is outside what a network can have.
    #[error("a model tells {LEAST_LABELS} to {MOST_LABELS} labels apart, not {labels}: change the list of labels")]
    Labels {
        /// The number asked for.
        labels: usize,
    },
    /// This program was built without the chosen backend.
    #[error("this program was built without {backend}: choose another, or build `models` with the feature `{feature}`")]
    BackendMissing {
        /// Which one.
        backend: &'static str,
        /// What to build it with.
        feature: &'static str,
    },
    /// The graphics device could not be opened.
    #[error("no WebGPU device could be opened ({reason}): choose the CPU backend")]
    BackendUnavailable {
        /// What the graphics library says.
        reason: String,
    },
    /// The graphics processor has no kernels for one of the network's layers.
    #[error("{architecture} is trained on the processor alone: its text has no kernels for graphics processors")]
    ProcessorAlone {
        /// Which network.
        architecture: Architecture,
    },
    /// The device failed while it computed: it was lost, or its memory ran out.
    #[error(
        "the device failed in the middle of the work ({reason}): start again, on the CPU backend if it happens twice"
    )]
    Device {
        /// What the tensor library says.
        reason: String,
    },
    /// There is nothing to learn from.
    #[error("there are no examples: add at least one labelled clip")]
    NoExamples,
    /// An example has the wrong number of values or of frames.
    #[error(
        "example {index} must have {FRAMES} x {FEATURES} values and 1 to {FRAMES} real frames, but has {values} values and {frames} frames"
    )]
    Shape {
        /// Which example, from 0.
        index: usize,
        /// How many values it has.
        values: usize,
        /// How many real frames it claims.
        frames: usize,
    },
    /// An example has a label that the model does not know.
    #[error("example {index} has label {label}, but the model knows labels 0 to {}: relabel the clip", .labels - 1)]
    Label {
        /// Which example, from 0.
        index: usize,
        /// Its label.
        label: usize,
        /// How many labels the model knows.
        labels: usize,
    },
    /// An example has a feature that is NaN or infinite.
    #[error("example {index} has a feature that is not a finite number in frame {frame}: remove the clip")]
    NotFinite {
        /// Which example, from 0.
        index: usize,
        /// Which frame, from 0.
        frame: usize,
    },
    /// A text that no network can take.
    #[error("example {index} must have at most {MOST_PIECES} pieces of text, each in a bucket below {BUCKETS}")]
    Text {
        /// Which example, from 0.
        index: usize,
    },
    /// A parameter vector of the wrong length.
    #[error(
        "the model has {expected} parameters, but {given} were given: the vector belongs to another model or number of labels"
    )]
    Length {
        /// What the layout asks for.
        expected: usize,
        /// What was given.
        given: usize,
    },
    /// A parameter that is NaN or infinite.
    #[error("parameter {index} is not a finite number: refuse this model and take an earlier one")]
    ParameterNotFinite {
        /// Its place in the flat vector.
        index: usize,
    },
    /// The feature statistics do not fit the features.
    #[error("standardisation needs {FEATURES} finite means and {FEATURES} finite deviations above zero")]
    Standardisation,
    /// A training plan that cannot be carried out.
    #[error("{what}")]
    Plan {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Loss or parameters left the numbers that can be learnt from.
    #[error(
        "training diverged (by step {step}): take a smaller learning rate, or go on from an earlier version of the model"
    )]
    Diverged {
        /// The step, counted from 1 over the whole call.
        step: u32,
    },
}
