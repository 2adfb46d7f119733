//! One participant's WebSocket: what it may send and how fast, and how a model goes out without being copied for each
//! participant. It knows no rule of a round: every message goes to the room, which decides. Who may open one, `http` says.

mod ending;
#[cfg(feature = "cluster")]
mod relay;
mod sparing;
mod traffic;
mod wire;

#[cfg(not(feature = "cluster"))]
use std::convert::Infallible as Owner;
use std::sync::Arc;
use std::time::Duration;

use ending::{Ending, broken, close};
use federation::{ConnectionId, Event};
use hyper::upgrade::OnUpgrade;
use protocol::{ClientMessage, ErrorCode};
#[cfg(feature = "cluster")]
use relay::Owner;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use traffic::{read, write};
use wire::{Receiver, Sender, Whole};

use crate::server::gate::{Caller, Gate, Place, Progress};
use crate::server::log::Few;
use crate::server::metrics::Open;
use crate::server::rooms::Rooms;
use crate::server::rooms::outbox::{self, json};

/// A connection that has not said hello by then is closed.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// How long the peer may take to answer a close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
static DROPPED_LINES: Few = Few::new();
/// Who is new and one too many from one address comes back after once to twice as many milliseconds.
const NEWCOMER_AGAIN_MS: u64 = 15_000;

/// How a connection came in.
pub struct Entrance {
    /// What it came in through.
    pub gate: Arc<Gate>,
    /// Where it comes from.
    pub caller: Caller,
    /// Its place, where it needs one besides its connection's.
    #[allow(dead_code, reason = "held as long as the connection is open")]
    pub place: Option<Place>,
    /// Whether another server of the cluster passes it on.
    #[allow(dead_code, reason = "only in a cluster")]
    pub inside: bool,
    /// How its bytes go.
    pub progress: Arc<Progress>,
}

/// Serves the WebSocket that a request becomes once its answer is sent; it holds its place until then and as long as it is open.
pub fn accept(upgrade: OnUpgrade, rooms: Arc<Rooms>, entrance: Entrance) {
    // Numbered here, not with its hello: see `Event::Connected`.
    let id = rooms.next_connection();
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => connection(wire::ends(upgraded).await, id, rooms, entrance).await,
            Err(error) => tracing::debug!(%error, "a connection was gone before it was a WebSocket"),
        }
    });
}

async fn connection(ends: (Sender, Receiver), id: ConnectionId, rooms: Arc<Rooms>, entrance: Entrance) {
    let _open = Open::new(&rooms.metrics().websockets);
    let (mut sender, mut receiver) = ends;
    // Held to the end, so that the program can wait for its close frames to leave.
    let mut stopping = rooms.stopping();
    let ending = match converse(&mut sender, &mut receiver, id, &rooms, &entrance, &mut stopping).await {
        Ok(ending) => ending,
        #[cfg(not(feature = "cluster"))]
        Err(nobody) => match nobody {},
        #[cfg(feature = "cluster")]
        Err(owner) => {
            if let Some(connection) = wire::whole(sender, receiver) {
                relay::copy(connection, owner, &rooms, &mut stopping).await;
            }
            return;
        }
    };
    rooms.metrics().closed(ending.code);
    tracing::debug!(code = ending.code, reason = %ending.reason, "connection ends");
    // The peer answers a close frame with its own; waiting for it keeps unread bytes from cutting the frame off.
    let _ = timeout(CLOSE_LIMIT, async {
        if let Some(message) = ending.message {
            sender.send(Whole::Text(json(&message))).await?;
        }
        let (code, reason) = (ending.code.into(), ending.reason);
        sender.send(Whole::Close(CloseFrame { code, reason })).await?;
        while let Some(Ok(_)) = receiver.next().await {}
        Ok::<(), Error>(())
    })
    .await;
}

/// From hello to the end. Whatever ends it, the room hears of it; or it goes on with the server that has the room.
async fn converse(
    sender: &mut Sender,
    receiver: &mut Receiver,
    connection: ConnectionId,
    rooms: &Rooms,
    entrance: &Entrance,
    stopping: &mut watch::Receiver<bool>,
) -> Result<Ending, Owner> {
    let hello = tokio::select! {
        hello = timeout(HELLO_LIMIT, first_message(receiver)) => hello,
        // From hello on it is the room that says so.
        _ = stopping.wait_for(|stopping| *stopping) => {
            let words = "The server stops; come back when it is started again.";
            // As long as a room of a hundred would have its participants wait.
            return Ok(Ending::told(close::GOING_AWAY, ErrorCode::ServerClosing, words, false)
                .retry_after(rand::random_range(1_000..3_000)));
        }
    };
    let hello = match hello {
        Ok(Ok(hello)) => hello,
        Ok(Err(ending)) => return Ok(ending),
        Err(_) => {
            let words = "No hello came within 10 seconds. Load the page again.";
            return Ok(Ending::told(close::POLICY, ErrorCode::HelloTimeout, words, false));
        }
    };
    let ClientMessage::Hello { room: code, token, software, .. } = &hello else {
        let words = "The first message of a connection must be hello.";
        return Ok(Ending::told(close::POLICY, ErrorCode::OutOfOrder, words, false));
    };
    let Some(room) = rooms.get(code) else {
        #[cfg(feature = "cluster")]
        if let Some(elsewhere) = relay::elsewhere(rooms, code, &hello, entrance).await {
            return elsewhere;
        }
        let words = format!("There is no room {code} here. Check the code, or ask whoever started the room.");
        return Ok(Ending::told(close::POLICY, ErrorCode::RoomUnknown, &words, true));
    };
    if room.is_held() {
        let words = "The server cannot store anything now; perhaps its disk is full. This page tries again by itself.";
        return Ok(Ending::told(close::TRY_AGAIN_LATER, ErrorCode::Held, words, false));
    }
    let known = match token.clone() {
        Some(token) => match room.knows(token).await {
            Ok(known) => known,
            Err(_) => return Ok(Ending::room_ended()),
        },
        None => false,
    };
    if !known && !entrance.gate.allow_newcomer(entrance.caller) {
        let words = "Many new participants came from your network at once. This page tries again by itself.";
        return Ok(Ending::told(close::TRY_AGAIN_LATER, ErrorCode::RoomFull, words, false)
            .retry_after(rand::random_range(NEWCOMER_AGAIN_MS..2 * NEWCOMER_AGAIN_MS)));
    }
    let code = code.clone();
    // `?` escapes whatever a stranger may have put there.
    tracing::debug!(room = %code, connection = connection.0, ?software, "hello");
    let (outbox, mut inbox) = outbox::channel();
    let greeting = Event::Message { connection, message: hello };
    if room.connect(connection, outbox).await.is_err() || room.tell(greeting).await.is_err() {
        return Ok(Ending::room_ended());
    }
    let ending = tokio::select! {
        ending = write(sender, &mut inbox, rooms, &entrance.progress) => ending,
        ending = read(receiver, connection, &room, rooms, &entrance.progress) => ending,
    };
    if !matches!(ending.code, close::NORMAL | close::GOING_AWAY)
        && let Some(left_out) = DROPPED_LINES.allow()
    {
        let reason = ending.reason.as_str();
        tracing::info!(room = %code, connection = connection.0, close = ending.code, reason, left_out, "client dropped");
    }
    // A room that has ended needs no word of it.
    let _ = room.tell(Event::Disconnected { connection }).await;
    Ok(ending)
}

async fn first_message(receiver: &mut Receiver) -> Result<ClientMessage, Ending> {
    loop {
        match receiver.next().await {
            Some(Ok(Message::Text(text))) => {
                return protocol::parse_client(&text).map_err(|error| {
                    let words = format!("That is no hello: {error}");
                    Ending::told(close::POLICY, ErrorCode::Malformed, &words, true)
                });
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Binary(_))) => {
                let words = "The first message of a connection must be hello.";
                return Err(Ending::told(close::POLICY, ErrorCode::OutOfOrder, words, false));
            }
            Some(Ok(Message::Close(_))) | None => return Err(Ending::new(close::NORMAL, "")),
            Some(Err(error)) => return Err(broken(&error)),
        }
    }
}
