//! A participant's whole work with a made-up voice: its clips are divided, told of in sums, trained on in a round, and
//! tuned on. Done as the tab does it, with stored inputs that go to a worker in one vector and a request in pieces, and as
//! `chorus join` does it, from sound to result in one thread. Both give the same, number for number.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use client::personal::{Score, Way};
use client::{LocalRound, Packed, RoundWork, translate};
use corpus::synth::Voice;
use federation::{Input, TrainRequest};
use models::{Architecture, Backend, Example, FEATURES, Inference, Learner, Step, TrainingPlan, initial_parameters};
use protocol::{Augmentation, ModelVersion, Optimiser, RoomCode, RoomConfig, Round, Strategy};
use speech::Sound;

const LABELS: usize = 2;
/// Of each label: the fourth and the ninth are held back.
const TAKES: u64 = 10;

/// What the voice says: label and sound, in the order of adding.
fn clips() -> Vec<(usize, Sound)> {
    let voice = Voice::new(11);
    // Angry and sad are the emotions that are told apart most easily.
    (0..TAKES).flat_map(|take| [(0, voice.say(0, take)), (1, voice.say(3, take))]).collect()
}

fn room() -> RoomConfig {
    let parameters = Architecture::Compact.parameters(LABELS) as u32;
    let labels = vec!["angry".to_owned(), "sad".to_owned()];
    let mut room = RoomConfig::new(RoomCode::from_random(3), Architecture::Compact.name(), parameters, labels);
    room.training.augmentation = Augmentation::Speed;
    room.training.epochs = 2;
    room.training.batch_size = 6;
    room.training.optimiser = Optimiser::Sgd;
    room.training.learning_rate = 0.01;
    room.strategy = Strategy::Scaffold { server_learning_rate: 1.0 };
    room.check().unwrap();
    room
}

/// Training and held-back examples as `chorus join` has them.
fn of_join(room: &RoomConfig) -> (Vec<Example>, Vec<Example>) {
    let example =
        |(label, sound): (usize, Sound)| client::example_of(&sound, label, room.training.augmentation).unwrap();
    client::divide(clips().into_iter().map(example).collect())
}

/// A clip as the tab stores it: inputs at all speeds, and the real frames of each.
struct Stored {
    label: usize,
    values: Vec<f32>,
    frames: Vec<u32>,
}

/// The same as the tab has them: stored, and packed for the trainer.
fn of_tab(room: &RoomConfig) -> (Packed, Packed) {
    let store = |(label, sound): (usize, Sound)| {
        let (values, frames) = client::packed(&speech::inputs_at_speeds(&sound).unwrap());
        Stored { label, values, frames }
    };
    let stored: Vec<Stored> = clips().into_iter().map(store).collect();
    let held_back = client::held_back(&stored.iter().map(|clip| clip.label).collect::<Vec<_>>());
    let (mut training, mut kept) = (Vec::new(), Vec::new());
    for (Stored { label, values, frames }, held_back) in stored.iter().zip(held_back) {
        let inputs = client::unpacked(values, frames);
        let example = client::example(inputs, *label, room.training.augmentation).unwrap();
        if held_back { kept.push(example) } else { training.push(example) }
    }
    (Packed::of(&training), Packed::of(&kept))
}

/// What the group's standardisation would be if this were the only client, by the sums alone.
fn standardisation_of(statistics: &Input) -> protocol::Standardisation {
    let Input::Statistics { frames, sum, sum_squares } = statistics else { panic!("{statistics:?}") };
    let mean: Vec<f64> = sum.iter().map(|sum| sum / *frames as f64).collect();
    let variance = sum_squares.iter().zip(&mean).map(|(squares, mean)| squares / *frames as f64 - mean * mean);
    protocol::Standardisation {
        deviation: variance.map(|variance| variance.sqrt() as f32).collect(),
        mean: mean.into_iter().map(|mean| mean as f32).collect(),
    }
}

fn request(room: &RoomConfig, standardisation: protocol::Standardisation) -> TrainRequest {
    let model = initial_parameters(Architecture::Compact, LABELS, 5);
    TrainRequest {
        round: Round(1),
        model_version: ModelVersion(0),
        correction: Some(Arc::new(model.iter().map(|value| 0.1 * value).collect())),
        model: Arc::new(model),
        standardisation,
        training: protocol::RoundTraining { settings: room.training, seed: 77 },
        proximal: 0.0,
        gradients: None,
        time_ms: None,
    }
}

async fn learner() -> Learner {
    Learner::new(Architecture::Compact, LABELS, Backend::Cpu).await.unwrap()
}

async fn go_on(_: Step) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn the_tab_and_join_do_the_same_with_a_voice() {
    pollster::block_on(async {
        let room = room();
        let (training, held_back) = of_join(&room);
        let (packed_training, packed_held_back) = of_tab(&room);
        assert_eq!((training.len(), held_back.len()), (16, 4));
        assert_eq!(packed_training.examples(), training);
        assert_eq!(packed_held_back.examples(), held_back);
        assert_eq!(client::per_label(training.iter().map(|example| example.label), LABELS), [8, 8]);

        // The sums say the same as the clips themselves, which stay here.
        let told = standardisation_of(&client::statistics(&training));
        let directly = models::Standardisation::of(&training);
        assert_eq!(told.mean.len(), FEATURES);
        for feature in 0..FEATURES {
            let (mean, deviation) = (directly.mean[feature], directly.deviation[feature]);
            assert!((told.mean[feature] - mean).abs() <= 1e-5 * mean.abs().max(deviation), "mean of {feature}");
            assert!((told.deviation[feature] / deviation - 1.0).abs() < 1e-4, "deviation of {feature}");
        }

        // A round as join does it.
        let request = request(&room, told);
        let mut steps = 0;
        let count = async |_: Step| {
            steps += 1;
            ControlFlow::Continue(())
        };
        let mut join = learner().await;
        let of_join =
            client::local_round(&mut join, RoundWork::of(&request, training.len(), None), &training, &held_back, count)
                .await;
        let of_join = of_join.unwrap().unwrap();
        assert_eq!((of_join.examples, of_join.steps, steps), (16, 6, 6));
        assert_eq!(of_join.evaluation.as_ref().map(|evaluation| evaluation.examples), Some(4));
        assert_ne!(of_join.parameters, *request.model);

        // And as the tab's trainer does it, which has the request in pieces and did something else before.
        let mut tab = learner().await;
        let other = initial_parameters(Architecture::Compact, LABELS, 1);
        client::evaluate(&mut tab, Cow::Owned(other), &models::Standardisation::identity(), &training).await.unwrap();
        let RoundWork { model, standardisation, training: how, correction, most_steps, gradients } =
            RoundWork::of(&request, training.len(), None);
        let work = RoundWork {
            model: Cow::Owned(model.into_owned()),
            standardisation: standardisation.clone(),
            training: how,
            correction: correction.map(|correction| Cow::Owned(correction.into_owned())),
            most_steps,
            gradients,
        };
        let examples = (packed_training.examples(), packed_held_back.examples());
        let of_tab = client::local_round(&mut tab, work, &examples.0, &examples.1, go_on).await;
        assert_eq!(of_tab.unwrap().as_ref(), Some(&of_join));

        // The correction is part of it.
        let plain = RoundWork { correction: None, ..RoundWork::of(&request, training.len(), None) };
        let without = client::local_round(&mut tab, plain, &training, &[], go_on).await.unwrap().unwrap();
        assert_ne!(without.parameters, of_join.parameters);
        assert_eq!(without.evaluation, None);

        // Where there is time for four of the six steps alone, it ends after these, in the middle of an epoch.
        let hurried = TrainRequest { time_ms: Some(499), ..request.clone() };
        let few = RoundWork::of(&hurried, training.len(), Some(100.0));
        let few = client::local_round(&mut tab, few, &training, &[], go_on).await.unwrap().unwrap();
        let mut steps = 0;
        let four = async |_: Step| {
            steps += 1;
            if steps == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        join.set_parameters(&request.model).await.unwrap();
        let RoundWork { training: how, correction, .. } = RoundWork::of(&request, training.len(), None);
        let how = TrainingPlan { correction: correction.map(Cow::into_owned), ..how };
        assert!(join.train(&training, &how, four).await.unwrap().stopped);
        assert_eq!((few.examples, few.steps), (16, 4));
        assert_eq!(few.parameters, join.parameters().await.unwrap());

        // What the rules are told, first of the received model, then of the trained one.
        let LocalRound { parameters: shared, .. } = of_join.clone();
        let inputs: Vec<Input> = of_join.into_inputs(&request).collect();
        assert!(matches!(inputs[..], [Input::Evaluated { .. }, Input::Trained { examples: 16, steps: 6, .. }]));

        // A model of one's own, on both.
        let mut last = None;
        let watch = async |step: Step| {
            last = Some(client::fraction_done(&step));
            ControlFlow::Continue(())
        };
        let own =
            client::tune(&mut join, Cow::Borrowed(&shared), &standardisation, (Way::All, 1), &training, watch).await;
        let own = own.unwrap().unwrap();
        let same =
            client::tune(&mut tab, Cow::Borrowed(&shared), &standardisation, (Way::All, 1), &examples.0, go_on).await;
        assert_eq!(same.unwrap().as_ref(), Some(&own));
        assert!((1..=15).contains(&own.epochs));
        assert_eq!(last, Some(f64::from(own.epochs) / 15.0), "the last step that was told is the last of its epoch");

        // The ways that move less leave the rest where it was.
        let head = Architecture::Compact.head(LABELS);
        let moved_least = [(Way::Calibration, head.end - LABELS), (Way::Head, head.start), (Way::Near, 0)];
        for (way, least) in moved_least {
            let model = Cow::Borrowed(&shared[..]);
            let tuned = client::tune(&mut tab, model, &standardisation, (way, 1), &training, go_on).await;
            let tuned = tuned.unwrap().unwrap().parameters;
            assert_eq!(tuned[..least], shared[..least], "{way:?}");
            assert_ne!(tuned[least..], shared[least..], "{way:?}");
            if way == Way::Near {
                let way_from =
                    |model: &[f32]| model.iter().zip(&shared).map(|(own, ours)| (own - ours).powi(2)).sum::<f32>();
                assert!(way_from(&tuned) < way_from(&own.parameters), "it stays nearer than what is not held back");
            }
        }

        // It learnt this voice, as far as its own clips tell.
        let heard = client::evaluate(&mut join, Cow::Borrowed(&own.parameters), &standardisation, &training).await;
        let before = client::evaluate(&mut tab, Cow::Borrowed(&shared), &standardisation, &training).await;
        assert!(heard.unwrap().unwrap().loss < before.unwrap().unwrap().loss);

        // Side by side on what was kept for the test, by the small program's own way forwards.
        let inference = |parameters: Vec<f32>| {
            Inference::new(Architecture::Compact, LABELS, parameters, standardisation.clone()).unwrap()
        };
        let (mine, ours) = (inference(own.parameters.clone()), inference(shared));
        let answer = |model: &Inference, example: &Example| {
            client::personal::most_likely(&model.probabilities(example).unwrap()).unwrap()
        };
        let compared: Vec<client::personal::Compared> = (0..)
            .zip(&held_back)
            .map(|(clip, example)| client::personal::Compared {
                clip: f64::from(clip),
                label: example.label,
                mine: answer(&mine, example),
                ours: answer(&ours, example),
            })
            .collect();
        let score = Score::of(&compared);
        assert_eq!((score.all, score.verdict), (4, client::personal::Verdict::Few));
        let right = client::evaluate(&mut join, Cow::Borrowed(&own.parameters), &standardisation, &held_back).await;
        assert_eq!(score.mine as f64 / 4.0, right.unwrap().unwrap().accuracy);
    });
}

#[test]
fn work_that_is_stopped_gives_nothing() {
    pollster::block_on(async {
        let room = room();
        let (training, held_back) = of_join(&room);
        let told = standardisation_of(&client::statistics(&training));
        let request = request(&room, told);
        let mut learner = learner().await;
        let stop = async |_: Step| ControlFlow::Break(());
        let work = RoundWork::of(&request, training.len(), None);
        let standardisation = translate::standardisation(&request.standardisation);
        assert_eq!(client::local_round(&mut learner, work, &training, &held_back, stop).await.unwrap(), None);
        let model = Cow::Borrowed(&request.model[..]);
        let tuned = client::tune(&mut learner, model, &standardisation, (Way::Head, 1), &training, stop).await;
        assert_eq!(tuned.unwrap(), None);
    });
}
