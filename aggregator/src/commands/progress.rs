//! How far a command has come, as a bar on a terminal, and whether it is to go on.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use corpus::Reading;
use indicatif::{ProgressBar, ProgressStyle};

use crate::participant::unused::by_reason;
use crate::simulator::{Dataset, FeatureCache, Normalisation, Outcome};

/// A bar on a terminal, nothing elsewhere. `of`: what it counts.
pub fn bar(length: u64, of: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {of}, {{eta}} left  {{msg}}"))
    {
        bar.set_style(style);
    }
    bar
}

/// One step further; breaks once Ctrl-C was pressed.
pub fn step(bar: &ProgressBar, interrupted: &AtomicBool) -> ControlFlow<()> {
    bar.inc(1);
    if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// What came of a run, in a few words.
pub fn came_of(outcome: &std::result::Result<Outcome, String>) -> String {
    match outcome {
        Ok(outcome) => format!("UAR {:.2}, {:.1} s", outcome.scores.uar, outcome.seconds),
        Err(reason) => format!("could not be done: {reason}"),
    }
}

/// Reads clips with a bar, and says what was found and what was not used, and why.
///
/// # Errors
/// A folder holds no clips that can be used.
pub fn read(
    data: &[PathBuf],
    eval_data: &[PathBuf],
    labels: &[String],
    reading: &Reading,
    normalisation: Normalisation,
    cache: Option<&FeatureCache>,
) -> Result<Dataset> {
    let progress = bar(0, "clips");
    let dataset = Dataset::read(data, eval_data, labels, reading, normalisation, cache, |done, all| {
        progress.set_length(all as u64);
        progress.set_position(done as u64);
    })?;
    progress.finish_and_clear();
    eprint!("{}{}", dataset.found, by_reason(&dataset.skipped));
    Ok(dataset)
}
