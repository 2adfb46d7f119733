//! The aggregator under load: `chorus serve` and `chorus swarm` side by side on this machine, and Flower's server with the
//! same number of updates of the same size. The programs are those of the development profile, which optimises what every
//! byte of an update goes through; the demo and the tests have built them already.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use server_process::{Log, ServerProcess};

use super::{
    Options,
    build::Checkout,
    figures::{Better, Figure, Figures},
    native::example,
};
use crate::{
    process::{self, json_lines, say},
    python::Reference,
};

const FLOWER: Reference = Reference {
    script: "flower/bench.py",
    module: "flwr",
    install: &["-r", "tests/reference/flower/requirements.txt"],
};
/// Lets the bench make rooms on the servers that it starts.
const SECRET: &str = "the secret of a bench";
/// All clients of a load come from one address.
const MOST_CONNECTIONS: &str = "20000";

/// Clients, rooms and network of one row of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Load {
    clients: u32,
    rooms: u32,
    model: &'static str,
    rounds: u32,
}

/// With this one Flower is compared.
const COMPARED: Load = Load { clients: 64, rooms: 1, model: "conv", rounds: 3 };
/// Of this one the memory is held against the goal of three models and 64 MiB.
const LARGEST: Load = Load { clients: 16, rooms: 1, model: "dense", rounds: 2 };
const LARGEST_BYTES: u32 = 104_032_272;
/// Connected to one machine with two cores, with this much memory for the server.
const MOST_CLIENTS: Load = Load { clients: 10_000, rooms: 100, model: "compact", rounds: 2 };
const MOST_CLIENTS_MEBIBYTES: f64 = 1024.0;
const LOADS: [Load; 7] = [
    LARGEST,
    COMPARED,
    Load { clients: 1000, rooms: 1, model: "compact", rounds: 3 },
    Load { clients: 1000, rooms: 1, model: "conv", rounds: 2 },
    Load { clients: 3000, rooms: 100, model: "compact", rounds: 3 },
    MOST_CLIENTS,
    Load { clients: 3000, rooms: 100, model: "conv", rounds: 1 },
];

/// Every load, each with a server of its own.
pub fn measure(options: &Options, figures: &mut Figures) -> Result<()> {
    process::run(process::natively("build").args(["--bin", "chorus"]))?;
    let chorus = crate::places::target()?.join("debug/chorus").with_extension(std::env::consts::EXE_EXTENSION);
    let before = options.against.as_ref().map(|revision| {
        let checkout = Checkout::of(revision, &std::env::temp_dir(), false)?;
        say(format!("building the server of {revision}"));
        process::run(&mut checkout.cargo(["build", "--package", "aggregator", "--bin", "chorus"]))?;
        anyhow::Ok(checkout)
    });
    let before = before.transpose()?;
    say("taking updates in, one thread, beside what the memory allows");
    let lines = example("federation", "bench_fold", &[], &[], &[])?;
    let line = lines.first().context("bench_fold printed nothing")?;
    let mut share = Figure::new("aggregator", "folding an update of `conv`", "% of memory's speed", Better::Higher);
    share.value = line["fold_share"].as_f64().map(|share| 100.0 * share);
    share.goal = Some(50.0);
    share.note(format!("triad {:.1} GB/s", line["triad_bytes_per_second"].as_f64().unwrap_or(f64::NAN) / 1e9));
    figures.add([share]);
    for load in LOADS {
        let name = format!(
            "{} clients of `{}` in {} room{}",
            load.clients,
            load.model,
            load.rooms,
            if load.rooms == 1 { "" } else { "s" }
        );
        say(&name);
        let mut round = Figure::new("aggregator", format!("{name}: a round"), "s", Better::Lower);
        let mut memory = Figure::new("aggregator", format!("{name}: most memory"), "MiB", Better::Lower);
        let mut answer = Figure::new("aggregator", format!("{name}: an answer, p99"), "ms", Better::Lower);
        match swarm(&chorus, &chorus, load) {
            Ok(report) => {
                round.value = seconds(&report);
                round.note(format!("{:.0} updates/s", report["updates_per_second"].as_f64().unwrap_or(f64::NAN)));
                memory.value = peak(&report);
                memory.note(format!(
                    "{:.1} s of processor",
                    report["server"]["processor_seconds"].as_f64().unwrap_or(f64::NAN)
                ));
                answer.value = latency(&report);
                match load {
                    COMPARED => answer.goal = Some(100.0),
                    LARGEST => memory.goal = Some(f64::from(3 * LARGEST_BYTES) / f64::from(1 << 20) + 64.0),
                    MOST_CLIENTS => memory.goal = Some(MOST_CLIENTS_MEBIBYTES),
                    _ => {}
                }
                if report["errors"].as_object().is_some_and(|errors| !errors.is_empty()) {
                    round.note(format!("errors: {}", report["errors"]));
                }
            }
            Err(reason) => round.note(format!("not done: {reason:#}")),
        }
        if let Some(checkout) = &before {
            let theirs = checkout.target().join("debug/chorus").with_extension(std::env::consts::EXE_EXTENSION);
            // The same load for both, whatever that revision's own was.
            let report = swarm(&theirs, &chorus, load);
            let rows = [(&round, seconds as Read), (&memory, peak), (&answer, latency)];
            figures.add(rows.map(|(figure, read)| beside(figure, &checkout.commit, &report, read)));
        }
        if !options.alone && load == COMPARED {
            flower(options, load, &mut round, &mut memory);
        }
        if before.is_none() || load == COMPARED {
            figures.add([round, memory, answer]);
        }
    }
    Ok(())
}

/// Takes a figure out of a load's report.
type Read = fn(&Value) -> Option<f64>;

fn seconds(report: &Value) -> Option<f64> {
    report["round_seconds"]["p50"].as_f64()
}

fn peak(report: &Value) -> Option<f64> {
    mebibytes(&report["server"]["peak_bytes"])
}

fn latency(report: &Value) -> Option<f64> {
    report["answer_ms"]["p99"].as_f64()
}

/// A figure with that of another commit's server beside it.
fn beside(figure: &Figure, commit: &str, report: &Result<Value>, read: Read) -> Figure {
    let mut figure = figure.clone();
    figure.other = Some(format!("Chorus {commit}"));
    match report {
        Ok(report) => figure.other_value = read(report),
        Err(reason) => figure.note(format!("the other was not done: {reason:#}")),
    }
    figure
}

/// Starts the server of a program, has another load it, and reads the load's report.
fn swarm(server: &Path, loading: &Path, load: Load) -> Result<Value> {
    let state = crate::places::target()?.join("bench/load-state");
    if state.exists() {
        std::fs::remove_dir_all(&state)?;
    }
    let state_name = state.display().to_string();
    let one_address = ["--max-connections", "--max-connections-per-address", "--max-newcomers-per-minute"]
        .map(|limit| [limit, MOST_CONNECTIONS]);
    let one_address = one_address.concat();
    let arguments = [&["--port", "0", "--host-token", SECRET][..], &one_address, &["--state", &state_name]].concat();
    let server = ServerProcess::start(process::program(server), &arguments, Log::Discarded)?;
    let number = |number: u32| number.to_string();
    let mut swarm = process::program(loading);
    swarm.args(["swarm", &server.origin, "--json", "--host-token", SECRET, "--model", load.model]);
    swarm.args(["--clients", &number(load.clients), "--rooms", &number(load.rooms), "--rounds", &number(load.rounds)]);
    let lines = json_lines(swarm.args(["--process", &number(server.process())]));
    std::fs::remove_dir_all(&state).ok();
    lines?.into_iter().next().context("the swarm printed nothing")
}

fn flower(options: &Options, load: Load, round: &mut Figure, memory: &mut Figure) {
    let arguments = ["--clients", &load.clients.to_string(), "--rounds", &load.rounds.to_string()].map(str::to_owned);
    let other = match FLOWER.run(options.python.as_deref(), &arguments).map(|lines| lines.into_iter().next()) {
        Ok(Some(other)) => other,
        Ok(None) => return round.note("Flower printed nothing"),
        Err(reason) => return round.note(format!("Flower was not run: {reason:#}")),
    };
    let text = |field: &str| other[field].as_str().unwrap_or("?").to_owned();
    let name =
        format!("Flower {} (Python {}, NumPy {}), FedAvg over gRPC", text("flwr"), text("python"), text("numpy"));
    let clients = other["clients"].as_u64().unwrap_or(0);
    let mut seconds: Vec<f64> =
        other["round_seconds"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    seconds.sort_by(f64::total_cmp);
    if clients == u64::from(load.clients) {
        round.other_value = seconds.get(seconds.len() / 2).copied();
        memory.other_value = mebibytes(&other["peak_bytes"]);
    } else {
        round.note(format!("Flower got through with {clients} clients alone: {}", other["failed"]));
    }
    memory.note(format!("its server: {:.1} s of processor", other["processor_seconds"].as_f64().unwrap_or(f64::NAN)));
    round.other = Some(name.clone());
    memory.other = Some(name);
}

fn mebibytes(bytes: &Value) -> Option<f64> {
    bytes.as_f64().map(|bytes| bytes / f64::from(1 << 20))
}
