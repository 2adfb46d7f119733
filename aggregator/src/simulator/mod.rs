//! Federated learning in one process: the rules of the aggregator and of the participants, the features and the
//! networks are those of a real room; only sockets, clocks and waiting are left out. What is simulated here is what a
//! class runs.

mod attack;
mod centralised;
mod circumstances;
mod clock;
mod dataset;
mod edges;
mod exchange;
mod feature_cache;
mod heads;
mod learners;
mod personal;
mod plan;
mod run;
mod scores;
mod voices;

#[cfg(test)]
pub use attack::Attackers;
pub use attack::{Attack, Behaviour};
pub use circumstances::Circumstances;
pub use dataset::Dataset;
use exchange::Request;
#[cfg(test)]
pub use exchange::{Exchange, Next};
pub use feature_cache::FeatureCache;
#[cfg(test)]
pub use personal::Tuned;
pub use personal::{Personal, Tuning};
pub use plan::{Device, Normalisation, Plan, Replay, TestSpeakers};
pub use run::{LastFive, Outcome, Prediction, RoundOutcome, lacking, run, split, steps};
pub use scores::{Means, Scores};
pub use voices::OfFewClips;
