//! The HTTP side: which address leads where, rooms as JSON, and the model as a file.

mod events;
mod host;
mod results;

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::ensure;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRef, Path, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use bytes::Bytes;
use futures_util::stream;
use protocol::RoomCode;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::links::{self, Reach};
use crate::model_file::{self, Description};
use crate::room::{InspectError, RoomHandle, Snapshot};
use crate::rooms::Rooms;
use crate::{onnx_file, pages, socket};

/// Longest body that a request may have, bytes.
const MOST_BODY: usize = 16 * 1024;
/// A model is handed to the connection in pieces of this many bytes.
const PIECE: usize = 64 * 1024;

/// The secret that allows to make rooms.
#[derive(Clone)]
pub struct HostToken(Arc<str>);

impl HostToken {
    /// The given secret, or 128 random bits.
    pub fn given_or_new(given: Option<&str>) -> anyhow::Result<Self> {
        let token = match given {
            Some(token) => {
                ensure!(token.len() >= 16, "the host token is too short to be a secret: give at least 16 characters");
                token.to_owned()
            }
            None => format!("{:032x}", rand::random::<u128>()),
        };
        Ok(Self(token.into()))
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
    host_token: HostToken,
    reach: Arc<Reach>,
    kept: bool,
    boards: Arc<Semaphore>,
}

impl Site {
    /// `kept` says whether rooms outlive the program.
    pub fn new(rooms: Arc<Rooms>, host_token: HostToken, reach: Arc<Reach>, kept: bool) -> Self {
        Self { rooms, host_token, reach, kept, boards: Arc::new(Semaphore::new(events::MOST_BOARDS)) }
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

/// Every address of the program.
pub fn routes(site: Site) -> Router {
    Router::new()
        .route("/", get(pages::index))
        .route("/room/{code}", get(pages::room))
        .route("/room/{code}/board", get(pages::board))
        .route("/teach", get(pages::teach))
        .route("/ws", get(socket::open))
        .route("/health", get(health))
        .route("/api/host", get(host::overview))
        .route("/api/rooms/{code}", get(room).delete(host::delete))
        .route("/api/rooms/{code}/command", post(host::command))
        .route("/api/rooms/{code}/events", get(events::follow))
        .route("/api/rooms/{code}/qr.svg", get(qr_code))
        .route("/api/rooms/{code}/results.json", get(results::json))
        .route("/api/rooms/{code}/results.csv", get(results::csv))
        .route("/api/rooms/{code}/history", get(history))
        .route("/api/rooms/{code}/model.safetensors", get(model))
        .route("/api/rooms/{code}/model.onnx", get(onnx_model))
        .route("/api/rooms", post(host::create))
        .fallback(get(pages::file))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(middleware::from_fn(pages::strict_headers))
        .with_state(site)
}

/// What went wrong, as `{"error": "…"}` with a status.
pub struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
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

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
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
    let broken = |error: anyhow::Error| Failure(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"));
    let header = Description::of(&snapshot.checkpoint).and_then(|about| model_file::header(&about)).map_err(broken)?;
    Ok(download(&format!("chorus-{code}-v{version}.safetensors"), vec![header, snapshot.model.clone()]))
}

async fn onnx_model(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let Snapshot { checkpoint, model, .. } = site.find(&code)?.inspect().await?;
    let broken = |error: anyhow::Error| Failure(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"));
    let about = Description::of(&checkpoint).map_err(broken)?;
    let parts = onnx_file::parts(&about, &model).map_err(broken)?;
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
