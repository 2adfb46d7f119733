//! Experiment 2: F1 against the number of clients.

use figures::{Axes, Dot, Dots, Range, dots};
use maud::{Markup, html};
use models::Architecture;

use super::block::{self, Cell, figure, table};
use super::{differences, number};
use crate::experiment::paper::Experiment;
use crate::experiment::reference;
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
                    "Figure 7, a panel a network, with one run for each number of clients; its values are read off that picture here, "
                    "and are of another corpus, with the test speakers in training."
                }
                (differences::key_to_marks(Experiment::Clients))
                div class="grid" {
                    @for &model in &results.options.models { (panel(results, model, &measured)) }
                }
            }
        }
    }
}

/// A network's panel of the figure.
fn panel(results: &Results, model: Architecture, measured: &[&Measured]) -> Markup {
    let own: Vec<&Measured> = measured.iter().filter(|one| one.condition.model == model).copied().collect();
    let mut recipes: Vec<&str> = own.iter().map(|one| one.condition.recipe).collect();
    recipes.dedup();
    let clients = |one: &Measured| one.condition.clients.unwrap_or(0) as u32;
    let of = |recipe: &str| own.iter().filter(move |one| one.condition.recipe == recipe).copied().collect::<Vec<_>>();
    let dot = |one: &Measured| Dot { x: clients(one), y: one.f1.mean, spread: one.f1.deviation };
    let ours = recipes
        .iter()
        .map(|recipe| Dots {
            name: format!("recipe “{recipe}”"), values: of(recipe).into_iter().map(dot).collect()
        });
    let paper = reference::f1_by_clients(model);
    let theirs = paper.map(|values| Dots {
        name: "Figure 7 of the paper".to_owned(),
        values: (1..).zip(values).map(|(x, y)| Dot { x, y, spread: None }).collect(),
    });
    let series: Vec<Dots> = ours.chain(theirs).collect();
    let axes = Axes {
        title: format!("{model}: F1 by number of clients"),
        x: "clients".to_owned(),
        y: "macro F1".to_owned(),
        y_range: Range::Share,
        none: "There is nothing to show".to_owned(),
        decimal: '.',
    };
    let mut heading: Vec<Cell> = vec!["clients".into()];
    heading.extend(recipes.iter().map(|recipe| Cell::from(*recipe)));
    if paper.is_some() {
        heading.push(Cell::Paper("paper".to_owned()));
    }
    let most = own.iter().map(|one| clients(one)).max().unwrap_or(0);
    let rows: Vec<Vec<Cell>> = (1..=most)
        .map(|number| {
            let value = |recipe: &&str| {
                let found = of(recipe).into_iter().find(|one| clients(one) == number);
                found.map_or("not done".into(), |one| {
                    Cell::With(number::spread(&one.f1), format!("UAR {}", differences::marked_uar(results, one)))
                })
            };
            let of_paper = paper.map(|values| {
                let value = values.get(number as usize - 1);
                Cell::Paper(value.map_or("–".to_owned(), |value| format!("{value:.3}")))
            });
            std::iter::once(Cell::from(number.to_string())).chain(recipes.iter().map(value)).chain(of_paper).collect()
        })
        .collect();
    let spread = if own.iter().any(|one| one.f1.deviation.is_some()) {
        " Bars are as long as the sample deviation over seeds, to both sides."
    } else {
        ""
    };
    let caption = format!("Macro F1 of the finished model on the test speakers.{spread}");
    html! {
        @if !own.is_empty() {
            div { (figure(dots(&series, &axes), &caption, table("", &heading, &rows), &own, results)) }
        }
    }
}
