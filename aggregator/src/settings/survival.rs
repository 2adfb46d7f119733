//! One hostile client of four in a room whose host chose nothing but the strategy: every strategy under every attack. A network
//! of one layer learns made-up clips, so that all of it takes seconds; everything between training and model is a room's own.
//! What this holds is that no attack gets through the rules. How much one costs a real network on speech stands in
//! docs/robustness.md.

use std::sync::Arc;

use client::LocalRound;
use federation::{Checkpoint, Coordinator, MemorySpool, TrainRequest};
use models::{Example, FEATURES, FRAMES};
use protocol::{
    Choice as _, ClientId, Evaluation, ModelVersion, Optimiser, RoomConfig, Standardisation, Strategy, TrainingResult,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::Settings;
use crate::simulator::{Attack, Attackers, Behaviour, Exchange, Next};

const CLIENTS: usize = 4;
const LABELS: usize = 4;
/// Clips of a client, and clips that nobody trains on.
const CLIPS: usize = 24;
const TESTED: usize = 600;
const ROUNDS: u32 = 20;
/// A weight for each feature and a bias, for each label.
const PARAMETERS: usize = LABELS * (FEATURES + 1);
/// What a room may lose of its accuracy to one hostile client of four.
const MOST_LOST: f64 = 0.05;

/// Clips of one frame: around the middle of their label, which lies at random.
fn clips(seed: u32) -> (Vec<Arc<Vec<Example>>>, Vec<Example>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed.into());
    let mut near = |middle: &[f32], scatter: f32| -> Vec<f32> {
        middle
            .iter()
            .map(|middle| middle + scatter * (0..6).map(|_| random.random::<f32>() - 0.5).sum::<f32>())
            .collect()
    };
    let middles: Vec<Vec<f32>> = (0..LABELS).map(|_| near(&[3.0; FEATURES], 0.55)).collect();
    let mut some = |count: usize| -> Vec<Example> {
        let clip = |number: usize| {
            let mut values = near(&middles[number % LABELS], 1.2);
            values.resize(FRAMES * FEATURES, 0.0);
            Example { values, frames: 1, text: Vec::new(), label: number % LABELS, variants: Vec::new() }
        };
        (0..count).map(clip).collect()
    };
    ((0..CLIENTS).map(|_| Arc::new(some(CLIPS))).collect(), some(TESTED))
}

/// What the layer says of a clip, and what it saw of it.
fn outputs(parameters: &[f32], standardisation: &Standardisation, example: &Example) -> (Vec<f64>, Vec<f64>) {
    let scale = standardisation.mean.iter().zip(&standardisation.deviation);
    let seen = example
        .values
        .iter()
        .zip(scale)
        .map(|(value, (mean, deviation))| (f64::from(*value) - f64::from(*mean)) / f64::from(*deviation));
    let seen: Vec<f64> = seen.chain([1.0]).collect();
    let row = |row: &[f32]| row.iter().zip(&seen).map(|(weight, value)| f64::from(*weight) * value).sum();
    (parameters.chunks_exact(FEATURES + 1).map(row).collect(), seen)
}

/// A client's training: the gradient of the cross entropy over all of its clips, and the steps that the room asks for.
fn trained(request: &TrainRequest, examples: &[Example]) -> LocalRound {
    let settings = request.training.settings;
    let mut parameters = request.model.to_vec();
    let mut moments = vec![(0.0, 0.0); PARAMETERS];
    for step in 1..=settings.epochs {
        let mut gradient = vec![0.0; PARAMETERS];
        for example in examples {
            let (outputs, seen) = outputs(&parameters, &request.standardisation, example);
            let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = outputs.iter().map(|output| (output - largest).exp()).sum();
            for (label, row) in gradient.chunks_exact_mut(FEATURES + 1).enumerate() {
                let wanted = f64::from(u8::from(label == example.label));
                let off = (outputs[label] - largest).exp() / sum - wanted;
                row.iter_mut().zip(&seen).for_each(|(sum, value)| *sum += off * value / examples.len() as f64);
            }
        }
        for (place, (value, slope)) in parameters.iter_mut().zip(gradient).enumerate() {
            let pull = request.proximal * f64::from(*value - request.model[place]);
            let correction = request.correction.as_ref().map_or(0.0, |correction| f64::from(correction[place]));
            let slope = slope + pull + correction;
            let (first, second) = &mut moments[place];
            (*first, *second) = (0.9 * *first + 0.1 * slope, 0.999 * *second + 0.001 * slope * slope);
            let direction = match settings.optimiser {
                Optimiser::Sgd => slope,
                Optimiser::Adam => {
                    let unbiased = *second / (1.0 - 0.999_f64.powi(step as i32));
                    *first / (1.0 - 0.9_f64.powi(step as i32)) / (unbiased.sqrt() + 1.0e-8)
                }
            };
            *value = (f64::from(*value) - settings.learning_rate * direction) as f32;
        }
    }
    let training = TrainingResult { loss: 1.0, accuracy: 0.5 };
    LocalRound { evaluation: None, parameters, examples: examples.len() as u32, steps: settings.epochs, training }
}

/// The room that `POST /api/rooms` makes of these settings, with a smaller network.
fn room(settings: &str) -> RoomConfig {
    let mut room = serde_json::from_str::<Settings>(settings).unwrap().room().unwrap();
    (room.parameters, room.rounds, room.seed) = (PARAMETERS as u32, ROUNDS, 0);
    room
}

/// Whether a room's present model finds the label of a clip.
fn is_right(coordinator: &Coordinator, example: &Example) -> bool {
    let standardisation = coordinator.standardisation().unwrap();
    let (outputs, _) = outputs(coordinator.model().parameters(), standardisation, example);
    (0..LABELS).max_by(|&a, &b| outputs[a].total_cmp(&outputs[b])) == Some(example.label)
}

/// The accuracy of the finished model of a room of so many, where one of them does as the attack says.
fn accuracy(room: &RoomConfig, clients: usize, behaviour: Option<Behaviour>) -> f64 {
    let (_, tested) = clips(room.seed);
    let mut right = 0;
    trained_room(room, clients, behaviour, |coordinator| {
        right = tested.iter().filter(|example| is_right(coordinator, example)).count();
    });
    right as f64 / TESTED as f64
}

/// A room of so many, from its first model, which is shown as each later one is, to what is stored of it at the end.
fn trained_room(
    room: &RoomConfig,
    clients: usize,
    behaviour: Option<Behaviour>,
    mut show: impl FnMut(&Coordinator),
) -> Checkpoint {
    let room = RoomConfig { least: clients as u32, ..room.clone() };
    let (mut shares, _) = clips(room.seed);
    shares.truncate(clients);
    let attack = behaviour.map(|behaviour| Attack { behaviour, share: 0.25 });
    let mut attackers = attack.map(|attack| Attackers::draw(&attack, clients, room.seed).unwrap());
    if let Some(attackers) = &attackers {
        attackers.poison(&mut shares, LABELS);
    }
    let honest = || shares.iter().map(|share| share.len() as u32).collect();
    let claims = attackers.as_ref().map_or_else(honest, |attackers| attackers.claims(&shares));
    let coordinator = Coordinator::new(room, vec![0.0; PARAMETERS], Box::<MemorySpool>::default()).unwrap();
    let mut exchange = Exchange::new(coordinator, shares, &claims, LABELS, None);
    if let Some(attackers) = &attackers {
        exchange.lie(attackers.statistics(&claims));
    }
    loop {
        match exchange.go_on().unwrap() {
            Next::Train(clients) => {
                if exchange.coordinator().history().is_empty() {
                    show(exchange.coordinator());
                }
                let requests: Vec<_> = clients.iter().filter_map(|&client| exchange.request(client)).collect();
                let mut results: Vec<_> =
                    requests.iter().map(|request| trained(request.asked, request.examples)).collect();
                if let (Some(attackers), Some(first)) = (&mut attackers, requests.first()) {
                    attackers.strike(&clients, first.asked, &mut results, &claims);
                }
                let inputs: Vec<Vec<_>> = requests
                    .iter()
                    .zip(results)
                    .map(|(request, result)| result.into_inputs(request.asked).collect())
                    .collect();
                for (&client, inputs) in clients.iter().zip(inputs) {
                    exchange.trained(client, inputs.into_iter());
                }
            }
            Next::Published => show(exchange.coordinator()),
            Next::Finished => break,
        }
    }
    exchange.coordinator().checkpoint()
}

/// The settings of a room for which nothing but the strategy is chosen; fedadam's is the one for which nothing is.
fn chosen(strategy: Strategy) -> String {
    if strategy.name() == "fedadam" { "{}".to_owned() } else { format!(r#"{{"strategy": "{}"}}"#, strategy.name()) }
}

/// Without the hostile client there are the three others.
#[test]
fn no_attack_of_one_in_four_costs_a_room_more_than_a_twentieth() {
    let mut lost = Vec::new();
    for &strategy in Strategy::ALL.iter().filter(|strategy| !strategy.counts_steps()) {
        let room = room(&chosen(strategy));
        let without = accuracy(&room, CLIENTS - 1, None);
        assert!(without > 0.8, "{strategy} learns only {without}");
        for behaviour in Behaviour::ALL.into_iter().filter(|behaviour| *behaviour != Behaviour::Absent) {
            let attacked = accuracy(&room, CLIENTS, Some(behaviour));
            if attacked < without - MOST_LOST {
                lost.push(format!("{strategy} under {behaviour}: {attacked:.3} of {without:.3}"));
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// Clips of each client that are held back.
const HELD_BACK: usize = 24;

fn evaluation(right: usize) -> Evaluation {
    let (right, examples) = (right as u32, HELD_BACK as u32);
    let accuracy = f64::from(right) / f64::from(examples);
    let mut confusion = vec![vec![0; LABELS]; LABELS];
    (confusion[0][0], confusion[0][1]) = (right, examples - right);
    Evaluation { examples, loss: 1.0, accuracy, confusion }
}

/// One of four praises one version, whichever it likes, and says of all others that they find nothing.
#[test]
fn no_lie_of_one_in_four_about_versions_makes_a_worse_one_the_best() {
    for &strategy in Strategy::ALL.iter().filter(|strategy| !strategy.counts_steps()) {
        let room = room(&chosen(strategy));
        let (_, tested) = clips(room.seed);
        let (mut versions, mut found) = (Vec::new(), Vec::new());
        let checkpoint = trained_room(&room, CLIENTS, None, |coordinator| {
            let is_right: Vec<bool> = tested.iter().map(|example| is_right(coordinator, example)).collect();
            let right = |clips: &[bool]| clips.iter().filter(|right| **right).count();
            found.push(right(&is_right) as f64 / TESTED as f64);
            versions.push(is_right.chunks_exact(HELD_BACK).take(CLIENTS - 1).map(right).collect::<Vec<_>>());
        });
        let last = versions.len() - 1;
        let best = |praised: Option<usize>| {
            let mut checkpoint = checkpoint.clone();
            for (version, honest) in versions.iter().enumerate() {
                let lie = if praised == Some(version) { HELD_BACK } else { 0 };
                let said = honest.iter().copied().chain(praised.map(|_| lie)).map(evaluation);
                let said = (1..).map(ClientId).zip(said);
                match version == last {
                    true => checkpoint.final_evaluations = said.collect(),
                    false => {
                        for (given, (_, evaluation)) in checkpoint.contributions[version].iter_mut().zip(said) {
                            given.evaluation = Some(evaluation);
                        }
                    }
                }
            }
            let standing = |version: &usize| checkpoint.standing(ModelVersion(*version as u32)).unwrap();
            (0..=last).max_by(|a, b| standing(a).total_cmp(&standing(b))).unwrap()
        };
        let honest = found[best(None)];
        for praised in 0..=last {
            let chosen = best(Some(praised));
            assert!(found[chosen] > honest - MOST_LOST, "{strategy}: {praised} praised, {chosen} chosen, {found:?}");
        }
    }
}

#[test]
fn without_its_guards_one_in_four_wrecks_the_same_room() {
    let room = room(r#"{"strategy": "fedavg", "aggregation": "mean", "influence_limit": 0}"#);
    let without = accuracy(&room, CLIENTS - 1, None);
    for behaviour in [Behaviour::Loud, Behaviour::Statistics] {
        let attacked = accuracy(&room, CLIENTS, Some(behaviour));
        assert!(attacked < without - 0.3, "{behaviour}: {attacked} of {without}");
    }
}
