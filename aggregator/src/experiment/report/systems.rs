//! Experiment 1: the baseline beside random clients and clients of a single emotion, in the form of the paper's tables.

use figures::{ConfusionWords, confusion};
use maud::{Markup, html};
use models::Architecture;

use super::block::{self, Cell, figure, table};
use super::{differences, learning, number};
use crate::experiment::condition::System;
use crate::experiment::paper::Experiment;
use crate::experiment::reference;
use crate::experiment::results::{Measured, Results};
use crate::experiment::statistics::Spread;

const SYSTEMS: [System; 3] = [System::Centralised, System::Random, System::SingleEmotion];

/// The whole section.
pub fn section(results: &Results) -> Markup {
    let measured: Vec<&Measured> = results.of_experiment(Experiment::Systems).collect();
    html! {
        section id="experiment-1" {
            h2 { "Experiment 1: how clips lie" }
            @if !results.options.experiments.contains(&Experiment::Systems) {
                (block::not_run("Experiment 1", results))
            } @else {
                p {
                    "Each network is trained on everybody’s clips in one place (the baseline), by four clients with clips "
                    "dealt out at random, and by four clients of whom each has clips of a single emotion. "
                    "Numbers are those of the finished model, never of the best round"
                    @if results.options.seeds > 1 { "; they are means over " (results.options.seeds) " seeds ± their sample deviation" }
                    ". Single rounds swing, so the mean over the last five rounds stands below."
                }
                (overview(results, &measured))
                @for &model in &results.options.models { (network(results, model, &measured)) }
            }
        }
    }
}

/// UAR of everything on one page.
fn overview(results: &Results, measured: &[&Measured]) -> Markup {
    let recipes = || results.recipes.iter().skip(1).map(|recipe| recipe.name);
    let columns: Vec<(System, &str)> = SYSTEMS
        .into_iter()
        .flat_map(|system| match system {
            System::Centralised => vec![(system, results.recipes[0].name)],
            _ => recipes().map(|recipe| (system, recipe)).collect(),
        })
        .collect();
    let mut heading: Vec<Cell> = vec!["network".into()];
    heading.extend(columns.iter().map(|(system, recipe)| match system {
        System::Centralised => Cell::Plain(system.to_string()),
        _ => Cell::With(system.to_string(), (*recipe).to_owned()),
    }));
    let row = |model: &Architecture| {
        let cell = |(system, recipe): &(System, &str)| match find(measured, *model, *system, recipe) {
            Some(one) => Cell::With(
                differences::marked_uar(results, one),
                format!("last five {}{}", number::share(one.last_five.uar.mean), missing(one, results)),
            ),
            None => "not done".into(),
        };
        std::iter::once(Cell::Plain(model.to_string())).chain(columns.iter().map(cell)).collect()
    };
    let rows: Vec<Vec<Cell>> = results.options.models.iter().map(row).collect();
    html! {
        (table("Unweighted average recall (UAR) on the test speakers", &heading, &rows))
        (differences::key_to_marks(Experiment::Systems))
        (block::commands(measured, results))
    }
}

/// Says so where not all seeds could be done.
fn missing(one: &Measured, results: &Results) -> String {
    match results.options.seeds as usize {
        all if all == one.seeds => String::new(),
        all => format!(", {} of {all} seeds", one.seeds),
    }
}

fn find<'a>(measured: &[&'a Measured], model: Architecture, system: System, recipe: &str) -> Option<&'a Measured> {
    let is = |one: &&&Measured| {
        let condition = one.condition;
        condition.model == model && condition.system == system && condition.recipe == recipe
    };
    measured.iter().find(is).copied()
}

/// Everything about one network.
fn network(results: &Results, model: Architecture, measured: &[&Measured]) -> Markup {
    let own: Vec<&Measured> = measured.iter().filter(|one| one.condition.model == model).copied().collect();
    let parameters = own.first().map(|one| one.parameters);
    html! {
        section {
            h3 {
                (model)
                @if let Some(parameters) = parameters { span class="soft" { ", " (crate::experiment::grouped(parameters)) " parameters" } }
            }
            @if own.is_empty() {
                p { "No run of this network could be done; the reasons stand at the end." }
            } @else {
                div class="tables" {
                    @for recipe in results.recipes.iter().skip(1) { div { (paper_table(results, model, recipe.name, &own)) } }
                }
                (curves(results, model, &own))
                details { summary { "Precision, recall and F1 of each emotion" } (labels(results, &own)) }
                details { summary { "Confusion matrices" } (matrices(results, &own)) }
            }
        }
    }
}

/// The paper's table of a network: metrics by systems, with the paper's numbers beside them.
fn paper_table(results: &Results, model: Architecture, recipe: &str, own: &[&Measured]) -> Markup {
    type Ours = fn(&Measured) -> &Spread;
    type Theirs = fn(&reference::Scores) -> f64;
    let metrics: [(&str, Ours, Theirs); 5] = [
        ("Accuracy", |one| &one.accuracy, |paper| paper.accuracy),
        ("Recall (UAR)", |one| &one.uar, |paper| paper.recall),
        ("Precision (macro)", |one| &one.precision, |paper| paper.precision),
        ("F1 (macro)", |one| &one.f1, |paper| paper.f1),
        ("Training time, s", |one| &one.seconds, |paper| paper.seconds),
    ];
    let has_paper = SYSTEMS.iter().any(|&system| reference::scores(model, system).is_some());
    let mut heading: Vec<Cell> = vec!["".into()];
    let systems: Vec<(Option<&Measured>, Option<reference::Scores>)> = SYSTEMS
        .into_iter()
        .map(|system| {
            heading.push(system.to_string().into());
            if has_paper {
                heading.push(Cell::Paper("paper".to_owned()));
            }
            let recipe = if system == System::Centralised { results.recipes[0].name } else { recipe };
            (find(own, model, system, recipe), reference::scores(model, system))
        })
        .collect();
    let rows: Vec<Vec<Cell>> = metrics
        .iter()
        .map(|(name, ours, theirs)| {
            let is_time = name.starts_with("Training");
            let mut row: Vec<Cell> = vec![(*name).into()];
            for (measured, paper) in &systems {
                row.push(match measured {
                    Some(one) if is_time => number::seconds(ours(one)).into(),
                    Some(one) => number::spread(ours(one)).into(),
                    None => "not done".into(),
                });
                if has_paper {
                    let write = |value: f64| if is_time { format!("{value:.0}") } else { number::share(value) };
                    row.push(Cell::Paper(paper.as_ref().map_or("–".to_owned(), |paper| write(theirs(paper)))));
                }
            }
            row
        })
        .collect();
    let shown: Vec<&Measured> = systems.iter().filter_map(|(measured, _)| *measured).collect();
    html! {
        (table(&format!("{model}, recipe “{recipe}”"), &heading, &rows))
        (block::commands(&shown, results))
    }
}

fn curves(results: &Results, model: Architecture, own: &[&Measured]) -> Markup {
    let means = match (results.options.seeds, results.options.folds) {
        (1, None) => "",
        (_, None) => " Means over seeds.",
        (1, Some(_)) => " Means over folds.",
        (_, Some(_)) => " Means over seeds and folds.",
    };
    let caption = format!(
        "Learning curves. For the centralised model a round is an epoch. Chance is {}.{means}",
        number::share(1.0 / results.options.labels.len() as f64)
    );
    learning::curves(results, model, own, &caption)
}

fn labels(results: &Results, own: &[&Measured]) -> Markup {
    let one_table = |one: &&Measured| {
        // The paper has its own labels; only where they are these can its numbers stand beside them.
        let paper = one.reference.filter(|_| results.options.labels == reference::LABELS);
        let mut heading: Vec<Cell> = vec!["".into()];
        for name in ["precision", "recall", "F1", "clips"] {
            heading.push(name.into());
            if paper.is_some() {
                heading.push(Cell::Paper("paper".to_owned()));
            }
        }
        let rows: Vec<Vec<Cell>> = results
            .options
            .labels
            .iter()
            .zip(&one.per_label)
            .enumerate()
            .map(|(label, (name, scores))| {
                let mut row: Vec<Cell> = vec![name.as_str().into()];
                for (place, spread) in [&scores.precision, &scores.recall, &scores.f1].into_iter().enumerate() {
                    row.push(number::spread(spread).into());
                    row.extend(paper.map(|paper| Cell::Paper(number::share(paper.labels[label][place]))));
                }
                row.push(scores.support.to_string().into());
                row.extend(paper.map(|_| Cell::Paper(reference::SUPPORT[label].to_string())));
                row
            })
            .collect();
        table(&one.condition.to_string(), &heading, &rows)
    };
    html! {
        div class="tables" { @for one in own { div { (one_table(one)) } } }
        (block::commands(own, results))
    }
}

fn matrices(results: &Results, own: &[&Measured]) -> Markup {
    let labels = &results.options.labels;
    let data = |one: &Measured| {
        let mut heading: Vec<Cell> = vec!["true \\ found".into()];
        heading.extend(labels.iter().map(|label| Cell::from(label.as_str())));
        let rows: Vec<Vec<Cell>> = labels
            .iter()
            .zip(&one.confusion)
            .map(|(label, counts)| {
                let counts = counts.iter().map(|count| Cell::from(count.to_string()));
                std::iter::once(Cell::from(label.as_str())).chain(counts).collect()
            })
            .collect();
        table("", &heading, &rows)
    };
    html! {
        div class="grid" {
            @for one in own {
                div {
                    h4 { (one.condition) }
                    (figure(
                        confusion(&ConfusionWords::default(), labels, &one.confusion),
                        if one.seeds > 1 { "Clips, added up over seeds." } else { "Clips." },
                        data(one),
                        &[one],
                        results,
                    ))
                }
            }
        }
    }
}
