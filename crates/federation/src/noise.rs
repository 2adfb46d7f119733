//! The noise of a room's sums, and what they have given away so far (`protocol::Noise` says what is added to what). Once the next
//! round would break the budget, there is none.

use std::fmt;

use masking::{SharedNoise, normal};
use privacy::{Gaussian, affordable_rounds};
use protocol::{Budget, Noise, ProtocolError, RoomConfig};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use crate::masked;

/// Rounds that are counted at most, those that the host went back behind included.
const MOST_ROUNDS: u32 = 100_000;

/// A room's noise and its account.
pub(crate) struct Noising {
    settings: Noise,
    /// Rounds that the budget is enough for, in all.
    affordable: u32,
    /// Clients for whom the noise is half as long as the longest update.
    clients_needed: u32,
    published: u32,
    /// Where noise comes from, once there is a seed.
    random: Option<ChaCha20Rng>,
    /// The clients add the noise, each its share and inside the masks: there is none to be added here.
    inside: bool,
}

impl fmt::Debug for Noising {
    /// Without the random source: who knows its state can take the noise off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Noising { settings, affordable, clients_needed: _, published, random: _, inside } = self;
        f.debug_struct("Noising")
            .field("settings", settings)
            .field("affordable", affordable)
            .field("published", published)
            .field("inside", inside)
            .finish_non_exhaustive()
    }
}

impl Noising {
    /// A room's account, of which nothing is spent; `None` where there is no noise.
    ///
    /// # Errors
    /// The budget is not enough for one round, or masked numbers have no room for the noise.
    pub fn of(room: &RoomConfig) -> Result<Option<Noising>, ProtocolError> {
        let Some(settings) = room.noise else { return Ok(None) };
        let Noise { multiplier, delta, .. } = settings;
        let affordable = affordable(settings);
        if affordable == 0 {
            let one = Gaussian::of_rounds(multiplier, 1).epsilon(delta);
            let problem = format!(
                "one round with this noise gives away {one:.2}; choose a larger multiplier, or a budget that is worth less"
            );
            return Err(ProtocolError::Invalid { field: "noise.epsilon", problem });
        }
        if let Some(masking) = room.masking {
            let fits =
                |noise: SharedNoise| noise.leaves_room(masking.encoding, room.max_clients as usize, room.parameters);
            if !masked::shared_noise(room).is_some_and(fits) {
                let problem =
                    "so few bits leave no room for so much noise; choose masked32, or fewer clients".to_owned();
                return Err(ProtocolError::Invalid { field: "masking.encoding", problem });
            }
        }
        // On d parameters noise of deviation σ is about σ √d long.
        let clients_needed = (2.0 * multiplier * f64::from(room.parameters).sqrt()).ceil() as u32;
        let inside = room.masking.is_some();
        Ok(Some(Noising { settings, affordable, clients_needed, published: 0, random: None, inside }))
    }

    /// Takes note of what was spent before a restart.
    pub fn spent(&mut self, published: u32) {
        self.published = published;
    }

    /// Has noise come from these bytes, which nobody can guess.
    pub fn seed(&mut self, seed: [u8; 32]) {
        self.random = Some(ChaCha20Rng::from_seed(seed));
    }

    /// Rounds that were published.
    pub fn published(&self) -> u32 {
        self.published
    }

    /// Whether another round would break the budget.
    pub fn is_spent(&self) -> bool {
        self.published >= self.affordable
    }

    /// Whether another round may be published: there is budget for it, and a source of noise.
    pub fn may_publish(&self) -> bool {
        !self.is_spent() && (self.inside || self.random.is_some())
    }

    /// Counts a masked sum that the clients are asked to open: from then on it may be known, whatever becomes of its round.
    pub fn count_opening(&mut self) {
        self.published += 1;
    }

    /// The account, in a room that has as many rounds before it.
    pub fn budget(&self, to_come: u32) -> Budget {
        let left = self.affordable.saturating_sub(self.published);
        let Noise { multiplier, delta, .. } = self.settings;
        let after = |rounds| Gaussian::of_rounds(multiplier, rounds);
        Budget {
            published: self.published,
            left,
            epsilon: after(self.published).epsilon(delta),
            best_guess: after(self.published).best_guess(),
            best_guess_at_end: after(self.published + left.min(to_come)).best_guess(),
            clients: self.settings.clients,
            hides: self.settings.hides,
            clients_needed: self.clients_needed,
        }
    }

    /// What a round's sum, each summand of which was clipped to the room's norm, becomes: noise is added to each coordinate, if it is
    /// not there yet, and then it is divided. The round is counted, if its opening was not. `None`: it may not be published.
    pub fn publish(&mut self, sum: Vec<f64>) -> Option<Vec<f32>> {
        let Noise { clip, multiplier, clients, .. } = self.settings;
        let (deviation, clients) = (multiplier * clip, f64::from(clients));
        if self.inside {
            return Some(sum.into_iter().map(|value| (value / clients) as f32).collect());
        }
        if self.is_spent() {
            return None;
        }
        let random = self.random.as_mut()?;
        self.published += 1;
        Some(sum.into_iter().map(|value| ((value + deviation * normal(random)) / clients) as f32).collect())
    }

    /// The norm that updates are clipped to.
    pub fn clip(&self) -> f64 {
        self.settings.clip
    }
}

/// What a room's noise would promise before the first of its rounds; `None` in a room without. [`Coordinator::new`](crate::Coordinator::new)
/// refuses what this refuses.
///
/// # Errors
/// The budget is not enough for one round, or masked numbers have no room for the noise.
pub fn budget_before(room: &RoomConfig) -> Result<Option<Budget>, ProtocolError> {
    Ok(Noising::of(room)?.map(|noise| noise.budget(room.rounds)))
}

/// Rounds that a budget is enough for, in all: what a room's server and each client of a masked room keep to.
pub(crate) fn affordable(noise: Noise) -> u32 {
    affordable_rounds(noise.multiplier, noise.epsilon, noise.delta, MOST_ROUNDS)
}
