//! What masks cost: rounds of native participants who train on made-up voices, with masks and without, with nobody lost and with a
//! tenth, over real sockets on this machine; Flower's SecAgg+ with as many clients and as large a vector; and one client's masks
//! in a tab. The participants have the machine's cores to themselves together, so that a round's time is their work and not their
//! waiting.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use server_process::{Log, ServerProcess};

use super::{
    Options, browser,
    figures::{Better, Figure, Figures},
};
use crate::{
    process::{self, json_lines, say},
    python::Reference,
    setup::Install,
};

const FLOWER: Reference = Reference {
    script: "flower/bench_secagg.py",
    module: "flwr.client.mod.secure_aggregation.secaggplus_mod",
    install: &["-r", "tests/reference/flower/requirements.txt"],
};
const SECRET: &str = "the secret of a bench";

const CLIENTS: u32 = 30;
/// How many do not send their update, of all: by chance and as somebody new in the next round, and in Flower's the same ones always.
const LOST: f64 = 0.1;
const ROUNDS: u32 = 3;
/// Networks and their values.
const NETWORKS: [(&str, u32); 2] = [("compact", 45_604), ("conv", 1_832_004)];
/// A masked round is to take so much of an unmasked one's time at most, and its updates so many bytes.
const MOST_TIME: f64 = 1.25;
/// How masked numbers may be written, and how many of an unmasked update's bytes they may have.
const ENCODINGS: [(&str, f64); 2] = [("masked32", 1.1), ("masked24", 0.8)];
/// For one client's masks of `conv` in a tab, milliseconds.
const MOST_IN_A_TAB: f64 = 500.0;

/// A room of a bench.
#[derive(Clone, Copy)]
struct Room {
    model: &'static str,
    encoding: Option<&'static str>,
    clients: u32,
    lost: f64,
    /// Clips of each participant, and epochs of a round.
    training: (u32, u32),
}

/// As a class has them: 48 clips, of which a fifth are held back, and the default's two epochs.
const CLASS: (u32, u32) = (48, 2);
/// Next to none, so that a round is little more than its sum.
const HARDLY_ANY: (u32, u32) = (4, 1);

/// What a room came to.
struct Measured {
    /// The median of its rounds, seconds.
    seconds: f64,
    /// Payload of everything that clients sent, boxes and shares too, for each update in a round's sum.
    bytes: f64,
    /// Most memory of the server, MiB.
    memory: f64,
}

/// Takes a figure out of it.
type Read = fn(&Measured) -> f64;

/// Every network, beside Flower, and a tab.
pub fn measure(options: &Options, install: Install, figures: &mut Figures) -> Result<()> {
    process::run(process::natively("build").args(["--bin", "chorus"]))?;
    let chorus = crate::places::target()?.join("debug/chorus").with_extension(std::env::consts::EXE_EXTENSION);
    for (model, values) in NETWORKS.into_iter().filter(|(model, _)| options.networks.iter().any(|name| name == model)) {
        for lost in [0.0, LOST] {
            with_and_without(&chorus, model, lost, figures);
        }
        memory(&chorus, model, figures);
        for lost in [0.0, LOST] {
            beside_flower(options, &chorus, (model, values), lost, figures);
        }
    }
    let (_, values) = NETWORKS[1];
    let mut figure =
        Figure::new("masking", format!("masking `conv` for {CLIENTS} in a tab, one core"), "ms", Better::Lower);
    figure.goal = Some(MOST_IN_A_TAB);
    let task = json!({ "program": "client", "values": values, "clients": CLIENTS });
    match browser::ask_client(options, install, task) {
        Ok(answer) => figure.value = answer["ms"].as_f64(),
        Err(reason) => figure.note(format!("not run: {reason:#}")),
    }
    figures.add([figure]);
    Ok(())
}

/// Rounds in which a class trains.
fn with_and_without(chorus: &Path, model: &'static str, lost: f64, figures: &mut Figures) {
    let room = Room { model, encoding: None, clients: CLIENTS, lost, training: CLASS };
    let without = of(chorus, room);
    for (encoding, most_bytes) in ENCODINGS {
        let with = of(chorus, Room { encoding: Some(encoding), ..room });
        let what = format!("{CLIENTS} of `{model}`, {:.0} % lost, {encoding}", 100.0 * lost);
        let seconds: Read = |of| of.seconds;
        let rows = [
            ("a round", "s", MOST_TIME, seconds),
            ("to the server for an update", "kB", most_bytes, |of| of.bytes / 1e3),
        ];
        for (row, unit, most, read) in rows {
            let mut figure = Figure::new("masking", format!("{what}: {row}"), unit, Better::Lower);
            figure.other = Some("the same room without masks".to_owned());
            match (&with, &without) {
                (Ok(with), Ok(without)) => {
                    (figure.value, figure.other_value) = (Some(read(with)), Some(read(without)));
                    figure.goal = Some(most * read(without));
                    figure.note(format!("{:.2} of it", read(with) / read(without)));
                }
                (Err(reason), _) | (_, Err(reason)) => figure.note(format!("not done: {reason:#}")),
            }
            figures.add([figure]);
        }
    }
}

/// Whether the server's memory grows with the clients.
fn memory(chorus: &Path, model: &'static str, figures: &mut Figures) {
    let room = Room { model, encoding: Some("masked32"), clients: CLIENTS, lost: 0.0, training: HARDLY_ANY };
    let (many, few) = (of(chorus, room), of(chorus, Room { clients: CLIENTS / 3, ..room }));
    let mut figure =
        Figure::new("masking", format!("{CLIENTS} of `{model}`, masked32: the server's memory"), "MiB", Better::Lower);
    figure.other = Some(format!("the same with {} clients", CLIENTS / 3));
    match (&many, &few) {
        (Ok(many), Ok(few)) => (figure.value, figure.other_value) = (Some(many.memory), Some(few.memory)),
        (Err(reason), _) | (_, Err(reason)) => figure.note(format!("not done: {reason:#}")),
    }
    figures.add([figure]);
}

/// Rounds in which hardly anything is trained, sockets, disk and what is trained counted, beside Flower's, which has none of them.
fn beside_flower(
    options: &Options,
    chorus: &Path,
    (model, values): (&'static str, u32),
    lost: f64,
    figures: &mut Figures,
) {
    let what = format!("{CLIENTS} of `{model}`, {:.0} % lost, hardly any training: a masked round", 100.0 * lost);
    let mut figure = Figure::new("masking", what, "s", Better::Lower);
    let room = Room { model, encoding: Some("masked32"), clients: CLIENTS, lost, training: HARDLY_ANY };
    match of(chorus, room) {
        Ok(measured) => figure.value = Some(measured.seconds),
        Err(reason) => figure.note(format!("not done: {reason:#}")),
    }
    if !options.alone {
        let number = |number: u32| number.to_string();
        let gone = (lost * f64::from(CLIENTS)).round() as u32;
        let arguments = [
            ["--clients".to_owned(), number(CLIENTS)],
            ["--lost".to_owned(), number(gone)],
            ["--values".to_owned(), number(values)],
        ];
        match FLOWER.run(options.python.as_deref(), &arguments.concat()).map(|lines| lines.into_iter().next()) {
            Ok(Some(other)) => {
                figure.other_value = other["round_seconds"][0].as_f64();
                let text = |field: &str| other[field].as_str().unwrap_or("?").to_owned();
                figure.other = Some(format!(
                    "SecAgg+ of Flower {} (Python {}, NumPy {}), in one process, nothing trained",
                    text("flwr"),
                    text("python"),
                    text("numpy")
                ));
                // At least ten times faster.
                figure.goal = figure.other_value.map(|seconds| seconds / 10.0);
            }
            Ok(None) => figure.note("Flower printed nothing"),
            Err(reason) => figure.note(format!("Flower was not run: {reason:#}")),
        }
    }
    figures.add([figure]);
}

/// Starts a server and its participants, and waits until the room is finished.
fn of(chorus: &Path, room: Room) -> Result<Measured> {
    let Room { model, encoding, clients, lost, training: (clips, epochs) } = room;
    say(format!("{clients} clients of {model}, {}", encoding.unwrap_or("no masks")));
    let state = crate::places::target()?.join("bench/masking-state");
    if state.exists() {
        std::fs::remove_dir_all(&state)?;
    }
    let (number, folder) = (|number: u32| number.to_string(), state.display().to_string());
    let (least, rounds, epochs) = (number(clients), number(ROUNDS), number(epochs));
    let mut arguments = vec!["--port", "0", "--host-token", SECRET, "--state", &folder];
    arguments.extend(["--model", model, "--strategy", "fedavg", "--aggregation", "mean", "--deadline", "600"]);
    arguments.extend(["--least", &least, "--rounds", &rounds, "--epochs", &epochs]);
    if let Some(encoding) = encoding {
        arguments.extend(["--masking", "active", "--masking-encoding", encoding]);
    }
    let server = ServerProcess::start(process::program(chorus), &arguments, Log::Discarded)?;
    let mut join = process::program(chorus);
    join.args(["join", &server.link(), "--synthetic", "1", "--participants", &least, "--clips", &number(clips)]);
    let news = json_lines(join.args(["--json", "--drop-out", &lost.to_string()]))?;
    ensure!(news.iter().any(|news| news["finished"] == true), "the room did not get through its rounds");
    let history: Vec<Value> =
        ureq::get(format!("{}/api/rooms/{}/history", server.origin, server.room)).call()?.body_mut().read_json()?;
    let mut seconds: Vec<f64> = history
        .iter()
        .filter_map(|record| record["duration_ms"].as_f64())
        .map(|milliseconds| milliseconds / 1e3)
        .collect();
    seconds.sort_by(f64::total_cmp);
    let updates: f64 = history.iter().filter_map(|record| record["clients"].as_f64()).sum();
    let metrics = ureq::get(format!("{}/metrics", server.origin)).header("authorization", format!("Bearer {SECRET}"));
    let received = received(&metrics.call()?.body_mut().read_to_string()?);
    let memory = peak(server.process())?;
    drop(server);
    std::fs::remove_dir_all(&state).ok();
    let seconds = *seconds.get(seconds.len() / 2).context("the room closed no round")?;
    Ok(Measured { seconds, bytes: received / updates, memory })
}

/// Payload received over WebSockets, messages and numbers together.
fn received(metrics: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with("chorus_websocket_received_bytes_total"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// The most memory that a process held, MiB.
fn peak(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("this needs Linux's /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_both_kinds_of_frame_are_added_up() {
        let metrics = "# TYPE chorus_websocket_received_bytes counter\n\
                       chorus_websocket_received_bytes_total{kind=\"text\"} 1200\n\
                       chorus_websocket_received_bytes_total{kind=\"binary\"} 34\n\
                       chorus_websocket_sent_bytes_total{kind=\"text\"} 5\n";
        assert_eq!(received(metrics), 1234.0);
    }
}
