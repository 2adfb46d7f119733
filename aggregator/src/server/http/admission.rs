//! What every request goes through before a handler sees it: whether there was a place for its connection, and whether it
//! came whole, in time, and is no longer than it may be.

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, HOST};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::failure::{Code, Failure};
use super::site::{Outside, Site};
use crate::server::gate::{Caller, MEMBER, Peer};
use crate::server::log::Few;

/// Answers in place of the handlers where a limit says so, and counts all answers.
pub async fn admit(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let response = match whole(&site, peer, request).await {
        Ok(request) => next.run(request).await,
        Err(failure) => {
            // Whoever was refused is not waited for.
            let mut response = failure.into_response();
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
    };
    site.rooms.metrics().answered(response.status().as_u16());
    response
}

static HOST_LINES: Few = Few::new();

/// Addresses that tell nothing of a room, asked for by whoever watches over the program under whatever name it has for it.
const FOR_WATCHERS: [&str; 4] = ["/health", "/healthz", "/readyz", "/metrics"];

/// What a proxy in front says of where the request comes from.
///
/// # Errors
/// There is no proxy, and the browser asks for a name that is not this program's.
fn outside(site: &Site, peer: Peer, request: &Request) -> Result<Outside, Failure> {
    let headers = request.headers();
    // What only this machine reaches stands behind a proxy where it is told of one. A page can have such a header sent with what it
    // fetches, but with no WebSocket and no page that is opened.
    let forwarded = headers.keys().any(|name| name.as_str().starts_with("x-forwarded-"));
    if site.gate.is_proxy(peer) || (site.reach.is_local() && forwarded) {
        return Ok(Outside::of(headers));
    }
    let host = headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    if host.is_none_or(|host| site.reach.answers_for(host)) || FOR_WATCHERS.contains(&request.uri().path()) {
        return Ok(Outside::default());
    }
    let host = host.unwrap_or_default();
    if let Some(left_out) = HOST_LINES.allow() {
        tracing::warn!(?host, left_out, "a request for a name that is not this program's; --public-name makes it one");
    }
    let words = "this program does not go by the name in your address line; open the address that it printed when it started. \
                 Whoever runs it can give it the name with --public-name, or with --public-url as it is opened";
    Err(Failure::new(Code::HostUnknown, words))
}

/// The request with its whole body, with whom it comes from, as [`Caller`], and what they see, as [`Outside`].
async fn whole(site: &Site, peer: Peer, request: Request) -> Result<Request, Failure> {
    let caller = site.gate.caller(peer, request.headers());
    // A server of the cluster has counted what it passes on.
    let allowed = || if peer.is_inside() { Ok(()) } else { site.gate.allow_request(caller) };
    if let Err(full) = peer.full().map_or_else(allowed, Err) {
        site.gate.refuse(full);
        return Err(full.into());
    }
    let shown = request.headers().get(MEMBER).map(HeaderValue::as_bytes).unwrap_or_default();
    if peer.is_inside() && !site.rooms.store().is_member(shown) {
        return Err(Failure::new(Code::MemberUnknown, "only servers of the same cluster come here"));
    }
    let outside = outside(site, peer, &request)?;
    let limits = site.rooms.limits();
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert::<Caller>(caller);
    parts.extensions.insert::<Outside>(outside);
    let body = timeout(limits.request_timeout(), to_bytes(body, limits.max_body_bytes)).await;
    match body {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(_)) => {
            let words = format!("the request's body did not arrive, or is longer than {} bytes", limits.max_body_bytes);
            Err(Failure::new(Code::BodyTooLarge, words))
        }
        Err(_) => {
            site.rooms.metrics().refused("request_time");
            Err(Failure::new(Code::BodyTooSlow, "the request's body took too long to arrive"))
        }
    }
}
