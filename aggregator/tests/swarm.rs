//! The load generator against the real program: what it reports is what the server says itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::process::{Command, Output};

use anyhow::Result;
use serde_json::Value;
use support::server::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");
const SECRET: &str = "a secret of the host";

fn swarm(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).arg("swarm").args(arguments).args(["--host-token", SECRET]).output().unwrap()
}

#[test]
fn a_load_reports_what_the_server_knows() -> Result<()> {
    let server = Server::start(PROGRAM.as_ref(), &["--host-token", SECRET])?;
    let process = server.process().to_string();
    let load = ["--clients", "8", "--rooms", "2", "--rounds", "3", "--train-ms", "20", "--slow-readers", "1"];
    let more = ["--drop-out", "0.1", "--patience", "60", "--seed", "5", "--json", "--process", &process];
    let output = swarm(&[&[server.origin.as_str()][..], &load, &more].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((&report["clients"], &report["rooms"], &report["rounds"]), (&8.into(), &2.into(), &6.into()));
    assert_eq!(report["errors"], serde_json::json!({}), "{report}");
    assert!(report["dropped"].as_u64() > Some(0), "with this seed somebody drops out: {report}");
    // The rooms that it made, as their server sees them: four of them in every mean of a room.
    let request = ureq::get(format!("{}/api/host", server.origin)).header("authorization", format!("Bearer {SECRET}"));
    let host: Value = serde_json::from_slice(&request.call()?.body_mut().read_to_vec()?)?;
    let made = host["rooms"].as_array().unwrap().iter().filter(|room| room["room"]["least"] == 4);
    let updates: Vec<u64> = made
        .flat_map(|room| room["history"].as_array().unwrap())
        .map(|record| record["clients"].as_u64().unwrap())
        .collect();
    assert_eq!(updates.len(), 6);
    assert!(updates.iter().all(|clients| (4..=5).contains(clients)), "{updates:?}");
    assert_eq!(report["accepted"].as_u64(), Some(updates.iter().sum()));
    assert!(report["server"]["peak_bytes"].as_u64() > Some(1 << 20), "{report}");
    Ok(())
}

/// Rooms are made over https as well; a certificate that the server made itself is believed where the person says so.
#[test]
fn a_server_with_tls_is_loaded_too() -> Result<()> {
    let server = Server::start(PROGRAM.as_ref(), &["--host-token", SECRET, "--tls", "self-signed"])?;
    assert!(server.origin.starts_with("https://"), "{}", server.origin);
    let load =
        [server.origin.as_str(), "--clients", "2", "--rooms", "1", "--rounds", "2", "--patience", "60", "--json"];
    let refused = swarm(&load);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("--insecure"), "{said}");

    let output = swarm(&[&load[..], &["--insecure"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((&report["rooms"], &report["rounds"], &report["accepted"]), (&1.into(), &2.into(), &4.into()));
    assert_eq!(report["errors"], serde_json::json!({}), "{report}");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn too_few_open_files_are_said_before_anything_is_loaded() {
    let limited = "ulimit -n 100; exec \"$0\" swarm http://localhost:1/room/KMPXZ --clients 500";
    let output = Command::new("sh").args(["-c", limited, PROGRAM]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("564 open files") && said.contains("ulimit -n 564"), "{said}");
}
