//! What a published model should be, computed anew in f64 from the updates that were accepted: no running means, no
//! blocks, and each aggregation's and strategy's formula as its paper prints it.

use std::collections::BTreeMap;

use protocol::{Aggregation, RoomConfig, Strategy};

/// An update that is in the round's mean.
#[derive(Clone)]
pub struct Accepted {
    pub weight: f64,
    pub steps: f64,
    /// Steps that all epochs take, where the room lets slow clients do fewer; else `steps`.
    pub whole: f64,
    pub values: Vec<f32>,
}

/// The updates as they would be if those of few steps had gone on in the same direction.
#[allow(dead_code, reason = "each test has its own part of the oracle")]
pub fn gone_on(mut accepted: Vec<Accepted>) -> Vec<Accepted> {
    for update in &mut accepted {
        let factor = update.whole / update.steps;
        update.values.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
    }
    accepted
}

/// The moments of the strategies that have some.
#[derive(Default)]
pub struct Oracle {
    momentum: Vec<f64>,
    second_moment: Vec<f64>,
    model_mean: Vec<f64>,
}

impl Oracle {
    /// Goes on from what a server had stored.
    pub fn recall(&mut self, memory: &BTreeMap<String, Vec<f32>>) {
        let moment =
            |name| memory.get(name).map_or(Vec::new(), |values| values.iter().map(|&v| f64::from(v)).collect());
        *self = Oracle {
            momentum: moment("momentum"),
            second_moment: moment("second_moment"),
            model_mean: moment("model_mean"),
        };
    }

    /// Of updates that have [`gone_on`], FedNova's equations with the weights wᵢ ∝ pᵢK̂ᵢ of a round in which everyone does all K̂ᵢ
    /// steps: τₑ Σ wᵢ Δᵢ/Kᵢ, with its τₑ = Σ pᵢKᵢ, is Σ pᵢKᵢ / Σ pᵢK̂ᵢ of the mean of the Δᵢ·K̂ᵢ/Kᵢ.
    /// Nothing where a strategy has no formula here, but only its numbers in `tests/reference/strategies`.
    #[allow(unreachable_patterns, reason = "those of today have a formula each")]
    pub fn publish(
        &mut self,
        strategy: Strategy,
        aggregation: Aggregation,
        before: &[f32],
        accepted: &[Accepted],
    ) -> Option<Vec<f64>> {
        let weights: f64 = accepted.iter().map(|update| update.weight).sum();
        let mean = |term: &dyn Fn(&Accepted) -> f64| {
            accepted.iter().map(|update| update.weight * term(update)).sum::<f64>() / weights
        };
        let aggregated = aggregate(aggregation, accepted, before.len());
        let share = mean(&|update| update.steps) / mean(&|update| update.whole);
        let delta = |index: usize| share * aggregated[index];
        let places = before.iter().map(|&before| f64::from(before)).enumerate();
        Some(match strategy {
            Strategy::FedAvg { server_learning_rate: rate } => {
                places.map(|(index, before)| before + rate * delta(index)).collect()
            }
            Strategy::FedProx { .. } => places.map(|(index, before)| before + delta(index)).collect(),
            Strategy::FedAvgM { server_learning_rate: rate, momentum } => {
                self.momentum.resize(before.len(), 0.0);
                places
                    .map(|(index, before)| {
                        self.momentum[index] = momentum * self.momentum[index] + delta(index);
                        before + rate * self.momentum[index]
                    })
                    .collect()
            }
            Strategy::FedAdagrad { server_learning_rate: rate, tau } => {
                self.adaptive(before, &delta, rate, 0.0, tau, |v, square| v + square)
            }
            Strategy::FedAdam { server_learning_rate: rate, beta_1, beta_2, tau } => {
                self.adaptive(before, &delta, rate, beta_1, tau, |v, square| beta_2 * v + (1.0 - beta_2) * square)
            }
            Strategy::FedYogi { server_learning_rate: rate, beta_1, beta_2, tau } => {
                self.adaptive(before, &delta, rate, beta_1, tau, |v, square| {
                    let towards = if v > square { -1.0 } else { 1.0 };
                    v + (1.0 - beta_2) * square * towards
                })
            }
            Strategy::FedNova => {
                let effective = mean(&|update| update.steps);
                let direction = |index: usize| mean(&|update| f64::from(update.values[index]) / update.whole);
                places.map(|(index, before)| before + effective * direction(index)).collect()
            }
            Strategy::Scaffold { server_learning_rate: rate } => {
                let sum = |index: usize| accepted.iter().map(|update| f64::from(update.values[index])).sum::<f64>();
                places.map(|(index, before)| before + rate * share * sum(index) / accepted.len() as f64).collect()
            }
            _ => return None,
        })
    }

    /// What a room publishes in a round, counted from 1, of which its strategy made this model: that, or at the end of a room that ends
    /// with their mean, the mean of what it made of all rounds, where round r weighs r (r + 1) … (r + 7).
    #[allow(dead_code, reason = "each test has its own part of the oracle")]
    pub fn ends(&mut self, room: &RoomConfig, round: u32, model: Vec<f64>) -> Vec<f64> {
        if room.final_model.is_last() {
            return model;
        }
        let weight = |round: u32| (0..8).map(|more| f64::from(round + more)).product::<f64>();
        let before: f64 = (1..round).map(weight).sum();
        self.model_mean.resize(model.len(), 0.0);
        for (mean, value) in self.model_mean.iter_mut().zip(&model) {
            *mean = (before * *mean + weight(round) * value) / (before + weight(round));
        }
        if round == room.rounds { self.model_mean.clone() } else { model }
    }

    /// Algorithm 2 of Reddi et al. (2021); `follow` gives the next v from v and Δ².
    fn adaptive(
        &mut self,
        before: &[f32],
        delta: &dyn Fn(usize) -> f64,
        rate: f64,
        beta_1: f64,
        tau: f64,
        follow: impl Fn(f64, f64) -> f64,
    ) -> Vec<f64> {
        self.momentum.resize(before.len(), 0.0);
        self.second_moment.resize(before.len(), tau * tau);
        let mut published = Vec::new();
        for (index, &before) in before.iter().enumerate() {
            let (m, v) = (&mut self.momentum[index], &mut self.second_moment[index]);
            *m = beta_1 * *m + (1.0 - beta_1) * delta(index);
            *v = follow(*v, delta(index).powi(2));
            published.push(f64::from(before) + rate * *m / (v.sqrt() + tau));
        }
        published
    }
}

/// The updates of a round as a room takes them that limits what one of them may bring to bear; `earlier` are the norms of the
/// three rounds before.
#[allow(dead_code, reason = "each test has its own part of the oracle")]
pub fn held(mut accepted: Vec<Accepted>, limit: f64, earlier: &[f64]) -> Vec<Accepted> {
    let most = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        if values.len() < 3 { f64::INFINITY } else { limit * values[(values.len() - 1) / 2] }
    };
    let norms: Vec<f64> = accepted.iter().map(norm).collect();
    let heaviest = most(accepted.iter().map(|update| update.weight).collect());
    let longest = most(norms.iter().chain(earlier).copied().filter(|&norm| norm > 0.0).collect());
    for (update, norm) in accepted.iter_mut().zip(norms) {
        update.weight = update.weight.min(heaviest);
        if norm > longest {
            update.values.iter_mut().for_each(|value| *value = (f64::from(*value) * longest / norm) as f32);
        }
    }
    accepted
}

fn norm(update: &Accepted) -> f64 {
    update.values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// Δ, of the updates that were accepted.
fn aggregate(aggregation: Aggregation, accepted: &[Accepted], parameters: usize) -> Vec<f64> {
    let count = accepted.len();
    let column = |index: usize| -> Vec<f64> {
        let mut column: Vec<f64> = accepted.iter().map(|update| f64::from(update.values[index])).collect();
        column.sort_by(f64::total_cmp);
        column
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let clipped = |limit: f64| -> Vec<f64> {
        let weights: f64 = accepted.iter().map(|update| update.weight).sum();
        let part = |update: &Accepted| update.weight / weights * (limit / norm(update).max(1.0e-300)).min(1.0);
        let parts: Vec<f64> = accepted.iter().map(part).collect();
        let at = |index: usize| {
            accepted.iter().zip(&parts).map(|(update, part)| part * f64::from(update.values[index])).sum()
        };
        (0..parameters).map(at).collect()
    };
    match aggregation {
        Aggregation::Mean => clipped(f64::INFINITY),
        Aggregation::Clipping { norm: Some(limit) } => clipped(limit),
        Aggregation::Clipping { norm: None } => {
            let mut norms: Vec<f64> = accepted.iter().map(norm).collect();
            norms.sort_by(f64::total_cmp);
            clipped(mean(&norms[(count - 1) / 2..=count / 2]))
        }
        Aggregation::Median => (0..parameters).map(|index| mean(&column(index)[(count - 1) / 2..=count / 2])).collect(),
        Aggregation::TrimmedMean { trim } => {
            let cut = ((trim * count as f64).floor() as usize).max(usize::from(count > 2));
            (0..parameters).map(|index| mean(&column(index)[cut..count - cut])).collect()
        }
        Aggregation::Krum { faulty } => nearest(accepted, parameters, faulty as usize, 1),
        Aggregation::MultiKrum { faulty, chosen } => nearest(accepted, parameters, faulty as usize, chosen as usize),
    }
}

/// Multi-Krum; the median where there are too few updates for it.
fn nearest(accepted: &[Accepted], parameters: usize, faulty: usize, chosen: usize) -> Vec<f64> {
    let count = accepted.len();
    if 2 * faulty + 2 >= count {
        return aggregate(Aggregation::Median, accepted, parameters);
    }
    let distance = |a: &Accepted, b: &Accepted| -> f64 {
        a.values.iter().zip(&b.values).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    let score = |update: &Accepted| -> f64 {
        let mut distances: Vec<f64> = accepted.iter().map(|other| distance(update, other)).collect();
        distances.sort_by(f64::total_cmp);
        // The first is the update's own.
        distances[1..=count - faulty - 2].iter().sum()
    };
    let length = |update: &Accepted| update.values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
    let mut best: Vec<&Accepted> = accepted.iter().collect();
    best.sort_by(|a, b| score(a).total_cmp(&score(b)).then(length(a).total_cmp(&length(b))));
    best.truncate(chosen.min(count - faulty - 2));
    let mean =
        |index: usize| best.iter().map(|update| f64::from(update.values[index])).sum::<f64>() / best.len() as f64;
    (0..parameters).map(mean).collect()
}
