//! What training takes: parameters, megabytes, seconds; and what is reached for how many megabytes.

use figures::{Axes, Range, Series, logarithmic_curves};
use maud::{Markup, html};

use super::block::{self, Cell, figure, table};
use super::number;
use crate::experiment::condition::System;
use crate::experiment::paper::Experiment;
use crate::experiment::results::{Measured, Results};

/// The whole section.
pub fn section(results: &Results) -> Markup {
    let measured: Vec<&Measured> =
        results.conditions.iter().filter(|one| one.condition.experiment != Experiment::Clients).collect();
    html! {
        section id="cost" {
            h2 { "Cost" }
            @if measured.is_empty() {
                p { "Neither Experiment 1 nor Experiment 3 has a result whose cost could be told." }
            } @else {
                p {
                    "Megabytes are those of all clients together, counted on every message and frame as it would travel; each "
                    "client has an equal share. More comes down than goes up, because the finished model goes out as well. Seconds are those of training and aggregation in one process on one "
                    "machine, with clients side by side as far as there are processor cores, and without evaluation or a network."
                }
                (costs(&measured))
                (block::commands(&measured, results))
                div class="grid" {
                    @for system in [System::Random, System::SingleEmotion, System::EachSpeaker] {
                        (against_megabytes(results, system, &measured))
                    }
                }
            }
        }
    }
}

fn costs(measured: &[&Measured]) -> Markup {
    let heading: Vec<Cell> = [
        "condition",
        "parameters",
        "MB up a round",
        "MB down a round",
        "MB in all",
        "seconds a round",
        "seconds in all",
        "UAR",
    ]
    .map(Cell::from)
    .into();
    let rows: Vec<Vec<Cell>> = measured
        .iter()
        .map(|one| {
            let rounds = one.curve.len().max(1) as f64;
            vec![
                one.condition.to_string().into(),
                crate::experiment::grouped(one.parameters).into(),
                number::megabytes(one.bytes_up / rounds).into(),
                number::megabytes(one.bytes_down / rounds).into(),
                number::megabytes(one.bytes_up + one.bytes_down).into(),
                format!("{:.2}", one.seconds.mean / rounds).into(),
                number::seconds(&one.seconds).into(),
                number::share(one.uar.mean).into(),
            ]
        })
        .collect();
    table("What each system takes", &heading, &rows)
}

fn against_megabytes(results: &Results, system: System, measured: &[&Measured]) -> Markup {
    let own: Vec<&Measured> = measured.iter().filter(|one| one.condition.system == system).copied().collect();
    let name = |one: &Measured| format!("{}, {}", one.condition.model, one.condition.recipe);
    let series: Vec<Series> = own
        .iter()
        .map(|one| Series {
            name: name(one),
            values: one.curve.iter().map(|round| (round.megabytes, round.uar.mean)).collect(),
        })
        .collect();
    let axes = Axes {
        title: format!("UAR against megabytes: {system}"),
        x: "megabytes sent, both ways".to_owned(),
        y: "UAR".to_owned(),
        y_range: Range::Share,
        none: "There is nothing to show".to_owned(),
        decimal: '.',
    };
    let mut heading: Vec<Cell> = vec!["round".into()];
    heading.extend(own.iter().map(|one| Cell::from(name(one))));
    let rounds = own.iter().map(|one| one.curve.len()).max().unwrap_or(0);
    let rows: Vec<Vec<Cell>> = (0..rounds)
        .map(|round| {
            let value = |one: &&Measured| match one.curve.get(round) {
                Some(round) => Cell::With(
                    number::share(round.uar.mean),
                    format!("{} MB", number::megabytes(round.megabytes * 1e6)),
                ),
                None => "–".into(),
            };
            std::iter::once(Cell::from((round + 1).to_string())).chain(own.iter().map(value)).collect()
        })
        .collect();
    html! {
        @if !own.is_empty() {
            (figure(
                logarithmic_curves(&series, &axes),
                "UAR after each round against all megabytes sent by then, on a logarithmic axis.",
                table("", &heading, &rows),
                &own,
                results,
            ))
        }
    }
}
