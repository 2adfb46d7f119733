//! Mine against ours: by how much a model that is tuned to one speaker beats the shared one, on speakers whom nobody trained on, by
//! the number of clips, by the way of tuning, and by how the shared model came to be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use client::personal::Way;
use corpus::{Partition, Reading};
use models::Architecture;
use protocol::{Aggregation, Modalities, Optimiser, RoomConfig, Strategy, TrainingSettings};
use serde::Serialize;

use super::runs::{Done, Repeated, Run};
use super::statistics::{Answer, Difference, paired_bootstrap};
use crate::settings::Settings;
use crate::simulator::{Dataset, Device, Normalisation, Personal, Plan, TestSpeakers, Tuning};

/// What is to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Mine {
    /// Folders of labelled speech.
    pub data: Vec<PathBuf>,
    /// How the names of clips are read.
    pub reading: Reading,
    /// The network.
    pub model: Architecture,
    /// Parts of the speakers that are tested in turn.
    pub folds: usize,
    /// Rounds.
    pub rounds: u32,
    /// Clips of each label to tune on, rising.
    pub clips: Vec<usize>,
    /// How often each speaker's clips are drawn anew.
    pub draws: u32,
    /// How often everything is repeated with another seed.
    pub seeds: u32,
}

/// How the model came to be that is tuned. Each training speaker is one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The room for which nobody chose anything.
    Usual,
    /// Plain federated averaging of clients that train with Adam.
    Averaging,
    /// The same where each client keeps its last layer to itself.
    OwnHeads,
}

impl Start {
    const ALL: [Self; 3] = [Self::Usual, Self::Averaging, Self::OwnHeads];

    /// What the report calls it.
    fn title(self) -> &'static str {
        match self {
            Self::Usual => "The shared model of the usual room",
            Self::Averaging => "The shared model of plain federated averaging",
            Self::OwnHeads => "A shared body, every client with a head of its own",
        }
    }

    /// The ways that are compared from there; a head that nobody learnt has nothing to calibrate.
    fn ways(self) -> Vec<Way> {
        match self {
            Self::Usual => Way::ALL.to_vec(),
            Self::Averaging | Self::OwnHeads => vec![Way::Head, Way::Gently, Way::All],
        }
    }
}

impl Repeated for Start {
    fn key(&self) -> String {
        match self {
            Self::Usual => "usual",
            Self::Averaging => "averaging",
            Self::OwnHeads => "own-heads",
        }
        .to_owned()
    }
}

/// All runs: each start, each with every seed and every part of the speakers tested.
///
/// # Errors
/// Clips of which nobody knows who speaks, more parts than speakers, or a room that may not be made.
pub fn personal_runs(mine: &Mine, dataset: &Dataset) -> Result<Vec<Run<Start>>> {
    ensure!(
        !mine.clips.is_empty() && mine.clips.is_sorted_by(|fewer, more| fewer < more) && mine.clips[0] > 0,
        "the numbers of clips have to rise from 1 or more"
    );
    let scripts_known = dataset.clips.iter().all(|clip| clip.script.is_some());
    let mut runs = Vec::new();
    for start in Start::ALL {
        for seed in 0..mine.seeds {
            for index in 0..mine.folds {
                let test = TestSpeakers::Fold { index, of: mine.folds };
                let trained_on: BTreeSet<&str> =
                    dataset.split(&test)?.train.iter().map(|&clip| &*dataset.clips[clip].speaker).collect();
                let RoomConfig { training, strategy, aggregation, influence_limit, .. } =
                    usual(mine, trained_on.len())?;
                let averaging = TrainingSettings { optimiser: Optimiser::Adam, learning_rate: 1.0e-3, ..training };
                let is_usual = start == Start::Usual;
                let plan = Plan {
                    data: mine.data.clone(),
                    eval_data: Vec::new(),
                    reading: mine.reading.clone(),
                    labels: super::labels(),
                    test,
                    model: mine.model,
                    modalities: Modalities::Both,
                    scripts_apart: false,
                    partition: Partition::BySpeaker,
                    clients: trained_on.len(),
                    rounds: mine.rounds,
                    training: if is_usual { training } else { averaging },
                    strategy: if is_usual { strategy } else { Strategy::DEFAULT },
                    final_model: protocol::FinalModel::Last,
                    aggregation: if is_usual { aggregation } else { Aggregation::Mean },
                    influence_limit: influence_limit.filter(|_| is_usual),
                    noise: None,
                    masking: None,
                    encoding: protocol::Encoding::F32,
                    edges: None,
                    attack: None,
                    circumstances: None,
                    replay: None,
                    personal: Some(Personal {
                        own_heads: start == Start::OwnHeads,
                        ways: start.ways(),
                        clips: mine.clips.clone(),
                        draws: mine.draws,
                        scripts_apart: if scripts_known { vec![true, false] } else { vec![false] },
                    }),
                    seed,
                    normalisation: Normalisation::Group,
                    device: Device::Cpu,
                };
                plan.room(plan.clients)?;
                runs.push(Run { condition: start, plan });
            }
        }
    }
    Ok(runs)
}

/// The room that somebody makes who chooses nothing else.
fn usual(mine: &Mine, clients: usize) -> Result<RoomConfig> {
    let mut settings = Settings::default();
    settings.room.max_clients = Some(u32::try_from(clients)?);
    (settings.learning.task.model, settings.learning.task.rounds) = (Some(mine.model), Some(mine.rounds));
    Ok(settings.room()?)
}

/// What one way of tuning gives from one start, over all speakers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// How the model came to be.
    pub start: Start,
    /// Whether nothing that is said in a tested clip is said in one that was tuned on.
    pub scripts_apart: bool,
    /// Clips of each label that were asked for.
    pub clips: usize,
    /// Clips of all labels that there were, the mean over speakers and draws.
    pub tuned_on: f64,
    /// Speakers who have as many.
    pub speakers: usize,
    /// The way; `None`: not tuned.
    pub way: Option<Way>,
    /// UAR on the test clips of all these speakers, the mean over draws and seeds.
    pub uar: f64,
    /// That of the usual room's model, not tuned, on the same clips.
    pub shared: f64,
    /// The one minus the other, with its 95 % interval over speakers.
    pub difference: Difference,
    /// Epochs of tuning, the mean.
    pub epochs: f64,
}

/// One tuning's place among all: seed, whether scripts are parted, clips, draw and speaker.
type Place<'a> = (u32, bool, usize, u32, &'a str);

/// What was found from all starts, in all ways.
pub fn personal_cells(done: &[Done<Start>]) -> Vec<Cell> {
    let mut of: BTreeMap<Start, BTreeMap<Place<'_>, &Tuning>> = BTreeMap::new();
    for one in done {
        let Ok(outcome) = &one.outcome else { continue };
        let places = of.entry(one.run.condition).or_default();
        for tuning in &outcome.tunings {
            let Tuning { speaker, draw, clips, scripts_apart, .. } = tuning;
            places.insert((one.run.plan.seed, *scripts_apart, *clips, *draw, speaker), tuning);
        }
    }
    let shared = of.get(&Start::Usual).cloned().unwrap_or_default();
    let labels = super::labels().len();
    let kinds: BTreeSet<(bool, usize)> = shared.keys().map(|&(_, apart, clips, ..)| (!apart, clips)).collect();
    let mut cells = Vec::new();
    for (start, tunings) in &of {
        for &(together, clips) in &kinds {
            for way in std::iter::once(None).chain(start.ways().into_iter().map(Some)) {
                // By seed and draw, what was found with this start and way, and by the shared model as it is.
                let mut repeated: BTreeMap<(u32, u32), [Vec<Answer>; 2]> = BTreeMap::new();
                let (mut speakers, mut tuned_on, mut epochs, mut count) = (BTreeSet::new(), 0, 0, 0_u32);
                let wanted =
                    tunings.iter().filter(|((_, apart, number, ..), _)| *apart != together && *number == clips);
                for (place @ &(seed, _, _, draw, speaker), tuning) in wanted {
                    let after = way.and_then(|way| tuning.after.iter().find(|tuned| tuned.way == way));
                    let (Some(shared), true) = (shared.get(place), after.is_some() == way.is_some()) else { continue };
                    let [own, ours] = repeated.entry((seed, draw)).or_default();
                    let found = after.map_or(&tuning.before, |tuned| &tuned.found);
                    own.extend(answers(speaker, &tuning.truth, found));
                    ours.extend(answers(speaker, &shared.truth, &shared.before));
                    speakers.insert(speaker);
                    tuned_on += tuning.tuned_on;
                    epochs += after.map_or(0, |tuned| tuned.epochs);
                    count += 1;
                }
                let [own, ours] =
                    [0, 1].map(|side| repeated.values().map(|sides| sides[side].clone()).collect::<Vec<_>>());
                let (Some(difference), Some(shared)) =
                    (paired_bootstrap(&own, &ours, labels), super::statistics::mean_uar(&ours, labels))
                else {
                    continue;
                };
                cells.push(Cell {
                    start: *start,
                    scripts_apart: !together,
                    clips,
                    tuned_on: tuned_on as f64 / f64::from(count),
                    speakers: speakers.len(),
                    way,
                    uar: shared + difference.uar,
                    shared,
                    difference,
                    epochs: f64::from(epochs) / f64::from(count),
                });
            }
        }
    }
    cells
}

fn answers<'a>(speaker: &'a str, truth: &'a [usize], found: &'a [usize]) -> impl Iterator<Item = Answer> + 'a {
    truth.iter().zip(found).map(|(&truth, &found)| Answer { speaker: speaker.to_owned(), truth, found })
}

/// The report as Markdown: a table for each start, and there a row for each number of clips.
pub fn personal_report(mine: &Mine, cells: &[Cell], command: &str) -> String {
    let Mine { model, folds, rounds, draws, seeds, .. } = mine;
    let mut page = format!(
        "`{command}`\n\n{model}, {rounds} rounds, each training speaker one client, {folds} parts of the speakers tested in turn, {draws} \
         draws of each test speaker's clips, seeds 0 to {}. UAR in percent; in brackets the 95 % interval over speakers of what was \
         gained on the usual room's model as it is, on the same clips. Bold: it lies on one side of 0.\n",
        seeds.saturating_sub(1),
    );
    for start in Start::ALL {
        for scripts_apart in [true, false] {
            let of_table = |cell: &&Cell| cell.start == start && cell.scripts_apart == scripts_apart;
            let cells: Vec<&Cell> = cells.iter().filter(of_table).collect();
            if !cells.is_empty() {
                let said = if scripts_apart { "other sentences in the test" } else { "the same sentences in the test" };
                let _ = write!(page, "\n{}, {said}:\n\n", start.title());
                table(&mut page, start, &cells);
            }
        }
    }
    page
}

fn table(page: &mut String, start: Start, cells: &[&Cell]) {
    let ways = start.ways();
    let names: String = ways.iter().map(|way| format!(" {} |", name(*way))).collect();
    let _ = writeln!(page, "| clips a label | tuned on | speakers | not tuned |{names}");
    let _ = writeln!(page, "| ---: | ---: | ---: | ---: |{}", " ---: |".repeat(ways.len()));
    let numbers: BTreeSet<usize> = cells.iter().map(|cell| cell.clips).collect();
    for clips in numbers {
        let cell = |way: Option<Way>| cells.iter().find(|cell| cell.clips == clips && cell.way == way);
        let Some(untuned) = cell(None) else { continue };
        let before = if start == Start::Usual { format!("{:.1}", 100.0 * untuned.uar) } else { gained(untuned) };
        let _ = write!(page, "| {clips} | {:.1} | {} | {before} |", untuned.tuned_on, untuned.speakers);
        for way in &ways {
            let _ = write!(page, " {} |", cell(Some(*way)).map_or("–".to_owned(), |cell| gained(cell)));
        }
        page.push('\n');
    }
}

/// What the report calls a way.
fn name(way: Way) -> &'static str {
    match way {
        Way::Calibration => "calibration",
        Way::Head => "head",
        Way::Gently => "all, gently",
        Way::Near => "all, held near",
        Way::All => "all",
    }
}

fn gained(cell: &Cell) -> String {
    let Difference { uar, low, high, .. } = cell.difference;
    let points = |share: f64| format!("{:+.1}", 100.0 * share).replace('-', "−");
    let stars = if cell.difference.is_shown() { "**" } else { "" };
    format!("{:.1} ({stars}{}{stars}; {} to {})", 100.0 * cell.uar, points(uar), points(low), points(high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{paper, runs};
    use crate::simulator::Tuned;

    fn mine() -> Mine {
        Mine {
            data: Vec::new(),
            reading: Reading::default(),
            model: Architecture::Compact,
            folds: 2,
            rounds: 3,
            clips: vec![1, 4],
            draws: 2,
            seeds: 1,
        }
    }

    #[test]
    fn every_run_is_of_a_room_that_may_be_made_and_tests_another_part() {
        let dataset = paper::tests::dataset();
        let all = personal_runs(&mine(), &dataset).unwrap();
        let keys: Vec<String> = all.iter().map(Run::key).collect();
        let expected =
            ["usual", "averaging", "own-heads"].map(|start| [1, 2].map(|fold| format!("{start}-s0-f{fold}of2")));
        assert_eq!(keys, expected.concat());
        let own = |run: &Run<Start>| run.plan.personal.as_ref().map(|personal| personal.own_heads);
        assert_eq!(all.iter().map(own).collect::<Vec<_>>(), [false, false, false, false, true, true].map(Some));
        assert_eq!(all[0].plan.aggregation, Aggregation::Median, "the usual room's");
        for clips in [vec![], vec![0, 1], vec![2, 2], vec![3, 1]] {
            assert!(personal_runs(&Mine { clips, ..mine() }, &dataset).is_err());
        }
    }

    /// Two speakers, two draws: the shared model is right of both clips of label 0 and of neither of label 1, and tuning of all
    /// brings one of these for the first speaker and both for the second.
    #[test]
    fn what_is_gained_is_counted_against_the_shared_model_on_the_same_clips() {
        let dataset = paper::tests::dataset();
        let mut done: Vec<Done<Start>> = personal_runs(&Mine { folds: 2, ..mine() }, &dataset)
            .unwrap()
            .into_iter()
            .map(|run| Done { outcome: Ok(runs::tests::outcome(&run, &dataset)), run })
            .collect();
        let truth = vec![0, 0, 1, 1];
        let tuning = |speaker: usize, draw: u32, head: [usize; 4]| Tuning {
            speaker: format!("speaker {speaker}"),
            draw,
            clips: 1,
            scripts_apart: false,
            tuned_on: 4,
            truth: truth.clone(),
            before: vec![0; 4],
            after: vec![
                Tuned { way: Way::Head, epochs: 6, found: head.to_vec() },
                Tuned { way: Way::All, epochs: 3, found: vec![0, 0, 1, usize::from(speaker == 1)] },
            ],
        };
        for one in &mut done {
            let (start, fold) = (one.run.condition, one.run.key().contains("f2of2"));
            let speaker = usize::from(fold);
            // A head of its own is wrong everywhere before it is tuned, and right everywhere after it.
            let outcome = one.outcome.as_mut().unwrap();
            outcome.tunings = (0..2)
                .map(|draw| match start {
                    Start::OwnHeads => Tuning { before: vec![2; 4], ..tuning(speaker, draw, [0, 0, 1, 1]) },
                    _ => tuning(speaker, draw, [0; 4]),
                })
                .collect();
        }
        let cells = personal_cells(&done);
        let cell =
            |start: Start, way: Option<Way>| cells.iter().find(|cell| cell.start == start && cell.way == way).unwrap();
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{value} for {expected}");
        let all = cell(Start::Usual, Some(Way::All));
        near(all.shared, 0.5);
        near(all.uar, (1.0 + 0.75) / 2.0);
        near(all.difference.low, 0.25);
        near(all.difference.high, 0.5);
        assert_eq!((all.speakers, all.tuned_on, all.epochs), (2, 4.0, 3.0));
        near(cell(Start::Usual, Some(Way::Head)).difference.uar, 0.0);
        near(cell(Start::OwnHeads, None).difference.uar, -0.5);
        near(cell(Start::OwnHeads, Some(Way::Head)).difference.uar, 0.5);
        let report = personal_report(&mine(), &cells, "chorus x");
        assert!(
            report.contains(
                "| 1 | 4.0 | 2 | 50.0 | – | 50.0 (+0.0; +0.0 to +0.0) | – | – | 87.5 (**+37.5**; +25.0 to +50.0) |"
            ),
            "{report}"
        );
        assert!(report.contains("| 1 | 4.0 | 2 | 0.0 (**−50.0**; −50.0 to −50.0) |"), "{report}");
    }
}
