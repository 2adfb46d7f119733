//! `chorus simulate`: one federated (or centralised) training in one process, on labelled speech from disk.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use corpus::Partition;
use privacy::Gaussian;
use protocol::{RoomConfig, Strategy};

use super::interrupt::on_interrupt;
use super::progress;
use crate::session::Session;
use crate::settings::{CorpusOptions, Learning, RoomOptions, Settings, TestOptions};
use crate::simulator::{self, Attack, Behaviour, Circumstances, OfFewClips, Outcome, Plan, Replay, TestSpeakers};

const EXAMPLES: &str = "Examples:
  chorus simulate --data ravdess --model conv --partition random --clients 4
  chorus simulate --data ravdess --model compact --partition by-speaker --clients 16 --rounds 30 --json result.json
  chorus simulate --data emodb --partition single-emotion --strategy fedavg --optimiser adam
  chorus simulate --data emodb --partition by-speaker --clients 8 --strategy '{\"name\":\"fedprox\",\"mu\":0.1}'
  chorus simulate --data ravdess --partition centralised --eval-data emodb
  chorus simulate --data voices --clients 200 --drop-out 0.3 --slow 0.5 --selection 20
  chorus simulate --data emodb --partition by-speaker --clients 8 --masking active
  chorus simulate --data voices --clients 200 --edges 4
  chorus simulate --data esd --own-split --map surprise=happy
  chorus simulate --data mine --speaker-pattern '/([^/_]+)_[^/]*$'
  chorus simulate --data voices --clients 200 --epsilon 8 --clip 0.01
  chorus simulate --data emodb --clients 10 --attack sign-flip --attackers 0.3 --aggregation median
  chorus simulate --data meld --own-split --model compact-text --modalities text
  chorus simulate --session chorus-session.json --data ravdess --curve curve.svg
  chorus simulate --session chorus-session.json --data ravdess --nobody-lost --strategy fedavg --optimiser adam

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
    /// Play a class' session again, from the file that its host downloaded: its settings, its students' places with a speaker of
    /// --data in each, and who gave to which round; what is chosen beside it is otherwise
    #[arg(long, value_name = "FILE", conflicts_with_all = ["drop_out", "slow", "bandwidth", "deadline", "selection", "asynchronous", "stragglers", "attack", "scripts_apart"])]
    session: Option<PathBuf>,
    /// With --session: everyone gives to every round
    #[arg(long, requires = "session")]
    nobody_lost: bool,
    /// With --session: draw the curve beside the class's own here, as SVG
    #[arg(long, value_name = "FILE", requires = "session")]
    curve: Option<PathBuf>,
    /// How training clips are divided: random, single-emotion, by-speaker, dirichlet:α, quantity-skew[:α] or centralised [default:
    /// random; with --session as its places held them, or by-speaker where its masks hid that]
    #[arg(long)]
    partition: Option<Partition>,
    /// Clients [default: 4; with --session as many as gave something]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: Option<u16>,
    /// Divide the clients among so many edges, each with a room of its own that gives the root one sum a round
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), conflicts_with_all = ["session", "attack", "drop_out", "slow", "bandwidth"])]
    edges: Option<u16>,
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
    fn plan(&self, session: Option<&(Session, RoomConfig)>) -> Result<Plan> {
        let mut learning = self.learning.clone();
        if let Some((_, room)) = session {
            learning.fill(room)?;
        }
        let replay = session.map(|(session, room)| self.replay(session, room)).transpose()?;
        // What a masked session does not say is likest to a class where each has a voice of their own.
        let usual = if session.is_some() { Partition::BySpeaker } else { Partition::Random };
        let partition = self.partition.unwrap_or(usual);
        let places = session.map_or(USUAL_CLIENTS, |(session, _)| session.places as u16);
        let clients = self.clients.unwrap_or(places);
        if partition == Partition::Centralised && !learning.strategy.chooses() {
            // Nobody's updates are taken together, so that a way of doing it is no way to train.
            learning.strategy.strategy = Some(Strategy::DEFAULT);
        }
        let room = RoomOptions {
            max_clients: Some(clients.into()),
            // As usual, but where one is everyone.
            least: (clients == 1).then_some(1),
            ..RoomOptions::default()
        };
        // A simulation is of the algorithms as they are written, unless somebody wants it otherwise.
        let (aggregation, influence_limit) =
            (learning.aggregation.aggregation()?, learning.aggregation.influence_limit(None));
        let model = learning.task.model();
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
        let as_it_was = session.map(|(_, room)| room.normalisation).unwrap_or_default();
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
            model,
            modalities: room.modalities,
            scripts_apart: self.scripts_apart,
            partition,
            clients: clients.into(),
            rounds: room.rounds,
            training: room.training,
            strategy: room.strategy,
            final_model: room.final_model,
            aggregation,
            influence_limit,
            noise: room.noise,
            masking: room.masking,
            encoding: room.encoding,
            edges: self.edges,
            attack: self.attack.map(|behaviour| Attack { behaviour, share: self.attackers }),
            seed: room.seed,
            normalisation: self.test.normalisation.unwrap_or_else(|| as_it_was.into()),
            device: self.test.device,
            circumstances: (asked_for || circumstances != as_usual).then_some(circumstances),
            replay,
            personal: None,
        })
    }

    /// What of a session is played again, with what was chosen otherwise.
    fn replay(&self, session: &Session, room: &RoomConfig) -> Result<Replay> {
        ensure!(
            room.pace.is_synchronous(),
            "this session's rounds waited for nobody, and only rounds that wait can be played again"
        );
        ensure!(session.places > 0, "nobody gave anything in this session, or it is too long ago to be known");
        let file = self.session.clone().unwrap_or_default();
        // Another division, or another number of clients, has no places.
        let as_many = self.clients.is_none_or(|clients| u32::from(clients) == session.places);
        let in_places = self.partition.is_none() && as_many;
        let holdings = if in_places { session.holdings() } else { None };
        if in_places && holdings.is_none() {
            eprintln!(
                "this session's numbers were masked, so that it does not say who held what: each place gets whole speakers"
            );
        }
        let attendance = if self.nobody_lost || !as_many { Vec::new() } else { session.attendance() };
        Ok(Replay { session: file, holdings, attendance })
    }

    fn session(&self) -> Result<Option<(Session, RoomConfig)>> {
        let Some(path) = &self.session else { return Ok(None) };
        let bytes = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        let session = Session::read(&bytes).with_context(|| format!("{} can't be played", path.display()))?;
        Ok(Some(session))
    }
}

/// Clients of a simulation where nothing else is chosen.
const USUAL_CLIENTS: u16 = 4;

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    let session = arguments.session()?;
    let plan = arguments.plan(session.as_ref())?;
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
    let lacking = simulator::lacking(&plan, &dataset)?;
    if lacking > 0 {
        eprintln!(
            "{lacking} of the clips that the session's places held have no like in this corpus; those places hold fewer"
        );
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
    if let Some((session, _)) = &session {
        print!("{}", beside(session, &outcome));
        if let Some(path) = &arguments.curve {
            fs::write(path, curve(session, &outcome)).with_context(|| format!("can't write {}", path.display()))?;
        }
    }
    Ok(())
}

/// The class's own curve and that of its session played again, round by round.
fn beside(session: &Session, outcome: &Outcome) -> String {
    let class = session.accuracies();
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    let mut text =
        "\nThe class was measured on what its laptops held back, this on speakers who are not trained on.\n\n\
                    round  the class  played again\n"
            .to_owned();
    for round in 1..=class.len().saturating_sub(1).max(outcome.rounds.len()) {
        let own = class.get(round).copied().flatten();
        let again = outcome.rounds.get(round - 1).map(|round| round.accuracy);
        text += &format!("{round:>5}  {:>9}  {:>12}\n", shown(own), shown(again));
    }
    text
}

/// The same as a chart.
fn curve(session: &Session, outcome: &Outcome) -> String {
    let of = |round: usize, value: Option<f64>| Some((round as f64, value?));
    let class = session.accuracies().into_iter().enumerate().filter_map(|(round, value)| of(round, value)).collect();
    let again = outcome.rounds.iter().map(|round| (f64::from(round.round), round.accuracy)).collect();
    let series = [
        figures::Series { name: "the class, on what it held back".to_owned(), values: class },
        figures::Series { name: "played again, on speakers nobody trained on".to_owned(), values: again },
    ];
    let axes = figures::Axes {
        title: "A session played again".to_owned(),
        x: "round".to_owned(),
        y: "accuracy".to_owned(),
        y_range: figures::Range::Percent,
        none: "Nothing was measured".to_owned(),
        decimal: '.',
    };
    figures::learning_curves(&series, &axes)
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
    text += &of_few_clips(&outcome.of_few_clips);
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
        "\n{:.1} {} of training; {:.1} MB sent to the {}, {:.1} MB by it\n",
        outcome.seconds,
        if plan.circumstances.is_some() { "made-up seconds" } else { "s" },
        megabytes(outcome.bytes_up),
        plan.edges.map_or_else(|| "aggregator".to_owned(), |edges| format!("root by {edges} edges")),
        megabytes(outcome.bytes_down)
    );
    text
}

/// What it takes of a test speaker until the own scale helps.
fn of_few_clips(found: &[OfFewClips]) -> String {
    let mut text = String::new();
    if !found.is_empty() {
        text += "\nUAR by a scale of other clips    labels not known  known\n";
    }
    for OfFewClips { clips, one_label, untold, told } in found {
        let clips = clips.map_or_else(|| "all".to_owned(), |clips| clips.to_string());
        let of = if *one_label { " of one label" } else { "" };
        text += &format!("{:<32} {:>16.3} {:>6.3}\n", clips + of, untold.uar, told.uar);
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};
    use models::Architecture;
    use protocol::{
        Adversary, Aggregation, Augmentation, Choice as _, Encoding, FinalModel, MaskedEncoding, Masking, Modalities,
        Noise, Optimiser, Pace, Selection, Stragglers, TrainingSettings,
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
        let arguments = Arguments::from_arg_matches(&matches).unwrap();
        let session = arguments.session().unwrap();
        arguments.plan(session.as_ref()).unwrap()
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

    /// A session of two rounds: both places gave to the first, the second alone to the last.
    fn session(folder: &std::path::Path, change: impl Fn(&mut serde_json::Value)) -> String {
        let config = Settings::default().room().unwrap();
        let mut room = serde_json::to_value(config).unwrap();
        room["rounds"] = 2.into();
        let gave = |place: u32, labels: [u32; 4]| serde_json::json!({"place": place, "examples": labels.iter().sum::<u32>(), "labels": labels, "after_ms": 10, "norm": 0.5});
        let round = |number: u32, gave: Vec<serde_json::Value>| {
            let record = serde_json::json!({"round": number, "model_version": number, "clients": gave.len(), "examples": 9,
                "refused": 0, "duration_ms": 5, "training": {"loss": 1.0, "accuracy": 0.5}});
            serde_json::json!({"record": record, "gave": gave, "lacking": []})
        };
        let mut file = serde_json::json!({"chorus_session": 1, "program": "0", "room": room, "places": 2, "final_evaluation": null,
            "rounds": [round(1, vec![gave(0, [1, 2, 0, 0]), gave(1, [0, 1, 1, 1])]), round(2, vec![gave(1, [0, 1, 1, 2])])]});
        let settings = file["room"].as_object_mut().unwrap();
        settings.remove("code");
        settings.remove("name");
        change(&mut file);
        let path = folder.join("session.json");
        std::fs::write(&path, file.to_string()).unwrap();
        path.display().to_string()
    }

    #[test]
    fn a_session_is_played_with_its_settings_but_for_what_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let file = session(folder.path(), |file| {
            (file["room"]["training"]["epochs"], file["room"]["architecture"]) = (3.into(), "compact-text".into());
            file["room"]["modalities"] = "text".into();
            file["room"]["normalisation"] = "own".into();
            file["room"]["final_model"] = "mean".into();
        });
        let as_it_was = typed(&format!("--session {file}"));
        assert_eq!((as_it_was.clients, as_it_was.rounds, as_it_was.training.epochs), (2, 2, 3));
        assert_eq!((as_it_was.model, as_it_was.modalities), (Architecture::CompactText, Modalities::Text));
        assert_eq!(as_it_was.normalisation, Normalisation::Own);
        assert_eq!(as_it_was.final_model, FinalModel::Mean);
        assert_eq!(typed(&format!("--session {file} --final-model last")).final_model, FinalModel::Last);
        assert_eq!(typed(&format!("--session {file} --normalisation group")).normalisation, Normalisation::Group);
        let room = Settings::default().room().unwrap();
        assert_eq!((as_it_was.strategy, as_it_was.aggregation), (room.strategy, room.aggregation), "as in a room");
        let replay = as_it_was.replay.clone().unwrap();
        assert_eq!(replay.holdings, Some(vec![vec![1, 2, 0, 0], vec![0, 1, 1, 2]]));
        assert_eq!(replay.attendance, [vec![0, 1], vec![1]]);
        assert_repeated(&as_it_was);
        let otherwise = typed(&format!("--session {file} --nobody-lost --strategy fedavg --optimiser adam"));
        assert_eq!((otherwise.strategy, otherwise.training.optimiser), (Strategy::DEFAULT, Optimiser::Adam));
        assert_eq!(otherwise.replay.as_ref().unwrap().attendance, [[0_usize; 0]; 0]);
        assert_repeated(&otherwise);
        let divided = typed(&format!("--session {file} --partition by-speaker"));
        assert_eq!((divided.clients, divided.replay.as_ref().unwrap().holdings.as_ref()), (2, None));
        assert_repeated(&divided);
        let hidden = session(folder.path(), |file| {
            for gave in ["/rounds/0/gave/0", "/rounds/0/gave/1", "/rounds/1/gave/0"] {
                let gave = file.pointer_mut(gave).unwrap();
                (gave["labels"], gave["examples"]) = (serde_json::json!([]), 0.into());
            }
        });
        let hidden = typed(&format!("--session {hidden}"));
        assert_eq!((hidden.partition, hidden.clients), (Partition::BySpeaker, 2));
        assert_eq!(hidden.replay.as_ref().unwrap().attendance, [vec![0, 1], vec![1]], "who was there is known");
        assert_repeated(&hidden);
        let masked = typed(&format!("--session {file} --nobody-lost --partition random --clients 3 --masking active"));
        assert!(masked.masking.is_some() && masked.aggregation.is_mean(), "sums know no median");
        assert_repeated(&masked);
    }

    #[test]
    fn a_session_that_cannot_be_played_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |change: &dyn Fn(&mut serde_json::Value)| {
            let file = session(folder.path(), change);
            let command = Arguments::augment_args(clap::Command::new("simulate"));
            let line = format!("simulate --data voices --session {file}");
            let matches = command.try_get_matches_from(line.split_whitespace()).unwrap();
            let arguments = Arguments::from_arg_matches(&matches).unwrap();
            let plan = arguments.session().and_then(|session| arguments.plan(session.as_ref()));
            format!("{:#}", plan.unwrap_err())
        };
        assert!(refused(&|file| file["chorus_session"] = 9.into()).contains("form 9"));
        assert!(refused(&|file| file["places"] = 0.into()).contains("there is none"));
        assert!(refused(&|file| file["room"]["architecture"] = "other".into()).contains("other"));
        let asynchronous = refused(&|file| {
            let pace = protocol::Pace::asynchronous(2);
            file["room"]["pace"] = serde_json::to_value(pace).unwrap();
        });
        assert!(asynchronous.contains("waited for nobody"), "{asynchronous}");
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
            let usual = Plan { encoding: Encoding::F32, ..usual.clone() };
            assert_repeated(&Plan { strategy, training, ..usual.clone() });
            let mut changed = strategy;
            for setting in strategy.settings() {
                changed.set(setting.name, 0.125);
            }
            assert_repeated(&Plan { strategy: changed, training, ..usual.clone() });
        }
        let many = Plan { clients: 9, strategy: Strategy::DEFAULT, encoding: Encoding::F32, ..usual.clone() };
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
        assert_repeated(&Plan { final_model: FinalModel::Mean, ..many.clone() });
        assert_repeated(&Plan { edges: Some(3), ..many.clone() });
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
        for normalisation in [Normalisation::Group, Normalisation::Own, Normalisation::Speaker] {
            assert_repeated(&Plan { normalisation, ..usual.clone() });
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
