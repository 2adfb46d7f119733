//! Loads a running aggregator: real sockets, made-up updates, no training. Prints what its process held at most in
//! memory, how long rounds took, and what travelled.
//!
//! `cargo run --release -p aggregator --example load -- --model dense --clients 16 --rounds 2`

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Parser;
use protocol::{ClientMessage, RoomCode, RoundRecord};
use serde_json::json;
use support::raw_client::RawClient;
use support::server::Server;
use tokio::sync::Barrier;

/// Take part with many clients at once in rounds of a `chorus serve` that this starts, and measure it.
#[derive(Parser)]
struct Arguments {
    /// Clients that take part at the same time
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// Rounds to take part in
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Further clients that ask for every model and never read it
    #[arg(long, default_value_t = 0)]
    stalled: usize,
    /// Network whose size the updates have
    #[arg(long, default_value = "dense")]
    model: models::Architecture,
    /// The program to load [default: the `chorus` of the same build]
    #[arg(long)]
    chorus: Option<PathBuf>,
    /// Keep a state folder too, so that checkpoints are part of the load
    #[arg(long)]
    state: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let program = match &arguments.chorus {
        Some(program) => program.clone(),
        None => std::env::current_exe()?
            .parent()
            .and_then(|examples| examples.parent())
            .context("build the program first: cargo build --release -p aggregator")?
            .join("chorus"),
    };
    let (clients, rounds) = (arguments.clients.to_string(), arguments.rounds.to_string());
    let mut options = vec!["--model", arguments.model.name(), "--rounds", &rounds, "--least", &clients];
    let connections = (arguments.clients + arguments.stalled).to_string();
    // The goal closes a round without those who never answer.
    options.extend(["--max-clients", &connections, "--goal", &clients, "--deadline", "3600"]);
    let state = arguments.state.as_ref().map(|state| state.display().to_string());
    if let Some(state) = &state {
        options.extend(["--state", state]);
    }
    let server = Server::start(&program, &options)?;
    let at_start = memory(server.process())?;

    let model_bytes = arguments.model.parameters(4) * size_of::<f32>();
    let update = Bytes::from(1e-6f32.to_le_bytes().repeat(model_bytes / size_of::<f32>()));
    let all = Arc::new(Barrier::new(arguments.clients));
    let began = Instant::now();
    let takers: Vec<_> = (0..arguments.clients)
        .map(|_| {
            tokio::spawn(take_part(
                server.origin.clone(),
                server.room.clone(),
                arguments.rounds,
                update.clone(),
                all.clone(),
            ))
        })
        .collect();
    let stalled: Vec<_> =
        (0..arguments.stalled).map(|_| tokio::spawn(stall(server.origin.clone(), server.room.clone()))).collect();
    let mut payload = 0;
    for taker in takers {
        payload += taker.await??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let peak = memory(server.process())?;
    stalled.iter().for_each(|stalled| stalled.abort());
    let allowed = 3 * model_bytes + 64 * 1024 * 1024;
    let mebibytes = |bytes: usize| bytes as f64 / (1024.0 * 1024.0);
    let round_seconds = round_seconds(&server)?;
    if arguments.json {
        println!(
            "{}",
            json!({
                "model": arguments.model.name(), "model_bytes": model_bytes, "clients": arguments.clients,
                "stalled": arguments.stalled,
                "rounds": arguments.rounds, "peak_bytes": peak, "start_bytes": at_start, "allowed_bytes": allowed,
                "round_seconds": round_seconds, "seconds": seconds, "payload_bytes": payload,
            })
        );
    } else {
        println!(
            "model {}: {:.1} MiB, {clients} clients and {} that never read, {rounds} rounds",
            arguments.model,
            mebibytes(model_bytes),
            arguments.stalled
        );
        println!(
            "peak memory of the aggregator: {:.1} MiB ({:.1} at start); allowed {:.1} MiB (3 x model + 64 MiB)",
            mebibytes(peak),
            mebibytes(at_start),
            mebibytes(allowed)
        );
        println!(
            "rounds took {} s; all of it {seconds:.1} s",
            round_seconds.iter().map(|s| format!("{s:.2}")).collect::<Vec<_>>().join(", ")
        );
        println!(
            "payload both ways: {:.1} MiB, {:.1} MiB/s",
            payload as f64 / 1048576.0,
            payload as f64 / 1048576.0 / seconds
        );
    }
    anyhow::ensure!(peak <= allowed, "the aggregator held more memory than it may");
    Ok(())
}

/// How long the rounds took from opening to closing, as the aggregator says.
fn round_seconds(server: &Server) -> Result<Vec<f64>> {
    let history = ureq::get(format!("{}/api/rooms/{}/history", server.origin, server.room))
        .call()?
        .body_mut()
        .read_to_string()?;
    let history: Vec<RoundRecord> = serde_json::from_str(&history)?;
    Ok(history.iter().map(|record| record.duration_ms as f64 / 1000.0).collect())
}

/// One client: downloads, waits until everyone is ready to upload, uploads. Gives the bytes moved.
async fn take_part(origin: String, room: RoomCode, rounds: u32, update: Bytes, all: Arc<Barrier>) -> Result<u64> {
    let (mut client, welcome) = RawClient::enter(&origin, &room, None).await?;
    all.wait().await;
    client.ready(&welcome.room, 40).await?;
    for _ in 0..rounds {
        let round = client.next_round().await?;
        client.download(round.model, |_| ()).await?;
        all.wait().await;
        client.update(&round, 40, update.clone()).await?;
    }
    client.say(&ClientMessage::Leave).await?;
    Ok(client.payload_bytes)
}

/// One client that takes part in the first round's beginning, asks for its model and reads no more.
async fn stall(origin: String, room: RoomCode) -> Result<()> {
    let (mut client, welcome) = RawClient::enter(&origin, &room, None).await?;
    client.ready(&welcome.room, 40).await?;
    let round = client.next_round().await?;
    client.say(&ClientMessage::Download { transfer: round.model.id }).await?;
    std::future::pending::<()>().await;
    Ok(())
}

/// Most memory that a process has held so far (`VmHWM`), bytes.
fn memory(process: u32) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("this needs Linux's /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}
