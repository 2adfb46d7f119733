//! Predictions on plain slices: the way forwards of every network without a tensor library and without a device.
//!
//! It answers what `Learner::predict` answers, up to rounding, and is there without the feature `learner`: for
//! a program that must stay small, or whose learner is busy.

mod layers;

use std::sync::Arc;

use crate::{
    Architecture, Example, FRAMES, LEAST_LABELS, Layer, Layout, LstmOutput, MOST_LABELS, ModelError, Standardisation,
    clips::{self, Seen},
    slices::softmax,
};
use layers::Frames;

/// A model that only predicts.
///
/// ```
/// # use models::{Architecture, Example, Inference, Standardisation, initial_parameters};
/// let parameters = initial_parameters(Architecture::Compact, 4, 7);
/// let model = Inference::new(Architecture::Compact, 4, parameters, Standardisation::identity())?;
/// let clip = Example { values: vec![0.5; 100 * 60], frames: 100, label: 0, variants: Vec::new() };
/// let probabilities = model.probabilities(&clip)?;
/// assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
/// # Ok::<(), models::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Inference {
    layers: Vec<Layer>,
    layout: Layout,
    features: usize,
    labels: usize,
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
        Ok(Self { layers, layout, features, labels, parameters, standardisation })
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
        clips::check(std::slice::from_ref(example), None)?;
        let ways = 1 + example.variants.len();
        let mut sum = vec![0.0; self.labels];
        for clip in example.all_seen() {
            sum.iter_mut().zip(self.forward(clip)).for_each(|(sum, logit)| *sum += logit);
        }
        Ok(sum.iter().map(|sum| sum / ways as f32).collect())
    }

    /// One clip through all layers.
    pub(crate) fn forward(&self, clip: Seen<'_>) -> Vec<f32> {
        let mut frames = self.input(clip);
        let mut tensors = self.layout.tensors.iter().map(|spec| self.parameters.get(spec.range()).unwrap_or_default());
        let mut next = || tensors.next().unwrap_or_default();
        for layer in &self.layers {
            frames = match layer {
                Layer::Convolution { .. } => layers::convolution(frames, next(), next()),
                Layer::Normalise { .. } => layers::normalise(frames, next(), next()),
                Layer::Flatten { .. } => layers::flatten(&frames),
                Layer::Pooling { .. } => layers::pooling(&frames),
                Layer::Lstm { output, .. } => layers::lstm(&frames, next(), next(), next(), *output),
                Layer::Dense { .. } => layers::dense(&frames, next(), next()),
                Layer::Output { .. } => layers::linear(&frames, next(), next()),
            };
        }
        frames.values
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
