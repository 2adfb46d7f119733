//! The networks, as lists of layers.

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{BUCKETS, FEATURES, FRAMES, Layer, Layout, LstmOutput};

/// The short-term features, which stand first in a frame.
const SHORT_TERM: usize = 34;
/// Numbers that stand for each bucket of text: with 2^13 buckets as many parameters as a browser loads without waiting.
const TEXT_WIDTH: usize = 16;

/// A network by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// One convolution, then a dense layer over all frames: 26,008,068 parameters for 4 labels.
    Dense,
    /// Four convolutions: 1,832,004 parameters for 4 labels.
    Conv,
    /// Two LSTM layers, read at each clip's last real frame: 3,484,164 parameters for 4 labels.
    Lstm,
    /// The same as Chau & Garces have it: read at frame 100, after the padding of a short clip.
    #[serde(rename = "lstm-padded")]
    LstmPadded,
    /// Small and quick, for browsers: convolutions pooled over the real frames alone.
    Compact,
    /// `compact` beside a branch that reads what is said, and a gate between the two: 176,441 parameters for 4 labels.
    #[serde(rename = "compact-text")]
    CompactText,
}

impl Architecture {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 6] =
        [Self::Dense, Self::Conv, Self::Lstm, Self::LstmPadded, Self::Compact, Self::CompactText];

    /// The name that people and messages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Conv => "conv",
            Self::Lstm => "lstm",
            Self::LstmPadded => "lstm-padded",
            Self::Compact => "compact",
            Self::CompactText => "compact-text",
        }
    }

    /// Whether it also takes what is said; the others do not look at it.
    pub const fn reads_text(self) -> bool {
        matches!(self, Self::CompactText)
    }

    /// Whether what it hears with is `compact`, which is trained in ways of its own.
    pub const fn hears_as_compact(self) -> bool {
        matches!(self, Self::Compact | Self::CompactText)
    }

    /// How many of a frame's features it uses, counted from the first: the networks of Chau & Garces the 34 short-term
    /// ones, `compact` and `compact-text` all.
    pub const fn features(self) -> usize {
        match self {
            Self::Compact | Self::CompactText => FEATURES,
            Self::Dense | Self::Conv | Self::Lstm | Self::LstmPadded => SHORT_TERM,
        }
    }

    /// The layers from input (100 frames of [`Architecture::features`]) to logits.
    pub fn layers(self, labels: usize) -> Vec<Layer> {
        let convolution = |inputs, outputs| Layer::Convolution { inputs, outputs, dropout: true };
        match self {
            Self::Dense => vec![
                convolution(SHORT_TERM, 512),
                Layer::Flatten { frames: FRAMES - 2, channels: 512 },
                Layer::Dense { inputs: (FRAMES - 2) * 512, outputs: 512, dropout: true },
                Layer::Dense { inputs: 512, outputs: 512, dropout: true },
                Layer::Output { inputs: 512, labels },
            ],
            Self::Conv => vec![
                convolution(SHORT_TERM, 512),
                convolution(512, 128),
                convolution(128, 128),
                convolution(128, 64),
                Layer::Flatten { frames: FRAMES - 8, channels: 64 },
                Layer::Dense { inputs: (FRAMES - 8) * 64, outputs: 256, dropout: true },
                Layer::Output { inputs: 256, labels },
            ],
            Self::Lstm => lstm(LstmOutput::LastRealFrame, labels),
            Self::LstmPadded => lstm(LstmOutput::LastFrame, labels),
            Self::Compact => compact(Layer::Output { inputs: 64, labels }),
            Self::CompactText => compact(Layer::Fusion { inputs: 64, buckets: BUCKETS, width: TEXT_WIDTH, labels }),
        }
    }

    /// The order of the flat parameter vector.
    pub fn layout(self, labels: usize) -> Layout {
        Layout::of(&self.layers(labels))
    }

    /// Where the last layer's numbers are in the flat vector: what makes logits of what the layers before it, the body, make of a
    /// clip.
    pub fn head(self, labels: usize) -> Range<usize> {
        let layers = self.layers(labels);
        let total: usize = layers.iter().map(Layer::parameters).sum();
        total - layers.last().map_or(0, Layer::parameters)..total
    }

    /// Length of the flat parameter vector.
    pub fn parameters(self, labels: usize) -> usize {
        self.layout(labels).total()
    }
}

/// The layers of `compact` before its last.
fn compact(last: Layer) -> Vec<Layer> {
    let bare = |inputs, outputs| Layer::Convolution { inputs, outputs, dropout: false };
    let normalise = Layer::Normalise { channels: 64 };
    vec![
        bare(FEATURES, 64),
        normalise,
        bare(64, 64),
        normalise,
        bare(64, 64),
        normalise,
        Layer::Pooling { channels: 64 },
        Layer::Dense { inputs: 128, outputs: 64, dropout: true },
        last,
    ]
}

fn lstm(output: LstmOutput, labels: usize) -> Vec<Layer> {
    vec![
        Layer::Lstm { inputs: SHORT_TERM, units: 512, output: LstmOutput::EveryFrame },
        Layer::Lstm { inputs: 512, units: 512, output },
        Layer::Dense { inputs: 512, outputs: 512, dropout: false },
        Layer::Output { inputs: 512, labels },
    ]
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no architecture has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no model called {0:?}: choose dense, conv, lstm, lstm-padded, compact or compact-text")]
pub struct UnknownArchitecture(pub String);

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| UnknownArchitecture(name.to_owned()))
    }
}
