//! What is done against hostile participants.

use protocol::{Aggregation, ProtocolError, RoomConfig};
use serde::Deserialize;

use super::choice::{self, Given};

/// An aggregation, and its settings that have options of their own.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct AggregationOptions {
    #[arg(long, value_parser = choice::word::<Aggregation>, help = format!(
        "How a round's updates become the one that the strategy is given, against hostile participants otherwise than by their \
         mean: {}, or one of them with all of its settings as JSON [default: mean; in a room with compact median, where the strategy goes with it]",
        choice::names::<Aggregation>(),
    ))]
    #[serde(deserialize_with = "choice::json")]
    pub aggregation: Option<Aggregation>,
    #[arg(long, value_name = "COUNT", help = format!(
        "How many hostile participants {} reckon with; rounds need twice as many updates and three [default: {}]",
        choice::with::<Aggregation>("faulty"), choice::usual::<Aggregation>("faulty"),
    ))]
    pub faulty: Option<u32>,
    /// How many updates multi_krum takes [default: one more than --faulty]
    #[arg(long, value_name = "COUNT")]
    pub chosen: Option<u32>,
    /// The L2 norm that clipping scales longer updates down to [default: the median of the round's norms]
    #[arg(long, value_name = "NORM")]
    pub clip_norm: Option<f64>,
    #[arg(long, value_name = "TIMES", help = format!(
        "How many times the median of its round one participant's statistics, counts and update may bring to bear; 0 for no \
         limit [default: {} in a room, none in a simulation]",
        RoomConfig::INFLUENCE_LIMIT,
    ))]
    pub influence_limit: Option<f64>,
    #[arg(long, value_name = "SHARE", help = format!(
        "trimmed_mean's share of the values that is left out at each end, above 0 and below 0.5 [default: {}]",
        choice::usual::<Aggregation>("trim"),
    ))]
    pub trim: Option<f64>,
}

impl AggregationOptions {
    pub(super) fn given(&self) -> Vec<Given> {
        vec![
            Given { option: "trim", setting: "trim", value: self.trim },
            Given { option: "faulty", setting: "faulty", value: self.faulty.map(f64::from) },
            Given { option: "chosen", setting: "chosen", value: self.chosen.map(f64::from) },
            Given { option: "clip_norm", setting: "norm", value: self.clip_norm },
        ]
    }

    /// The aggregation.
    pub fn aggregation(&self) -> Result<Aggregation, ProtocolError> {
        let mut aggregation = self.aggregation.unwrap_or_default();
        if let (Some(faulty), Aggregation::MultiKrum { chosen, .. }) = (self.faulty, &mut aggregation) {
            // As many as the smallest round with so many faulty clients has neighbours for.
            *chosen = faulty.saturating_add(1);
        }
        choice::set(&mut aggregation, self.given())?;
        Ok(aggregation)
    }

    /// The limit of one participant's influence, where nothing is chosen `usual`.
    pub fn influence_limit(&self, usual: Option<f64>) -> Option<f64> {
        self.influence_limit.map_or(usual, |limit| (limit != 0.0).then_some(limit))
    }
}
