//! `kill -9` at any moment: nothing that anyone was told is forgotten. The real program is killed again and again, at random
//! moments, while clients over real sockets go through rounds with made-up updates in several rooms, and note all they hear.
//! After each start everything is held against the notes.
//!
//! `CHORUS_KILL_SEED=… cargo test --workspace --exclude wasm-client --exclude xtask --test kill` repeats the moments of a run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use protocol::{
    Checksum, ClientId, ClientMessage, Encoding, ErrorCode, Evaluation, Receipt, RoomCode, RoundRecord, ServerMessage,
    Standardisation, Token, TrainingResult, Transfer,
};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};
use support::http::post;
use support::raw_client::{Heard, OpenRound, RawClient, same_everywhere, update_id};
use support::server::Server;

const SECRET: &str = "a secret of the host";
const KILLS: u32 = 50;
/// How long a client takes for its update, so that a room has no more rounds in all these lives than it may have.
const TRAINING: Duration = Duration::from_millis(30);
/// The longest time from the moment that the clients begin to come to the kill.
const LONGEST: Duration = Duration::from_millis(900);
/// How long the last start may take to bring every room further.
const PATIENCE: Duration = Duration::from_secs(60);

/// All that anyone was told of a room.
#[derive(Default)]
struct Told {
    version: u32,
    /// SHA-256 of the bytes that were downloaded for a version.
    models: BTreeMap<u32, Vec<u8>>,
    records: BTreeMap<u32, RoundRecord>,
    standardisation: Option<Standardisation>,
    finished: bool,
}

#[derive(Default)]
struct Notes {
    rooms: HashMap<RoomCode, Told>,
    wrong: Vec<String>,
}

impl Notes {
    fn told(&mut self, room: &RoomCode) -> &mut Told {
        self.rooms.entry(room.clone()).or_default()
    }

    fn check(&mut self, right: bool, wrong: impl FnOnce() -> String) {
        if !right {
            self.wrong.push(wrong());
        }
    }

    fn version(&mut self, room: &RoomCode, version: u32) {
        let told = self.told(room);
        told.version = told.version.max(version);
    }

    fn model(&mut self, room: &RoomCode, version: u32, sha: Vec<u8>) {
        let before = self.told(room).models.entry(version).or_insert_with(|| sha.clone()).clone();
        self.check(before == sha, || format!("{room}: version {version} has other bytes than before"));
    }

    fn record(&mut self, room: &RoomCode, record: RoundRecord) {
        let before = self.told(room).records.entry(record.round.0).or_insert_with(|| record.clone()).clone();
        self.check(before == record, || format!("{room}: round {} was {before:?} and is {record:?}", record.round));
    }

    fn standardisation(&mut self, room: &RoomCode, new: Standardisation) {
        let before = self.told(room).standardisation.get_or_insert_with(|| new.clone()).clone();
        self.check(before == new, || format!("{room}: the standardisation changed"));
    }
}

type Shared = Arc<Mutex<Notes>>;

/// One client, over all the server's lives.
#[derive(Clone)]
struct Client {
    room: RoomCode,
    known: Arc<Mutex<Option<(Token, ClientId)>>>,
}

impl Client {
    /// Goes through rounds until the connection breaks.
    async fn live(self, origin: String, floor: u32, notes: Shared) -> Result<()> {
        let mut socket = RawClient::open(&origin, None).await?;
        let known = self.known.lock().unwrap().clone();
        socket.hello(&self.room, known.as_ref().map(|(token, _)| token.clone())).await?;
        let room = &self.room;
        let mut parameters = 0;
        let mut open: Option<(OpenRound, Receipt, ring::digest::Context)> = None;
        loop {
            let message = match socket.hear().await? {
                Heard::Close(_) => return Ok(()),
                Heard::Message(message) => *message,
                Heard::Chunk(chunk) => {
                    let Some((round, receipt, hash)) = &mut open else { continue };
                    hash.update(&chunk.payload);
                    if receipt.take(&chunk)? {
                        let sha = hash.clone().finish().as_ref().to_vec();
                        notes.lock().unwrap().model(room, round.model_version.0, sha);
                        tokio::time::sleep(TRAINING).await;
                        socket.say(&announcement(round, &update(parameters, round.round.0))).await?;
                    }
                    continue;
                }
            };
            match message {
                ServerMessage::Welcome { token, client, room: settings, status, .. } => {
                    {
                        let mut notes = notes.lock().unwrap();
                        if let Some((known, number)) = &known {
                            notes.check(*known == token && *number == client, || {
                                format!("{room}: client {number} came back with its token and is client {client}")
                            });
                        }
                        let now = status.model_version.0;
                        notes.check(now >= floor, || {
                            format!("{room}: welcome says version {now} after {floor} was told")
                        });
                        notes.version(room, now);
                    }
                    *self.known.lock().unwrap() = Some((token, client));
                    parameters = settings.parameters;
                    socket.ready(&settings, 20).await?;
                }
                ServerMessage::StatisticsRequest { .. } => socket.say_statistics().await?,
                ServerMessage::Status(status) => notes.lock().unwrap().version(room, status.model_version.0),
                ServerMessage::History { rounds } => {
                    let mut notes = notes.lock().unwrap();
                    rounds.into_iter().for_each(|record| notes.record(room, record));
                }
                ServerMessage::Round { round, model_version, model, standardisation, .. } => {
                    {
                        let mut notes = notes.lock().unwrap();
                        notes.version(room, model_version.0);
                        notes.standardisation(room, standardisation.clone());
                    }
                    let hash = ring::digest::Context::new(&ring::digest::SHA256);
                    let round = OpenRound { round, model_version, model, standardisation };
                    open = Some((round, Receipt::new(model), hash));
                    socket.say(&ClientMessage::Download { transfer: model.id }).await?;
                }
                ServerMessage::Upload { .. } => {
                    let Some((round, ..)) = &open else { continue };
                    for frame in protocol::chunks(update_id(round), update(parameters, round.round.0)) {
                        socket.say_bytes(frame).await?;
                    }
                }
                ServerMessage::RoundClosed { record } => {
                    let mut notes = notes.lock().unwrap();
                    notes.version(room, record.model_version.0);
                    notes.record(room, record);
                }
                ServerMessage::Finished { .. } => notes.lock().unwrap().told(room).finished = true,
                ServerMessage::Error { code: ErrorCode::ServerClosing, .. } => return Ok(()),
                ServerMessage::Error { message, .. } | ServerMessage::Refused { message, .. } => {
                    notes.lock().unwrap().wrong.push(format!("{room}: {message}"));
                }
                _ => {}
            }
        }
    }
}

/// An update with figures of which most have 17 digits.
fn announcement(round: &OpenRound, update: &Bytes) -> ClientMessage {
    let mut rng = rand::rng();
    let right = rng.random_range(0..=20);
    let confusion = vec![vec![right, 20 - right, 0, 0], vec![0; 4], vec![0; 4], vec![0; 4]];
    let accuracy = f64::from(right) / 20.0;
    let checksum = Checksum::of(update);
    ClientMessage::Update {
        round: round.round,
        model_version: round.model_version,
        examples: 20,
        steps: 1,
        update: Transfer { id: update_id(round), bytes: update.len() as u32, encoding: Encoding::F32, checksum },
        evaluation: Some(Evaluation { examples: 20, loss: rng.random(), accuracy, confusion }),
        training: TrainingResult { loss: rng.random(), accuracy: rng.random() },
    }
}

/// All that the pages and the files that a class takes home have of a room that is over, byte for byte, and what its host is told of
/// who gave what.
fn shown(server: &Server, room: &RoomCode) -> Vec<(&'static str, Vec<u8>)> {
    let files = ["history", "results.json", "results.csv", "model.safetensors"];
    let mut all: Vec<_> = files.map(|file| (file, get(server, &format!("{room}/{file}")))).into();
    let request = ureq::get(format!("{}/api/host", server.origin)).header("authorization", format!("Bearer {SECRET}"));
    let host: Value = serde_json::from_str(&request.call().unwrap().body_mut().read_to_string().unwrap()).unwrap();
    let host_room =
        host["rooms"].as_array().unwrap().iter().find(|host| host["room"]["code"] == room.as_str()).unwrap();
    for part in ["contributions", "history"] {
        all.push((part, host_room[part].to_string().into_bytes()));
    }
    all
}

/// A small update, another one in each round.
fn update(parameters: u32, round: u32) -> Bytes {
    same_everywhere(parameters, 1.0e-4 * round as f32)
}

fn get(server: &Server, path: &str) -> Vec<u8> {
    ureq::get(format!("{}/api/rooms/{path}", server.origin)).call().unwrap().body_mut().read_to_vec().unwrap()
}

/// Makes a room; it is told of when this returns.
fn make_room(server: &Server, settings: &Value) -> Option<RoomCode> {
    let request =
        ureq::post(format!("{}/api/rooms", server.origin)).header("authorization", format!("Bearer {SECRET}"));
    let answer = request.content_type("application/json").send(settings.to_string()).ok()?;
    let answer: Value = serde_json::from_str(&answer.into_body().read_to_string().ok()?).ok()?;
    RoomCode::parse(answer["room"]["code"].as_str()?).ok()
}

/// Holds a server that was just started against the notes.
fn check(server: &Server, notes: &Shared) {
    let mut notes = notes.lock().unwrap();
    let codes: Vec<RoomCode> = notes.rooms.keys().cloned().collect();
    for code in codes {
        let Ok(mut answer) = ureq::get(format!("{}/api/rooms/{code}", server.origin)).call() else {
            notes.wrong.push(format!("room {code} is gone"));
            continue;
        };
        let room: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let version = room["status"]["model_version"].as_u64().unwrap() as u32;
        let history: Vec<RoundRecord> = serde_json::from_value(room["history"].clone()).unwrap();
        let told = notes.told(&code).version;
        notes.check(version >= told, || format!("{code} has version {version} after {told} was told"));
        notes.check(history.len() as u32 == version, || format!("{code} has {} records", history.len()));
        history.into_iter().for_each(|record| notes.record(&code, record));
        if notes.told(&code).models.contains_key(&version) {
            let file = get(server, &format!("{code}/model.safetensors"));
            let (header, _) = safetensors::SafeTensors::read_metadata(&file).unwrap();
            let sha = ring::digest::digest(&ring::digest::SHA256, &file[8 + header..]);
            notes.model(&code, version, sha.as_ref().to_vec());
        }
    }
}

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
            let more = [make_room(&server, &small).unwrap(), make_room(&server, &small).unwrap()];
            for room in [&server.room, &more[0], &more[1]] {
                notes.lock().unwrap().told(room);
                clients.extend((0..2).map(|_| Client { room: room.clone(), known: Arc::default() }));
            }
        }
        check(&server, &notes);
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
            && let Some(room) = make_room(&server, &json!({"rounds": 3}))
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
    check(&server, &notes);
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
    let before: Vec<_> = rooms.iter().map(|room| shown(&server, room)).collect();
    assert!(tokio::task::spawn_blocking(move || server.interrupt()).await??.success());
    for client in alive {
        let _ = client.await?;
    }
    let server = start(state.path(), &first);
    for (room, before) in rooms.iter().zip(before) {
        for ((part, before), (_, after)) in before.into_iter().zip(shown(&server, room)) {
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
