//! A room that cannot be stored, because the disk is full or cannot be written: it is held. Nothing that happened is told,
//! nothing more is taken from the participants (their frames wait in their sockets), and the room's time stands still; but
//! everyone in it gets a sign of life that says so, the host gets answers, and what is looked at is the room as it was
//! stored last. As soon as it can be stored it goes on, and nothing was lost.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Result;
use protocol::{ServerMessage, Status};
use tokio::time::{MissedTickBehavior, interval_at};

use super::door::{CommandError, Door, InspectError, Request};
use super::outbox::{Outgoing, json};
use super::room::Room;
use super::snapshot::Snapshot;
use crate::server::store::Lost;

/// Pause between two tries to store.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// Everyone is told again after so many tries: within the 15 s of the protocol.
const TRIES_A_SIGN: u32 = 5;

impl Room {
    /// Waits until the room is stored. Breaks where it has to end meanwhile.
    pub(super) async fn hold(&mut self, model: bool, error: &anyhow::Error, door: &mut Door) -> ControlFlow<()> {
        let code = self.coordinator.config().code.clone();
        let began = Instant::now();
        let mut reason = format!("{error:#}");
        tracing::error!(room = %code, "the room cannot be stored ({reason}); it is held until it can, and tried again every 2 s");
        self.held.send_replace(true);
        if let Some((answer, _)) = self.unanswered.take() {
            // Whoever asked may have gone meanwhile.
            let _ = answer.send(Err(CommandError::Held(reason.clone())));
        }
        self.tell_whether_held(true);
        let mut stored = None;
        let mut retry = interval_at((began + RETRY_EVERY).into(), RETRY_EVERY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tries = 0_u32;
        loop {
            tokio::select! {
                request = door.requests.recv() => match request {
                    None => return ControlFlow::Break(()),
                    Some(Request::Leave) => {
                        self.leave();
                        return ControlFlow::Break(());
                    }
                    Some(Request::Knows { token, answer }) => {
                        let _ = answer.send(self.coordinator.knows(&token));
                    }
                    Some(Request::Inspect { answer }) => {
                        let _ = answer.send(self.snapshot_of_stored(&mut stored));
                    }
                    Some(Request::Held { answer }) => {
                        let _ = answer.send(self.coordinator.held());
                    }
                    Some(Request::Command { answer, .. }) => {
                        let _ = answer.send(Err(CommandError::Held(reason.clone())));
                    }
                    // It is carried out once the room is stored, with all the rest.
                    Some(Request::Lead { lead }) => self.coordinator.lead(self.clock.now(), *lead),
                    Some(Request::Park { done }) => {
                        // What waited to be told is forgotten: nobody may know what was not stored.
                        while self.coordinator.poll_action().is_some() {}
                        self.park();
                        let _ = done.send(());
                        return ControlFlow::Break(());
                    }
                },
                _ = retry.tick() => {
                    let Err(error) = self.save(model) else { break };
                    if error.is::<Lost>() {
                        self.leave();
                        return ControlFlow::Break(());
                    }
                    let now = format!("{error:#}");
                    if now != reason {
                        tracing::error!(room = %code, "the room still cannot be stored ({now})");
                        reason = now;
                    }
                    tries += 1;
                    if tries.is_multiple_of(TRIES_A_SIGN) {
                        self.tell_whether_held(true);
                    }
                }
            }
        }
        let held = began.elapsed();
        self.clock.stood_still(held);
        self.held.send_replace(false);
        tracing::warn!(room = %code, "the room is stored again and goes on, after {:.0} s", held.as_secs_f64());
        self.tell_whether_held(false);
        ControlFlow::Continue(())
    }

    /// Says once more to everyone what they were told last, and whether it waits.
    fn tell_whether_held(&mut self, held: bool) {
        let Some(status) = &mut self.shown else { return };
        status.held = held;
        let text = json(&ServerMessage::Status(status.clone()));
        let welcomed = self.clients.iter().filter(|(_, client)| client.welcomed);
        let connections: Vec<_> = welcomed.map(|(connection, _)| *connection).collect();
        for connection in connections {
            self.put(connection, |outbox| outbox.put(Outgoing::Text(text.clone())));
        }
    }

    /// The room as it was stored last, read once.
    fn snapshot_of_stored(&self, read: &mut Option<Snapshot>) -> Result<Snapshot, InspectError> {
        if let Some(snapshot) = read {
            return Ok(snapshot.clone());
        }
        let room = self.store.stored(&self.coordinator.config().code).map_err(InspectError::Unreadable)?;
        // Where the answer to storing was lost, a version is stored that nobody was told of.
        let told = self.shown.clone().filter(|told| told.model_version == room.model().version());
        let status = told.unwrap_or_else(|| room.status(self.clock.now()));
        let status = Status { held: true, ..status };
        let snapshot = Snapshot { status, load: self.coordinator.load(), ..Snapshot::of(&room, self.clock.now()) };
        Ok(read.insert(snapshot).clone())
    }
}
