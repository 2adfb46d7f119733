//! What a room has to remember so that a server that was killed goes on from the last published model.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{ClientId, Evaluation, ModelVersion, RoomConfig, RoundRecord, Standardisation, Token};
use serde::{Deserialize, Serialize};

use super::contributions::KEPT_ROUNDS;
use super::{Client, Clients, Contribution, Coordinator, CoordinatorError, Groups, PhaseState};
use crate::noise::Noising;
use crate::{Model, Spool, model_mean, strategy};

/// Everything of a room but the model's parameters and what its strategy remembers. It holds every client's token:
/// whoever can read it can pass for any of them, so the shell stores it where only the host can read it, and shows it
/// in no log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The room's settings.
    pub config: RoomConfig,
    /// The version of the model that is stored beside this.
    pub model_version: ModelVersion,
    /// The statistics of features, once they are known.
    pub standardisation: Option<Standardisation>,
    /// Rounds that are over.
    pub history: Vec<RoundRecord>,
    /// Who gave what to each round of the history, as long as that is known.
    pub contributions: Vec<Vec<Contribution>>,
    /// How the finished model does with each client that has said so.
    pub final_evaluations: BTreeMap<ClientId, Evaluation>,
    /// In a masked room, what they found together.
    pub masked_evaluation: Option<Evaluation>,
    /// In a room with groups, what clients told of theirs, and what is shown of it.
    #[serde(default)]
    pub groups: Groups,
    /// Clients whose evaluations the host leaves out.
    pub left_out: BTreeSet<ClientId>,
    /// How often rounds that are over were changed: what was stored of them is to be stored anew where this differs.
    pub revision: u32,
    /// Clients that begin the rounds.
    pub least: u32,
    /// Clients that may come back.
    pub identities: Vec<Identity>,
    /// The number that the next new client gets.
    pub next_client: u32,
    /// Whether the host lets no further round begin.
    pub paused: bool,
    /// Whether the host lets nobody new in.
    pub locked: bool,
    /// Bytes of updates received.
    pub bytes_up: u64,
    /// Bytes of models sent.
    pub bytes_down: u64,
    /// Noisy rounds that were published, whatever the host went back to since: what was told cannot be taken back.
    pub noisy_rounds: u32,
}

/// A client that may come back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Its public number.
    pub client: ClientId,
    /// Its name.
    pub name: String,
    /// Its secret.
    pub token: Token,
    /// Whether an update of it is in a round that is over.
    pub contributed: bool,
    /// Whether the host put it out.
    pub removed: bool,
    /// Whether the host gave it its name.
    pub named_by_host: bool,
}

impl Coordinator {
    /// What to store. With `Coordinator::model` and [`Coordinator::memory`] it is all that [`Coordinator::restore`] needs.
    pub fn checkpoint(&self) -> Checkpoint {
        let identity = |client: &Client| Identity {
            client: client.id,
            name: client.name.clone(),
            token: client.token.clone(),
            contributed: client.contributed,
            removed: client.removed,
            named_by_host: client.named_by_host,
        };
        Checkpoint {
            config: self.config.clone(),
            model_version: self.model.version(),
            standardisation: self.standardisation.clone(),
            history: self.history.clone(),
            contributions: self.contributions.clone(),
            final_evaluations: self.final_evaluations.clone(),
            masked_evaluation: self.masked_evaluation.clone(),
            groups: self.groups.clone(),
            left_out: self.left_out.clone(),
            revision: self.revision,
            least: self.least,
            identities: self.clients.all.values().map(identity).collect(),
            next_client: self.clients.next,
            paused: self.paused,
            locked: self.locked,
            bytes_up: self.bytes_up,
            bytes_down: self.bytes_down,
            noisy_rounds: self.noise.as_ref().map_or(0, Noising::published),
        }
    }

    /// What is remembered from round to round, by name, each as long as the parameters: of the room's strategy (`momentum`,
    /// `second_moment`, `control_variate`), and the mean of its models (`model_mean`) where it ends with that. Stored with the model. Empty
    /// where nothing is remembered.
    pub fn memory(&self) -> BTreeMap<&'static str, &[f32]> {
        let mean = self.model_mean.as_ref().map(|mean| (model_mean::NAME, mean.values()));
        self.optimiser.memory().into_iter().chain(mean).collect()
    }

    /// Goes on from what was stored. An open round is lost, and begins anew when enough clients are back. `spool` is this
    /// room's alone, and empty.
    ///
    /// # Errors
    /// The checkpoint contradicts itself, or the parameters or what the strategy remembered don't belong to it.
    pub fn restore(
        checkpoint: Checkpoint,
        parameters: Vec<f32>,
        mut memory: BTreeMap<String, Vec<f32>>,
        spool: Box<dyn Spool>,
    ) -> Result<Coordinator, CoordinatorError> {
        let Checkpoint {
            config,
            model_version,
            standardisation,
            history,
            mut contributions,
            final_evaluations,
            masked_evaluation,
            groups,
            left_out,
            revision,
            least,
            identities,
            next_client,
            paused,
            locked,
            bytes_up,
            bytes_down,
            noisy_rounds,
        } = checkpoint;
        let damaged = |what: &str| CoordinatorError::Damaged { what: what.to_owned() };
        let stored =
            |parameters, attachment: &[f32], encoding| Model::new(model_version, parameters, attachment, encoding);
        let model_mean = model_mean::restored(&config, &mut memory).map_err(|what| damaged(&what))?;
        let mut room = Coordinator::with(config, parameters, stored, spool, |optimiser| {
            strategy::restore(optimiser, memory).map_err(|what| damaged(&what))
        })?;
        if history.len() != model_version.0 as usize || model_version.0 > room.config.rounds {
            return Err(damaged("the history does not lead to the model's version"));
        }
        if let Some(standardisation) = &standardisation {
            standardisation.check().map_err(|error| damaged(&error.to_string()))?;
            if standardisation.mean.len() != room.config.features as usize {
                return Err(damaged("the standardisation has another number of features than the room"));
            }
        } else if model_version.0 > 0 {
            return Err(damaged("there is a trained model, but no standardisation"));
        }
        if identities.iter().any(|identity| identity.client.0 >= next_client) {
            return Err(damaged("a client's number is higher than the next one's"));
        }
        room.clients = Clients::new(&room.config);
        room.clients.next = next_client;
        for identity in identities {
            let mut client = Client::new(identity.client, identity.token, identity.name);
            client.contributed = identity.contributed;
            client.removed = identity.removed;
            client.named_by_host = identity.named_by_host;
            room.clients.insert(client);
        }
        if let Some(noise) = &mut room.noise {
            if noisy_rounds < model_version.0 {
                return Err(damaged("more rounds were published than its budget knows of"));
            }
            noise.spent(noisy_rounds);
            if noise.is_spent() && model_version.0 > 0 {
                // Where a damaged model gave way to an earlier one, too: no round is to come.
                room.config.rounds = model_version.0;
            }
        }
        if model_version.0 == room.config.rounds {
            room.phase = PhaseState::finished();
        }
        room.model_mean = model_mean;
        room.standardisation = standardisation;
        room.history = history;
        // Of the rounds before those that are known by client there is nothing, and of none that is not in the history.
        contributions.resize(room.history.len(), Vec::new());
        let old = contributions.len().saturating_sub(KEPT_ROUNDS);
        contributions[..old].fill_with(Vec::new);
        room.contributions = contributions;
        (room.final_evaluations, room.left_out, room.revision) = (final_evaluations, left_out, revision);
        (room.masked_evaluation, room.groups) = (masked_evaluation, groups);
        room.least = least.clamp(1, room.config.max_clients);
        (room.paused, room.locked) = (paused, locked);
        (room.bytes_up, room.bytes_down) = (bytes_up, bytes_down);
        Ok(room)
    }
}
