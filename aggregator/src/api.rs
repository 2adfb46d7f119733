//! The HTTP side: which address leads where, rooms as JSON, and the model as a file.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::ensure;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
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

use crate::model_file::{self, Description};
use crate::room::{Ended, Snapshot};
use crate::rooms::{CreateError, Rooms};
use crate::settings::Settings;
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

/// Every address of the program.
pub fn routes(rooms: Arc<Rooms>, host_token: HostToken) -> Router {
    Router::new()
        .route("/", get(pages::index))
        .route("/room/{code}", get(pages::room))
        .route("/ws", get(socket::open))
        .route("/health", get(health))
        .route("/api/rooms/{code}", get(room))
        .route("/api/rooms/{code}/history", get(history))
        .route("/api/rooms/{code}/model.safetensors", get(model))
        .route("/api/rooms/{code}/model.onnx", get(onnx_model))
        .route("/api/rooms", post(move |state, headers, body| create(host_token, state, headers, body)))
        .fallback(get(pages::file))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(middleware::from_fn(pages::strict_headers))
        .with_state(rooms)
}

/// What went wrong, as `{"error": "…"}` with a status.
struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<Ended> for Failure {
    fn from(ended: Ended) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, ended.to_string())
    }
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn find(rooms: &Rooms, code: &str) -> Result<Snapshot, Failure> {
    let unknown = || Failure(StatusCode::NOT_FOUND, format!("there is no room {code:?} here; check its code"));
    let code = RoomCode::parse(code).map_err(|_| unknown())?;
    let room = rooms.get(&code).ok_or_else(unknown)?;
    Ok(room.inspect().await?)
}

async fn room(State(rooms): State<Arc<Rooms>>, Path(code): Path<String>) -> Result<Json<Value>, Failure> {
    let Snapshot { checkpoint, status, .. } = find(&rooms, &code).await?;
    // Only these: a checkpoint holds secrets as well.
    Ok(Json(json!({ "room": checkpoint.config, "status": status, "history": checkpoint.history })))
}

async fn history(State(rooms): State<Arc<Rooms>>, Path(code): Path<String>) -> Result<Json<Value>, Failure> {
    Ok(Json(json!(find(&rooms, &code).await?.checkpoint.history)))
}

async fn model(State(rooms): State<Arc<Rooms>>, Path(code): Path<String>) -> Result<Response, Failure> {
    let snapshot = find(&rooms, &code).await?;
    let (code, version) = (&snapshot.checkpoint.config.code, snapshot.checkpoint.model_version);
    let broken = |error: anyhow::Error| Failure(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"));
    let header = Description::of(&snapshot.checkpoint).and_then(|about| model_file::header(&about)).map_err(broken)?;
    Ok(download(&format!("chorus-{code}-v{version}.safetensors"), vec![header, snapshot.model.clone()]))
}

async fn onnx_model(State(rooms): State<Arc<Rooms>>, Path(code): Path<String>) -> Result<Response, Failure> {
    let Snapshot { checkpoint, model, .. } = find(&rooms, &code).await?;
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

async fn create(
    host_token: HostToken,
    State(rooms): State<Arc<Rooms>>,
    headers: HeaderMap,
    body: Result<Json<Settings>, JsonRejection>,
) -> Result<Response, Failure> {
    if !host_token.is_shown(&headers) {
        let text = "making a room needs the host token that was printed at the start: Authorization: Bearer TOKEN";
        return Err(Failure(StatusCode::UNAUTHORIZED, text.to_owned()));
    }
    let Json(settings) = body.map_err(|rejection| Failure(rejection.status(), rejection.body_text()))?;
    let config = settings.room().map_err(|error| Failure(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    let answer = json!({ "room": config, "path": format!("/room/{}", config.code) });
    // Initialising a large model takes a moment in which other requests should not wait.
    let created = tokio::task::spawn_blocking(move || rooms.create(config)).await;
    match created {
        Ok(Ok(())) => Ok((StatusCode::CREATED, Json(answer)).into_response()),
        Ok(Err(error @ (CreateError::Taken(_) | CreateError::TooMany))) => {
            Err(Failure(StatusCode::CONFLICT, error.to_string()))
        }
        Ok(Err(error)) => Err(Failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        Err(error) => Err(Failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}
