//! One participant's WebSocket: who may open it, what it may send and how fast, and how a model goes out without being
//! copied for each participant. It knows no rule of a round: every message goes to the room, which decides.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use federation::{ConnectionId, Event};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::limits::{CHUNK_HEADER_BYTES, MAX_CHUNK_PAYLOAD, MAX_TEXT_CHARS, SUBPROTOCOL};
use protocol::{Chunk, ClientMessage, ErrorCode, ServerMessage};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::server::gate::{Gate, Peer, Place};
use crate::server::http::admission;
use crate::server::metrics::Open;
use crate::server::rooms::Rooms;
use crate::server::rooms::outbox::{self, Inbox, Outgoing};
use crate::server::rooms::room::{self, RoomHandle};

/// A connection that has not said hello by then is closed.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// Pause between pings: below the idle limits of common proxies (60 s).
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long the peer may take to answer a close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// Longest frame that either side sends, 256 KiB.
const MAX_FRAME: usize = CHUNK_HEADER_BYTES + MAX_CHUNK_PAYLOAD;
/// A frame up to this length is read to its end before it is refused, since a close frame reaches only a sender whose
/// bytes are read; a longer one just breaks the connection.
const MOST_READ: usize = 2 * MAX_FRAME;

const TOO_BIG: &str = "a frame is at most 256 KiB";

/// WebSocket close codes (RFC 6455, 7.4.1).
mod close {
    pub const NORMAL: u16 = 1000;
    pub const GOING_AWAY: u16 = 1001;
    pub const PROTOCOL_ERROR: u16 = 1002;
    pub const POLICY: u16 = 1008;
    pub const TOO_BIG: u16 = 1009;
    pub const TRY_AGAIN_LATER: u16 = 1013;
}

/// Why a connection ends: its close frame, and before it a message that a page can show.
#[derive(Debug)]
struct Ending {
    code: u16,
    reason: Utf8Bytes,
    message: Option<ServerMessage>,
}

impl Ending {
    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Utf8Bytes::from_static(reason), message: None }
    }

    fn told(code: u16, error: ErrorCode, words: &str, fatal: bool) -> Self {
        Self {
            message: Some(error_message(error, words, fatal)),
            ..Self::new(code, "the message before this frame says why")
        }
    }

    /// Says when to come back, milliseconds from now.
    fn retry_after(mut self, milliseconds: u64) -> Self {
        if let Some(ServerMessage::Error { retry_after_ms, .. }) = &mut self.message {
            *retry_after_ms = Some(milliseconds);
        }
        self
    }

    const fn room_ended() -> Self {
        Self::new(close::GOING_AWAY, "the room has ended")
    }
}

fn error_message(code: ErrorCode, words: &str, fatal: bool) -> ServerMessage {
    let message = words.chars().take(MAX_TEXT_CHARS).collect();
    ServerMessage::Error { code, message, fatal, retry_after_ms: None }
}

/// `GET /ws`: upgrades a request of our own pages, or of a program that is no browser, which speaks `chorus.v1`.
pub async fn open(
    State(rooms): State<Arc<Rooms>>,
    State(gate): State<Arc<Gate>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !same_origin(&headers) {
        let text = "This address takes WebSockets from its own pages only.\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let text = format!("Name the WebSocket subprotocol {}.\n", SUBPROTOCOL);
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    let place = match gate.enter_behind_proxy(peer, &headers) {
        Ok(place) => place,
        Err(full) => return admission::failure(full).into_response(),
    };
    upgrade
        .max_message_size(MOST_READ)
        .max_frame_size(MOST_READ)
        .read_buffer_size(16 * 1024)
        .write_buffer_size(16 * 1024)
        .max_write_buffer_size(4 * MAX_FRAME)
        .on_upgrade(move |socket| connection(socket, rooms, place))
}

/// A browser names the page's origin; where it does, it must be this host. Programs name none.
fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let origin_host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    matches!((origin_host, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

async fn connection(socket: WebSocket, rooms: Arc<Rooms>, _place: Option<Place>) {
    let _open = Open::new(&rooms.metrics().websockets);
    let (mut sink, mut stream) = socket.split();
    // Held to the end, so that the program can wait for its close frames to leave.
    let mut stopping = rooms.stopping();
    let ending = converse(&mut sink, &mut stream, &rooms, &mut stopping).await;
    rooms.metrics().closed(ending.code);
    tracing::debug!(code = ending.code, reason = %ending.reason, "connection ends");
    // The peer answers a close frame with its own; waiting for it keeps unread bytes from cutting the frame off.
    let _ = timeout(CLOSE_LIMIT, async {
        if let Some(message) = ending.message {
            sink.send(Message::Text(room::json(&message))).await?;
        }
        sink.send(Message::Close(Some(CloseFrame { code: ending.code, reason: ending.reason }))).await?;
        while let Some(Ok(_)) = stream.next().await {}
        Ok::<(), axum::Error>(())
    })
    .await;
}

/// From hello to the end. Whatever ends it, the room hears of it.
async fn converse(
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
    rooms: &Rooms,
    stopping: &mut watch::Receiver<bool>,
) -> Ending {
    let hello = tokio::select! {
        hello = timeout(HELLO_LIMIT, first_message(stream)) => hello,
        // From hello on it is the room that says so.
        _ = stopping.wait_for(|stopping| *stopping) => {
            let words = "The server stops; come back when it is started again.";
            // As long as a room of a hundred would have its participants wait.
            return Ending::told(close::GOING_AWAY, ErrorCode::ServerClosing, words, false)
                .retry_after(rand::random_range(1_000..3_000));
        }
    };
    let hello = match hello {
        Ok(Ok(hello)) => hello,
        Ok(Err(ending)) => return ending,
        Err(_) => {
            let words = "No hello came within 10 seconds. Load the page again.";
            return Ending::told(close::POLICY, ErrorCode::HelloTimeout, words, false);
        }
    };
    let ClientMessage::Hello { room: code, software, .. } = &hello else {
        let words = "The first message of a connection must be hello.";
        return Ending::told(close::POLICY, ErrorCode::OutOfOrder, words, false);
    };
    let Some(room) = rooms.get(code) else {
        let words = format!("There is no room {code} here. Check the code, or ask whoever started the room.");
        return Ending::told(close::POLICY, ErrorCode::RoomUnknown, &words, true);
    };
    if room.is_held() {
        let words = "The server cannot store anything now; perhaps its disk is full. This page tries again by itself.";
        return Ending::told(close::TRY_AGAIN_LATER, ErrorCode::Held, words, false);
    }
    let (code, connection) = (code.clone(), rooms.next_connection());
    // `?` escapes whatever a stranger may have put there.
    tracing::debug!(room = %code, connection = connection.0, ?software, "hello");
    let (outbox, mut inbox) = outbox::channel();
    let greeting = Event::Message { connection, message: hello };
    if room.connect(connection, outbox).await.is_err() || room.tell(greeting).await.is_err() {
        return Ending::room_ended();
    }
    let ending = tokio::select! {
        ending = write(sink, &mut inbox, rooms) => ending,
        ending = read(stream, connection, &room, rooms) => ending,
    };
    if !matches!(ending.code, close::NORMAL | close::GOING_AWAY) {
        let reason = ending.reason.as_str();
        tracing::info!(room = %code, connection = connection.0, close = ending.code, reason, "client dropped");
    }
    // A room that has ended needs no word of it.
    let _ = room.tell(Event::Disconnected { connection }).await;
    ending
}

async fn first_message(stream: &mut SplitStream<WebSocket>) -> Result<ClientMessage, Ending> {
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => {
                return protocol::parse_client(&text).map_err(|error| {
                    let words = format!("That is no hello: {error}");
                    Ending::told(close::POLICY, ErrorCode::Malformed, &words, true)
                });
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => {
                let words = "The first message of a connection must be hello.";
                return Err(Ending::told(close::POLICY, ErrorCode::OutOfOrder, words, false));
            }
            Some(Ok(Message::Close(_))) | None => return Err(Ending::new(close::NORMAL, "")),
            Some(Err(error)) => return Err(broken(&error)),
        }
    }
}

fn broken(error: &axum::Error) -> Ending {
    use std::error::Error as _;
    use tokio_tungstenite::tungstenite::Error;
    let too_big = error
        .source()
        .and_then(|source| source.downcast_ref())
        .is_some_and(|error| matches!(error, Error::Capacity(_)));
    if too_big {
        Ending::new(close::TOO_BIG, TOO_BIG)
    } else {
        Ending::new(close::PROTOCOL_ERROR, "the connection broke, or that is no WebSocket frame")
    }
}

/// Takes frames to the room until the participant goes, breaks a rule, or falls silent.
async fn read(
    stream: &mut SplitStream<WebSocket>,
    connection: ConnectionId,
    room: &RoomHandle,
    rooms: &Rooms,
) -> Ending {
    let (limits, metrics) = (rooms.limits(), rooms.metrics());
    let (mut messages, mut bytes) = (limits.messages(Instant::now()), limits.bytes(Instant::now()));
    loop {
        let frame = match timeout(limits.idle_timeout(), stream.next()).await {
            Err(_) => return Ending::new(close::GOING_AWAY, "no sign of life for too long"),
            Ok(None | Some(Ok(Message::Close(_)))) => return Ending::new(close::NORMAL, ""),
            Ok(Some(Err(error))) => return broken(&error),
            Ok(Some(Ok(frame))) => frame,
        };
        let length = count(&frame, |kind, length| metrics.received(kind, length));
        if length > MAX_FRAME {
            return Ending::new(close::TOO_BIG, TOO_BIG);
        }
        // Chunks are bounded by the room's queue; everything else by a rate.
        if !matches!(frame, Message::Binary(_)) && !messages.take(Instant::now()) {
            metrics.refused("messages");
            return Ending::new(close::POLICY, "too many messages; send fewer a second");
        }
        // What is not read waits in the sender's own memory.
        tokio::time::sleep(bytes.spend(Instant::now(), length)).await;
        let event = match frame {
            Message::Text(text) => match protocol::parse_client(&text) {
                Ok(message) => Event::Message { connection, message },
                Err(error) => Event::Malformed { connection, error },
            },
            Message::Binary(bytes) => match Chunk::parse(bytes) {
                Ok(chunk) => Event::Chunk { connection, chunk },
                Err(error) => Event::Malformed { connection, error },
            },
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => continue,
        };
        if room.tell(event).await.is_err() {
            return Ending::room_ended();
        }
    }
}

/// Reports a frame that carries something, by its kind; returns how long it is.
fn count(frame: &Message, report: impl FnOnce(&'static str, usize)) -> usize {
    let (kind, length) = match frame {
        Message::Text(text) => ("text", text.len()),
        Message::Binary(bytes) => ("binary", bytes.len()),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return 0,
    };
    report(kind, length);
    length
}

/// Sends what the room wants sent. Messages go before the next chunk of a model, so that a long download delays nothing;
/// a newer model takes the place of one that is still on its way.
async fn write(sink: &mut SplitSink<WebSocket, Message>, inbox: &mut Inbox, rooms: &Rooms) -> Ending {
    let (limits, metrics) = (rooms.limits(), rooms.metrics());
    let mut sending_model = false;
    let mut ping = interval(PING_EVERY.min(limits.idle_timeout() / 3));
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frame = tokio::select! {
            biased;
            outgoing = inbox.next() => match outgoing {
                Some(Outgoing::Text(text)) => Message::Text(text),
                Some(Outgoing::Model) => {
                    sending_model = true;
                    continue;
                }
                Some(Outgoing::Close { code }) => return Ending::new(code, ""),
                None => return Ending::new(close::TRY_AGAIN_LATER, "too slow to read"),
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
            () = std::future::ready(()), if sending_model => match inbox.next_chunk() {
                Some(chunk) => Message::Binary(chunk),
                None => {
                    sending_model = false;
                    continue;
                }
            },
        };
        count(&frame, |kind, length| metrics.sent(kind, length));
        match timeout(limits.write_timeout(), sink.send(frame)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ending::new(close::NORMAL, ""),
            Err(_) => {
                metrics.slow_readers.inc();
                return Ending::new(close::TRY_AGAIN_LATER, "nothing was read for too long");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_host_may_not_open_a_socket() {
        let headers = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "192.168.1.5:8080".parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            headers
        };
        assert!(same_origin(&headers("http://192.168.1.5:8080")));
        assert!(!same_origin(&headers("http://192.168.1.5:9090")));
        assert!(!same_origin(&headers("https://evil.example")));
        assert!(!same_origin(&headers("null")));
        assert!(same_origin(&HeaderMap::new()));
    }
}
