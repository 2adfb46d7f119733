//! Rooms over several servers: a real nats-server, three real programs, and clients that come in wherever they get in, while programs
//! and NATS are killed, stopped for longer than a lease, cut off from each other and slowed down, and ended and started one after
//! another. Nothing that anyone was told is forgotten, and no version is published twice: every record and every model's bytes are held
//! against all that anyone was told before (`support/told.rs`).
//!
//! `CHORUS_CLUSTER_KILLS=300` makes more of it, `CHORUS_KILL_SEED=…` repeats what was chosen. Where this machine has no nats-server
//! nothing is tested, which is said aloud.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use protocol::{ErrorCode, RoomCode, ServerMessage};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};
use server_process::{Log, NatsServer, ServerProcess};
use support::cluster::{Cluster, SERVERS, TAKEN_OVER, come, further, further_within, metrics, nothing_wrong};
use support::raw_client::{Heard, RawClient};
use support::told::{Client, SECRET, Shared, make_room, shown};

/// Troubles of the usual run: each kind comes once.
const KILLS: u32 = 6;
/// Kinds of them.
const KINDS: u32 = 5;
/// Clients of a room.
const CLIENTS: usize = 2;
/// A client looks for another server after so long at most, so that it comes in everywhere.
const STAYS: Duration = Duration::from_secs(4);
/// Longer than a lease, and than others wait.
const STOPPED: Duration = Duration::from_secs(9);
/// A trouble in which NATS itself, asked beside the servers, takes longer than this for an answer is not timed: the machine stood still.
const STANDS_STILL: Duration = Duration::from_secs(1);
/// How long rooms may be without a server that ends and hands them over.
const HANDED_OVER: Duration = Duration::from_secs(5);
/// How many times as long as is promised it may take beside other programs.
const BUSY: u32 = 3;
/// The servers' lease (`store/jetstream/shared.rs`).
const LEASE: Duration = Duration::from_secs(5);

/// Clients of each room.
fn clients_of(rooms: &[RoomCode], training: Duration) -> Vec<Client> {
    let clients = rooms.iter().flat_map(|room| (0..CLIENTS).map(|_| room.clone()));
    clients.map(|room| Client { room, training, known: Arc::default() }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_told_is_forgotten_and_no_version_is_published_twice() -> Result<()> {
    let Some(nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let by_hand = std::env::var("CHORUS_CLUSTER_KILLS").ok();
    // Run by hand, on a machine of its own, it is held to what is promised; in the usual run other tests are at work beside it.
    let leniency = if by_hand.is_some() { 1 } else { BUSY };
    let kills = by_hand.map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = std::env::var("CHORUS_KILL_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("CHORUS_KILL_SEED={seed}");
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut cluster =
        Cluster::start(vec![nats], &["--model", "conv", "--strategy", "fedadam", "--rounds", "1000"]).await?;
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
    // A room has a thousand rounds at most, and a trouble with what is waited for after it takes three of them.
    let training = Duration::from_millis(30).max(Duration::from_millis(15) * kills);
    let clients = clients_of(&rooms, training);
    cluster.all_rooms_from(&[0, 1, 2], &notes);
    // Long enough for a round or two.
    let stays = STAYS.max(3 * training);
    let alive = come(&clients, &cluster.origins, stays, &notes);
    further(&clients, &notes).await;

    let began = Instant::now();
    let (mut longest, mut untimed, mut late) = (Duration::ZERO, 0, Vec::new());
    for kill in 0..kills {
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..1_000))).await;
        let place = chance.random_range(0..SERVERS);
        let others = Cluster::but(place);
        let begins = Instant::now();
        // How long rooms were without a server.
        let mut gone = None;
        let what = if kill < KINDS { kill } else { chance.random_range(0..KINDS) };
        match what {
            0 => {
                cluster.servers[place].kill();
                gone = Some(cluster.all_rooms_from(&others, &notes));
                cluster.replace(place)?;
            }
            1 => {
                cluster.nats[0].kill();
                // Shorter and longer than a lease.
                tokio::time::sleep(Duration::from_millis(chance.random_range(100..7_000))).await;
                cluster.nats[0].restart()?;
            }
            2 => {
                cluster.servers[place].signal("STOP")?;
                let stopped = Instant::now();
                gone = Some(cluster.all_rooms_from(&others, &notes));
                tokio::time::sleep(STOPPED.saturating_sub(stopped.elapsed())).await;
                cluster.servers[place].signal("CONT")?;
            }
            3 => {
                // What was on its way arrives when all is over, or never.
                let (line, late) = (&cluster.lines[place], chance.random_bool(0.5));
                if late {
                    line.stall(true)
                } else {
                    line.close(true)
                }
                // From now on it has no lease, and whoever answers has the room.
                let lease = LEASE + Duration::from_secs(1);
                tokio::time::sleep(lease).await;
                gone = Some(lease + cluster.all_rooms_from(&others, &notes));
                tokio::time::sleep(STOPPED.saturating_sub(begins.elapsed())).await;
                if late { line.stall(false) } else { line.close(false) }
            }
            _ => {
                let (latency, rate) = (chance.random_range(0..600), chance.random_range(1_000_000..4_000_000));
                for line in &cluster.lines {
                    line.latency(Duration::from_millis(latency));
                    line.rate(rate);
                }
                tokio::time::sleep(Duration::from_millis(chance.random_range(0..8_000))).await;
                for line in &cluster.lines {
                    line.latency(Duration::ZERO);
                    line.rate(0);
                }
            }
        }
        if let Some(gone) = gone {
            if cluster.slowest_answer(begins) < STANDS_STILL {
                // What was forgotten by whom is found out to the end all the same.
                if gone >= TAKEN_OVER * leniency {
                    late.push(format!("trouble {kill} of kind {what}: rooms had no server for {gone:?}"));
                }
                longest = longest.max(gone);
            } else {
                untimed += 1;
            }
        }
        further(&clients, &notes).await;
        cluster.check(&notes);
        nothing_wrong(&notes, &format!("trouble {kill} of kind {what}"));
        println!("trouble {kill} of kind {what}: {gone:?}");
    }
    let took = began.elapsed();

    let mut handed_over = Duration::ZERO;
    // All servers are replaced one after another, in mid-lesson.
    for place in 0..SERVERS {
        let begins = Instant::now();
        cluster.servers[place].signal("INT")?;
        let others = Cluster::but(place);
        let gone = tokio::task::block_in_place(|| {
            let gone = cluster.all_rooms_from(&others, &notes);
            cluster.servers[place].stop(Duration::from_secs(20));
            gone
        });
        // Nobody has to wait for a lease to end.
        if gone >= HANDED_OVER * leniency && cluster.slowest_answer(begins) < STANDS_STILL {
            late.push(format!("rooms had no server for {gone:?} in a restart"));
        }
        handed_over = handed_over.max(gone);
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
        cluster.nats[0].restart().unwrap();
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
         told; a room had no server for {:.1} s at most, and for {:.1} s in the restart; {untimed} were not timed, as NATS itself took longer than {} s then",
        took.as_secs_f64(),
        longest.as_secs_f64(),
        handed_over.as_secs_f64(),
        STANDS_STILL.as_secs(),
    );
    assert!(late.is_empty(), "{late:#?}");
    assert!(rounds as u32 > kills, "too little happened to prove anything: {rounds} rounds");
    Ok(())
}

/// A server that ends has every room with another one, and its own key deleted: nobody has to find out that it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_leaves_nothing_to_be_found_out() -> Result<()> {
    let Some(nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let mut cluster = Cluster::start(vec![nats], &["--model", "conv", "--strategy", "fedadam"]).await?;
    let notes = Shared::default();
    for _ in 0..5 {
        let room = make_room(&cluster.servers[0].origin, &json!({"model": "conv"})).unwrap();
        notes.lock().unwrap().told(&room);
    }
    cluster.all_rooms_from(&[0, 1, 2], &notes);
    cluster.servers[0].signal("INT")?;
    let others = Cluster::but(0);
    cluster.all_rooms_from(&others, &notes);
    tokio::task::block_in_place(|| {
        assert!(cluster.servers[0].stop(Duration::from_secs(20)), "it did not end by itself")
    });
    for place in others {
        let patience = Instant::now() + Duration::from_secs(5);
        while !metrics(&cluster.servers[place]).unwrap().contains("chorus_cluster_servers 2") {
            assert!(Instant::now() < patience, "it is there still");
        }
        // What is said of one that has to be found out.
        let given_up = cluster.servers[place].logged("is gone; its rooms");
        assert!(given_up.is_empty(), "{given_up:?}");
    }
    Ok(())
}

/// Whether a connection's end says that the participant has to come back.
fn is_to_come_back(heard: &Heard) -> bool {
    let Heard::Message(message) = heard else { return false };
    matches!(**message, ServerMessage::Error { code: ErrorCode::ServerClosing, .. })
}

/// The server that has a room is cut off from NATS, and goes on living. Its room is with another within ten seconds; from the end of its
/// lease it tells nobody anything but that the room is held, then leads its participants away, and when NATS is back it is a server
/// like the others, whatever of its writes arrives late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_cut_off_tells_nothing_and_comes_back_as_another() -> Result<()> {
    let Some(nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let cluster = Cluster::start(vec![nats], &["--model", "conv", "--rounds", "1000"]).await?;
    let notes = Shared::default();
    let room = RoomCode::parse(&cluster.servers[0].room)?;
    notes.lock().unwrap().told(&room);
    let clients = clients_of(std::slice::from_ref(&room), Duration::from_millis(100));
    cluster.all_rooms_from(&[0, 1, 2], &notes);
    let alive = come(&clients, &cluster.origins, STAYS, &notes);
    further(&clients, &notes).await;
    // Its writes arrive when all is over; or never.
    for late in [true, false] {
        let place = cluster.owner(&room);
        let (mut watcher, _) = RawClient::enter(&cluster.servers[place].origin, &room, None).await?;
        let (line, cut) = (&cluster.lines[place], Instant::now());
        if late {
            line.stall(true)
        } else {
            line.close(true)
        }
        let watching = tokio::spawn(async move {
            let mut heard = Vec::new();
            while let Ok(said) = watcher.hear().await {
                let is_over = matches!(said, Heard::Close(_));
                heard.push((cut.elapsed(), said));
                if is_over {
                    break;
                }
            }
            (heard, cut.elapsed())
        });
        tokio::time::sleep_until((cut + TAKEN_OVER).into()).await;
        let (ready, why) = cluster.ready(place);
        assert!(!ready && why.contains("NATS"), "{why}");
        let others = Cluster::but(place);
        assert!(cluster.all_rooms_from(&others, &notes) < Duration::from_secs(2), "nobody has the room");
        assert_ne!(cluster.owner(&room), place, "it has the room still");
        // Rounds go on while it is cut off.
        further_within(&clients, Duration::from_secs(20), &notes).await;
        let (heard, ended) = tokio::time::timeout(Duration::from_secs(10), watching).await??;
        for (at, said) in &heard {
            let Heard::Message(message) = said else { continue };
            let is_news = matches!(**message, ServerMessage::RoundClosed { .. } | ServerMessage::Round { .. });
            assert!(!is_news || *at < Duration::from_secs(1), "{at:?} after the cut: {message:?}");
            let holds = matches!(&**message, ServerMessage::Status(status) if status.held);
            let held_or_over = holds || is_to_come_back(said);
            assert!(held_or_over || *at < LEASE + Duration::from_secs(1), "{at:?} after the cut: {message:?}");
        }
        assert!(heard.iter().any(|(_, said)| is_to_come_back(said)), "{heard:?}");
        println!(
            "cut off with writes that arrive {}: its participant was led away after {ended:?}",
            if late { "late" } else { "never" }
        );
        if late {
            line.stall(false)
        } else {
            line.close(false)
        }
        let patience = Instant::now() + Duration::from_secs(30);
        while !cluster.ready(place).0 {
            assert!(Instant::now() < patience, "it does not come back");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        further(&clients, &notes).await;
        cluster.check(&notes);
        assert_ne!(cluster.owner(&room), place, "what it had is another's");
        nothing_wrong(&notes, "a cut");
    }
    alive.into_iter().for_each(|client| client.abort());
    Ok(())
}

/// A slow way to NATS costs time and nothing else: rounds go on as long as it answers within two seconds, and no room changes its server.
/// Where it does not, rooms are held and say why, and go on where they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_slow_line_rounds_go_on_or_wait_where_they_are() -> Result<()> {
    let Some(nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let cluster = Cluster::start(vec![nats], &["--model", "conv", "--rounds", "1000"]).await?;
    let notes = Shared::default();
    let mut rooms = vec![RoomCode::parse(&cluster.servers[0].room)?];
    rooms.push(make_room(&cluster.servers[1].origin, &json!({"rounds": 1000})).unwrap());
    for room in &rooms {
        notes.lock().unwrap().told(room);
    }
    let clients = clients_of(&rooms, Duration::from_millis(100));
    cluster.all_rooms_from(&[0, 1, 2], &notes);
    let alive = come(&clients, &cluster.origins, Duration::from_secs(30), &notes);
    further(&clients, &notes).await;
    let owners = || rooms.iter().map(|room| cluster.owner(room)).collect::<Vec<_>>();
    let before = owners();
    let set = |latency: u64, rate: u64| {
        for line in &cluster.lines {
            line.latency(Duration::from_millis(latency));
            line.rate(rate);
        }
    };
    let each_ready = || (0..SERVERS).map(|place| cluster.ready(place)).collect::<Vec<_>>();

    // The model of `conv` has 7.3 MB: it takes longer than a lease lasts.
    for (latency, rate) in [(300, 0), (50, 1_000_000)] {
        set(latency, rate);
        let began = Instant::now();
        for _ in 0..2 {
            further(&clients, &notes).await;
        }
        println!("two rounds with {latency} ms each way and {rate} bytes/s (0: all): {:?}", began.elapsed());
        assert!(each_ready().iter().all(|(ready, _)| *ready), "{:?}", each_ready());
    }
    let text = metrics(&cluster.servers[0]).unwrap();
    let answer = text.lines().find_map(|line| line.strip_prefix("chorus_cluster_answer_seconds ")).unwrap();
    assert!((0.1..2.0).contains(&answer.parse::<f64>()?), "{answer} s");

    // Two seconds each way are more than a key may take.
    set(2_000, 0);
    tokio::time::sleep(Duration::from_secs(12)).await;
    for (ready, why) in each_ready() {
        assert!(!ready && why.contains("NATS"), "{why}");
    }
    for server in &cluster.servers {
        assert!(!server.logs("rooms are held after 5 s of that").is_empty());
    }
    set(0, 0);
    further(&clients, &notes).await;
    cluster.check(&notes);
    nothing_wrong(&notes, "a slow line");
    assert_eq!(owners(), before);
    for server in &cluster.servers {
        let moved = [server.logged("is gone; its rooms"), server.logged("given this one up"), server.logged("cut off")];
        assert!(moved.concat().is_empty(), "{moved:?}");
    }
    alive.into_iter().for_each(|client| client.abort());
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
