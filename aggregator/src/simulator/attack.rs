//! Hostile clients for simulations: some of the clients, drawn by the plan's seed, do as an attack says. They know everything
//! that its authors let them know, the honest clients' updates included.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Result, ensure};
use client::LocalRound;
use federation::{Input, TrainRequest};
use models::{Example, FEATURES, FRAMES};
use protocol::limits::MAX_EXAMPLES;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What `Scale` multiplies an update with.
const SCALE: f64 = 10.0;
/// How many deviations `Little` moves from the mean.
const DEVIATIONS: f64 = 1.5;
/// The L2 norm of `Loud`: below the largest that `RoomConfig::new` takes, also when it was rounded to few bits a value.
const LOUD: f64 = 7_500.0;
/// What `Statistics` says that features are, and how they scatter: below the largest that a room believes.
const FALSE_FEATURE: (f64, f64) = (9.0e5, 1.0e5);
/// Sets the attack's chances apart from all others that follow from the plan's seed.
const STREAM: u64 = 0x0061_7474_6163_6b73;

/// What hostile clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// They train as all do, on clips whose labels are all wrong: each has the next one (Tolpegin et al., 2020,
    /// arXiv:2007.08432).
    LabelFlip,
    /// They send −Δ, their own update turned round.
    SignFlip,
    /// They send 10Δ (after the model replacement of Bagdasaryan et al., 2020, arXiv:1807.00459).
    Scale,
    /// They send Gaussian noise as long as their honest update.
    Noise,
    /// They send the last change of the model, at first zeros, and claim as many examples as all honest clients together (Lin
    /// et al., 2019, arXiv:1911.12560).
    FreeRider,
    /// They all send the same: the honest clients' mean turned round (Xie et al., 2020, arXiv:1903.03936, with ε = 1).
    Collude,
    /// They all send the same: the honest clients' mean less 1.5 deviations in every parameter ("a little is enough", Baruch et
    /// al., 2019, arXiv:1902.06156, with a fixed z).
    Little,
    /// They send −Δ, about as long as a room may allow where it refuses what is longer alone.
    Loud,
    /// They train as all do, but say of their features that they are a million times as large, for as many frames as a room
    /// takes from a client of the most examples; from these the room computes how everyone's features are standardised.
    Statistics,
    /// They are not there: what is lost are their clips and nothing else, and with that others are to be compared.
    Absent,
}

/// An attack: who does what.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Attack {
    /// What they do.
    pub behaviour: Behaviour,
    /// The share of the clients that do it, above 0 and below 0.5; at least one of them.
    pub share: f64,
}

impl Behaviour {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 10] = [
        Self::LabelFlip,
        Self::SignFlip,
        Self::Scale,
        Self::Noise,
        Self::FreeRider,
        Self::Collude,
        Self::Little,
        Self::Loud,
        Self::Statistics,
        Self::Absent,
    ];

    /// The name that people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::LabelFlip => "label-flip",
            Self::SignFlip => "sign-flip",
            Self::Scale => "scale",
            Self::Noise => "noise",
            Self::FreeRider => "free-rider",
            Self::Collude => "collude",
            Self::Little => "little",
            Self::Loud => "loud",
            Self::Statistics => "statistics",
            Self::Absent => "absent",
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|behaviour| behaviour.name() == name).ok_or(format!("choose one of {names}"))
    }
}

impl Attack {
    /// How many of `clients` are hostile.
    ///
    /// # Errors
    /// The share can't be one, or leaves no honest majority.
    pub fn count(&self, clients: usize) -> Result<usize> {
        ensure!(self.share > 0.0 && self.share < 0.5, "--attackers must lie above 0 and below 0.5");
        let count = ((self.share * clients as f64).round() as usize).max(1);
        ensure!(2 * count < clients, "{count} attackers of {clients} clients are no minority; take more clients");
        Ok(count)
    }
}

/// The hostile clients of a simulation.
pub struct Attackers {
    behaviour: Behaviour,
    seed: u64,
    /// Whether each client is one of them.
    hostile: Vec<bool>,
    /// The model that the round before started from.
    before: Option<Arc<Vec<f32>>>,
}

impl Attackers {
    /// Draws them. A seed gives the same ones for every behaviour.
    ///
    /// # Errors
    /// The attack does not fit so many clients.
    pub fn draw(attack: &Attack, clients: usize, seed: u32) -> Result<Self> {
        let mut hostile = vec![false; clients];
        hostile.iter_mut().take(attack.count(clients)?).for_each(|client| *client = true);
        let seed = u64::from(seed) ^ STREAM;
        hostile.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        Ok(Self { behaviour: attack.behaviour, seed, hostile, before: None })
    }

    /// Whether they do nothing but stay away.
    pub fn are_absent(&self) -> bool {
        self.behaviour == Behaviour::Absent
    }

    /// What the others have, of what each client has.
    pub fn present<T: Clone>(&self, all: &[T]) -> Vec<T> {
        all.iter().zip(&self.hostile).filter(|(_, hostile)| !**hostile).map(|(one, _)| one.clone()).collect()
    }

    /// Changes what hostile clients train on, where they do. `labels` is the number of labels.
    pub fn poison(&self, shares: &mut [Arc<Vec<Example>>], labels: usize) {
        if self.behaviour != Behaviour::LabelFlip {
            return;
        }
        for (share, _) in shares.iter_mut().zip(&self.hostile).filter(|(_, hostile)| **hostile) {
            for example in Arc::make_mut(share) {
                example.label = (example.label + 1) % labels.max(1);
            }
        }
    }

    /// How many examples each client says to have.
    pub fn claims(&self, shares: &[Arc<Vec<Example>>]) -> Vec<u32> {
        let own: Vec<u32> = shares.iter().map(|share| share.len() as u32).collect();
        if self.behaviour != Behaviour::FreeRider {
            return own;
        }
        let honest: u32 = own.iter().zip(&self.hostile).filter(|(_, hostile)| !**hostile).map(|(own, _)| own).sum();
        own.iter()
            .zip(&self.hostile)
            .map(|(own, hostile)| if *hostile { honest.min(MAX_EXAMPLES) } else { *own })
            .collect()
    }

    /// What each client says of its features instead of what is true, where it lies.
    pub fn statistics(&self, claims: &[u32]) -> Vec<Option<Input>> {
        let lies = |hostile: bool| hostile && self.behaviour == Behaviour::Statistics;
        let said = |claimed: u32| {
            let frames = u64::from(claimed) * FRAMES as u64;
            let (mean, deviation) = FALSE_FEATURE;
            let sum = vec![frames as f64 * mean; FEATURES];
            let sum_squares = vec![frames as f64 * (mean * mean + deviation * deviation); FEATURES];
            Input::Statistics { frames, sum, sum_squares }
        };
        claims.iter().zip(&self.hostile).map(|(&claimed, &hostile)| lies(hostile).then(|| said(claimed))).collect()
    }

    /// Changes what hostile clients send, in a round in which all train from the same model. `clients` says whose request and
    /// result stand at each place.
    pub fn strike(&mut self, clients: &[usize], request: &TrainRequest, results: &mut [LocalRound], claims: &[u32]) {
        let model = &request.model;
        let change = |from: &[f32], to: &[f32]| -> Vec<f64> {
            from.iter().zip(to).map(|(from, to)| f64::from(*to) - f64::from(*from)).collect()
        };
        let is_hostile = |client: &usize| self.hostile.get(*client).copied().unwrap_or(false);
        let honest: Vec<Vec<f64>> = clients
            .iter()
            .zip(results.iter())
            .filter(|(client, _)| !is_hostile(client))
            .map(|(_, result)| change(model, &result.parameters))
            .collect();
        let honest_mean =
            |place: usize| honest.iter().filter_map(|update| update.get(place)).sum::<f64>() / honest.len() as f64;
        for (client, result) in clients.iter().zip(results).filter(|(client, _)| is_hostile(client)) {
            let own = change(model, &result.parameters);
            let sent: Vec<f64> = match self.behaviour {
                Behaviour::LabelFlip | Behaviour::Statistics | Behaviour::Absent => own,
                Behaviour::Loud => {
                    let norm = own.iter().map(|value| value * value).sum::<f64>().sqrt();
                    own.iter().map(|value| -value * LOUD / norm.max(f64::MIN_POSITIVE)).collect()
                }
                Behaviour::SignFlip => own.iter().map(|value| -value).collect(),
                Behaviour::Scale => own.iter().map(|value| SCALE * value).collect(),
                Behaviour::Noise => {
                    let deviation = (own.iter().map(|value| value * value).sum::<f64>() / own.len() as f64).sqrt();
                    let chance = self.seed ^ (u64::from(request.round.0) << 32) ^ *client as u64;
                    let mut random = ChaCha8Rng::seed_from_u64(chance);
                    own.iter().map(|_| deviation * federation::normal(&mut random)).collect()
                }
                Behaviour::FreeRider => {
                    result.examples = claims.get(*client).copied().unwrap_or(result.examples);
                    match &self.before {
                        Some(before) => change(before, model),
                        None => vec![0.0; own.len()],
                    }
                }
                Behaviour::Collude => (0..own.len()).map(|place| -honest_mean(place)).collect(),
                Behaviour::Little => (0..own.len())
                    .map(|place| {
                        let mean = honest_mean(place);
                        let squares =
                            honest.iter().filter_map(|update| update.get(place)).map(|value| (value - mean).powi(2));
                        mean - DEVIATIONS * (squares.sum::<f64>() / honest.len() as f64).sqrt()
                    })
                    .collect(),
            };
            result.parameters = model.iter().zip(sent).map(|(model, sent)| (f64::from(*model) + sent) as f32).collect();
        }
        self.before = Some(model.clone());
    }
}

#[cfg(test)]
mod tests {
    use protocol::{ModelVersion, RoomCode, RoomConfig, Round, RoundTraining, Standardisation, TrainingResult};

    use super::*;

    const PARAMETERS: usize = 400;

    fn request(round: u32, model: f32) -> TrainRequest {
        let room = RoomConfig::new(RoomCode::from_random(1), "tiny", 1, vec!["no".to_owned(), "yes".to_owned()]);
        TrainRequest {
            round: Round(round),
            model_version: ModelVersion(round - 1),
            model: Arc::new(vec![model; PARAMETERS]),
            standardisation: Standardisation { mean: vec![0.0], deviation: vec![1.0] },
            training: RoundTraining { settings: room.training, seed: 1 },
            proximal: 0.0,
            gradients: None,
            correction: None,
            time_ms: None,
        }
    }

    /// Updates of 1, 2, 3 … in every parameter, of which hostile clients change theirs.
    fn sent(attackers: &mut Attackers, request: &TrainRequest) -> Vec<(bool, Vec<f32>, u32)> {
        let clients: Vec<usize> = (0..attackers.hostile.len()).collect();
        let local = |client: &usize| LocalRound {
            evaluation: None,
            parameters: request.model.iter().map(|value| value + (client + 1) as f32).collect(),
            examples: 7,
            steps: 1,
            training: TrainingResult { loss: 1.0, accuracy: 0.5 },
        };
        let mut results: Vec<LocalRound> = clients.iter().map(local).collect();
        attackers.strike(&clients, request, &mut results, &vec![42; clients.len()]);
        let update = |result: LocalRound| result.parameters.iter().zip(&*request.model).map(|(a, b)| a - b).collect();
        attackers
            .hostile
            .clone()
            .into_iter()
            .zip(results)
            .map(|(hostile, result)| (hostile, result.examples, update(result)))
            .map(|(hostile, examples, update)| (hostile, update, examples))
            .collect()
    }

    fn attackers(behaviour: Behaviour) -> Attackers {
        Attackers::draw(&Attack { behaviour, share: 0.3 }, 10, 5).unwrap()
    }

    #[test]
    fn the_same_minority_is_hostile_whatever_it_does() {
        let who = attackers(Behaviour::Noise).hostile;
        assert_eq!(who.iter().filter(|hostile| **hostile).count(), 3);
        assert!(Behaviour::ALL.iter().all(|&behaviour| attackers(behaviour).hostile == who));
        let draw = |share, clients| Attackers::draw(&Attack { behaviour: Behaviour::Scale, share }, clients, 1);
        assert!(draw(0.5, 10).is_err() && draw(0.0, 10).is_err() && draw(0.4, 2).is_err());
        assert_eq!(draw(0.01, 10).unwrap().hostile.iter().filter(|hostile| **hostile).count(), 1);
    }

    #[test]
    fn honest_clients_send_what_they_trained_and_hostile_ones_what_the_attack_says() {
        for behaviour in Behaviour::ALL {
            let mut attackers = attackers(behaviour);
            let first = sent(&mut attackers, &request(1, 0.5));
            let honest: Vec<f32> =
                (0..10).filter(|client| !first[*client].0).map(|client| (client + 1) as f32).collect();
            let mean = honest.iter().sum::<f32>() / 7.0;
            let deviation = (honest.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 7.0).sqrt();
            for (client, (hostile, update, examples)) in first.iter().enumerate() {
                let own = (client + 1) as f32;
                let expected = match behaviour {
                    _ if !hostile => own,
                    Behaviour::LabelFlip | Behaviour::Statistics | Behaviour::Absent => own,
                    Behaviour::Loud => -7_500.0 / 20.0,
                    Behaviour::SignFlip => -own,
                    Behaviour::Scale => 10.0 * own,
                    Behaviour::FreeRider => 0.0,
                    Behaviour::Collude => -mean,
                    Behaviour::Little => mean - 1.5 * deviation,
                    Behaviour::Noise => {
                        // As long as the honest one, within what 400 numbers swing, and pointing nowhere.
                        let length = (update.iter().map(|value| value * value).sum::<f32>() / 400.0).sqrt();
                        let middle = update.iter().sum::<f32>() / 400.0;
                        assert!((length / own - 1.0).abs() < 0.15 && (middle / own).abs() < 0.2, "{length} {middle}");
                        continue;
                    }
                };
                assert!(
                    update
                        .iter()
                        .all(|value| (value / expected - 1.0).abs() < 1.0e-4 || (value - expected).abs() < 1.0e-4),
                    "{behaviour}: {}",
                    update[0]
                );
                let claimed = *hostile && behaviour == Behaviour::FreeRider;
                assert_eq!(*examples, if claimed { 42 } else { 7 });
            }
        }
    }

    #[test]
    fn absent_clients_leave_nothing_but_their_place() {
        let share = |clips| {
            Arc::new(vec![
                Example { values: Vec::new(), frames: 0, text: Vec::new(), label: 0, variants: Vec::new() };
                clips
            ])
        };
        let shares: Vec<_> = (0..10).map(share).collect();
        let attackers = attackers(Behaviour::Absent);
        let there: Vec<usize> = attackers.present(&shares).iter().map(|share| share.len()).collect();
        let honest: Vec<usize> = (0..10).filter(|client| !attackers.hostile[*client]).collect();
        assert_eq!((there, attackers.are_absent()), (honest, true));
        assert!(!self::attackers(Behaviour::Noise).are_absent());
    }

    #[test]
    fn a_free_rider_repeats_the_last_change_of_the_model() {
        let mut attackers = attackers(Behaviour::FreeRider);
        sent(&mut attackers, &request(1, 0.5));
        let second = sent(&mut attackers, &request(2, 0.75));
        assert!(
            second
                .iter()
                .filter(|(hostile, ..)| *hostile)
                .all(|(_, update, _)| update.iter().all(|value| *value == 0.25))
        );
    }

    #[test]
    fn labels_are_flipped_for_hostile_clients_alone() {
        let example = |label| Example { values: Vec::new(), frames: 0, text: Vec::new(), label, variants: Vec::new() };
        let mut shares: Vec<Arc<Vec<Example>>> = (0..10).map(|_| Arc::new((0..4).map(example).collect())).collect();
        let attackers = attackers(Behaviour::LabelFlip);
        attackers.poison(&mut shares, 4);
        for (share, hostile) in shares.iter().zip(&attackers.hostile) {
            let labels: Vec<usize> = share.iter().map(|example| example.label).collect();
            assert_eq!(labels, if *hostile { [1, 2, 3, 0] } else { [0, 1, 2, 3] });
        }
        assert_eq!(attackers.claims(&shares), [4; 10]);
        let riders = self::attackers(Behaviour::FreeRider);
        assert_eq!(riders.claims(&shares).iter().sum::<u32>(), 7 * 4 + 3 * 28);
    }
}
