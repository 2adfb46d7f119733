//! The strategies against independent numbers: `tests/reference/strategies/server.py` has Flower compute the server's
//! rules, `clients.py` follows the papers' algorithms where clients have a part in them.

use protocol::{Choice as _, Encoding, RoomCode, RoomConfig, Strategy};
use serde::Deserialize;

use super::*;
use crate::update::Update;

/// A room of `parameters` numbers with this strategy.
fn room(strategy: Strategy, parameters: usize, learning_rate: f64) -> RoomConfig {
    let code = RoomCode::parse("KMPXZ").unwrap();
    let mut config = RoomConfig::new(code, "tiny", parameters as u32, vec!["no".to_owned(), "yes".to_owned()]);
    config.strategy = strategy;
    config.training.optimiser = protocol::Optimiser::Sgd;
    config.training.learning_rate = learning_rate;
    config.check().unwrap();
    config
}

fn fold(optimiser: &dyn ServerOptimiser, gathered: &mut Gathered, update: &[f32], weight: u32, steps: u32) {
    let bytes = Encoding::F32.encode(update.to_vec());
    let update = Update::inspect(Encoding::F32, &bytes, update.len(), 1.0e9).ok().unwrap();
    optimiser.fold(gathered, &update, Effort { weight: weight.into(), steps, scale: 1.0, planned: steps });
}

fn agrees(what: &str, ours: &[f32], theirs: &[f64], scale: &[f64]) {
    assert_eq!(ours.len(), theirs.len());
    for (index, ((&ours, &theirs), scale)) in ours.iter().zip(theirs).zip(scale).enumerate() {
        let error = (f64::from(ours) - theirs).abs();
        assert!(error <= 2.0e-6 * scale, "{what}, number {index}: {ours} is not {theirs}");
    }
}

#[derive(Deserialize)]
struct ServerTable {
    initial: Vec<f32>,
    examples: Vec<u32>,
    /// Rounds, clients, values.
    updates: Vec<Vec<Vec<f32>>>,
    strategies: Vec<ServerCase>,
}

#[derive(Deserialize)]
struct ServerCase {
    strategy: Strategy,
    published: Vec<Vec<f64>>,
}

fn server_table() -> ServerTable {
    serde_json::from_str(include_str!("../../../../tests/reference/strategies/server.json")).unwrap()
}

#[test]
fn what_the_server_does_alone_is_flowers() {
    let table = server_table();
    for case in &table.strategies {
        let mut optimiser = server_optimiser(&room(case.strategy, table.initial.len(), 0.1));
        let mut model = table.initial.clone();
        for (number, (updates, published)) in table.updates.iter().zip(&case.published).enumerate() {
            let mut gathered = Gathered::default();
            for (update, &weight) in updates.iter().zip(&table.examples) {
                fold(&*optimiser, &mut gathered, update, weight, 1);
            }
            let before = model;
            model = optimiser.publish(gathered, &before, 4).unwrap();
            // As exact as f32 is for the largest number that went into each one.
            let scale: Vec<f64> =
                before.iter().zip(published).map(|(before, after)| f64::from(*before).abs().max(after.abs())).collect();
            agrees(&format!("{}, round {number}", case.strategy), &model, published, &scale);
        }
    }
}

#[derive(Deserialize)]
struct ClientTable {
    initial: Vec<f32>,
    learning_rate: f64,
    steps: Vec<u32>,
    examples: Vec<u32>,
    curvatures: Vec<Vec<f64>>,
    optima: Vec<Vec<f64>>,
    cases: Vec<ClientCase>,
}

#[derive(Deserialize)]
struct ClientCase {
    strategy: Strategy,
    /// The clients that take part in each round.
    present: Vec<Vec<usize>>,
    rounds: Vec<ClientRound>,
}

#[derive(Deserialize)]
struct ClientRound {
    published: Vec<f64>,
    #[serde(default)]
    control_variate: Vec<f64>,
    /// Each client's control variate.
    #[serde(default)]
    own: Vec<Vec<f64>>,
}

/// A client's local steps of SGD on ½ Σ h (w − o)², with what the strategy adds to its gradients.
fn train(table: &ClientTable, client: usize, model: &[f32], mu: f64, correction: &[f32]) -> Vec<f32> {
    let trained = model.iter().enumerate().map(|(index, &start)| {
        let (start, mut value) = (f64::from(start), f64::from(start));
        for _ in 0..table.steps[client] {
            let gradient = table.curvatures[client][index] * (value - table.optima[client][index]);
            let added = mu * (value - start) + correction.get(index).map_or(0.0, |&correction| f64::from(correction));
            value -= table.learning_rate * (gradient + added);
        }
        (value - start) as f32
    });
    trained.collect()
}

fn client_table() -> ClientTable {
    serde_json::from_str(include_str!("../../../../tests/reference/strategies/clients.json")).unwrap()
}

/// SCAFFOLD with all clients and with some, FedNova with clients of different steps, FedProx.
#[test]
fn what_clients_have_a_part_in_is_the_papers() {
    let table = client_table();
    let ones = vec![1.0; table.initial.len()];
    for case in &table.cases {
        let name = case.strategy.name();
        let mut optimiser = server_optimiser(&room(case.strategy, table.initial.len(), table.learning_rate));
        let mut model = table.initial.clone();
        let mut own = vec![Vec::new(); table.steps.len()];
        for (number, (present, expected)) in case.present.iter().zip(&case.rounds).enumerate() {
            let mut gathered = Gathered::default();
            for &client in present {
                let correction = scaffold::correction(optimiser.attachment(), &own[client]);
                let update = train(&table, client, &model, case.strategy.proximal(), &correction);
                let steps = table.steps[client];
                fold(&*optimiser, &mut gathered, &update, table.examples[client], steps);
                own[client] = scaffold::next_variate(&correction, update.into_iter(), steps, table.learning_rate);
            }
            model = optimiser.publish(gathered, &model, table.steps.len() as u32).unwrap();
            agrees(&format!("{name}, round {number}"), &model, &expected.published, &ones);
            // Divided by the learning rate, an update's rounding is twenty times as large.
            let coarse: Vec<f64> = ones.iter().map(|one| one / table.learning_rate).collect();
            agrees(&format!("{name}, c of round {number}"), optimiser.attachment(), &expected.control_variate, &coarse);
            for (own, expected) in own.iter().zip(&expected.own).filter(|(own, _)| !own.is_empty()) {
                agrees(&format!("{name}, a client's c of round {number}"), own, expected, &coarse);
            }
        }
    }
}

#[test]
fn every_strategy_has_independent_numbers() {
    let (server, client) = (server_table(), client_table());
    let strategies = server.strategies.iter().map(|case| case.strategy);
    let all: Vec<&str> =
        strategies.chain(client.cases.iter().map(|case| case.strategy)).map(|one| one.name()).collect();
    for name in Strategy::NAMES {
        assert!(all.contains(name), "tests/reference/strategies has no numbers of {name}");
    }
}
