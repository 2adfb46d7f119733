//! A participant of a room that another server of the cluster has: it is shown in there with the hello that it said here, and from then
//! on bytes are copied both ways. Nobody looks into them: pings, and what is said at the end, are the other server's and the
//! participant's own.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::SinkExt as _;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use protocol::limits::SUBPROTOCOL;
use protocol::{ClientMessage, ErrorCode, RoomCode};
use tokio::io::{AsyncWriteExt as _, copy as copy_bytes, split};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::Entrance;
use super::ending::{Ending, close};
use crate::server::gate::{Caller, MEMBER};
use crate::server::rooms::Rooms;
use crate::server::store::{Elsewhere, Whereabouts};

/// How long the other server may take to let somebody in.
const OPEN_LIMIT: Duration = Duration::from_secs(3);
/// It is looked so often whether the room is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long what is on its way may take once one side is gone.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// The server that has a participant's room, with a connection on which it has heard the hello.
pub(super) struct Owner {
    stream: TcpStream,
    address: String,
    code: RoomCode,
}

/// How it goes on with somebody whose room is not here; `None` where it is nowhere.
pub(super) async fn elsewhere(
    rooms: &Rooms,
    code: &RoomCode,
    hello: &ClientMessage,
    entrance: &Entrance,
) -> Option<Result<Ending, Owner>> {
    let owner = match rooms.store().whereabouts(code) {
        Whereabouts::Nowhere => return None,
        Whereabouts::At(owner) if !entrance.inside => Some(owner),
        _ => None,
    };
    if let Some(owner) = owner {
        match timeout(OPEN_LIMIT, open(&owner, hello, entrance.caller)).await {
            Ok(Ok(stream)) => {
                return Some(Err(Owner { stream, address: owner.address, code: code.clone() }));
            }
            Ok(Err(error)) => tracing::debug!(room = %code, "the room's server lets nobody in ({error:#})"),
            Err(_) => tracing::debug!(room = %code, "the room's server does not answer"),
        }
    }
    let words = "The room's server is being replaced; this page comes back by itself.";
    let ending = Ending::told(close::TRY_AGAIN_LATER, ErrorCode::ServerClosing, words, false);
    Some(Ok(ending.retry_after(rand::random_range(500..1_500))))
}

/// A WebSocket to the other server, over which somebody has said hello.
async fn open(owner: &Elsewhere, hello: &ClientMessage, caller: Caller) -> Result<TcpStream> {
    let mut request = format!("ws://{}/ws", owner.address).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    headers.insert(MEMBER, HeaderValue::from_str(&owner.secret)?);
    if let Some(address) = caller.address() {
        headers.insert("x-forwarded-for", HeaderValue::from_str(&address.to_string())?);
    }
    let stream = TcpStream::connect(&owner.address).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = client_async(request, stream).await?;
    socket.send(Message::Text(serde_json::to_string(hello)?.into())).await.context("hello")?;
    // Nothing comes before hello is said, and nothing was read since.
    Ok(socket.into_inner())
}

/// Copies bytes both ways until either side is gone, the room is another server's, or the program ends.
pub(super) async fn copy(
    participant: TokioIo<Upgraded>,
    owner: Owner,
    rooms: &Rooms,
    stopping: &mut watch::Receiver<bool>,
) {
    let Owner { stream: owner, address, code } = owner;
    let (mut from_participant, mut to_participant) = split(participant);
    let (mut from_owner, mut to_owner) = owner.into_split();
    let up = async {
        let _ = copy_bytes(&mut from_participant, &mut to_owner).await;
        let _ = to_owner.shutdown().await;
    };
    let down = async {
        let _ = copy_bytes(&mut from_owner, &mut to_participant).await;
        let _ = to_participant.shutdown().await;
    };
    let ended = async {
        // Whoever could say so is gone only when the program is.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    // One that hangs says nothing, and keeps its connections open.
    let taken_over = async {
        let has_room =
            || matches!(rooms.store().whereabouts(&code), Whereabouts::At(owner) if owner.address == address);
        while has_room() {
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::pin!(up, down);
    tokio::select! {
        () = &mut up => drop(timeout(LAST_BYTES, down).await),
        () = &mut down => drop(timeout(LAST_BYTES, up).await),
        () = ended => {}
        () = taken_over => {}
    }
}
