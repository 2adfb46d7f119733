//! `cargo xtask test`: every test there is. Builds what the end-to-end tests need (the bundle, the `chorus`
//! program), then runs each test program, the documentation's examples, and last the real browsers.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    bundle::{self, Finish},
    compile::{self, Lane},
    fuzz, npm, places,
    process::{self, say},
    python,
    setup::{self, Browser, Install},
};

/// The package whose tests drive a browser.
const END_TO_END: &str = "tests";

/// The one of them that drives Firefox.
const IN_FIREFOX: &str = "other_browsers";

/// All packages but the tab's, which is only ever compiled for the browser. Chosen in the same way in each
/// step, as another choice would make cargo build the same dependencies with other features again.
const PACKAGES: [&str; 3] = ["--workspace", "--exclude", "wasm-client"];

/// Run all tests: unit, integration, documentation and, in real browsers without a screen, end-to-end
#[derive(clap::Args)]
pub struct Options {
    /// Leave out the end-to-end tests, and with them the bundle
    #[arg(long)]
    no_browser: bool,
    /// Also keep pictures of the pages in docs/screens: desktop, phone and projector, light and dark
    #[arg(long)]
    screens: bool,
}

/// Runs all tests; fails, after the last one, where any of them did.
pub fn run(options: &Options, install: Install) -> Result<()> {
    let started = Instant::now();
    say_which_voices();
    let (browser, firefox) = if options.no_browser {
        say("without the end-to-end tests, as you asked");
        (None, None)
    } else {
        (Some(setup::browser(install)?), firefox(install)?)
    };

    say("building the tests and what they test; the first time this takes about 20 minutes on two cores");
    compile::prepare()?;
    let mut lanes = vec![Lane { name: "tests", builds: vec![tests()] }];
    if browser.is_some() {
        let toolchain = setup::wasm_toolchain(install)?;
        let builds = bundle::cargo(&toolchain, "build", &bundle::PROGRAMS, Finish::Quick)?;
        lanes.push(Lane { name: "the tab's programs", builds });
    }
    compile::together(lanes)?;
    if browser.is_some() {
        bundle::assemble(&bundle::PROGRAMS, Finish::Quick)?;
    }
    let (mut programs, chorus) = built()?;
    programs.retain(|program| match &*program.package {
        END_TO_END => browser.is_some() && (firefox.is_some() || program.target != IN_FIREFOX),
        _ => true,
    });
    programs.sort_by_key(|program| program.package == END_TO_END);
    let end_to_end = programs.partition_point(|program| program.package != END_TO_END);

    let onnx = onnx_python();
    let mut outcomes = Vec::new();
    let count = programs.len() + 1;
    for (index, program) in programs.iter().enumerate() {
        if index == end_to_end {
            outcomes.push(document_tests(index, count)?);
        }
        let nth = if index < end_to_end { index + 1 } else { index + 2 };
        let mut command = program.command();
        command.envs(onnx.iter().map(|python| ("CHORUS_ONNX_PYTHON", python)));
        if let (Some(browser), END_TO_END) = (&browser, &*program.package) {
            drive(&mut command, &chorus, browser, firefox.as_deref())?;
            if options.screens {
                command.env("CHORUS_SCREENS", places::workspace().join("docs/screens"));
            }
        }
        outcomes.push(watch(&format!("[{nth}/{count}] {}", program.name()), &mut command)?);
    }
    if end_to_end == programs.len() {
        outcomes.push(document_tests(end_to_end, count)?);
    }
    outcomes.extend(pages()?);
    outcomes.extend(reference_client(&chorus)?);
    outcomes.push(random_bytes()?);
    summarise(&outcomes, started.elapsed())
}

/// Firefox, where it can be had.
fn firefox(install: Install) -> Result<Option<PathBuf>> {
    match setup::firefox(install) {
        Ok(firefox) => Ok(Some(firefox)),
        Err(missing) if process::in_ci() => Err(missing.context("CI leaves no tests out")),
        Err(missing) => {
            say(format!("LEFT OUT: the tests in Firefox: {missing:#}"));
            Ok(None)
        }
    }
}

/// The pages' pure pieces, which Node tests; it is no part of the set-up, as the browser's tests cover the pages as well.
fn pages() -> Result<Option<Outcome>> {
    let Some(node) = places::program(&["node"]) else {
        ensure!(!process::in_ci(), "there is no node here, and CI leaves no tests out");
        say("LEFT OUT, as there is no node here: the tests of the pages' pure pieces");
        return Ok(None);
    };
    let mut command = process::program(node);
    command.args(["--test", "--test-reporter", "tap", "tests/page/"]);
    watch("the pages' pure pieces", &mut command).map(Some)
}

/// A Python with onnxruntime, for the test of the example that uses it.
fn onnx_python() -> Option<PathBuf> {
    let packages = places::workspace().join("tests/reference/onnx/requirements.txt");
    let python = python::environment("onnx").and_then(|python| {
        process::run(process::program(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(packages))?;
        Ok(python)
    });
    python
        .inspect_err(|error| say(format!("LEFT OUT, as onnxruntime cannot be had ({error:#}): the example in Python")))
        .ok()
}

/// A client in Python that was written from docs/protocol.md alone, against the program.
fn reference_client(chorus: &Path) -> Result<Option<Outcome>> {
    let folder = places::workspace().join("tests/reference/client");
    let packages = folder.join("requirements.txt");
    let python = python::environment("tests").and_then(|python| {
        process::run(process::program(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(packages))?;
        Ok(python)
    });
    let python = match python {
        Ok(python) => python,
        Err(error) => {
            say(format!(
                "LEFT OUT, as Python and its package websockets cannot be had ({error:#}): the client in Python"
            ));
            return Ok(None);
        }
    };
    let mut command = process::program(python);
    let outcome = watch("the client in Python", command.arg(folder.join("check.py")).arg(chorus))?;
    Ok(Some(outcome.into_one()))
}

/// A short run of each fuzz target, from its seeds and what earlier runs have found.
fn random_bytes() -> Result<Outcome> {
    const SECONDS: u32 = 20;
    let started = Instant::now();
    let failure = fuzz::run(&fuzz::Options { targets: Vec::new(), seconds: SECONDS }).err();
    if let Some(failure) = &failure {
        say(format!("{failure:#}"));
    }
    let (name, counts) = ("random bytes for what reads them".to_owned(), Counts::default());
    Ok(Outcome { name, succeeded: failure.is_none(), counts, took: started.elapsed() }.into_one())
}

/// Tests on real speech leave themselves out where there is none; that must not go unnoticed.
fn say_which_voices() {
    let data = env::var_os("CHORUS_DATA").map_or_else(|| places::workspace().join("../shared/data"), PathBuf::from);
    for corpus in ["ravdess", "emodb"] {
        let folder = data.join(corpus);
        if folder.join("manifest.csv").is_file() {
            say(format!("real voices: {}", folder.display()));
        } else {
            say(format!(
                "NO REAL VOICES in {}: made-up ones stand in, and tests of real speech are left out",
                folder.display()
            ));
        }
    }
}

/// A program of tests.
struct Program {
    package: String,
    target: String,
    kind: String,
    folder: PathBuf,
    file: PathBuf,
}

impl Program {
    fn name(&self) -> String {
        match &*self.kind {
            "test" => format!("{}: {}", self.package, self.target),
            kind => format!("{}: unit tests of its {kind}", self.package),
        }
    }

    /// As cargo itself would run it.
    fn command(&self) -> Command {
        let mut command = process::program(&self.file);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

/// Builds everything that is tested.
fn tests() -> Command {
    let mut command = process::cargo();
    command.arg("test").args(PACKAGES).arg("--no-run");
    command
}

/// What was built: the programs of tests, and `chorus`.
fn built() -> Result<(Vec<Program>, PathBuf)> {
    let mut command = tests();
    command.args(["--message-format", "json-render-diagnostics"]);
    let shown = process::show(&command);
    let mut cargo = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let (mut programs, mut chorus) = (Vec::new(), None);
    for line in BufReader::new(cargo.stdout.take().context("cargo has no output")?).lines() {
        let message: Value = serde_json::from_str(&line?).context("cargo printed something that is not JSON")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (Some(file), Some(manifest)) = (text(&message["executable"]), text(&message["manifest_path"])) else {
            continue;
        };
        let target = text(&message["target"]["name"]).unwrap_or_default();
        let kind = text(&message["target"]["kind"][0]).unwrap_or_default();
        let folder = PathBuf::from(manifest).parent().context("a manifest lies in a folder")?.to_owned();
        if message["profile"]["test"] == true {
            let package = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            programs.push(Program { package, target, kind, folder, file: file.into() });
        } else if target == "chorus" {
            chorus = Some(PathBuf::from(file));
        }
    }
    ensure!(cargo.wait()?.success(), "`{shown}` failed");
    programs.sort_by_key(Program::name);
    Ok((programs, chorus.context("cargo did not say where the `chorus` program is")?))
}

/// Tells the end-to-end tests what they drive, one at a time: each starts servers and browsers of its own.
fn drive(command: &mut Command, chorus: &Path, browser: &Browser, firefox: Option<&Path>) -> Result<()> {
    let output = places::workspace().join("tests/output");
    std::fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    command.args(["--test-threads", "1", "--nocapture"]).env("CHORUS_BIN", chorus);
    command.env("CHROMIUM", &browser.chromium).env("CHROMEDRIVER", &browser.chromedriver);
    command.envs(firefox.map(|firefox| ("FIREFOX", firefox)));
    match npm::packages("axe") {
        Ok(modules) => drop(command.env("CHORUS_AXE", modules.join("axe-core/axe.min.js"))),
        Err(error) => {
            say(format!("LEFT OUT: the search for violations of WCAG, as axe-core cannot be had ({error:#})"))
        }
    }
    if env::var_os("CHORUS_TEST_OUTPUT").is_none() {
        command.env("CHORUS_TEST_OUTPUT", output);
    }
    Ok(())
}

fn document_tests(index: usize, count: usize) -> Result<Outcome> {
    let mut cargo = process::cargo();
    cargo.args(["test", "--doc"]).args(PACKAGES);
    watch(&format!("[{}/{count}] examples in the documentation", index + 1), &mut cargo)
}

/// How a program of tests ended.
struct Outcome {
    name: String,
    succeeded: bool,
    counts: Counts,
    took: Duration,
}

impl Outcome {
    /// Of a program that does not count: it is one test.
    fn into_one(self) -> Outcome {
        let counts = Counts { passed: self.succeeded.into(), failed: (!self.succeeded).into(), ignored: 0 };
        Outcome { counts, ..self }
    }
}

/// Tests, as the closing lines of the programs count them.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Counts {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Counts {
    fn add(self, other: Counts) -> Counts {
        Counts {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }

    /// Of "test result: ok. 3 passed; 0 failed; 1 ignored; …", or of Node's "# pass 3", each in a line of its own.
    fn of(line: &str) -> Option<Counts> {
        let node = |what: &str| line.strip_prefix(what)?.trim().parse().ok();
        if let Some(passed) = node("# pass ") {
            return Some(Counts { passed, ..Counts::default() });
        }
        if let Some(failed) = node("# fail ") {
            return Some(Counts { failed, ..Counts::default() });
        }
        let rest = line.strip_prefix("test result: ")?;
        let count = |what: &str| {
            let part = rest.split([';', '.']).find(|part| part.ends_with(what))?;
            part.split_whitespace().next()?.parse().ok()
        };
        Some(Counts { passed: count("passed")?, failed: count("failed")?, ignored: count("ignored")? })
    }
}

/// Runs a program of tests, passes its output on, and counts.
fn watch(name: &str, command: &mut Command) -> Result<Outcome> {
    say(name);
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", process::show(command)))?;
    let mut counts = Counts::default();
    for line in BufReader::new(child.stdout.take().context("the tests have no output")?).split(b'\n') {
        // A test may print anything at all.
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts = counts.add(Counts::of(&line).unwrap_or_default());
    }
    let succeeded = child.wait()?.success();
    Ok(Outcome { name: name.to_owned(), succeeded, counts, took: started.elapsed() })
}

fn summarise(outcomes: &[Outcome], took: Duration) -> Result<()> {
    println!("\nSummary");
    for Outcome { name, succeeded, counts, took } in outcomes {
        let word = if *succeeded { "ok" } else { "FAILED" };
        let Counts { passed, failed, ignored } = counts;
        println!(
            "{word:<7} {name:<56} {passed:>4} passed {failed:>3} failed {ignored:>3} ignored {:>7.1} s",
            took.as_secs_f64()
        );
    }
    let all = outcomes.iter().fold(Counts::default(), |sum, outcome| sum.add(outcome.counts));
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| !outcome.succeeded).map(|outcome| &*outcome.name).collect();
    println!(
        "\nall tests: {}. {} passed; {} failed; {} ignored; finished in {} min {} s",
        if failed.is_empty() { "ok" } else { "FAILED" },
        all.passed,
        all.failed,
        all.ignored,
        took.as_secs() / 60,
        took.as_secs() % 60,
    );
    if !failed.is_empty() {
        bail!("these failed: {}", failed.join(", "));
    }
    ensure!(all.passed > 0, "not one test ran");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn the_closing_line_of_a_test_program_is_counted() {
        let line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.74s";
        assert_eq!(Counts::of(line), Some(Counts { passed: 3, failed: 0, ignored: 1 }));
        let line = "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";
        assert_eq!(Counts::of(line), Some(Counts { passed: 12, failed: 2, ignored: 0 }));
        assert_eq!(Counts::of("# pass 7"), Some(Counts { passed: 7, failed: 0, ignored: 0 }));
        assert_eq!(Counts::of("test a_test_result_is_ok ... ok"), None);
    }
}
