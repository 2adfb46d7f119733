//! Noise on a round's sum, and the budget that it is counted against. Settings and figures only: the noise is `federation`'s, and
//! how a budget is counted is `privacy`'s.

use serde::{Deserialize, Serialize};

use crate::choice::words;
use crate::limits::{MAX_CLIENTS, MAX_NORM};
use crate::parse::check_range;
use crate::{Aggregation, ProtocolError, RoomConfig};

/// Least and largest noise multiplier.
const MULTIPLIERS: [f64; 2] = [0.01, 1_000.0];
/// Largest epsilon of a budget; a larger one promises nothing.
const MAX_EPSILON: f64 = 1_000.0;
/// Most clips that are reckoned with.
const MOST_CLIPS: u32 = 1_000_000;
/// Least and largest delta.
const DELTAS: [f64; 2] = [1.0e-12, 0.01];

words! {
    /// Whose part in the model the noise hides.
    pub enum Hides, a "noise_hides" {
        /// A person's: everyone's update is scaled down to the clip.
        Person = "person",
        /// A clip's: each client gives the sum of its clips' gradients, each scaled down to the clip of norm (DP-SGD: M. Abadi et al.,
        /// "Deep learning with differential privacy", CCS 2016, arXiv:1607.00133), in place of an update that many steps lead to.
        Clip = "clip",
    }
}

impl Hides {
    /// Whether it is left out of what is written.
    pub fn is_person(&self) -> bool {
        *self == Hides::Person
    }
}

/// Gaussian noise on the sum of a round's updates, so that the model says little of any one person. In a masked room each client
/// adds its share inside the masks; elsewhere the server adds it
/// (H. B. McMahan, D. Ramage, K. Talwar, L. Zhang, "Learning differentially private recurrent language models", ICLR 2018,
/// arXiv:1710.06963): Δ = (Σ Δᵢ · min(1, `clip` / ‖Δᵢ‖) + N(0, (`multiplier` · `clip`)²)) / `clients`. Everyone weighs the same, and
/// the divisor does not depend on who came.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Whose part is hidden.
    #[serde(default, skip_serializing_if = "Hides::is_person")]
    pub hides: Hides,
    /// The L2 norm that each update, or each clip's gradient, is scaled down to where it is longer, above 0.
    pub clip: f64,
    /// The noise's deviation on each parameter, in units of `clip`, 0.01 to 1,000; z.
    pub multiplier: f64,
    /// What the sum is divided by: the clients that are reckoned with, 1 to 1,024, or the clips, 1 to 1,000,000.
    pub clients: u32,
    /// What all rounds together may give away of one person, or clip, above 0 and at most 1,000.
    pub epsilon: f64,
    /// For which delta, 10⁻¹² to 0.01.
    pub delta: f64,
}

/// What a room with noise has given away of one person, or clip, and what it may.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Rounds that were published, with those that the host went back behind.
    pub published: u32,
    /// Rounds that may still be.
    pub left: u32,
    /// Epsilon of those published, for the room's delta.
    pub epsilon: f64,
    /// How often whoever knows everything else would guess right, at most, whether they learnt from one person's clips, or from one
    /// clip, or from nothing in their place; 0.5 is a coin.
    pub best_guess: f64,
    /// The same once the room has come to its end.
    pub best_guess_at_end: f64,
    /// The clients, or clips, that are reckoned with.
    pub clients: u32,
    /// Whose part is hidden.
    #[serde(default, skip_serializing_if = "Hides::is_person")]
    pub hides: Hides,
    /// With so many, the noise on the mean update is half as long as the longest update: far fewer teach the model little.
    pub clients_needed: u32,
}

impl Noise {
    /// Refuses a room in which it would not be what it says, with the reason.
    pub(crate) fn check(&self, room: &RoomConfig) -> Result<(), ProtocolError> {
        let refuse = |field, problem: &str| Err(ProtocolError::invalid(field, problem));
        if !(self.clip > 0.0 && self.clip <= MAX_NORM) {
            return refuse("noise.clip", "must lie above 0 and not above 1000000000");
        }
        if !(MULTIPLIERS[0]..=MULTIPLIERS[1]).contains(&self.multiplier) {
            return refuse("noise.multiplier", "must lie between 0.01 and 1000");
        }
        let most = if self.hides.is_person() { MAX_CLIENTS } else { MOST_CLIPS };
        check_range("noise.clients", self.clients, 1..=most)?;
        if !self.hides.is_person() && room.masking.is_none() {
            let problem =
                "the server would see each person's sum of gradients without noise; choose masks too, or hide people";
            return refuse("noise.hides", problem);
        }
        if !(self.epsilon > 0.0 && self.epsilon <= MAX_EPSILON) {
            return refuse("noise.epsilon", "must lie above 0 and not above 1000");
        }
        if !(DELTAS[0]..=DELTAS[1]).contains(&self.delta) {
            return refuse("noise.delta", "must lie between 1e-12 and 0.01");
        }
        if room.aggregation != Aggregation::Mean {
            let problem = "noise is added to the sum of updates that are clipped to the room's own norm; choose mean: what another \
                           rule takes depends on everyone's data, the median of norms too";
            return refuse("aggregation", problem);
        }
        if room.influence_limit.is_some() {
            return refuse(
                "influence_limit",
                "it depends on everyone's data, and noise bounds an update itself; leave it out",
            );
        }
        if room.strategy.counts_steps() {
            return refuse(
                "strategy",
                "noise is added to one sum of updates, all alike; choose a strategy that counts no steps",
            );
        }
        if !room.pace.is_synchronous() {
            return refuse("pace", "each client is in a noisy sum once; choose synchronous rounds");
        }
        if !room.selection.is_all() {
            let problem = "whom it draws depends on who else is there, so that one person more moves the sum by two updates; leave it out";
            return refuse("selection", problem);
        }
        if room.goal != 0 {
            return refuse("goal", "one person more would keep another out of the sum; leave it 0");
        }
        if !room.stragglers.is_whole() {
            return refuse(
                "stragglers",
                "the sum is not shortened by the steps that were left out; let all do whole rounds",
            );
        }
        if room.masking.is_some_and(|masking| masking.clip != self.clip) {
            return refuse("masking.clip", "noise is as loud as its own clip says; choose the same, or leave it out");
        }
        Ok(())
    }
}
