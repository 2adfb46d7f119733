//! `chorus experiment`: whole series of simulations, and a report of them.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
#[cfg(feature = "cluster")]
use std::sync::{Mutex, PoisonError, atomic::Ordering};
#[cfg(feature = "cluster")]
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Subcommand;
use corpus::Reading;
use corpus::synth::told;
use indicatif::ProgressBar;
use models::Architecture;

use super::interrupt::on_interrupt;
use super::progress::{self, bar, read};
use super::queue::{self, Queue, QueueOptions};
use super::synth::{self, MadeUp, Transcripts};
#[cfg(feature = "cluster")]
use crate::experiment::View;
use crate::experiment::{
    self, Done, Experiment, Listener, Mine, Multimodal, Options, Repeated, Results, Robustness, Room, Run, Store,
};
use crate::settings::{CorpusOptions, ReadingOptions, TestOptions};
use crate::simulator::{Behaviour, Dataset, FeatureCache, Normalisation, Outcome, RoundOutcome, TestSpeakers};

const EXAMPLES: &str = "Examples:
  chorus experiment paper --data ravdess --out report
  chorus experiment paper --data emodb --out report --folds 10 --models conv,compact --experiments 1,3
  chorus experiment paper --data voices --out report --small
  chorus experiment paper --data voices --out report --queue nats://10.0.0.5:4222      its runs by `chorus work` on any machine

OUT gets report.html (opens from disk), results.json, results.csv (one row a run), and runs/, the outcome of every run.
Press Ctrl-C to stop; the same command goes on where it was, and repeats no run that is stored.
Exit codes: 0 all runs are in the report; 1 some could not be done (they are named in the report), or it was stopped.";

/// How often a log is told who works on what.
#[cfg(feature = "cluster")]
const TELL_EVERY: Duration = Duration::from_secs(30);
/// Networks of a whole report.
const MODELS: [Architecture; 4] = [Architecture::Dense, Architecture::Conv, Architecture::Lstm, Architecture::Compact];
/// Networks whose updates are attacked.
const ATTACKED: [Architecture; 3] = [Architecture::Compact, Architecture::Conv, Architecture::Lstm];
/// Networks of a small one.
const SMALL_MODELS: [Architecture; 2] = [Architecture::Conv, Architecture::Compact];

/// Run a series of simulations and report them.
#[derive(clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    series: Series,
    #[command(flatten)]
    share: Share,
}

/// What of a series one program does, where several machines share it.
#[derive(clap::Args)]
struct Share {
    /// Print a line for each run: its number, from 1, its plan's SHA-256, and its name; nothing is run
    #[arg(long, global = true, conflicts_with = "only")]
    list: bool,
    /// Do the run of this number alone, and write no report; a queue is not asked. Any number of such programs may work with one OUT at the same time; the
    /// same command without --only then makes the report
    #[arg(long, global = true, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    only: Option<usize>,
    #[command(flatten)]
    queue: QueueOptions,
    /// The queue, where there is one
    #[arg(skip)]
    workers: Option<Queue>,
    /// Runs that were counted
    #[arg(skip)]
    counted: usize,
}

impl Share {
    /// What this program has to do of some runs: all of them and then the report, or none or one and no report.
    fn of<C: Repeated>(&mut self, runs: Vec<Run<C>>) -> Part<C> {
        let first = self.counted + 1;
        self.counted += runs.len();
        if self.list {
            for (number, run) in (first..).zip(&runs) {
                println!("{number} {} {}", run.hash(), run.key());
            }
            return Part::Some(Vec::new());
        }
        match self.only {
            None => Part::All(runs),
            Some(only) => {
                Part::Some((first..).zip(runs).filter(|(number, _)| *number == only).map(|(_, run)| run).collect())
            }
        }
    }

    /// Whether this program makes no report.
    fn is_part(&self) -> bool {
        self.list || self.only.is_some()
    }

    /// Once all runs were counted.
    fn check(&self) -> Result<()> {
        let only = self.only.unwrap_or(0);
        ensure!(only <= self.counted, "there is no run {only}: this series has {}", self.counted);
        Ok(())
    }
}

/// Runs to be done.
enum Part<C> {
    All(Vec<Run<C>>),
    Some(Vec<Run<C>>),
}

#[derive(Subcommand)]
enum Series {
    /// Repeat the experiments of Chau & Garces, "Federated Learning for Emotion Recognition", on labelled speech from disk.
    Paper(Box<Paper>),
    /// Measure what text adds to a voice, on a made-up corpus of which that is known, and on labelled speech from disk.
    Multimodal(Box<TwoSided>),
    /// Let hostile clients attack rooms with each aggregation, on labelled speech from disk.
    Robustness(Box<Attacked>),
    /// See what a model of one's own gains on the shared one, by the number of clips and by the way of tuning, on labelled speech from disk.
    Personal(Box<Personal>),
    /// See what noise costs: rooms with a privacy budget each, on labelled speech from disk.
    Privacy(Box<Noised>),
}

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
struct Paper {
    #[command(flatten)]
    corpus: CorpusOptions,
    /// Folder for the report; what is there already is kept
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Networks, separated by commas: dense, conv, lstm, lstm-padded, compact, compact-text [default: all but lstm-padded and compact-text]
    #[arg(long, value_name = "M,…", value_delimiter = ',')]
    models: Vec<Architecture>,
    /// Experiments, separated by commas: 1 (systems), 2 (numbers of clients), 3 (clients by speaker)
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = Experiment::ALL)]
    experiments: Vec<Experiment>,
    /// How often everything is repeated with another seed [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: Option<u32>,
    /// Rounds of every experiment
    #[arg(long, hide = true, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    #[command(flatten)]
    test: TestOptions,
    /// Divide the speakers into K parts and test each in turn, so that everyone is tested once
    #[arg(long, value_name = "K", conflicts_with_all = ["test_speakers", "own_split"], value_parser = clap::value_parser!(u16).range(2..=1000))]
    folds: Option<u16>,
    /// A quick look: conv and compact, one seed, 3 rounds, up to 3 clients in experiment 2
    #[arg(long)]
    small: bool,
    /// Emotions, separated by commas, in the order of the models' outputs
    #[arg(long, value_delimiter = ',', default_values_t = corpus::EMOTIONS.map(str::to_owned))]
    labels: Vec<String>,
}

const MULTIMODAL_EXAMPLES: &str = "Examples:
  chorus experiment multimodal --out report
  chorus experiment multimodal --out report --data ravdess --data emodb
  chorus experiment multimodal --out report --data meld --scripts-apart

Without --data, or with --made-up, it makes up a corpus of which it is known what tells the label (`chorus synth --transcripts telling`),
in OUT. OUT gets multimodal.md and, for each corpus, the outcome of every run.
Press Ctrl-C to stop; the same command goes on where it was, and repeats no run that is stored.
Exit codes: 0 all runs are in the table; 1 some could not be done, or it was stopped.";

#[derive(clap::Args)]
#[command(after_help = MULTIMODAL_EXAMPLES)]
struct TwoSided {
    /// Folder of labelled speech with transcripts; may be given again
    #[arg(long, value_name = "DIR")]
    data: Vec<PathBuf>,
    /// The made-up corpus, beside --data
    #[arg(long)]
    made_up: bool,
    #[command(flatten)]
    reading: ReadingOptions,
    /// Folder for the table; what is there already is kept
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Clients, by speaker
    #[arg(long, value_name = "K", default_value_t = 6, value_parser = clap::value_parser!(u16).range(2..=1024))]
    clients: u16,
    /// Rounds
    #[arg(long, value_name = "R", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Parts of the speakers, each tested in turn
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=1000))]
    folds: u16,
    /// How often everything is repeated with another seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
    /// Part what is said as well as who says it
    #[arg(long)]
    scripts_apart: bool,
    /// Speakers of the made-up corpus
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=1000))]
    speakers: u64,
    /// Its clips of each emotion told in each of five ways by each speaker, a multiple of 4
    #[arg(long, value_name = "N", default_value_t = 4)]
    per_emotion: u64,
    /// Emotions of the folders of --data, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = corpus::EMOTIONS.map(str::to_owned))]
    labels: Vec<String>,
    /// Where features are kept between runs [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

const ROBUSTNESS_EXAMPLES: &str = "Examples:
  chorus experiment robustness --data emodb --out report
  chorus experiment robustness --data voices --out report --rounds 5 --shares 0.3
  chorus experiment robustness --data emodb --out report --usual-room
  chorus experiment robustness --data emodb --out report --usual-room --attacks sign-flip,loud --folds 4

OUT gets robustness.md (a table of each room's UAR under each attack) and runs/, the outcome of every run.
Press Ctrl-C to stop; the same command goes on where it was, and repeats no run that is stored.
Exit codes: 0 all runs are in the table; 1 some could not be done, or it was stopped.";

#[derive(clap::Args)]
#[command(after_help = ROBUSTNESS_EXAMPLES)]
struct Attacked {
    #[command(flatten)]
    corpus: CorpusOptions,
    /// Folder for the table; what is there already is kept
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Network: compact, compact-text, conv, dense, lstm or lstm-padded
    #[arg(long, default_value_t = Architecture::Compact)]
    model: Architecture,
    /// In place of plain averaging with each aggregation, the room for which nobody chose anything: of four clients one is hostile
    #[arg(long)]
    usual_room: bool,
    /// Clients [default: 10; with --usual-room 4]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(3..=1024))]
    clients: Option<u16>,
    /// Rounds [default: 15; with --usual-room 20]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Shares of the clients that are hostile, separated by commas [default: 0.2,0.4; with --usual-room 0.25]
    #[arg(long, value_name = "S,…", value_delimiter = ',')]
    shares: Vec<f64>,
    /// What the hostile do, separated by commas [default: label-flip and all others]
    #[arg(long, value_name = "A,…", value_delimiter = ',')]
    attacks: Vec<Behaviour>,
    /// Divide the speakers into K parts and test each in turn, so that everyone is tested once
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(2..=1000))]
    folds: Option<u16>,
    /// How often everything is repeated with another seed [default: 2; with --usual-room 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: Option<u32>,
}

const PRIVACY_EXAMPLES: &str = "Examples:
  chorus experiment privacy --data emodb --out report
  chorus experiment privacy --data voices --out report --clients 200 --epsilons 1,8
  chorus experiment privacy --data emodb --out report --attacked 0       the costs alone

OUT gets privacy.md (a table of each budget's UAR, and one of what an attacker finds in a client's update, plain, masked and noised) and runs/, the outcome of every run. Each client stands for a person.
Press Ctrl-C to stop; the same command goes on where it was, and repeats no run that is stored.
Exit codes: 0 all runs are in the table; 1 some could not be done, or it was stopped.";

#[derive(clap::Args)]
#[command(after_help = PRIVACY_EXAMPLES)]
struct Noised {
    #[command(flatten)]
    corpus: CorpusOptions,
    /// Folder for the table; what is there already is kept
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Network: compact, conv, dense, lstm or lstm-padded
    #[arg(long, default_value_t = Architecture::Compact)]
    model: Architecture,
    /// Clients
    #[arg(long, value_name = "K", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,
    /// Rounds
    #[arg(long, value_name = "R", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Budgets, separated by commas
    #[arg(long, value_name = "E,…", value_delimiter = ',', default_values_t = [8.0, 32.0, 128.0])]
    epsilons: Vec<f64>,
    /// Their delta
    #[arg(long, value_name = "D", default_value_t = 1.0e-5)]
    delta: f64,
    /// The L2 norm that longer updates are scaled down to
    #[arg(long, value_name = "NORM", default_value_t = 0.01)]
    clip: f64,
    /// Hide single clips in place of people, by sums of their gradients with the noise inside masks, and reckon with so many clips
    #[arg(long, value_name = "COUNT")]
    clips: Option<u32>,
    /// How often everything is repeated with another seed
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
    /// Clips of each seed whose updates are attacked; 0: none
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(..=1000))]
    attacked: u32,
    /// Networks that are attacked, separated by commas
    #[arg(long, value_name = "M,…", value_delimiter = ',', default_values_t = ATTACKED)]
    attack_models: Vec<Architecture>,
}

const PERSONAL_EXAMPLES: &str = "Examples:
  chorus experiment personal --data ravdess --out report
  chorus experiment personal --data emodb --out report --folds 4

Of each test speaker's clips a third is tested, and of the others so many a label are tuned on; where it is known what is said, once with
other sentences in the test and once with the same. OUT gets personal.md (tables), personal.json (the same as numbers) and runs/, the
outcome of every run with what each speaker's models found.
Press Ctrl-C to stop; the same command goes on where it was, and repeats no run that is stored.
Exit codes: 0 all runs are in the tables; 1 some could not be done, or it was stopped.";

#[derive(clap::Args)]
#[command(after_help = PERSONAL_EXAMPLES)]
struct Personal {
    #[command(flatten)]
    corpus: CorpusOptions,
    /// Folder for the tables; what is there already is kept
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Network: compact, conv, dense, lstm or lstm-padded
    #[arg(long, default_value_t = Architecture::Compact)]
    model: Architecture,
    /// Divide the speakers into K parts and test each in turn, so that everyone is tested once
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=1000))]
    folds: u16,
    /// Rounds
    #[arg(long, value_name = "R", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Clips of each label to tune on, separated by commas
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 2, 3, 5, 10, 20])]
    clips: Vec<usize>,
    /// How often each speaker's clips are drawn anew
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    draws: u32,
    /// How often everything is repeated with another seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    let mut share = arguments.share;
    if !share.is_part() {
        share.workers = share.queue.open()?;
    }
    match arguments.series {
        Series::Paper(paper) => run_paper(*paper, &mut share),
        Series::Multimodal(sides) => run_multimodal(*sides, &mut share),
        Series::Robustness(attacked) => run_robustness(*attacked, &mut share),
        Series::Personal(personal) => run_personal(*personal, &mut share),
        Series::Privacy(noised) => run_privacy(*noised, &mut share),
    }?;
    share.check()
}

/// Every run, done or failed; `None` where this program does a part alone, which is done then.
///
/// # Errors
/// Nothing can be stored, or it was stopped before the last; or the one run that it does could not be done.
fn all_done<C: Repeated>(
    runs: Vec<Run<C>>,
    dataset: &Dataset,
    store: &Store,
    progress: &mut Progress,
    share: &mut Share,
) -> Result<Option<Vec<Done<C>>>> {
    let (runs, is_all) = match share.of(runs) {
        Part::All(runs) => (runs, true),
        Part::Some(runs) if runs.is_empty() => return Ok(None),
        Part::Some(runs) => (runs, false),
    };
    let done = queue::execute(share.workers.as_ref(), runs, dataset, store, progress)?;
    progress.bar.finish_and_clear();
    let done = done.context("stopped before all runs were done; the same command goes on from here")?;
    if is_all {
        return Ok(Some(done));
    }
    complain(failure(&done))?;
    Ok(None)
}

/// The first run that could not be done, and why.
fn failure<C: Repeated>(done: &[Done<C>]) -> Option<(String, String)> {
    done.iter().find_map(|one| Some((one.run.key(), one.outcome.as_ref().err()?.clone())))
}

/// An error where a run could not be done.
fn complain(failure: Option<(String, String)>) -> Result<()> {
    match failure {
        None => Ok(()),
        Some((key, reason)) => bail!("not all runs could be done; the first that could not, {key}: {reason}"),
    }
}

/// Prints where a file is.
fn print_place(file: &Path) -> Result<()> {
    println!("{}", fs::canonicalize(file).with_context(|| format!("can't find {}", file.display()))?.display());
    Ok(())
}

fn run_multimodal(sides: TwoSided, share: &mut Share) -> Result<()> {
    let cache = sides.cache.clone().map(FeatureCache::new).or_else(FeatureCache::of_this_user);
    ensure!(sides.per_emotion.is_multiple_of(4) && sides.per_emotion > 0, "--per-emotion is a multiple of 4");
    let of = |data: &Path, labels: Vec<String>, is_made_up: bool| Multimodal {
        data: data.to_path_buf(),
        reading: if is_made_up { Reading::default() } else { sides.reading.reading() },
        labels,
        clients: sides.clients.into(),
        rounds: sides.rounds,
        folds: sides.folds.into(),
        seeds: sides.seeds,
        scripts_apart: sides.scripts_apart,
        is_made_up,
    };
    let mut corpora: Vec<Multimodal> = Vec::new();
    if sides.made_up || sides.data.is_empty() {
        let folder = sides.out.join("made-up");
        made_up(&folder, &sides)?;
        corpora.push(of(&folder, told::LABELS.map(|label| corpus::EMOTIONS[label].to_owned()).to_vec(), true));
    }
    corpora.extend(sides.data.iter().map(|data| of(data, sides.labels.clone(), false)));
    let mut progress = Progress::new(on_interrupt()?);
    let mut page = format!("`{}`\n\nShares of test clips that were right, in percent.\n", typed());
    let mut failed = None;
    for multimodal in &corpora {
        let Multimodal { data, labels, reading, .. } = multimodal;
        let name = data.file_name().unwrap_or_default();
        let store = Store::open(sides.out.join("runs").join(name))?;
        let dataset = read(std::slice::from_ref(data), &[], labels, reading, Normalisation::Group, cache.as_ref())?;
        let runs = experiment::multimodal_runs(multimodal, &dataset)?;
        let Some(done) = all_done(runs, &dataset, &store, &mut progress, share)? else { continue };
        failed = failed.or_else(|| failure(&done));
        page += &format!("\n{}", experiment::multimodal_section(multimodal, &done));
    }
    if share.is_part() {
        return Ok(());
    }
    let table = sides.out.join("multimodal.md");
    experiment::write(&table, page.as_bytes())?;
    print_place(&table)?;
    complain(failed)
}

/// Makes the corpus up where it is not there yet.
fn made_up(folder: &Path, sides: &TwoSided) -> Result<()> {
    if folder.join("manifest.csv").is_file() {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
    let what = MadeUp {
        speakers: sides.speakers,
        per_emotion: sides.per_emotion,
        seed: 1,
        transcripts: Some(Transcripts::Telling),
    };
    let progress = bar(0, "clips");
    synth::make_up(folder, &what, &progress)?;
    progress.finish_and_clear();
    Ok(())
}

fn run_robustness(attacked: Attacked, share: &mut Share) -> Result<()> {
    let Attacked { corpus, out, model, usual_room, clients, rounds, mut shares, mut attacks, folds, seeds } = attacked;
    let rooms = if usual_room { vec![Room::usual(model)?] } else { Room::of_each_aggregation() };
    let usual = |of_usual: u32, of_ten: u32| if usual_room { of_usual } else { of_ten };
    if shares.is_empty() {
        shares = if usual_room { vec![0.25] } else { vec![0.2, 0.4] };
    }
    if attacks.is_empty() {
        attacks = Behaviour::ALL.to_vec();
    }
    let robustness = Robustness {
        data: corpus.data.clone(),
        reading: corpus.reading(),
        model,
        rooms,
        clients: clients.map_or(usual(4, 10), u32::from) as usize,
        rounds: rounds.unwrap_or(usual(20, 15)),
        shares,
        attacks,
        seeds: seeds.unwrap_or(usual(3, 2)),
        folds: folds.map(usize::from),
    };
    let runs = experiment::robustness_runs(&robustness)?;
    let store = Store::open(out.join("runs"))?;
    let dataset = read(
        &corpus.data,
        &[],
        &experiment::labels(),
        &robustness.reading,
        Normalisation::Group,
        corpus.cache().as_ref(),
    )?;
    let mut progress = Progress::new(on_interrupt()?);
    let Some(done) = all_done(runs, &dataset, &store, &mut progress, share)? else { return Ok(()) };
    let table = out.join("robustness.md");
    experiment::write(&table, experiment::robustness_table(&robustness, &done, &typed()).as_bytes())?;
    print_place(&table)?;
    complain(failure(&done))
}

fn run_privacy(noised: Noised, share: &mut Share) -> Result<()> {
    let Noised { corpus, out, model, clients, rounds, epsilons, delta, clip, clips, seeds, attacked, attack_models } =
        noised;
    let reading = corpus.reading();
    let privacy = experiment::Privacy {
        data: corpus.data.clone(),
        reading,
        model,
        clients: clients.into(),
        rounds,
        epsilons,
        delta,
        clip,
        clips,
        seeds,
    };
    let runs = experiment::privacy_runs(&privacy)?;
    let store = Store::open(out.join("runs"))?;
    let labels = experiment::labels();
    let dataset = read(&corpus.data, &[], &labels, &privacy.reading, Normalisation::Speaker, corpus.cache().as_ref())?;
    let interrupted = on_interrupt()?;
    let mut progress = Progress::new(interrupted.clone());
    let Some(done) = all_done(runs, &dataset, &store, &mut progress, share)? else { return Ok(()) };
    let mut table = experiment::privacy_table(&privacy, &done, &typed())?;
    if attacked > 0 {
        let ahead = u64::from(attacked) * u64::from(seeds) * attack_models.len() as u64;
        let attacks = bar(ahead, "attacked clips");
        let on_step = || progress::step(&attacks, &interrupted);
        let found = experiment::attacked(&privacy, &dataset, &attack_models, attacked, on_step)?;
        attacks.finish_and_clear();
        let found = found.context("stopped before all clips were attacked; the same command goes on from here")?;
        table += &experiment::attack_table(&privacy, &found)?;
    }
    experiment::write(&out.join("privacy.md"), table.as_bytes())?;
    print!("{table}");
    complain(failure(&done))
}

fn run_personal(personal: Personal, share: &mut Share) -> Result<()> {
    let Personal { corpus, out, model, folds, rounds, clips, draws, seeds } = personal;
    let mine = Mine {
        data: corpus.data.clone(),
        reading: corpus.reading(),
        model,
        folds: folds.into(),
        rounds,
        clips,
        draws,
        seeds,
    };
    let store = Store::open(out.join("runs"))?;
    let labels = experiment::labels();
    let dataset = read(&corpus.data, &[], &labels, &mine.reading, Normalisation::Group, corpus.cache().as_ref())?;
    let runs = experiment::personal_runs(&mine, &dataset)?;
    let mut progress = Progress::new(on_interrupt()?);
    let Some(done) = all_done(runs, &dataset, &store, &mut progress, share)? else { return Ok(()) };
    let cells = experiment::personal_cells(&done);
    let report = experiment::personal_report(&mine, &cells, &typed());
    experiment::write(&out.join("personal.md"), report.as_bytes())?;
    experiment::write(&out.join("personal.json"), (serde_json::to_string_pretty(&cells)? + "\n").as_bytes())?;
    print!("{report}");
    complain(failure(&done))
}

fn run_paper(paper: Paper, share: &mut Share) -> Result<()> {
    let options = options(&paper);
    let store = Store::open(paper.out.join("runs"))?;
    let cache = paper.corpus.cache();
    let dataset = read(&options.data, &[], &options.labels, &options.reading, options.normalisation, cache.as_ref())?;
    let remarks = experiment::check(&options, &dataset)?;
    let runs = experiment::runs(&options, &dataset)?;
    let mut progress = Progress::new(on_interrupt()?);
    let Some(done) = all_done(runs, &dataset, &store, &mut progress, share)? else { return Ok(()) };
    let results = Results::of(&options, &dataset, remarks, &done, typed());
    let write = |name: &str, bytes: &[u8]| experiment::write(&paper.out.join(name), bytes);
    write("results.json", (serde_json::to_string_pretty(&results)? + "\n").as_bytes())?;
    write("results.csv", &experiment::spreadsheet(&results)?)?;
    write("report.html", experiment::page(&results).as_bytes())?;
    let report = paper.out.join("report.html");
    print_place(&report)?;
    match results.failures.as_slice() {
        [] => Ok(()),
        [first, ..] => bail!(
            "{} of {} runs could not be done, as the report says; the first, {}: {}",
            results.failures.len(),
            results.runs.len(),
            first.key,
            first.reason
        ),
    }
}

fn options(paper: &Paper) -> Options {
    let unique = |models: &[Architecture]| {
        let mut kept: Vec<Architecture> = Vec::new();
        for model in models {
            if !kept.contains(model) {
                kept.push(*model);
            }
        }
        kept
    };
    let mut experiments = paper.experiments.clone();
    experiments.sort();
    experiments.dedup();
    Options {
        data: paper.corpus.data.clone(),
        reading: paper.corpus.reading(),
        labels: paper.labels.clone(),
        models: match paper.models.as_slice() {
            [] if paper.small => SMALL_MODELS.to_vec(),
            [] => MODELS.to_vec(),
            models => unique(models),
        },
        experiments,
        seeds: paper.seeds.unwrap_or(if paper.small { 1 } else { 3 }),
        rounds: paper.rounds.or(paper.small.then_some(3)),
        most_clients: if paper.small { 3 } else { 8 },
        test: match paper.test.test_speakers.as_slice() {
            _ if paper.test.own_split => TestSpeakers::OwnSplit,
            [] => TestSpeakers::Usual,
            names => TestSpeakers::Named(names.to_vec()),
        },
        folds: paper.folds.map(usize::from),
        normalisation: paper.test.normalisation.unwrap_or_default(),
        device: paper.test.device,
    }
}

/// The command as it was typed, whoever carried the runs out.
fn typed() -> String {
    let arguments = queue::without_queue(std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()));
    experiment::shell_line(["chorus"].into_iter().chain(arguments.iter().map(String::as_str)))
}

/// A bar over all steps on a terminal; a line a run elsewhere, as in logs.
struct Progress {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
    done: usize,
    all: usize,
    /// When was last told what others are doing.
    #[cfg(feature = "cluster")]
    told: Mutex<Instant>,
}

impl Progress {
    fn new(interrupted: Arc<AtomicBool>) -> Self {
        Self {
            bar: ProgressBar::hidden(),
            interrupted,
            done: 0,
            all: 0,
            #[cfg(feature = "cluster")]
            told: Mutex::new(Instant::now()),
        }
    }
}

impl Listener for Progress {
    fn begin(&mut self, steps: u64, ahead: usize, all: usize) {
        (self.done, self.all) = (all - ahead, all);
        if ahead < all {
            eprintln!("{} of {all} runs are stored already", all - ahead);
        }
        self.bar = bar(steps, "steps");
    }

    fn step(&self) -> ControlFlow<()> {
        progress::step(&self.bar, &self.interrupted)
    }

    fn round(&self, key: &str, round: &RoundOutcome) {
        let (number, uar) = (round.round, round.uar);
        self.bar.set_message(format!("run {}/{}: {key}, round {number}: UAR {uar:.2}", self.done + 1, self.all,));
    }

    #[cfg(feature = "cluster")]
    fn elsewhere(&self, view: &View) -> ControlFlow<()> {
        view.news.iter().for_each(|news| self.bar.suspend(|| eprintln!("{news}")));
        let done = format!("{}/{} runs done, {} waiting", self.done, self.all, view.waiting);
        let nobody = ["no worker has any; start `chorus work` on any machine".to_owned()];
        let at_work = if view.at_work.is_empty() { &nobody[..] } else { &view.at_work };
        if self.bar.is_hidden() {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.elapsed() > TELL_EVERY {
                *told = Instant::now();
                eprintln!("{done}; {}", at_work.join("; "));
            }
        } else {
            let lines: String = at_work.iter().map(|line| format!("\n  {line}")).collect();
            self.bar.set_position(self.bar.length().unwrap_or(0).saturating_sub(view.left));
            self.bar.set_message(format!("{done}{lines}"));
        }
        if self.interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn end(&mut self, key: &str, outcome: &Result<Outcome, String>) {
        self.done += 1;
        let line = progress::came_of(outcome);
        if self.bar.is_hidden() || outcome.is_err() {
            let (number, all) = (self.done, self.all);
            self.bar.suspend(|| eprintln!("{number}/{all} {key}: {line}"));
        }
    }
}
