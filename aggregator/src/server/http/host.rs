//! What the host may do over HTTP: see all rooms, make and delete them, and steer them. Everything here needs the secret.

#[cfg(feature = "cluster")]
use std::collections::HashSet;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequestParts, Path, State};
#[cfg(feature = "cluster")]
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use protocol::{HostCommand, ProtocolError};
use serde_json::{Value, json};

use super::failure::{Code, Failure};
#[cfg(feature = "cluster")]
use super::forward::rooms_elsewhere;
use super::room::public;
use super::site::{Outside, Site};
#[cfg(feature = "cluster")]
use crate::server::gate::Peer;
use crate::server::rooms::RoomHandle;
use crate::settings::Settings;

/// Proof that a request carries the host's secret.
pub struct Host;

impl FromRequestParts<Site> for Host {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Failure> {
        if site.secrets.host.is_shown(&parts.headers) {
            return Ok(Self);
        }
        let text = "this needs the host's secret, which was printed at the start: Authorization: Bearer TOKEN";
        Err(Failure::new(Code::HostTokenWrong, text))
    }
}

/// All rooms, the newest first, and how this program is reached.
pub async fn overview(
    _: Host,
    State(site): State<Site>,
    Extension(outside): Extension<Outside>,
    #[cfg(feature = "cluster")] Extension(peer): Extension<Peer>,
    #[cfg(feature = "cluster")] headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let mut rooms = Vec::new();
    for code in site.rooms.codes() {
        if let Some(room) = site.rooms.get(&code) {
            match host_room(&site, &outside, &room).await {
                Ok(room) => rooms.push(room),
                // It went to another server while it was asked.
                Err(_) if room.has_ended() => {}
                Err(failure) => return Err(failure),
            }
        }
    }
    #[cfg(feature = "cluster")]
    if !peer.is_inside() {
        let here: HashSet<Value> = rooms.iter().map(|room| room["room"]["code"].clone()).collect();
        let elsewhere = rooms_elsewhere(&site, &headers, &outside).await;
        rooms.extend(elsewhere.into_iter().filter(|room| !here.contains(&room["room"]["code"])));
    }
    rooms.sort_by_key(|room| std::cmp::Reverse(room["created_at"].as_i64()));
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "secure": site.is_secure(&outside),
        "origins": site.origins(&outside),
        "kept": site.kept,
        "state": site.state,
        "watch": site.secrets.watch.secret(),
        "rooms": rooms,
    })))
}

/// What would come of a new room's settings: the room, and in one with noise what that would promise. No room is made.
pub async fn preview(_: Host, body: Result<Json<Settings>, JsonRejection>) -> Result<Json<Value>, Failure> {
    let Json(settings) = body?;
    let refused = |error: ProtocolError| Failure::new(Code::SettingsInvalid, error.to_string());
    let room = settings.room().map_err(refused)?;
    let budget = federation::budget_before(&room).map_err(refused)?;
    let mut answer = json!({ "room": room });
    if let Some(budget) = budget {
        answer["budget"] = json!(budget);
    }
    Ok(Json(answer))
}

/// Makes a room.
pub async fn create(
    _: Host,
    State(site): State<Site>,
    body: Result<Json<Settings>, JsonRejection>,
) -> Result<Response, Failure> {
    let Json(settings) = body?;
    let config = settings.room().map_err(|error| Failure::new(Code::SettingsInvalid, error.to_string()))?;
    let answer = json!({ "room": config, "path": format!("/room/{}", config.code) });
    // Initialising a large model takes a moment in which other requests should not wait.
    let created = tokio::task::spawn_blocking(move || site.rooms.create(config)).await;
    created.map_err(anyhow::Error::from)??;
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Does what the host asks of a room, and answers with the room as it is then.
pub async fn command(
    _: Host,
    State(site): State<Site>,
    Path(code): Path<String>,
    Extension(outside): Extension<Outside>,
    body: Result<Json<HostCommand>, JsonRejection>,
) -> Result<Json<Value>, Failure> {
    let Json(command) = body?;
    let room = site.find(&code)?;
    room.command(command).await?;
    Ok(Json(host_room(&site, &outside, &room).await?))
}

/// Ends a room and deletes all that is stored of it.
pub async fn delete(_: Host, State(site): State<Site>, Path(code): Path<String>) -> Result<StatusCode, Failure> {
    site.find(&code)?;
    let code = Site::code(&code)?;
    site.rooms.delete(&code).await?;
    tracing::info!(room = %code, "the room was deleted by its host");
    Ok(StatusCode::NO_CONTENT)
}

/// A room as its host sees it.
async fn host_room(site: &Site, outside: &Outside, room: &RoomHandle) -> Result<Value, Failure> {
    let snapshot = room.inspect().await?;
    let versions = site.rooms.store().versions(&snapshot.checkpoint)?;
    let created_at = site.rooms.store().created_at(&snapshot.checkpoint.config.code)?;
    let (insights, contributions) = (json!(snapshot.insights), json!(snapshot.checkpoint.contributions));
    let mut room = public(site, outside, snapshot);
    room["clients"] = insights;
    room["contributions"] = contributions;
    room["versions"] = json!(versions);
    room["created_at"] = created_at.into();
    Ok(room)
}
