//! Clients that keep their last layer to themselves: FedPer (Arivazhagan et al., "Federated Learning with Personalization
//! Layers", 2019). The body is learnt together and the head by each client alone, where it goes on from round to round; of the
//! head nothing is sent, so that the room's stays as it began. Only simulations have it.

use std::ops::Range;
use std::sync::Arc;

use client::LocalRound;
use federation::TrainRequest;
use models::Architecture;

/// The heads of all clients.
pub struct OwnHeads {
    /// Where a head is among the model's parameters.
    place: Range<usize>,
    /// None before a client's first round, when it begins with the room's.
    heads: Vec<Option<Vec<f32>>>,
}

impl OwnHeads {
    /// Before the first round.
    pub fn new(model: Architecture, labels: usize, clients: usize) -> Self {
        Self { place: model.head(labels), heads: vec![None; clients] }
    }

    /// What a client is asked to train, with its own head on the model that came.
    pub fn put_on(&self, client: usize, asked: &TrainRequest) -> TrainRequest {
        let mut asked = asked.clone();
        if let Some(head) = self.heads.get(client).and_then(Option::as_ref) {
            Arc::make_mut(&mut asked.model)[self.place.clone()].copy_from_slice(head);
        }
        asked
    }

    /// Keeps a client's head after its training, and leaves in its place the one that came: the difference that is sent is 0
    /// there.
    pub fn take_off(&mut self, client: usize, came: &TrainRequest, done: &mut LocalRound) {
        let trained = &mut done.parameters[self.place.clone()];
        if let Some(head) = self.heads.get_mut(client) {
            *head = Some(trained.to_vec());
        }
        trained.copy_from_slice(&came.model[self.place.clone()]);
    }
}

#[cfg(test)]
mod tests {
    use protocol::{ModelVersion, RoomCode, RoomConfig, Round, RoundTraining, Standardisation, TrainingResult};

    use super::*;

    #[test]
    fn a_head_stays_with_its_client_and_is_not_sent() {
        let (model, labels) = (Architecture::Compact, 4);
        let head = model.head(labels);
        let room = RoomConfig::new(RoomCode::from_random(1), model.name(), 1, vec!["no".to_owned(), "yes".to_owned()]);
        let asked = |parameter: f32| TrainRequest {
            round: Round(1),
            model_version: ModelVersion(0),
            model: Arc::new(vec![parameter; head.end]),
            standardisation: Standardisation { mean: Vec::new(), deviation: Vec::new() },
            training: RoundTraining { settings: room.training, seed: 0 },
            proximal: 0.0,
            correction: None,
            gradients: None,
            time_ms: None,
        };
        let done = |parameter: f32| LocalRound {
            evaluation: None,
            parameters: vec![parameter; head.end],
            examples: 1,
            steps: 1,
            training: TrainingResult { loss: 0.0, accuracy: 0.0 },
        };
        let mut heads = OwnHeads::new(model, labels, 2);
        assert_eq!(heads.put_on(0, &asked(1.0)).model, asked(1.0).model, "a client begins with the room's head");
        let mut first = done(2.0);
        heads.take_off(0, &asked(1.0), &mut first);
        let sent: Vec<f32> =
            first.parameters.iter().zip(asked(1.0).model.iter()).map(|(own, came)| own - came).collect();
        assert!(sent[head.clone()].iter().all(|difference| *difference == 0.0));
        assert!(sent[..head.start].iter().all(|difference| *difference == 1.0));
        let next = heads.put_on(0, &asked(3.0)).model;
        assert!(next[head.clone()].iter().all(|parameter| *parameter == 2.0), "it goes on with its own");
        assert!(next[..head.start].iter().all(|parameter| *parameter == 3.0), "under the body that came");
        assert_eq!(heads.put_on(1, &asked(3.0)).model, asked(3.0).model, "and nobody else has it");
    }
}
