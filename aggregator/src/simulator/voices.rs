//! Each speaker's own scale in a simulation (`client::OwnScale`): of those who train, of all their training clips, whose labels they
//! know; of those who are only tested, of clips of which nobody tells what they are, so that each counts as a share of every label.

use std::borrow::Cow;

use client::own_scale::{self, Moments, OwnScale};
use models::{Evaluation, Example, Learner, ModelError, Standardisation};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Scores;
use super::attack::Attackers;
use super::dataset::Dataset;

/// Of how many other clips of theirs a test speaker's scale is made, to see what it takes.
const FEW: [u32; 3] = [1, 3, 10];

/// The own scales of those who train. Wherever a clip is trained on, it is heard by the scale of all training clips of its speaker,
/// as it would be where that speaker recorded it.
pub struct Speakers {
    scales: Vec<OwnScale>,
    /// Whose each clip of each client is.
    of: Vec<Vec<usize>>,
}

impl Speakers {
    /// Of the clips of each client.
    pub fn new(dataset: &Dataset, parts: &[Vec<usize>]) -> Self {
        let speaker = |clip: usize| dataset.clips[clip].speaker.as_str();
        let mut names: Vec<&str> = parts.iter().flatten().map(|&clip| speaker(clip)).collect();
        names.sort_unstable();
        names.dedup();
        let of: Vec<Vec<usize>> = parts
            .iter()
            .map(|part| part.iter().map(|&clip| names.binary_search(&speaker(clip)).unwrap_or_default()).collect())
            .collect();
        let mut scales = vec![OwnScale::new(dataset.labels.len()); names.len()];
        for (&clip, &speaker) in parts.iter().flatten().zip(of.iter().flatten()) {
            scales[speaker].add_clip(&dataset.clips[clip].example);
        }
        Self { scales, of }
    }

    /// Those of the clients who are not attackers.
    pub fn present(self, attackers: &Attackers) -> Self {
        Self { of: attackers.present(&self.of), ..self }
    }

    /// A client's clips as they are trained on, standardised by their speakers' scales in a group with this one.
    pub fn standardised(&self, client: usize, group: &Standardisation, clips: &[Example]) -> Vec<Example> {
        let own: Vec<Standardisation> = self.scales.iter().map(|scale| scale.within(group)).collect();
        let speakers = self.of.get(client).into_iter().flatten();
        clips
            .iter()
            .zip(speakers)
            .map(|(clip, &speaker)| standardised(own_scale::trained_on(clip, &own[speaker], group), &own[speaker]))
            .collect()
    }
}

fn standardised(mut clip: Example, by: &Standardisation) -> Example {
    by.standardise(&mut clip);
    clip
}

/// The clips that are tested on, and by which scale they are heard.
pub struct Tested {
    clips: Vec<Example>,
    labels: usize,
    /// Where speakers have scales of their own.
    own: Option<Own>,
}

struct Own {
    /// Of each clip, where it is heard.
    moments: Vec<Option<Moments>>,
    /// Of each clip the clips of its speaker, itself among them.
    same_speaker: Vec<Vec<usize>>,
}

/// How a finished model does where test speakers' scales are made of few clips, none of which is the tested one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfFewClips {
    /// So many other clips of the speaker; without it of all of them.
    pub clips: Option<u32>,
    /// Whether these are all of one label, drawn for each tested clip.
    pub one_label: bool,
    /// How it does where nobody tells what they are.
    pub untold: Scores,
    /// How it does where that is known.
    pub told: Scores,
}

impl Tested {
    /// Clips that are heard by the group's scale.
    pub fn new(clips: Vec<Example>, labels: usize) -> Self {
        Self { clips, labels, own: None }
    }

    /// The same, each by its speaker's own scale.
    pub fn by_own_scales(self, speakers: &[&str]) -> Self {
        let clips_of = |speaker: &str| (0..speakers.len()).filter(|&clip| speakers[clip] == speaker).collect();
        let moments = self.clips.iter().map(Moments::of).collect();
        let same_speaker = speakers.iter().map(|speaker| clips_of(speaker)).collect();
        Self { own: Some(Own { moments, same_speaker }), ..self }
    }

    /// Whether there is nothing to test on.
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// How the model does that a learner has, in a group with this scale. Own scales are of all of a speaker's clips, of which nobody
    /// tells what they are.
    ///
    /// # Errors
    /// As the learner's.
    pub async fn evaluate(&self, learner: &mut Learner, group: &Standardisation) -> Result<Evaluation, ModelError> {
        let clips = self.heard(learner, group)?;
        learner.evaluate(&clips).await
    }

    /// What it finds in each clip.
    ///
    /// # Errors
    /// As the learner's.
    pub async fn predict(&self, learner: &mut Learner, group: &Standardisation) -> Result<Vec<Vec<f32>>, ModelError> {
        let clips = self.heard(learner, group)?;
        learner.predict(&clips).await
    }

    /// The clips as this learner takes them from now on.
    fn heard(&self, learner: &mut Learner, group: &Standardisation) -> Result<Cow<'_, [Example]>, ModelError> {
        let Some(own) = &self.own else {
            learner.set_standardisation(group.clone())?;
            return Ok(Cow::Borrowed(&self.clips));
        };
        learner.set_standardisation(Standardisation::identity())?;
        Ok(Cow::Owned(self.standardised(group, own, &own.same_speaker, |_| self.any_label())))
    }

    /// The clips by own scales, each made `by` these clips, of which it is known how likely they have each label.
    fn standardised(
        &self,
        group: &Standardisation,
        own: &Own,
        by: &[Vec<usize>],
        likely: impl Fn(usize) -> Vec<f32>,
    ) -> Vec<Example> {
        let by_own = |(clip, by): (&Example, &Vec<usize>)| {
            let mut scale = OwnScale::new(self.labels);
            for &other in by {
                if let Some(moments) = &own.moments[other] {
                    scale.add(moments, &likely(other));
                }
            }
            standardised(clip.clone(), &scale.within(group))
        };
        self.clips.iter().zip(by).map(by_own).collect()
    }

    /// As likely each label.
    fn any_label(&self) -> Vec<f32> {
        vec![1.0 / self.labels as f32; self.labels]
    }

    /// The label that it has.
    fn own_label(&self, clip: usize) -> Vec<f32> {
        (0..self.labels).map(|label| if label == self.clips[clip].label { 1.0 } else { 0.0 }).collect()
    }

    /// How the model does that a learner has where scales are made of few clips; nothing where there are no own scales. `seed`
    /// decides which clips.
    ///
    /// # Errors
    /// As the learner's.
    pub async fn of_few_clips(
        &self,
        learner: &mut Learner,
        group: &Standardisation,
        seed: u64,
    ) -> Result<Vec<OfFewClips>, ModelError> {
        let Some(own) = &self.own else { return Ok(Vec::new()) };
        learner.set_standardisation(Standardisation::identity())?;
        let few = FEW.map(|clips| (Some(clips), false));
        let kinds = [(Some(0), false)].into_iter().chain(few).chain([(None, false), (Some(3), true), (None, true)]);
        let mut found = Vec::new();
        for (clips, one_label) in kinds {
            let by = self.drawn(own, clips, one_label, seed);
            let heard = self.standardised(group, own, &by, |_| self.any_label());
            let untold = Scores::of(&learner.evaluate(&heard).await?.confusion);
            let heard = self.standardised(group, own, &by, |other| self.own_label(other));
            let told = Scores::of(&learner.evaluate(&heard).await?.confusion);
            found.push(OfFewClips { clips, one_label, untold, told });
        }
        Ok(found)
    }

    /// Other clips of each clip's speaker, at most so many.
    fn drawn(&self, own: &Own, most: Option<u32>, one_label: bool, seed: u64) -> Vec<Vec<usize>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let drawn = |(clip, same_speaker): (usize, &Vec<usize>)| {
            let mut others: Vec<usize> = same_speaker.iter().copied().filter(|&other| other != clip).collect();
            others.shuffle(&mut random);
            if let (true, Some(&first)) = (one_label, others.first()) {
                let label = self.clips[first].label;
                others.retain(|&other| self.clips[other].label == label);
            }
            others.truncate(most.map_or(usize::MAX, |most| most as usize));
            others
        };
        own.same_speaker.iter().enumerate().map(drawn).collect()
    }
}

#[cfg(test)]
mod tests {
    use models::{FEATURES, FRAMES};

    use super::*;

    /// A clip of one frame, with this in every feature.
    fn clip(value: f32, label: usize) -> Example {
        let mut values = vec![0.0; FRAMES * FEATURES];
        values[..FEATURES].fill(value);
        Example { values, frames: 1, text: Vec::new(), label, variants: Vec::new() }
    }

    fn tested() -> Tested {
        let clips = (0..12).map(|place| clip(place as f32, place / 2 % 2)).collect();
        Tested::new(clips, 2).by_own_scales(&["a", "b"].repeat(6))
    }

    #[test]
    fn a_scale_is_made_of_the_same_speakers_other_clips() {
        let tested = tested();
        let own = tested.own.as_ref().unwrap();
        assert_eq!(own.same_speaker[3], [1, 3, 5, 7, 9, 11]);
        for (most, one_label, least, count) in
            [(Some(3), false, 3, 3), (None, false, 5, 5), (None, true, 2, 3), (Some(1), true, 1, 1)]
        {
            let drawn = tested.drawn(own, most, one_label, 7);
            assert_eq!(drawn, tested.drawn(own, most, one_label, 7), "the seed decides");
            for (clip, others) in drawn.iter().enumerate() {
                assert!((least..=count).contains(&others.len()), "{most:?}: {others:?}");
                assert!(others.iter().all(|other| other % 2 == clip % 2 && *other != clip));
                let labels: Vec<usize> = others.iter().map(|&other| tested.clips[other].label).collect();
                assert!(!one_label || labels.windows(2).all(|pair| pair[0] == pair[1]), "{labels:?}");
            }
        }
        assert!(tested.drawn(own, Some(0), false, 7).iter().all(Vec::is_empty));
    }

    #[test]
    fn clips_are_heard_by_what_their_speaker_said() {
        let tested = tested();
        let own = tested.own.as_ref().unwrap();
        let group = Standardisation { mean: vec![5.0; FEATURES], deviation: vec![2.0; FEATURES] };
        let by = |most| {
            tested.standardised(&group, own, &tested.drawn(own, most, false, 7), |other| tested.own_label(other))
        };
        assert_eq!(by(Some(0))[1].values[0], (1.0 - 5.0) / 2.0, "by the group's");
        let others = [3, 5, 7, 9, 11].map(|other| tested.clips[other].clone());
        let scale = OwnScale::of(&others, 2).within(&group);
        assert_eq!(by(None)[1].values[0], (1.0 - scale.mean[0]) / scale.deviation[0]);
    }
}
