//! The rules against independent numbers: `tests/reference/aggregation/aggregation.py` has Flower and SciPy compute them.

use protocol::{Aggregation, Choice as _, Encoding};
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Round {
    examples: Vec<u32>,
    updates: Vec<Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    aggregation: Aggregation,
    direction: Vec<f64>,
}

/// What a rule makes of these updates, `block` parameters at a time.
pub(super) fn direction_of(
    aggregation: Aggregation,
    updates: &[Vec<f32>],
    examples: &[u32],
    encoding: Encoding,
    block: usize,
) -> Vec<f32> {
    let mut spool = MemorySpool::default();
    let kept: Vec<Kept> = updates
        .iter()
        .zip(examples)
        .map(|(update, &weight)| {
            let bytes = encoding.encode_slice(update);
            spool.append(&bytes).unwrap();
            let squares = encoding.values(&bytes).unwrap().map(|value| f64::from(value).powi(2));
            Kept { weight: weight.into(), norm: squares.sum::<f64>().sqrt(), steps: 1, planned: 1 }
        })
        .collect();
    let (parameters, longest) = (updates[0].len(), f64::INFINITY);
    let mut updates = KeptUpdates { spool: &mut spool, kept: &kept, encoding, parameters, longest, block };
    direction(aggregation, &mut updates).unwrap()
}

/// Checks all cases of the aggregations with this name, and that there are some.
fn cases(name: &str, least: usize) {
    let table: Vec<Round> =
        serde_json::from_str(include_str!("../../../../tests/reference/aggregation/aggregation.json")).unwrap();
    let mut compared = 0;
    for round in &table {
        for case in round.cases.iter().filter(|case| case.aggregation.name() == name) {
            for block in [1, 5, BLOCK] {
                let ours = direction_of(case.aggregation, &round.updates, &round.examples, Encoding::F32, block);
                assert_eq!(ours.len(), case.direction.len());
                for (index, (&ours, &theirs)) in ours.iter().zip(&case.direction).enumerate() {
                    // As exact as f32 is for the largest number that went into this one.
                    let largest = round.updates.iter().map(|update| update[index].abs()).fold(0.0, f32::max);
                    let error = (f64::from(ours) - theirs).abs();
                    let what = format!("{:?} of {} updates, number {index}", case.aggregation, round.updates.len());
                    assert!(error <= 1.0e-7 * f64::from(largest), "{what}: {ours} is not {theirs}");
                }
            }
            compared += 1;
        }
    }
    assert!(compared >= least, "only {compared} cases");
}

#[test]
fn the_mean_is_flowers() {
    cases("mean", 6);
}

#[test]
fn the_median_is_flowers_and_numpys() {
    cases("median", 6);
}

#[test]
fn the_trimmed_mean_is_flowers_and_scipys() {
    cases("trimmed_mean", 12);
}

#[test]
fn krum_is_flowers() {
    cases("krum", 10);
}

#[test]
fn multi_krum_is_flowers() {
    cases("multi_krum", 30);
}

#[test]
fn clipping_is_flowers_at_a_norm_and_at_the_median_of_norms() {
    cases("clipping", 18);
}

#[test]
fn every_rule_has_independent_numbers() {
    for name in Aggregation::NAMES {
        cases(name, 1);
    }
}

#[test]
fn a_small_round_is_trimmed_where_scipy_would_trim_nothing() {
    assert_eq!([1, 2, 3, 4, 10].map(|count| trimmed_mean::cut(0.1, count)), [0, 0, 1, 1, 1]);
    assert_eq!([5, 9, 10, 100].map(|count| trimmed_mean::cut(0.49, count)), [2, 4, 4, 49]);
}
