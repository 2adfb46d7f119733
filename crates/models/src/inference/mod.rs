//! Predictions on plain slices: the way forwards of every network without a tensor library and without a device.
//!
//! It answers what `Learner::predict` answers, up to rounding, and is there without the feature `learner`: for
//! a program that must stay small, or whose learner is busy.

mod layers;

use std::sync::Arc;

use crate::{
    Architecture, Example, FRAMES, LEAST_LABELS, Layer, Layout, LstmOutput, MOST_LABELS, ModelError, Standardisation,
    clips::{self, Seen},
    slices::{
        fusion::{self, Fused, Tensors},
        softmax,
    },
};
use layers::Frames;

/// What each branch of a network that reads says of a clip, beside the answer of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Branches {
    /// The answer: a probability for each label.
    pub both: Vec<f32>,
    /// The voice's own answer; none where the clip is not heard.
    pub voice: Option<Vec<f32>>,
    /// The text's own answer; none where the clip is not read.
    pub text: Option<Vec<f32>>,
    /// How far the gate trusts the voice, 0 to 1, and the text with the rest: the mean over the clip's ways.
    pub gate: f32,
}

/// A model that only predicts.
///
/// ```
/// # use models::{Architecture, Example, Inference, Standardisation, initial_parameters};
/// let parameters = initial_parameters(Architecture::Compact, 4, 7);
/// let model = Inference::new(Architecture::Compact, 4, parameters, Standardisation::identity())?;
/// let clip = Example { values: vec![0.5; 100 * 60], frames: 100, text: Vec::new(), label: 0, variants: Vec::new() };
/// let probabilities = model.probabilities(&clip)?;
/// assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
/// # Ok::<(), models::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Inference {
    architecture: Architecture,
    layers: Vec<Layer>,
    layout: Layout,
    features: usize,
    parameters: Arc<Vec<f32>>,
    standardisation: Standardisation,
}

impl Inference {
    /// A model from its flat parameter vector, in the order of [`Architecture::layout`], which may be shared, and from
    /// the statistics by which it was trained to standardise features.
    ///
    /// # Errors
    /// A number of labels outside 2 to 16; parameters of the wrong length, or not all of them finite; other than 60
    /// finite means and 60 deviations above zero.
    pub fn new(
        architecture: Architecture,
        labels: usize,
        parameters: impl Into<Arc<Vec<f32>>>,
        standardisation: Standardisation,
    ) -> Result<Self, ModelError> {
        if !(LEAST_LABELS..=MOST_LABELS).contains(&labels) {
            return Err(ModelError::Labels { labels });
        }
        let layout = architecture.layout(labels);
        let parameters = parameters.into();
        layout.check(&parameters)?;
        standardisation.check()?;
        let (layers, features) = (architecture.layers(labels), architecture.features());
        Ok(Self { architecture, layers, layout, features, parameters, standardisation })
    }

    /// A probability for each label; they sum to 1. The example's own label is ignored.
    ///
    /// # Errors
    /// An example of the wrong size, or with a real frame that has a feature that is not finite.
    pub fn probabilities(&self, example: &Example) -> Result<Vec<f32>, ModelError> {
        Ok(softmax::probabilities(&self.logits(example)?))
    }

    /// A logit for each label: the mean over the example's clip as it is and its variants.
    ///
    /// # Errors
    /// As [`Inference::probabilities`].
    pub fn logits(&self, example: &Example) -> Result<Vec<f32>, ModelError> {
        clips::check(std::slice::from_ref(example), self.architecture, None)?;
        Ok(mean(example.all_seen().map(|clip| self.forward(clip).0)))
    }

    /// The answer and what each branch says by itself; `None` for a network that reads no text.
    ///
    /// # Errors
    /// As [`Inference::probabilities`].
    pub fn branches(&self, example: &Example) -> Result<Option<Branches>, ModelError> {
        clips::check(std::slice::from_ref(example), self.architecture, None)?;
        let ways: Option<Vec<_>> = example
            .all_seen()
            .map(|clip| {
                let (logits, fused) = self.forward(clip);
                Some((logits, fused?))
            })
            .collect();
        let answer = |rows: &mut dyn Iterator<Item = Vec<f32>>| softmax::probabilities(&mean(rows));
        Ok(ways.map(|ways| Branches {
            both: answer(&mut ways.iter().map(|(logits, _)| logits.clone())),
            voice: (example.frames > 0).then(|| answer(&mut ways.iter().map(|(_, fused)| fused.voice.clone()))),
            text: (!example.text.is_empty()).then(|| answer(&mut ways.iter().map(|(_, fused)| fused.text.clone()))),
            gate: ways.iter().map(|(_, fused)| fused.gate).sum::<f32>() / ways.len() as f32,
        }))
    }

    /// One clip through all layers: its logits, and what they were fused of where the network reads.
    pub(crate) fn forward(&self, clip: Seen<'_>) -> (Vec<f32>, Option<Fused>) {
        let mut frames = self.input(clip);
        let mut tensors = self.layout.tensors.iter().map(|spec| self.parameters.get(spec.range()).unwrap_or_default());
        let mut next = || tensors.next().unwrap_or_default();
        let mut fused = None;
        for layer in &self.layers {
            frames = match layer {
                Layer::Convolution { .. } => layers::convolution(frames, next(), next()),
                Layer::Normalise { .. } => layers::normalise(frames, next(), next()),
                Layer::Flatten { .. } => layers::flatten(&frames),
                Layer::Pooling { .. } => layers::pooling(&frames),
                Layer::Lstm { output, .. } => layers::lstm(&frames, next(), next(), next(), *output),
                Layer::Dense { .. } => layers::dense(&frames, next(), next()),
                Layer::Output { .. } => layers::linear(&frames, next(), next()),
                Layer::Fusion { width, .. } => {
                    let [kernel, bias, embedding, scale, offset, text_kernel, text_bias, gate_kernel, gate_bias] =
                        [(); 9].map(|()| next());
                    let tensors =
                        Tensors { kernel, bias, scale, offset, text_kernel, text_bias, gate_kernel, gate_bias };
                    let mean = fusion::mean(embedding, *width, clip.text);
                    let (heard, read) = (clip.frames > 0, !clip.text.is_empty());
                    let own = fused.insert(fusion::forward(&tensors, &frames.values, mean, heard, read));
                    Frames::one(own.logits().collect())
                }
            };
        }
        (frames.values, fused)
    }

    /// The clip's standardised frames, as many as have a say.
    fn input(&self, clip: Seen<'_>) -> Frames {
        let total = self.frames_with_a_say(clip.frames);
        let mut values = vec![0.0; FRAMES * self.features];
        self.standardisation.apply(clip, self.features, &mut values);
        // Padding is zeros, and one frame of it stands for all.
        values.truncate((clip.frames + 1).min(total) * self.features);
        Frames { values, channels: self.features, total }
    }

    /// How many frames from the first on the answer depends on, of a clip with so many real ones: pooling is over what
    /// convolutions leave of the real frames, at least one, and a recurrent network that is read at the last real frame
    /// knows nothing of what follows.
    fn frames_with_a_say(&self, real: usize) -> usize {
        let lost: usize = self.layers.iter().map(|layer| layer.frames_lost()).sum();
        self.layers
            .iter()
            .find_map(|layer| match layer {
                Layer::Pooling { .. } => Some(real.max(lost + 1)),
                Layer::Lstm { output: LstmOutput::LastRealFrame, .. } => Some(real),
                _ => None,
            })
            .unwrap_or(FRAMES)
    }
}

/// The mean of some rows, of which there is at least one.
fn mean(rows: impl IntoIterator<Item = Vec<f32>>) -> Vec<f32> {
    let mut rows = rows.into_iter();
    let mut sum = rows.next().unwrap_or_default();
    let mut count = 1.0;
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        count += 1.0;
    }
    sum.iter().map(|sum| sum / count).collect()
}
