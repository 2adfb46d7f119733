//! What becomes of a finished model where each speaker whom nobody trained on tunes it on a few clips of their own, by the same
//! [`client::tune`] as a tab: some of a speaker's clips are drawn for the test, and of the others so many a label are tuned on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::{Context as _, Result, ensure};
use client::personal::{Way, most_likely};
use models::{Example, Learner, Standardisation};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Dataset;
use super::learners::Learners;

/// Of each label's clips (or of a speaker's scripts) one in so many is for the test, rounded up.
const TESTED: usize = 3;

/// What each test speaker makes of the finished model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Personal {
    /// Whether the room's clients keep their heads to themselves ([`super::heads`]).
    pub own_heads: bool,
    /// How it is tuned.
    pub ways: Vec<Way>,
    /// Clips of each label that are tuned on, rising; a label that has fewer gives all that it has.
    pub clips: Vec<usize>,
    /// How often that is done with other clips.
    pub draws: u32,
    /// Whether nothing that is said in a tested clip is said in one that is tuned on; or the one and then the other.
    pub scripts_apart: Vec<bool>,
}

/// One test speaker's model after tuning on some clips, in each way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// Who speaks.
    pub speaker: String,
    /// Which draw of clips it is, from 0.
    pub draw: u32,
    /// Clips of each label that were asked for.
    pub clips: usize,
    /// Whether nothing that is said in a tested clip is said in one that it was tuned on.
    pub scripts_apart: bool,
    /// Clips of all labels that were tuned on.
    pub tuned_on: usize,
    /// Index of each test clip's label; they are the same for all numbers of clips of one draw.
    pub truth: Vec<usize>,
    /// Index of the label that the model found in each before tuning.
    pub before: Vec<usize>,
    /// What it found after it.
    pub after: Vec<Tuned>,
}

/// A model after tuning in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuned {
    /// The way.
    pub way: Way,
    /// Epochs that were trained.
    pub epochs: u32,
    /// Index of the label that it found in each test clip.
    pub found: Vec<usize>,
}

impl Personal {
    /// Tunes the model for each speaker of the test clips. `None` where `on_step` ended it.
    ///
    /// # Errors
    /// Nobody knows who speaks, or what is said where that has to be parted; training failed.
    pub fn tune(
        &self,
        learners: &mut Learners,
        model: &Finished,
        (dataset, test): (&Dataset, &[usize]),
        (seed, version): (u32, u32),
        example: &(impl Fn(usize) -> Option<Example> + Sync),
        on_step: &(impl Fn() -> ControlFlow<()> + Sync),
    ) -> Result<Option<Vec<Tuning>>> {
        dataset.speakers_known()?;
        let mut speakers: BTreeMap<&str, Vec<Own<'_>>> = BTreeMap::new();
        for &clip in test {
            let spoken = &dataset.clips[clip];
            let script = spoken.script.as_deref();
            ensure!(
                script.is_some() || !self.scripts_apart.contains(&true),
                "what is said in {} isn't known, so that scripts can't be parted",
                spoken.path.display()
            );
            let own = Own { clip, label: spoken.example.label, script };
            speakers.entry(&spoken.speaker).or_default().push(own);
        }
        let mut jobs = Vec::new();
        for (number, (speaker, own)) in (0_u64..).zip(&speakers) {
            for draw in 0..self.draws {
                for &scripts_apart in &self.scripts_apart {
                    let mut random = ChaCha8Rng::seed_from_u64(seed.into());
                    random.set_stream(u64::from(draw) << 32 | number);
                    let drawn = Drawn::of(own, scripts_apart, dataset.labels.len(), &mut random);
                    jobs.push(Job { speaker, draw, scripts_apart, drawn });
                }
            }
        }
        let all = learners.each(&jobs, |learner, Job { speaker, draw, scripts_apart, drawn }| {
            let examples =
                |clips: &[usize]| -> Vec<Example> { clips.iter().filter_map(|&clip| example(clip)).collect() };
            let tested = examples(&drawn.tested);
            let truth: Vec<usize> = tested.iter().map(|example| example.label).collect();
            let before = found(learner, Some((&model.parameters, &model.standardisation)), &tested)?;
            let mut tunings: Vec<Tuning> = Vec::new();
            for &clips in &self.clips {
                let own = examples(&drawn.tuned_on(clips));
                // No label has more of them than were tuned on already.
                if tunings.last().map_or(0, |last| last.tuned_on) == own.len() {
                    break;
                }
                let mut after = Vec::with_capacity(self.ways.len());
                for &way in &self.ways {
                    let shared = Cow::Borrowed(&model.parameters[..]);
                    let on_step = async |_| on_step();
                    let tuned = client::tune(learner, shared, &model.standardisation, (way, version), &own, on_step);
                    let Some(tuned) = pollster::block_on(tuned)? else { return Ok(None) };
                    after.push(Tuned { way, epochs: tuned.epochs, found: found(learner, None, &tested)? });
                }
                tunings.push(Tuning {
                    speaker: (*speaker).to_owned(),
                    draw: *draw,
                    clips,
                    scripts_apart: *scripts_apart,
                    tuned_on: own.len(),
                    truth: truth.clone(),
                    before: before.clone(),
                    after,
                });
            }
            Ok(Some(tunings))
        })?;
        Ok(all.map(|all| all.into_iter().flatten().collect()))
    }
}

/// A model as training left it.
pub struct Finished {
    /// Its parameters.
    pub parameters: Vec<f32>,
    /// How features are standardised.
    pub standardisation: Standardisation,
}

/// What a learner's model, or the one that it is given first, finds in some clips.
fn found(
    learner: &mut Learner,
    model: Option<(&Vec<f32>, &Standardisation)>,
    tested: &[Example],
) -> Result<Vec<usize>> {
    let probabilities = pollster::block_on(async {
        if let Some((parameters, standardisation)) = model {
            learner.set_parameters(parameters).await?;
            learner.set_standardisation(standardisation.clone())?;
        }
        learner.predict(tested).await
    })?;
    probabilities.iter().map(|row| most_likely(row).context("the model gave no answer")).collect()
}

/// One speaker and one draw.
struct Job<'a> {
    speaker: &'a str,
    draw: u32,
    scripts_apart: bool,
    drawn: Drawn,
}

/// A clip of a speaker.
#[derive(Debug, Clone, Copy)]
struct Own<'a> {
    clip: usize,
    label: usize,
    /// What is said, where that is known.
    script: Option<&'a str>,
}

/// A speaker's clips in two parts.
#[derive(Debug, PartialEq)]
struct Drawn {
    tested: Vec<usize>,
    /// The others by label, in the order in which they are tuned on: with more clips come those of fewer and some more.
    others: Vec<Vec<usize>>,
}

impl Drawn {
    /// A third of each label's clips is for the test; or where scripts are parted all clips of a third of the scripts.
    fn of(own: &[Own<'_>], scripts_apart: bool, labels: usize, random: &mut ChaCha8Rng) -> Self {
        let mut scripts: Vec<&str> = own.iter().filter_map(|clip| clip.script).collect();
        scripts.sort_unstable();
        scripts.dedup();
        scripts.shuffle(random);
        scripts.truncate(scripts.len().div_ceil(TESTED));
        let mut drawn = Self { tested: Vec::new(), others: vec![Vec::new(); labels] };
        for (label, others) in drawn.others.iter_mut().enumerate() {
            let mut clips: Vec<&Own<'_>> = own.iter().filter(|clip| clip.label == label).collect();
            clips.shuffle(random);
            let tested = clips.len().div_ceil(TESTED);
            for (place, clip) in clips.into_iter().enumerate() {
                let is_tested = match clip.script.filter(|_| scripts_apart) {
                    Some(script) => scripts.contains(&script),
                    None => place < tested,
                };
                if is_tested { drawn.tested.push(clip.clip) } else { others.push(clip.clip) }
            }
        }
        drawn
    }

    /// So many clips of each label, as far as there are so many.
    fn tuned_on(&self, clips: usize) -> Vec<usize> {
        self.others.iter().flat_map(|others| others.iter().take(clips)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SCRIPTS: [&str; 2] = ["kids", "dogs"];

    /// An actor of RAVDESS: eight clips of each label, four of the last; two statements, each said as often.
    fn actor() -> Vec<Own<'static>> {
        (0..28).map(|clip| Own { clip, label: clip / 8, script: Some(SCRIPTS[clip % 2]) }).collect()
    }

    fn drawn(apart: bool, seed: u64) -> Drawn {
        Drawn::of(&actor(), apart, 4, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    #[test]
    fn a_third_of_each_label_is_tested_and_never_tuned_on() {
        for seed in 0..20 {
            let Drawn { tested, others } = drawn(false, seed);
            let of_label = |label: usize| tested.iter().filter(|&&clip| clip / 8 == label).count();
            assert_eq!([0, 1, 2, 3].map(of_label), [3, 3, 3, 2]);
            assert_eq!(others.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5, 2]);
            let all: BTreeSet<usize> = tested.iter().chain(others.iter().flatten()).copied().collect();
            assert_eq!(all.len(), 28, "each is on one side");
        }
        assert_ne!(drawn(false, 1), drawn(false, 2));
    }

    #[test]
    fn more_clips_are_those_of_fewer_and_some_more() {
        let drawn = drawn(false, 3);
        assert_eq!(drawn.tuned_on(1).len(), 4);
        assert_eq!(drawn.tuned_on(3).len(), 3 + 3 + 3 + 2);
        let three: BTreeSet<usize> = drawn.tuned_on(3).into_iter().collect();
        assert!(drawn.tuned_on(1).iter().all(|clip| three.contains(clip)));
        assert_eq!(drawn.tuned_on(20), drawn.tuned_on(5));
    }

    #[test]
    fn where_scripts_are_parted_nothing_that_is_tested_was_tuned_on() {
        let both: BTreeSet<usize> = (0..20)
            .map(|seed| {
                let Drawn { tested, others } = drawn(true, seed);
                assert_eq!((tested.len(), others.iter().map(Vec::len).sum::<usize>()), (14, 14));
                let statement = tested[0] % 2;
                assert!(tested.iter().all(|clip| clip % 2 == statement));
                assert!(others.iter().flatten().all(|clip| clip % 2 != statement));
                statement
            })
            .collect();
        assert_eq!(both.len(), 2, "now one is tested and now the other");
    }
}
