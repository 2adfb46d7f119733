//! A participant reduced to the protocol: it says what it is told to say and trains nothing, so that a test or a load
//! can be exact about every message.

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::limits::{PROTOCOL_VERSION, SUBPROTOCOL};
use protocol::{
    Checksum, Chunk, ClientMessage, ModelVersion, Receipt, RoomCode, RoomConfig, Round, ServerMessage, Standardisation,
    Token, TrainingResult, Transfer, TransferId,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

/// One open connection.
pub struct RawClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Bytes of the model's and updates' chunks, both ways.
    pub payload_bytes: u64,
    /// The room, as `welcome` says.
    room: Option<RoomConfig>,
}

/// What came.
#[derive(Debug)]
pub enum Heard {
    Message(Box<ServerMessage>),
    Chunk(Chunk),
    Close(Option<CloseFrame>),
}

/// What `welcome` says.
pub struct Welcome {
    pub token: Token,
    pub room: RoomConfig,
}

/// An open round.
#[derive(Clone)]
pub struct OpenRound {
    pub round: Round,
    pub model_version: ModelVersion,
    pub model: Transfer,
    pub standardisation: Standardisation,
}

/// The transfer id of a client's update of a round.
pub fn update_id(round: &OpenRound) -> TransferId {
    TransferId(round.round.0)
}

impl RawClient {
    /// Opens the socket, without a word.
    pub async fn open(origin: &str, tls: Option<Connector>) -> Result<Self> {
        let mut request = format!("{}/ws", origin.replacen("http", "ws", 1)).into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let (socket, _) = connect_async_tls_with_config(request, None, false, tls).await?;
        Ok(Self { socket, payload_bytes: 0, room: None })
    }

    /// Opens the socket and is welcomed.
    pub async fn enter(origin: &str, room: &RoomCode, token: Option<Token>) -> Result<(Self, Welcome)> {
        let mut client = Self::open(origin, None).await?;
        client.hello(room, token).await?;
        let welcome = client
            .wait(|message| match message {
                ServerMessage::Welcome { token, room, .. } => Some(Welcome { token, room }),
                _ => None,
            })
            .await?;
        Ok((client, welcome))
    }

    pub async fn hello(&mut self, room: &RoomCode, token: Option<Token>) -> Result<()> {
        let software = "raw client of the tests".to_owned();
        self.say(&ClientMessage::Hello {
            protocol: PROTOCOL_VERSION,
            room: room.clone(),
            token,
            name: None,
            software,
            status_changes: false,
        })
        .await
    }

    pub async fn say(&mut self, message: &ClientMessage) -> Result<()> {
        self.say_text(serde_json::to_string(message)?).await
    }

    pub async fn say_text(&mut self, text: String) -> Result<()> {
        Ok(self.socket.send(Message::Text(text.into())).await?)
    }

    pub async fn say_bytes(&mut self, bytes: Bytes) -> Result<()> {
        Ok(self.socket.send(Message::Binary(bytes)).await?)
    }

    /// The next thing that is no ping.
    pub async fn hear(&mut self) -> Result<Heard> {
        loop {
            match self.socket.next().await.context("the connection ended without a close frame")?? {
                Message::Text(text) => {
                    let message = protocol::parse_server(&text)?;
                    if let ServerMessage::Welcome { room, .. } = &message {
                        self.room = Some(room.clone());
                    }
                    return Ok(Heard::Message(Box::new(message)));
                }
                Message::Binary(bytes) => {
                    self.payload_bytes += bytes.len() as u64;
                    return Ok(Heard::Chunk(Chunk::parse(bytes)?));
                }
                Message::Close(frame) => return Ok(Heard::Close(frame)),
                _ => {}
            }
        }
    }

    /// The first message that `pick` takes; others pass. An error message or a close ends the wait.
    pub async fn wait<T>(&mut self, mut pick: impl FnMut(ServerMessage) -> Option<T>) -> Result<T> {
        loop {
            match self.hear().await? {
                Heard::Message(message) => {
                    if let ServerMessage::Error { code, message, .. } = &*message {
                        bail!("{code:?}: {message}");
                    }
                    if let Some(found) = pick(*message) {
                        return Ok(found);
                    }
                }
                Heard::Chunk(_) => {}
                Heard::Close(frame) => bail!("closed: {frame:?}"),
            }
        }
    }

    /// The room, once it was welcomed.
    pub fn room(&self) -> Result<&RoomConfig> {
        self.room.as_ref().context("nothing is known of the room before its welcome")
    }

    /// An update that adds `value` to every parameter, as the room's numbers travel: exactly with f32, and else as near as it comes.
    pub fn same_everywhere(&self, value: f32) -> Result<Bytes> {
        let room = self.room()?;
        Ok(room.encoding.encode(vec![value; room.parameters as usize]))
    }

    /// Takes part with `examples` clips, all of the first label.
    pub async fn ready(&mut self, room: &RoomConfig, examples: u32) -> Result<()> {
        let mut labels = vec![0; room.labels.len()];
        labels[0] = examples;
        self.say(&ClientMessage::Ready { examples, labels, held_back: None, step_ms: None }).await
    }

    /// Waits for a round to open; answers a request for statistics on the way with those of frames that are 1 and 3 by turns.
    pub async fn next_round(&mut self) -> Result<OpenRound> {
        loop {
            let round = self
                .wait(|message| match message {
                    ServerMessage::Round { round, model_version, model, standardisation, .. } => {
                        Some(Some(OpenRound { round, model_version, model, standardisation }))
                    }
                    ServerMessage::StatisticsRequest { .. } => Some(None),
                    _ => None,
                })
                .await?;
            match round {
                Some(round) => return Ok(round),
                None => self.say_statistics().await?,
            }
        }
    }

    /// Answers a request for statistics with those of frames that are 1 and 3 by turns.
    pub async fn say_statistics(&mut self) -> Result<()> {
        let features = self.room()?.features as usize;
        let (sum, sum_squares) = (vec![200.0; features], vec![500.0; features]);
        self.say(&ClientMessage::Statistics { frames: 100, sum, sum_squares }).await
    }

    /// Fetches an announced model and hands each piece to `keep`; its checksum is checked.
    pub async fn download(&mut self, transfer: Transfer, mut keep: impl FnMut(&Bytes)) -> Result<()> {
        self.say(&ClientMessage::Download { transfer: transfer.id }).await?;
        let mut receipt = Receipt::new(transfer);
        loop {
            match self.hear().await? {
                Heard::Chunk(chunk) => {
                    let complete = receipt.take(&chunk)?;
                    keep(&chunk.payload);
                    if complete {
                        return Ok(());
                    }
                }
                Heard::Message(_) => {}
                Heard::Close(frame) => bail!("closed: {frame:?}"),
            }
        }
    }

    /// How an update is announced.
    pub fn transfer(&self, round: &OpenRound, update: &Bytes) -> Result<Transfer> {
        let (bytes, encoding) = (update.len() as u32, self.room()?.encoding);
        Ok(Transfer { id: update_id(round), bytes, encoding, checksum: Checksum::of(update) })
    }

    /// Announces an update, and no more.
    pub async fn announce(&mut self, round: &OpenRound, examples: u32, update: &Bytes) -> Result<()> {
        let update = self.transfer(round, update)?;
        self.say(&ClientMessage::Update {
            round: round.round,
            model_version: round.model_version,
            examples,
            steps: 1,
            update,
            evaluation: None,
            training: TrainingResult { loss: 1.0, accuracy: 0.5 },
        })
        .await
    }

    /// Announces an update and waits until it is asked for.
    pub async fn offer(&mut self, round: &OpenRound, examples: u32, update: &Bytes) -> Result<()> {
        self.announce(round, examples, update).await?;
        let id = update_id(round);
        self.wait(|message| matches!(message, ServerMessage::Upload { transfer } if transfer == id).then_some(())).await
    }

    /// Announces an update, sends it when it is asked for, and waits for the answer.
    pub async fn update(&mut self, round: &OpenRound, examples: u32, update: Bytes) -> Result<()> {
        self.offer(round, examples, &update).await?;
        let id = update_id(round);
        for frame in protocol::chunks(id, update) {
            self.payload_bytes += frame.len() as u64;
            self.say_bytes(frame).await?;
        }
        let refusal = self
            .wait(|message| match message {
                ServerMessage::Accepted { round: accepted } if accepted == round.round => Some(None),
                ServerMessage::Refused { message, .. } => Some(Some(message)),
                _ => None,
            })
            .await?;
        refusal.map_or(Ok(()), |message| bail!("refused: {message}"))
    }

    /// The reason of the close frame that comes, whatever comes before it.
    pub async fn closed(&mut self) -> Result<(u16, Utf8Bytes)> {
        loop {
            if let Heard::Close(frame) = self.hear().await? {
                let frame = frame.context("a close frame without a reason")?;
                return Ok((frame.code.into(), frame.reason));
            }
        }
    }
}
