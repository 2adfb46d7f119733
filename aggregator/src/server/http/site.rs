//! What the handlers of all addresses share.

use std::sync::Arc;

use axum::extract::FromRef;
use protocol::RoomCode;
use tokio::sync::Semaphore;

use super::failure::{Code, Failure};
use super::health::Writable;
use super::secret::Secrets;
use crate::server::gate::Gate;
use crate::server::links::Reach;
use crate::server::rooms::{RoomHandle, Rooms};

/// What a handler needs.
#[derive(Clone)]
pub struct Site {
    /// The rooms, with limits and metrics.
    pub rooms: Arc<Rooms>,
    /// Who may connect.
    pub gate: Arc<Gate>,
    /// What opens what is not for everyone.
    pub secrets: Secrets,
    /// Where this program is reached.
    pub reach: Arc<Reach>,
    /// Whether rooms outlive the program.
    pub kept: bool,
    /// Places for those who follow rooms.
    pub boards: Arc<Semaphore>,
    /// What is known of the state folder.
    pub writable: Arc<Writable>,
}

impl Site {
    /// `kept` says whether rooms outlive the program.
    pub fn new(rooms: Arc<Rooms>, gate: Arc<Gate>, secrets: Secrets, reach: Arc<Reach>, kept: bool) -> Self {
        let boards = Arc::new(Semaphore::new(rooms.limits().max_event_streams));
        Self { rooms, gate, secrets, reach, kept, boards, writable: Arc::default() }
    }

    /// A room's code as somebody wrote it.
    ///
    /// # Errors
    /// It is none, and so there is no such room.
    pub fn code(text: &str) -> Result<RoomCode, Failure> {
        RoomCode::parse(text).map_err(|_| unknown(text))
    }

    /// The room with a code as somebody wrote it.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, code: &str) -> Result<RoomHandle, Failure> {
        self.rooms.get(&Self::code(code)?).ok_or_else(|| unknown(code))
    }

    /// The room's links, that which is best for other machines first.
    pub fn links(&self, code: &RoomCode) -> Vec<String> {
        self.origins().map(|origin| format!("{origin}/room/{code}")).collect()
    }

    /// Where this program is reached, the best for other machines first.
    pub fn origins(&self) -> impl Iterator<Item = &String> {
        self.reach.network.iter().chain([&self.reach.here])
    }
}

fn unknown(code: &str) -> Failure {
    Failure::new(Code::RoomUnknown, format!("there is no room {code:?} here; check its code"))
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
