//! Rooms over several servers: a real nats-server, three real programs, and clients that come in wherever they get in, while programs
//! and NATS are killed, stopped for longer than a lease, and ended and started one after another. Nothing that anyone was told is
//! forgotten, and no version is published twice: every record and every model's bytes are held against all that anyone was told before
//! (`support/told.rs`).
//!
//! `CHORUS_CLUSTER_KILLS=300` makes more of it, `CHORUS_KILL_SEED=…` repeats what was chosen. Where this machine has no nats-server
//! nothing is tested, which is said aloud.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use protocol::RoomCode;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};
use server_process::{Log, NatsServer, ServerProcess};
use support::told::{Client, SECRET, Shared, check, make_room, shown};
use tokio::task::JoinHandle;

/// Troubles of the usual run.
const KILLS: u32 = 6;
/// Servers.
const SERVERS: usize = 3;
/// Clients of a room.
const CLIENTS: usize = 2;
/// A room whose server is gone has another after so long at most, as the promise is.
const TAKEN_OVER: Duration = Duration::from_secs(10);
/// And it has closed another round after so long, on a machine that is busy with all of this.
const PATIENCE: Duration = Duration::from_secs(60);
/// A client looks for another server after so long at most, so that it comes in everywhere.
const STAYS: Duration = Duration::from_secs(4);
/// Longer than a lease, and than others wait.
const STOPPED: Duration = Duration::from_secs(9);

/// The servers, each with where it is reached now.
struct Cluster {
    nats: NatsServer,
    servers: Vec<ServerProcess>,
    origins: Arc<Mutex<Vec<String>>>,
}

impl Cluster {
    fn start(nats: NatsServer) -> Result<Self> {
        let mut cluster = Self { nats, servers: Vec::new(), origins: Arc::default() };
        for _ in 0..SERVERS {
            let server = cluster.launch()?;
            cluster.origins.lock().unwrap().push(server.origin.clone());
            cluster.servers.push(server);
        }
        Ok(cluster)
    }

    fn launch(&self) -> Result<ServerProcess> {
        let url = self.nats.url();
        let arguments = ["--cluster", &url, "--port", "0", "--host-token", SECRET, "--model", "conv", "--strategy"];
        let arguments = [&arguments[..], &["fedadam", "--rounds", "1000", "--grace", "0", "--log", "warn"]].concat();
        ServerProcess::start(Command::new(env!("CARGO_BIN_EXE_chorus")), &arguments, Log::Kept)
    }

    /// Puts another server in one's place.
    fn replace(&mut self, place: usize) -> Result<()> {
        let server = self.launch()?;
        self.origins.lock().unwrap()[place] = server.origin.clone();
        self.servers[place] = server;
        Ok(())
    }

    /// Waits until each of the given servers shows every room; how long that took.
    fn all_rooms_from(&self, places: &[usize], notes: &Shared) -> Duration {
        let began = Instant::now();
        let rooms: Vec<RoomCode> = notes.lock().unwrap().rooms.keys().cloned().collect();
        for &place in places {
            for room in &rooms {
                let address = format!("{}/api/rooms/{room}", self.servers[place].origin);
                let mut agent = ureq::Agent::config_builder();
                agent = agent.timeout_global(Some(Duration::from_secs(1)));
                let agent: ureq::Agent = agent.build().into();
                while let Err(error) = agent.get(&address).call() {
                    assert!(began.elapsed() < PATIENCE, "{room} has no server: {error}");
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
        began.elapsed()
    }
}

/// Clients that come back to any server whenever their connection ends.
fn come(clients: &[Client], origins: &Arc<Mutex<Vec<String>>>, notes: &Shared) -> Vec<JoinHandle<()>> {
    let come = |client: &Client| {
        let (client, origins, notes) = (client.clone(), origins.clone(), notes.clone());
        tokio::spawn(async move {
            loop {
                let origin = {
                    let origins = origins.lock().unwrap();
                    origins[rand::rng().random_range(0..origins.len())].clone()
                };
                let floor = notes.lock().unwrap().told(&client.room).version;
                // That a connection broke, or could not be made, is no news.
                let _ = tokio::time::timeout(STAYS, client.clone().live(origin, floor, notes.clone())).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    };
    clients.iter().map(come).collect()
}

/// Waits until each room with clients has a version that none had when this was called.
async fn further(clients: &[Client], notes: &Shared) {
    let told = |client: &Client| notes.lock().unwrap().told(&client.room).version;
    let before: Vec<u32> = clients.iter().map(told).collect();
    let patience = Instant::now() + PATIENCE;
    while clients.iter().zip(&before).any(|(client, before)| told(client) <= *before) {
        assert!(Instant::now() < patience, "a room does not go on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn nothing_wrong(notes: &Shared, when: &str) {
    let wrong = std::mem::take(&mut notes.lock().unwrap().wrong);
    assert!(wrong.is_empty(), "{when}: {wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_told_is_forgotten_and_no_version_is_published_twice() -> Result<()> {
    let Some(nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let kills = std::env::var("CHORUS_CLUSTER_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = std::env::var("CHORUS_KILL_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("CHORUS_KILL_SEED={seed}");
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut cluster = Cluster::start(nats)?;
    let notes = Shared::default();
    let first: BTreeSet<&str> = cluster.servers.iter().map(|server| server.room.as_str()).collect();
    assert_eq!(first.len(), 1, "servers that start together open one room");

    // A room on each server, asked for wherever it comes to be.
    let small = json!({"strategy": "fedavg", "rounds": 1000});
    let mut rooms = vec![RoomCode::parse(&cluster.servers[0].room)?];
    rooms.extend([1, 2].map(|place| make_room(&cluster.servers[place].origin, &small).unwrap()));
    for room in &rooms {
        notes.lock().unwrap().told(room);
    }
    // A room has a thousand rounds at most.
    let training = Duration::from_millis(30).max(Duration::from_millis(12) * kills);
    let clients: Vec<Client> = (rooms.iter())
        .flat_map(|room| (0..CLIENTS).map(|_| Client { room: room.clone(), training, known: Arc::default() }))
        .collect();
    cluster.all_rooms_from(&[0, 1, 2], &notes);
    let alive = come(&clients, &cluster.origins, &notes);
    further(&clients, &notes).await;

    let began = Instant::now();
    let mut longest = Duration::ZERO;
    for kill in 0..kills {
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..1_000))).await;
        let place = chance.random_range(0..SERVERS);
        let others: Vec<usize> = (0..SERVERS).filter(|other| *other != place).collect();
        // Each kind comes at least once in a usual run.
        let what = if kill < 3 { kill } else { chance.random_range(0..3) };
        match what {
            0 => {
                cluster.servers[place].kill();
                let gone = tokio::task::block_in_place(|| cluster.all_rooms_from(&others, &notes));
                assert!(gone < TAKEN_OVER, "kill {kill}: rooms had no server for {gone:?}");
                longest = longest.max(gone);
                cluster.replace(place)?;
            }
            1 => {
                cluster.nats.kill();
                // Shorter and longer than a lease.
                tokio::time::sleep(Duration::from_millis(chance.random_range(100..7_000))).await;
                cluster.nats.restart()?;
            }
            _ => {
                cluster.servers[place].signal("STOP")?;
                let stopped = Instant::now();
                let gone = tokio::task::block_in_place(|| cluster.all_rooms_from(&others, &notes));
                assert!(gone < TAKEN_OVER, "stop {kill}: rooms had no server for {gone:?}");
                longest = longest.max(gone);
                tokio::time::sleep(STOPPED.saturating_sub(stopped.elapsed())).await;
                cluster.servers[place].signal("CONT")?;
            }
        }
        further(&clients, &notes).await;
        tokio::task::block_in_place(|| {
            cluster.all_rooms_from(&[0, 1, 2], &notes);
            cluster.servers.iter().for_each(|server| check(&server.origin, &notes));
        });
        nothing_wrong(&notes, &format!("trouble {kill} of kind {what}"));
    }
    let took = began.elapsed();

    // All servers are replaced one after another, in mid-lesson.
    for place in 0..SERVERS {
        cluster.servers[place].signal("INT")?;
        let others: Vec<usize> = (0..SERVERS).filter(|other| *other != place).collect();
        let gone = tokio::task::block_in_place(|| {
            let gone = cluster.all_rooms_from(&others, &notes);
            cluster.servers[place].stop(Duration::from_secs(20));
            gone
        });
        // Nobody has to wait for a lease to end.
        assert!(gone < Duration::from_secs(5), "rooms had no server for {gone:?} in a restart");
        cluster.replace(place)?;
        further(&clients, &notes).await;
        nothing_wrong(&notes, "a rolling restart");
    }
    alive.into_iter().for_each(|client| client.abort());

    // Ended by its host, and with everything started anew, each room is what it was to the last byte, from whichever server.
    tokio::task::block_in_place(|| {
        let origin = cluster.servers[0].origin.clone();
        for room in &rooms {
            let request = ureq::post(format!("{origin}/api/rooms/{room}/command"));
            let request = request.header("authorization", format!("Bearer {SECRET}"));
            request.content_type("application/json").send(json!({"command": "end"}).to_string()).unwrap();
        }
        let before: Vec<_> = rooms.iter().map(|room| shown(&origin, room)).collect();
        for server in &mut cluster.servers {
            assert!(server.stop(Duration::from_secs(20)), "it did not end by itself");
        }
        cluster.nats.restart().unwrap();
        for place in 0..SERVERS {
            cluster.replace(place).unwrap();
        }
        cluster.all_rooms_from(&[0, 1, 2], &notes);
        for server in &cluster.servers {
            for (room, before) in rooms.iter().zip(&before) {
                for ((part, before), (_, after)) in before.iter().zip(shown(&server.origin, room)) {
                    assert!(*before == after, "{room}: {part} is not as it was");
                }
            }
        }
    });
    let notes = notes.lock().unwrap();
    let rounds: usize = notes.rooms.values().map(|told| told.records.len()).sum();
    let models: usize = notes.rooms.values().map(|told| told.models.len()).sum();
    println!(
        "{kills} troubles in {:.0} s, and a restart of all: {rounds} rounds and {models} versions of models were as they had been \
         told; a room had no server for {:.1} s at most",
        took.as_secs_f64(),
        longest.as_secs_f64(),
    );
    assert!(rounds as u32 > kills, "too little happened to prove anything: {rounds} rounds");
    Ok(())
}

/// The teacher's list, the metrics and `/readyz` of every server are about all of them, and one secret opens each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_server_shows_all_rooms() -> Result<()> {
    let Some(nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let url = nats.url();
    let start = || {
        let arguments = ["--cluster", &url, "--port", "0", "--log", "warn"];
        ServerProcess::start(Command::new(env!("CARGO_BIN_EXE_chorus")), &arguments, Log::Kept)
    };
    let servers = [start()?, start()?];
    let secret = servers[0].host_token.clone();
    assert_eq!(servers[1].host_token, secret);
    let ask = |server: &ServerProcess, path: &str| {
        let request = ureq::get(format!("{}{path}", server.origin)).header("authorization", format!("Bearer {secret}"));
        request.call().unwrap().body_mut().read_to_string().unwrap()
    };
    let made = ureq::post(format!("{}/api/rooms", servers[1].origin));
    let made = made.header("authorization", format!("Bearer {secret}")).content_type("application/json");
    made.send("{}").unwrap();
    tokio::task::block_in_place(|| {
        for server in &servers {
            let patience = Instant::now() + Duration::from_secs(5);
            let listed = || {
                let host: Value = serde_json::from_str(&ask(server, "/api/host")).unwrap();
                host["rooms"].as_array().unwrap().len()
            };
            while listed() != 2 {
                assert!(Instant::now() < patience, "{} rooms are listed", listed());
                std::thread::sleep(Duration::from_millis(50));
            }
            let metrics = ask(server, "/metrics");
            assert!(
                metrics.contains("chorus_cluster_servers 2") && metrics.contains("chorus_cluster_rooms 2"),
                "{metrics}"
            );
            assert!(ask(server, "/readyz").contains("ready"));
        }
    });
    Ok(())
}
