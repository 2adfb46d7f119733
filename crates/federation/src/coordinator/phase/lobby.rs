//! The lobby waits until the least number of clients is ready.

use protocol::Standardisation;

use super::PhaseState;
use crate::coordinator::Coordinator;
use crate::coordinator::uploads::Uploads;

impl Coordinator {
    /// Begins what is due, if enough clients are ready.
    pub(super) fn leave_lobby(&mut self) -> bool {
        if self.paused || (self.clients.ready().count() as u32) < self.least() {
            return false;
        }
        if self.noise.as_ref().is_some_and(|noise| !noise.may_publish()) {
            return false;
        }
        (self.begun, self.back_by) = (true, None);
        if self.config.tells_nothing_of_clients() {
            // Nobody's sums are asked for in a masked room, and those of all are no secret in one with noise only if there are none.
            self.renormalise = false;
            self.standardisation.get_or_insert_with(|| as_they_are(self.config.features as usize));
        }
        if self.standardisation.is_some() && !self.renormalise {
            self.open_round(Uploads::default());
        } else {
            self.begin_normalising();
        }
        true
    }

    /// Goes back to wait; everyone is asked anew.
    pub(in crate::coordinator) fn back_to_lobby(&mut self) {
        self.phase = PhaseState::Lobby;
        self.spool.clear();
        self.clients.reset_turns();
    }
}

/// Features that enter the model as they are.
fn as_they_are(features: usize) -> Standardisation {
    Standardisation { mean: vec![0.0; features], deviation: vec![1.0; features] }
}
