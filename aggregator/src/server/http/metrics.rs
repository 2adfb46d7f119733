//! `GET /metrics`: what Prometheus reads. Room codes are in it, with which anyone may join, so it needs a secret: the
//! host's, or one of its own that opens nothing else.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::failure::{Code, Failure};
use super::site::Site;
use crate::server::metrics::{Now, RoomNow};
use crate::server::rooms::Snapshot;

/// A room that is busy for longer is left out for once.
const PATIENCE: Duration = Duration::from_secs(2);

/// All metrics as OpenMetrics text.
pub async fn text(State(site): State<Site>, headers: HeaderMap) -> Result<Response, Failure> {
    let secrets = [Some(&site.secrets.host), site.secrets.metrics.as_ref()];
    if !secrets.into_iter().flatten().any(|secret| secret.is_shown(&headers)) {
        let text = "this needs a secret, that of --metrics-token or the host's: Authorization: Bearer TOKEN";
        return Err(Failure::new(Code::MetricsTokenWrong, text));
    }
    let handles: Vec<_> = site.rooms.codes().iter().filter_map(|code| site.rooms.get(code)).collect();
    let asked = join_all(handles.iter().map(|room| timeout(PATIENCE, room.inspect()))).await;
    let limits = site.rooms.limits();
    let room = |Snapshot { checkpoint, status, load, .. }| RoomNow { code: checkpoint.config.code, status, load };
    let (all_rooms, memory) = site.rooms.size();
    let now = Now {
        all_rooms,
        most_rooms: limits.max_rooms as u64,
        memory,
        most_memory: limits.model_memory(),
        most_connections: limits.max_connections as u64,
        cluster: site.rooms.store().cluster().map(|cluster| (cluster.servers, cluster.rooms, cluster.answer)),
        rooms: asked.into_iter().filter_map(|asked| Some(room(asked.ok()?.ok()?))).collect(),
    };
    let text = site.rooms.metrics().text(&now);
    let text = text.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
