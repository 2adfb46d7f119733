//! What figures and tables of the report have in common: a caption, their data as a table, and the commands that repeat
//! their numbers.

use maud::{Markup, PreEscaped, html};

use crate::experiment::results::{Measured, Results};

/// A chart with what it says, its data, and how it came about. `svg` is a chart of `figures`, which escapes its text.
pub fn figure(svg: String, caption: &str, data: Markup, measured: &[&Measured], results: &Results) -> Markup {
    html! {
        figure {
            (PreEscaped(svg))
            figcaption { span { (caption) } }
            details { summary { "The data of this figure" } (data) }
            (commands(measured, results))
        }
    }
}

/// A table; its rows begin with a heading. Cells marked as the paper's own have another ground.
pub fn table(caption: &str, heading: &[Cell], rows: &[Vec<Cell>]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(if caption.is_empty() { "table" } else { caption }) {
            table {
                @if !caption.is_empty() { caption { span { (caption) } } }
                thead { tr { @for cell in heading { th scope="col" class=[cell.class()] { (cell.content()) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (place, cell) in row.iter().enumerate() {
                                @if place == 0 { th scope="row" { (cell.content()) } }
                                @else { td class=[cell.class()] { (cell.content()) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What stands in a table's cell.
#[derive(Debug, Clone)]
pub enum Cell {
    /// A number or a name.
    Plain(String),
    /// A number with a remark below it.
    With(String, String),
    /// A number of the paper's own.
    Paper(String),
    /// A longer text.
    Words(String),
}

impl Cell {
    fn class(&self) -> Option<&'static str> {
        match self {
            Self::Plain(_) | Self::With(..) => None,
            Self::Paper(_) => Some("paper"),
            Self::Words(_) => Some("words"),
        }
    }

    fn content(&self) -> Markup {
        match self {
            Self::Plain(text) | Self::Paper(text) | Self::Words(text) => html! { (text) },
            Self::With(text, below) => html! { (text) br; small { (below) } },
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::Plain(text.into())
    }
}

/// The commands that repeat conditions, one each, and how their other runs differ.
pub fn commands(measured: &[&Measured], results: &Results) -> Markup {
    let first: Vec<&str> = measured.iter().filter_map(|one| one.commands.first()).map(String::as_str).collect();
    let (seeds, folds) = (results.options.seeds, results.options.folds);
    html! {
        @if !first.is_empty() {
            details {
                summary { (if first.len() == 1 { "The command that repeats it" } else { "The commands that repeat it" }) }
                pre { @for command in &first { code { (command) } } }
                @if seeds > 1 || folds.is_some() {
                    p class="soft" {
                        "These are the first of "
                        (measured.iter().map(|one| one.commands.len()).sum::<usize>()) " runs. The others have "
                        @if seeds > 1 { "the seeds up to " code { "--seed " (seeds - 1) } }
                        @if let Some(folds) = folds {
                            @if seeds > 1 { " and " }
                            "the folds up to " code { "--fold " (folds) "/" (folds) }
                        }
                        "."
                    }
                }
            }
        }
    }
}

/// What stands in place of an experiment that was not asked for.
pub fn not_run(what: &str, results: &Results) -> Markup {
    html! {
        p {
            (what) " was not asked for: this report was made with " code { "--experiments " (experiments(results)) } "."
        }
    }
}

fn experiments(results: &Results) -> String {
    results.options.experiments.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
