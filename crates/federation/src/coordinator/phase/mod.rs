//! The phases of a room, one a file, and the way from one to the next:
//!
//! Lobby → Normalising (once) → Collecting → Aggregating → Collecting … → Finished
//!
//! Aggregating takes no time that anyone could see: it happens within the call that closes a round. A phase that
//! brought in too few by its deadline goes back to the lobby, which begins it anew as soon as enough clients are
//! ready, with the same model.

mod aggregating;
mod collecting;
mod finished;
mod lobby;
mod normalising;

pub(super) use collecting::{Collecting, unfit_text};
pub(super) use finished::FinalSaid;
use finished::Finished;
pub(super) use normalising::Normalising;
use protocol::ClientId;

use super::masking::MaskedRound;
use super::{BACK_MS, Coordinator, Turn};
use crate::Millis;

/// Where a room is, with what it has gathered there.
#[derive(Debug)]
pub(super) enum PhaseState {
    Lobby,
    Normalising(Normalising),
    Collecting(Box<Collecting>),
    Finished(Finished),
}

impl PhaseState {
    /// All rounds are over.
    pub(super) fn finished() -> Self {
        PhaseState::Finished(Finished::default())
    }

    /// The masked sum that is under way.
    pub(super) fn masked(&mut self) -> Option<&mut MaskedRound> {
        match self {
            PhaseState::Collecting(state) => state.masked.as_deref_mut(),
            PhaseState::Finished(state) => state.sum.as_deref_mut(),
            PhaseState::Lobby | PhaseState::Normalising(_) => None,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Millis> {
        match self {
            PhaseState::Lobby => None,
            PhaseState::Finished(state) => {
                state.sum.as_ref().map(|sum| sum.by()).into_iter().chain(state.groups_by).min()
            }
            PhaseState::Normalising(state) => Some(state.deadline),
            PhaseState::Collecting(state) => {
                let end = state.masked.as_ref().map_or(state.deadline, |masked| masked.by());
                state.uploads.next_stall().into_iter().chain([end]).min()
            }
        }
    }
}

/// Whether a phase is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    GoOn,
    Close,
    Abandon,
}

impl Coordinator {
    /// Goes to the next phase as long as the present one is over.
    pub(super) fn advance(&mut self) {
        self.begin_again();
        self.follow();
        self.settle_groups();
        loop {
            let moved = match &self.phase {
                PhaseState::Lobby => self.leave_lobby(),
                PhaseState::Normalising(state) => {
                    let verdict = self.verdict(state.received(), 0, state.deadline);
                    self.leave_normalising(verdict)
                }
                PhaseState::Collecting(state) if state.masked.is_some() => self.advance_masked(),
                PhaseState::Collecting(_) => {
                    self.open_to_newcomers();
                    self.select_more();
                    let PhaseState::Collecting(state) = &self.phase else { return };
                    let goal = match self.goal() {
                        // Where updates are kept, a round is full with as many as the room may have clients.
                        0 if self.config.aggregation.keeps_updates() => self.config.max_clients,
                        goal => goal,
                    };
                    let verdict = self.verdict(state.received(), goal, state.deadline);
                    self.leave_collecting(verdict)
                }
                PhaseState::Finished(state) if state.sum.is_some() => self.advance_masked(),
                PhaseState::Finished(_) => self.ask_how_it_does(),
            };
            if !moved {
                if !self.config.pace.is_synchronous() {
                    // Who has given an update of an earlier version goes on with the present one.
                    self.ask_all();
                }
                return;
            }
            self.status_changed = true;
        }
    }

    /// After a restart the rounds have begun when all are back who began them, or have had the time for it.
    fn begin_again(&mut self) {
        if self.begun || self.history.is_empty() {
            return;
        }
        let back_by = *self.back_by.get_or_insert(self.now + BACK_MS);
        if back_by <= self.now {
            (self.begun, self.back_by) = (true, None);
        }
    }

    /// A phase closes at its goal, or when nobody is missing any more, or at its deadline, each with the least count;
    /// at the deadline without it, it is abandoned. With too few and nobody missing it stays open: what came in is
    /// kept, and somebody may still join before the deadline.
    fn verdict(&self, received: u32, goal: u32, deadline: Millis) -> Verdict {
        let late = self.now >= deadline;
        if received >= self.least() {
            let reached = goal > 0 && received >= goal;
            if reached || late || !self.anyone_missing() { Verdict::Close } else { Verdict::GoOn }
        } else if late {
            Verdict::Abandon
        } else {
            Verdict::GoOn
        }
    }

    /// Whether the present phase still waits for somebody.
    fn anyone_missing(&self) -> bool {
        self.clients.all.values().any(|client| client.is_missing() && self.is_wanted(client.id))
    }

    /// Asks a client that takes part for what the present phase needs of it, unless it was asked before.
    pub(super) fn ask(&mut self, id: ClientId) {
        let asked = self.clients.all.get(&id).is_some_and(|client| client.turn != Turn::None);
        if asked {
            return;
        }
        match &self.phase {
            PhaseState::Lobby | PhaseState::Finished(_) => {}
            PhaseState::Normalising(_) => self.ask_for_statistics(id),
            PhaseState::Collecting(_) if self.is_wanted(id) => self.ask_for_update(id),
            PhaseState::Collecting(_) => {}
        }
    }

    /// Asks everyone who takes part.
    fn ask_all(&mut self) {
        let ready: Vec<ClientId> = self.clients.ready().map(|(client, _)| client.id).collect();
        for id in ready {
            self.ask(id);
        }
    }
}
