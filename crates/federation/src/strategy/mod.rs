//! How a round's updates become the next model, one strategy a file.
//!
//! A [`ServerOptimiser`] says how an update is folded into what the round has [`Gathered`], makes the next parameters out
//! of that, and keeps what it remembers from round to round. It knows no client, no message and no file. All vectors have
//! the model's length; each number is computed in f64 and rounded once to f32.

mod adaptive;
mod fedadagrad;
mod fedadam;
mod fedavg;
mod fedavgm;
mod fednova;
mod fedprox;
mod fedyogi;
#[cfg(test)]
mod golden;
pub(crate) mod scaffold;

use std::collections::BTreeMap;
use std::fmt::Debug;

use protocol::{RoomConfig, Strategy};

use crate::aggregation::mean::Accumulator;
use crate::update::Update;

/// What a round's updates add up to. A strategy folds into the means that it needs; the other stays empty.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The mean of the updates.
    pub updates: Accumulator,
    /// The mean of the updates, each divided by its client's count of local steps.
    pub per_step: Accumulator,
}

impl Gathered {
    /// What a rule other than the mean made of the updates. No strategy that asks for more than their mean goes with one.
    pub(crate) fn of(direction: Vec<f32>) -> Gathered {
        Gathered { updates: Accumulator::holding(direction, 1.0, 0.0), per_step: Accumulator::default() }
    }

    /// The means that are not empty, in the order in which an edge sends them.
    pub(crate) fn means(self) -> impl Iterator<Item = Accumulator> {
        [self.updates, self.per_step].into_iter().filter(|mean| mean.weight() > 0.0)
    }

    /// Folds in one mean for each that the strategy folds into, in the order of [`Gathered::means`], all of the same updates:
    /// `weight` is the sum of their weights, `steps` the mean of their clients' local steps.
    pub(crate) fn fold_means(&mut self, means: &[Update<'_>], weight: f64, steps: f64, strategy: &Strategy) {
        let places = match (strategy.counts_steps(), means.len()) {
            (true, 1) => [None, Some(&mut self.per_step)],
            _ => [Some(&mut self.updates), Some(&mut self.per_step)],
        };
        for (mean, place) in means.iter().zip(places.into_iter().flatten()) {
            place.fold_mean(mean, weight, steps);
        }
    }

    /// Shortens what becomes of updates that were taken as if all of their steps had been done. What is taken step by step has its
    /// length from the steps already.
    pub(crate) fn shorten(&mut self, share: f64) {
        self.updates.scale(share);
    }
}

/// What came with an update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Its examples, capped as the room says, and in an asynchronous room fewer for an older update; above 0.
    pub weight: f64,
    /// Its client's local steps, at least 1.
    pub steps: u32,
    /// What it is multiplied with first: 1, or less where the room clips it.
    pub scale: f64,
    /// The steps that it is taken for, `steps` at least: more where the room lets slow clients do fewer than all of theirs.
    pub planned: u32,
}

impl Effort {
    /// The share of its steps that its client did, above 0 and at most 1.
    fn done(&self) -> f64 {
        f64::from(self.steps) / f64::from(self.planned)
    }
}

/// A strategy at work in a room (`ServerOpt` in Reddi et al., "Adaptive Federated Optimization", ICLR 2021,
/// arXiv:2003.00295).
pub(crate) trait ServerOptimiser: Debug + Send {
    /// Takes an update into the round.
    fn fold(&self, gathered: &mut Gathered, update: &Update<'_>, effort: Effort) {
        gathered.updates.fold(update, effort.weight, effort.steps, effort.scale / effort.done());
    }

    /// The next parameters, in a mean's own memory; `clients` take part in the room. `None`: nothing was folded.
    fn publish(&mut self, gathered: Gathered, global: &[f32], clients: u32) -> Option<Vec<f32>>;

    /// What the optimiser remembers, by name.
    fn memory(&self) -> Vec<(&'static str, &[f32])> {
        Vec::new()
    }

    /// The places of what `memory` names, in the same order.
    fn memory_mut(&mut self) -> Vec<&mut Vec<f32>> {
        Vec::new()
    }

    /// How many means of [`Gathered`] it folds into.
    fn means(&self) -> usize {
        1
    }

    /// What clients are sent behind the parameters: nothing, or as many numbers as there are parameters.
    fn attachment(&self) -> &[f32] {
        &[]
    }
}

/// The server optimiser of a room, as at its beginning.
pub(crate) fn server_optimiser(config: &RoomConfig) -> Box<dyn ServerOptimiser> {
    let parameters = config.parameters as usize;
    match config.strategy {
        Strategy::FedAvg { server_learning_rate } => Box::new(fedavg::FedAvg { server_learning_rate }),
        Strategy::FedAvgM { server_learning_rate, momentum } => {
            Box::new(fedavgm::FedAvgM::new(parameters, server_learning_rate, momentum))
        }
        Strategy::FedAdagrad { server_learning_rate, tau } => {
            Box::new(fedadagrad::FedAdagrad::new(parameters, server_learning_rate, tau))
        }
        Strategy::FedAdam { server_learning_rate, beta_1, beta_2, tau } => {
            Box::new(fedadam::FedAdam::new(parameters, server_learning_rate, [beta_1, beta_2], tau))
        }
        Strategy::FedYogi { server_learning_rate, beta_1, beta_2, tau } => {
            Box::new(fedyogi::FedYogi::new(parameters, server_learning_rate, [beta_1, beta_2], tau))
        }
        Strategy::FedProx { .. } => Box::new(fedprox::FedProx),
        Strategy::Scaffold { server_learning_rate } => {
            Box::new(scaffold::Scaffold::new(parameters, server_learning_rate, config.training.learning_rate))
        }
        Strategy::FedNova => Box::new(fednova::FedNova),
    }
}

/// Vectors as long as the model that this room's strategy needs beside the model and the one mean that becomes the next: what it
/// remembers from round to round, and further means. Where the room ends with the mean of its models, that; with noise also the sum that it is added to, which is kept in f64.
pub fn extra_vectors(config: &RoomConfig) -> usize {
    let optimiser = server_optimiser(&RoomConfig { parameters: 0, ..config.clone() });
    let sum = if config.noise.is_some() { size_of::<f64>() / size_of::<f32>() } else { 0 };
    // What rounding to few bits has left out so far.
    let rest = usize::from(config.encoding.is_of_differences());
    let mean = usize::from(!config.final_model.is_last());
    optimiser.memory().len() + optimiser.means().saturating_sub(1) + sum + rest + mean
}

/// Gives an optimiser back what it remembered. Says what is wrong where that is not what it remembers.
pub(crate) fn restore(
    optimiser: &mut dyn ServerOptimiser,
    mut stored: BTreeMap<String, Vec<f32>>,
) -> Result<(), String> {
    let names: Vec<&str> = optimiser.memory().into_iter().map(|(name, _)| name).collect();
    for (name, place) in names.into_iter().zip(optimiser.memory_mut()) {
        let values = stored.remove(name).ok_or_else(|| format!("the strategy's {name} is missing"))?;
        if values.len() != place.len() {
            return Err(format!("the strategy's {name} has {} values, not {}", values.len(), place.len()));
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err(format!("the strategy's {name} has a value that is not finite"));
        }
        *place = values;
    }
    match stored.into_keys().next() {
        Some(name) => Err(format!("the strategy remembers no {name}")),
        None => Ok(()),
    }
}

/// `global` + `rate` · `direction`, in the direction's memory.
fn step(mut direction: Vec<f32>, global: &[f32], rate: f64) -> Vec<f32> {
    for (direction, global) in direction.iter_mut().zip(global) {
        *direction = (f64::from(*global) + rate * f64::from(*direction)) as f32;
    }
    direction
}

#[cfg(test)]
mod tests {
    use protocol::{Choice as _, Encoding, RoomCode};

    use super::*;

    #[test]
    fn only_what_the_strategy_remembers_is_given_back() {
        let code = RoomCode::parse("KMPXZ").unwrap();
        let mut config = RoomConfig::new(code, "tiny", 2, vec!["no".to_owned(), "yes".to_owned()]);
        config.strategy = "fedavgm".parse().unwrap();
        let given = |stored: &[(&str, &[f32])]| {
            let stored = stored.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect();
            let mut optimiser = server_optimiser(&config);
            restore(&mut *optimiser, stored).map(|()| optimiser.memory()[0].1.to_vec())
        };
        assert_eq!(given(&[("momentum", &[1.0, 2.0])]), Ok(vec![1.0, 2.0]));
        assert_eq!(given(&[]), Err("the strategy's momentum is missing".to_owned()));
        assert!(given(&[("momentum", &[1.0])]).unwrap_err().contains("1 values, not 2"));
        assert!(given(&[("momentum", &[1.0, f32::NAN])]).unwrap_err().contains("not finite"));
        assert!(given(&[("momentum", &[1.0, 2.0]), ("speed", &[0.0])]).unwrap_err().contains("no speed"));
    }

    #[test]
    fn what_a_strategy_needs_is_what_it_keeps_and_folds() {
        let code = RoomCode::parse("KMPXZ").unwrap();
        let mut config = RoomConfig::new(code, "tiny", 2, vec!["no".to_owned(), "yes".to_owned()]);
        let bytes = Encoding::F32.encode(vec![1.0, 2.0]);
        for &strategy in Strategy::ALL {
            config.strategy = strategy;
            let optimiser = server_optimiser(&config);
            let mut gathered = Gathered::default();
            let update = Update::inspect(Encoding::F32, &bytes, 2, 1.0e9).ok().unwrap();
            optimiser.fold(&mut gathered, &update, Effort { weight: 1.0, steps: 2, scale: 1.0, planned: 2 });
            let folded = [&gathered.updates, &gathered.per_step].map(|mean| mean.weight() > 0.0);
            assert_eq!(optimiser.means(), folded.iter().filter(|folded| **folded).count(), "{strategy}");
            assert_eq!(strategy.counts_steps(), folded[1], "{strategy}");
            assert_eq!(optimiser.memory().len() + optimiser.means() - 1, extra_vectors(&config), "{strategy}");
        }
        let extra = |name: &str| extra_vectors(&RoomConfig { strategy: name.parse().unwrap(), ..config.clone() });
        assert_eq!(["fedavg", "fedprox", "fednova"].map(extra), [0, 0, 0]);
        assert_eq!(extra("fedavgm"), 1);
        // FedAdagrad keeps a first moment as the others do; SCAFFOLD has its control variate, and a second mean.
        assert_eq!(["fedadagrad", "fedadam", "fedyogi", "scaffold"].map(extra), [2, 2, 2, 2]);
        let mean = RoomConfig { final_model: protocol::FinalModel::Mean, ..config.clone() };
        assert_eq!(extra_vectors(&RoomConfig { strategy: "fedavgm".parse().unwrap(), ..mean }), 2);
    }
}
