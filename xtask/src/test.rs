//! `cargo xtask test`: every test there is. Builds what the end-to-end tests need (the bundle, the `chorus`
//! program), then runs each test program, the real browsers among them, and the documentation's examples.

mod jobs;

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use self::jobs::Job;
use crate::{
    bundle::{self, Finish},
    compile::{self, Lane},
    npm, places,
    process::{self, say},
    python,
    setup::{self, Browser, Install},
};

/// The package whose tests drive a browser.
const END_TO_END: &str = "tests";

/// The one of them that drives Firefox.
const IN_FIREFOX: &str = "other_browsers";

/// Those of them that measure what a busy machine spoils in earnest: what is lost of a recording, and how soon an answer comes.
const TIMED: [&str; 3] = ["devices", IN_FIREFOX, "threads"];

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
    say_which_voices();
    let (browser, firefox) = if options.no_browser {
        say("without the end-to-end tests, as you asked");
        (None, None)
    } else {
        (Some(setup::browser(install)?), firefox(install)?)
    };

    say("building the tests and what they test; the first time this takes about 20 minutes on two cores");
    compile::prepare()?;
    let mut lanes = vec![Lane { name: "tests", builds: tests().into() }];
    let mut of_the_tab = Vec::new();
    if browser.is_some() {
        of_the_tab = bundle::all(install)?;
        ensure!(!process::in_ci() || of_the_tab.len() == bundle::PROGRAMS.len(), "CI leaves no program out");
        let builds = bundle::build(&setup::wasm_toolchain(install)?, &of_the_tab, Finish::Quick)?;
        lanes.push(Lane { name: "the tab's programs", builds });
    }
    compile::together(lanes)?;
    if browser.is_some() {
        bundle::assemble(&of_the_tab, Finish::Quick)?;
    }
    let (mut programs, chorus) = built()?;
    programs.retain(|program| match &*program.package {
        END_TO_END => browser.is_some() && (firefox.is_some() || program.target != IN_FIREFOX),
        _ => true,
    });
    programs.sort_by_key(|program| program.package != END_TO_END);

    let onnx = onnx_python();
    let mut jobs = Vec::new();
    for program in &programs {
        let mut command = program.command();
        command.envs(onnx.iter().map(|python| ("CHORUS_ONNX_PYTHON", python)));
        if let (Some(browser), END_TO_END) = (&browser, &*program.package) {
            drive(&mut command, &chorus, browser, firefox.as_deref())?;
            if options.screens {
                command.env("CHORUS_SCREENS", places::workspace().join("docs/screens"));
            }
        }
        let alone = program.package == END_TO_END && TIMED.contains(&&*program.target);
        jobs.push(Job { alone, ..Job::counted(program.name(), command) });
    }
    jobs.push(documentation());
    jobs.extend(pages()?);
    jobs.extend(reference_client(&chorus)?);
    jobs.push(random_bytes()?);
    jobs::run(jobs, &places::target()?.join("tests/printed"))
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
fn pages() -> Result<Option<Job>> {
    let Some(node) = places::program(&["node"]) else {
        ensure!(!process::in_ci(), "there is no node here, and CI leaves no tests out");
        say("LEFT OUT, as there is no node here: the tests of the pages' pure pieces");
        return Ok(None);
    };
    let mut command = process::program(node);
    command.args(["--test", "--test-reporter", "tap", "tests/page/"]);
    Ok(Some(Job::counted("the pages' pure pieces", command)))
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
fn reference_client(chorus: &Path) -> Result<Option<Job>> {
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
                "LEFT OUT, as Python and its packages (websockets, cryptography) cannot be had ({error:#}): the client in Python"
            ));
            return Ok(None);
        }
    };
    let mut command = process::program(python);
    command.arg(folder.join("check.py")).arg(chorus);
    Ok(Some(Job::one("the client in Python", command)))
}

/// A short run of each fuzz target, from its seeds and what earlier runs have found.
fn random_bytes() -> Result<Job> {
    const SECONDS: &str = "20";
    let mut command = process::program(env::current_exe().context("this program does not know where it is")?);
    command.args(["fuzz", "--seconds", SECONDS]);
    // It is not cargo that starts it, and it may have been compiled where the workspace lay before.
    command.env("CARGO_MANIFEST_DIR", places::workspace().join("xtask"));
    Ok(Job::one("random bytes for what reads them", command))
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
fn tests() -> [Command; 2] {
    [process::natively("test"), process::xtask("test")].map(|mut command| {
        command.arg("--no-run");
        command
    })
}

/// What was built: the programs of tests, and `chorus`.
fn built() -> Result<(Vec<Program>, PathBuf)> {
    let (mut programs, mut chorus) = (Vec::new(), None);
    for mut command in tests() {
        command.args(["--message-format", "json-render-diagnostics"]);
        let shown = process::show(&command);
        let mut cargo = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{shown}`"))?;
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
    }
    programs.sort_by_key(Program::name);
    Ok((programs, chorus.context("cargo did not say where the `chorus` program is")?))
}

/// Tells the end-to-end tests what they drive, one test of a program at a time: each starts servers and browsers of its own.
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

fn documentation() -> Job {
    let mut cargo = process::natively("test");
    cargo.arg("--doc");
    Job::counted("examples in the documentation", cargo)
}
