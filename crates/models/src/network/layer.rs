//! One layer as data: its sizes, its tensors and how they start. What a layer computes is in `learner/layers` and `inference/layers.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Width of every convolution, in frames.
pub(crate) const KERNEL: usize = 3;
/// Of 256 values that dropout looks at so many are kept: a rate of 0.2 to the nearest 1/256. The rate is
/// that of Tripathi et al., "Multi-Modal Emotion Recognition on IEMOCAP" (2018), whose networks have this input.
pub(crate) const KEPT: u8 = 205;
/// What kept values are multiplied by, so that the mean stays (inverted dropout).
pub const KEPT_FACTOR: f32 = 256.0 / KEPT as f32;

/// A layer of a network. Convolutions and dense layers are followed by ReLU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Convolution over time, 3 frames wide, without padding; then ReLU.
    Convolution {
        /// Channels in.
        inputs: usize,
        /// Channels out.
        outputs: usize,
        /// Whether dropout follows.
        dropout: bool,
    },
    /// Layer normalisation: each frame's channels to mean 0 and deviation 1, then scaled and shifted.
    Normalise {
        /// Channels in and out.
        channels: usize,
    },
    /// All channels of all frames side by side, frame by frame.
    Flatten {
        /// Frames that are left of each clip.
        frames: usize,
        /// Channels of a frame.
        channels: usize,
    },
    /// Mean and standard deviation of each channel over the clip's real frames.
    Pooling {
        /// Channels in; twice as many come out.
        channels: usize,
    },
    /// Long short-term memory with one bias a gate.
    Lstm {
        /// Values in.
        inputs: usize,
        /// Units, and values out.
        units: usize,
        /// Which frames' outputs go on.
        output: LstmOutput,
    },
    /// Every input to every output; then ReLU.
    Dense {
        /// Values in.
        inputs: usize,
        /// Values out.
        outputs: usize,
        /// Whether dropout follows.
        dropout: bool,
    },
    /// Every input to one number a label (logits), no activation.
    Output {
        /// Values in.
        inputs: usize,
        /// Labels.
        labels: usize,
    },
    /// Late fusion with what is said. The voice's logits are made of the values that come in; the text's of the mean of its
    /// buckets' embeddings, normalised as a layer; and a gate `g`, a logistic function of both, says how far the voice is
    /// trusted: `g` · voice + (1 − `g`) · text. It is 1 for a clip without text and 0 for one that is not heard.
    Fusion {
        /// Values in, of the voice.
        inputs: usize,
        /// Buckets of text.
        buckets: usize,
        /// Numbers of an embedding.
        width: usize,
        /// Labels.
        labels: usize,
    },
}

/// Which of its outputs an LSTM layer passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LstmOutput {
    /// Every frame's.
    EveryFrame,
    /// That of frame 100, which for a short clip comes after many frames of padding.
    LastFrame,
    /// That of the clip's last real frame.
    LastRealFrame,
}

/// How a tensor starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Initial {
    /// Glorot uniform with these fans.
    Glorot {
        fan_in: usize,
        fan_out: usize,
    },
    /// Rows of an orthogonal matrix.
    Orthogonal,
    Zero,
    One,
    /// Zero, but one for the forget gate, the second quarter.
    ForgetGateOne,
}

impl Layer {
    /// The layer's kind, as its tensors are named after it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Convolution { .. } => "convolution",
            Self::Normalise { .. } => "normalise",
            Self::Flatten { .. } => "flatten",
            Self::Pooling { .. } => "pooling",
            Self::Lstm { .. } => "lstm",
            Self::Dense { .. } => "dense",
            Self::Output { .. } => "output",
            Self::Fusion { .. } => "fusion",
        }
    }

    /// The layer's tensors in the order of the flat vector: name, shape and first values.
    pub(crate) fn tensors(&self) -> Vec<(&'static str, Vec<usize>, Initial)> {
        match *self {
            Self::Convolution { inputs, outputs, .. } => vec![
                (
                    "kernel",
                    vec![KERNEL, inputs, outputs],
                    Initial::Glorot { fan_in: KERNEL * inputs, fan_out: KERNEL * outputs },
                ),
                ("bias", vec![outputs], Initial::Zero),
            ],
            Self::Normalise { channels } => {
                vec![("scale", vec![channels], Initial::One), ("bias", vec![channels], Initial::Zero)]
            }
            Self::Flatten { .. } | Self::Pooling { .. } => Vec::new(),
            Self::Lstm { inputs, units, .. } => vec![
                ("kernel", vec![inputs, 4 * units], Initial::Glorot { fan_in: inputs, fan_out: 4 * units }),
                ("recurrent", vec![units, 4 * units], Initial::Orthogonal),
                ("bias", vec![4 * units], Initial::ForgetGateOne),
            ],
            Self::Fusion { inputs, buckets, width, labels } => vec![
                ("kernel", vec![inputs, labels], Initial::Glorot { fan_in: inputs, fan_out: labels }),
                ("bias", vec![labels], Initial::Zero),
                // Each row as if it were a layer of one input.
                ("embedding", vec![buckets, width], Initial::Glorot { fan_in: 1, fan_out: width }),
                ("scale", vec![width], Initial::One),
                ("offset", vec![width], Initial::Zero),
                ("text_kernel", vec![width, labels], Initial::Glorot { fan_in: width, fan_out: labels }),
                ("text_bias", vec![labels], Initial::Zero),
                // At first both are trusted as far, whatever they say.
                ("gate_kernel", vec![inputs + width, 1], Initial::Zero),
                ("gate_bias", vec![1], Initial::Zero),
            ],
            Self::Dense { inputs, outputs, .. } | Self::Output { inputs, labels: outputs } => vec![
                ("kernel", vec![inputs, outputs], Initial::Glorot { fan_in: inputs, fan_out: outputs }),
                ("bias", vec![outputs], Initial::Zero),
            ],
        }
    }

    /// How many frames fewer come out than went in: a convolution's window needs those at the clip's end.
    pub(crate) fn frames_lost(&self) -> usize {
        if let Self::Convolution { .. } = self { KERNEL - 1 } else { 0 }
    }

    /// Numbers that this layer learns.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape, _)| shape.iter().product::<usize>()).sum()
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dropped = |dropout: bool| if dropout { ", dropout" } else { "" };
        match *self {
            Self::Convolution { inputs, outputs, dropout } => {
                write!(f, "convolution {inputs} to {outputs}, {KERNEL} frames wide, ReLU{}", dropped(dropout))
            }
            Self::Normalise { channels } => write!(f, "layer normalisation, {channels} channels"),
            Self::Flatten { frames, channels } => write!(f, "flatten {frames} x {channels}"),
            Self::Pooling { channels } => write!(f, "mean and deviation over real frames, {channels} channels"),
            Self::Lstm { inputs, units, output } => {
                let read = match output {
                    LstmOutput::EveryFrame => "every frame",
                    LstmOutput::LastFrame => "last frame, padded or not",
                    LstmOutput::LastRealFrame => "last real frame",
                };
                write!(f, "LSTM {inputs} to {units}, {read}")
            }
            Self::Dense { inputs, outputs, dropout } => {
                write!(f, "dense {inputs} to {outputs}, ReLU{}", dropped(dropout))
            }
            Self::Output { inputs, labels } => write!(f, "output {inputs} to {labels} labels"),
            Self::Fusion { inputs, buckets, width, labels } => {
                write!(f, "fusion of {inputs} with text in {buckets} buckets of {width}, a gate, {labels} labels")
            }
        }
    }
}
