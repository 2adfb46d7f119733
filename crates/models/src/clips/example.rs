//! What a model learns from: clips as frames of features, and the statistics that standardise them.

use serde::{Deserialize, Serialize};

use crate::{FEATURES, FRAMES, ModelError};

/// One labelled clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// 100 frames of 60 raw features, frame by frame; a short clip ends in zero frames.
    pub values: Vec<f32>,
    /// How many of the frames are real, 1 to 100. What lies beyond is never looked at.
    pub frames: usize,
    /// The true label, from 0.
    pub label: usize,
    /// The same clip in other ways, such as at another speed. In every epoch of training one of them, or the clip as it
    /// is, is drawn; evaluation and prediction take the mean of the logits over all of them. Statistics are of the clip
    /// as it is.
    pub variants: Vec<Variant>,
}

/// An example's clip in another way.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// As [`Example::values`].
    pub values: Vec<f32>,
    /// As [`Example::frames`].
    pub frames: usize,
}

/// What a network sees of a clip.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub values: &'a [f32],
    pub frames: usize,
}

impl Example {
    /// The clip as it is.
    pub(crate) fn seen(&self) -> Seen<'_> {
        Seen { values: &self.values, frames: self.frames }
    }

    /// The clip in all of its ways.
    pub(crate) fn all_seen(&self) -> impl Iterator<Item = Seen<'_>> {
        let variants = self.variants.iter().map(|Variant { values, frames }| Seen { values, frames: *frames });
        std::iter::once(self.seen()).chain(variants)
    }

    /// In which of its ways the clip is seen in training, each as likely as the others; `draw` gives a number below its
    /// argument.
    pub(crate) fn way_in_training(&self, draw: impl FnOnce(u32) -> u32) -> usize {
        if self.variants.is_empty() { 0 } else { draw(self.variants.len() as u32 + 1) as usize }
    }

    /// The clip in one of its ways: 0 is as it is, from 1 its variants.
    pub(crate) fn seen_as(&self, way: usize) -> Seen<'_> {
        self.all_seen().nth(way).unwrap_or_else(|| self.seen())
    }
}

/// Mean and standard deviation of each feature over the real frames of the training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardisation {
    /// 60 means.
    pub mean: Vec<f32>,
    /// 60 standard deviations, above zero.
    pub deviation: Vec<f32>,
}

impl Standardisation {
    /// Leaves features as they are.
    pub fn identity() -> Self {
        Self { mean: vec![0.0; FEATURES], deviation: vec![1.0; FEATURES] }
    }

    /// The statistics of these examples' real frames; a feature that never changes gets deviation 1.
    /// Sums are taken in f64, in two passes.
    pub fn of<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Self {
        let real = |example: &'a Example| example.values.chunks_exact(FEATURES).take(example.frames);
        let frames: Vec<&[f32]> = examples.into_iter().flat_map(real).collect();
        let count = frames.len().max(1) as f64;
        let mean: Vec<f64> = (0..FEATURES)
            .map(|feature| frames.iter().map(|frame| f64::from(frame[feature])).sum::<f64>() / count)
            .collect();
        let deviation = (0..FEATURES)
            .map(|feature| {
                let squares: f64 = frames.iter().map(|frame| (f64::from(frame[feature]) - mean[feature]).powi(2)).sum();
                let deviation = (squares / count).sqrt() as f32;
                if deviation > 0.0 { deviation } else { 1.0 }
            })
            .collect();
        Self { mean: mean.iter().map(|&value| value as f32).collect(), deviation }
    }

    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let fits = self.mean.len() == FEATURES
            && self.deviation.len() == FEATURES
            && self.mean.iter().all(|mean| mean.is_finite())
            && self.deviation.iter().all(|&deviation| deviation.is_finite() && deviation > 0.0);
        if fits { Ok(()) } else { Err(ModelError::Standardisation) }
    }

    /// Standardises the real frames of an example and its variants in place.
    pub fn standardise(&self, example: &mut Example) {
        let Example { values, frames, variants, .. } = example;
        let others = variants.iter_mut().map(|variant| (&mut variant.values, variant.frames));
        for (values, frames) in others.chain([(values, *frames)]) {
            let raw = std::mem::replace(values, vec![0.0; FRAMES * FEATURES]);
            self.apply(Seen { values: &raw, frames }, FEATURES, values);
        }
    }

    /// Writes the first `features` of a clip's real frames, standardised, and zeros for the rest (100 x `features` values).
    pub(crate) fn apply(&self, clip: Seen<'_>, features: usize, out: &mut [f32]) {
        let real = clip.values.chunks_exact(FEATURES).take(clip.frames);
        for (out, frame) in out.chunks_exact_mut(features).zip(real) {
            for (feature, value) in out.iter_mut().enumerate() {
                *value = (frame[feature] - self.mean[feature]) / self.deviation[feature];
            }
        }
        out[clip.frames * features..].fill(0.0);
    }
}

/// Refuses examples that would panic or poison the parameters. `labels` is None where labels are ignored.
pub(crate) fn check(examples: &[Example], labels: Option<usize>) -> Result<(), ModelError> {
    if examples.is_empty() {
        return Err(ModelError::NoExamples);
    }
    for (index, example) in examples.iter().enumerate() {
        let label = example.label;
        if let Some(labels) = labels.filter(|&labels| label >= labels) {
            return Err(ModelError::Label { index, label, labels });
        }
        let variants = example.variants.iter().map(|Variant { values, frames }| (values, *frames));
        for (values, frames) in variants.chain([(&example.values, example.frames)]) {
            if values.len() != FRAMES * FEATURES || !(1..=FRAMES).contains(&frames) {
                return Err(ModelError::Shape { index, values: values.len(), frames });
            }
            if let Some(place) = values[..frames * FEATURES].iter().position(|value| !value.is_finite()) {
                return Err(ModelError::NotFinite { index, frame: place / FEATURES });
            }
        }
    }
    Ok(())
}
