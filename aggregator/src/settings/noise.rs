//! Noise on the sums of updates, and the budget that it is counted against.

use privacy::{Gaussian, noise_multiplier_for};
use protocol::{Hides, Noise, ProtocolError};
use serde::Deserialize;

/// Where the help lists all of it.
const HEADING: &str = "Noise, so that the model says little of any one person (docs/privacy.md)";

/// δ where none is chosen.
const DELTA: f64 = 1.0e-5;
/// Noise multipliers and budgets that are worked out are rounded up to so many parts of one.
const PARTS: f64 = 10_000.0;

/// How loud the noise is, and what it may cost.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub struct NoiseOptions {
    /// Add Gaussian noise to the sum of each round's updates: its deviation in units of --clip [default: none, or with --epsilon
    /// the least with which all rounds stay within it]
    #[arg(long, value_name = "Z", help_heading = HEADING)]
    pub noise_multiplier: Option<f64>,
    /// With noise: whose part in the model it hides: person, or clip, where each participant gives the sum of its clips' gradients in
    /// place of an update, and adds its share of the noise inside its masks (--masking) [default: person]
    #[arg(long, value_name = "WHOSE", help_heading = HEADING)]
    pub noise_hides: Option<Hides>,
    /// With noise: the L2 norm that longer updates, or gradients of clips, are scaled down to
    #[arg(long, value_name = "NORM", help_heading = HEADING)]
    pub clip: Option<f64>,
    /// With noise: the participants, or all their clips, that are reckoned with; the sum is divided by so many, whoever comes
    /// [default: --max-clients, in a simulation --clients; of clips there is none]
    #[arg(long, value_name = "COUNT", help_heading = HEADING)]
    pub noise_clients: Option<u32>,
    /// With noise: what the rounds may give away of one person; the room ends before a round that would break it [default: what all
    /// rounds cost]
    #[arg(long, value_name = "EPSILON", help_heading = HEADING)]
    pub epsilon: Option<f64>,
    /// With noise: for which delta [default: 0.00001]
    #[arg(long, value_name = "DELTA", help_heading = HEADING)]
    pub delta: Option<f64>,
}

impl NoiseOptions {
    /// Whether there is to be noise.
    pub fn is_chosen(&self) -> bool {
        self.noise_multiplier.is_some() || self.epsilon.is_some()
    }

    /// The noise of a room with so many rounds and participants.
    ///
    /// # Errors
    /// Something of it is given, and not enough. Whether values are in their ranges the room says.
    pub fn noise(&self, rounds: u32, clients: u32) -> Result<Option<Noise>, ProtocolError> {
        let Self { noise_multiplier, noise_hides, clip, noise_clients, epsilon, delta } = *self;
        let given = [
            ("noise_hides", noise_hides.is_some()),
            ("clip", clip.is_some()),
            ("noise_clients", noise_clients.is_some()),
            ("delta", delta.is_some()),
        ];
        if !self.is_chosen() {
            return match given.into_iter().find(|(_, given)| *given) {
                Some((field, _)) => Err(ProtocolError::Invalid {
                    field,
                    problem:
                        "means something only with noise_multiplier or epsilon; choose one of them too, or leave it out"
                            .to_owned(),
                }),
                None => Ok(None),
            };
        }
        let Some(clip) = clip else {
            let problem =
                "noise needs the norm that updates are scaled down to: it is as loud as that times the multiplier";
            return Err(ProtocolError::Invalid { field: "clip", problem: problem.to_owned() });
        };
        let hides = noise_hides.unwrap_or_default();
        if hides == Hides::Clip && noise_clients.is_none() {
            let problem = "say how many clips all participants have, about; the sum of gradients is divided by so many";
            return Err(ProtocolError::Invalid { field: "noise_clients", problem: problem.to_owned() });
        }
        let delta = delta.unwrap_or(DELTA);
        let up = |value: f64| (value * PARTS).ceil() / PARTS;
        let multiplier = match (noise_multiplier, epsilon) {
            (Some(multiplier), _) => multiplier,
            (None, epsilon) => up(noise_multiplier_for(rounds, epsilon.unwrap_or(f64::NAN), delta)),
        };
        let epsilon = epsilon.unwrap_or_else(|| up(Gaussian::of_rounds(multiplier, rounds).epsilon(delta)));
        Ok(Some(Noise { hides, clip, multiplier, clients: noise_clients.unwrap_or(clients), epsilon, delta }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_gives_the_least_noise_and_noise_its_budget() {
        let budget = NoiseOptions { epsilon: Some(8.0), clip: Some(0.5), ..NoiseOptions::default() };
        let noise = budget.noise(20, 64).unwrap().unwrap();
        // dp-accounting 0.6: 0.6002290721989517 for one round (tests/reference/privacy/epsilon.json), times √20.
        let least = 0.600_229_072_2 * 20.0_f64.sqrt();
        assert!(noise.multiplier >= least && noise.multiplier < least + 2.0e-4, "{}", noise.multiplier);
        assert_eq!((noise.clip, noise.clients, noise.epsilon, noise.delta), (0.5, 64, 8.0, 1.0e-5));
        assert_eq!(privacy::affordable_rounds(noise.multiplier, 8.0, 1.0e-5, 1_000), 20);
        let loud = NoiseOptions {
            noise_multiplier: Some(1.0),
            clip: Some(0.5),
            noise_clients: Some(9),
            ..NoiseOptions::default()
        };
        let noise = loud.noise(1, 64).unwrap().unwrap();
        assert!((noise.epsilon - 4.3772).abs() < 1.0e-4 && noise.clients == 9, "{noise:?}");
        assert_eq!(NoiseOptions::default().noise(20, 64), Ok(None));
    }

    #[test]
    fn a_room_with_noise_takes_the_mean_and_refuses_a_budget_that_is_too_small() {
        let room = |json: &str| serde_json::from_str::<super::super::Settings>(json).unwrap().room();
        let noised = room(r#"{"epsilon": 8, "clip": 0.5, "max_clients": 30}"#).unwrap();
        assert!(noised.aggregation.is_mean() && noised.influence_limit.is_none());
        assert_eq!(noised.noise.map(|noise| noise.clients), Some(30));
        let refused = |json: &str| room(json).unwrap_err().to_string();
        assert!(
            refused(r#"{"noise_multiplier": 1, "clip": 0.5, "epsilon": 2}"#).starts_with("noise.epsilon: one round")
        );
        assert!(refused(r#"{"epsilon": 8, "clip": 0.5, "aggregation": "median"}"#).starts_with("aggregation: "));
        assert!(refused(r#"{"epsilon": 8, "clip": 0.5, "influence_limit": 2}"#).starts_with("influence_limit: "));
        assert!(refused(r#"{"epsilon": -1, "clip": 0.5}"#).starts_with("noise."));
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = NoiseOptions { epsilon: Some(8.0), ..NoiseOptions::default() };
        assert!(without.noise(20, 64).unwrap_err().to_string().starts_with("clip: "));
        let alone = NoiseOptions { delta: Some(1.0e-6), ..NoiseOptions::default() };
        assert!(alone.noise(20, 64).unwrap_err().to_string().starts_with("delta: means something only with"));
    }
}
