//! The lobby waits until the least number of clients is ready.

use masking::Purpose;

use super::PhaseState;
use crate::coordinator::uploads::Uploads;
use crate::coordinator::{Action, Coordinator};
use crate::noise::Noising;

impl Coordinator {
    /// Begins what is due, if enough clients are ready.
    pub(super) fn leave_lobby(&mut self) -> bool {
        if self.led.is_some() {
            return self.leave_led_lobby();
        }
        if self.paused || (self.clients.ready().count() as u32) < self.least() {
            return false;
        }
        if self.noise.as_ref().is_some_and(Noising::is_spent) {
            // The last sum that there was budget for was opened, and lost: there is no further round.
            if self.end_rounds().is_ok() {
                self.actions.push_back(Action::Checkpoint { model: false });
            }
            return false;
        }
        if self.noise.as_ref().is_some_and(|noise| !noise.may_publish()) {
            return false;
        }
        let scaled = self.noise.is_some() || (self.standardisation.is_some() && !self.renormalise);
        if !self.chooses_openers(if scaled { Purpose::Update } else { Purpose::Statistics }) {
            return false;
        }
        (self.begun, self.back_by) = (true, None);
        if self.noise.is_some() {
            // The sums of all are no secret in a room with noise only if there are none.
            self.renormalise = false;
            if self.standardisation.is_none() {
                self.standardisation = Some(self.common_scale());
                // Stored before anyone is told of it: every `round` carries it.
                self.actions.push_back(Action::Checkpoint { model: false });
            }
        }
        if self.standardisation.is_some() && !self.renormalise {
            self.open_round(Uploads::default());
        } else if self.config.masking.is_some() {
            self.open_statistics();
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
