//! What every request goes through before a handler sees it: whether there was a place for its connection, and whether it
//! came whole, in time, and is no longer than it may be.

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::failure::{Code, Failure};
use super::site::Site;
use crate::server::gate::{Caller, Peer};

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

/// The request with its whole body, and with whom it comes from, as [`Caller`].
async fn whole(site: &Site, peer: Peer, request: Request) -> Result<Request, Failure> {
    let caller = site.gate.caller(peer, request.headers());
    if let Err(full) = peer.full().map_or_else(|| site.gate.allow_request(caller), Err) {
        site.gate.refuse(full);
        return Err(full.into());
    }
    let limits = site.rooms.limits();
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert::<Caller>(caller);
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
