//! Whether the program lives, and whether it can do its work: for whoever starts, watches and replaces it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::failure::{Code, Failure};
use super::site::Site;

/// An answer is good for so long, since anybody may ask and the disk has other work.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// A disk that takes longer than this does not work.
const WRITE_LIMIT: Duration = Duration::from_secs(2);

/// Whether what rooms are kept in can be written, as far as that was tried.
#[derive(Default)]
pub struct Writable(Mutex<Probe>);

#[derive(Default)]
struct Probe {
    /// What came of it last, and when.
    known: Option<(Instant, Result<(), String>)>,
    /// A try that is under way. There is one at most, since it may hang for ever with the disk.
    trying: Option<JoinHandle<anyhow::Result<()>>>,
}

/// `GET /healthz`: the process answers.
pub async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: stored rooms go on, what happens in them can be stored, and the program is not stopping.
pub async fn ready(State(site): State<Site>) -> Result<Json<Value>, Failure> {
    let not_ready = |code, reason: &str| Failure::new(code, format!("not ready: {reason}"));
    if *site.rooms.stopping().borrow() {
        return Err(not_ready(Code::Stopping, "the program is stopping"));
    }
    writable(&site).await.map_err(|reason| not_ready(Code::StateNotWritable, &reason))?;
    let (rooms, _) = site.rooms.size();
    Ok(Json(json!({ "status": "ready", "rooms": rooms })))
}

async fn writable(site: &Site) -> Result<(), String> {
    let mut probe = site.writable.0.lock().await;
    if let Some((at, outcome)) = &probe.known
        && at.elapsed() < GOOD_FOR
    {
        return outcome.clone();
    }
    let (rooms, place) = (site.rooms.clone(), site.rooms.store().place());
    // It stays in its place while it is waited for, since whoever asked may go meanwhile.
    let try_now = || tokio::task::spawn_blocking(move || rooms.store().try_writing());
    let tried = timeout(WRITE_LIMIT, probe.trying.get_or_insert_with(try_now)).await;
    if tried.is_ok() {
        probe.trying = None;
    }
    let outcome = match tried {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => {
            tracing::error!(error = format!("{error:#}"), "{place} cannot be written");
            // The reason names a folder of this machine, which is for the log.
            Err(format!("{place} cannot be written; the log says why"))
        }
        Ok(Err(_)) => Err(format!("{place} could not be tried")),
        Err(_) => Err(format!("{place} does not answer")),
    };
    probe.known = Some((Instant::now(), outcome.clone()));
    outcome
}
