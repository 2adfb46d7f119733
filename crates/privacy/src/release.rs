//! A series of noisy sums, as somebody describes it, and what it gives away.

use crate::distribution::Distribution;
use crate::gaussian::Gaussian;
use crate::sampled::Sampled;

/// Least and largest noise multiplier that can be counted.
const NOISE_MULTIPLIERS: [f64; 2] = [0.01, 1.0e6];
/// And with sampling, where a loss has to fit on a grid.
const SAMPLED_NOISE_MULTIPLIERS: [f64; 2] = [0.05, 1.0e3];
/// Most rounds that can be counted.
const MOST_ROUNDS: u32 = 100_000;
/// The least chance of taking part that can be counted.
const LEAST_SAMPLING: f64 = 1.0e-4;
/// The least δ, and with sampling, where transforms round.
const LEAST_DELTAS: [f64; 2] = [1.0e-100, 1.0e-9];

/// What two worlds that nobody should be able to tell apart differ by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// One person's (or clip's) vector is in the sums, or nothing is there in its place.
    AddOrRemoveOne,
    /// One person's vector is in the sums, or another's. The sums differ by twice as much.
    ReplaceOne,
}

/// A series of noisy sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Release {
    /// The noise's deviation, in units of the largest norm that one vector may have; z.
    pub noise_multiplier: f64,
    /// How many sums.
    pub rounds: u32,
    /// With which chance a person is in a sum, independently of all others and in each round anew; 1: everyone is in every one.
    pub sampling: f64,
    /// What is to be hidden.
    pub relation: Relation,
}

/// Why something can't be counted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PrivacyError {
    /// Too little noise, too much, or none.
    #[error("a noise multiplier lies between {least} and {most} here")]
    NoiseMultiplier {
        /// The least.
        least: f64,
        /// The largest.
        most: f64,
    },
    /// Too many rounds, or none.
    #[error("rounds are 1 to {MOST_ROUNDS}")]
    Rounds,
    /// No probability, or too small a one.
    #[error("sampling is a probability, {LEAST_SAMPLING} to 1")]
    Sampling,
    /// δ is no probability below 1, or too small a one.
    #[error("delta lies between {least:e} and 1 here")]
    Delta {
        /// The least.
        least: f64,
    },
    /// No bound is proven that gains by sampling where one is replaced.
    #[error(
        "for replace-one only sums in which everyone takes part are counted; leave sampling out: a sum with fewer people gives \
         away no more"
    )]
    SampledReplacement,
}

/// What a series of noisy sums gives away.
#[derive(Clone, Debug)]
pub struct PrivacyLoss(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Exact(Gaussian),
    Bounded([Distribution; 2]),
}

impl Release {
    /// Counts it: exactly where everyone takes part in every sum, and else from above.
    ///
    /// # Errors
    /// Something of it can't be counted.
    pub fn loss(&self) -> Result<PrivacyLoss, PrivacyError> {
        let sampled = self.sampling != 1.0;
        let [least, most] = if sampled { SAMPLED_NOISE_MULTIPLIERS } else { NOISE_MULTIPLIERS };
        if !(least..=most).contains(&self.noise_multiplier) {
            return Err(PrivacyError::NoiseMultiplier { least, most });
        }
        if !(1..=MOST_ROUNDS).contains(&self.rounds) {
            return Err(PrivacyError::Rounds);
        }
        if !(LEAST_SAMPLING..=1.0).contains(&self.sampling) {
            return Err(PrivacyError::Sampling);
        }
        let Release { noise_multiplier, rounds, sampling, relation } = *self;
        let kind = match (relation, sampled) {
            (Relation::ReplaceOne, true) => return Err(PrivacyError::SampledReplacement),
            (Relation::ReplaceOne, false) => Kind::Exact(Gaussian::of_rounds(noise_multiplier, rounds).doubled()),
            (Relation::AddOrRemoveOne, false) => Kind::Exact(Gaussian::of_rounds(noise_multiplier, rounds)),
            (Relation::AddOrRemoveOne, true) => Kind::Bounded(Sampled { noise_multiplier, sampling }.of_rounds(rounds)),
        };
        Ok(PrivacyLoss(kind))
    }
}

impl PrivacyLoss {
    /// Whether it is exact, and not an upper bound.
    pub fn is_exact(&self) -> bool {
        matches!(self.0, Kind::Exact(_))
    }

    /// The least ε for a δ, rounded up.
    ///
    /// # Errors
    /// δ is no probability below 1, or too small to be counted.
    pub fn epsilon(&self, delta: f64) -> Result<f64, PrivacyError> {
        let least = LEAST_DELTAS[usize::from(!self.is_exact())];
        if !(delta >= least && delta < 1.0) {
            return Err(PrivacyError::Delta { least });
        }
        Ok(match &self.0 {
            Kind::Exact(gaussian) => gaussian.epsilon(delta),
            Kind::Bounded(losses) => losses.iter().map(|loss| loss.epsilon(delta)).fold(0.0, f64::max),
        })
    }

    /// How often whoever knows everything else guesses right, at best, which of the two worlds it is if both are as likely: 0.5
    /// for a coin, and (1 + δ at ε = 0) / 2, for that δ is the total variation between what the two worlds show.
    pub fn best_guess(&self) -> f64 {
        match &self.0 {
            Kind::Exact(gaussian) => gaussian.best_guess(),
            Kind::Bounded(losses) => (1.0 + losses.iter().map(|loss| loss.delta(0.0)).fold(0.0, f64::max)) / 2.0,
        }
    }
}
