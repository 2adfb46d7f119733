//! Experiment 3: clients by speaker, which the paper names as future work.

use maud::{Markup, html};
use models::Architecture;

use super::block::{self, Cell, table};
use super::{differences, learning, number};
use crate::experiment::condition::System;
use crate::experiment::paper::Experiment;
use crate::experiment::results::{Measured, Results};

/// The whole section.
pub fn section(results: &Results) -> Markup {
    let measured: Vec<&Measured> = results.of_experiment(Experiment::Speakers).collect();
    html! {
        section id="experiment-3" {
            h2 { "Experiment 3: clients by speaker" }
            @if !results.options.experiments.contains(&Experiment::Speakers) {
                (block::not_run("Experiment 3", results))
            } @else if measured.is_empty() {
                p { "None of its runs could be done; the reasons stand at the end." }
            } @else {
                p {
                    "Nobody’s clips are on two clients: either each client has a group of speakers, or everyone is a client, "
                    "as in a room where each participant brings the own voice. The paper left this for later, because its "
                    "corpus has few utterances a speaker."
                }
                (overview(results, &measured))
                div class="grid" {
                    @for &model in &results.options.models { (curves(results, model, &measured)) }
                }
            }
        }
    }
}

fn overview(results: &Results, measured: &[&Measured]) -> Markup {
    let mut columns: Vec<(System, &str)> = Vec::new();
    for one in measured {
        let column = (one.condition.system, one.condition.recipe);
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    let mut heading: Vec<Cell> = vec!["network".into(), "centralised".into()];
    heading.extend(columns.iter().map(|(system, recipe)| Cell::With(system.to_string(), (*recipe).to_owned())));
    let write = |one: Option<&Measured>| match one {
        Some(one) => Cell::With(
            differences::marked_uar(results, one),
            format!("last five {}", number::share(one.last_five.uar.mean)),
        ),
        None => "not done".into(),
    };
    let rows: Vec<Vec<Cell>> = results
        .options
        .models
        .iter()
        .map(|&model| {
            let baseline = results
                .conditions
                .iter()
                .find(|one| one.condition.model == model && one.condition.system == System::Centralised);
            let own = columns.iter().map(|&(system, recipe)| {
                let is = |one: &&&Measured| {
                    let condition = one.condition;
                    condition.model == model && condition.system == system && condition.recipe == recipe
                };
                write(measured.iter().find(is).copied())
            });
            let baseline = baseline.map_or("–".into(), |one| write(Some(one)));
            [model.to_string().into(), baseline].into_iter().chain(own).collect()
        })
        .collect();
    html! {
        (table("Unweighted average recall (UAR) on the test speakers", &heading, &rows))
        (differences::key_to_marks(Experiment::Speakers))
        (block::commands(measured, results))
    }
}

fn curves(results: &Results, model: Architecture, measured: &[&Measured]) -> Markup {
    let own: Vec<&Measured> = measured.iter().filter(|one| one.condition.model == model).copied().collect();
    html! {
        @if !own.is_empty() {
            (learning::curves(results, model, &own, "Learning curves by speaker."))
        }
    }
}
