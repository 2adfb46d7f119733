//! What a model learns from: clips as frames of features, and the statistics that standardise them.

use serde::{Deserialize, Serialize};

use crate::{FEATURES, FRAMES, ModelError};

/// One labelled clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// 100 frames of 34 raw features, frame by frame; a short clip ends in zero frames.
    pub values: Vec<f32>,
    /// How many of the frames are real, 1 to 100. What lies beyond is never looked at.
    pub frames: usize,
    /// The true label, from 0.
    pub label: usize,
}

/// Mean and standard deviation of each feature over the real frames of the training data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardisation {
    /// 34 means.
    pub mean: Vec<f32>,
    /// 34 standard deviations, above zero.
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

    /// Standardises the real frames of an example in place.
    pub fn standardise(&self, example: &mut Example) {
        let mut values = vec![0.0; example.values.len()];
        self.apply(example, &mut values);
        example.values = values;
    }

    /// Writes the example's real frames, standardised, and zeros for the rest (100 x 34 values).
    pub(crate) fn apply(&self, example: &Example, out: &mut [f32]) {
        let real = example.frames * FEATURES;
        for (out, frame) in out.chunks_exact_mut(FEATURES).zip(example.values[..real].chunks_exact(FEATURES)) {
            for (feature, value) in out.iter_mut().enumerate() {
                *value = (frame[feature] - self.mean[feature]) / self.deviation[feature];
            }
        }
        out[real..].fill(0.0);
    }
}

/// Refuses examples that would panic or poison the parameters. `labels` is None where labels are ignored.
pub(crate) fn check(examples: &[Example], labels: Option<usize>) -> Result<(), ModelError> {
    if examples.is_empty() {
        return Err(ModelError::NoExamples);
    }
    for (index, example) in examples.iter().enumerate() {
        let Example { values, frames, label } = example;
        if values.len() != FRAMES * FEATURES || !(1..=FRAMES).contains(frames) {
            return Err(ModelError::Shape { index, values: values.len(), frames: *frames });
        }
        if let Some(labels) = labels.filter(|labels| label >= labels) {
            return Err(ModelError::Label { index, label: *label, labels });
        }
        if let Some(place) = values[..frames * FEATURES].iter().position(|value| !value.is_finite()) {
            return Err(ModelError::NotFinite { index, frame: place / FEATURES });
        }
    }
    Ok(())
}
