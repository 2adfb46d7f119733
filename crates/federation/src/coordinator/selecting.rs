//! Whom a round asks where it does not ask everyone: a draw that follows from the room's seed, the round and the clients'
//! numbers, so that it needs no random source and can be repeated.
//!
//! Clients are drawn one after the other without going back, each with a chance that grows with its weight (P. Efraimidis,
//! P. Spirakis, "Weighted random sampling with a reservoir", 2006: the smallest −ln(u)/w come first). The weight is
//! (1 + rounds passed over) / (1 + failures): whoever was asked of late and gave nothing is asked less, and whoever waits is
//! asked sooner. Who was passed over in twice as many rounds as it takes to ask everyone once goes first.

use std::collections::BTreeSet;

use protocol::{ClientId, Pace};

use super::{Client, Coordinator, PhaseState, Turn};
use crate::sketch::mix;

/// Failures beyond these are not counted.
const MOST_FAILURES: u32 = 7;

/// Whom the open round asks.
#[derive(Debug)]
pub(crate) struct Selected {
    /// Updates that close the round.
    wanted: u32,
    /// Clients to begin with.
    asked: u32,
    clients: BTreeSet<ClientId>,
}

impl Coordinator {
    /// How many a round asks that opens now; `None`: everyone.
    pub(super) fn selected_for_a_round(&self) -> Option<Selected> {
        let ready = self.clients.ready().count() as u32;
        let (wanted, asked) = self.config.selection.wanted(ready, self.least())?;
        Some(Selected { wanted, asked, clients: BTreeSet::new() })
    }

    /// Updates that close the present phase; 0: those of everyone who takes part.
    pub(super) fn goal(&self) -> u32 {
        match (&self.phase, self.config.pace) {
            (PhaseState::Collecting(_), Pace::Asynchronous { buffer, .. }) => buffer,
            (PhaseState::Collecting(state), Pace::Synchronous) => {
                state.selected.as_ref().map_or(self.config.goal, |round| round.wanted)
            }
            _ => self.config.goal,
        }
    }

    /// Whether the present phase wants something of this client.
    pub(super) fn is_wanted(&self, id: ClientId) -> bool {
        match &self.phase {
            PhaseState::Collecting(_) if self.outcast.contains(&id) => false,
            PhaseState::Collecting(_) if !self.openers.may_give(id) => false,
            PhaseState::Collecting(state) => {
                state.is_open_to(id) && state.selected.as_ref().is_none_or(|round| round.clients.contains(&id))
            }
            _ => true,
        }
    }

    /// Asks more clients: those of the beginning, and more of them whenever the goal is out of reach of those at work.
    pub(super) fn select_more(&mut self) {
        let PhaseState::Collecting(state) = &self.phase else { return };
        let Some(round) = &state.selected else { return };
        // One whose connection is lost may come back, but the round does not rely on it.
        let works = |id: &&ClientId| {
            self.clients.all.get(id).is_some_and(|client| client.is_missing() && client.connection.is_some())
        };
        let working = round.clients.iter().filter(works).count() as u32;
        let open = round.wanted.saturating_sub(state.received());
        if working >= open && !round.clients.is_empty() {
            return;
        }
        // As many for each update as at the beginning: those who are asked now may be lost as well.
        let asked = u64::from(open) * u64::from(round.asked);
        let more = (asked.div_ceil(u64::from(round.wanted.max(1))) as usize).saturating_sub(working as usize);
        let ready: Vec<&Client> = self.clients.ready().map(|(client, _)| client).collect();
        let turn = 2 * ready.len().div_ceil(round.asked.max(1) as usize);
        let key = mix(u64::from(self.config.seed) << 32 | u64::from(self.present_round().0));
        let mut drawn: Vec<(bool, f64, ClientId)> = ready
            .into_iter()
            .filter(|client| !round.clients.contains(&client.id) && state.is_open_to(client.id))
            .map(|client| {
                // Above 0 and below 1.
                let chance = ((mix(key ^ u64::from(client.id.0)) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
                let weight = f64::from(1 + client.passed_over) / f64::from(1 + client.failures);
                ((client.passed_over as usize) < turn, -chance.ln() / weight, client.id)
            })
            .collect();
        drawn.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let drawn: Vec<ClientId> = drawn.into_iter().take(more).map(|(_, _, id)| id).collect();
        if let PhaseState::Collecting(state) = &mut self.phase
            && let Some(round) = &mut state.selected
        {
            round.clients.extend(&drawn);
        }
        for id in drawn {
            self.status_changed = true;
            self.ask(id);
        }
    }

    /// The round is over: remembers who was asked and gave nothing, and who was not asked.
    pub(super) fn judge_selected(&mut self) {
        let PhaseState::Collecting(state) = &self.phase else { return };
        let Some(round) = &state.selected else { return };
        for client in self.clients.all.values_mut() {
            if !round.clients.contains(&client.id) {
                client.passed_over += u32::from(client.taking_part);
                continue;
            }
            client.passed_over = 0;
            client.failures = match client.turn {
                Turn::Done => client.failures / 2,
                Turn::None | Turn::Asked | Turn::GivenUp => (client.failures + 1).min(MOST_FAILURES),
            };
        }
    }
}
