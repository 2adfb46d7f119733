//! Aggregating: what a round has gathered becomes the next version of the model.

use protocol::{ModelVersion, Round, RoundRecord, ServerMessage};

use super::PhaseState;
use crate::Model;
use crate::aggregation::{KeptUpdates, direction};
use crate::coordinator::{Action, Coordinator};
use crate::sketch::Sketch;
use crate::strategy::Gathered;

/// After so many rounds in a row whose updates could not be read back, the room is paused.
const MAX_UNREAD: u32 = 3;

impl Coordinator {
    /// Publishes the round's model and opens the next round, or finishes. Where rounds do not wait for one another
    /// (`goes_on`), the next one takes over the uploads that are under way. False: the updates that were kept can't be read,
    /// and the round has to be abandoned; nothing has changed.
    pub(super) fn aggregate(&mut self, goes_on: bool) -> bool {
        let clients = self.clients.all.values().filter(|client| client.taking_part).count() as u32;
        if !self.combine_kept() {
            return false;
        }
        let PhaseState::Collecting(mut state) = std::mem::replace(&mut self.phase, PhaseState::Lobby) else {
            return true;
        };
        let uploads = goes_on.then(|| std::mem::take(&mut state.uploads));
        self.back_to_lobby();
        self.hurried = false;
        let round = Round(self.history.len() as u32 + 1);
        let version = ModelVersion(self.model.version().0 + 1);
        let Some(parameters) = self.optimiser.publish(state.gathered, self.model.parameters(), clients) else {
            return true;
        };
        // The mean's memory is the new model's. The old one is freed when the last who is sent it is done.
        self.model = Model::new(version, parameters, self.optimiser.attachment(), self.config.encoding);
        let record = RoundRecord {
            round,
            model_version: version,
            clients: state.metrics.clients(),
            examples: state.metrics.examples(),
            refused: state.refused,
            duration_ms: self.now.since(state.opened),
            evaluation: state.metrics.evaluation(),
            training: state.metrics.training(),
        };
        self.history.push(record.clone());
        for client in self.clients.all.values_mut() {
            client.downloads = 0;
        }
        let sketches: Vec<&Sketch> = state.sketches.values().map(|(sketch, _)| sketch).collect();
        let agreements = Sketch::agreements(&sketches);
        for ((id, (_, norm)), agreement) in state.sketches.iter().zip(agreements) {
            if let Some(client) = self.clients.get_mut(*id) {
                client.agreement = agreement;
                client.update_norm = agreement.map(|_| *norm);
            }
        }
        // Stored before anyone is told: a server that is killed now must not know less than its clients.
        self.identities_changed = false;
        let finished = version.0 == self.config.rounds;
        if finished {
            self.phase = PhaseState::Finished;
        }
        self.actions.push_back(Action::Checkpoint { model: true });
        self.broadcast(ServerMessage::RoundClosed { record });
        if let Some(uploads) = uploads {
            self.open_round(uploads);
        }
        if finished && let Some(message) = self.finished_message() {
            self.broadcast(message);
        }
        true
    }

    /// Makes one direction of the updates that wait in the spool, where this room's do. False: they can't be read.
    fn combine_kept(&mut self) -> bool {
        let PhaseState::Collecting(state) = &mut self.phase else {
            return true;
        };
        if state.kept.is_empty() {
            return true;
        }
        let (encoding, parameters) = (self.config.encoding, self.config.parameters as usize);
        let mut updates = KeptUpdates::new(&mut *self.spool, &state.kept, encoding, parameters);
        if let Ok(direction) = direction(self.config.aggregation, &mut updates) {
            state.gathered = Gathered::of(direction);
            self.unread = 0;
            return true;
        }
        // Repeated for ever, rounds would send everyone's updates in a circle.
        self.unread += 1;
        if self.unread >= MAX_UNREAD {
            self.unread = 0;
            self.paused = true;
        }
        false
    }
}
