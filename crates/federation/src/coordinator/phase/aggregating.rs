//! Aggregating: what a round has gathered becomes the next version of the model.

use std::io;

use protocol::{Aggregation, Round, RoundRecord, ServerMessage};

use super::PhaseState;
use super::collecting::Work;
use crate::aggregation::{Kept, KeptUpdates, clipping, direction};
use crate::coordinator::{Action, Client, Contribution, Coordinator};
use crate::influence;
use crate::noise::Noising;
use crate::sketch::Sketch;
use crate::strategy::{Effort, Gathered, ServerOptimiser};

/// After so many rounds in a row whose updates could not be read back, the room is paused.
const MAX_UNREAD: u32 = 3;

impl Coordinator {
    /// Publishes the round's model and opens the next round, or finishes. Where rounds do not wait for one another
    /// (`goes_on`), the next one takes over the uploads that are under way. False: the updates that were kept can't be read,
    /// and the round has to be abandoned; nothing has changed.
    pub(super) fn aggregate(&mut self, goes_on: bool) -> bool {
        if self.led.is_some() {
            self.give_partial();
            return true;
        }
        let taking_part = self.clients.all.values().filter(|client| client.taking_part);
        let clients = taking_part.map(Client::stands_for).sum();
        if !self.combine_kept() {
            return false;
        }
        let PhaseState::Collecting(mut state) = std::mem::replace(&mut self.phase, PhaseState::Lobby) else {
            return true;
        };
        if let Some(noise) = &mut self.noise {
            let sum = std::mem::take(&mut state.clipped).into_values(self.config.parameters as usize);
            let Some(noisy) = noise.publish(sum) else {
                return true; // No round was opened that may not be published.
            };
            state.gathered = Gathered::of(noisy);
        }
        if state.work.done < state.work.planned {
            state.gathered.shorten(state.work.done / state.work.planned);
        }
        let uploads = goes_on.then(|| std::mem::take(&mut state.uploads));
        self.back_to_lobby();
        let round = Round(self.history.len() as u32 + 1);
        let Some(mut parameters) = self.optimiser.publish(state.gathered, self.model.parameters(), clients) else {
            return true;
        };
        let spent = self.noise.as_ref().is_some_and(Noising::is_spent);
        let finished = round.0 == self.config.rounds || spent;
        if let Some(mean) = &mut self.model_mean {
            mean.take(round.0, &parameters);
            if finished {
                // What rounding left out on the way is none of the mean's.
                self.rest.clear();
                parameters.copy_from_slice(mean.values());
            }
        }
        // The mean's memory is the new model's. The old one is freed when the last who is sent it is done.
        let (encoding, seed) = (self.config.encoding, self.config.seed);
        self.model = self.model.next(parameters, self.optimiser.attachment(), encoding, &mut self.rest, seed);
        let version = self.model.version();
        let given = state.given.iter();
        let evaluations = given.filter_map(|(given, _)| Some((&given.client, given.evaluation.as_ref()?)));
        let record = RoundRecord {
            round,
            model_version: version,
            clients: state.metrics.clients(),
            examples: state.metrics.examples(),
            refused: state.refused,
            duration_ms: self.now.since(state.opened),
            evaluation: state.masked_evaluation.take().or_else(|| self.combined(evaluations)),
            training: state.metrics.training(),
        };
        self.history.push(record.clone());
        for client in self.clients.all.values_mut() {
            client.downloads = 0;
        }
        let given = self.with_agreements(state.given);
        self.remember(given);
        // Stored before anyone is told: a server that is killed now must not know less than its clients.
        self.identities_changed = false;
        let ended_early = finished && version.0 != self.config.rounds;
        if finished {
            self.config.rounds = version.0;
            self.phase = PhaseState::finished();
        }
        self.actions.push_back(Action::Checkpoint { model: true });
        if ended_early {
            self.broadcast(ServerMessage::Settings { room: self.config.clone() });
        }
        self.broadcast(ServerMessage::RoundClosed { record });
        if let Some(uploads) = uploads {
            self.open_round(uploads);
        }
        if finished {
            self.tell_of_the_end();
        }
        true
    }

    /// What was given, with how far each pointed where the others' did, which their clients' rows then say as well.
    pub(in crate::coordinator) fn with_agreements(&mut self, given: Vec<(Contribution, Sketch)>) -> Vec<Contribution> {
        let sketches: Vec<&Sketch> = given.iter().map(|(_, sketch)| sketch).collect();
        let agreements = Sketch::agreements(&sketches);
        let given = given.into_iter().zip(agreements).map(|((given, _), agreement)| {
            if let Some(client) = self.clients.get_mut(given.client) {
                client.agreement = agreement;
                client.update_norm = agreement.map(|_| given.norm);
            }
            Contribution { agreement, ..given }
        });
        given.collect()
    }

    /// Takes the updates that wait in the spool together, where this room's do. False: they can't be read.
    fn combine_kept(&mut self) -> bool {
        let usual = self.usual_norms();
        let PhaseState::Collecting(state) = &mut self.phase else {
            return true;
        };
        if state.kept.is_empty() {
            return true;
        }
        let limit = self.config.influence_limit;
        let longest = limit.map_or(f64::INFINITY, |limit| influence::hold(&mut state.kept, limit, usual));
        state.work = Work::default();
        for kept in &state.kept {
            state.work.add(kept.weight, kept.steps, kept.planned);
        }
        let (encoding, parameters) = (self.config.encoding, self.config.parameters as usize);
        let mut updates = KeptUpdates::new(&mut *self.spool, &state.kept, encoding, parameters, longest);
        let gathered = match self.config.aggregation {
            Aggregation::Mean => fold(&mut updates, &*self.optimiser, longest),
            Aggregation::Clipping { norm: Some(norm) } => fold(&mut updates, &*self.optimiser, longest.min(norm)),
            aggregation => direction(aggregation, &mut updates).map(Gathered::of),
        };
        if let Ok(gathered) = gathered {
            state.gathered = gathered;
            for (given, _) in &mut state.given {
                given.clipped = Some(longest as f32).filter(|longest| given.norm > *longest);
            }
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

/// Folds updates as the strategy folds those that come one by one, each scaled down to `limit` where its norm is above it.
fn fold(updates: &mut KeptUpdates<'_>, strategy: &dyn ServerOptimiser, limit: f64) -> io::Result<Gathered> {
    let mut gathered = Gathered::default();
    updates.each(|update, kept| {
        let Kept { weight, norm, steps, planned } = *kept;
        let effort = Effort { weight, steps, scale: clipping::scale(norm, limit), planned };
        strategy.fold(&mut gathered, update, effort);
    })?;
    Ok(gathered)
}
