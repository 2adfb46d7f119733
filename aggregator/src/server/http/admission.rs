//! What every request goes through before a handler sees it: whether there was a place for its connection, and whether it
//! came whole, in time, and is no longer than it may be.

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::{Failure, Site};
use crate::server::gate::{Full, Peer};

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

/// The request with its whole body.
async fn whole(site: &Site, peer: Peer, request: Request) -> Result<Request, Failure> {
    let full = peer.full().map_or_else(|| site.gate.allow_request(peer, request.headers()), Err);
    if let Err(full) = full {
        site.gate.refuse(full);
        return Err(failure(full));
    }
    let limits = site.rooms.limits();
    let (parts, body) = request.into_parts();
    let body = timeout(limits.request_timeout(), to_bytes(body, limits.max_body_bytes)).await;
    match body {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(_)) => {
            let words = format!("the request's body did not arrive, or is longer than {} bytes", limits.max_body_bytes);
            Err(Failure(StatusCode::PAYLOAD_TOO_LARGE, words))
        }
        Err(_) => {
            site.rooms.metrics().refused("request_time");
            Err(Failure(StatusCode::REQUEST_TIMEOUT, "the request's body took too long to arrive".to_owned()))
        }
    }
}

/// What somebody is told for whom there is no place.
pub fn failure(full: Full) -> Failure {
    match full {
        Full::Everyone => Failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "this server has as many connections as it takes; try again in a moment".to_owned(),
        ),
        Full::Address => Failure(
            StatusCode::TOO_MANY_REQUESTS,
            "too many connections come from your address; close some pages, or try again in a moment".to_owned(),
        ),
        Full::Requests => Failure(
            StatusCode::TOO_MANY_REQUESTS,
            "too many requests come from your address; try again in a moment".to_owned(),
        ),
    }
}
