//! A room as everyone may see it.

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use federation::MaskedTogether;
use serde_json::{Value, json};

use super::failure::{Code, Failure};
use super::site::{Outside, Site};
use crate::server::links;
use crate::server::rooms::{InspectError, Snapshot};

/// `GET /api/rooms/{code}`.
pub async fn room(
    State(site): State<Site>,
    Path(code): Path<String>,
    Extension(outside): Extension<Outside>,
) -> Result<Json<Value>, Failure> {
    Ok(Json(public(&site, &outside, site.find(&code)?.inspect().await?)))
}

/// What everyone may know of a room. Only these: a checkpoint holds secrets as well.
pub fn public(site: &Site, outside: &Outside, snapshot: Snapshot) -> Value {
    let Snapshot { checkpoint, status, masked_together, .. } = snapshot;
    let links = site.links(&checkpoint.config.code, outside);
    let mut told =
        json!({ "room": checkpoint.config, "status": status, "history": checkpoint.history, "links": links });
    if let Some(MaskedTogether { words, seats }) = masked_together {
        told["masked_together"] = json!({ "words": words.0, "seats": seats });
    }
    told
}

/// `GET /api/rooms/{code}/history`.
pub async fn history(State(site): State<Site>, Path(code): Path<String>) -> Result<Json<Value>, Failure> {
    Ok(Json(json!(site.find(&code)?.inspect().await?.checkpoint.history)))
}

/// `GET /api/rooms/{code}/held`: what this server holds of everyone at this moment, as far as everyone may see it.
pub async fn held(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let held = site.find(&code)?.held().await.map_err(InspectError::from)?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(held)).into_response())
}

/// `GET /api/rooms/{code}/qr.svg`: the link for other machines as a QR code.
pub async fn qr_code(
    State(site): State<Site>,
    Path(code): Path<String>,
    Extension(outside): Extension<Outside>,
) -> Result<Response, Failure> {
    let snapshot = site.find(&code)?.inspect().await?;
    let links = site.links(&snapshot.checkpoint.config.code, &outside);
    let picture = links.first().and_then(|link| links::qr_picture(link));
    let too_long = || Failure::new(Code::LinkTooLong, "the room's link is too long for a QR code");
    let headers = [(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "no-store")];
    Ok((headers, picture.ok_or_else(too_long)?).into_response())
}
