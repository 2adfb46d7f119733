//! Experiment 2: F1 against the number of clients.

use figures::{Axes, Range, Series, learning_curves};
use maud::{Markup, html};

use super::block::{self, Cell, figure, table};
use super::number;
use crate::experiment::paper::Experiment;
use crate::experiment::results::{Measured, Results};

/// The whole section.
pub fn section(results: &Results) -> Markup {
    let measured: Vec<&Measured> = results.of_experiment(Experiment::Clients).collect();
    html! {
        section id="experiment-2" {
            h2 { "Experiment 2: how many clients there are" }
            @if !results.options.experiments.contains(&Experiment::Clients) {
                (block::not_run("Experiment 2", results))
            } @else if measured.is_empty() {
                p {
                    "Experiment 2 is of dense, conv and compact alone, as the paper’s is of its first two; none of its runs "
                    "stands here."
                }
            } @else {
                p {
                    "The same clips are dealt out at random to 1, 2, 3 … clients, and trained for "
                    (measured[0].curve.len()) " rounds: the more clients, the fewer clips each has. The paper shows this as its "
                    "Figure 7; its values are only in a picture, so they are not repeated here."
                }
                (of_counts(results, &measured))
            }
        }
    }
}

fn of_counts(results: &Results, measured: &[&Measured]) -> Markup {
    let mut names: Vec<String> = Vec::new();
    let name = |one: &Measured| format!("{}, {}", one.condition.model, one.condition.recipe);
    for one in measured {
        if !names.contains(&name(one)) {
            names.push(name(one));
        }
    }
    let clients = |one: &Measured| one.condition.clients.unwrap_or(0);
    let of = |wanted: &String| measured.iter().filter(|one| name(one) == *wanted).copied().collect::<Vec<_>>();
    let series: Vec<Series> = names
        .iter()
        .map(|name| Series {
            name: name.clone(),
            values: of(name).iter().map(|one| (clients(one) as f64, one.f1.mean)).collect(),
        })
        .collect();
    let axes = Axes {
        title: "F1 against the number of clients".to_owned(),
        x: "clients".to_owned(),
        y: "macro F1".to_owned(),
        y_range: Range::Share,
        none: "There is nothing to show".to_owned(),
        decimal: '.',
    };
    let most = measured.iter().map(|one| clients(one)).max().unwrap_or(0);
    let mut heading: Vec<Cell> = vec!["clients".into()];
    heading.extend(names.iter().map(|name| Cell::from(name.as_str())));
    let rows: Vec<Vec<Cell>> = (1..=most)
        .map(|number| {
            let value = |name: &String| {
                let found = of(name).into_iter().find(|one| clients(one) == number);
                found.map_or("not done".into(), |one| {
                    Cell::With(number::spread(&one.f1), format!("UAR {}", number::share(one.uar.mean)))
                })
            };
            std::iter::once(Cell::from(number.to_string())).chain(names.iter().map(value)).collect()
        })
        .collect();
    let numbers = table("Macro F1 by number of clients", &heading, &rows);
    html! {
        (figure(
            learning_curves(&series, &axes),
            "Macro F1 of the finished model on the test speakers, by number of clients.",
            numbers,
            measured,
            results,
        ))
    }
}
