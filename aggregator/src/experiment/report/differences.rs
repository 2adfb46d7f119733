//! Whether differences hold for other speakers than those who happened to be tested.

use maud::{Markup, html};

use super::block::{Cell, table};
use super::number::{self, count};
use crate::experiment::results::Results;
use crate::experiment::statistics::RESAMPLES;

/// Fewer tested speakers than this are too few to speak for others, and the report says so.
const FEW_SPEAKERS: usize = 8;

/// The whole section.
pub fn section(results: &Results) -> Markup {
    let comparisons = &results.comparisons;
    let shown = comparisons.iter().filter(|one| one.difference.is_shown()).count();
    html! {
        section id="statistics" {
            h2 { "Statistics" }
            p {
                "Differences of UAR between two systems, with an interval that holds 95 % of " (crate::experiment::grouped(RESAMPLES))
                " resamples (paired bootstrap): as many speakers as were tested are drawn with replacement, the same ones for "
                "both systems, and the difference is worked out on their clips. Seeds are averaged within each resample. "
                "The predictions lie in " code { "runs/" } "; the commands that repeat them stand below the tables of the experiments."
            }
            @if comparisons.is_empty() {
                p {
                    "There is none to tell: it takes two systems with results, and at least two speakers who are tested; here it was "
                    (results.tested.speakers.len()) "."
                }
            } @else {
                @if results.tested.speakers.len() < FEW_SPEAKERS {
                    p {
                        strong { "With " (count(results.tested.speakers.len(), "test speaker")) " the intervals are rough and rather too narrow." }
                        " " code { "--folds" } " tests every speaker in turn."
                    }
                }
                p {
                    (shown) " of " (comparisons.len()) " intervals lie on one side of 0. Of as many, about "
                    (crate::experiment::grouped((comparisons.len() as f64 / 20.0).ceil() as usize))
                    " would do so by chance alone."
                }
                (differences(results))
            }
        }
    }
}

fn differences(results: &Results) -> Markup {
    let heading: Vec<Cell> = ["first − second", "difference of UAR", "95 % interval", ""].map(Cell::from).into();
    let rows: Vec<Vec<Cell>> = results
        .comparisons
        .iter()
        .map(|one| {
            let difference = one.difference;
            let verdict = match (difference.low, difference.high) {
                (low, _) if low > 0.0 => "the first is better",
                (_, high) if high < 0.0 => "the second is better",
                _ => "no difference is shown",
            };
            vec![
                one.words.as_str().into(),
                number::signed(difference.uar).into(),
                format!("{} to {}", number::signed(difference.low), number::signed(difference.high)).into(),
                Cell::Words(verdict.to_owned()),
            ]
        })
        .collect();
    table("", &heading, &rows)
}
