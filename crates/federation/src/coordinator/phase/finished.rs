//! Finished: the model is there for everyone, and clients say how it does on what they hold back.

use protocol::{ClientId, ErrorCode, Evaluation, ModelVersion, ServerMessage};

use super::PhaseState;
use crate::coordinator::{ConnectionId, Coordinator};

impl Coordinator {
    /// Tells of the finished model, where there is one.
    pub(in crate::coordinator) fn finished_message(&self) -> Option<ServerMessage> {
        let finished = matches!(self.phase, PhaseState::Finished);
        let standardisation = self.standardisation.clone().filter(|_| finished)?;
        Some(ServerMessage::Finished {
            model_version: self.model.version(),
            model: self.model.transfer(),
            difference: self.model.difference(),
            standardisation,
        })
    }

    /// How the finished model did with one client; each is counted once.
    pub(in crate::coordinator) fn take_final_evaluation(
        &mut self,
        connection: ConnectionId,
        id: ClientId,
        version: ModelVersion,
        evaluation: Evaluation,
    ) {
        let finished = matches!(self.phase, PhaseState::Finished) && version == self.model.version();
        let fits = self.fits_labels(&evaluation);
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if finished && self.noise.is_some() {
            return; // It would say of everyone's clips what the noise hides.
        }
        if finished && (!client.contributed || self.final_evaluations.contains_key(&id)) {
            // Who only looks on has no say in how the model does. And a reloaded page evaluates again, which is no fault of it.
            return;
        }
        if !finished {
            let message = "no evaluation is wanted before the room is finished".to_owned();
            return self.error(connection, ErrorCode::OutOfOrder, message);
        }
        if !fits {
            let message = "the evaluation's confusion does not fit the room's labels".to_owned();
            return self.error(connection, ErrorCode::Malformed, message);
        }
        if evaluation.examples > client.most_evaluated() {
            let message =
                format!("ready said {} examples to evaluate on, not {}", client.most_evaluated(), evaluation.examples);
            return self.error(connection, ErrorCode::Malformed, message);
        }
        self.final_evaluations.insert(id, evaluation);
        self.status_changed = true;
        self.identities_changed = true;
    }
}
