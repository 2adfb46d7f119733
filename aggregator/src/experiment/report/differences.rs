//! Whether differences hold for other speakers than those who happened to be tested.

use maud::{Markup, html};

use super::block::{Cell, table};
use super::number::{self, count};
use crate::experiment::paper::Experiment;
use crate::experiment::results::{Measured, Results};
use crate::experiment::statistics::RESAMPLES;

/// Fewer tested speakers than this are too few to speak for others, and the report says so.
const FEW_SPEAKERS: usize = 8;
/// With fewer, every p is above 5 %: of two to the power of them exchanges, the two that leave all differences or turn all around are
/// among those that count.
const FEWEST_TO_TELL: usize = 6;

/// A condition's UAR, with an arrow where it is significantly better or worse than what its experiment measures it by.
pub fn marked_uar(results: &Results, one: &Measured) -> String {
    let written = number::spread(&one.uar);
    match results.beside_baseline(one).filter(|compared| compared.significant) {
        Some(compared) => format!("{written}\u{a0}{}", if compared.difference.uar > 0.0 { '↑' } else { '↓' }),
        None => written,
    }
}

/// What the arrows of [`marked_uar`] in the tables of an experiment say.
pub fn key_to_marks(experiment: Experiment) -> Markup {
    html! {
        p class="soft" {
            "↑ and ↓: significantly better or worse than "
            (match experiment {
                Experiment::Clients => "one client that has all clips",
                Experiment::Systems | Experiment::Speakers => "the centralised model of the same network",
            })
            "; " a href="#statistics" { "Statistics" } " says how that was told."
        }
    }
}

/// The whole section.
pub fn section(results: &Results) -> Markup {
    let comparisons = &results.comparisons;
    let significant = comparisons.iter().filter(|one| one.significant).count();
    let speakers = comparisons.iter().map(|one| one.difference.speakers).min().unwrap_or_default();
    html! {
        section id="statistics" {
            h2 { "Statistics" }
            p {
                "Differences of UAR between two systems, with an interval that holds 95 % of " (crate::experiment::grouped(RESAMPLES))
                " resamples (paired bootstrap): as many speakers as were tested are drawn with replacement, the same ones for "
                "both systems, and the difference is worked out on their clips. Seeds are averaged within each resample. "
                "p is the share of all exchanges of the two systems’ answers, speaker by speaker, that make as large a difference (paired "
                "permutation test). Every speaker is tested in one fold alone, by both systems’ models of that fold, so that pairs of "
                "speakers are pairs of folds as well. What is significant was told by Holm’s procedure from all of these p together: "
                "with it the chance that one or more of the marked differences is none is 5 %. "
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
                    (significant) " of " (comparisons.len()) " differences are significant."
                    @if speakers < FEWEST_TO_TELL {
                        " With " (count(speakers, "test speaker")) " none can be, since no p is below "
                        (format!("{:.2}", 2.0_f64.powi(1 - speakers as i32))) "."
                    }
                }
                (differences(results))
            }
        }
    }
}

fn differences(results: &Results) -> Markup {
    let heading: Vec<Cell> = ["first − second", "difference of UAR", "95 % interval", "p", ""].map(Cell::from).into();
    let rows: Vec<Vec<Cell>> = results
        .comparisons
        .iter()
        .map(|one| {
            let difference = one.difference;
            let verdict = match one.significant {
                true if difference.uar > 0.0 => "the first is better",
                true => "the second is better",
                false => "no difference is shown",
            };
            vec![
                one.words.as_str().into(),
                number::signed(difference.uar).into(),
                format!("{} to {}", number::signed(difference.low), number::signed(difference.high)).into(),
                number::chance(difference.p).into(),
                Cell::Words(verdict.to_owned()),
            ]
        })
        .collect();
    table("", &heading, &rows)
}
