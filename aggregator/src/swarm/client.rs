//! One made-up participant: it takes part in every round over a socket of its own, and keeps neither model nor update, so
//! that thousands fit into one program. The model's checksum is checked as it passes.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::limits::PROTOCOL_VERSION;
use protocol::{
    Checksum, Chunk, ClientMessage, Encoding, ModelVersion, Receipt, RefusalReason, RoomCode, RoomConfig, Round,
    ServerMessage, Token, TrainingResult, Transfer, TransferId,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::tally::Tally;
use super::{Distribution, Plan, made_up_update};
use crate::participant::connection::{self, Socket};

/// Examples that a client says to have; everyone the same.
const EXAMPLES: u32 = 20;
/// Different updates that are sent, each by every so many-th client.
const VARIANTS: u32 = 4;
/// A slow reader takes one frame in so long.
const SLOW_FRAME: Duration = Duration::from_secs(1);
/// Pause before a connection that was lost is opened again.
const PAUSE: Duration = Duration::from_millis(500);
/// An update that was damaged or came too slowly is announced so many times, as the participants' own rules do.
const MOST_SENDS: u32 = 3;
/// A server that says nothing for so long is gone, as the protocol has it.
const SILENCE: Duration = Duration::from_secs(45);

/// What a client is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Takes part in every round.
    Diligent,
    /// Asks for models and hardly reads them.
    SlowReader,
}

/// The made-up updates, shared by all clients.
#[derive(Default)]
pub struct Updates(Mutex<HashMap<Shape, (Bytes, Checksum)>>);

/// How many parameters, how they are written, and which of several updates it is.
type Shape = (u32, Encoding, u32);

impl Updates {
    fn of(&self, room: &RoomConfig, client: usize) -> (Bytes, Checksum) {
        let variant = client as u32 % VARIANTS;
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = made.entry((room.parameters, room.encoding, variant)).or_insert_with(|| {
            let update = made_up_update(room.parameters as usize, room.encoding, variant);
            let checksum = Checksum::of(&update);
            (update, checksum)
        });
        entry.clone()
    }
}

/// A participant.
pub struct Client {
    number: usize,
    kind: Kind,
    room: RoomCode,
    plan: Arc<Plan>,
    tally: Arc<Tally>,
    updates: Arc<Updates>,
    token: Option<Token>,
    chance: ChaCha8Rng,
    next_transfer: u32,
}

/// A round that this client works on.
struct Open {
    round: Round,
    version: ModelVersion,
    receipt: Receipt,
    /// When training is done, once the model is here.
    trained: Option<Instant>,
    announced: Option<TransferId>,
    sends: u32,
}

/// How a connection ended.
enum End {
    /// The load is over.
    Stopped,
    /// It was lost, or dropped on purpose; the client comes back.
    Lost,
    /// The server will not have this client.
    Refused,
}

impl Client {
    /// One that has not come yet.
    pub fn new(
        number: usize,
        kind: Kind,
        room: RoomCode,
        plan: Arc<Plan>,
        tally: Arc<Tally>,
        updates: Arc<Updates>,
    ) -> Client {
        let chance = ChaCha8Rng::seed_from_u64(plan.seed.wrapping_add(number as u64));
        Client { number, kind, room, plan, tally, updates, token: None, chance, next_transfer: 1 }
    }

    /// Takes part, and comes back when the connection is lost, until the load is over.
    pub async fn live(mut self, opening: Arc<Semaphore>, mut stopping: watch::Receiver<bool>) {
        loop {
            let end = tokio::select! {
                end = self.connection(&opening) => end,
                _ = stopping.wait_for(|stop| *stop) => Ok(End::Stopped),
            };
            match end {
                Ok(End::Stopped | End::Refused) => return,
                Ok(End::Lost) => {}
                Err(error) => self.tally.error(format!("connection: {error}")),
            }
            let pause = PAUSE.mul_f64(1.0 + self.chance.random::<f64>());
            tokio::select! {
                () = sleep(pause) => {}
                _ = stopping.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn connection(&mut self, opening: &Semaphore) -> Result<End> {
        let permit = opening.acquire().await?;
        let began = Instant::now();
        let socket = connection::connect(&self.plan.socket, self.plan.insecure).await?;
        let mut line = Line { socket, tally: self.tally.clone(), counted: false };
        let software = concat!("chorus swarm ", env!("CARGO_PKG_VERSION")).to_owned();
        let (room, token) = (self.room.clone(), self.token.clone());
        let (protocol, status_changes) = (PROTOCOL_VERSION, true);
        line.say(&ClientMessage::Hello { protocol, room, token, name: None, software, status_changes }).await?;
        let mut settings: Option<RoomConfig> = None;
        let mut open: Option<Open> = None;
        let mut permit = Some(permit);
        loop {
            let trained = open.as_ref().and_then(|open| open.trained.filter(|_| open.announced.is_none()));
            let frame = tokio::select! {
                frame = tokio::time::timeout(SILENCE, line.socket.next()) => match frame {
                    Err(_) => anyhow::bail!("nothing came for 45 s"),
                    Ok(None) => return Ok(End::Lost),
                    Ok(Some(frame)) => frame?,
                },
                () = sleep_until(trained.unwrap_or_else(Instant::now)), if trained.is_some() => {
                    if self.chance.random_bool(self.plan.drop_out) {
                        self.tally.counts().dropped += 1;
                        return Ok(End::Lost);
                    }
                    if let (Some(open), Some(settings)) = (&mut open, &settings) {
                        self.announce(&mut line, open, settings).await?;
                    }
                    continue;
                }
            };
            self.tally.bytes_down.fetch_add(frame.len() as u64, Ordering::Relaxed);
            let message = match frame {
                Message::Text(text) => protocol::parse_server(&text)?,
                Message::Binary(bytes) => {
                    if let Some(open) = &mut open
                        && open.receipt.take(&Chunk::parse(bytes)?)?
                    {
                        open.trained = Some(Instant::now() + self.training_time());
                    }
                    if self.kind == Kind::SlowReader {
                        sleep(SLOW_FRAME).await;
                    }
                    continue;
                }
                Message::Close(close) => {
                    let code = close.map_or(1005, |close| u16::from(close.code));
                    self.tally.error(format!("closed: {code}"));
                    return Ok(End::Lost);
                }
                _ => continue,
            };
            match message {
                ServerMessage::Welcome { token, room, .. } => {
                    self.token = Some(token);
                    drop(permit.take());
                    line.count();
                    self.tally.counts().connects.push(began.elapsed().as_secs_f64() * 1000.0);
                    let mut labels = vec![EXAMPLES / room.labels.len() as u32; room.labels.len()];
                    if let Some(first) = labels.first_mut() {
                        *first += EXAMPLES % room.labels.len() as u32;
                    }
                    line.say(&ClientMessage::Ready { examples: EXAMPLES, labels, held_back: None, step_ms: None })
                        .await?;
                    settings = Some(room);
                }
                ServerMessage::Status(_) | ServerMessage::StatusChanges { .. } => self.tally.counts().statuses += 1,
                ServerMessage::StatisticsRequest { .. } => {
                    let features = settings.as_ref().map_or(0, |room| room.features as usize);
                    // 100 frames whose features are 1 and 3 by turns.
                    let (sum, sum_squares) = (vec![200.0; features], vec![500.0; features]);
                    line.say(&ClientMessage::Statistics { frames: 100, sum, sum_squares }).await?;
                }
                ServerMessage::Round { round, model_version, model, .. } => {
                    let (version, receipt) = (model_version, Receipt::new(model));
                    open = Some(Open { round, version, receipt, trained: None, announced: None, sends: 0 });
                    line.say(&ClientMessage::Download { transfer: model.id }).await?;
                }
                ServerMessage::Upload { transfer } => {
                    if let (Some(open), Some(settings)) = (&open, &settings)
                        && open.announced == Some(transfer)
                    {
                        line.upload(transfer, self.updates.of(settings, self.number).0).await?;
                    }
                }
                ServerMessage::Accepted { .. } => self.tally.counts().accepted += 1,
                ServerMessage::Refused { reason, .. } => {
                    self.tally.error(format!("refused: {reason:?}"));
                    match &mut open {
                        Some(open) if open.sends < MOST_SENDS && may_be_sent_again(reason) => {
                            (open.announced, open.trained) = (None, Some(Instant::now() + PAUSE));
                        }
                        _ => open = None,
                    }
                }
                ServerMessage::RoundClosed { record } => self.tally.round(&self.room, record),
                ServerMessage::RoundAbandoned { .. } => self.tally.error("round abandoned"),
                ServerMessage::Error { code, fatal, .. } => {
                    self.tally.error(format!("error: {code:?}"));
                    if fatal {
                        return Ok(End::Refused);
                    }
                }
                _ => {}
            }
        }
    }

    async fn announce(&mut self, line: &mut Line, open: &mut Open, room: &RoomConfig) -> Result<()> {
        let (update, checksum) = self.updates.of(room, self.number);
        let id = TransferId(self.next_transfer);
        self.next_transfer += 1;
        (open.announced, open.sends) = (Some(id), open.sends + 1);
        let update = Transfer { id, bytes: update.len() as u32, encoding: room.encoding, checksum };
        line.say(&ClientMessage::Update {
            round: open.round,
            model_version: open.version,
            examples: EXAMPLES,
            steps: 1,
            update,
            evaluation: None,
            training: TrainingResult { loss: 1.0, accuracy: 0.5 },
        })
        .await
    }

    fn training_time(&mut self) -> Duration {
        let times = match self.plan.distribution {
            Distribution::Constant => 1.0,
            Distribution::Uniform => 2.0 * self.chance.random::<f64>(),
            Distribution::Exponential => -(1.0 - self.chance.random::<f64>()).ln(),
        };
        self.plan.training.mul_f64(times)
    }
}

/// Whether an update that was refused for this reason may be taken when it is sent again.
fn may_be_sent_again(reason: RefusalReason) -> bool {
    use RefusalReason::{NotKept, OutOfOrder, Stalled, TooLong, TooShort, TurnOver, Unannounced, WrongChecksum};
    matches!(reason, Unannounced | OutOfOrder | TooShort | TooLong | WrongChecksum | Stalled | TurnOver | NotKept)
}

/// A client's socket, which counts what goes out.
struct Line {
    socket: Socket,
    tally: Arc<Tally>,
    counted: bool,
}

impl Line {
    async fn say(&mut self, message: &ClientMessage) -> Result<()> {
        self.put(Message::Text(serde_json::to_string(message)?.into())).await
    }

    async fn put(&mut self, frame: Message) -> Result<()> {
        self.tally.bytes_up.fetch_add(frame.len() as u64, Ordering::Relaxed);
        Ok(self.socket.send(frame).await?)
    }

    async fn upload(&mut self, transfer: TransferId, update: Bytes) -> Result<()> {
        self.tally.uploading.fetch_add(1, Ordering::Relaxed);
        let mut sent = Ok(());
        for frame in protocol::chunks(transfer, update) {
            sent = self.put(Message::Binary(frame)).await;
            if sent.is_err() {
                break;
            }
        }
        self.tally.uploading.fetch_sub(1, Ordering::Relaxed);
        sent
    }

    /// From here on it is one of the connected.
    fn count(&mut self) {
        if !std::mem::replace(&mut self.counted, true) {
            self.tally.counts().connected += 1;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.counted {
            self.tally.counts().connected -= 1;
        }
    }
}
