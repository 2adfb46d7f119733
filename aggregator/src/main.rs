//! The `chorus` program: reads the command line and hands over to one file per command.
//! It knows no rule of a round and no network; those are in the crates.

mod api;
mod commands;
mod experiment;
mod file_spool;
mod grouped;
mod links;
mod memory_file;
mod model_file;
mod onnx_file;
mod outbox;
mod pages;
mod participant;
mod room;
mod rooms;
mod settings;
mod simulator;
mod socket;
mod store;
mod tls;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Federated learning of speech emotion in the browser.
#[derive(Parser)]
#[command(name = "chorus", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 it could not be done (the reason is on stderr), 2 the command line is wrong."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a room and serve its pages, its sockets and its model.
    Serve(commands::serve::Arguments),
    /// Take part in a room without a browser, with labelled clips from disk or a made-up voice.
    Join(commands::join::Arguments),
    /// Simulate a room in one process, on labelled speech from disk.
    Simulate(commands::simulate::Arguments),
    /// Run a series of simulations and report them.
    Experiment(commands::experiment::Arguments),
    /// Print the 34 short-term features of sound files.
    Features(commands::features::Arguments),
    /// List the networks: layers, parameters, bytes.
    Models(commands::models::Arguments),
    /// Write a made-up corpus of synthetic voices.
    Synth(commands::synth::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => commands::serve::run(arguments),
        Command::Join(arguments) => commands::join::run(arguments),
        Command::Simulate(arguments) => commands::simulate::run(arguments),
        Command::Experiment(arguments) => commands::experiment::run(arguments),
        Command::Features(arguments) => commands::features::run(arguments),
        Command::Models(arguments) => commands::models::run(arguments),
        Command::Synth(arguments) => commands::synth::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chorus: {error:#}");
            ExitCode::FAILURE
        }
    }
}
