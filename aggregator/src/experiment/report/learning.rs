//! UAR on the test speakers, round by round: the figure of experiments 1 and 3, with its numbers below.

use figures::{Axes, Range, Series, learning_curves};
use maud::Markup;
use models::Architecture;

use super::block::{Cell, figure, table};
use super::number;
use crate::experiment::condition::System;
use crate::experiment::results::{Measured, Results};

/// A curve for each of a network's systems.
pub fn curves(results: &Results, model: Architecture, own: &[&Measured], caption: &str) -> Markup {
    let name = |one: &Measured| match one.condition.system {
        System::Centralised => one.condition.system.to_string(),
        system => format!("{system}, {}", one.condition.recipe),
    };
    let series: Vec<Series> = own
        .iter()
        .map(|one| Series {
            name: name(one),
            values: one.curve.iter().map(|round| (f64::from(round.round), round.uar.mean)).collect(),
        })
        .collect();
    let axes = Axes {
        title: format!("{model}: UAR on the test speakers"),
        x: "round".to_owned(),
        y: "UAR".to_owned(),
        y_range: Range::Share,
        none: "There is nothing to show".to_owned(),
        decimal: '.',
    };
    let rounds = own.iter().map(|one| one.curve.len()).max().unwrap_or(0);
    let mut heading: Vec<Cell> = vec!["round".into()];
    heading.extend(own.iter().map(|one| Cell::from(name(one))));
    let rows: Vec<Vec<Cell>> = (0..rounds)
        .map(|round| {
            let value = |one: &&Measured| {
                Cell::from(one.curve.get(round).map_or("–".into(), |round| number::spread(&round.uar)))
            };
            std::iter::once(Cell::from((round + 1).to_string())).chain(own.iter().map(value)).collect()
        })
        .collect();
    figure(learning_curves(&series, &axes), caption, table("", &heading, &rows), own, results)
}
