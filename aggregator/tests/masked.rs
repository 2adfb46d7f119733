//! Masked rooms, with the real programs over real sockets: they are trained to their end, what they cannot have is refused with the
//! reason, and a round in whose middle the server is killed is repeated.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use support::http::{command, post, room};
use support::proxy::Proxy;
use support::server::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");
const SECRET: &str = "a secret of the host";
const PARTICIPANTS: usize = 4;
/// How long a room may take for what is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// `chorus join` as four made-up voices, of whose clips a fifth is held back, until its end: what it said, each line an event.
fn join(link: &str, clips: &str) -> Vec<Value> {
    let output = Command::new(PROGRAM)
        .args(["join", link, "--synthetic", "1", "--participants", "4", "--clips", clips, "--threads", "1", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "a participant gave up: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn count(said: &[Value], event: &str) -> usize {
    said.iter().filter(|said| said["event"] == event).count()
}

fn start(state: &Path, more: &[&str]) -> Server {
    let arguments =
        ["--state", state.to_str().unwrap(), "--host-token", SECRET, "--masking", "active", "--epochs", "1"];
    Server::start(PROGRAM.as_ref(), &[&arguments[..], more].concat()).unwrap()
}

#[test]
fn four_participants_train_a_room_that_sees_none_of_their_updates() -> Result<()> {
    for masks in [&["active", "--rounds", "2"][..], &["curious", "--masking-encoding", "masked24", "--rounds", "1"]] {
        let arguments = [&["--least", "4", "--epochs", "1", "--masking"][..], masks].concat();
        let server = Server::start(PROGRAM.as_ref(), &arguments)?;
        let news = join(&server.link(), "20");
        let room = room(&server);
        let history = room["history"].as_array().unwrap();
        assert_eq!(count(&news, "accepted"), PARTICIPANTS * history.len());
        assert_eq!(count(&news, "done"), PARTICIPANTS);
        assert_eq!(count(&news, "trouble"), 0, "{news:?}");
        for record in history {
            assert_eq!((record["clients"].as_u64(), record["examples"].as_u64()), (Some(4), Some(64)));
            assert_eq!(record["evaluation"]["examples"], 16, "all four hold back four clips");
        }
    }
    Ok(())
}

#[test]
fn noise_is_added_inside_the_masks_and_the_budget_ends_the_room() {
    // dp-accounting 0.6: 4.377 for one round with z = 1, and 6.5 for two.
    let person = &["--clip", "0.5", "--noise-clients", "8"][..];
    let clip = &["--clip", "0.5", "--noise-clients", "64", "--noise-hides", "clip"][..];
    for (hides, settings) in [(None, person), (Some("clip"), clip)] {
        let usual = ["--least", "4", "--rounds", "5", "--masking", "active", "--masking-encoding", "masked24"];
        let noise = ["--max-clients", "8", "--noise-multiplier", "1", "--epsilon", "5"];
        let server = Server::start(PROGRAM.as_ref(), &[&usual[..], &noise, settings].concat()).unwrap();
        let news = join(&server.link(), "20");
        assert_eq!((count(&news, "accepted"), count(&news, "done"), count(&news, "trouble")), (4, 4, 0), "{news:?}");
        let room = room(&server);
        assert_eq!(room["room"]["noise"]["hides"].as_str(), hides);
        let (status, history) = (&room["status"], room["history"].as_array().unwrap());
        assert_eq!((&status["phase"], history.len()), (&json!("finished"), 1), "{status}");
        let budget = &status["budget"];
        assert_eq!((&budget["published"], &budget["left"]), (&json!(1), &json!(0)));
        assert!((budget["epsilon"].as_f64().unwrap() - 4.377).abs() < 1.0e-3, "{budget}");
        // What says something of them beside the noisy sum is told by nobody.
        assert_eq!((&history[0]["clients"], &history[0]["evaluation"]), (&json!(4), &Value::Null));
        assert_eq!(history[0]["training"], json!({ "loss": 0.0, "accuracy": 0.0 }));
    }
}

#[test]
fn a_room_that_cannot_be_masked_is_refused_with_the_reason() {
    let server = Server::start(PROGRAM.as_ref(), &["--host-token", SECRET]).unwrap();
    let made = post(&server, "/api/rooms", SECRET, &json!({ "masking": "curious", "masking_encoding": "masked16" }));
    assert_eq!(made.0, 201, "{}", made.1);
    let masking = &serde_json::from_str::<Value>(&made.1).unwrap()["room"]["masking"];
    assert_eq!((&masking["server"], &masking["encoding"]), (&json!("curious"), &json!("masked16")));
    for (settings, reason) in [
        (json!({ "masking": "active", "aggregation": "median" }), "no single update"),
        (json!({ "masking": "active", "least": 2 }), "at least 3"),
        (json!({ "masking": "active", "asynchronous": 3 }), "synchronous rounds"),
        (json!({ "masking_clip": 1.5 }), "only with masking"),
        (json!({ "epsilon": 8, "clip": 0.5, "noise_hides": "clip", "noise_clients": 100 }), "choose masks too"),
        (json!({ "masking": "active", "epsilon": 8, "clip": 0.5, "noise_hides": "clip" }), "how many clips"),
        (json!({ "masking": "active", "epsilon": 8, "clip": 0.5, "masking_clip": 0.7 }), "choose the same"),
    ] {
        let (status, text) = post(&server, "/api/rooms", SECRET, &settings);
        assert!(status == 422 && text.contains(reason), "{settings}: {status} {text}");
    }
    let output = Command::new(PROGRAM)
        .args(["serve", "--port", "0", "--state", "none", "--masking", "active", "--aggregation", "krum"])
        .output();
    let output = output.unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("no single update"));
}

#[test]
fn the_host_cannot_begin_a_masked_round_with_fewer_than_three() {
    let state = tempfile::tempdir().unwrap();
    let server = start(state.path(), &[]);
    let (status, text) = command(&server, &json!({ "command": "least", "least": 2 }));
    assert!(status == 409 && text.contains("too_few_to_mask"), "{status} {text}");
}

/// Waits until the room is as wanted, and tells how it is.
fn until(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    let patience = Instant::now() + PATIENCE;
    loop {
        let now = room(server);
        if wanted(&now) {
            return now;
        }
        assert!(Instant::now() < patience, "the room is still {now}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_in_whose_middle_the_server_is_killed_is_repeated() -> Result<()> {
    let state = tempfile::tempdir()?;
    let more = ["--rounds", "3", "--least", "4", "--deadline", "60"];
    let mut server = start(state.path(), &more);
    let proxy = Proxy::start(&server.origin).await?;
    let link = format!("{}/room/{}", proxy.origin, server.room);
    let participants = std::thread::spawn(move || join(&link, "40"));
    // While they train, and when some of the numbers are in and others are not.
    for received in [0, 1, 2] {
        until(&server, |room| {
            let status = &room["status"];
            status["phase"] == "collecting" && status["received"].as_u64() >= Some(received)
        });
        drop(server); // SIGKILL
        server = start(state.path(), &more);
        proxy.lead_to(&server.origin)?;
    }
    let finished = until(&server, |room| room["status"]["phase"] == "finished");
    for record in finished["history"].as_array().unwrap() {
        assert_eq!((record["clients"].as_u64(), record["examples"].as_u64()), (Some(4), Some(128)), "{record}");
    }
    // Nobody leaves before it is known how the last version does, of all together.
    let found = until(&server, |room| !room["status"]["final_evaluation"].is_null());
    let found = &found["status"]["final_evaluation"];
    assert_eq!(found["examples"], finished["history"][2]["evaluation"]["examples"], "{found}");
    let news = participants.join().unwrap();
    assert_eq!(count(&news, "done"), PARTICIPANTS);
    assert_eq!(finished["history"].as_array().unwrap().len(), 3);
    Ok(())
}
