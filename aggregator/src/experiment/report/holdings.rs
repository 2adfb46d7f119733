//! Who holds what: how each system divides the clips.

use figures::{Bar, stacked_bars};
use maud::{Markup, html};

use super::block::{Cell, figure, table};
use crate::experiment::condition::System;
use crate::experiment::results::{Measured, Results};

/// The systems of which it is shown.
const SYSTEMS: [System; 4] = [System::Random, System::SingleEmotion, System::SpeakerGroups, System::EachSpeaker];

/// The whole section.
pub fn section(results: &Results) -> Markup {
    // All networks and recipes of a system have the same clips, for the same seed; experiment 2 comes after the others.
    let shown: Vec<&Measured> = SYSTEMS
        .into_iter()
        .filter_map(|system| {
            let mut of = results.conditions.iter().filter(|one| one.condition.system == system);
            let first = of.next()?;
            Some(of.find(|one| one.condition.experiment < first.condition.experiment).unwrap_or(first))
        })
        .collect();
    html! {
        section id="holdings" {
            h2 { "Who holds what" }
            @if shown.is_empty() {
                p { "No system with clients has a result." }
            } @else {
                p { "Training clips of each emotion on each client, with the first seed. Nobody who is tested is among them." }
                div class="grid" { @for one in shown { (of_system(one, results)) } }
            }
        }
    }
}

fn of_system(one: &Measured, results: &Results) -> Markup {
    let holdings = &one.holdings;
    let bars: Vec<Bar> = (1..)
        .zip(&holdings.counts)
        .map(|(client, counts)| Bar { name: format!("client {client}"), counts: counts.clone() })
        .collect();
    let mut heading: Vec<Cell> = vec!["".into()];
    heading.extend(holdings.labels.iter().map(|label| Cell::from(label.as_str())));
    heading.extend(["clips", "speakers"].map(Cell::from));
    let rows: Vec<Vec<Cell>> = bars
        .iter()
        .zip(&holdings.speakers)
        .map(|(bar, speakers)| {
            let numbers = bar.counts.iter().copied().chain([bar.counts.iter().sum(), *speakers]);
            let numbers = numbers.map(|number| Cell::from(number.to_string()));
            std::iter::once(Cell::from(bar.name.as_str())).chain(numbers).collect()
        })
        .collect();
    let title = match one.condition.system {
        System::EachSpeaker => one.condition.system.to_string(),
        system => format!("{} clients, {system}", bars.len()),
    };
    figure(
        stacked_bars(&title, &holdings.labels, &bars),
        "Clips on each client, by emotion.",
        table("", &heading, &rows),
        &[one],
        results,
    )
}
