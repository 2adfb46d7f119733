//! `cargo xtask …`: everything a person does to this repository besides editing it. One file a command;
//! what they share is the wasm toolchain (`toolchain`), the places (`places`) and starting other programs
//! (`process`). Knows nothing of what is inside the crates: it builds, runs and measures them from outside.

mod bench;
mod bundle;
mod cluster;
mod compile;
mod demo;
mod dist;
mod fuzz;
mod lint;
mod npm;
mod places;
mod process;
mod python;
mod setup;
mod test;
mod tidy;
mod toolchain;
mod types;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set-up, bundle, demo, tests, benchmarks and archives of Chorus.
///
/// Each command first sets up what it needs, and says what it does.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Cli {
    /// Install nothing: where something is missing, print the command that installs it
    #[arg(long, global = true)]
    no_install: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, or say how
    Setup,
    Bundle(bundle::Options),
    Demo(demo::Options),
    Cluster(cluster::Options),
    Test(test::Options),
    Bench(bench::Options),
    Fuzz(fuzz::Options),
    Dist(dist::Options),
    /// Check formatting, the house rules and the pages' types, and run clippy natively and for the browser
    Lint,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // The last line says what failed, with no trace of the stack behind it.
        Err(error) => {
            eprintln!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(Cli { no_install, command }: Cli) -> anyhow::Result<()> {
    let install = setup::Install::unless(no_install);
    match command {
        Command::Setup => setup::run(install),
        Command::Bundle(options) => bundle::run(&options, install).map(|_| ()),
        Command::Demo(options) => demo::run(&options, install),
        Command::Cluster(options) => cluster::run(&options, install),
        Command::Test(options) => test::run(&options, install),
        Command::Bench(options) => bench::run(&options, install),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Dist(options) => dist::run(&options, install),
        Command::Lint => lint::run(install),
    }
}
