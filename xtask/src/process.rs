//! Starts other programs: says so, and makes a failure name the command that failed. Must not know what they are for.

use std::{
    env,
    fmt::Display,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One line about what is being done, told apart from the output of the programs it starts.
pub fn say(line: impl Display) {
    eprintln!("==> {line}");
}

/// A program with the environment that a person's shell would give it. `cargo xtask` is itself run by cargo,
/// which tells it about the package `xtask`; passed on, that would make build scripts that watch those
/// variables run anew in every second build.
pub fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(crate::places::workspace());
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let about_xtask = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if about_xtask.iter().any(|prefix| name.starts_with(prefix))
            || ["CARGO", "CARGO_PRIMARY_PACKAGE"].contains(&&*name)
        {
            command.env_remove(&*name);
        }
    }
    command
}

/// Whether this is CI, where nothing that is missing may be passed over.
pub fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(&*value, "" | "0" | "false"))
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// What is tested and checked besides what everyone gets who builds the program without asking for more.
pub const TESTED: &str = "aggregator/cluster";

/// A command of cargo for all that runs natively. `wasm-client` is only ever compiled for the browser, and `xtask` on its own,
/// as the alias `cargo xtask` does. Chosen in the same way everywhere, as another choice would make cargo build the same
/// dependencies with other features again. What is tested has the cluster in it, and is built once.
pub fn natively(subcommand: &str) -> Command {
    let mut command = by_default(subcommand);
    if ["test", "clippy"].contains(&subcommand) {
        command.args(["--features", TESTED]);
    }
    command
}

/// The same with what everyone gets.
pub fn by_default(subcommand: &str) -> Command {
    let mut command = cargo();
    command.args([subcommand, "--workspace", "--exclude", "wasm-client", "--exclude", "xtask"]);
    command
}

/// A command of cargo for this program.
pub fn xtask(subcommand: &str) -> Command {
    let mut command = cargo();
    command.args([subcommand, "--package", "xtask"]);
    command
}

/// What a build is told besides, where `CHORUS_TIMINGS` asks for a report of what each crate costs.
pub fn timings() -> &'static [&'static str] {
    if env::var("CHORUS_TIMINGS").is_ok_and(|value| value == "1") { &["--timings"] } else { &[] }
}

/// Runs a program to its end; its output goes where ours goes.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    say(&shown);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// What a program prints on its standard output.
pub fn read(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status}): {}", String::from_utf8_lossy(&stderr).trim());
    }
    String::from_utf8(stdout).with_context(|| format!("`{shown}` printed no UTF-8"))
}

/// Runs a program, but ends it after `limit`. False where it failed or was ended.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<bool> {
    let shown = show(command);
    say(format!("{shown} (at most {} s)", limit.as_secs()));
    let mut child = command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if started.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The command as a person would type it.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy()).map(|word| match word.contains(' ') {
        true => format!("'{word}'"),
        false => word.into_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The JSON lines that a program prints; others are passed over.
pub fn json_lines(command: &mut Command) -> Result<Vec<Value>> {
    say(show(command));
    let lines = read(command)?;
    Ok(lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
