//! What a model learns from: clips as frames of features, and the statistics that standardise them.

use serde::{Deserialize, Serialize};

use crate::{Architecture, BUCKETS, FEATURES, FRAMES, MOST_PIECES, ModelError};

/// One labelled clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// 100 frames of 60 raw features, frame by frame; a short clip ends in zero frames.
    pub values: Vec<f32>,
    /// How many of the frames are real, 1 to 100. What lies beyond is never looked at. A clip that is not heard, but has
    /// text, has 0 and no variants; networks that take no text refuse it.
    pub frames: usize,
    /// What is said: the numbers of buckets below [`BUCKETS`], one for each piece of a transcript, at most [`MOST_PIECES`];
    /// empty where that is not known. Networks without a text branch do not look at it.
    pub text: Vec<u16>,
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

/// What a network sees of a clip. Without frames it is not heard, without text it is not read; one of them is there.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub values: &'a [f32],
    pub frames: usize,
    pub text: &'a [u16],
}

/// Which of a clip's two sides is seen in a step of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sides {
    Both,
    Voice,
    Text,
}

impl Sides {
    /// Modality dropout (Neverova et al. 2016): a clip that has both sides is heard alone in one of four steps and read alone
    /// in another, so that each branch learns to answer alone. `draw` gives a number below its argument.
    pub fn drawn(draw: impl FnOnce(u32) -> u32) -> Self {
        match draw(4) {
            0 => Self::Voice,
            1 => Self::Text,
            _ => Self::Both,
        }
    }
}

impl Example {
    /// The clip as it is.
    pub(crate) fn seen(&self) -> Seen<'_> {
        Seen { values: &self.values, frames: self.frames, text: &self.text }
    }

    /// Whether it is heard and read.
    pub(crate) fn has_both_sides(&self) -> bool {
        self.frames > 0 && !self.text.is_empty()
    }

    /// The clip in all of its ways.
    pub(crate) fn all_seen(&self) -> impl Iterator<Item = Seen<'_>> {
        let variants =
            self.variants.iter().map(|Variant { values, frames }| Seen { values, frames: *frames, text: &self.text });
        std::iter::once(self.seen()).chain(variants)
    }

    /// In which of its ways the clip is seen in training, each as likely as the others; `draw` gives a number below its
    /// argument.
    pub(crate) fn way_in_training(&self, draw: impl FnOnce(u32) -> u32) -> usize {
        if self.variants.is_empty() { 0 } else { draw(self.variants.len() as u32 + 1) as usize }
    }

    /// The clip in one of its ways (0 is as it is, from 1 its variants), with one of its sides or both.
    pub(crate) fn seen_as(&self, way: usize, sides: Sides) -> Seen<'_> {
        let seen = self.all_seen().nth(way).unwrap_or_else(|| self.seen());
        match sides {
            Sides::Both => seen,
            Sides::Voice => Seen { text: &[], ..seen },
            Sides::Text => Seen { frames: 0, ..seen },
        }
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
            self.apply(Seen { values: &raw, frames, text: &[] }, FEATURES, values);
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

/// Refuses examples that would panic or poison the parameters of a network. `labels` is None where labels are ignored.
pub(crate) fn check(examples: &[Example], architecture: Architecture, labels: Option<usize>) -> Result<(), ModelError> {
    if examples.is_empty() {
        return Err(ModelError::NoExamples);
    }
    for (index, example) in examples.iter().enumerate() {
        let label = example.label;
        if let Some(labels) = labels.filter(|&labels| label >= labels) {
            return Err(ModelError::Label { index, label, labels });
        }
        let text = &example.text;
        if text.len() > MOST_PIECES || text.iter().any(|&bucket| usize::from(bucket) >= BUCKETS) {
            return Err(ModelError::Text { index });
        }
        let only_read = architecture.reads_text() && !text.is_empty() && example.variants.is_empty();
        let least = if only_read { 0 } else { 1 };
        let variants = example.variants.iter().map(|Variant { values, frames }| (values, *frames));
        for (values, frames) in variants.chain([(&example.values, example.frames)]) {
            if values.len() != FRAMES * FEATURES || !(least..=FRAMES).contains(&frames) {
                return Err(ModelError::Shape { index, values: values.len(), frames });
            }
            if let Some(place) = values[..frames * FEATURES].iter().position(|value| !value.is_finite()) {
                return Err(ModelError::NotFinite { index, frame: place / FEATURES });
            }
        }
    }
    Ok(())
}
