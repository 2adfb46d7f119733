//! `chorus simulate`: one federated (or centralised) training in one process, on labelled speech from disk.

use std::fs;
use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result, bail};
use corpus::Partition;
use indicatif::{ProgressBar, ProgressStyle};
use models::Architecture;
use protocol::{Aggregation, Augmentation, Optimiser, Strategy};

use super::interrupt::on_interrupt;
use crate::settings::{Settings, Wanted};
use crate::simulator::{
    self, Attack, Behaviour, Circumstances, Dataset, Device, FeatureCache, Normalisation, Outcome, Plan, TestSpeakers,
};

const EXAMPLES: &str = "Examples:
  chorus simulate --data ravdess --model conv --partition random --clients 4
  chorus simulate --data ravdess --model compact --partition by-speaker --clients 16 --rounds 30 --json result.json
  chorus simulate --data emodb --partition single-emotion --optimiser sgd --learning-rate 0.001 \\
    --strategy '{\"name\":\"fedadam\",\"server_learning_rate\":0.003,\"beta_1\":0.9,\"beta_2\":0.99,\"tau\":1e-7}'
  chorus simulate --data ravdess --partition centralised --eval-data emodb
  chorus simulate --data voices --clients 200 --drop-out 0.3 --slow 0.5 --selection 20
  chorus simulate --data emodb --clients 10 --attack sign-flip --attackers 0.3 --aggregation median

Clients, aggregator, features and networks are those of a real room; only the network between them is left out. The test
speakers are never trained on. With a made-up clock a device trains for 1 s and 0.05 s a clip and pass, times its own factor. The same plan and seed give the same result on the same kind of processor.
Exit codes: 0 done; 1 it could not be done, or was stopped.";

/// Where the help lists what needs a clock.
const CLOCK: &str = "Late and lost clients (with any of these the simulation has a made-up clock)";

/// Simulate a room in one process, on labelled speech from disk.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Folder of labelled speech: a published corpus, a folder for each label, or a manifest.csv; may be given again
    #[arg(long, value_name = "DIR", required = true)]
    data: Vec<PathBuf>,
    /// Test on all of this folder, and train on all of --data; may be given again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["test_speakers", "fold"])]
    eval_data: Vec<PathBuf>,
    /// Network: compact, conv, dense, lstm or lstm-padded
    #[arg(long, default_value_t = Architecture::Compact)]
    model: Architecture,
    /// How training clips are divided: random, single-emotion, by-speaker, dirichlet:α, quantity-skew[:α] or centralised
    #[arg(long, default_value_t = Partition::Random)]
    partition: Partition,
    /// Clients
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,
    /// Rounds
    #[arg(long, value_name = "R", default_value_t = 20)]
    rounds: u32,
    /// Passes of a client over its own clips in each round
    #[arg(long, default_value_t = 1)]
    epochs: u32,
    /// Clips in a training step
    #[arg(long, default_value_t = 20)]
    batch_size: u32,
    /// The clients' optimiser: adam or sgd [default: adam; sgd with scaffold]
    #[arg(long)]
    optimiser: Option<Optimiser>,
    /// Its step size [default: 0.001 with adam, 0.01 with sgd]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// How clips are changed from pass to pass: none, or speed for hearing each at one of five speeds [default: speed for
    /// compact, none for the others]
    #[arg(long)]
    augmentation: Option<Augmentation>,
    /// How updates become the next model: fedavg, fedavgm, fedadagrad, fedadam, fedyogi, fedprox, scaffold or fednova, or
    /// one of them with all of its settings as JSON
    #[arg(long, default_value = "fedavg", value_parser = strategy)]
    strategy: Strategy,
    /// The strategy's step size on the server [default: 1; fedadagrad 0.1; fedadam and fedyogi 0.01]
    #[arg(long, value_name = "RATE")]
    server_learning_rate: Option<f64>,
    /// μ of fedprox [default: 0.01]
    #[arg(long, value_name = "MU")]
    proximal: Option<f64>,
    /// The chance that a client which is asked for an update is lost meanwhile, and away until the round is over, such as 0.3
    #[arg(long, value_name = "SHARE", help_heading = CLOCK)]
    drop_out: Option<f64>,
    /// How different devices are in speed: σ of a log-normal distribution, such as 0.5 [default: 0, all alike]
    #[arg(long, value_name = "SIGMA", help_heading = CLOCK)]
    slow: Option<f64>,
    /// What each client's connection carries, in Mbit/s [default: 20]
    #[arg(long, value_name = "MBIT", help_heading = CLOCK)]
    bandwidth: Option<f64>,
    /// Longest time a round may take, in seconds [default: 180]
    #[arg(long, value_name = "SECONDS", help_heading = CLOCK)]
    deadline: Option<u32>,
    /// Ask only some of the clients: a number of updates that a round wants, or a share of them such as 25%
    #[arg(long, value_name = "N|P%", help_heading = CLOCK)]
    selection: Option<Wanted>,
    /// Clients asked for each update that a round wants [default: 1.3]
    #[arg(long, value_name = "TIMES", help_heading = CLOCK)]
    over_selection: Option<f64>,
    /// Wait for no round, and publish a version for every K updates
    #[arg(long, value_name = "K", help_heading = CLOCK)]
    asynchronous: Option<u32>,
    /// With --asynchronous: an update that is τ versions behind weighs (1 + τ)^-A times as much [default: 0.5]
    #[arg(long, value_name = "A", help_heading = CLOCK)]
    staleness_exponent: Option<f64>,
    /// With --asynchronous: versions that an update may be behind [default: 20]
    #[arg(long, value_name = "VERSIONS", help_heading = CLOCK)]
    most_stale: Option<u32>,
    /// How a round's updates become the one that the strategy is given: mean, or against hostile clients median,
    /// trimmed_mean, krum, multi_krum or clipping
    #[arg(long, default_value = "mean")]
    aggregation: Aggregation,
    /// trimmed_mean's share of the values that is left out at each end [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    trim: Option<f64>,
    /// How many hostile clients krum and multi_krum reckon with [default: 1]
    #[arg(long, value_name = "COUNT")]
    faulty: Option<u32>,
    /// How many updates multi_krum takes [default: one more than --faulty]
    #[arg(long, value_name = "COUNT")]
    chosen: Option<u32>,
    /// The L2 norm that clipping scales longer updates down to [default: the median of the round's norms]
    #[arg(long, value_name = "NORM")]
    clip_norm: Option<f64>,
    /// Make some of the clients hostile: label-flip, sign-flip, scale, noise, free-rider, collude or little
    #[arg(long)]
    attack: Option<Behaviour>,
    /// The share of the clients that are, above 0 and below 0.5
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, requires = "attack")]
    attackers: f64,
    /// What features are standardised by: group, or speaker for each speaker's own mean and deviation first
    #[arg(long, default_value = "group")]
    normalisation: Normalisation,
    /// Who is tested, by name, separated by commas [default: the corpus' usual test speakers, else the last fifth by name]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    test_speakers: Vec<String>,
    /// Test the I-th of K parts of the speakers, 1 to K, as I/K: for a cross-validation
    #[arg(long, value_name = "I/K", conflicts_with = "test_speakers", value_parser = fold)]
    fold: Option<TestSpeakers>,
    /// Emotions, separated by commas, in the order of the model's outputs
    #[arg(long, value_delimiter = ',', default_values_t = corpus::EMOTIONS.map(str::to_owned))]
    labels: Vec<String>,
    /// Decides initial parameters, partition, the order of clips and dropout
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// What computes: cpu, or wgpu for a graphics processor
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// Write the whole result here as JSON; - is stdout
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where features are kept between runs [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

fn fold(text: &str) -> Result<TestSpeakers, String> {
    let parts = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((index @ 1.., of @ 2..=1_000)) if index <= of => Ok(TestSpeakers::Fold { index: index - 1, of }),
        _ => Err("give it as I/K, such as 1/5 for the first of five parts".to_owned()),
    }
}

fn strategy(text: &str) -> Result<Strategy, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    text.parse().map_err(|error: protocol::UnknownName| error.to_string())
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    let settings = Settings {
        selection: arguments.selection,
        over_selection: arguments.over_selection,
        asynchronous: arguments.asynchronous,
        staleness_exponent: arguments.staleness_exponent,
        most_stale: arguments.most_stale,
        max_clients: Some(arguments.clients.into()),
        // As usual, but where one is everyone.
        least: (u32::from(arguments.clients) == 1).then_some(1),
        model: Some(arguments.model),
        augmentation: arguments.augmentation,
        rounds: Some(arguments.rounds),
        epochs: Some(arguments.epochs),
        batch_size: Some(arguments.batch_size),
        optimiser: arguments.optimiser,
        learning_rate: arguments.learning_rate,
        strategy: Some(arguments.strategy),
        server_learning_rate: arguments.server_learning_rate,
        proximal: arguments.proximal,
        aggregation: Some(arguments.aggregation),
        trim: arguments.trim,
        faulty: arguments.faulty,
        chosen: arguments.chosen,
        clip_norm: arguments.clip_norm,
        ..Settings::default()
    };
    let room = settings.room()?;
    let as_usual = Circumstances::default();
    let circumstances = Circumstances {
        drop_out: arguments.drop_out.unwrap_or(as_usual.drop_out),
        slow: arguments.slow.unwrap_or(as_usual.slow),
        megabits: arguments.bandwidth.unwrap_or(as_usual.megabits),
        deadline_ms: arguments.deadline.map_or(as_usual.deadline_ms, |seconds| u64::from(seconds) * 1_000),
        selection: room.selection,
        pace: room.pace,
    };
    let asked_for =
        arguments.drop_out.or(arguments.slow).or(arguments.bandwidth).is_some() || arguments.deadline.is_some();
    let plan = Plan {
        data: arguments.data,
        eval_data: arguments.eval_data,
        labels: arguments.labels,
        test: match (arguments.fold, arguments.test_speakers) {
            (Some(fold), _) => fold,
            (None, names) if names.is_empty() => TestSpeakers::Usual,
            (None, names) => TestSpeakers::Named(names),
        },
        model: arguments.model,
        partition: arguments.partition,
        clients: arguments.clients.into(),
        rounds: room.rounds,
        training: room.training,
        strategy: room.strategy,
        aggregation: room.aggregation,
        attack: arguments.attack.map(|behaviour| Attack { behaviour, share: arguments.attackers }),
        seed: arguments.seed,
        normalisation: arguments.normalisation,
        device: arguments.device,
        circumstances: (asked_for || circumstances != as_usual).then_some(circumstances),
    };
    // A plan that cannot work is refused before an hour of sound is read.
    plan.room(plan.clients)?;
    if let Some(attack) = &plan.attack {
        attack.count(plan.clients)?;
    }
    let cache = arguments.cache.map(FeatureCache::new).or_else(FeatureCache::of_this_user);
    let dataset = read(&plan, cache.as_ref())?;
    let interrupted = on_interrupt()?;
    let bar = bar(simulator::steps(&plan, &dataset)?, "steps");
    let outcome = simulator::run(
        &plan,
        &dataset,
        || {
            bar.inc(1);
            if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
        |round| bar.set_message(format!("round {}: UAR {:.2}", round.round, round.uar)),
    )?;
    bar.finish_and_clear();
    let Some(outcome) = outcome else { bail!("stopped before the last round; nothing is written") };
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(&outcome)?;
        if path.as_os_str() == "-" {
            println!("{json}");
            return Ok(());
        }
        fs::write(path, json + "\n").with_context(|| format!("can't write {}", path.display()))?;
    }
    print!("{}", summary(&outcome));
    Ok(())
}

/// Reads a plan's clips, and says what was found.
pub fn read(plan: &Plan, cache: Option<&FeatureCache>) -> Result<Dataset> {
    let progress = bar(0, "clips");
    let dataset = Dataset::read(&plan.data, &plan.eval_data, &plan.labels, plan.normalisation, cache, |done, all| {
        progress.set_length(all as u64);
        progress.set_position(done as u64);
    })?;
    progress.finish_and_clear();
    eprint!("{}", dataset.found);
    Ok(dataset)
}

/// A bar on a terminal, nothing elsewhere.
pub fn bar(length: u64, of: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {of}, {{eta}} left  {{msg}}"))
    {
        bar.set_style(style);
    }
    bar
}

fn summary(outcome: &Outcome) -> String {
    let Outcome { plan, scores, last_five, .. } = outcome;
    let mut text = format!(
        "{} clips of {} trained on, {} of {} tested on\n\n",
        outcome.training_clips,
        if plan.is_centralised() {
            "everyone in one place".to_owned()
        } else {
            format!("{} clients", outcome.holdings.counts.len())
        },
        outcome.test_clips,
        outcome.test_speakers.join(", "),
    );
    if !plan.is_centralised() {
        text += &format!("{}\n", outcome.holdings);
    }
    text += "             last round  mean of last 5\n";
    for (name, last, mean) in [
        ("accuracy", scores.accuracy, Some(last_five.accuracy)),
        ("UAR", scores.uar, Some(last_five.uar)),
        ("precision", scores.precision, None),
        ("F1 (macro)", scores.f1, Some(last_five.f1)),
    ] {
        let mean = mean.map_or(String::new(), |mean| format!("{mean:.3}"));
        text += &format!("{name:<12} {last:>10.3}  {mean:>14}\n");
    }
    text += "\n             precision  recall  F1     clips\n";
    for (label, one) in plan.labels.iter().zip(&scores.per_label) {
        text += &format!("{label:<12} {:>9.3}  {:.3}  {:.3}  {:>5}\n", one.precision, one.recall, one.f1, one.support);
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    text += &format!(
        "\n{:.1} {} of training; {:.1} MB sent to the aggregator, {:.1} MB by it\n",
        outcome.seconds,
        if plan.circumstances.is_some() { "made-up seconds" } else { "s" },
        megabytes(outcome.bytes_up),
        megabytes(outcome.bytes_down)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_is_read_and_nonsense_refused() {
        assert_eq!(fold("2/5"), Ok(TestSpeakers::Fold { index: 1, of: 5 }));
        for wrong in ["0/5", "6/5", "1/1", "a/b", "3"] {
            assert!(fold(wrong).unwrap_err().contains("1/5"), "{wrong}");
        }
    }
}
