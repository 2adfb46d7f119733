//! The noise of a room's sums, and what they have given away so far (`protocol::Noise` says what is added to what). Once the next
//! round would break the budget, there is none.

use std::fmt;

use privacy::{Gaussian, affordable_rounds};
use protocol::{Budget, Noise, ProtocolError, RoomConfig};
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

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
}

impl fmt::Debug for Noising {
    /// Without the random source: who knows its state can take the noise off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Noising { settings, affordable, clients_needed: _, published, random: _ } = self;
        f.debug_struct("Noising")
            .field("settings", settings)
            .field("affordable", affordable)
            .field("published", published)
            .finish_non_exhaustive()
    }
}

impl Noising {
    /// An account of which nothing is spent, in a room whose model has so many parameters.
    ///
    /// # Errors
    /// The budget is not enough for one round.
    pub fn new(settings: Noise, parameters: u32) -> Result<Noising, ProtocolError> {
        let Noise { multiplier, epsilon, delta, .. } = settings;
        let affordable = affordable_rounds(multiplier, epsilon, delta, MOST_ROUNDS);
        if affordable == 0 {
            let one = Gaussian::of_rounds(multiplier, 1).epsilon(delta);
            let problem = format!(
                "one round with this noise gives away {one:.2}; choose a larger multiplier, or a budget that is worth less"
            );
            return Err(ProtocolError::Invalid { field: "noise.epsilon", problem });
        }
        // On d parameters noise of deviation σ is about σ √d long.
        let clients_needed = (2.0 * multiplier * f64::from(parameters).sqrt()).ceil() as u32;
        Ok(Noising { settings, affordable, clients_needed, published: 0, random: None })
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
        !self.is_spent() && self.random.is_some()
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
            clients_needed: self.clients_needed,
        }
    }

    /// What a round's sum, each summand of which was clipped to the room's norm, becomes: noise is added to each coordinate, and then
    /// it is divided. The round is counted. `None`: it may not be published.
    pub fn publish(&mut self, sum: Vec<f64>) -> Option<Vec<f32>> {
        if self.is_spent() {
            return None;
        }
        let random = self.random.as_mut()?;
        let Noise { clip, multiplier, clients, .. } = self.settings;
        let (deviation, clients) = (multiplier * clip, f64::from(clients));
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
/// The budget is not enough for one round.
pub fn budget_before(room: &RoomConfig) -> Result<Option<Budget>, ProtocolError> {
    room.noise.map(|noise| Ok(Noising::new(noise, room.parameters)?.budget(room.rounds))).transpose()
}

/// A number of the standard normal distribution (Box and Muller, 1958).
pub fn normal(random: &mut impl Rng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    // 1 − radius lies above 0.
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
