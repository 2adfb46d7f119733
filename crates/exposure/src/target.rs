//! An update that is attacked: what is found in it, as often as it is seen, and how much of that is right.

use std::borrow::Cow;
use std::ops::ControlFlow;

use models::{Example, Gradients, Inference, ModelError, Standardisation};

use crate::{Effort, Known, Trained, Voice, correlation, invert, label_counts, likeness, ordered};

/// An update, what the attacker has beside it, and the truth that what it finds is held against.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The update.
    pub update: &'a [f32],
    /// How it was trained.
    pub trained: Trained,
    /// What the network says for each label on average, of clips that the attacker has itself ([`usual`]).
    pub usual: &'a [f32],
    /// How many of its clips have each label.
    pub counts: &'a [u32],
    /// What is looked for in whole gradients; none of networks of which those are not known.
    pub inside: Option<Inside<'a>>,
}

/// What is looked for in an update by gradients of clips that the attacker makes up or has.
#[derive(Debug, Clone, Copy)]
pub struct Inside<'a> {
    /// What the attacker knows of the network.
    pub known: &'a Known<'a>,
    /// The voices that it is looked for among: the right one is the first. None: it is not looked for.
    pub voices: &'a [Voice],
    /// The clip, where there is one alone: its real frames, standardised, [`ordered`] by the same feature. None: it is not looked for.
    pub clip: Option<&'a [f32]>,
    /// The feature by which frames are ordered.
    pub by: usize,
    /// How much trouble the attacker takes.
    pub effort: Effort,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// At the first try: clips of each label.
    pub counts: Vec<u32>,
    /// How often the update was seen.
    pub tries: usize,
    /// How many of these times the labels were right, but for a tenth of the clips.
    pub labels_right: usize,
    /// And how many clips' labels were right, of all, the mean over the tries: 0 to 1.
    pub labels_share: f64,
    /// How often the right voice came first; `None` where it was not looked for.
    pub voice_right: Option<usize>,
    /// At the first try: the clip's features, frame by frame, ordered.
    pub heard: Option<Vec<f32>>,
    /// Their correlation with the clip's, −1 to 1.
    pub alike: Option<f64>,
}

impl Target<'_> {
    /// Attacks the update as often as it is seen: `see` gives it as a server would have it, with masks or noise drawn anew. Labels and voice
    /// are looked for each time, the sound once. `on_step` is told how far it is, 0 to 1, and ends it by breaking: the sound is then what was
    /// come to.
    ///
    /// # Errors
    /// Of `see`, or a clip that the network cannot take.
    pub fn attack<'s, E: From<ModelError>>(
        &self,
        tries: usize,
        mut see: impl FnMut() -> Result<Cow<'s, [f32]>, E>,
        mut on_step: impl FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Found, E> {
        let (voices, clip) = self.inside.map_or((&[][..], None), |inside| (inside.voices, inside.clip));
        let first = see()?;
        let counts = label_counts(&self.trained, &first, self.usual);
        let (mut labels_right, mut labels_share, mut voice_right) = (0, 0.0, 0);
        for number in 0..tries {
            let (seen, found) = if number == 0 {
                (Cow::Borrowed(&*first), counts.clone())
            } else {
                let seen = see()?;
                let found = label_counts(&self.trained, &seen, self.usual);
                (seen, found)
            };
            let apart: u32 = found.iter().zip(self.counts).map(|(found, count)| found.abs_diff(*count)).sum();
            let wrong = apart / 2;
            labels_right += usize::from(10 * wrong <= self.trained.examples);
            labels_share += 1.0 - f64::from(wrong) / f64::from(self.trained.examples.max(1));
            if let Some(Inside { known, .. }) = self.inside
                && !voices.is_empty()
            {
                let alike = likeness(known, &seen, voices, &found)?;
                voice_right += usize::from(alike[1..].iter().all(|other| *other < alike[0]));
            }
            let done = (number + 1) as f64 / tries as f64;
            if on_step(if clip.is_some() { done / 2.0 } else { done }).is_break() {
                break;
            }
        }
        let mut heard = None;
        if let Some((Inside { known, by, effort, .. }, clip)) = self.inside.zip(clip) {
            let label = (0..counts.len()).max_by_key(|&label| counts[label]).unwrap_or_default();
            let frames = clip.len() / known.gradients.features();
            let on_step = |done: f64| on_step(0.5 + done / 2.0);
            heard = Some(invert(known, &first, label, frames, by, &effort, on_step)?.values);
        }
        Ok(Found {
            counts,
            tries,
            labels_right,
            labels_share: labels_share / tries.max(1) as f64,
            voice_right: (!voices.is_empty()).then_some(voice_right),
            alike: heard.as_deref().zip(clip).map(|(heard, clip)| correlation(heard, clip)),
            heard,
        })
    }
}

/// What the network says for each label on average of some clips.
///
/// # Errors
/// A clip that the network cannot take.
pub fn usual<'a>(model: &Inference, clips: impl Iterator<Item = &'a Example>) -> Result<Vec<f32>, ModelError> {
    let mut sums: Vec<f32> = Vec::new();
    let mut count = 0.0_f32;
    for clip in clips {
        let said = model.probabilities(clip)?;
        sums.resize(said.len(), 0.0);
        sums.iter_mut().zip(said).for_each(|(sum, said)| *sum += said);
        count += 1.0;
    }
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

/// The real frames of each clip that the network can take alone, standardised.
pub fn whole(clips: &[Example], scale: &Standardisation, gradients: &Gradients) -> Vec<Vec<f32>> {
    let long_enough = clips.iter().filter(|clip| clip.frames >= gradients.least_frames());
    long_enough
        .map(|clip| {
            let mut clip = clip.clone();
            scale.standardise(&mut clip);
            clip.values.truncate(clip.frames * gradients.features());
            clip.values
        })
        .collect()
}

/// A clip's real frames, standardised and ordered by a feature; `None` where the network cannot take it alone.
pub fn whole_in_order(clip: &Example, scale: &Standardisation, gradients: &Gradients, by: usize) -> Option<Vec<f32>> {
    Some(ordered(&whole(std::slice::from_ref(clip), scale, gradients).pop()?, gradients.features(), by))
}
