//! What the host asks of a running room: who may be in it, whether rounds go on, and from which version of the model.

use std::collections::BTreeMap;

use protocol::limits::{MAX_ROUNDS, MIN_MASKED_CLIENTS};
use protocol::{ClientId, ErrorCode, HostCommand, ModelVersion, ProtocolError, RefusalReason, Round, ServerMessage};

use super::{Action, Clients, Coordinator, CoordinatorError, Groups, PhaseState};
use crate::noise::Noising;
use crate::{Millis, Model, model_mean, strategy};

/// Why a wish of the host makes no sense now.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A field is out of bounds.
    #[error(transparent)]
    Invalid(#[from] ProtocolError),
    /// There is no such client.
    #[error("there is no client {0} in this room any more")]
    NoClient(ClientId),
    /// None of its updates is in the rounds that are known by client.
    #[error("no update of client {0} is in the latest rounds, so that there is nothing to undo; remove it instead")]
    GaveNothing(ClientId),
    /// Nothing came in that a round could be closed with.
    #[error("no update is in yet; wait for the first one")]
    NothingIn,
    /// Nobody is ready whom a round could begin with.
    #[error("nobody is ready yet; wait until somebody takes part")]
    NobodyReady,
    /// A masked round needs more.
    #[error(
        "{0} are too few for a masked round, which begins with at least {MIN_MASKED_CLIENTS}: wait until more are ready"
    )]
    TooFewToMask(u32),
    /// No round begins in a paused room.
    #[error("the room is paused; let it go on first")]
    Paused,
    /// The room is over.
    #[error("all rounds are over; go back to a version of the model to have more of them")]
    Finished,
    /// Another round would give away more than the room may.
    #[error("the room's privacy budget is spent: what was published cannot be taken back; make a new room")]
    BudgetSpent,
    /// There is no trained model to end with.
    #[error("no round is over yet, so there is no model to end with; delete the room instead")]
    Untrained,
    /// The version is not one that the room has had.
    #[error("the room's model has no version {0}")]
    NoVersion(ModelVersion),
    /// Too few rounds, or too many.
    #[error("there must be more rounds than the {version} that the model has had, and at most {MAX_ROUNDS}")]
    NoRounds {
        /// The version to go on from.
        version: ModelVersion,
    },
    /// An edge's room does what its root does.
    #[error("this room is an edge's, and goes on as its root does; ask that of the room above it")]
    Led,
    /// What was stored of the version does not belong to this room.
    #[error(transparent)]
    Stored(#[from] CoordinatorError),
}

impl Coordinator {
    /// Does what the host asks. [`HostCommand::Restart`] and [`HostCommand::Undo`] need what was stored of the version, and so
    /// are [`Coordinator::restart`]'s.
    ///
    /// # Errors
    /// It makes no sense now; nothing has changed then.
    pub fn command(&mut self, now: Millis, command: HostCommand) -> Result<(), HostError> {
        command.check()?;
        self.now = self.now.max(now);
        if self.led.is_some() && !may_be_of_edge(&command) {
            return Err(HostError::Led);
        }
        match command {
            HostCommand::Lock => self.locked = true,
            HostCommand::Unlock => self.locked = false,
            HostCommand::Pause => self.paused = true,
            HostCommand::Resume => self.paused = false,
            HostCommand::NextRound => self.next_round_now()?,
            HostCommand::End => self.end_rounds()?,
            HostCommand::Restart { version, .. } => return Err(HostError::NoVersion(version)),
            HostCommand::Undo { client, .. } => return Err(HostError::GaveNothing(client)),
            HostCommand::Least { least } if least > self.config.max_clients => {
                let problem =
                    format!("{least} can't be ready, since the room has {} clients at most", self.config.max_clients);
                return Err(ProtocolError::Invalid { field: "least", problem }.into());
            }
            HostCommand::Least { least } if least < self.fewest() => return Err(HostError::TooFewToMask(least)),
            HostCommand::Least { least } => self.least = least,
            HostCommand::Renormalise => self.renormalise()?,
            HostCommand::LeaveOut { client } => self.leave_out(client)?,
            HostCommand::Remove { client } => self.remove(client)?,
            HostCommand::RenameClient { client, name } => self.rename_client(client, name)?,
            HostCommand::Rename { name } => {
                self.config.name = name;
                self.broadcast(ServerMessage::Settings { room: self.config.clone() });
            }
        }
        self.status_changed = true;
        self.identities_changed = true;
        self.advance();
        self.identities_changed = false;
        // Stored before anyone is told, and before the host is answered.
        self.actions.push_back(Action::Checkpoint { model: false });
        self.send_status();
        Ok(())
    }

    /// Goes back to a version of the model, with the parameters that it had and what the strategy remembered then, and on
    /// from there until there were `rounds` in all. Later records are dropped. Everyone has to connect again, so that no
    /// message of the time before is taken for one of now.
    ///
    /// # Errors
    /// The version, or what is given of it, is not the room's; nothing has changed then.
    pub fn restart(
        &mut self,
        now: Millis,
        version: ModelVersion,
        rounds: Option<u32>,
        parameters: Vec<f32>,
        mut memory: BTreeMap<String, Vec<f32>>,
    ) -> Result<(), HostError> {
        self.now = self.now.max(now);
        if version > self.model.version() {
            return Err(HostError::NoVersion(version));
        }
        if self.noise.as_ref().is_some_and(Noising::is_spent) {
            return Err(HostError::BudgetSpent);
        }
        let rounds = rounds.unwrap_or_else(|| self.config.rounds.max(version.0 + 1));
        if rounds <= version.0 || rounds > MAX_ROUNDS {
            return Err(HostError::NoRounds { version });
        }
        let expected = self.config.parameters as usize;
        if parameters.len() != expected {
            return Err(CoordinatorError::WrongLength { found: parameters.len(), expected }.into());
        }
        let damaged = |what| CoordinatorError::Damaged { what };
        let model_mean = model_mean::restored(&self.config, &mut memory).map_err(damaged)?;
        let mut optimiser = strategy::server_optimiser(&self.config);
        strategy::restore(&mut *optimiser, memory).map_err(damaged)?;
        // Stored before anyone is told. The model is one that was stored: its file is left as it is.
        self.actions.push_back(Action::Checkpoint { model: false });
        let connections: Vec<_> = self.clients.sessions.keys().copied().collect();
        for connection in connections {
            self.end(connection, ErrorCode::Restarted, went_back_text(), false);
        }
        self.model = Model::new(version, parameters, optimiser.attachment(), self.config.encoding);
        self.rest.clear();
        (self.optimiser, self.model_mean) = (optimiser, model_mean);
        self.config.rounds = rounds;
        self.history.truncate(version.0 as usize);
        self.contributions.truncate(version.0 as usize);
        self.final_evaluations.clear();
        self.masked_evaluation = None;
        self.groups = Groups::default();
        self.openers.all_may();
        self.floor = version;
        if version.0 == 0 {
            // From the very beginning: who is here now may have other sound than who was here then.
            self.standardisation = None;
        }
        self.back_to_lobby();
        (self.begun, self.back_by) = (false, None);
        for client in self.clients.all.values_mut() {
            client.taking_part = false;
            client.diverged = false;
            client.downloads = 0;
            client.given = None;
            client.agreement = None;
            client.update_norm = None;
        }
        self.status_changed = true;
        self.identities_changed = false;
        self.send_status();
        Ok(())
    }

    fn next_round_now(&mut self) -> Result<(), HostError> {
        match &self.phase {
            PhaseState::Finished(_) => Err(HostError::Finished),
            PhaseState::Collecting(state) if state.received() == 0 => Err(HostError::NothingIn),
            PhaseState::Collecting(state) if state.received() < self.fewest() => {
                Err(HostError::TooFewToMask(state.received()))
            }
            PhaseState::Collecting(_) => {
                self.close_round();
                Ok(())
            }
            PhaseState::Normalising(state) if state.received() == 0 => Err(HostError::NothingIn),
            PhaseState::Normalising(state) => {
                self.least = self.least.min(state.received());
                self.close_normalising();
                Ok(())
            }
            PhaseState::Lobby if self.paused => Err(HostError::Paused),
            PhaseState::Lobby => match self.clients.ready().count() as u32 {
                0 => Err(HostError::NobodyReady),
                ready if ready < self.fewest() => Err(HostError::TooFewToMask(ready)),
                // Begun is begun: the rounds after this one need no more than it does.
                ready => {
                    self.least = self.least.min(ready);
                    Ok(())
                }
            },
        }
    }

    pub(super) fn end_rounds(&mut self) -> Result<(), HostError> {
        if matches!(self.phase, PhaseState::Finished(_)) {
            return Err(HostError::Finished);
        }
        if self.history.is_empty() {
            return Err(HostError::Untrained);
        }
        let open = Round(self.history.len() as u32 + 1);
        if let PhaseState::Collecting(state) = &mut self.phase {
            let unfinished = state.uploads.end_all();
            for announced in unfinished {
                if let Some(session) = self.clients.sessions.get_mut(&announced.connection) {
                    session.ended = Some(announced.update.id);
                }
                let message = format!("the host ended the room in round {open}; its model is the final one");
                self.refuse(announced.connection, Some(open), RefusalReason::RoundClosed, message);
            }
        }
        self.back_to_lobby();
        self.config.rounds = self.history.len() as u32;
        self.phase = PhaseState::finished();
        self.broadcast(ServerMessage::Settings { room: self.config.clone() });
        self.tell_of_the_end();
        Ok(())
    }

    /// Puts a client out. What it gave to earlier rounds, and to the open one, stays in them.
    fn remove(&mut self, id: ClientId) -> Result<(), HostError> {
        let connection = self.present_client(id)?.connection;
        self.stop_taking_part(id);
        if let Some(client) = self.clients.get_mut(id) {
            client.removed = true;
        }
        if let Some(connection) = connection {
            self.end(connection, ErrorCode::Removed, removed_text(), true);
        }
        Ok(())
    }

    fn rename_client(&mut self, id: ClientId, name: String) -> Result<(), HostError> {
        let client = self.present_client(id)?;
        client.name.clone_from(&name);
        client.named_by_host = true;
        if let Some(connection) = client.connection {
            self.send(connection, ServerMessage::Renamed { name });
        }
        Ok(())
    }

    fn present_client(&mut self, id: ClientId) -> Result<&mut super::Client, HostError> {
        self.clients.get_mut(id).filter(|client| !client.removed).ok_or(HostError::NoClient(id))
    }

    /// Fewest answers that the present phase needs: rounds that have begun go on with half of those with whom they began,
    /// but nobody goes on alone unless the host wants that, and a rule has what it needs.
    pub(super) fn least(&self) -> u32 {
        if !self.begun || !self.config.pace.is_synchronous() {
            return self.least;
        }
        let rule = self.config.aggregation.least().max(self.fewest());
        self.least.div_ceil(2).max(2).max(rule).min(self.least)
    }

    /// Fewest that any round of this room may have, whatever the host wants.
    fn fewest(&self) -> u32 {
        if self.config.masking.is_some() { MIN_MASKED_CLIENTS as u32 } else { 1 }
    }

    /// Has the statistics of features computed anew, as soon as enough are ready; until then the room has those of before.
    fn renormalise(&mut self) -> Result<(), HostError> {
        if matches!(self.phase, PhaseState::Finished(_)) {
            return Err(HostError::Finished);
        }
        if self.noise.is_some() {
            return Ok(()); // Nobody's sums are asked for here.
        }
        self.renormalise = true;
        let open = Round(self.history.len() as u32 + 1);
        if matches!(self.phase, PhaseState::Collecting(_)) {
            self.end_uploads(open, "the host has the statistics of features computed anew; the round is repeated");
            self.broadcast(ServerMessage::RoundAbandoned { round: Some(open), received: 0, least: self.least() });
        }
        self.back_to_lobby();
        Ok(())
    }
}

impl Clients {
    /// Whether this identity was put out.
    pub(super) fn is_removed(&self, id: ClientId) -> bool {
        self.all.get(&id).is_some_and(|client| client.removed)
    }
}

pub(super) fn removed_text() -> String {
    "whoever runs this room has put this laptop out of it; ask them if you think that this is a mistake".to_owned()
}

pub(super) fn went_back_text() -> String {
    "the host went back to an earlier version of the model; this page comes back by itself".to_owned()
}

pub(super) fn locked_text() -> String {
    "the room is locked: nobody new can come in; ask whoever runs it to unlock it, and load the page again".to_owned()
}

/// What whoever runs an edge decides: who is in its room, and what it is called. The rest is the root's.
fn may_be_of_edge(command: &HostCommand) -> bool {
    match command {
        HostCommand::Lock
        | HostCommand::Unlock
        | HostCommand::Pause
        | HostCommand::Resume
        | HostCommand::NextRound
        | HostCommand::Least { .. }
        | HostCommand::Remove { .. }
        | HostCommand::RenameClient { .. }
        | HostCommand::Rename { .. } => true,
        HostCommand::End
        | HostCommand::LeaveOut { .. }
        | HostCommand::Restart { .. }
        | HostCommand::Undo { .. }
        | HostCommand::Renormalise => false,
    }
}
