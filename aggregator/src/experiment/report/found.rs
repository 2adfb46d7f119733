//! The corpus, what was left out, how everything was trained, and what could not be done.

use maud::{Markup, html};

use super::block::{Cell, table};
use super::number::count;
use crate::experiment::recipe::CENTRALISED;
use crate::experiment::results::Results;

/// Skipped files that are listed; all of them stand in `results.json`.
const LISTED: usize = 50;

/// What the corpus holds.
pub fn corpus(results: &Results) -> Markup {
    let heading = ["file", "why"].map(|word| Cell::Words(word.to_owned()));
    let rows: Vec<Vec<Cell>> = results
        .skipped
        .iter()
        .take(LISTED)
        .map(|(path, reason)| vec![path.display().to_string().into(), Cell::Words(reason.clone())])
        .collect();
    html! {
        section id="corpus" {
            h2 { "The corpus" }
            p {
                "Tested on " (count(results.tested.clips, "clip")) " of " (count(results.tested.speakers.len(), "speaker"))
                @if let Some(folds) = results.options.folds { ", in " (folds) " folds, in each of which the others are trained on" }
                ": " (results.tested.speakers.join(", ")) "."
            }
            @for remark in &results.remarks { p { strong { (remark) } } }
            pre { (results.found) }
            @if results.skipped.is_empty() {
                p { "No file was skipped." }
            } @else {
                p { (count(results.skipped.len(), "file")) " found there could not be used or have none of the labels." }
                details {
                    summary { "Which, and why" }
                    (table("", &heading, &rows))
                    @if results.skipped.len() > LISTED {
                        p { "And " (results.skipped.len() - LISTED) " more, all of which stand in results.json." }
                    }
                }
            }
        }
    }
}

/// The recipes.
pub fn recipes(results: &Results) -> Markup {
    let heading = ["recipe", "a client in a round", "the server", "why it is here"];
    let heading: Vec<Cell> = heading.map(|word| Cell::Words(word.to_owned())).into();
    let rows: Vec<Vec<Cell>> = results
        .recipes
        .iter()
        .map(|recipe| {
            vec![
                recipe.name.into(),
                Cell::Words(recipe.client()),
                Cell::Words(if recipe.name == CENTRALISED.name { "none".to_owned() } else { recipe.server() }),
                Cell::Words(recipe.why.to_owned()),
            ]
        })
        .collect();
    html! {
        section id="recipes" {
            h2 { "How systems were trained" }
            (table("", &heading, &rows))
        }
    }
}

/// Runs that could not be done; nothing where there are none.
pub fn failures(results: &Results) -> Markup {
    let heading = ["run", "why"].map(|word| Cell::Words(word.to_owned()));
    let rows: Vec<Vec<Cell>> = results
        .failures
        .iter()
        .map(|failure| vec![failure.key.as_str().into(), Cell::Words(failure.reason.clone())])
        .collect();
    let commands: Vec<&str> = results.failures.iter().map(|failure| failure.command.as_str()).collect();
    html! {
        @if !results.failures.is_empty() {
            section id="failures" class="warning" role="alert" {
                h2 { (results.failures.len()) " of " (count(results.runs.len(), "run")) " could not be done" }
                p { "What is missing for it says so in its place; nothing was made smaller." }
                (table("", &heading, &rows))
                details { summary { "The commands that show it again" } pre { (commands.join("\n")) } }
            }
        }
    }
}

/// How to make the report again.
pub fn repeat(results: &Results) -> Markup {
    html! {
        section id="repeat" {
            h2 { "Make this report again" }
            pre { (results.command) }
            p {
                "With the same version, corpus and processor the numbers are the same; only seconds are not. Beside this page lie "
                code { "results.json" } " (everything here), " code { "results.csv" } " (one row a run) and " code { "runs/" }
                " (the whole outcome of each run, with every prediction)."
            }
        }
    }
}
