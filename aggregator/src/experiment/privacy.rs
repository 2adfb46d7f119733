//! What noise costs: how well the finished model does on speakers whom nobody trained on, for each privacy budget.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use corpus::{Partition, Reading};
use models::Architecture;
use privacy::Gaussian;
use protocol::{Adversary, Aggregation, Encoding, Hides, Noise, RoomConfig};

use super::runs::{Done, Repeated, Run};
use crate::settings::{NoiseOptions, Settings};
use crate::simulator::{Device, Normalisation, Plan, TestSpeakers};

/// What is to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Privacy {
    /// Folders of labelled speech.
    pub data: Vec<PathBuf>,
    /// How the names of clips are read.
    pub reading: Reading,
    /// The network.
    pub model: Architecture,
    /// Clients, who hold clips dealt out at random: each stands for a person.
    pub clients: usize,
    /// Rounds.
    pub rounds: u32,
    /// Budgets, each an ε.
    pub epsilons: Vec<f64>,
    /// Their δ.
    pub delta: f64,
    /// The L2 norm that longer updates, or gradients of clips, are scaled down to.
    pub clip: f64,
    /// Noise that hides single clips, inside masks, reckons with so many of them; `None`: it hides people.
    pub clips: Option<u32>,
    /// How often everything is repeated with another seed.
    pub seeds: u32,
}

/// What a room does to its updates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Treated {
    /// Nothing.
    Plain,
    /// It clips them, and adds no noise.
    Clipped,
    /// It clips them and adds noise.
    Noised(Noise),
}

impl Repeated for Treated {
    fn key(&self) -> String {
        match self {
            Self::Plain => "plain".to_owned(),
            Self::Clipped => "clipped".to_owned(),
            // What follows a point would be taken for a file's extension.
            Self::Noised(Noise { epsilon, .. }) => format!("epsilon-{}", epsilon.to_string().replace('.', "_")),
        }
    }
}

/// Without noise, clipped alone, and each budget with the least noise that lasts for all rounds.
pub(super) fn conditions(privacy: &Privacy) -> Result<Vec<Treated>> {
    let mut conditions = vec![Treated::Plain];
    if privacy.clips.is_none() {
        conditions.push(Treated::Clipped);
    }
    for &epsilon in &privacy.epsilons {
        conditions.extend(room(privacy, Some(epsilon))?.noise.map(Treated::Noised));
    }
    Ok(conditions)
}

/// The room that somebody makes who chooses nothing else.
pub(super) fn room(privacy: &Privacy, epsilon: Option<f64>) -> Result<RoomConfig> {
    let mut settings = Settings::default();
    settings.room.max_clients = Some(u32::try_from(privacy.clients)?);
    (settings.learning.task.model, settings.learning.task.rounds) = (Some(privacy.model), Some(privacy.rounds));
    if epsilon.is_some() {
        let (clip, delta) = (Some(privacy.clip), Some(privacy.delta));
        let noise_hides = privacy.clips.map(|_| Hides::Clip);
        let noise_clients = privacy.clips;
        settings.learning.noise =
            NoiseOptions { epsilon, clip, delta, noise_hides, noise_clients, ..NoiseOptions::default() };
        settings.learning.masking.masking = privacy.clips.map(|_| Adversary::Active);
    }
    Ok(settings.room()?)
}

/// All runs.
///
/// # Errors
/// A budget or a clip that no room may have.
pub fn privacy_runs(privacy: &Privacy) -> Result<Vec<Run<Treated>>> {
    ensure!(!privacy.epsilons.is_empty(), "give one epsilon at least");
    let RoomConfig { training, strategy, .. } = room(privacy, None)?;
    let mut runs = Vec::new();
    for condition in conditions(privacy)? {
        for seed in 0..privacy.seeds {
            let plan = Plan {
                data: privacy.data.clone(),
                eval_data: Vec::new(),
                reading: privacy.reading.clone(),
                labels: super::labels(),
                test: TestSpeakers::Usual,
                model: privacy.model,
                modalities: protocol::Modalities::Both,
                scripts_apart: false,
                partition: Partition::Random,
                clients: privacy.clients,
                rounds: privacy.rounds,
                training,
                strategy,
                final_model: protocol::FinalModel::Last,
                aggregation: match condition {
                    Treated::Clipped => Aggregation::Clipping { norm: Some(privacy.clip) },
                    _ => Aggregation::Mean,
                },
                influence_limit: None,
                masking: match condition {
                    Treated::Noised(noise) => room(privacy, Some(noise.epsilon))?.masking,
                    _ => None,
                },
                noise: match condition {
                    Treated::Noised(noise) => Some(noise),
                    _ => None,
                },
                encoding: Encoding::F32,
                edges: None,
                attack: None,
                circumstances: None,
                replay: None,
                personal: None,
                seed,
                // A room with noise asks nobody for the sums of its features: each speaker's own scale takes no one else's.
                normalisation: Normalisation::Speaker,
                device: Device::Cpu,
            };
            plan.room(privacy.clients)?;
            runs.push(Run { condition, plan });
        }
    }
    Ok(runs)
}

/// The table as Markdown: a row a budget; UAR of the finished model in percent, the mean over the seeds and its ends.
///
/// # Errors
/// A budget that no room may have.
pub fn privacy_table(privacy: &Privacy, done: &[Done<Treated>], command: &str) -> Result<String> {
    let mut uars: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for one in done {
        if let Ok(outcome) = &one.outcome {
            uars.entry(one.run.condition.key()).or_default().push(100.0 * outcome.scores.uar);
        }
    }
    let tested = done.iter().find_map(|one| Some(one.outcome.as_ref().ok()?.test_speakers.join(", ")));
    let Privacy { model, clients, rounds, delta, clip, clips, seeds, .. } = privacy;
    let clipped = if clips.is_some() { "gradients of clips" } else { "updates" };
    let mut page = format!(
        "`{command}`\n\nUAR in percent of the finished model, mean (lowest to highest): {model}, {clients} clients, {rounds} rounds, {clipped} \
         clipped to {clip}, seeds 0 to {}; tested on {}. δ is {delta:e}; a guess is right 50 times in 100 by a coin.\n\n\
         | noise | multiplier | best guess of 100 | UAR |\n| --- | ---: | ---: | ---: |\n",
        seeds.saturating_sub(1),
        tested.unwrap_or_default(),
    );
    for condition in conditions(privacy)? {
        let (what, multiplier, guess) = match condition {
            Treated::Plain => ("none, nothing clipped".to_owned(), "–".to_owned(), "100".to_owned()),
            Treated::Clipped => ("none".to_owned(), "–".to_owned(), "100".to_owned()),
            Treated::Noised(Noise { epsilon, multiplier, .. }) => {
                let guess = Gaussian::of_rounds(multiplier, *rounds).best_guess();
                (
                    format!("ε = {epsilon}"),
                    format!("{multiplier:.2}"),
                    format!("{:.1}", (1_000.0 * guess).ceil() / 10.0),
                )
            }
        };
        let found = uars.get(&condition.key()).map(|uars| {
            let mean = uars.iter().sum::<f64>() / uars.len() as f64;
            let ends =
                uars.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &uar| (low.min(uar), high.max(uar)));
            format!("{mean:.0} ({:.0} to {:.0})", ends.0, ends.1)
        });
        let _ = writeln!(page, "| {what} | {multiplier} | {guess} | {} |", found.unwrap_or_else(|| "–".to_owned()));
    }
    Ok(page)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::experiment::{paper, runs};

    pub(in crate::experiment) fn privacy() -> Privacy {
        Privacy {
            data: Vec::new(),
            reading: Reading::default(),
            model: Architecture::Compact,
            clients: 10,
            rounds: 20,
            epsilons: vec![8.0, 2.5],
            delta: 1.0e-5,
            clip: 0.1,
            clips: None,
            seeds: 2,
        }
    }

    #[test]
    fn every_run_is_of_a_room_that_may_be_made_and_has_a_key_of_its_own() {
        let runs = privacy_runs(&privacy()).unwrap();
        let keys: Vec<String> = runs.iter().map(Run::key).collect();
        let expected =
            ["plain", "clipped", "epsilon-8", "epsilon-2_5"].map(|key| [0, 1].map(|seed| format!("{key}-s{seed}")));
        assert_eq!(keys, expected.concat());
        let of_clips = privacy_runs(&Privacy { clips: Some(300), ..privacy() }).unwrap();
        let keys: Vec<String> = of_clips.iter().map(Run::key).collect();
        assert_eq!(
            keys,
            ["plain", "epsilon-8", "epsilon-2_5"].map(|key| [0, 1].map(|seed| format!("{key}-s{seed}"))).concat()
        );
        assert!(of_clips.iter().all(|run| run.plan.noise.is_some() == run.plan.masking.is_some()));
        assert!(privacy_runs(&Privacy { epsilons: vec![0.0], ..privacy() }).is_err());
        assert!(privacy_runs(&Privacy { epsilons: Vec::new(), ..privacy() }).is_err());
    }

    #[test]
    fn the_table_has_a_row_for_each_budget() {
        let privacy = privacy();
        let dataset = paper::tests::dataset();
        let done: Vec<Done<Treated>> = privacy_runs(&privacy)
            .unwrap()
            .into_iter()
            .map(|run| Done { outcome: Ok(runs::tests::outcome(&run, &dataset)), run })
            .collect();
        let table = privacy_table(&privacy, &done, "chorus x").unwrap();
        // dp-accounting 0.6: z = 0.60023 · √20, and 79.8 of 100 guesses.
        assert!(table.contains("| ε = 8 | 2.68 | 79.8 | 50 (50 to 50) |"), "{table}");
        assert!(table.contains("| none, nothing clipped | – | 100 | 50 (50 to 50) |"), "{table}");
    }
}
