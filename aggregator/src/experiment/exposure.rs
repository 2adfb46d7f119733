//! What an attacker finds in one client's update: that of `exposure`, set on updates of real clips as a server sees them without masks,
//! with masks, and in the sum of a room with noise, everything else in which it knows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;

use anyhow::{Context as _, Result, ensure};
use client::RoundWork;
use exposure::{Effort, Inside, Known, Target, Trained, Voice, masked, noised, usual, whole, whole_in_order};
use federation::ClippedGradients;
use models::{
    Architecture, Backend, Example, Gradients, Inference, Learner, Optimiser, Standardisation, TrainingPlan,
    initial_parameters,
};
use protocol::{Adversary, MaskedEncoding, Masking};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use super::privacy::{Privacy, Treated};
use crate::simulator::Dataset;

/// A clip's update is one step of SGD at this rate from the first model.
const RATE: f64 = 1.0e-3;
/// Voices among which the right one is looked for, where the corpus has so many.
const VOICES: usize = 8;
/// Recordings of each.
const RECORDINGS: usize = 3;
/// The feature that says how loud a frame is: the mean of the first short cepstrum.
const LOUDNESS: usize = speech::FEATURES;
/// How much trouble is taken for a clip's sound: half of what the page takes.
const EFFORT: Effort = Effort { starts: 2, steps: 300, rate: 0.1, smoothness: 0.3, seed: 1 };

/// How an update is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Plain,
    Masked,
    /// In a noisy sum, of which all else is known.
    Noised {
        epsilon: f64,
        clip: f64,
        multiplier: f64,
    },
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Plain => "as it is".to_owned(),
            Self::Masked => "masked".to_owned(),
            Self::Noised { epsilon, .. } => {
                format!("in a sum with the noise of ε = {epsilon}, all else of which is known")
            }
        }
    }

    /// Masks leave room for the update itself, as a room's do for honest ones.
    fn see<'a>(self, update: &'a [f32], random: &mut ChaCha20Rng) -> Result<Cow<'a, [f32]>> {
        let seen = match self {
            Self::Plain => return Ok(Cow::Borrowed(update)),
            Self::Masked => {
                let length = update.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
                let clip = length.max(f64::from(f32::MIN_POSITIVE));
                let masking = Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked32, clip };
                masked(update, &masking, random.random())
            }
            Self::Noised { clip, multiplier, .. } => noised(update, clip, multiplier, random.random()),
        };
        Ok(Cow::Owned(seen.context("an update has no length that is a number")?))
    }
}

/// What was found of all updates of one network that were seen in one way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Clips whose update was attacked alone.
    clips: u32,
    /// Of how many of them the label was right.
    labels: u32,
    /// The sum over clients' whole rounds of how many of their clips' labels were right, each 0 to 1.
    rounds: f64,
    /// Of how many clips the voice came first, and among how many voices; none where it is not looked for.
    voices: Option<(u32, usize)>,
    /// The sum of correlations of what was found of a clip's sound with the clip; none where it is not looked for.
    alike: Option<f64>,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.clips += other.clips;
        self.labels += other.labels;
        self.rounds += other.rounds;
        self.voices = match (self.voices, other.voices) {
            (Some((one, among)), Some((two, _))) => Some((one + two, among)),
            (one, two) => one.or(two),
        };
        self.alike = match (self.alike, other.alike) {
            (Some(one), Some(two)) => Some(one + two),
            (one, two) => one.or(two),
        };
    }
}

/// What was found of each network's updates, in each way in which they are seen.
pub type Attacked = Vec<(Architecture, Vec<Tally>)>;

/// How an experiment's updates are seen: as they are, masked, and with the noise of each of its budgets.
fn ways(conditions: &[Treated]) -> Vec<Way> {
    let noised = conditions.iter().filter_map(|condition| match condition {
        Treated::Noised(noise) => {
            Some(Way::Noised { epsilon: noise.epsilon, clip: noise.clip, multiplier: noise.multiplier })
        }
        Treated::Plain | Treated::Clipped => None,
    });
    [Way::Plain, Way::Masked].into_iter().chain(noised).collect()
}

/// Attacks so many clips of each seed, by each network; a client's whole round for each of them as well. `None` where `on_step`, which
/// hears of each clip that is done with, ended it.
///
/// # Errors
/// A corpus of fewer than two speakers, or of clips that are too few; a device that fails.
pub fn attacked(
    privacy: &Privacy,
    dataset: &Dataset,
    networks: &[Architecture],
    clips: u32,
    on_step: impl Fn() -> ControlFlow<()> + Sync,
) -> Result<Option<Attacked>> {
    let ways = ways(&super::privacy::conditions(privacy)?);
    let scene = Scene::of(privacy, dataset)?;
    let mut all = Vec::new();
    for &network in networks {
        let trials: Vec<(u32, u32)> =
            (0..privacy.seeds).flat_map(|seed| (0..clips).map(move |number| (seed, number))).collect();
        let found: Vec<Option<Vec<Tally>>> = trials
            .into_par_iter()
            .map(|(seed, number)| {
                let found = scene.attack(network, seed, number, &ways)?;
                Ok(on_step().is_continue().then_some(found))
            })
            .collect::<Result<_>>()?;
        let mut sums = vec![Tally::default(); ways.len()];
        for found in found {
            let Some(found) = found else { return Ok(None) };
            sums.iter_mut().zip(&found).for_each(|(sum, one)| sum.add(one));
        }
        all.push((network, sums));
    }
    Ok(Some(all))
}

/// Who speaks what, and how clients train.
struct Scene<'a> {
    labels: usize,
    /// Clips of a client.
    round: usize,
    training: TrainingPlan,
    gradients: Option<ClippedGradients>,
    speakers: BTreeMap<&'a str, Vec<&'a Example>>,
}

impl<'a> Scene<'a> {
    fn of(privacy: &Privacy, dataset: &'a Dataset) -> Result<Self> {
        let mut speakers: BTreeMap<&str, Vec<&Example>> = BTreeMap::new();
        for clip in &dataset.clips {
            speakers.entry(&clip.speaker).or_default().push(&clip.example);
        }
        let fewest = speakers.values().map(Vec::len).min().unwrap_or_default();
        ensure!(
            speakers.len() > 1 && fewest > RECORDINGS,
            "an attacker needs two speakers or more of more than {RECORDINGS} clips each; --attacked 0 leaves it out"
        );
        let room = super::privacy::room(privacy, None)?;
        // A client of a room that hides single clips gives the sum of their gradients.
        let gradients = privacy.clips.map(|_| ClippedGradients { clip: privacy.clip, most: room.weight_cap });
        Ok(Self {
            labels: dataset.labels.len(),
            round: (dataset.clips.len() / privacy.clients).clamp(2, dataset.clips.len()),
            training: client::translate::training_plan(room.training, 0),
            gradients,
            speakers,
        })
    }

    /// One clip, and one client's round, in every way.
    fn attack(&self, network: Architecture, seed: u32, number: u32, ways: &[Way]) -> Result<Vec<Tally>> {
        let mut random = ChaCha20Rng::seed_from_u64(u64::from(seed) << 32 | u64::from(number));
        let parameters = initial_parameters(network, self.labels, seed.into());
        let gradients = Gradients::new(network, self.labels)?;
        // Each client's features are on its speaker's own scale already.
        let scale = Standardisation::identity();
        let speakers: Vec<&Vec<&Example>> = self.speakers.values().collect();
        let first = number as usize % speakers.len();
        let others = (1..speakers.len().min(VOICES)).map(|step| speakers[(first + step) % speakers.len()]);
        let plain = |clip: &Example| Example { variants: Vec::new(), ..clip.clone() };
        let mut own: Vec<Example> = speakers[first].iter().map(|clip| plain(clip)).collect();
        own.shuffle(&mut random);
        let least = gradients.as_ref().map_or(1, Gradients::least_frames);
        let place =
            own.iter().position(|clip| clip.frames >= least).context("a speaker has no clip that is long enough")?;
        let clip = own.swap_remove(place);
        own.truncate(RECORDINGS);
        let mut recorded = vec![own];
        for other in others {
            let mut clips: Vec<Example> = other.iter().map(|clip| plain(clip)).collect();
            clips.shuffle(&mut random);
            clips.truncate(RECORDINGS);
            recorded.push(clips);
        }
        let says = Inference::new(network, self.labels, parameters.clone(), scale.clone())?;
        let usual = usual(&says, recorded[1..].iter().flatten())?;
        let mut learner = pollster::block_on(Learner::new(network, self.labels, Backend::Cpu))?;

        let step = TrainingPlan {
            epochs: 1,
            batch_size: 1,
            optimiser: Optimiser::Sgd,
            learning_rate: RATE,
            seed: random.random(),
            ..self.training.clone()
        };
        let (update, trained) = self.update(&mut learner, &parameters, step, std::slice::from_ref(&clip))?;
        let mut round: Vec<Example> = self.speakers.values().flatten().map(|clip| (*clip).clone()).collect();
        round.shuffle(&mut random);
        round.truncate(self.round);
        let plan = TrainingPlan { seed: random.random(), ..self.training.clone() };
        let (whole_update, whole_trained) = self.update(&mut learner, &parameters, plan, &round)?;
        let counts = |clips: &[Example]| client::per_label(clips.iter().map(|clip| clip.label), self.labels);
        let (one, all) = (counts(std::slice::from_ref(&clip)), counts(&round));

        let known = gradients.as_ref().map(|gradients| Known { gradients, parameters: &parameters, trained });
        let voices = gradients.as_ref().map(|gradients| -> Vec<Voice> {
            recorded.iter().map(|clips| Voice { clips: whole(clips, &scale, gradients) }).collect()
        });
        let truth = gradients.as_ref().and_then(|gradients| whole_in_order(&clip, &scale, gradients, LOUDNESS));
        let inside = known.as_ref().zip(voices.as_deref()).map(|(known, voices)| Inside {
            known,
            voices,
            clip: truth.as_deref(),
            by: LOUDNESS,
            effort: EFFORT,
        });
        let target = Target { update: &update, trained, usual: &usual, counts: &one, inside };
        let of_round =
            Target { update: &whole_update, trained: whole_trained, usual: &usual, counts: &all, inside: None };
        ways.iter()
            .map(|way| {
                let go_on = |_| ControlFlow::Continue(());
                let found = target.attack(1, || way.see(&update, &mut random), go_on)?;
                let of_round = of_round.attack(1, || way.see(&whole_update, &mut random), go_on)?;
                Ok(Tally {
                    clips: 1,
                    labels: found.labels_right as u32,
                    rounds: of_round.labels_share,
                    voices: found.voice_right.map(|right| (right as u32, recorded.len())),
                    alike: found.alike,
                })
            })
            .collect()
    }

    /// What a client gives that has these clips, and what is known of how.
    fn update(
        &self,
        learner: &mut Learner,
        parameters: &[f32],
        plan: TrainingPlan,
        clips: &[Example],
    ) -> Result<(Vec<f32>, Trained)> {
        let rate = match self.gradients {
            Some(_) => Some(1.0),
            None => (plan.optimiser == Optimiser::Sgd).then_some(plan.learning_rate),
        };
        let work = RoundWork {
            model: Cow::Borrowed(parameters),
            standardisation: Standardisation::identity(),
            training: plan,
            correction: None,
            most_steps: None,
            gradients: self.gradients,
        };
        let round = client::local_round(learner, work, clips, &[], async |_| ControlFlow::Continue(()));
        let done = pollster::block_on(round)?.context("a round was not finished")?;
        let update = done.parameters.iter().zip(parameters).map(|(after, before)| after - before).collect();
        // The sum of so many gradients is as one step of so many times the rate against their mean.
        let rate = rate.map(|rate| if self.gradients.is_some() { rate * f64::from(done.examples) } else { rate });
        Ok((update, Trained { labels: self.labels, examples: done.examples, steps: done.steps, learning_rate: rate }))
    }
}

/// The table as Markdown: a row a network and way.
///
/// # Errors
/// A budget that no room may have.
pub fn attack_table(privacy: &Privacy, found: &[(Architecture, Vec<Tally>)]) -> Result<String> {
    let ways = ways(&super::privacy::conditions(privacy)?);
    let (clips, among) = found
        .iter()
        .flat_map(|(_, tallies)| tallies)
        .map(|tally| (tally.clips, tally.voices.map_or(0, |(_, among)| among)))
        .fold((0, 0), |(clips, among), (more, voices)| (clips.max(more), among.max(voices)));
    let mut page = format!(
        "\nWhat an attacker finds in one client's update of the first round (docs/exposure.md says how): of {clips} clips, each alone in one step \
         of training, how many labels are right, by chance a quarter; how many voices of {among}, and the mean correlation of a clip's features with \
         what is found of them, both in networks whose gradients are worked out; and in a client's whole round, what share of its clips' labels is right.\n\n\
         | network | the update is seen | labels | voices | sound | labels of a round |\n| --- | --- | ---: | ---: | ---: | ---: |\n",
    );
    for (network, tallies) in found {
        for (way, tally) in ways.iter().zip(tallies) {
            let voices = tally.voices.map_or_else(|| "–".to_owned(), |(right, _)| right.to_string());
            let alike =
                tally.alike.map_or_else(|| "–".to_owned(), |sum| format!("{:.2}", sum / f64::from(tally.clips)));
            let share = 100.0 * tally.rounds / f64::from(tally.clips);
            let _ = writeln!(
                page,
                "| {network} | {} | {} of {} | {voices} | {alike} | {share:.0} % |",
                way.name(),
                tally.labels,
                tally.clips
            );
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::privacy::tests::privacy;

    #[test]
    fn every_budget_is_a_way_and_the_table_has_a_row_for_each() {
        let tally = |labels, alike| Tally { clips: 4, labels, rounds: 2.6, voices: Some((1, 8)), alike };
        let other = Tally { clips: 4, labels: 4, rounds: 1.0, ..Tally::default() };
        let found = vec![
            (Architecture::Compact, vec![tally(4, Some(2.0)), tally(1, Some(0.1)), tally(2, None), tally(0, None)]),
            (Architecture::Lstm, vec![other; 4]),
        ];
        let table = attack_table(&privacy(), &found).unwrap();
        assert!(table.contains("| compact | as it is | 4 of 4 | 1 | 0.50 | 65 % |"), "{table}");
        assert!(table.contains("| compact | masked | 1 of 4 | 1 | 0.03 | 65 % |"), "{table}");
        assert!(table.contains("ε = 2.5, all else of which is known | 0 of 4 | 1 | – | 65 % |"), "{table}");
        assert!(table.contains("| lstm | as it is | 4 of 4 | – | – | 25 % |"), "{table}");
        assert_eq!(table.matches("\n| ").count(), 2 + 8);
    }

    #[test]
    fn tallies_add_up() {
        let mut sum = Tally::default();
        for right in [0, 1, 1] {
            sum.add(&Tally { clips: 1, labels: right, rounds: 0.5, voices: Some((right, 8)), alike: Some(0.25) });
        }
        assert_eq!(sum, Tally { clips: 3, labels: 2, rounds: 1.5, voices: Some((2, 8)), alike: Some(0.75) });
    }
}
