//! Aggregating: what a round has gathered becomes the next version of the model.

use protocol::{ModelVersion, Round, RoundRecord, ServerMessage};

use super::PhaseState;
use crate::Model;
use crate::coordinator::{Action, Coordinator};
use crate::sketch::Sketch;

impl Coordinator {
    /// Publishes the round's model and opens the next round, or finishes. Where rounds do not wait for one another
    /// (`goes_on`), the next one takes over the uploads that are under way.
    pub(super) fn aggregate(&mut self, goes_on: bool) {
        let clients = self.clients.all.values().filter(|client| client.taking_part).count() as u32;
        let PhaseState::Collecting(mut state) = std::mem::replace(&mut self.phase, PhaseState::Lobby) else {
            return;
        };
        let uploads = goes_on.then(|| std::mem::take(&mut state.uploads));
        self.back_to_lobby();
        self.hurried = false;
        let round = Round(self.history.len() as u32 + 1);
        let version = ModelVersion(self.model.version().0 + 1);
        let Some(parameters) = self.rule.publish(state.gathered, self.model.parameters(), clients) else {
            return;
        };
        // The mean's memory is the new model's. The old one is freed when the last who is sent it is done.
        self.model = Model::new(version, parameters, self.rule.attachment(), self.config.encoding);
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
    }
}
