//! Finished: the model is there for everyone, and clients say how it does on what they hold back.

use protocol::{ByGroup, ClientId, ErrorCode, Evaluation, ModelVersion, ServerMessage};

use super::PhaseState;
use crate::coordinator::masking::MaskedRound;
use crate::coordinator::{Action, ConnectionId, Coordinator};
use crate::{Millis, masked, metrics};

/// How often a masked room asks how its finished model does: clients open no third sum over one model.
const MAX_SUMS: u32 = 2;

/// A finished room; in a masked one, with the sum of what its clients found that is under way.
#[derive(Debug, Default)]
pub(in crate::coordinator) struct Finished {
    pub sum: Option<Box<MaskedRound>>,
    /// Attempts at it that were begun.
    begun: u32,
    /// In a room with groups, once somebody has said how the model does: by when they are counted.
    pub groups_by: Option<Millis>,
}

/// What a client says of the finished model.
#[derive(Debug)]
pub(in crate::coordinator) struct FinalSaid {
    pub evaluation: Evaluation,
    pub group: Option<u32>,
    pub by_group: Option<ByGroup>,
}

impl Coordinator {
    /// In a masked room, asks those who took part for the sum of their evaluations, if they are enough and it is not known yet.
    /// False: there is nothing to ask.
    pub(in crate::coordinator) fn ask_how_it_does(&mut self) -> bool {
        let PhaseState::Finished(Finished { sum: None, begun, groups_by }) = self.phase else { return false };
        let is_wanted = begun < MAX_SUMS && self.masked_evaluation.is_none() && self.begun;
        let Some(of_room) = self.config.masking.filter(|_| is_wanted && self.noise.is_none()) else { return false };
        let here = self.clients.ready().filter(|(client, _)| client.contributed).count() as u32;
        let Some(standardisation) = self.standardisation.clone().filter(|_| here >= self.least()) else { return false };
        self.clients.reset_turns();
        let (round, attempt) = (self.present_round(), self.next_attempt());
        let parameters = self.model.parameters();
        let task = masked::evaluation_task(&self.config, &of_room, round, attempt, parameters, &standardisation);
        let sum = Some(Box::new(self.wait_for_keys(task)));
        self.phase = PhaseState::Finished(Finished { sum, begun: begun + 1, groups_by });
        if let Some(message) = self.finished_message() {
            self.broadcast(message);
        }
        true
    }

    /// All rounds are over: everyone hears where the model is, and in a masked room what is still to be found out.
    pub(in crate::coordinator) fn tell_of_the_end(&mut self) {
        if !self.ask_how_it_does()
            && let Some(message) = self.finished_message()
        {
            self.broadcast(message);
        }
    }

    /// The sum of evaluations is there, or did not come about.
    pub(in crate::coordinator) fn close_evaluation_sum(&mut self, words: Option<&[u64]>) {
        if let PhaseState::Finished(finished) = &mut self.phase {
            finished.sum = None;
            if words.is_some() {
                finished.begun = MAX_SUMS;
            }
        }
        let found = words.and_then(|words| masked::final_evaluation_of(&self.config, words));
        if let Some((evaluation, by_group)) = found {
            let by_group = by_group.filter(|sums| metrics::are_of(sums, &evaluation, u32::MAX));
            self.masked_evaluation = Some(evaluation);
            match &mut self.led {
                Some(led) => led.by_group = by_group,
                None => self.show_groups(by_group.as_ref()),
            }
            self.identities_changed = false;
            self.actions.push_back(Action::Checkpoint { model: false });
        }
        self.outcast.clear();
        self.openers.all_may();
        self.status_changed = true;
        self.settle_evaluations();
    }

    /// Tells of the finished model, where there is one.
    pub(in crate::coordinator) fn finished_message(&self) -> Option<ServerMessage> {
        let PhaseState::Finished(finished) = &self.phase else { return None };
        let standardisation = self.standardisation.clone()?;
        Some(ServerMessage::Finished {
            model_version: self.model.version(),
            model: self.model.transfer(),
            difference: self.model.difference(),
            standardisation,
            attempt: finished.sum.as_ref().map(|sum| sum.attempt()),
        })
    }

    /// How the finished model did with one client; each is counted once.
    pub(in crate::coordinator) fn take_final_evaluation(
        &mut self,
        connection: ConnectionId,
        id: ClientId,
        version: ModelVersion,
        FinalSaid { evaluation, group, by_group }: FinalSaid,
    ) {
        let finished = matches!(self.phase, PhaseState::Finished(_)) && version == self.model.version();
        let fits = self.fits_labels(&evaluation);
        let problem = self.problem_of_groups(&evaluation, group, by_group.as_ref());
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
        if let Some(problem) = problem {
            return self.error(connection, ErrorCode::Malformed, problem.to_owned());
        }
        self.final_evaluations.insert(id, evaluation);
        self.groups.note(id, group, by_group);
        self.status_changed = true;
        self.identities_changed = true;
    }
}
