//! The HTTP side: which address leads where, rooms as JSON, and the model as a file.

pub mod admission;
mod events;
mod health;
mod host;
mod metrics;
mod onnx_file;
mod pages;
mod results;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use anyhow::ensure;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRef, Path, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router, middleware};
use bytes::Bytes;
use futures_util::stream;
use protocol::RoomCode;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::server::gate::Gate;
use crate::server::links::{self, Reach};
use crate::server::rooms::Rooms;
use crate::server::rooms::room::{InspectError, RoomHandle, Snapshot};
use crate::server::socket;
use crate::server::store::description;

const DESCRIPTION: &str = include_str!("../../../../docs/openapi.json");
/// When one who was refused for a moment may try again, seconds.
const RETRY_SECONDS: &str = "10";
/// A model is handed to the connection in pieces of this many bytes.
const PIECE: usize = 64 * 1024;

/// A secret that allows something to whoever shows it.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// One that was chosen.
    ///
    /// # Errors
    /// It is too short.
    pub fn given(token: &str) -> anyhow::Result<Self> {
        ensure!(token.len() >= 16, "a token is too short to be a secret: give at least 16 characters");
        Ok(Self(token.into()))
    }

    /// 128 random bits.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()).into())
    }

    /// The secret itself, for whoever started the program and for nobody else.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Whether `Authorization: Bearer …` carries it, in a time that says nothing about where it differs.
    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        shown.is_some_and(|shown| shown.ct_eq(self.0.as_bytes()).into())
    }
}

/// What the handlers of all addresses share.
#[derive(Clone)]
pub struct Site {
    rooms: Arc<Rooms>,
    gate: Arc<Gate>,
    secrets: Secrets,
    reach: Arc<Reach>,
    kept: bool,
    boards: Arc<Semaphore>,
    writable: Arc<health::Writable>,
}

/// What opens which door.
#[derive(Clone)]
pub struct Secrets {
    /// The host's: everything.
    pub host: Secret,
    /// The operator's: the metrics and nothing else.
    pub metrics: Option<Secret>,
}

impl Site {
    /// `kept` says whether rooms outlive the program.
    pub fn new(rooms: Arc<Rooms>, gate: Arc<Gate>, secrets: Secrets, reach: Arc<Reach>, kept: bool) -> Self {
        let boards = Arc::new(Semaphore::new(rooms.limits().max_event_streams));
        Self { rooms, gate, secrets, reach, kept, boards, writable: Arc::default() }
    }

    fn find(&self, code: &str) -> Result<RoomHandle, Failure> {
        let unknown = || Failure(StatusCode::NOT_FOUND, format!("there is no room {code:?} here; check its code"));
        let code = RoomCode::parse(code).map_err(|_| unknown())?;
        self.rooms.get(&code).ok_or_else(unknown)
    }

    /// The room's links, that which is best for other machines first.
    fn links(&self, code: &RoomCode) -> Vec<String> {
        let origins = self.reach.network.iter().chain([&self.reach.here]);
        origins.map(|origin| format!("{origin}/room/{code}")).collect()
    }
}

impl FromRef<Site> for Arc<Rooms> {
    fn from_ref(site: &Site) -> Self {
        site.rooms.clone()
    }
}

impl FromRef<Site> for Arc<Gate> {
    fn from_ref(site: &Site) -> Self {
        site.gate.clone()
    }
}

/// Every address of the program but the pages' files, as docs/openapi.json has them.
fn table() -> Vec<(&'static str, MethodRouter<Site>)> {
    vec![
        ("/", get(pages::index)),
        ("/room/{code}", get(pages::room)),
        ("/room/{code}/board", get(pages::board)),
        ("/teach", get(pages::teach)),
        ("/ws", get(socket::open)),
        ("/health", get(health::alive)),
        ("/healthz", get(health::alive)),
        ("/readyz", get(health::ready)),
        ("/metrics", get(metrics::text)),
        ("/api/openapi.json", get(description)),
        ("/api/host", get(host::overview)),
        ("/api/rooms/{code}", get(room).delete(host::delete)),
        ("/api/rooms/{code}/command", post(host::command)),
        ("/api/rooms/{code}/events", get(events::follow)),
        ("/api/rooms/{code}/qr.svg", get(qr_code)),
        ("/api/rooms/{code}/results.json", get(results::json)),
        ("/api/rooms/{code}/results.csv", get(results::csv)),
        ("/api/rooms/{code}/history", get(history)),
        ("/api/rooms/{code}/model.safetensors", get(model)),
        ("/api/rooms/{code}/model.onnx", get(onnx_model)),
        ("/api/rooms", post(host::create)),
    ]
}

/// Every address of the program.
pub fn routes(site: Site) -> Router {
    let routes = table().into_iter().fold(Router::new(), |routes, (path, route)| routes.route(path, route));
    routes
        .fallback(get(pages::file))
        .layer(DefaultBodyLimit::max(site.rooms.limits().max_body_bytes))
        .layer(middleware::from_fn_with_state(site.clone(), admission::admit))
        .layer(middleware::from_fn(pages::strict_headers))
        .with_state(site)
}

/// What went wrong, as `{"error": "…"}` with a status.
pub struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.0, Json(json!({ "error": self.1 }))).into_response();
        if matches!(self.0, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        response
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

impl From<InspectError> for Failure {
    fn from(error: InspectError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let no_space = |cause: &(dyn std::error::Error + 'static)| {
            let file = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            let database = cause.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
            matches!(
                file,
                Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
            ) || database == Some(rusqlite::ErrorCode::DiskFull)
        };
        let no_space = error.chain().any(no_space);
        let status = if no_space { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::INTERNAL_SERVER_ERROR };
        Self(status, format!("{error:#}"))
    }
}

/// This interface as OpenAPI.
async fn description() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION)
}

async fn room(State(site): State<Site>, Path(code): Path<String>) -> Result<Json<Value>, Failure> {
    Ok(Json(public(&site, site.find(&code)?.inspect().await?)))
}

/// What everyone may know of a room. Only these: a checkpoint holds secrets as well.
fn public(site: &Site, Snapshot { checkpoint, status, .. }: Snapshot) -> Value {
    let links = site.links(&checkpoint.config.code);
    json!({ "room": checkpoint.config, "status": status, "history": checkpoint.history, "links": links })
}

async fn history(State(site): State<Site>, Path(code): Path<String>) -> Result<Json<Value>, Failure> {
    Ok(Json(json!(site.find(&code)?.inspect().await?.checkpoint.history)))
}

/// The link for other machines as a QR code.
async fn qr_code(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let snapshot = site.find(&code)?.inspect().await?;
    let links = site.links(&snapshot.checkpoint.config.code);
    let picture = links.first().and_then(|link| links::qr_picture(link));
    let too_long = || Failure(StatusCode::NOT_FOUND, "the room's link is too long for a QR code".to_owned());
    let headers = [(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "no-store")];
    Ok((headers, picture.ok_or_else(too_long)?).into_response())
}

async fn model(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let snapshot = site.find(&code)?.inspect().await?;
    let (code, version) = (&snapshot.checkpoint.config.code, snapshot.checkpoint.model_version);
    let about = description::of(&snapshot.checkpoint)?;
    let header = model_file::header(&about).map_err(anyhow::Error::from)?;
    Ok(download(&format!("chorus-{code}-v{version}.safetensors"), vec![header.into(), snapshot.model.clone()]))
}

async fn onnx_model(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let Snapshot { checkpoint, model, .. } = site.find(&code)?.inspect().await?;
    let about = description::of(&checkpoint)?;
    let parts = onnx_file::parts(&about, &model)?;
    let text = "the model is not ready for this: its room works out how loud and how varied its voices are when it \
                starts; come back after the first round";
    let parts = parts.ok_or_else(|| Failure(StatusCode::CONFLICT, text.to_owned()))?;
    Ok(download(&format!("chorus-{}-v{}.onnx", checkpoint.config.code, checkpoint.model_version), parts))
}

/// A file of which the large parts share the room's own bytes, so that any number of downloads costs nothing but their
/// pieces on the way.
fn download(name: &str, parts: Vec<Bytes>) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, parts.iter().map(Bytes::len).sum::<usize>().to_string()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    let pieces = parts.into_iter().flat_map(|part| {
        let starts = (0..part.len()).step_by(PIECE);
        starts.map(move |start| part.slice(start..part.len().min(start + PIECE)))
    });
    (headers, Body::from_stream(stream::iter(pieces.map(Ok::<Bytes, Infallible>)))).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_has_every_address() {
        let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
        let described: BTreeSet<&str> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let routes: BTreeSet<&str> = table().into_iter().map(|(path, _)| path).collect();
        assert_eq!(described, routes);
    }
}
