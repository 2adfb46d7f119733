//! What text adds to a voice: the same network on the same clips with the voice alone, the text alone, and both, on speakers whom
//! nobody trained on. On a made-up corpus of which it is known what tells the label, beside the best that any model could do; on
//! real ones whose sentences say nothing of the mood, where it has to add nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use corpus::synth::told::Telling;
use corpus::{Partition, Reading};
use models::Architecture;
use protocol::{Aggregation, Augmentation, Encoding, Modalities, Optimiser, Strategy, TrainingSettings};

use super::runs::{Done, Repeated, Run};
use super::statistics::{Answer, Difference, paired_bootstrap};
use crate::simulator::{Dataset, Device, Normalisation, Plan, Prediction, TestSpeakers};

/// What of a clip the network is given, in the order of the table.
const SIDES: [Modalities; 3] = [Modalities::Voice, Modalities::Text, Modalities::Both];

/// What clients do in a round, and what becomes of it: as a room of `compact-text` has it where nothing is chosen.
const TRAINING: TrainingSettings = TrainingSettings {
    epochs: 2,
    batch_size: 20,
    optimiser: Optimiser::Sgd,
    learning_rate: 1.0e-3,
    augmentation: Augmentation::Speed,
};
const STRATEGY: Strategy = Strategy::FedAdam { server_learning_rate: 3.0e-3, beta_1: 0.9, beta_2: 0.99, tau: 1.0e-7 };

/// What is to be run on one corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct Multimodal {
    /// Its folder.
    pub data: PathBuf,
    /// How the names of clips are read.
    pub reading: Reading,
    /// The labels.
    pub labels: Vec<String>,
    /// Clients, nobody's clips on two of them.
    pub clients: usize,
    /// Rounds.
    pub rounds: u32,
    /// Parts of the speakers, each tested in turn.
    pub folds: usize,
    /// How often everything is repeated with another seed.
    pub seeds: u32,
    /// Whether scripts are parted as well as speakers.
    pub scripts_apart: bool,
    /// Whether it is the made-up corpus, whose folders say what tells each clip's label.
    pub is_made_up: bool,
}

impl Repeated for Modalities {
    fn key(&self) -> String {
        self.to_string()
    }
}

/// All runs: each of the sides, each with every seed and every part of the speakers tested.
///
/// # Errors
/// Clips without transcripts alone, or fewer speakers than parts.
pub fn multimodal_runs(multimodal: &Multimodal, dataset: &Dataset) -> Result<Vec<Run<Modalities>>> {
    let read = dataset.clips.iter().filter(|clip| !clip.example.text.is_empty()).count();
    ensure!(
        read > 0,
        "no clip in {} has a transcript; add a column transcript to its manifest.csv",
        multimodal.data.display()
    );
    let mut runs = Vec::new();
    for modalities in SIDES {
        for seed in 0..multimodal.seeds {
            for index in 0..multimodal.folds {
                let plan = Plan {
                    data: vec![multimodal.data.clone()],
                    eval_data: Vec::new(),
                    reading: multimodal.reading.clone(),
                    labels: multimodal.labels.clone(),
                    test: TestSpeakers::Fold { index, of: multimodal.folds },
                    model: Architecture::CompactText,
                    modalities,
                    scripts_apart: multimodal.scripts_apart,
                    partition: Partition::BySpeaker,
                    clients: multimodal.clients,
                    rounds: multimodal.rounds,
                    training: TRAINING,
                    strategy: STRATEGY,
                    final_model: protocol::FinalModel::Last,
                    aggregation: Aggregation::Mean,
                    influence_limit: None,
                    masking: None,
                    noise: None,
                    encoding: Encoding::F32,
                    edges: None,
                    attack: None,
                    circumstances: None,
                    replay: None,
                    personal: None,
                    seed,
                    normalisation: Normalisation::Group,
                    device: Device::Cpu,
                };
                runs.push(Run { condition: modalities, plan });
            }
        }
    }
    Ok(runs)
}

/// What was found in all test clips: by sides, and there by seed.
type Found<'a> = BTreeMap<&'static str, BTreeMap<u32, Vec<&'a Prediction>>>;

/// One corpus' part of the report, in Markdown: shares of test clips that were right in percent, means over the seeds, and what text
/// adds with its 95 % interval over speakers.
pub fn multimodal_section(multimodal: &Multimodal, done: &[Done<Modalities>]) -> String {
    let mut found = Found::new();
    for one in done {
        if let Ok(outcome) = &one.outcome {
            let of_seed = found.entry(name(one.run.condition)).or_default().entry(one.run.plan.seed).or_default();
            of_seed.extend(&outcome.predictions);
        }
    }
    let tested = found.values().flat_map(BTreeMap::values).map(Vec::len).max().unwrap_or_default();
    let Multimodal { data, clients, rounds, folds, seeds, scripts_apart, is_made_up, .. } = multimodal;
    let of = data.file_name().unwrap_or_default().to_string_lossy();
    let mut page = format!(
        "## {of}\n\n{tested} test clips, {folds} parts of the speakers tested in turn, {clients} clients by speaker, {rounds} rounds, seeds 0 to \
         {}, scripts {}.\n\n",
        seeds.saturating_sub(1),
        if *scripts_apart { "parted as well as speakers" } else { "the same on both sides" },
    );
    if *is_made_up {
        let _ = writeln!(page, "| what tells the label | clips | voice | best | text | best | both | best |");
        let _ = writeln!(page, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for telling in Telling::ALL {
            made_up_row(&mut page, telling.name(), &found, &[telling]);
        }
        made_up_row(&mut page, "all", &found, &Telling::ALL);
    } else {
        let _ = writeln!(page, "| clips | voice | text | both |\n| ---: | ---: | ---: | ---: |");
        let _ = write!(page, "| {tested} |");
        for sides in SIDES {
            let _ = write!(page, " {} |", percent(right(&found, sides, |_| true).map(|(share, _)| share)));
        }
        page.push('\n');
    }
    let labels = multimodal.labels.len();
    for (than, sides) in [("the voice alone", Modalities::Voice), ("the text alone", Modalities::Text)] {
        let difference = paired_bootstrap(&answers(&found, Modalities::Both), &answers(&found, sides), labels);
        if let Some(Difference { uar, low, high, speakers, p: _ }) = difference {
            let _ = write!(
                page,
                "\nBoth against {than}: {:+.1} points of UAR (95 % {:+.1} to {:+.1}, {speakers} speakers).\n",
                100.0 * uar,
                100.0 * low,
                100.0 * high
            );
        }
    }
    page
}

fn name(sides: Modalities) -> &'static str {
    match sides {
        Modalities::Voice => "voice",
        Modalities::Text => "text",
        Modalities::Both => "both",
    }
}

/// The share of clips that were right, the mean over the seeds, and how many clips these are; of those that `is_meant`.
fn right(found: &Found<'_>, sides: Modalities, is_meant: impl Fn(&Path) -> bool) -> Option<(f64, usize)> {
    let seeds = found.get(name(sides))?;
    let shares: Vec<(f64, usize)> = seeds
        .values()
        .map(|predictions| {
            let meant: Vec<_> = predictions.iter().filter(|prediction| is_meant(&prediction.file)).collect();
            let right = meant.iter().filter(|prediction| prediction.truth == prediction.found).count();
            (right as f64 / meant.len().max(1) as f64, meant.len())
        })
        .collect();
    let (_, clips) = *shares.first()?;
    (clips > 0).then(|| (shares.iter().map(|(share, _)| share).sum::<f64>() / shares.len() as f64, clips))
}

fn made_up_row(page: &mut String, what: &str, found: &Found<'_>, tellings: &[Telling]) {
    let is_told = |file: &Path| {
        let folder = file.parent().and_then(Path::file_name).unwrap_or_default();
        tellings.iter().any(|telling| folder == telling.name())
    };
    let clips = right(found, Modalities::Both, is_told).map_or(0, |(_, clips)| clips);
    let _ = write!(page, "| {what} | {clips} |");
    for sides in SIDES {
        let (hears, reads) = (sides != Modalities::Text, sides != Modalities::Voice);
        let best = tellings.iter().map(|telling| telling.best(hears, reads)).sum::<f64>() / tellings.len() as f64;
        let share = right(found, sides, is_told).map(|(share, _)| share);
        let _ = write!(page, " {} | {} |", percent(share), percent(Some(best)));
    }
    page.push('\n');
}

/// What was answered with these sides, seed by seed.
fn answers(found: &Found<'_>, sides: Modalities) -> Vec<Vec<Answer>> {
    let seeds = found.get(name(sides)).into_iter().flat_map(BTreeMap::values);
    seeds.map(|predictions| predictions.iter().copied().map(Answer::from).collect()).collect()
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.1}", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{paper, runs};

    fn multimodal() -> Multimodal {
        Multimodal {
            data: "x/made-up".into(),
            reading: Reading::default(),
            labels: vec!["angry".to_owned(), "happy".to_owned()],
            clients: 2,
            rounds: 3,
            folds: 2,
            seeds: 2,
            scripts_apart: false,
            is_made_up: true,
        }
    }

    #[test]
    fn every_run_is_of_a_room_that_may_be_made_and_has_a_key_of_its_own() {
        let mut dataset = paper::tests::dataset();
        assert!(multimodal_runs(&multimodal(), &dataset).unwrap_err().to_string().contains("transcript"));
        dataset.clips[0].example.text = vec![1];
        let runs = multimodal_runs(&multimodal(), &dataset).unwrap();
        let mut keys: Vec<String> = runs.iter().map(Run::key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 3 * 2 * 2);
        assert!(runs.iter().all(|run| run.plan.room(2).is_ok()));
    }

    /// Clips in folders that say what tells, all right with both, none with the voice.
    #[test]
    fn the_table_has_what_was_right_beside_what_could_be() {
        let multimodal = multimodal();
        let mut dataset = paper::tests::dataset();
        for (place, clip) in dataset.clips.iter_mut().enumerate() {
            clip.path = format!("anna/{}/{place}.wav", if place % 2 == 0 { "voice" } else { "against" }).into();
            clip.example.text = vec![1];
        }
        let done: Vec<Done<Modalities>> = multimodal_runs(&multimodal, &dataset)
            .unwrap()
            .into_iter()
            .filter(|run| run.condition != Modalities::Text)
            .map(|run| {
                let mut outcome = runs::tests::outcome(&run, &dataset);
                for prediction in &mut outcome.predictions {
                    let is_right = run.condition == Modalities::Both;
                    prediction.found = if is_right { prediction.truth } else { usize::from(prediction.truth == 0) };
                }
                Done { run, outcome: Ok(outcome) }
            })
            .collect();
        let section = multimodal_section(&multimodal, &done);
        assert!(section.contains("## made-up"), "{section}");
        assert!(section.contains("| 0.0 | 100.0 | – | 33.3 | 100.0 | 100.0 |"), "{section}");
        assert!(section.contains("| 0.0 | 75.0 | – | 25.0 | 100.0 | 75.0 |"), "{section}");
        assert!(section.contains("Both against the voice alone: +100.0 points of UAR"), "{section}");
        assert!(!section.contains("against the text alone"), "{section}");
    }
}
