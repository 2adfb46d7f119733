//! Three sentences with the numbers that matter most. They give ranges over networks and name no winner: choosing one by
//! the test speakers is what the report holds against others.

use maud::{Markup, html};

use super::number::{self, count};
use crate::experiment::condition::System;
use crate::experiment::paper::Experiment;
use crate::experiment::results::{Measured, Results};

/// The whole section.
pub fn section(results: &Results) -> Markup {
    html! {
        section id="summary" class="summary" {
            h2 { "Summary" }
            p {
                (centralised(results)) " " (federated(results)) " " (others(results))
            }
        }
    }
}

/// "0.43 (lstm) to 0.62 (conv)", or one value alone.
fn range<'a>(of: impl Iterator<Item = &'a Measured>, name: impl Fn(&Measured) -> String) -> Option<String> {
    let mut all: Vec<&Measured> = of.collect();
    all.sort_by(|a, b| a.uar.mean.total_cmp(&b.uar.mean));
    let write = |one: &Measured| format!("{} ({})", number::spread(&one.uar), name(one));
    match (all.first()?, all.last()?) {
        (least, most) if least.key == most.key => Some(write(least)),
        (least, most) => Some(format!("{} to {}", write(least), write(most))),
    }
}

fn with_recipe(one: &Measured) -> String {
    format!("{}, {}", one.condition.model, one.condition.recipe)
}

fn centralised(results: &Results) -> String {
    let tested = format!(
        "{} of {} whom no model was trained on",
        count(results.tested.clips, "clip"),
        count(results.tested.speakers.len(), "speaker"),
    );
    let baseline = results.conditions.iter().filter(|one| one.condition.system == System::Centralised);
    match range(baseline, |one| one.condition.model.to_string()) {
        Some(range) => format!(
            "On {tested}, networks trained on everybody’s clips in one place reach an unweighted average recall (UAR) of \
             {range}; chance is {}.",
            number::share(1.0 / results.options.labels.len() as f64)
        ),
        None => format!("All models were tested on {tested}; no centralised baseline was trained."),
    }
}

fn federated(results: &Results) -> String {
    let of = |system: System| {
        let measured = results.of_experiment(Experiment::Systems).filter(move |one| one.condition.system == system);
        range(measured, with_recipe)
    };
    match (of(System::Random), of(System::SingleEmotion)) {
        (Some(random), Some(single)) => format!(
            "Four clients with random clips reach {random} by network and recipe, and four clients with a single emotion \
             each {single}."
        ),
        (Some(one), None) | (None, Some(one)) => format!("Four clients reach {one}."),
        (None, None) => "Experiment 1 has no federated result.".to_owned(),
    }
}

fn others(results: &Results) -> String {
    let each = results.conditions.iter().filter(|one| one.condition.system == System::EachSpeaker);
    let not_done = match results.failures.len() {
        0 => String::new(),
        failures => format!(" {} could not be done.", count(failures, "run")),
    };
    match range(each, with_recipe) {
        Some(range) => format!("With one client a speaker it is {range}.{not_done}"),
        None => {
            format!("Of the paper’s own experiments, {} were made.{not_done}", count(results.runs.len(), "run"))
        }
    }
}
