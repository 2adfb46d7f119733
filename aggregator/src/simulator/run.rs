//! Runs a plan: divides the clips, lets the clients and the aggregator go through all rounds (or trains the centralised
//! baseline), and evaluates every version of the model on speakers whom nobody trained on.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use corpus::{Holdings, Partition, Split};
use federation::local_work::whole_steps;
use federation::{Coordinator, Input, MemorySpool, Millis, TrainRequest};
use models::{Evaluation, Example, ModelError, Standardisation};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::attack::Attackers;
use super::centralised::centralised;
use super::clock::Clock;
use super::dataset::Dataset;
use super::edges::Tree;
use super::exchange::{Exchange, Next, Request};
use super::heads::OwnHeads;
use super::learners::Learners;
use super::personal::Finished;
use super::voices::{OfFewClips, Speakers, Tested};
use super::{Normalisation, Plan, Scores, Tuning};

/// Rounds at the end whose mean is reported beside the last one, because single rounds swing.
const LAST_ROUNDS: usize = 5;

/// What came of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The plan.
    pub plan: Plan,
    /// The finished model on the test speakers.
    #[serde(flatten)]
    pub scores: Scores,
    /// Its mean cross entropy there, in nats.
    pub loss: f64,
    /// Means over the last five rounds.
    pub last_five: LastFive,
    /// Every round (every `training.epochs` epochs, where training is centralised), oldest first.
    pub rounds: Vec<RoundOutcome>,
    /// Time for training and aggregation, without evaluation; under circumstances the made-up time of all rounds.
    pub seconds: f64,
    /// Bytes from the clients to the aggregator, frames and messages, over all rounds.
    pub bytes_up: u64,
    /// Bytes from the aggregator to the clients.
    pub bytes_down: u64,
    /// Parameters of the model.
    pub parameters: usize,
    /// Clips trained on.
    pub training_clips: usize,
    /// Clips tested on.
    pub test_clips: usize,
    /// Who is tested, by name.
    pub test_speakers: Vec<String>,
    /// How many clips of each label each client holds.
    pub holdings: Holdings,
    /// What the finished model found in each test clip.
    pub predictions: Vec<Prediction>,
    /// How it does where test speakers' own scales are made of few clips; nothing where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_few_clips: Vec<OfFewClips>,
    /// What the test speakers made of it, where that was planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tunings: Vec<Tuning>,
    /// Files that were found but not used, and why.
    pub skipped: Vec<(PathBuf, String)>,
}

/// One version of the model, and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundOutcome {
    /// From 1.
    pub round: u32,
    /// Accuracy on the test speakers.
    pub accuracy: f64,
    /// Unweighted average recall there.
    pub uar: f64,
    /// Macro F1 there.
    pub f1: f64,
    /// Mean cross entropy there, in nats.
    pub loss: f64,
    /// The clients' mean cross entropy in their last epoch, weighted by examples, in nats.
    pub training_loss: f64,
    /// The clients' accuracy in their last epoch.
    pub training_accuracy: f64,
    /// Bytes from the clients in this round.
    pub bytes_up: u64,
    /// Bytes to the clients in this round.
    pub bytes_down: u64,
    /// Time for training and aggregation; under circumstances the made-up time since the version before.
    pub seconds: f64,
    /// How far each client's last update points where the others' do: the cosine, −1 to 1; of those who have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreement: Vec<f32>,
}

/// Means over the last rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LastFive {
    /// Accuracy.
    pub accuracy: f64,
    /// Unweighted average recall.
    pub uar: f64,
    /// Macro F1.
    pub f1: f64,
}

/// What the finished model found in a clip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// The clip.
    pub file: PathBuf,
    /// Who speaks.
    pub speaker: String,
    /// Index of its label.
    pub truth: usize,
    /// Index of the label that was found.
    pub found: usize,
}

/// How many clips of a session's places this corpus lacks.
///
/// # Errors
/// As [`split`].
pub fn lacking(plan: &Plan, dataset: &Dataset) -> Result<usize> {
    let wanted = plan.replay.as_ref().and_then(|replay| replay.holdings.as_ref());
    let (_, parts) = divide(plan, dataset)?;
    let there: usize = parts.iter().map(Vec::len).sum();
    Ok(wanted.map_or(0, |wanted| (wanted.iter().flatten().sum::<u32>() as usize).saturating_sub(there)))
}

/// Training steps of a whole plan, for a progress bar.
pub fn steps(plan: &Plan, dataset: &Dataset) -> Result<u64> {
    let (_, parts) = divide(plan, dataset)?;
    let a_round: u64 = parts.iter().map(|part| u64::from(whole_steps(&plan.training, part.len() as u32))).sum();
    Ok(a_round * u64::from(plan.rounds))
}

/// The clips that are trained on and those that are tested. Where only text is looked at, clips without any are on neither side.
///
/// # Errors
/// As [`Dataset::split`], and as [`Dataset::split_apart`] where the plan parts scripts.
pub fn split(plan: &Plan, dataset: &Dataset) -> Result<Split> {
    let whole = if plan.scripts_apart { dataset.split_apart(&plan.test) } else { dataset.split(&plan.test) };
    let Split { mut train, mut test } = whole?;
    for side in [&mut train, &mut test] {
        side.retain(|&clip| client::has_sides(&dataset.clips[clip].example, plan.modalities));
    }
    Ok(Split { train, test })
}

/// Which clips are tested, and which each client holds.
type Divided = (Vec<usize>, Vec<Vec<usize>>);

fn divide(plan: &Plan, dataset: &Dataset) -> Result<Divided> {
    if plan.partition == Partition::BySpeaker {
        dataset.speakers_known()?;
    }
    let Split { train, test } = split(plan, dataset)?;
    let labels: Vec<usize> = train.iter().map(|&clip| dataset.clips[clip].example.label).collect();
    let speakers: Vec<&str> = train.iter().map(|&clip| dataset.clips[clip].speaker.as_str()).collect();
    let of_the_whole = |parts: Vec<Vec<usize>>| -> Vec<Vec<usize>> {
        parts.into_iter().map(|part| part.into_iter().map(|index| train[index]).collect()).collect()
    };
    if let Some(holdings) = plan.replay.as_ref().and_then(|replay| replay.holdings.as_ref()) {
        dataset.speakers_known()?;
        let (parts, _) = corpus::in_places(&labels, &speakers, holdings);
        let empty = parts.iter().position(Vec::is_empty);
        ensure!(
            empty.is_none(),
            "place {} of the session would have no clips of this corpus; choose one with more speakers, or --partition",
            empty.unwrap_or_default()
        );
        return Ok((test, of_the_whole(parts)));
    }
    let parts = plan
        .partition
        .assign(&labels, &speakers, plan.clients, plan.seed.into())
        .with_context(|| format!("{} training clips can't be divided by {}", train.len(), plan.partition))?;
    Ok((test, of_the_whole(parts)))
}

/// Runs a plan on clips that were read for it. `on_step` hears of every training step of everyone, and ends the run by
/// breaking, which gives `None`; `on_round` hears of every finished round.
///
/// # Errors
/// The clips cannot be divided as planned, the settings do not fit together, or training failed.
pub fn run(
    plan: &Plan,
    dataset: &Dataset,
    on_step: impl Fn() -> ControlFlow<()> + Sync,
    mut on_round: impl FnMut(&RoundOutcome) + Send,
) -> Result<Option<Outcome>> {
    ensure!(
        plan.personal.is_none() || (!plan.is_centralised() && plan.normalisation == Normalisation::Group),
        "a model is made one's own where clients have trained it, by the group's scale"
    );
    let (test, parts) = divide(plan, dataset)?;
    let example = |clip: usize| {
        client::with_sides(client::seen_with(&dataset.clips[clip].example, plan.training.augmentation), plan.modalities)
    };
    let labels = dataset.labels.len();
    let mut tested = Tested::new(test.iter().filter_map(|&clip| example(clip)).collect(), labels);
    ensure!(!tested.is_empty(), "there is no clip of a test speaker to measure by");
    if plan.normalisation == Normalisation::Own {
        tested =
            tested.by_own_scales(&test.iter().map(|&clip| dataset.clips[clip].speaker.as_str()).collect::<Vec<_>>());
    }
    let shares: Vec<Arc<Vec<Example>>> =
        parts.iter().map(|part| Arc::new(part.iter().filter_map(|&clip| example(clip)).collect())).collect();
    let mut learners = Learners::new(plan.model, labels, plan.device, parts.len())?;
    let mut test_bench = TestBench { tested: &tested, rounds: Vec::new(), scores: None };
    let finished = if plan.is_centralised() {
        learners
            .first(|learner| {
                let whole = shares.first().map_or(&[][..], |share| share.as_slice());
                let speakers = speakers(plan, dataset, &parts);
                let on_round = |round, evaluation: Evaluation| {
                    test_bench.add(round, evaluation.loss, &evaluation.confusion, &mut on_round);
                };
                pollster::block_on(centralised(plan, learner, whole, speakers.as_ref(), &tested, &on_step, on_round))
            })??
            // Nothing travels.
            .map(|scale| (scale, (0, 0)))
    } else {
        federated(
            plan,
            &mut learners,
            (&shares, speakers(plan, dataset, &parts)),
            &on_step,
            &mut test_bench,
            &mut on_round,
        )?
    };
    let (Some((scale, (bytes_up, bytes_down))), Some(scores)) = (finished, test_bench.scores) else {
        return Ok(None);
    };
    let rounds = test_bench.rounds;
    // The learner that evaluated last has the finished model.
    let (found, of_few_clips) = learners.first(|learner| {
        pollster::block_on(async {
            let found = tested.predict(learner, &scale).await?;
            Ok::<_, ModelError>((found, tested.of_few_clips(learner, &scale, plan.seed.into()).await?))
        })
    })??;
    let mut tunings = Vec::new();
    if let Some(personal) = &plan.personal {
        let parameters = learners.first(|learner| pollster::block_on(learner.parameters()))??;
        let finished = Finished { parameters, standardisation: scale };
        let how = (plan.seed, plan.rounds);
        match personal.tune(&mut learners, &finished, (dataset, &test), how, &example, &on_step)? {
            Some(all) => tunings = all,
            None => return Ok(None),
        }
    }
    let predictions = test.iter().zip(found).map(|(&clip, probabilities)| {
        let spoken = &dataset.clips[clip];
        Prediction {
            file: spoken.path.clone(),
            speaker: spoken.speaker.clone(),
            truth: spoken.example.label,
            found: client::personal::most_likely(&probabilities).unwrap_or_default(),
        }
    });
    let mut test_speakers: Vec<String> = test.iter().map(|&clip| dataset.clips[clip].speaker.clone()).collect();
    test_speakers.sort();
    test_speakers.dedup();
    let label_of: Vec<usize> = dataset.clips.iter().map(|clip| clip.example.label).collect();
    let speaker_of: Vec<&str> = dataset.clips.iter().map(|clip| clip.speaker.as_str()).collect();
    Ok(Some(Outcome {
        scores,
        loss: rounds.last().map_or(f64::NAN, |round| round.loss),
        last_five: last_five(&rounds),
        seconds: rounds.iter().map(|round| round.seconds).sum(),
        bytes_up,
        bytes_down,
        parameters: plan.model.parameters(labels),
        training_clips: parts.iter().map(Vec::len).sum(),
        test_clips: test.len(),
        test_speakers,
        holdings: Holdings::of(&parts, &dataset.labels, &label_of, &speaker_of),
        predictions: predictions.collect(),
        of_few_clips,
        tunings,
        skipped: dataset.skipped.clone(),
        plan: plan.clone(),
        rounds,
    }))
}

/// The own scales of those who train, where they have any.
fn speakers(plan: &Plan, dataset: &Dataset, parts: &[Vec<usize>]) -> Option<Speakers> {
    (plan.normalisation == Normalisation::Own).then(|| Speakers::new(dataset, parts))
}

/// All rounds of a federation, of clients with these clips. Gives the group's scale, and the bytes that travelled, up and down.
fn federated(
    plan: &Plan,
    learners: &mut Learners,
    (shares, mut speakers): (&[Arc<Vec<Example>>], Option<Speakers>),
    on_step: &(impl Fn() -> ControlFlow<()> + Sync),
    test_bench: &mut TestBench<'_>,
    on_round: &mut impl FnMut(&RoundOutcome),
) -> Result<Option<(Standardisation, (u64, u64))>> {
    let mut attackers =
        plan.attack.as_ref().map(|attack| Attackers::draw(attack, shares.len(), plan.seed)).transpose()?;
    let mut shares = shares.to_vec();
    if let Some(away) = attackers.take_if(|attackers| attackers.are_absent()) {
        shares = away.present(&shares);
        speakers = speakers.map(|speakers| speakers.present(&away));
    }
    let mut room = plan.room(shares.len())?;
    let labels = room.labels.len();
    let initial = models::initial_parameters(plan.model, labels, room.seed.into());
    if let Some(attackers) = &attackers {
        attackers.poison(&mut shares, labels);
    }
    let claims = match &attackers {
        Some(attackers) => attackers.claims(&shares),
        None => shares.iter().map(|share| share.len() as u32).collect(),
    };
    if plan.masking.is_some() {
        // Everyone counts with all examples still, and masked integers have no room to spare.
        room.weight_cap = claims.iter().copied().max().unwrap_or(1).max(1);
    }
    let mut coordinator = Coordinator::new(room, initial, Box::<MemorySpool>::default())?;
    let with_scale = |coordinator: &mut Coordinator| {
        if plan.normalisation != Normalisation::Speaker {
            // What each speaker's own scale was taken off has none in common.
            coordinator.standardise(client::common_scale());
        }
    };
    with_scale(&mut coordinator);
    // Of a simulation's noise nobody is to be kept from knowing it, and the run can be repeated.
    coordinator.seed_noise(ChaCha8Rng::seed_from_u64(plan.seed.into()).random());
    let clock = plan.circumstances.map(|circumstances| Clock::new(circumstances, plan.seed));
    let mut exchange = if plan.edges.is_some() {
        Room::OfEdges(Tree::new(coordinator, &shares, &claims, labels, with_scale)?)
    } else {
        let mut flat = Exchange::new(coordinator, shares, &claims, labels, clock);
        if let Some(replay) = &plan.replay {
            flat.attend(replay.attendance.clone());
        }
        if let Some(attackers) = &attackers {
            flat.lie(attackers.statistics(&claims));
        }
        Room::Flat(flat)
    };
    let own_heads = plan.personal.as_ref().is_some_and(|personal| personal.own_heads);
    let mut heads = own_heads.then(|| OwnHeads::new(plan.model, labels, claims.len()));
    let (mut began, mut before) = (Instant::now(), (0, 0));
    let mut shown = 0.0;
    loop {
        match exchange.go_on()? {
            Next::Train(clients) => {
                let came: Vec<_> = clients.iter().filter_map(|&client| exchange.request(client)).collect();
                let with_heads: Vec<TrainRequest> = match &heads {
                    Some(heads) => clients
                        .iter()
                        .zip(&came)
                        .map(|(&client, request)| heads.put_on(client, request.asked))
                        .collect(),
                    None => Vec::new(),
                };
                let mut requests = came.clone();
                requests.iter_mut().zip(&with_heads).for_each(|(request, asked)| request.asked = asked);
                let standardised = |place: usize| {
                    let (speakers, request) = speakers.as_ref().zip(requests.get(place))?;
                    let group = client::translate::standardisation(&request.asked.standardisation);
                    Some(speakers.standardised(*clients.get(place)?, &group, request.examples))
                };
                let Some(mut results) = learners.work(&requests, standardised, on_step)? else {
                    return Ok(None);
                };
                if let Some(heads) = &mut heads {
                    for ((&client, request), done) in clients.iter().zip(&came).zip(&mut results) {
                        heads.take_off(client, request.asked, done);
                    }
                }
                if let (Some(attackers), Some(first)) = (&mut attackers, requests.first()) {
                    attackers.strike(&clients, first.asked, &mut results, &claims);
                }
                let inputs: Vec<_> = requests
                    .iter()
                    .zip(results)
                    .map(|(request, result)| result.into_inputs(request.asked).collect::<Vec<_>>())
                    .collect();
                for (&client, inputs) in clients.iter().zip(inputs) {
                    exchange.trained(client, inputs.into_iter());
                }
            }
            Next::Published => {
                let coordinator = exchange.coordinator();
                let Some(record) = coordinator.history().last() else { continue };
                let made_up = exchange.seconds().map(|now| now - std::mem::replace(&mut shown, now));
                let seconds = made_up.unwrap_or_else(|| began.elapsed().as_secs_f64());
                let group = scale(coordinator)?;
                let model = coordinator.model().parameters();
                let tested = test_bench.tested;
                let evaluation = learners.first(|learner| {
                    pollster::block_on(async {
                        learner.set_parameters(model).await?;
                        tested.evaluate(learner, &group).await.map(client::translate::evaluation)
                    })
                })??;
                let now = exchange.bytes();
                let round = RoundCost {
                    round: record.round.0,
                    training_loss: record.training.loss,
                    training_accuracy: record.training.accuracy,
                    bytes_up: now.0 - before.0,
                    bytes_down: now.1 - before.1,
                    seconds,
                    agreement: coordinator.status(Millis(0)).clients.iter().filter_map(|one| one.agreement).collect(),
                };
                test_bench.add(round, evaluation.loss, &evaluation.confusion, on_round);
                (began, before) = (Instant::now(), now);
            }
            Next::Finished => return Ok(Some((scale(exchange.coordinator())?, exchange.bytes()))),
        }
    }
}

/// The scale of a room's group.
fn scale(coordinator: &Coordinator) -> Result<Standardisation> {
    let scale = coordinator.standardisation().context("a round was over before anything was normalised")?;
    Ok(client::translate::standardisation(scale))
}

/// A room and everyone in it, with edges between or without.
#[allow(clippy::large_enum_variant, reason = "there is one")]
enum Room {
    Flat(Exchange),
    OfEdges(Tree),
}

impl Room {
    fn go_on(&mut self) -> Result<Next> {
        match self {
            Room::Flat(exchange) => exchange.go_on(),
            Room::OfEdges(tree) => tree.go_on(),
        }
    }

    fn request(&self, client: usize) -> Option<Request<'_>> {
        match self {
            Room::Flat(exchange) => exchange.request(client),
            Room::OfEdges(tree) => tree.request(client),
        }
    }

    fn trained(&mut self, client: usize, inputs: impl Iterator<Item = Input>) {
        match self {
            Room::Flat(exchange) => exchange.trained(client, inputs),
            Room::OfEdges(tree) => tree.trained(client, inputs),
        }
    }

    fn coordinator(&self) -> &Coordinator {
        match self {
            Room::Flat(exchange) => exchange.coordinator(),
            Room::OfEdges(tree) => tree.coordinator(),
        }
    }

    fn seconds(&self) -> Option<f64> {
        match self {
            Room::Flat(exchange) => exchange.seconds(),
            Room::OfEdges(_) => None,
        }
    }

    /// Bytes to the room's server, and from it.
    fn bytes(&self) -> (u64, u64) {
        match self {
            Room::Flat(exchange) => (exchange.bytes_up, exchange.bytes_down),
            Room::OfEdges(tree) => (tree.bytes_up, tree.bytes_down),
        }
    }
}

/// What a round took, and how training went in it.
pub(super) struct RoundCost {
    pub round: u32,
    pub training_loss: f64,
    pub training_accuracy: f64,
    pub bytes_up: u64,
    pub bytes_down: u64,
    pub seconds: f64,
    pub agreement: Vec<f32>,
}

/// Collects how each version does on the test clips.
struct TestBench<'a> {
    tested: &'a Tested,
    rounds: Vec<RoundOutcome>,
    /// Of the newest version.
    scores: Option<Scores>,
}

impl TestBench<'_> {
    fn add(&mut self, cost: RoundCost, loss: f64, confusion: &[Vec<u32>], on_round: &mut impl FnMut(&RoundOutcome)) {
        let scores = Scores::of(confusion);
        let round = RoundOutcome {
            round: cost.round,
            accuracy: scores.accuracy,
            uar: scores.uar,
            f1: scores.f1,
            loss,
            training_loss: cost.training_loss,
            training_accuracy: cost.training_accuracy,
            bytes_up: cost.bytes_up,
            bytes_down: cost.bytes_down,
            seconds: cost.seconds,
            agreement: cost.agreement,
        };
        on_round(&round);
        self.rounds.push(round);
        self.scores = Some(scores);
    }
}

fn last_five(rounds: &[RoundOutcome]) -> LastFive {
    let last = &rounds[rounds.len().saturating_sub(LAST_ROUNDS)..];
    let mean = |of: fn(&RoundOutcome) -> f64| last.iter().map(of).sum::<f64>() / last.len().max(1) as f64;
    LastFive { accuracy: mean(|round| round.accuracy), uar: mean(|round| round.uar), f1: mean(|round| round.f1) }
}
