//! Everything goes wrong at once, over real sockets and with real programs: a network that delays, stalls and cuts
//! connections in the midst of a frame; laptops that sleep (SIGSTOP) and wake up; a server that is stopped for seconds, and
//! killed and started again from its disk. Real participants train meanwhile. Afterwards nothing is lost, nobody had to be
//! started again, and the room goes on to its end.
//!
//! `CHORUS_CHAOS_SEED=… cargo test --workspace --exclude wasm-client --exclude xtask --test chaos` repeats the troubles of a run, and
//! `CHORUS_CHAOS_SECONDS` makes them last longer.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};
use server_process::signal;
use support::http::{command, room};
use support::proxy::Proxy;
use support::server::Server;
use tokio::time::sleep;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");
const SECRET: &str = "a secret of the host";
const PARTICIPANTS: usize = 4;
/// Clips that each of them trains on; as many again, by four, are held back.
const EXAMPLES: u64 = 16;
/// How long it lasts.
const TROUBLE: Duration = Duration::from_secs(40);
/// How long the room may then take for two more rounds, and how long its participants for their end.
const PATIENCE: Duration = Duration::from_secs(90);

/// A `chorus join` that is ended with the test.
struct Participant {
    child: Child,
    news: Arc<Mutex<Vec<Value>>>,
}

impl Participant {
    fn start(link: &str, number: usize) -> Self {
        let number = number.to_string();
        let mut child = Command::new(PROGRAM)
            .args(["join", link, "--synthetic", &number, "--clips", "20", "--threads", "1", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let news: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (heard, said) = (news.clone(), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                heard.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, news }
    }

    fn events(&self, name: &str) -> Vec<Value> {
        self.news.lock().unwrap().iter().filter(|news| news["event"] == name).cloned().collect()
    }

    /// Waits for its end.
    fn ended(&mut self, patience: Instant) {
        while Instant::now() < patience {
            if let Some(status) = self.child.try_wait().unwrap() {
                let mut words = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
                assert!(status.success(), "a participant gave up: {words}");
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("a participant did not come to its end; it said last: {:?}", self.news.lock().unwrap().last());
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(state: &Path) -> Server {
    let state = state.to_str().unwrap();
    let arguments =
        ["--state", state, "--host-token", SECRET, "--rounds", "1000", "--epochs", "1", "--least", "2", "--grace", "2"];
    Server::start(PROGRAM.as_ref(), &[&arguments[..], &["--deadline", "15"]].concat()).unwrap()
}

fn version(server: &Server) -> u64 {
    room(server)["status"]["model_version"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_comes_through_a_bad_day() -> Result<()> {
    let variable = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seed = variable("CHORUS_CHAOS_SEED").unwrap_or_else(rand::random);
    let trouble = variable("CHORUS_CHAOS_SECONDS").map_or(TROUBLE, Duration::from_secs);
    println!("CHORUS_CHAOS_SEED={seed}");
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let state = tempfile::tempdir()?;
    let mut server = start(state.path());
    let proxy = Proxy::start(&server.origin).await?;
    let link = format!("{}/room/{}", proxy.origin, server.room);
    let mut participants: Vec<Participant> =
        (1..=PARTICIPANTS).map(|number| Participant::start(&link, number)).collect();

    let (began, mut troubles) = (Instant::now(), BTreeMap::<&str, u32>::new());
    // Each of them at least once, whatever the seed.
    let mut first = vec![0, 1, 2, 3, 4, 5];
    while began.elapsed() < trouble {
        sleep(Duration::from_millis(chance.random_range(200..2_500))).await;
        let kind = first.pop().unwrap_or_else(|| chance.random_range(0..8));
        let name = match kind {
            0 => {
                proxy.stall(true);
                sleep(Duration::from_millis(chance.random_range(500..4_000))).await;
                proxy.stall(false);
                "stalls"
            }
            1 => {
                proxy.delay(Duration::from_millis(chance.random_range(0..300)));
                "changes of delay"
            }
            2 => {
                let asleep = participants[chance.random_range(0..PARTICIPANTS)].child.id();
                signal(asleep, "STOP")?;
                sleep(Duration::from_millis(chance.random_range(1_000..6_000))).await;
                signal(asleep, "CONT")?;
                "sleeping laptops"
            }
            3 => {
                server.signal("STOP")?;
                sleep(Duration::from_millis(chance.random_range(500..4_000))).await;
                server.signal("CONT")?;
                "stopped servers"
            }
            4 => {
                let (code, known) = (server.room.clone(), version(&server));
                drop(server); // SIGKILL
                sleep(Duration::from_millis(chance.random_range(0..1_500))).await;
                server = start(state.path());
                proxy.lead_to(&server.origin)?;
                assert_eq!(server.room, code);
                assert!(version(&server) >= known, "version {known} is forgotten");
                "killed servers"
            }
            _ => {
                proxy.cut(50);
                "cuts"
            }
        };
        *troubles.entry(name).or_default() += 1;
    }
    proxy.delay(Duration::ZERO);
    let after_trouble = version(&server);
    println!("{after_trouble} rounds in {} s with {troubles:?}", trouble.as_secs());
    assert!(after_trouble >= 3, "too little went on meanwhile to prove anything");

    // All is well: the room goes on with everyone, and ends when the host says so.
    let patience = Instant::now() + PATIENCE;
    let everyone = |room: &Value| {
        let records = room["history"].as_array().unwrap();
        records
            .iter()
            .filter(|record| record["clients"] == PARTICIPANTS && record["round"].as_u64() > Some(after_trouble))
            .count()
    };
    while everyone(&room(&server)) < 2 {
        assert!(Instant::now() < patience, "the room does not go on with everyone: {:#}", room(&server)["status"]);
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(command(&server, &json!({"command": "end"})).0, 200);
    let patience = Instant::now() + PATIENCE;
    participants.iter_mut().for_each(|participant| participant.ended(patience));

    let ended = room(&server);
    let history = ended["history"].as_array().unwrap();
    assert_eq!(ended["status"]["phase"], "finished");
    assert_eq!(ended["status"]["model_version"], history.len());
    for (record, round) in history.iter().zip(1..) {
        assert_eq!(record["round"], round);
        let clients = record["clients"].as_u64().unwrap();
        assert!((2..=PARTICIPANTS as u64).contains(&clients), "{record}");
        assert_eq!(record["examples"], clients * EXAMPLES, "{record}");
    }
    let mut numbers = BTreeSet::new();
    for participant in &participants {
        assert!(participant.events("done").iter().all(|done| done["finished"] == true));
        // Whatever was told of a round is what is known of it at the end.
        for told in participant.events("round_closed") {
            let round = told["record"]["round"].as_u64().unwrap() as usize;
            assert_eq!(told["record"], history[round - 1]);
        }
        numbers.extend(participant.events("joined").iter().map(|joined| joined["client"].as_u64().unwrap()));
        assert!(!participant.events("accepted").is_empty());
    }
    assert_eq!(numbers, (1..=PARTICIPANTS as u64).collect(), "each was one client all the time");
    let lost: usize = participants.iter().map(|participant| participant.events("lost").len()).sum();
    println!("connections were lost {lost} times; {} rounds, and nobody had to start again", history.len());
    assert!(lost >= PARTICIPANTS, "only {lost} connections were lost");
    assert!(server.logged("panicked").is_empty());
    Ok(())
}
