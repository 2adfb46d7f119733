//! All that clients were told, and held against whatever a server says later: the checks of the tests in which programs are killed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use protocol::{
    ClientId, ClientMessage, ErrorCode, Evaluation, Receipt, RoomCode, RoundRecord, ServerMessage, Standardisation,
    Token, TrainingResult, Transfer,
};
use rand::RngExt as _;
use serde_json::Value;

use super::raw_client::{Heard, OpenRound, RawClient, update_id};

pub const SECRET: &str = "a secret of the host";
/// How long a server may say that it cannot read a room now.
const PATIENCE: Duration = Duration::from_secs(60);

/// All that anyone was told of a room.
#[derive(Default)]
pub struct Told {
    pub version: u32,
    /// SHA-256 of the bytes that were downloaded for a version.
    pub models: BTreeMap<u32, Vec<u8>>,
    pub records: BTreeMap<u32, RoundRecord>,
    standardisation: Option<Standardisation>,
    pub finished: bool,
}

#[derive(Default)]
pub struct Notes {
    pub rooms: HashMap<RoomCode, Told>,
    pub wrong: Vec<String>,
}

impl Notes {
    pub fn told(&mut self, room: &RoomCode) -> &mut Told {
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

pub type Shared = Arc<Mutex<Notes>>;

/// One client, over all the server's lives.
#[derive(Clone)]
pub struct Client {
    pub room: RoomCode,
    /// How long it takes for its update, so that a room has no more rounds in all these lives than it may have.
    pub training: Duration,
    pub known: Arc<Mutex<Option<(Token, ClientId)>>>,
}

impl Client {
    /// Goes through rounds until the connection breaks. `floor`: the version that was told before.
    pub async fn live(self, origin: String, floor: u32, notes: Shared) -> Result<()> {
        let mut socket = RawClient::open(&origin, None).await?;
        let known = self.known.lock().unwrap().clone();
        socket.hello(&self.room, known.as_ref().map(|(token, _)| token.clone())).await?;
        let room = &self.room;
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
                        tokio::time::sleep(self.training).await;
                        let transfer = socket.transfer(round, &update(&socket, round)?)?;
                        socket.say(&announcement(round, transfer)).await?;
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
                    for frame in protocol::chunks(update_id(round), update(&socket, round)?) {
                        socket.say_bytes(frame).await?;
                    }
                }
                ServerMessage::RoundClosed { record } => {
                    let mut notes = notes.lock().unwrap();
                    notes.version(room, record.model_version.0);
                    notes.record(room, record);
                }
                ServerMessage::Finished { .. } => notes.lock().unwrap().told(room).finished = true,
                ServerMessage::Error { code: ErrorCode::ServerClosing | ErrorCode::Held, .. } => return Ok(()),
                ServerMessage::Error { message, .. } | ServerMessage::Refused { message, .. } => {
                    notes.lock().unwrap().wrong.push(format!("{room}: {message}"));
                }
                _ => {}
            }
        }
    }
}

/// An update with figures of which most have 17 digits.
fn announcement(round: &OpenRound, update: Transfer) -> ClientMessage {
    let mut rng = rand::rng();
    let right = rng.random_range(0..=20);
    let confusion = vec![vec![right, 20 - right, 0, 0], vec![0; 4], vec![0; 4], vec![0; 4]];
    let accuracy = f64::from(right) / 20.0;
    ClientMessage::Update {
        round: round.round,
        model_version: round.model_version,
        examples: 20,
        steps: 1,
        update,
        evaluation: Some(Evaluation { examples: 20, loss: rng.random(), accuracy, confusion }),
        training: TrainingResult { loss: rng.random(), accuracy: rng.random() },
    }
}

/// All that the pages and the files that a class takes home have of a room that is over, byte for byte, and what its host is told of
/// who gave what.
pub fn shown(origin: &str, room: &RoomCode) -> Vec<(&'static str, Vec<u8>)> {
    let files = ["history", "results.json", "results.csv", "model.safetensors"];
    let mut all: Vec<_> = files.map(|file| (file, get(origin, &format!("{room}/{file}")))).into();
    let request = ureq::get(format!("{origin}/api/host")).header("authorization", format!("Bearer {SECRET}"));
    let host: Value = serde_json::from_str(&request.call().unwrap().body_mut().read_to_string().unwrap()).unwrap();
    let host_room =
        host["rooms"].as_array().unwrap().iter().find(|host| host["room"]["code"] == room.as_str()).unwrap();
    for part in ["contributions", "history"] {
        all.push((part, host_room[part].to_string().into_bytes()));
    }
    all
}

/// A small update, another one in each round.
fn update(client: &RawClient, round: &OpenRound) -> Result<Bytes> {
    client.same_everywhere(1.0e-4 * round.round.0 as f32)
}

fn get(origin: &str, path: &str) -> Vec<u8> {
    ureq::get(format!("{origin}/api/rooms/{path}")).call().unwrap().body_mut().read_to_vec().unwrap()
}

/// Makes a room; it is told of when this returns.
pub fn make_room(origin: &str, settings: &Value) -> Option<RoomCode> {
    let request = ureq::post(format!("{origin}/api/rooms")).header("authorization", format!("Bearer {SECRET}"));
    let answer = request.content_type("application/json").send(settings.to_string()).ok()?;
    let answer: Value = serde_json::from_str(&answer.into_body().read_to_string().ok()?).ok()?;
    RoomCode::parse(answer["room"]["code"].as_str()?).ok()
}

/// Asks until there is an answer: a room that cannot be read at this moment is not gone.
fn asked(address: &str) -> Option<ureq::http::Response<ureq::Body>> {
    let patience = Instant::now() + PATIENCE;
    loop {
        match ureq::get(address).call() {
            Ok(answer) => return Some(answer),
            Err(ureq::Error::StatusCode(503)) if Instant::now() < patience => {}
            Err(_) => return None,
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Holds a server against the notes. Nobody waits for them while it is asked.
pub fn check(origin: &str, notes: &Shared) {
    let codes: Vec<RoomCode> = notes.lock().unwrap().rooms.keys().cloned().collect();
    for code in codes {
        let told = notes.lock().unwrap().told(&code).version;
        let Some(mut answer) = asked(&format!("{origin}/api/rooms/{code}")) else {
            notes.lock().unwrap().wrong.push(format!("room {code} is gone"));
            continue;
        };
        let room: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let version = room["status"]["model_version"].as_u64().unwrap() as u32;
        let history: Vec<RoundRecord> = serde_json::from_value(room["history"].clone()).unwrap();
        {
            let mut notes = notes.lock().unwrap();
            notes.check(version >= told, || format!("{code} has version {version} after {told} was told"));
            notes.check(history.len() as u32 == version, || format!("{code} has {} records", history.len()));
            history.into_iter().for_each(|record| notes.record(&code, record));
        }
        // Which version it is the file's name says: the room may have gone on.
        let mut answer = asked(&format!("{origin}/api/rooms/{code}/model.safetensors")).unwrap();
        let name = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
        let version: u32 = name.rsplit_once("-v").unwrap().1.split('.').next().unwrap().parse().unwrap();
        let is_known = {
            let mut notes = notes.lock().unwrap();
            notes.check(version >= told, || format!("{code}'s file has version {version} after {told} was told"));
            notes.told(&code).models.contains_key(&version)
        };
        if is_known {
            let file = answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
            let (header, _) = safetensors::SafeTensors::read_metadata(&file).unwrap();
            let sha = ring::digest::digest(&ring::digest::SHA256, &file[8 + header..]);
            notes.lock().unwrap().model(&code, version, sha.as_ref().to_vec());
        }
    }
}
