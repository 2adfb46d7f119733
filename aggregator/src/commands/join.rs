//! `chorus join`: one or more participants without a browser, and what people or programs are told of them.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use federation::Work;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use protocol::RoomCode;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::participant::unused::by_reason;
use crate::participant::{self, Address, News, Plan, Source, Speaker};
use crate::settings::ReadingOptions;

const EXAMPLES: &str = "Examples:
  chorus join http://localhost:8080/room/KMPXZ --synthetic 1
  chorus join https://192.168.1.5:8080 --room KMPXZ --insecure --data recordings --speaker anna
  chorus join localhost:8080 --room KMPXZ --data ravdess --participants 8 --json

A fifth of the clips of each label is held back: the model is tried on them and never trained on them.
Exit codes: 0 the room is finished, or the planned rounds are done; 1 anything else.";

/// Take part in a room without a browser, with labelled clips from disk or a made-up voice.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, group = clap::ArgGroup::new("source").required(true).args(["data", "synthetic"]))]
pub struct Arguments {
    /// The room's link, or the aggregator's address
    #[arg(value_name = "URL")]
    link: String,
    /// The room's code, where the link has none
    #[arg(long, value_name = "CODE")]
    room: Option<RoomCode>,
    /// Folder of labelled clips: a manifest.csv, a folder for each label, or a known corpus
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingOptions,
    /// Take a made-up voice in place of clips; each number is another one
    #[arg(long, value_name = "SEED")]
    synthetic: Option<u64>,
    /// Use one speaker's clips alone
    #[arg(long, requires = "data")]
    speaker: Option<String>,
    /// Use at most so many clips, spread evenly over the labels [default: all; 48 of a made-up voice]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    clips: Option<u32>,
    /// Name that others see [default: given by the aggregator]
    #[arg(long)]
    name: Option<String>,
    /// Say to be in this group of the room's, so that its finished model is also shown by group [default: say none]
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Leave after so many rounds [default: when the room is finished]
    #[arg(long = "rounds-then-leave", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Threads that train, over all participants of this program [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Take part as so many participants, each with another speaker or made-up voice
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "speaker", value_parser = clap::value_parser!(u16).range(1..=256))]
    participants: u16,
    /// Share of rounds in which a participant leaves in place of sending its update, and comes back as somebody new, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    drop_out: f64,
    /// Accept any TLS certificate, such as a self-signed one
    #[arg(long)]
    insecure: bool,
    /// Say what happens as lines of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .context("the system gives no threads")?;
    }
    ensure!((0.0..=1.0).contains(&arguments.drop_out), "--drop-out is a share, from 0 to 1");
    let address = Address::parse(&arguments.link, arguments.room.as_ref())?;
    let plans = (0..arguments.participants).map(|index| arguments.plan(&address, index)).collect();
    let voice = Voice::new(arguments.json);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the system gives no threads")?
        .block_on(take_part(plans, &voice))
}

impl Arguments {
    fn plan(&self, address: &Address, index: u16) -> Plan {
        let several = self.participants > 1;
        let reading = self.reading.reading();
        let source = match (&self.data, &self.speaker) {
            (Some(folder), Some(speaker)) => Source::Folder {
                folder: folder.clone(),
                speaker: Speaker::Named(corpus::composed(speaker).into_owned()),
                reading,
            },
            (Some(folder), None) if several => {
                Source::Folder { folder: folder.clone(), speaker: Speaker::Nth(index.into()), reading }
            }
            (Some(folder), None) => Source::Folder { folder: folder.clone(), speaker: Speaker::Everyone, reading },
            (None, _) => Source::MadeUp { voice: self.synthetic.unwrap_or_default().wrapping_add(index.into()) },
        };
        let name = self.name.as_ref().map(|name| match several {
            true => format!("{name} {}", index + 1),
            false => name.clone(),
        });
        Plan {
            address: address.clone(),
            source,
            most_clips: self.clips.map(|clips| clips as usize),
            name,
            group: self.group.as_ref().map(|group| corpus::composed(group).into_owned()),
            rounds: self.rounds,
            drop_out: self.drop_out,
            insecure: self.insecure,
        }
    }
}

/// Runs all participants. The first that fails, and Ctrl-C, ends all of them.
async fn take_part(plans: Vec<Plan>, voice: &Voice) -> Result<()> {
    let mut running = JoinSet::new();
    let mut interrupts = Vec::new();
    for (index, plan) in plans.into_iter().enumerate() {
        let (interrupt, interrupted) = oneshot::channel();
        interrupts.push(interrupt);
        let speaker = voice.speaker(index);
        running.spawn(participant::take_part(plan, move |news| speaker.tell(news), interrupted));
    }
    let mut first_failure = Ok(());
    loop {
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            signal = tokio::signal::ctrl_c(), if !interrupts.is_empty() => {
                signal.context("cannot listen for Ctrl-C")?;
                interrupt(&mut interrupts);
                continue;
            }
        };
        let Some(ended) = ended else { return first_failure };
        if let Err(error) = ended.context("a participant ended in an unexpected way").flatten()
            && first_failure.is_ok()
        {
            first_failure = Err(error);
            interrupt(&mut interrupts);
        }
    }
}

fn interrupt(interrupts: &mut Vec<oneshot::Sender<()>>) {
    for interrupt in interrupts.drain(..) {
        // One that has ended needs no interruption.
        let _ = interrupt.send(());
    }
}

/// How news is told.
enum Voice {
    /// Bars that move, for a person at a terminal.
    Bars(MultiProgress),
    /// Plain lines.
    Lines,
    /// Lines of JSON.
    Json,
}

impl Voice {
    fn new(json: bool) -> Self {
        if json {
            Self::Json
        } else if std::io::stderr().is_terminal() {
            Self::Bars(MultiProgress::new())
        } else {
            Self::Lines
        }
    }

    fn speaker(&self, index: usize) -> Teller {
        match self {
            Self::Bars(bars) => {
                let bar = bars.add(ProgressBar::new(1000));
                let style = ProgressStyle::with_template("{prefix:>12} {bar:24} {msg}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_prefix(format!("{}", index + 1));
                bar.set_message("connects");
                bar.enable_steady_tick(Duration::from_millis(500));
                Teller::Bar(bar)
            }
            Self::Lines => Teller::Lines { participant: index + 1 },
            Self::Json => Teller::Json { participant: index + 1 },
        }
    }
}

/// Tells the news of one participant.
enum Teller {
    Bar(ProgressBar),
    Lines { participant: usize },
    Json { participant: usize },
}

impl Teller {
    fn tell(&self, news: &News<'_>) {
        match (self, news) {
            (Self::Bar(bar), News::Busy { work, round }) => {
                let round = round.map(|(round, rounds)| format!("round {round} of {rounds}: ")).unwrap_or_default();
                let (what, fraction) = describe(work);
                bar.set_position((fraction * 1000.0) as u64);
                bar.set_message(format!("{round}{what}"));
            }
            (Self::Bar(bar), news) => {
                if let Some(line) = line(news) {
                    bar.println(format!("{:>12} {line}", bar.prefix()));
                }
                if matches!(news, News::Done { .. }) {
                    bar.finish_and_clear();
                }
            }
            (Self::Lines { participant }, news) => {
                if let Some(line) = line(news) {
                    print(&format!("{participant:>3}  {line}"));
                }
            }
            (Self::Json { .. }, News::Busy { .. }) => {}
            (Self::Json { participant }, news) => {
                let told = serde_json::to_value(news).map(|mut value| {
                    value["participant"] = (*participant).into();
                    value
                });
                // Our own news always serialises: it holds no map with keys that are no text.
                if let Ok(value) = told {
                    print(&value.to_string());
                }
            }
        }
    }
}

/// A line on stdout; whoever closed it does not want to know.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn line(news: &News<'_>) -> Option<String> {
    Some(match news {
        News::Joined { client, room, finished } => {
            let named = if room.name == room.code.as_str() { String::new() } else { format!(" ({})", room.name) };
            let doing = if *finished {
                "its training was over before, and nothing is trained".to_owned()
            } else {
                format!("it trains {}", room.architecture)
            };
            format!("joined room {}{named} as number {client}; {doing}", room.code)
        }
        News::Clips { training, held_back, skipped } => {
            let mut line = format!("{training} clips to train on, {held_back} held back");
            if !skipped.is_empty() {
                line += &format!("; {} files could not be used\n{}", skipped.len(), by_reason(skipped).trim_end());
            }
            line
        }
        News::TooSlow { slow, fewer } => {
            let (takes, deadline) = (slow.whole_ms as f64 / 1_000.0, slow.deadline_ms as f64 / 1_000.0);
            let result = match fewer {
                true => format!("it does about {} of its {} steps", slow.fits, slow.whole),
                false => {
                    "its updates come too late; join with fewer clips, or make a room with a longer --deadline or with \
                          --stragglers fewer_steps"
                        .to_owned()
                }
            };
            format!("a round takes about {takes:.0} s here, and the room waits {deadline:.0} s at most: {result}")
        }
        News::Evaluated { model_version, evaluation } => format!(
            "model {model_version} finds {:.1} % of the held back clips right (loss {:.3})",
            evaluation.accuracy * 100.0,
            evaluation.loss
        ),
        News::Accepted { round } => format!("update of round {round} accepted"),
        News::RoundClosed { record } => {
            let shared = match &record.evaluation {
                Some(evaluation) => format!(", all together find {:.1} %", evaluation.accuracy * 100.0),
                None => String::new(),
            };
            format!("round {} closed: {} updates, {} examples{shared}", record.round, record.clients, record.examples)
        }
        News::Trouble { message } => format!("the aggregator says: {message}"),
        News::Lost => "the connection was lost; trying again".to_owned(),
        News::Done { finished, sent, received } => {
            let how = if *finished { "the room is finished" } else { "left the room" };
            let mebibytes = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
            format!("{how}; {:.1} MiB sent, {:.1} MiB received", mebibytes(*sent), mebibytes(*received))
        }
        News::Busy { .. } => return None,
    })
}

fn describe(work: &Work) -> (String, f32) {
    match work {
        Work::Idle => ("waits for the others".to_owned(), 0.0),
        Work::Statistics => ("adds up its features".to_owned(), 0.0),
        Work::Downloading { fraction } => ("receives the model".to_owned(), *fraction),
        Work::Training { epoch, epochs, step, steps, fraction, .. } => {
            (format!("trains, epoch {epoch} of {epochs}, step {step} of {steps}"), *fraction)
        }
        Work::Waiting { .. } => ("waits for its turn to send".to_owned(), 1.0),
        Work::Uploading { fraction, .. } => ("sends its update".to_owned(), *fraction),
        Work::Failed { reason } => (format!("cannot train: {reason}"), 0.0),
    }
}
