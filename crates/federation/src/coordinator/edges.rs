//! A room of edges, from above: each of its clients stands for many, and gives one sum a round for all of them. What one edge may
//! say is bounded by what the room lets it stand for; what its clients gave one by one is the edge's to look at.

use protocol::{ClientId, Encoding, ErrorCode, PartialSum, RefusalReason, ServerMessage, Token};

use super::phase::{PhaseState, unfit_text};
use super::uploads::Announcement;
use super::{Client, ConnectionId, Contribution, Coordinator, Turn};
use crate::local_work::whole_steps;
use crate::partial::key_check;
use crate::update::Update;

/// What an edge says to have.
pub(super) struct Said {
    pub clients: u32,
    pub examples: u32,
    pub labels: Vec<u32>,
    pub held_back: u32,
}

impl Coordinator {
    /// An edge takes part, with so many clients.
    pub(super) fn edge_ready(&mut self, connection: ConnectionId, id: ClientId, key: &Token, said: Said) {
        let Said { clients, examples, labels, held_back } = said;
        let Some(edges) = self.config.edges else {
            let message = "this room takes no edges; make one that does, or take part as a client".to_owned();
            return self.error(connection, ErrorCode::OutOfOrder, message);
        };
        if key_check(key) != edges.key {
            let message = "this is not the key of the room's edges; ask whoever made the room".to_owned();
            return self.end(connection, ErrorCode::Locked, message, true);
        }
        if clients > edges.clients {
            let message = format!("an edge may stand for {} clients here, not for {clients}", edges.clients);
            return self.error(connection, ErrorCode::Malformed, message);
        }
        if !labels.is_empty() && labels.len() != self.config.labels.len() {
            let message =
                format!("edge_ready counts {} labels, and this room has {}", labels.len(), self.config.labels.len());
            return self.error(connection, ErrorCode::Malformed, message);
        }
        let Some(client) = self.clients.get_mut(id) else { return };
        client.taking_part = true;
        client.edge = Some(client.edge.map_or(clients, |before| before.max(clients)));
        client.behind = clients;
        client.examples = examples;
        client.most_examples = client.most_examples.max(examples);
        client.most_held_back = client.most_held_back.max(Some(held_back));
        client.labels = labels;
        self.status_changed = true;
        self.ask(id);
    }

    /// Bytes of an update here; of an edge's, one mean for each that the strategy folds into.
    pub(super) fn update_bytes(&self) -> u32 {
        match self.config.edges {
            None => self.config.update_bytes(),
            // The room's check holds a model below 256 MiB; two means of a larger one are refused everywhere.
            Some(_) => {
                let mean = Encoding::F32.length(self.config.parameters as usize);
                u32::try_from(mean * self.optimiser.means()).unwrap_or(u32::MAX)
            }
        }
    }

    /// How an update's values are written. A mean of many is not rounded once more, whatever its clients' were written in.
    pub(super) fn update_encoding(&self) -> Encoding {
        if self.config.edges.is_some() { Encoding::F32 } else { self.config.encoding }
    }

    /// Whether an edge that stands for so many can have such a sum.
    pub(super) fn check_partial_sum(&self, sum: &PartialSum, client: &Client) -> Result<(), (RefusalReason, String)> {
        let PartialSum { clients, examples, weight, steps, done: _, planned } = *sum;
        let Some(most_clients) = client.edge else {
            return Err((RefusalReason::NotReady, "say edge_ready before sending sums".to_owned()));
        };
        if clients > most_clients {
            let message = format!("edge_ready said {most_clients} clients, and the sum is of {clients}");
            return Err((RefusalReason::WrongExamples, message));
        }
        if examples > client.most_examples {
            let message = format!("edge_ready said {} examples, and the sum is of {examples}", client.most_examples);
            return Err((RefusalReason::WrongExamples, message));
        }
        // What rounding may add to sums of whole numbers.
        let close = 1.0 + 1.0e-9;
        let most = f64::from(clients) * f64::from(self.config.weight_cap);
        if weight > most.min(f64::from(examples)) * close {
            let message = format!("the weight of {clients} clients with {examples} examples is less than {weight}");
            return Err((RefusalReason::WrongExamples, message));
        }
        let most_steps = f64::from(whole_steps(&self.config.training, examples));
        if steps < 1.0 - 1.0e-9 || steps > most_steps * close || planned > most * most_steps * close {
            let message = format!("these clients take 1 to {most_steps} steps here, not {steps}");
            return Err((RefusalReason::WrongSteps, message));
        }
        Ok(())
    }

    /// Takes an edge's sum, whose bytes are all here, into the round, unless there is something wrong with them.
    pub(super) fn gather_partial(&mut self, announced: Announcement, sum: &PartialSum, bytes: &[u8]) {
        let (parameters, limit) = (self.config.parameters as usize, self.config.norm_limit);
        let mean = Encoding::F32.length(parameters).max(1);
        // The mean of updates, none of which is longer than the limit, is not longer.
        let means =
            bytes.chunks(mean).map(|mean| Update::inspect(Encoding::F32, mean, parameters, limit * (1.0 + 1.0e-6)));
        let means: Vec<Update<'_>> = match means.collect() {
            Ok(means) => means,
            Err(unfit) => return self.refuse_update(announced, unfit.reason(), unfit_text(unfit, limit)),
        };
        let PhaseState::Collecting(state) = &mut self.phase else { return };
        let Some(client) = self.clients.get_mut(announced.client) else { return };
        state.gathered.fold_means(&means, sum.weight, sum.steps, &self.config.strategy);
        (state.work.done, state.work.planned) = (state.work.done + sum.done, state.work.planned + sum.planned);
        state.metrics.add_sum(sum.clients, sum.examples, announced.training);
        let Some(first) = means.into_iter().next() else { return };
        let contribution = Contribution {
            client: announced.client,
            name: client.name.clone(),
            examples: sum.examples,
            labels: client.labels.clone(),
            after_ms: self.now.since(state.opened),
            norm: first.norm() as f32,
            clipped: None,
            agreement: None,
            evaluation: announced.evaluation,
        };
        state.given.push((contribution, first.into_sketch()));
        client.turn = Turn::Done;
        client.fraction = None;
        self.status_changed = true;
        self.send(announced.connection, ServerMessage::Accepted { round: announced.round });
    }
}
