//! The mean of the models of a room's rounds, which may become its last one.
//!
//! Single models of the end swing around what they are about to find; their mean lies nearer to it (B. T. Polyak & A. B. Juditsky,
//! "Acceleration of Stochastic Approximation by Averaging", 1992; P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
//! Generalization", UAI 2018, arXiv:1803.05407). It is taken with polynomial decay (O. Shamir & T. Zhang, "Stochastic Gradient
//! Descent for Non-smooth Optimization", ICML 2013, arXiv:1212.1824, section 4.2), which needs to know neither how many rounds there will be nor the
//! models before: m ← m + (η + 1) / (r + η) · (w − m) in round r, so that round r weighs r (r + 1) … (r + η − 1).

use std::collections::BTreeMap;

use protocol::RoomConfig;

/// η. Of 20 rounds the last weighs 0.32 and the last five together 0.88, of 3 rounds the last 0.82; docs/experiments.md has what was compared.
const DECAY: f64 = 8.0;
/// What it is called where a room's memory is stored.
pub(crate) const NAME: &str = "model_mean";

/// A mean of models.
#[derive(Clone, Debug)]
pub struct ModelMean {
    values: Vec<f32>,
}

impl ModelMean {
    /// Of no model yet, with so many parameters.
    pub fn new(parameters: usize) -> ModelMean {
        ModelMean { values: vec![0.0; parameters] }
    }

    /// Takes in the model of a round, counted from 1, of which all before it are in. Of the first round it is that model.
    pub fn take(&mut self, round: u32, model: &[f32]) {
        let share = (DECAY + 1.0) / (f64::from(round.max(1)) + DECAY);
        for (mean, value) in self.values.iter_mut().zip(model) {
            let before = f64::from(*mean);
            *mean = (before + share * (f64::from(*value) - before)) as f32;
        }
    }

    /// The mean's parameters.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// The mean of a room that ends with it, taken out of what was stored. Says what is wrong where that is none of its models.
pub(crate) fn restored(
    config: &RoomConfig,
    stored: &mut BTreeMap<String, Vec<f32>>,
) -> Result<Option<ModelMean>, String> {
    if config.final_model.is_last() {
        return Ok(None);
    }
    let values = stored.remove(NAME).ok_or("the mean of its models is missing")?;
    if values.len() != config.parameters as usize {
        return Err(format!("the mean of its models has {} values, not {}", values.len(), config.parameters));
    }
    if !values.iter().all(|value| value.is_finite()) {
        return Err("the mean of its models has a value that is not finite".to_owned());
    }
    Ok(Some(ModelMean { values }))
}

#[cfg(test)]
mod tests {
    use protocol::{FinalModel, RoomCode};
    use serde::Deserialize;

    use super::*;

    /// `tests/reference/strategies/model_mean.py` computes it with exact fractions.
    #[derive(Deserialize)]
    struct Golden {
        models: Vec<Vec<f32>>,
        /// After each of them.
        means: Vec<Vec<f64>>,
        /// What the last weighs of so many rounds.
        last: BTreeMap<u32, f64>,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("../../../tests/reference/strategies/model_mean.json")).unwrap()
    }

    #[test]
    fn means_are_those_of_weights_that_rise_with_the_rounds() {
        let golden = golden();
        let mut mean = ModelMean::new(golden.models[0].len());
        for (round, (model, expected)) in (1..).zip(golden.models.iter().zip(&golden.means)) {
            mean.take(round, model);
            for (found, expected) in mean.values().iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-6, "round {round}: {found}, not {expected}");
            }
        }
        assert_eq!(golden.models.len(), 40);
    }

    #[test]
    fn the_last_round_weighs_as_much_of_few_rounds_as_of_many() {
        for (rounds, expected) in golden().last {
            let mut mean = ModelMean::new(1);
            (1..=rounds).for_each(|round| mean.take(round, &[if round == rounds { 1.0 } else { 0.0 }]));
            assert!((f64::from(mean.values()[0]) - expected).abs() < 1e-6, "{rounds} rounds: not {expected}");
        }
    }

    #[test]
    fn only_a_mean_of_this_rooms_models_is_given_back() {
        let code = RoomCode::parse("KMPXZ").unwrap();
        let mut config = RoomConfig::new(code, "tiny", 2, vec!["no".to_owned(), "yes".to_owned()]);
        let given = |config: &RoomConfig, stored: &[(&str, &[f32])]| {
            let mut stored = stored.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect();
            let mean = restored(config, &mut stored)?;
            Ok::<_, String>((mean.map(|mean| mean.values), stored.len()))
        };
        let (both, momentum): (&[f32], &[f32]) = (&[1.0, 2.0], &[3.0, 4.0]);
        assert_eq!(given(&config, &[(NAME, both)]), Ok((None, 1)), "it has none, and leaves what it is given");
        config.final_model = FinalModel::Mean;
        assert_eq!(given(&config, &[(NAME, both), ("momentum", momentum)]), Ok((Some(both.to_vec()), 1)));
        assert!(given(&config, &[("momentum", momentum)]).unwrap_err().contains("missing"));
        assert!(given(&config, &[(NAME, &[1.0])]).unwrap_err().contains("1 values, not 2"));
        assert!(given(&config, &[(NAME, &[1.0, f32::INFINITY])]).unwrap_err().contains("not finite"));
    }
}
