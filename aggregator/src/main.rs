//! The `chorus` program: reads the command line and hands over to one file per command.
//! It knows no rule of a round and no network; those are in the crates.

mod clock;
mod commands;
mod edge;
mod experiment;
#[cfg(feature = "cluster")]
mod nats;
mod participant;
mod process;
mod server;
mod session;
mod settings;
mod simulator;
mod swarm;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use server::config;

/// Federated learning of speech emotion in the browser.
#[derive(Parser)]
#[command(name = "chorus", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 it could not be done (the reason is on stderr), 2 the command line is wrong, a variable or the file of options."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a room and serve its pages, its sockets and its model.
    Serve(Box<commands::serve::Arguments>),
    /// Print the options of `serve` as they are merged from command line, environment and file, without secrets.
    Config(Box<commands::serve::Arguments>),
    /// Serve participants for a room on another server, and send it one sum a round for all of them.
    Edge(Box<commands::edge::Arguments>),
    /// Take part in a room without a browser, with labelled clips from disk or a made-up voice.
    Join(commands::join::Arguments),
    /// Simulate a room in one process, on labelled speech from disk.
    Simulate(Box<commands::simulate::Arguments>),
    /// Run a series of simulations and report them.
    Experiment(Box<commands::experiment::Arguments>),
    /// Carry out the runs that `chorus experiment --queue` waits for.
    Work(commands::work::Arguments),
    /// Print the 34 short-term features of sound files.
    Features(commands::features::Arguments),
    /// List the networks: layers, parameters, bytes.
    Models(commands::models::Arguments),
    /// Count what noisy sums give away: epsilon, and how often the best guess is right.
    Privacy(commands::privacy::Arguments),
    /// Write a made-up corpus of synthetic voices.
    Synth(commands::synth::Arguments),
    /// Load an aggregator with many made-up participants, and measure it.
    Swarm(commands::swarm::Arguments),
}

fn main() -> ExitCode {
    let read = config::read(Arguments::command(), std::env::args_os().collect());
    let read = read.and_then(|(matches, options)| Ok((Arguments::from_arg_matches(&matches)?.command, options)));
    let (command, options) = match read {
        Ok(read) => read,
        Err(error) => {
            eprintln!("chorus: {error:#}");
            return ExitCode::from(2);
        }
    };
    let result = run(command, options);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chorus: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, options: config::Options) -> anyhow::Result<()> {
    match command {
        Command::Serve(arguments) => commands::serve::run(*arguments, options),
        Command::Config(_) => commands::serve::print(options),
        Command::Edge(arguments) => commands::edge::run(*arguments),
        Command::Join(arguments) => commands::join::run(arguments),
        Command::Simulate(arguments) => commands::simulate::run(*arguments),
        Command::Experiment(arguments) => commands::experiment::run(*arguments),
        Command::Work(arguments) => commands::work::run(arguments),
        Command::Features(arguments) => commands::features::run(arguments),
        Command::Models(arguments) => commands::models::run(arguments),
        Command::Privacy(arguments) => commands::privacy::run(arguments),
        Command::Synth(arguments) => commands::synth::run(arguments),
        Command::Swarm(arguments) => commands::swarm::run(arguments),
    }
}
