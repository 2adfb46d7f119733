//! The attacker against an update that a client's own training has made: it finds labels, voice and sound in the plain update of one
//! clip, and not more than chance in the masked or noised one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::borrow::Cow;
use std::ops::ControlFlow;

use client::RoundWork;
use corpus::synth::Voice as MadeUp;
use exposure::{
    Effort, Inside, Known, Target, Trained, Voice, label_counts, masked, noised, usual, whole, whole_in_order,
};
use models::{
    Architecture, Backend, Example, Gradients, Inference, Learner, ModelError, Optimiser, Standardisation,
    TrainingPlan, initial_parameters,
};
use protocol::{Adversary, Augmentation, MaskedEncoding, Masking};

const LABELS: usize = 4;
const RATE: f64 = 1e-3;
/// The first short cepstrum's mean: how loud a frame is.
const LOUDNESS: usize = speech::FEATURES;

struct Scene {
    gradients: Gradients,
    parameters: Vec<f32>,
    scale: Standardisation,
}

impl Scene {
    fn new() -> Self {
        let scale = client::common_scale();
        Self {
            gradients: Gradients::new(Architecture::Compact, LABELS).unwrap().unwrap(),
            parameters: initial_parameters(Architecture::Compact, LABELS, 0),
            scale: client::translate::standardisation(&scale),
        }
    }

    fn example(&self, voice: u64, label: usize, take: u64) -> Example {
        client::example_of(&MadeUp::new(voice).say(label, take), label, Augmentation::None).unwrap()
    }

    /// An example's real frames as the network sees them.
    fn seen(&self, example: &Example) -> Vec<f32> {
        whole(std::slice::from_ref(example), &self.scale, &self.gradients).pop().unwrap()
    }

    /// What a laptop would send that has these clips.
    fn update(&self, examples: &[Example], batch_size: usize) -> Vec<f32> {
        pollster::block_on(async {
            let mut learner = Learner::new(Architecture::Compact, LABELS, Backend::Cpu).await.unwrap();
            let training = TrainingPlan {
                epochs: 1,
                batch_size,
                optimiser: Optimiser::Sgd,
                learning_rate: RATE,
                seed: 5,
                ..TrainingPlan::default()
            };
            let work = RoundWork {
                model: Cow::Borrowed(&self.parameters),
                standardisation: self.scale.clone(),
                training,
                correction: None,
                most_steps: None,
                gradients: None,
            };
            let round = client::local_round(&mut learner, work, examples, &[], async |_| ControlFlow::Continue(()));
            let after = round.await.unwrap().unwrap().parameters;
            after.iter().zip(&self.parameters).map(|(after, before)| after - before).collect()
        })
    }

    fn known(&self, examples: u32, steps: u32) -> Known<'_> {
        Known {
            gradients: &self.gradients,
            parameters: &self.parameters,
            trained: Trained { labels: LABELS, examples, steps, learning_rate: Some(RATE) },
        }
    }

    /// What the network says on average of made-up voices that are nobody's here.
    fn usual(&self) -> Vec<f32> {
        let clips: Vec<Example> = (0..8).map(|take| self.example(900 + take, take as usize % 4, take)).collect();
        let model = Inference::new(Architecture::Compact, LABELS, self.parameters.clone(), self.scale.clone()).unwrap();
        usual(&model, clips.iter()).unwrap()
    }
}

fn length(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// The update as it is, masked, and with the noise of twenty rounds and ε = 8.
fn three_ways(update: &[f32], seed: u8) -> [Vec<f32>; 3] {
    let clip = length(update);
    let masking = Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked32, clip };
    let multiplier = privacy::noise_multiplier_for(20, 8.0, 1e-5);
    [
        update.to_vec(),
        masked(update, &masking, [seed; 32]).unwrap(),
        noised(update, clip, multiplier, [seed + 100; 32]).unwrap(),
    ]
}

#[test]
fn gradients_are_the_learners() {
    let scene = Scene::new();
    let example = scene.example(3, 1, 0);
    let update = scene.update(std::slice::from_ref(&example), 20);
    // What dropout took is read off the update itself.
    let rows = update[update.len() - LABELS - 64 * LABELS..update.len() - LABELS].chunks_exact(LABELS);
    let factors: Vec<f32> =
        rows.map(|row| if row.iter().any(|value| *value != 0.0) { models::KEPT_FACTOR } else { 0.0 }).collect();
    let gone = factors.iter().filter(|factor| **factor == 0.0).count();
    assert!((5..60).contains(&gone), "dropout and ReLU take some units: {gone}");
    let own = scene.gradients.of(&scene.parameters, &scene.seen(&example), 1, Some(&factors)).unwrap().parameters;
    let expected: Vec<f32> = own.iter().map(|value| (-RATE * f64::from(*value)) as f32).collect();
    let apart: Vec<f32> = expected.iter().zip(&update).map(|(expected, update)| expected - update).collect();
    assert!(length(&apart) < 1e-3 * length(&update), "{} of {}", length(&apart), length(&update));
}

/// Of eight laptops with one clip each: labels that are found, voices that come first of eight, and the mean of how much the sound that is
/// found is like the clip.
#[derive(Debug, Default)]
struct Found {
    labels: usize,
    voices: usize,
    alike: f64,
}

#[test]
fn one_clip_is_found_in_its_plain_update_and_no_more_than_by_chance_in_a_masked_or_noised_one() {
    let scene = Scene::new();
    let usual = scene.usual();
    let speakers: Vec<u64> = (1..=8).map(|number| 7 * number + 3).collect();
    let recordings = |speaker: u64| [0, 2, 3].map(|take| scene.seen(&scene.example(speaker, take as usize % 4, take)));
    let voices: Vec<Voice> = speakers.iter().map(|&speaker| Voice { clips: recordings(speaker).to_vec() }).collect();
    let effort = Effort { starts: 2, ..Effort::default() };
    let mut found: [Found; 3] = Default::default();
    for (place, &speaker) in speakers.iter().enumerate() {
        let example = scene.example(speaker, place % LABELS, 1);
        let truth = whole_in_order(&example, &scene.scale, &scene.gradients, LOUDNESS).unwrap();
        let update = scene.update(std::slice::from_ref(&example), 20);
        let known = scene.known(1, 1);
        let counts: Vec<u32> = (0..LABELS).map(|label| u32::from(label == example.label)).collect();
        let mut voices = voices.clone();
        voices.swap(0, place);
        let inside = Inside { known: &known, voices: &voices, clip: Some(&truth), by: LOUDNESS, effort };
        let target =
            Target { update: &update, trained: known.trained, usual: &usual, counts: &counts, inside: Some(inside) };
        for (seen, found) in three_ways(&update, place as u8).iter().zip(&mut found) {
            let see = || Ok::<_, ModelError>(Cow::Borrowed(&seen[..]));
            let one = target.attack(1, see, |_| ControlFlow::Continue(())).unwrap();
            found.labels += one.labels_right;
            found.voices += one.voice_right.unwrap();
            found.alike += one.alike.unwrap() / speakers.len() as f64;
            assert_eq!(one.labels_share, one.labels_right as f64, "of one clip");
        }
    }
    let [plain, others @ ..] = found;
    println!("plain {plain:?}, masked and noised {others:?}");
    assert_eq!(plain.labels, 8, "{plain:?}");
    assert!(plain.voices >= 3 && plain.alike > 0.4, "{plain:?}");
    for other in others {
        // By chance 2 labels and 1 voice; more than 5 and 3 come in one of two hundred cases.
        assert!(other.labels <= 5 && other.voices <= 3 && other.alike.abs() < 0.15, "{other:?}");
    }
}

#[test]
fn how_many_clips_of_each_label_a_round_had_is_found_in_its_plain_update() {
    let scene = Scene::new();
    // Seven angry, three happy, one sad; two epochs would be the same twice.
    let labels = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 3];
    let examples: Vec<Example> = labels.iter().zip(0..).map(|(&label, take)| scene.example(5, label, take)).collect();
    let update = scene.update(&examples, 20);
    let known = scene.known(labels.len() as u32, 1);
    let usual = scene.usual();
    let wrong = |counts: &[u32]| -> u32 {
        counts.iter().zip([7_u32, 3, 0, 1]).map(|(found, true_count)| found.abs_diff(true_count)).sum::<u32>() / 2
    };
    let [plain, masked, noised] = three_ways(&update, 1).map(|seen| label_counts(&known.trained, &seen, &usual));
    println!("plain {plain:?}, masked {masked:?}, noised {noised:?}");
    assert!(wrong(&plain) <= 1, "{plain:?}");
    assert!(wrong(&masked) > 1 && wrong(&noised) > 1, "{masked:?} {noised:?}");
}
