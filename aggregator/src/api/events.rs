//! A room as it changes, as server-sent events, for boards: no secret is needed, and none is in them.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{Failure, Site};
use crate::room::{InspectError, RoomHandle};

/// Boards that are served at one time.
pub const MOST_BOARDS: usize = 64;
/// A room is looked at so often; what is as it was is not sent again.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a board that is being served needs.
struct Board {
    site: Site,
    room: RoomHandle,
    tick: Interval,
    stopping: watch::Receiver<bool>,
    shown: Value,
    gone: bool,
    _permit: OwnedSemaphorePermit,
}

/// `GET /api/rooms/{code}/events`: the room at once, and again whenever it has changed.
pub async fn follow(
    State(site): State<Site>,
    Path(code): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let room = site.find(&code)?;
    let many =
        |_| Failure(StatusCode::SERVICE_UNAVAILABLE, format!("{MOST_BOARDS} boards are open; close one of them"));
    let permit = site.boards.clone().try_acquire_owned().map_err(many)?;
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stopping = site.rooms.stopping();
    let board = Board { site, room, tick, stopping, shown: Value::Null, gone: false, _permit: permit };
    let events = stream::unfold(board, |mut board| async move { Some((Ok(board.next().await?), board)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

impl Board {
    /// Waits for the next change; `None` once the room is gone or the program ends.
    async fn next(&mut self) -> Option<Event> {
        if self.gone {
            return None;
        }
        loop {
            tokio::select! {
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                _ = self.tick.tick() => {}
            }
            let snapshot = match self.room.inspect().await {
                Ok(snapshot) => snapshot,
                Err(InspectError::Unreadable(_)) => continue,
                Err(InspectError::Ended(_)) => {
                    self.gone = true;
                    return Some(Event::default().event("gone").data("{}"));
                }
            };
            let shown = super::public(&self.site, snapshot);
            if shown != self.shown {
                let event = Event::default().event("room").data(shown.to_string());
                self.shown = shown;
                return Some(event);
            }
        }
    }
}
