//! `chorus simulate`: one federated (or centralised) training in one process, on labelled speech from disk.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use corpus::Partition;
use privacy::Gaussian;
use protocol::Strategy;

use super::interrupt::on_interrupt;
use super::progress;
use crate::settings::{CorpusOptions, Learning, RoomOptions, Settings, TestOptions};
use crate::simulator::{self, Attack, Behaviour, Circumstances, Outcome, Plan, TestSpeakers};

const EXAMPLES: &str = "Examples:
  chorus simulate --data ravdess --model conv --partition random --clients 4
  chorus simulate --data ravdess --model compact --partition by-speaker --clients 16 --rounds 30 --json result.json
  chorus simulate --data emodb --partition single-emotion --strategy fedavg --optimiser adam
  chorus simulate --data emodb --partition by-speaker --clients 8 --strategy '{\"name\":\"fedprox\",\"mu\":0.1}'
  chorus simulate --data ravdess --partition centralised --eval-data emodb
  chorus simulate --data voices --clients 200 --drop-out 0.3 --slow 0.5 --selection 20
  chorus simulate --data emodb --partition by-speaker --clients 8 --masking active
  chorus simulate --data esd --own-split --map surprise=happy
  chorus simulate --data mine --speaker-pattern '/([^/_]+)_[^/]*$'
  chorus simulate --data voices --clients 200 --epsilon 8 --clip 0.01
  chorus simulate --data emodb --clients 10 --attack sign-flip --attackers 0.3 --aggregation median
  chorus simulate --data meld --own-split --model compact-text --modalities text

Clients, aggregator, features, networks and usual settings are those of a real room; only the network between them is left
out. The test speakers are never trained on (but by --own-split). With a made-up clock a device trains for 1 s and 0.05 s a clip and pass, times its own
factor. The same plan and seed give the same result on the same kind of processor.
Exit codes: 0 done; 1 it could not be done, or was stopped.";

/// Where the help lists what needs a clock.
const CLOCK: &str =
    "Late and lost clients (with any of these, --deadline or whom rounds ask, the simulation has a made-up clock)";

/// Simulate a room in one process, on labelled speech from disk.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    corpus: CorpusOptions,
    /// Test on all of this folder, and train on all of --data; may be given again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["test_speakers", "fold", "own_split"])]
    eval_data: Vec<PathBuf>,
    /// How training clips are divided: random, single-emotion, by-speaker, dirichlet:α, quantity-skew[:α] or centralised
    #[arg(long, default_value_t = Partition::Random)]
    partition: Partition,
    /// Clients
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,
    #[command(flatten)]
    learning: Learning,
    /// The chance that a client which is asked for an update is lost meanwhile, and away until the round is over, such as 0.3
    #[arg(long, value_name = "SHARE", help_heading = CLOCK)]
    drop_out: Option<f64>,
    /// How different devices are in speed: σ of a log-normal distribution, such as 0.5 [default: 0, all alike]
    #[arg(long, value_name = "SIGMA", help_heading = CLOCK)]
    slow: Option<f64>,
    /// What each client's connection carries, in Mbit/s [default: 20]
    #[arg(long, value_name = "MBIT", help_heading = CLOCK)]
    bandwidth: Option<f64>,
    /// Make some of the clients hostile: label-flip, sign-flip, scale, noise, free-rider, collude or little
    #[arg(long)]
    attack: Option<Behaviour>,
    /// The share of the clients that are, above 0 and below 0.5
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, requires = "attack")]
    attackers: f64,
    #[command(flatten)]
    test: TestOptions,
    /// Test the I-th of K parts of the speakers, 1 to K, as I/K: for a cross-validation
    #[arg(long, value_name = "I/K", conflicts_with_all = ["test_speakers", "own_split"], value_parser = fold)]
    fold: Option<TestSpeakers>,
    /// Test only what is said in no training clip: the last third of the scripts by name, which are then not trained on
    #[arg(long, conflicts_with = "eval_data")]
    scripts_apart: bool,
    /// Write the whole result here as JSON; - is stdout
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn fold(text: &str) -> Result<TestSpeakers, String> {
    let parts = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((index @ 1.., of @ 2..=1_000)) if index <= of => Ok(TestSpeakers::Fold { index: index - 1, of }),
        _ => Err("give it as I/K, such as 1/5 for the first of five parts".to_owned()),
    }
}

impl Arguments {
    /// What is to be simulated: the room that `chorus serve` would have with the same settings, without the doors, and without
    /// what guards it against hostile clients unless that is chosen.
    fn plan(&self) -> Result<Plan> {
        let mut learning = self.learning.clone();
        if self.partition == Partition::Centralised && !learning.strategy.chooses() {
            // Nobody's updates are taken together, so that a way of doing it is no way to train.
            learning.strategy.strategy = Some(Strategy::DEFAULT);
        }
        let room = RoomOptions {
            max_clients: Some(self.clients.into()),
            // As usual, but where one is everyone.
            least: (self.clients == 1).then_some(1),
            ..RoomOptions::default()
        };
        // A simulation is of the algorithms as they are written, unless somebody wants it otherwise.
        let (aggregation, influence_limit) =
            (learning.aggregation.aggregation()?, learning.aggregation.influence_limit(None));
        let room = Settings { room, learning }.room()?;
        let as_usual = Circumstances::default();
        let circumstances = Circumstances {
            drop_out: self.drop_out.unwrap_or(as_usual.drop_out),
            slow: self.slow.unwrap_or(as_usual.slow),
            megabits: self.bandwidth.unwrap_or(as_usual.megabits),
            deadline_ms: room.deadline_ms,
            selection: room.selection,
            pace: room.pace,
            stragglers: room.stragglers,
        };
        let asked_for = self.drop_out.or(self.slow).or(self.bandwidth).is_some();
        let asked_for = asked_for || self.learning.task.deadline.is_some();
        Ok(Plan {
            data: self.corpus.data.clone(),
            eval_data: self.eval_data.clone(),
            reading: self.corpus.reading(),
            labels: room.labels,
            test: match (&self.fold, self.test.test_speakers.as_slice()) {
                (Some(fold), _) => fold.clone(),
                (None, _) if self.test.own_split => TestSpeakers::OwnSplit,
                (None, []) => TestSpeakers::Usual,
                (None, names) => {
                    TestSpeakers::Named(names.iter().map(|name| corpus::composed(name).into_owned()).collect())
                }
            },
            model: self.learning.task.model(),
            modalities: room.modalities,
            scripts_apart: self.scripts_apart,
            partition: self.partition,
            clients: self.clients.into(),
            rounds: room.rounds,
            training: room.training,
            strategy: room.strategy,
            aggregation,
            influence_limit,
            noise: room.noise,
            masking: room.masking,
            encoding: room.encoding,
            attack: self.attack.map(|behaviour| Attack { behaviour, share: self.attackers }),
            seed: room.seed,
            normalisation: self.test.normalisation,
            device: self.test.device,
            circumstances: (asked_for || circumstances != as_usual).then_some(circumstances),
        })
    }
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    let plan = arguments.plan()?;
    // A plan that cannot work is refused before an hour of sound is read.
    plan.room(plan.clients)?;
    if let Some(attack) = &plan.attack {
        attack.count(plan.clients)?;
    }
    let cache = arguments.corpus.cache();
    let dataset =
        progress::read(&plan.data, &plan.eval_data, &plan.labels, &plan.reading, plan.normalisation, cache.as_ref())?;
    for remark in dataset.remarks(&plan.test)? {
        eprintln!("{remark}");
    }
    let interrupted = on_interrupt()?;
    let bar = progress::bar(simulator::steps(&plan, &dataset)?, "steps");
    let outcome = simulator::run(
        &plan,
        &dataset,
        || progress::step(&bar, &interrupted),
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
    if let Some(all) = &scores.with_found {
        text += &format!(
            "\nThese are means over the labels that have test clips. With those that were found though they have none, as \
             scikit-learn's macro average and audmetric count: UAR {:.3}, precision {:.3}, F1 {:.3}.\n",
            all.uar, all.precision, all.f1
        );
    }
    text += "\n             precision  recall  F1     clips\n";
    for (label, one) in plan.labels.iter().zip(&scores.per_label) {
        text += &format!("{label:<12} {:>9.3}  {:.3}  {:.3}  {:>5}\n", one.precision, one.recall, one.f1, one.support);
    }
    if let Some(noise) = &plan.noise {
        let loss = Gaussian::of_rounds(noise.multiplier, outcome.rounds.len() as u32);
        text += &format!(
            "\nWith noise of {} times the clip, these {} rounds give away epsilon = {:.2} of one client for delta = {}: whoever knows \
             everything else guesses right at most {:.0} times in 100 whether the model learnt from its clips or from nothing in \
             their place; a coin is right 50 times.\n",
            noise.multiplier,
            outcome.rounds.len(),
            (loss.epsilon(noise.delta) * 100.0).ceil() / 100.0,
            noise.delta,
            (loss.best_guess() * 100.0).ceil(),
        );
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
    use clap::{Args as _, FromArgMatches as _};
    use models::Architecture;
    use protocol::{
        Adversary, Aggregation, Augmentation, Choice as _, Encoding, MaskedEncoding, Masking, Modalities, Noise,
        Optimiser, Pace, Selection, Stragglers, TrainingSettings,
    };

    use super::*;
    use crate::experiment;
    use crate::simulator::{Device, Normalisation};

    #[test]
    fn a_fold_is_read_and_nonsense_refused() {
        assert_eq!(fold("2/5"), Ok(TestSpeakers::Fold { index: 1, of: 5 }));
        for wrong in ["0/5", "6/5", "1/1", "a/b", "3"] {
            assert!(fold(wrong).unwrap_err().contains("1/5"), "{wrong}");
        }
    }

    /// The plan of a command line.
    fn plan(words: impl IntoIterator<Item = String>) -> Plan {
        let command = Arguments::augment_args(clap::Command::new("simulate"));
        let matches = command.try_get_matches_from(words).unwrap();
        Arguments::from_arg_matches(&matches).unwrap().plan().unwrap()
    }

    fn typed(line: &str) -> Plan {
        plan(format!("simulate --data voices {line}").split_whitespace().map(str::to_owned))
    }

    /// The command that is printed for a plan is that plan.
    fn assert_repeated(plan: &Plan) {
        let words = experiment::words(plan);
        assert_eq!(&super::tests::plan(words.iter().skip(1).cloned()), plan, "{words:?}");
    }

    #[test]
    fn without_options_it_is_a_room_without_options() {
        let (plan, room) = (typed(""), Settings::default().room().unwrap());
        assert_eq!((plan.training, plan.strategy), (room.training, room.strategy));
        assert_eq!((plan.aggregation, plan.influence_limit), (Aggregation::Mean, None));
        assert_eq!((plan.rounds, plan.labels, plan.seed), (room.rounds, room.labels, room.seed));
        assert_eq!(plan.model.name(), room.architecture);
        assert_eq!(plan.circumstances, None);
        let as_written = r#"--strategy {"name":"fedprox","mu":0.5}"#;
        assert_eq!(typed(as_written).strategy, Strategy::FedProx { mu: 0.5 });
    }

    #[test]
    fn in_one_place_there_is_no_server_to_step() {
        let plan = typed("--partition centralised");
        assert_eq!((plan.strategy, plan.training.optimiser), (Strategy::DEFAULT, Optimiser::Adam));
    }

    #[test]
    fn the_command_that_repeats_a_plan_says_all_of_it() {
        let usual = typed("");
        for &strategy in Strategy::ALL {
            let optimiser = if strategy.needs_sgd() { Optimiser::Sgd } else { Optimiser::Adam };
            let training = TrainingSettings { optimiser, ..usual.training };
            assert_repeated(&Plan { strategy, training, ..usual.clone() });
            let mut changed = strategy;
            for setting in strategy.settings() {
                changed.set(setting.name, 0.125);
            }
            assert_repeated(&Plan { strategy: changed, training, ..usual.clone() });
        }
        let many = Plan { clients: 9, strategy: Strategy::DEFAULT, ..usual.clone() };
        for &aggregation in Aggregation::ALL {
            assert_repeated(&Plan { aggregation, ..many.clone() });
            let mut changed = aggregation;
            for setting in aggregation.settings() {
                changed.set(setting.name, if setting.range.holds(2.0) { 2.0 } else { 0.125 });
            }
            assert_repeated(&Plan { aggregation: changed, ..many.clone() });
        }
        let noise = Noise {
            hides: protocol::Hides::Person,
            clip: 0.125,
            multiplier: 2.5,
            clients: 30,
            epsilon: 12.5,
            delta: 1.0e-6,
        };
        assert_repeated(&Plan { noise: Some(noise), ..many.clone() });
        for server in [Adversary::Active, Adversary::Curious] {
            for encoding in MaskedEncoding::ALL {
                let masking = Some(Masking { server, encoding, clip: 0.75 });
                assert_repeated(&Plan { masking, ..many.clone() });
            }
        }
        for encoding in [Encoding::F16, Encoding::Q8, Encoding::Q4] {
            assert_repeated(&Plan { encoding, ..many.clone() });
        }
        for behaviour in Behaviour::ALL {
            assert_repeated(&Plan { attack: Some(Attack { behaviour, share: 0.3 }), ..many.clone() });
        }
        let circumstances = Circumstances { drop_out: 0.1, slow: 0.5, megabits: 8.5, ..Circumstances::default() };
        for (selection, pace) in [
            (Selection::All, Pace::Synchronous),
            (Selection::Number { clients: 3, over_selection: 1.5 }, Pace::Synchronous),
            (Selection::Share { share: 0.25, over_selection: 1.0 }, Pace::Synchronous),
            (Selection::All, Pace::Asynchronous { buffer: 4, staleness_exponent: 1.0, most_stale: 7 }),
        ] {
            for deadline_ms in [180_000, 30_000] {
                let circumstances = Some(Circumstances { selection, pace, deadline_ms, ..circumstances });
                assert_repeated(&Plan { circumstances, ..many.clone() });
            }
        }
        let stragglers = Stragglers::FewerSteps;
        assert_repeated(&Plan { circumstances: Some(Circumstances { stragglers, ..circumstances }), ..many.clone() });
        assert_repeated(&Plan { circumstances: Some(Circumstances::default()), ..many });
        for partition in ["centralised", "single-emotion", "by-speaker", "dirichlet:0.3", "quantity-skew:2.5"] {
            assert_repeated(&Plan {
                partition: partition.parse().unwrap(),
                strategy: Strategy::DEFAULT,
                ..usual.clone()
            });
        }
        for test in [
            TestSpeakers::Named(vec!["03".to_owned(), "a b".to_owned()]),
            TestSpeakers::Fold { index: 1, of: 5 },
            TestSpeakers::OwnSplit,
        ] {
            assert_repeated(&Plan { test, ..usual.clone() });
        }
        for modalities in [Modalities::Both, Modalities::Voice, Modalities::Text] {
            assert_repeated(&Plan {
                model: Architecture::CompactText,
                modalities,
                scripts_apart: true,
                strategy: Strategy::DEFAULT,
                ..usual.clone()
            });
        }
        assert_repeated(&Plan {
            data: vec!["my voices".into(), "more".into()],
            eval_data: vec!["others".into()],
            reading: corpus::Reading {
                speaker_pattern: Some("/([^/_]+)_[^/]*$".parse().unwrap()),
                label_pattern: Some("(?<label>a|b c)".parse().unwrap()),
                map: vec!["excited=happy".parse().unwrap(), "b c=sad".parse().unwrap()],
                skip_unreadable: true,
            },
            labels: vec!["calm".to_owned(), "angry".to_owned(), "sad".to_owned()],
            model: Architecture::Lstm,
            clients: 1,
            rounds: 7,
            training: TrainingSettings {
                epochs: 3,
                batch_size: 5,
                optimiser: Optimiser::Sgd,
                learning_rate: 0.123,
                augmentation: Augmentation::None,
            },
            seed: 11,
            normalisation: Normalisation::Speaker,
            device: Device::Wgpu,
            ..usual
        });
    }
}
