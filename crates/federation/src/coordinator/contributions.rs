//! What each client gave to the rounds of late, for the room's host: who has left is still in it. And what the host may do
//! with it: leave a client's evaluations out, or find the version from before its updates.

use std::collections::BTreeSet;

use protocol::{ClientId, Evaluation, ModelVersion, RoomConfig};
use serde::{Deserialize, Serialize};

use super::{Checkpoint, Client, Coordinator, HostError};
use crate::local_work::{TooSlow, too_slow};
use crate::metrics;

/// So many of the latest rounds are known by client.
pub(super) const KEPT_ROUNDS: usize = 32;
/// Norms of so many rounds say what is usual in the next one.
const USUAL_ROUNDS: usize = 3;

/// One client's part in a round that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Whose.
    pub client: ClientId,
    /// What it was called then.
    pub name: String,
    /// Examples that it said to have trained on.
    pub examples: u32,
    /// How many of each label, as it last said; empty where that is not told, as in masked rooms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<u32>,
    /// When its update was whole, milliseconds after the round was opened; 0 where that was not noted.
    #[serde(default)]
    pub after_ms: u64,
    /// The L2 norm of its update as it was sent, in the parameters' own unit; of one of fewer steps as it counts.
    pub norm: f32,
    /// The norm that it was scaled down to, where the room took no more of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipped: Option<f32>,
    /// How far it pointed where the others' did, a cosine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f32>,
    /// How the model that the round began with did on what this client holds back, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

/// What the host alone is told of a client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Insight {
    /// Which.
    pub client: ClientId,
    /// How far its features' statistics lie from the middle of all clients', in deviations; known while those are there of
    /// whom the statistics were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics_distance: Option<f32>,
    /// Where it takes part, by how much it is too slow for the deadline, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_slow: Option<TooSlow>,
    /// How the finished model does on what it holds back, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// Whether its evaluations are left out.
    pub left_out: bool,
}

impl Coordinator {
    /// Who gave what to each round that is over, oldest first; empty for rounds of which that is not known any more.
    pub fn contributions(&self) -> &[Vec<Contribution>] {
        &self.contributions
    }

    /// What there is to know of each client beside what everyone sees of it.
    pub fn insights(&self) -> Vec<Insight> {
        let here = self.clients.all.keys().chain(self.final_evaluations.keys()).chain(&self.left_out);
        let mut clients: Vec<ClientId> = here.copied().collect();
        clients.sort_unstable();
        clients.dedup();
        let insight = |client: ClientId| Insight {
            client,
            statistics_distance: self.clients.all.get(&client).and_then(|client| client.statistics_distance),
            too_slow: self.clients.all.get(&client).and_then(|client| self.too_slow(client)),
            evaluation: self.final_evaluations.get(&client).cloned(),
            left_out: self.left_out.contains(&client),
        };
        clients.into_iter().map(insight).collect()
    }

    fn too_slow(&self, client: &Client) -> Option<TooSlow> {
        let step_ms = client.step_ms.filter(|_| client.taking_part)?;
        too_slow(&self.config, client.examples, f64::from(step_ms))
    }

    /// The version from before the first update that a client gave to the last `rounds` rounds, or to all that are known by
    /// client.
    ///
    /// # Errors
    /// It gave none to them.
    pub fn version_without(&self, client: ClientId, rounds: Option<u32>) -> Result<ModelVersion, HostError> {
        if self.config.masking.is_some() {
            // Rounds again without one client over the same model would tell what it gave: clients would refuse them.
            return Err(HostError::GaveNothing(client));
        }
        let known = self.contributions.len();
        let first = rounds.map_or(0, |rounds| known.saturating_sub(rounds as usize));
        let gave = |round: &usize| self.contributions[*round].iter().any(|given| given.client == client);
        let round = (first..known).find(gave).ok_or(HostError::GaveNothing(client))?;
        Ok(ModelVersion(round as u32))
    }

    /// A round is over.
    pub(super) fn remember(&mut self, contributions: Vec<Contribution>) {
        for given in &contributions {
            if let Some(client) = self.clients.get_mut(given.client) {
                client.contributed = true;
            }
        }
        self.contributions.push(contributions);
        if let Some(old) = self.contributions.len().checked_sub(KEPT_ROUNDS + 1) {
            self.contributions[old] = Vec::new();
        }
    }

    /// The norms of the updates of the rounds just over.
    pub(super) fn usual_norms(&self) -> Vec<f64> {
        let latest = self.contributions.iter().rev().take(USUAL_ROUNDS);
        latest.flatten().map(|given| f64::from(given.norm)).collect()
    }

    /// The evaluations of a round as one.
    pub(super) fn combined<'a>(
        &self,
        evaluations: impl IntoIterator<Item = (&'a ClientId, &'a Evaluation)>,
    ) -> Option<Evaluation> {
        combined(&self.config, &self.left_out, evaluations)
    }

    /// How the finished model does, as far as those say who took part; in a room with groups once these are counted.
    pub fn final_evaluation(&self) -> Option<Evaluation> {
        if !self.config.groups.is_empty() && !self.groups.are_counted() {
            return None;
        }
        self.masked_evaluation.clone().or_else(|| self.combined(&self.final_evaluations))
    }

    /// Leaves a client's evaluations out, of rounds that are over as well.
    pub(super) fn leave_out(&mut self, client: ClientId) -> Result<(), HostError> {
        let known = self.clients.all.contains_key(&client)
            || self.final_evaluations.contains_key(&client)
            || self.contributions.iter().flatten().any(|given| given.client == client);
        if !known {
            return Err(HostError::NoClient(client));
        }
        self.left_out.insert(client);
        if self.groups.are_counted() {
            // Counted anew without it, they would show in which it was.
            self.show_groups(None);
        }
        for round in 0..self.history.len() {
            let given = self.contributions.get(round).map_or(&[][..], Vec::as_slice);
            if given.iter().any(|given| given.client == client && given.evaluation.is_some()) {
                let evaluations = given.iter().filter_map(|given| Some((&given.client, given.evaluation.as_ref()?)));
                self.history[round].evaluation = self.combined(evaluations);
            }
        }
        self.revision += 1;
        Ok(())
    }
}

impl Checkpoint {
    /// How the finished model does, as far as those say who took part; in a room with groups once these are counted.
    pub fn final_evaluation(&self) -> Option<Evaluation> {
        if !self.config.groups.is_empty() && !self.groups.are_counted() {
            return None;
        }
        let of_each = || combined(&self.config, &self.left_out, &self.final_evaluations);
        self.masked_evaluation.clone().or_else(of_each)
    }

    /// How good a version is beside the others, 0 to 1, where somebody has evaluated it: what a room's best version is chosen by.
    /// Where each client's own evaluation is known and the room limits a client's influence, no quarter of them decides it.
    pub fn standing(&self, version: ModelVersion) -> Option<f64> {
        let round = version.0 as usize;
        // A version's evaluations came with the updates of the round that started from it.
        let of_round = self.contributions.get(round).map(Vec::as_slice).unwrap_or_default();
        let given = of_round.iter().filter_map(|given| Some((&given.client, given.evaluation.as_ref()?)));
        let last = self.final_evaluations.iter().filter(|_| version == self.model_version);
        let counted = counted(&self.left_out, given.chain(last));
        let of_the_last = self.masked_evaluation.as_ref().filter(|_| version == self.model_version);
        let said = self.history.get(round).and_then(|record| record.evaluation.as_ref()).or(of_the_last);
        match self.config.influence_limit {
            Some(limit) if !counted.is_empty() => metrics::standing(&counted, self.config.weight_cap, Some(limit)),
            _ => said
                .cloned()
                .or_else(|| metrics::combined(&counted, self.config.evaluation_cap(), None))
                .map(|evaluation| evaluation.accuracy),
        }
    }
}

/// Those evaluations that the host does not leave out.
fn counted<'a>(
    left_out: &BTreeSet<ClientId>,
    evaluations: impl IntoIterator<Item = (&'a ClientId, &'a Evaluation)>,
) -> Vec<&'a Evaluation> {
    let counted = evaluations.into_iter().filter(|(client, _)| !left_out.contains(client));
    counted.map(|(_, evaluation)| evaluation).collect()
}

/// Clients' evaluations as one, without those of whom the host leaves out.
fn combined<'a>(
    room: &RoomConfig,
    left_out: &BTreeSet<ClientId>,
    evaluations: impl IntoIterator<Item = (&'a ClientId, &'a Evaluation)>,
) -> Option<Evaluation> {
    metrics::combined(&counted(left_out, evaluations), room.evaluation_cap(), room.influence_limit)
}

impl Client {
    /// Most examples that it may evaluate on: what it said to hold back, or else as many as it trains on.
    pub(super) fn most_evaluated(&self) -> u32 {
        self.most_held_back.unwrap_or(self.most_examples)
    }
}
