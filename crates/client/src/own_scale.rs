//! A speaker's own scale: mean and deviation of every feature over their own clips, held to the group's as far as the clips say little.
//!
//! A clip's mean of a feature is taken as the group's + the speaker's + the mood's + the clip's own part, of which the last three
//! vary by themselves and a speaker's moods add up to nothing. What clips then say of the speaker is the best linear unbiased
//! prediction (Henderson 1975; Robinson, "That BLUP is a Good Thing: The Estimation of Random Effects", Statistical Science 6, 1991),
//! here in closed form. With n clips of a label, of L labels,
//!
//! w = n / (1 + κ n) for each label, W = Σ w, own = Σ w · (mean of the label's clips) / W,
//! share = 1 / (1 + k (1 / W − κ / L)), mean = group + share · (own − group),
//!
//! where k is the variance of clips over that of speakers, and κ that of moods over that of clips. Of n clips in all, as many of each
//! label, the share is n / (n + k), Bühlmann's credibility (ASTIN Bulletin 4, 1967): the group weighs as much as k clips. Of clips of one
//! label it stays below 1 / (1 + k κ (1 − 1 / L)), however many they are. Variances are mixed in the same shares.

use std::borrow::Cow;

use models::{Example, FEATURES, Standardisation, Variant};
use protocol::Normalisation;

use crate::statistics::add_frames;

/// k: so many clips of a speaker's own weigh as much as the group. From the variances of RAVDESS' actors 1 to 16.
const GROUP_CLIPS: f64 = 1.2;
/// κ: how far moods vary, of how far clips do. Over all features it is half as far; what tells moods apart varies more, and a large
/// number holds clips of one mood to the group's scale.
const MOOD_SPREAD: f64 = 2.0;
/// A deviation is at least this, so that a feature that never changes is not divided by nothing.
const LEAST_DEVIATION: f64 = 1.0e-6;

/// Mean and mean square of each feature over a clip's real frames as it is, without its variants.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Of a clip; `None` where it is not heard.
    pub fn of(clip: &Example) -> Option<Self> {
        let (mut mean, mut squares) = (vec![0.0; FEATURES], vec![0.0; FEATURES]);
        add_frames(clip, &mut mean, &mut squares);
        mean.iter_mut().chain(&mut squares).for_each(|sum| *sum /= clip.frames as f64);
        (clip.frames > 0).then_some(Self { mean, squares })
    }
}

/// What a speaker's own clips say of their scale, label by label.
#[derive(Clone, Debug)]
pub struct OwnScale {
    labels: Vec<Sums>,
}

/// Sums over the clips of one label.
#[derive(Clone, Debug)]
struct Sums {
    clips: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl OwnScale {
    /// Of nobody's clips yet, in a room of so many labels.
    pub fn new(labels: usize) -> Self {
        Self { labels: vec![Sums { clips: 0.0, mean: vec![0.0; FEATURES], squares: vec![0.0; FEATURES] }; labels] }
    }

    /// Of these clips, whose labels are known; a clip of any other label counts nowhere.
    pub fn of<'a>(clips: impl IntoIterator<Item = &'a Example>, labels: usize) -> Self {
        let mut own = Self::new(labels);
        clips.into_iter().for_each(|clip| own.add_clip(clip));
        own
    }

    /// A clip more, whose label is known. One that is not heard counts nowhere.
    pub fn add_clip(&mut self, clip: &Example) {
        if let Some(moments) = Moments::of(clip) {
            self.add_to(clip.label, &moments, 1.0);
        }
    }

    /// A clip more, of which it is known or guessed how likely it has each label.
    pub fn add(&mut self, clip: &Moments, likely: &[f32]) {
        for (label, &likely) in likely.iter().enumerate() {
            self.add_to(label, clip, f64::from(likely));
        }
    }

    fn add_to(&mut self, label: usize, clip: &Moments, weight: f64) {
        let Some(sums) = self.labels.get_mut(label) else { return };
        sums.clips += weight;
        for (sum, value) in sums.mean.iter_mut().zip(&clip.mean).chain(sums.squares.iter_mut().zip(&clip.squares)) {
            *sum += weight * value;
        }
    }

    /// How much of the scale is the speaker's own, 0 to 1.
    pub fn share(&self) -> f64 {
        let weight = self.weight();
        let of_moods = MOOD_SPREAD / self.labels.len() as f64;
        if weight > 0.0 { 1.0 / (1.0 + GROUP_CLIPS * (1.0 / weight - of_moods).max(0.0)) } else { 0.0 }
    }

    /// W.
    fn weight(&self) -> f64 {
        self.labels.iter().map(|label| label.clips / (1.0 + MOOD_SPREAD * label.clips)).sum()
    }

    /// The speaker's scale in a group with this one. Without any clips it is the group's, to the bit.
    pub fn within(&self, group: &Standardisation) -> Standardisation {
        let (share, weight) = (self.share(), self.weight());
        if share == 0.0 {
            return group.clone();
        }
        let own = |of: fn(&Sums) -> &[f64], feature: usize| -> f64 {
            let of_label = |label: &Sums| of(label).get(feature).map(|sum| sum / (1.0 + MOOD_SPREAD * label.clips));
            self.labels.iter().filter_map(of_label).sum::<f64>() / weight
        };
        let scale = group.mean.iter().zip(&group.deviation).enumerate().map(|(feature, (&mean, &deviation))| {
            let (mean, deviation) = (f64::from(mean), f64::from(deviation));
            let own_mean = own(|label| &label.mean, feature);
            let own_variance = (own(|label| &label.squares, feature) - own_mean.powi(2)).max(0.0);
            let variance = (1.0 - share) * deviation.powi(2) + share * own_variance;
            ((mean + share * (own_mean - mean)) as f32, variance.sqrt().max(LEAST_DEVIATION) as f32)
        });
        let (mean, deviation) = scale.unzip();
        Standardisation { mean, deviation }
    }
}

/// A clip as it is trained on where its speaker hears by the scale `own`: as it is, and in as many further ways so that `own` makes of it
/// what the group's scale does. Of these, too, a network has to know what they are, and so it learns to hear those of whom there are no
/// clips yet.
pub fn trained_on(clip: &Example, own: &Standardisation, group: &Standardisation) -> Example {
    let mut by_group = clip.clone();
    group.standardise(&mut by_group);
    let Example { values, frames, variants, .. } = by_group;
    let mut heard = clip.clone();
    for mut variant in [Variant { values, frames }].into_iter().chain(variants) {
        for frame in variant.values.chunks_exact_mut(FEATURES).take(variant.frames) {
            for (value, (mean, deviation)) in frame.iter_mut().zip(own.mean.iter().zip(&own.deviation)) {
                *value = mean + deviation * *value;
            }
        }
        heard.variants.push(variant);
    }
    heard
}

/// By which scale a participant of a room hears.
#[derive(Clone, Debug)]
pub struct Hearing {
    scale: Standardisation,
    /// The group's, where that is another.
    group: Option<Standardisation>,
}

impl Hearing {
    /// In a group with this scale, of a participant who trains on these clips, of a room with so many labels.
    pub fn of(normalisation: Normalisation, group: Standardisation, training: &[Example], labels: usize) -> Self {
        match normalisation {
            Normalisation::Group => Self { scale: group, group: None },
            Normalisation::Own => Self { scale: OwnScale::of(training, labels).within(&group), group: Some(group) },
        }
    }

    /// What features are standardised by, in training and whenever a model is asked.
    pub fn scale(&self) -> &Standardisation {
        &self.scale
    }

    /// Clips as they are trained on.
    pub fn trained_on<'a>(&self, clips: &'a [Example]) -> Cow<'a, [Example]> {
        match &self.group {
            None => Cow::Borrowed(clips),
            Some(group) => clips.iter().map(|clip| trained_on(clip, &self.scale, group)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use models::FRAMES;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        labels: usize,
        moods: Vec<usize>,
        /// The first features of each frame of each clip.
        clips: Vec<Vec<Vec<f32>>>,
        group: Standardisation,
        share: f64,
        mean: Vec<f64>,
        deviation: Vec<f64>,
    }

    /// A clip of these frames; what is left out of a frame is 1 throughout.
    fn clip(frames: &[Vec<f32>], label: usize) -> Example {
        let mut values = vec![0.0; FRAMES * FEATURES];
        for (place, frame) in values.chunks_exact_mut(FEATURES).zip(frames) {
            place.fill(1.0);
            place[..frame.len()].copy_from_slice(frame);
        }
        let variants = vec![Variant { values: vec![7.0; FRAMES * FEATURES], frames: FRAMES }];
        Example { values, frames: frames.len(), text: Vec::new(), label, variants }
    }

    fn group() -> Standardisation {
        Standardisation {
            mean: (0..FEATURES).map(|feature| feature as f32 / 7.0).collect(),
            deviation: (1..=FEATURES).map(|feature| feature as f32 / 9.0).collect(),
        }
    }

    /// `count` clips of two frames with these values in every feature.
    fn clips(count: usize, label: usize, low: f32, high: f32) -> Vec<Example> {
        vec![clip(&[vec![low; FEATURES], vec![high; FEATURES]], label); count]
    }

    /// `tests/reference/own_scale/golden.py` has NumPy invert whole covariance matrices for them.
    #[test]
    fn it_is_the_best_linear_prediction() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../tests/reference/own_scale/own_scale.json")).unwrap();
        for case in cases {
            let examples: Vec<Example> =
                case.clips.iter().zip(&case.moods).map(|(frames, &mood)| clip(frames, mood)).collect();
            let own = OwnScale::of(&examples, case.labels);
            assert!((own.share() - case.share).abs() < 1e-9, "{}: {} for {}", case.name, own.share(), case.share);
            let mut group = group();
            let known = case.mean.len();
            group.mean[..known].copy_from_slice(&case.group.mean);
            group.deviation[..known].copy_from_slice(&case.group.deviation);
            let scale = own.within(&group);
            for (found, expected) in
                scale.mean.iter().zip(&case.mean).chain(scale.deviation.iter().zip(&case.deviation))
            {
                assert!((f64::from(*found) - expected).abs() < 1e-6, "{}: {found} for {expected}", case.name);
            }
        }
    }

    #[test]
    fn without_clips_it_is_the_groups() {
        assert_eq!(OwnScale::new(4).within(&group()), group());
        let unheard = Example { frames: 0, ..clip(&[], 1) };
        assert_eq!(OwnScale::of(&[unheard], 4).within(&group()), group());
        assert_eq!(OwnScale::of(&clips(9, 4, 0.0, 1.0), 4).within(&group()), group(), "no label is the fifth");
        let mut own = OwnScale::new(4);
        own.add(&Moments::of(&clips(1, 0, 0.0, 1.0)[0]).unwrap(), &[0.0; 4]);
        assert_eq!(own.within(&group()), group());
    }

    #[test]
    fn many_clips_of_all_labels_make_it_the_speakers_own() {
        let mut examples: Vec<Example> = (0..4).flat_map(|label| clips(2_000, label, 3.0, 5.0)).collect();
        let scale = OwnScale::of(&examples, 4).within(&group());
        for feature in 0..FEATURES {
            assert!((scale.mean[feature] - 4.0).abs() < 0.01 && (scale.deviation[feature] - 1.0).abs() < 0.01);
        }
        // A label that has many more clips weighs hardly more for it.
        examples.extend(clips(8_000, 0, 13.0, 15.0));
        let own = OwnScale::of(&examples, 4).within(&group());
        let of_label_0 = (2_000.0 * 4.0 + 8_000.0 * 14.0) / 10_000.0;
        assert!((own.mean[20] - (of_label_0 + 3.0 * 4.0) / 4.0).abs() < 0.01, "{}", own.mean[20]);
    }

    #[test]
    fn clips_of_one_label_leave_it_near_the_groups() {
        let of_one = |count| OwnScale::of(&clips(count, 2, 3.0, 5.0), 4).share();
        let of_all = |count| {
            OwnScale::of(&(0..4).flat_map(|label| clips(count, label, 3.0, 5.0)).collect::<Vec<_>>(), 4).share()
        };
        let most = 1.0 / (1.0 + GROUP_CLIPS * MOOD_SPREAD * 0.75);
        assert!(of_one(1) < of_one(3) && of_one(3) < of_one(1_000) && of_one(1_000) < most);
        assert!(of_all(1) > most && of_all(25) > 0.98);
    }

    #[test]
    fn a_clip_is_trained_on_by_both_scales() {
        let (clip, group) = (&clips(1, 0, 3.0, 5.0)[0], group());
        let own = Standardisation { mean: vec![3.5; FEATURES], deviation: vec![0.5; FEATURES] };
        let mut heard = trained_on(clip, &own, &group);
        assert_eq!(heard.variants.len(), 3, "its one variant, and both again");
        own.standardise(&mut heard);
        let by = |scale: &Standardisation| {
            let mut clip = clip.clone();
            scale.standardise(&mut clip);
            [clip.values, clip.variants[0].values.clone()]
        };
        let ways = [&heard.values, &heard.variants[0].values, &heard.variants[1].values, &heard.variants[2].values];
        for (way, expected) in ways.into_iter().zip([by(&own), by(&group)].as_flattened()) {
            assert!(way.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-4));
        }
    }

    #[test]
    fn a_room_decides_by_which_scale_its_participants_hear() {
        let training: Vec<Example> = (0..2).flat_map(|label| clips(4, label, 3.0, 5.0)).collect();
        let hearing = Hearing::of(Normalisation::Group, group(), &training, 2);
        assert_eq!((hearing.scale(), &*hearing.trained_on(&training)), (&group(), &training[..]));
        let hearing = Hearing::of(Normalisation::Own, group(), &training, 2);
        assert_eq!(*hearing.scale(), OwnScale::of(&training, 2).within(&group()));
        assert_eq!(hearing.trained_on(&training)[7], trained_on(&training[7], hearing.scale(), &group()));
        // Who has no clips yet hears by the group's.
        assert_eq!(*Hearing::of(Normalisation::Own, group(), &[], 2).scale(), group());
    }

    #[test]
    fn what_is_guessed_counts_as_far_as_it_is_likely() {
        let moments = |low, high| Moments::of(&clips(1, 0, low, high)[0]).unwrap();
        let mut sure = OwnScale::new(2);
        sure.add(&moments(0.0, 2.0), &[1.0, 0.0]);
        sure.add(&moments(4.0, 8.0), &[0.0, 1.0]);
        let known: Vec<Example> = [clips(1, 0, 0.0, 2.0), clips(1, 1, 4.0, 8.0)].concat();
        assert_eq!(sure.within(&group()), OwnScale::of(&known, 2).within(&group()));
        // Of what nobody can guess, each clip is a share of every label: as many of each.
        let mut unsure = OwnScale::new(2);
        for _ in 0..6 {
            unsure.add(&moments(0.0, 2.0), &[0.5, 0.5]);
        }
        assert!((unsure.share() - 6.0 / (6.0 + GROUP_CLIPS)).abs() < 1e-12);
    }
}
