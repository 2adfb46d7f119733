//! `kill -9` at any moment: nothing that anyone was told is forgotten. The real program is killed again and again, at random
//! moments, while clients over real sockets go through rounds with made-up updates in several rooms, and note all they hear.
//! After each start everything is held against the notes.
//!
//! `CHORUS_KILL_SEED=… cargo test --workspace --exclude wasm-client --exclude xtask --test kill` repeats the moments of a run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use protocol::RoomCode;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::json;
use support::http::post;
use support::server::Server;
use support::told::{Client, SECRET, Shared, check, make_room, shown};

const KILLS: u32 = 50;
/// How long a client takes for its update.
const TRAINING: Duration = Duration::from_millis(30);
/// The longest time from the moment that the clients begin to come to the kill.
const LONGEST: Duration = Duration::from_millis(900);
/// How long the last start may take to bring every room further.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(state: &Path, first: &[&str]) -> Server {
    let arguments = ["--state", state.to_str().unwrap(), "--host-token", SECRET];
    Server::start(env!("CARGO_BIN_EXE_chorus").as_ref(), &[&arguments[..], first].concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_told_is_forgotten_when_the_program_is_killed() -> Result<()> {
    let seed = std::env::var("CHORUS_KILL_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("CHORUS_KILL_SEED={seed}");
    let mut moments = ChaCha8Rng::seed_from_u64(seed);
    let state = tempfile::tempdir()?;
    let notes = Shared::default();
    let mut clients: Vec<Client> = Vec::new();
    // `conv` with FedAdam: 22 MB of model and memory to write for every round. The others are quick.
    let first = ["--model", "conv", "--strategy", "fedadam", "--rounds", "1000", "--grace", "0"];
    let began = Instant::now();
    for kill in 0..KILLS {
        let server = start(state.path(), &first);
        if kill == 0 {
            let small = json!({"strategy": "fedavg", "rounds": 1000});
            let more = [make_room(&server.origin, &small).unwrap(), make_room(&server.origin, &small).unwrap()];
            for room in [&server.room, &more[0], &more[1]] {
                notes.lock().unwrap().told(room);
                clients.extend((0..2).map(|_| Client {
                    room: room.clone(),
                    training: TRAINING,
                    known: Arc::default(),
                }));
            }
        }
        check(&server.origin, &notes);
        let alive: Vec<_> = clients
            .iter()
            .map(|client| {
                let floor = notes.lock().unwrap().told(&client.room).version;
                tokio::spawn(client.clone().live(server.origin.clone(), floor, notes.clone()))
            })
            .collect();
        let moment = LONGEST.mul_f64(moments.random());
        tokio::time::sleep(moment).await;
        // In some lives a room is made just before the end; if it is answered, it is there.
        if kill % 5 == 4
            && let Some(room) = make_room(&server.origin, &json!({"rounds": 3}))
        {
            notes.lock().unwrap().told(&room);
        }
        drop(server); // SIGKILL
        for client in alive {
            // That the connection broke is no news.
            let _ = client.await?;
        }
        let wrong = std::mem::take(&mut notes.lock().unwrap().wrong);
        assert!(wrong.is_empty(), "kill {kill}, {} ms after the clients came: {wrong:#?}", moment.as_millis());
    }

    // And it goes on: each room with clients closes another round.
    let server = start(state.path(), &first);
    check(&server.origin, &notes);
    let before: Vec<u32> = clients.iter().map(|client| notes.lock().unwrap().told(&client.room).version).collect();
    let alive: Vec<_> = (clients.iter().zip(&before))
        .map(|(client, floor)| tokio::spawn(client.clone().live(server.origin.clone(), *floor, notes.clone())))
        .collect();
    let patience = Instant::now() + PATIENCE;
    let further = || {
        let mut notes = notes.lock().unwrap();
        clients.iter().zip(&before).all(|(client, before)| {
            let told = notes.told(&client.room);
            told.finished || told.version > *before
        })
    };
    while !further() {
        assert!(Instant::now() < patience, "a room did not go on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let wrong = std::mem::take(&mut notes.lock().unwrap().wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");

    // Ended by its host, stopped and started again, each room is what it was to the last byte: on its pages stood what was computed,
    // and now what was stored.
    let rooms: BTreeSet<RoomCode> = clients.iter().map(|client| client.room.clone()).collect();
    for room in &rooms {
        let (status, said) = post(&server, &format!("/api/rooms/{room}/command"), SECRET, &json!({"command": "end"}));
        assert_eq!(status, 200, "{said}");
    }
    let before: Vec<_> = rooms.iter().map(|room| shown(&server.origin, room)).collect();
    assert!(tokio::task::spawn_blocking(move || server.interrupt()).await??.success());
    for client in alive {
        let _ = client.await?;
    }
    let server = start(state.path(), &first);
    for (room, before) in rooms.iter().zip(before) {
        for ((part, before), (_, after)) in before.into_iter().zip(shown(&server.origin, room)) {
            assert!(before == after, "{room}: {part} is not as it was");
        }
    }
    drop(server);
    let notes = notes.lock().unwrap();
    let rounds: usize = notes.rooms.values().map(|told| told.records.len()).sum();
    let models: usize = notes.rooms.values().map(|told| told.models.len()).sum();
    println!(
        "{KILLS} kills in {:.0} s: {} rooms, {rounds} rounds and {models} versions of models were as they had been told",
        began.elapsed().as_secs_f64(),
        notes.rooms.len(),
    );
    assert!(rounds as u32 > KILLS, "too little happened between the kills to prove anything: {rounds} rounds");
    Ok(())
}
