//! Federated averaging against numbers that Flower computed: `tests/reference/fedavg/fedavg.py` made the table.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config};
use protocol::Phase;
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    initial: Vec<f32>,
    examples: Vec<u32>,
    rounds: Vec<Round>,
}

#[derive(Deserialize)]
struct Round {
    /// Each client's parameters after training.
    trained: Vec<Vec<f32>>,
    /// What Flower makes of them.
    published: Vec<f64>,
}

#[test]
fn rounds_agree_with_flower() {
    let table: Table = serde_json::from_str(include_str!("../../../tests/reference/fedavg/fedavg.json")).unwrap();
    let count = table.initial.len();
    let mut config = config(count as u32);
    config.rounds = table.rounds.len() as u32;
    config.least = table.examples.len() as u32;
    let mut class = Class::from_table(config, &table.initial, &table.examples);
    for (number, round) in table.rounds.iter().enumerate() {
        for (student, parameters) in round.trained.iter().enumerate() {
            let request = class.students[student].training.take().unwrap();
            class.gives(student, &request, parameters.clone());
        }
        class.run();
        let published = class.coordinator.model().parameters();
        for (index, (&ours, &flower)) in published.iter().zip(&round.published).enumerate() {
            // Each parameter is compared on its own: the largest local value is 100,000 times the smallest.
            let largest = round.trained.iter().map(|trained| trained[index].abs()).fold(0.0, f32::max);
            let error = (f64::from(ours) - flower).abs();
            assert!(error <= 1.0e-6 * f64::from(largest), "round {number}, parameter {index}: {ours} is not {flower}");
        }
    }
    assert_eq!(class.coordinator.status(class.now).phase, Phase::Finished);
}
