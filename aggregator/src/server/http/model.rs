//! A room's present model as a file.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;

use super::failure::{Code, Failure};
use super::onnx_file;
use super::site::Site;
use crate::server::rooms::Snapshot;
use crate::server::store::description;

/// A model is handed to the connection in pieces of this many bytes.
const PIECE: usize = 64 * 1024;

/// `GET /api/rooms/{code}/model.safetensors`.
pub async fn safetensors(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let Snapshot { checkpoint, model, .. } = site.find(&code)?.inspect().await?;
    let about = description::of(&checkpoint)?;
    let header = model_file::header(&about).map_err(anyhow::Error::from)?;
    let name = format!("chorus-{}-v{}.safetensors", checkpoint.config.code, checkpoint.model_version);
    Ok(download(&name, vec![header.into(), model]))
}

/// `GET /api/rooms/{code}/model.onnx`.
pub async fn onnx(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let Snapshot { checkpoint, model, .. } = site.find(&code)?.inspect().await?;
    let about = description::of(&checkpoint)?;
    let parts = onnx_file::parts(&about, &model)?;
    let words = "the model is not ready for this: its room works out how loud and how varied its voices are when it \
                 starts; come back after the first round";
    let parts = parts.ok_or_else(|| Failure::new(Code::ModelNotReady, words))?;
    Ok(download(&format!("chorus-{}-v{}.onnx", checkpoint.config.code, checkpoint.model_version), parts))
}

/// `GET /api/rooms/{code}/model.json`: what the two say of the model inside.
pub async fn json(State(site): State<Site>, Path(code): Path<String>) -> Result<Response, Failure> {
    let Snapshot { checkpoint, .. } = site.find(&code)?.inspect().await?;
    let about = description::of(&checkpoint)?.json().map_err(anyhow::Error::from)?;
    let name = format!("chorus-{}-v{}.json", checkpoint.config.code, checkpoint.model_version);
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, about).into_response())
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
