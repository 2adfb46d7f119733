//! `cargo xtask bench build`: how long a newcomer waits, from a fresh clone until their tab has trained in a round, and what
//! the wait is made of; then what an edit costs, and all tests from nothing. Works in a clone far from this checkout, so that
//! nothing that is built here helps it, and any revision can be measured by the same command.

mod checkout;
mod newcomer;
mod processor;
mod units;
mod watched;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

pub use self::checkout::Checkout;
use self::{
    processor::Stamp,
    watched::{Step, Watched},
};
use super::figures::{Better, Figure, Figures};
use crate::{
    places,
    process::say,
    setup::{self, Browser, Install},
};

/// Of `build` alone.
#[derive(Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// build: the revision to measure
    #[arg(long, value_name = "REVISION", default_value = "HEAD")]
    of: String,
    /// build: only these steps
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STEP,…")]
    steps: Vec<Part>,
    /// build: where the clone is made, which needs 20 GB [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// build: do not remove the clone
    #[arg(long)]
    keep: bool,
    /// build: figures of another revision (its `--json`), to stand beside these
    #[arg(long, value_name = "FILE")]
    beside: Option<PathBuf>,
}

/// What can be measured on its own.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Part {
    /// `cargo xtask demo` from nothing, until a newcomer has trained and until all is there
    Demo,
    /// What each crate costs to compile for the demo, and which are compiled more than once
    Programs,
    /// The demo again, after an edit of a page, of `federation` and of `models`
    Edits,
    /// `cargo xtask test` from nothing
    Test,
}

/// The demo's native participants.
const NATIVE: u64 = 3;
/// What the demo says before its link, and when the trainer for graphics chips is there too.
const LINK: &str = "The room's page:";
const ALL_THERE: [&str; 2] = ["graphics program", "is there"];
/// A revision that builds the trainer for graphics chips by itself speaks of it in this file; an older one has all at the link.
const LATER: (&str, &str) = ("xtask/src/bundle.rs", "trainer-webgpu");
/// Limits for what never takes so long, even on a slow machine.
const DEMO_LIMIT: Duration = Duration::from_secs(3 * 3600);
const TEST_LIMIT: Duration = Duration::from_secs(5 * 3600);
/// Steps that took less than a second are not shown.
const SHOWN: f64 = 1.0;

/// What is edited, and within how many seconds the demo is to run again.
const EDITS: [(&str, &str, f64); 3] = [
    ("a page", PAGE, 5.0),
    ("`federation`", "crates/federation/src/lib.rs", 40.0),
    ("`models`", "crates/models/src/lib.rs", 90.0),
];
const PAGE: &str = "www/js/room/room.js";
const EDIT: &str = "// An edit that changes nothing.";

/// Measures the chosen steps, or all; a step that fails stands in the table with the reason.
pub fn measure(options: &Options, install: Install, figures: &mut Figures) -> Result<()> {
    let wants = |step| options.steps.is_empty() || options.steps.contains(&step);
    let before: Option<Value> = match &options.beside {
        Some(file) => {
            let json = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            Some(serde_json::from_slice(&json).with_context(|| format!("{} is not JSON", file.display()))?)
        }
        None => None,
    };
    let browser = wants(Part::Demo).then(|| setup::browser(install)).transpose()?;
    let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    say(format!(
        "this builds {} from nothing in a clone in {}, downloads included, and needs 20 GB there; on two cores the demo takes \
         half an hour to an hour, its edits ten minutes, the tests an hour; leave the machine alone",
        options.of,
        parent.display()
    ));
    let logs = places::target()?.join("bench/build");
    fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let checkout = Checkout::of(&options.of, &parent, options.keep)?;
    let mut bench = Bench { checkout, logs, rows: Vec::new(), report: json!({}) };
    bench.report["revision"] = bench.checkout.commit.clone().into();

    // Edits need what the demo has built.
    let mut built = Ok(());
    if wants(Part::Demo) || wants(Part::Programs) || wants(Part::Edits) {
        built = bench.demo(browser.as_ref());
    }
    if let Err(reason) = &built {
        bench.failed("demo", reason);
    } else {
        if wants(Part::Programs)
            && let Err(reason) = bench.programs()
        {
            bench.failed("programs", &reason);
        }
        if wants(Part::Edits) {
            for edit in EDITS {
                bench.edit(edit);
            }
        }
    }
    if wants(Part::Test)
        && let Err(reason) = bench.test()
    {
        bench.failed("test", &reason);
    }
    let Bench { mut rows, report, .. } = bench;
    if let Some(before) = &before {
        stand_beside(before, &mut rows);
    }
    figures.add(rows);
    figures.attach("build", report);
    Ok(())
}

/// What is being measured, and what has been.
struct Bench {
    checkout: Checkout,
    logs: PathBuf,
    rows: Vec<Figure>,
    /// The steps of each command, and what each crate costs.
    report: Value,
}

impl Bench {
    /// The demo from nothing; without a browser it is only built.
    fn demo(&mut self, browser: Option<&Browser>) -> Result<()> {
        let (mut demo, link) = self.start_demo("demo", DEMO_LIMIT)?;
        self.row("demo, until its link is there", link.at, None);
        if let Some(browser) = browser {
            say("a newcomer takes part");
            match newcomer::takes_part(browser, &self.checkout.profile(), &link.address, NATIVE) {
                Ok(()) => self.row("demo, until a newcomer's tab has trained in a round", demo.stamp(), Some(12.0)),
                Err(reason) => self.failed("demo, until a newcomer's tab has trained in a round", &reason),
            }
        }
        let there = self.wait_until_all_is_there(&mut demo, link.at)?;
        self.row("demo, until all is there", there, Some(25.0));
        let end = demo.stamp();
        self.tell("demo", demo.steps(end));
        demo.interrupt()
    }

    fn programs(&mut self) -> Result<()> {
        let units = units::read(&self.checkout.target())?.context("there are no reports of cargo's timings")?;
        println!("{units}");
        self.report["programs"] = serde_json::to_value(&units)?;
        Ok(())
    }

    /// An edit, and the demo until it runs again.
    fn edit(&mut self, (what, file, goal): (&str, &str, f64)) {
        let mut runs = row(format!("after an edit of {what}, until the demo runs"), "s");
        let mut all = row(format!("after an edit of {what}, until all is there"), "s");
        runs.goal = Some(goal);
        if let Err(reason) = self.edited(file, &mut runs, &mut all) {
            runs.note(format!("not done: {reason:#}"));
        }
        self.rows.push(runs);
        if all.value.is_some() {
            self.rows.push(all);
        }
    }

    fn edited(&mut self, file: &str, runs: &mut Figure, all: &mut Figure) -> Result<()> {
        self.checkout.edit(file, EDIT)?;
        let name = format!("edit of {file}");
        let (mut demo, link) = self.start_demo(&name.replace(['/', ' '], "-"), DEMO_LIMIT)?;
        if let Some(page) = file.strip_prefix("www") {
            let (origin, _) = link.address.split_once("/room/").context("the link names no room")?;
            let served = newcomer::get(&format!("{origin}{page}"))?;
            ensure!(served.contains(EDIT), "the demo runs, but serves {page} without the edit");
        }
        runs.value = Some(link.at.wall);
        if self.trains_later() {
            all.value = Some(self.wait_until_all_is_there(&mut demo, link.at)?.wall);
        }
        let end = demo.stamp();
        self.tell(&name, demo.steps(end));
        demo.interrupt()
    }

    fn test(&mut self) -> Result<()> {
        self.checkout.empty()?;
        let mut test = Watched::start(self.checkout.xtask(&["test"])?, &self.logs.join("test.log"))?;
        let end = test.succeed(TEST_LIMIT)?;
        self.tell("test", test.steps(end));
        self.row("all tests, from nothing", end, Some(40.0));
        Ok(())
    }

    fn start_demo(&self, name: &str, limit: Duration) -> Result<(Watched, Link)> {
        let participants = NATIVE.to_string();
        let arguments = ["demo", "--no-open", "--port", "0", "--participants", &participants];
        let command = self.checkout.xtask(&arguments)?;
        let mut demo = Watched::start(command, &self.logs.join(format!("{name}.log")))?;
        let line = demo.wait_for("a link", |line| line.contains(LINK), limit)?;
        let address = line.text.split(LINK).nth(1).unwrap_or_default().trim().to_owned();
        ensure!(address.contains("/room/"), "this is no link: {}", line.text);
        Ok((demo, Link { address, at: line.stamp }))
    }

    fn trains_later(&self) -> bool {
        self.checkout.mentions(LATER.0, LATER.1)
    }

    fn wait_until_all_is_there(&self, demo: &mut Watched, link: Stamp) -> Result<Stamp> {
        if !self.trains_later() {
            return Ok(link);
        }
        let all = |line: &str| ALL_THERE.iter().all(|words| line.contains(words));
        Ok(demo.wait_for("the graphics program", all, DEMO_LIMIT)?.stamp)
    }

    /// Two rows: minutes, and minutes of processor.
    fn row(&mut self, what: &str, at: Stamp, goal: Option<f64>) {
        let mut wall = row(what, "min");
        wall.value = Some(at.wall / 60.0);
        wall.goal = goal;
        let mut processor = row(format!("{what}, of the processor"), "min");
        processor.value = at.processor.map(|seconds| seconds / 60.0);
        if processor.value.is_none() {
            processor.note("this system does not tell the processor time of other programs");
        }
        self.rows.extend([wall, processor]);
    }

    fn failed(&mut self, step: &str, reason: &anyhow::Error) {
        say(format!("{step}: {reason:#}"));
        let mut failed = row(step, "min");
        failed.note(format!("not done: {reason:#}"));
        self.rows.push(failed);
    }

    fn tell(&mut self, command: &str, steps: Vec<Step>) {
        println!("\n{command}, step by step\n");
        println!("{:>9}  {:>9}  step", "s", "processor");
        for Step { what, seconds, processor_seconds } in steps.iter().filter(|step| step.seconds >= SHOWN) {
            let processor = processor_seconds.map_or("-".to_owned(), |seconds| format!("{seconds:.1}"));
            println!("{seconds:>9.1}  {processor:>9}  {what}");
        }
        self.report["steps"][command] = json!(steps);
    }
}

/// The demo's link, and when it came.
struct Link {
    address: String,
    at: Stamp,
}

fn row(what: impl Into<String>, unit: &'static str) -> Figure {
    Figure::new("build", what, unit, Better::Lower)
}

/// Gives each figure the one of another revision. What the processor works for a newcomer's first round is to be a third of
/// that revision's.
fn stand_beside(before: &Value, rows: &mut [Figure]) {
    let revision = before["build"]["revision"].as_str().unwrap_or("another revision");
    let figures = before["figures"].as_array().map_or(&[][..], Vec::as_slice);
    for row in rows {
        let other = figures.iter().find(|figure| figure["part"] == row.part && figure["what"] == *row.what);
        if let Some(value) = other.and_then(|other| other["value"].as_f64()) {
            row.other = Some(revision.to_owned());
            row.other_value = Some(value);
            if row.what.contains("newcomer") && row.what.ends_with("processor") {
                row.goal = Some(value / 3.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_revision_stands_beside_with_what_it_is_held_against() {
        let what = "demo, until a newcomer's tab has trained in a round, of the processor";
        let before =
            json!({ "figures": [{ "part": "build", "what": what, "value": 30.0 }], "build": { "revision": "abc" } });
        let mut rows = [row(what, "min"), row("all tests, from nothing", "min")];
        stand_beside(&before, &mut rows);
        assert_eq!(
            (rows[0].other_value, rows[0].goal, rows[0].other.as_deref()),
            (Some(30.0), Some(10.0), Some("abc"))
        );
        assert_eq!((rows[1].other_value, rows[1].goal), (None, None));
    }

    #[test]
    fn what_is_edited_is_there() {
        for (_, file, _) in EDITS {
            assert!(places::workspace().join(file).is_file(), "{file}");
        }
    }
}
