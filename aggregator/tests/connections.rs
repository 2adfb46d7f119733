//! What a connection costs the server: most clients wait most of the time, and a server of thousands pays for each.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
// What a process holds is asked of Linux.
#![cfg(target_os = "linux")]

mod support;

use std::process::Command;

use anyhow::Result;
use support::raw_client::RawClient;
use support::server::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");
/// Clients whose memory is counted.
const MANY: usize = 400;
/// The aim is 48 KiB; some 4 MiB that the server takes once, however many come, are divided among these few clients and count as well.
const MOST_KIB: f64 = 64.0;

/// Resident memory of a process, KiB.
fn memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Clients that come in and go through the room's round: each has been sent a model and has sent as much.
async fn through_a_round(server: &Server, count: usize) -> Result<Vec<RawClient>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(RawClient::enter(&server.origin, &server.room, None).await?);
    }
    for (client, welcome) in &mut clients {
        client.ready(&welcome.room, 10).await?;
    }
    let parts = clients.into_iter().map(|(mut client, _)| async move {
        let round = client.next_round().await?;
        client.download(round.model, |_| ()).await?;
        client.update(&round, 10, client.same_everywhere(0.01)?).await?;
        anyhow::Ok(client)
    });
    futures_util::future::try_join_all(parts).await
}

/// `findings/tungstenite-keeps-the-largest-frame.sh`: without care each would hold 360 KiB, twice the largest frame.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_through_a_round_and_waits_costs_little() -> Result<()> {
    let count = MANY.to_string();
    let room = ["--rounds", "3", "--least", &count, "--max-clients", "1000", "--grace", "0", "--model", "compact"];
    // Four bytes a value, so that frames are as long as they get.
    let allowed = ["--max-newcomers-per-minute", "10000", "--encoding", "f32"];
    let mut program = Command::new(PROGRAM);
    // Else glibc keeps what uploads have given back, for the next ones, which is no connection's.
    program.env("MALLOC_MMAP_THRESHOLD_", "65536");
    let server = Server::start_as(program, &[&room[..], &allowed].concat())?;
    let before = memory(server.process());
    let clients = through_a_round(&server, MANY).await?;
    let each = (memory(server.process()) - before) / clients.len() as f64;
    assert!(each < MOST_KIB, "{each:.1} KiB for each of {MANY} clients that wait");
    Ok(())
}
