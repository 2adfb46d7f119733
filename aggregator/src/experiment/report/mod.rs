//! The report as one HTML page that needs nothing beside it: it opens from disk, is light or dark as the reader's
//! machine is, and can be printed. One section a file. What it says is worked out before; nothing is measured here.

mod against;
mod block;
mod clients;
mod cost;
mod differences;
mod found;
mod holdings;
mod learning;
mod number;
mod speakers;
mod summary;
mod systems;

use maud::{DOCTYPE, PreEscaped, html};

use super::results::Results;

/// Sections by id, with their names in the table of contents.
const CONTENTS: [(&str, &str); 12] = [
    ("summary", "Summary"),
    ("experiment-1", "Experiment 1"),
    ("experiment-2", "Experiment 2"),
    ("experiment-3", "Experiment 3"),
    ("cost", "Cost"),
    ("holdings", "Who holds what"),
    ("statistics", "Statistics"),
    ("against-the-paper", "Against the paper"),
    ("recipes", "How systems were trained"),
    ("corpus", "The corpus"),
    ("repeat", "Make it again"),
    ("failures", "What could not be done"),
];

/// The whole page.
pub fn page(results: &Results) -> String {
    let data = results.options.data.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
    let contents = CONTENTS.iter().filter(|(id, _)| *id != "failures" || !results.failures.is_empty());
    html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "chorus " (results.version) };
                title { "Federated learning of speech emotion: " (data) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                a class="skip" href="#summary" { "To the summary" }
                header {
                    h1 { "Federated learning of speech emotion" }
                    p class="soft" {
                        "The experiments of Chau & Garces, repeated by chorus " (results.version) " on " code { (data) }
                        " with speakers whom no model has heard."
                    }
                    nav aria-label="Contents" { ul { @for (id, name) in contents { li { a href={ "#" (id) } { (name) } } } } }
                }
                main {
                    (summary::section(results))
                    (found::failures(results))
                    (systems::section(results))
                    (clients::section(results))
                    (speakers::section(results))
                    (cost::section(results))
                    (holdings::section(results))
                    (differences::section(results))
                    (against::section(results))
                    (found::recipes(results))
                    (found::corpus(results))
                    (found::repeat(results))
                }
                footer { "Made by chorus " (results.version) "." }
            }
        }
    }
    .into_string()
}
