//! A room as it changes, as server-sent events, for boards: no secret is needed, and none is in them.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream;
use protocol::RoomCode;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::boards::BoardPlace;
use super::failure::{Code, Failure};
use super::room::public;
use super::site::{Outside, Site};
use crate::server::gate::{Caller, Full, Place};
use crate::server::metrics::Open;
use crate::server::rooms::{InspectError, RoomHandle};
use crate::server::store::Whereabouts;

/// A room is looked at so often; what is as it was is not sent again.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a board that is being served needs.
struct Board {
    site: Site,
    outside: Outside,
    code: RoomCode,
    room: RoomHandle,
    tick: Interval,
    stopping: watch::Receiver<bool>,
    shown: Value,
    gone: bool,
    _board_place: BoardPlace,
    _place: Option<Place>,
    _open: Open,
}

/// What may stand behind the address.
#[derive(Deserialize)]
pub struct Asked {
    /// What `/api/host` gives the host's pages, for which places are kept.
    watch: Option<String>,
}

/// `GET /api/rooms/{code}/events`: the room at once, and again whenever it has changed.
pub async fn follow(
    State(site): State<Site>,
    Path(code): Path<String>,
    Extension(caller): Extension<Caller>,
    Extension(outside): Extension<Outside>,
    Query(Asked { watch }): Query<Asked>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let room = site.find(&code)?;
    let is_host = watch.is_some_and(|watch| site.secrets.watch.is(watch.as_bytes()));
    let board_place = site.boards.enter(caller.address(), is_host).map_err(|full| {
        site.rooms.metrics().refused("event_streams");
        let limits = site.rooms.limits();
        let words = if full == Full::Address {
            format!("{} boards are open from your address; close one of them", limits.max_event_streams_per_address)
        } else {
            format!("{} boards are open; close one of them", limits.max_event_streams)
        };
        Failure::new(Code::TooManyBoards, words)
    })?;
    let place = site.gate.enter_behind_proxy(caller)?;
    let open = Open::new(&site.rooms.metrics().event_streams);
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stopping = site.rooms.stopping();
    let board = Board {
        site,
        outside,
        code: Site::code(&code)?,
        room,
        tick,
        stopping,
        shown: Value::Null,
        gone: false,
        _board_place: board_place,
        _place: place,
        _open: open,
    };
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
                    let code = &self.code;
                    if !matches!(self.site.rooms.store().whereabouts(code), Whereabouts::Nowhere) {
                        // Another server has it: who comes back is led there.
                        return None;
                    }
                    self.gone = true;
                    return Some(Event::default().event("gone").data("{}"));
                }
            };
            let shown = public(&self.site, &self.outside, snapshot);
            if shown != self.shown {
                let event = Event::default().event("room").data(shown.to_string());
                self.shown = shown;
                return Some(event);
            }
        }
    }
}
