//! Requests about rooms that another server of the cluster has: they are passed on to it, and its answer back, as long as either lasts.
//! What was passed on is never passed on again. Limits hold where somebody comes in; the other server hears whom it is from.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use protocol::RoomCode;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::failure::{Code, Failure};
use super::site::{Outside, Site};
use crate::server::gate::{Caller, MEMBER, Peer};
use crate::server::store::{Elsewhere, Whereabouts};

/// How long the other server may take to take a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// And to begin its answer: it may have to store something first.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// It is looked so often whether this server is cut off.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long its list of rooms, or whether it is ready, may take, and how long that may be, bytes.
const LIST_LIMIT: Duration = Duration::from_secs(3);
const LIST_BYTES: usize = 64 << 20;
/// What belongs to one connection, or is for us alone to say.
const OURS: [HeaderName; 3] = [CONNECTION, TRANSFER_ENCODING, UPGRADE];

/// Answers what is about a room that another server has with that server's answer.
pub async fn pass_on(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    Extension(caller): Extension<Caller>,
    Extension(outside): Extension<Outside>,
    request: Request,
    next: Next,
) -> Response {
    let Some(code) = room_of(request.uri().path()).filter(|code| site.rooms.get(code).is_none()) else {
        return next.run(request).await;
    };
    match site.rooms.store().whereabouts(&code) {
        Whereabouts::Nowhere => next.run(request).await,
        Whereabouts::At(other) if !peer.is_inside() => {
            forward(&other, caller, &outside, request).await.unwrap_or_else(|error| {
                tracing::debug!(room = %code, "the room's server does not answer ({error:#})");
                between().into_response()
            })
        }
        _ => between().into_response(),
    }
}

/// The rooms that other servers have, as the host sees them. Those of one that does not answer are left out.
pub async fn rooms_elsewhere(site: &Site, headers: &HeaderMap, outside: &Outside) -> Vec<Value> {
    let asked = site.rooms.store().others().into_iter().map(|other| async move {
        let mut request = Request::get("/api/host").body(Body::empty())?;
        if let Some(shown) = headers.get(AUTHORIZATION) {
            request.headers_mut().insert(AUTHORIZATION, shown.clone());
        }
        if let Some(host) = headers.get(HOST) {
            request.headers_mut().insert(HOST, host.clone());
        }
        let answer = forward(&other, Caller::Proxy, outside, request).await?;
        let body = axum::body::to_bytes(answer.into_body(), LIST_BYTES).await?;
        let mut answer: Value = serde_json::from_slice(&body)?;
        Ok::<_, anyhow::Error>(answer["rooms"].take())
    });
    let mut rooms = Vec::new();
    for answer in join_all(asked.map(|asked| timeout(LIST_LIMIT, asked))).await {
        match answer {
            Ok(Ok(Value::Array(found))) => rooms.extend(found),
            Ok(Err(error)) => tracing::debug!("a server of the cluster does not say which rooms it has ({error:#})"),
            _ => {}
        }
    }
    rooms
}

/// Looks whether this server is cut off while another one goes on, until the program ends. Then its rooms are that one's, or come to
/// be, and its own participants have to be led there: they would wait here for as long as it is cut off. Where nobody goes on, as when
/// NATS itself is away, rooms are held, and everyone stays.
pub async fn notice_cut_off(site: Site) {
    let mut stopping = site.rooms.stopping();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = sleep(LOOK_EVERY) => {}
        }
        let store = site.rooms.store();
        if store.is_cut_off() && join_all(store.others().iter().map(is_ready)).await.contains(&true) {
            tracing::error!("this server is cut off from NATS, and others are not; its rooms are left to them");
            store.give_itself_up();
        }
    }
}

async fn is_ready(other: &Elsewhere) -> bool {
    let Ok(request) = Request::get("/readyz").body(Body::empty()) else { return false };
    let answer = timeout(LIST_LIMIT, forward(other, Caller::Proxy, &Outside::default(), request)).await;
    matches!(answer, Ok(Ok(answer)) if answer.status().is_success())
}

/// The room that an address is about.
fn room_of(path: &str) -> Option<RoomCode> {
    RoomCode::parse(path.strip_prefix("/api/rooms/")?.split('/').next()?).ok()
}

fn between() -> Failure {
    Failure::new(Code::RoomEnded, "the room's server is being replaced; ask again in a moment")
}

async fn forward(
    other: &Elsewhere,
    caller: Caller,
    Outside(outside): &Outside,
    mut request: Request,
) -> anyhow::Result<Response> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>()?;
    let headers = request.headers_mut();
    let foreign = |name: &HeaderName| OURS.contains(name) || name.as_str().starts_with("x-forwarded-");
    let foreign: Vec<HeaderName> = headers.keys().filter(|name| foreign(name)).cloned().collect();
    foreign.iter().for_each(|name| while headers.remove(name).is_some() {});
    headers.insert(MEMBER, HeaderValue::from_str(&other.secret)?);
    if let Some(address) = caller.address() {
        headers.insert("x-forwarded-for", HeaderValue::from_str(&address.to_string())?);
    }
    if let Some((scheme, host)) = outside.as_ref().and_then(|outside| outside.split_once("://")) {
        headers.insert("x-forwarded-proto", HeaderValue::from_str(scheme)?);
        headers.insert("x-forwarded-host", HeaderValue::from_str(host)?);
    }
    let stream = timeout(CONNECT_LIMIT, TcpStream::connect(&other.address)).await??;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends when the answer has, or nobody wants it any more.
    tokio::spawn(connection);
    let mut answer = timeout(ANSWER_LIMIT, sender.send_request(request)).await??;
    OURS.iter().for_each(|name| drop(answer.headers_mut().remove(name)));
    Ok(answer.map(Body::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_a_room_is_passed_on() {
        let room = |path| room_of(path).map(|code| code.to_string());
        assert_eq!(room("/api/rooms/KMPXZ").as_deref(), Some("KMPXZ"));
        assert_eq!(room("/api/rooms/kmpxz/events").as_deref(), Some("KMPXZ"));
        for path in ["/api/rooms", "/api/rooms/", "/api/host", "/room/KMPXZ", "/ws", "/"] {
            assert_eq!(room(path), None, "{path}");
        }
    }
}
