//! `chorus experiment --queue` and `chorus work`, with a real nats-server, while workers, NATS and the command itself end in the middle:
//! what comes of it is what one machine alone makes, but for seconds. Where this machine has no nats-server nothing is tested, which is
//! said aloud.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use async_nats::jetstream;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy};
use server_process::{NatsServer, signal};
use support::voices::{Voices, outcome, text};

/// How long anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(600);
/// Four runs, two of which are one plan.
const SERIES: [&str; 4] = ["--models", "conv", "--experiments", "3"];

/// A program whose log is read while it runs. It ends with its owner.
struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (stderr, lines) = (child.stderr.take().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("{line}");
                kept.lock().unwrap().push(line);
            }
        });
        Self { child, lines }
    }

    fn log(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    fn until(&self, words: &str) {
        let patience = Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            assert!(Instant::now() < patience, "nobody said {words:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ended(&mut self) -> Option<i32> {
        let patience = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < patience, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn worker(nats: &str, data: &str, cache: &str, more: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chorus"));
    command.args(["work", "--queue", nats, "--data", data, "--cache", cache]).args(more);
    Running::start(command)
}

fn stored(out: &Path) -> Vec<String> {
    let files = fs::read_dir(out.join("runs")).map(|entries| entries.map(|entry| entry.unwrap().file_name()));
    let names = files.into_iter().flatten().map(|name| name.into_string().unwrap());
    let mut names: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).collect();
    names.sort();
    names
}

/// One worker has the recordings elsewhere, as on another machine.
#[test]
fn whoever_dies_in_the_middle_nothing_is_lost_and_all_is_as_of_one_machine() -> Result<()> {
    let Some(mut nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let voices = Voices::new();
    // Long enough to be ended in the middle.
    let series = [&SERIES[..], &["--seeds", "2", "--rounds", "12"]].concat();
    let (alone, shared) = (voices.out("alone"), voices.out("shared"));
    let whole = voices.experiment(&alone, &series);
    assert!(whole.status.success(), "{}", text(&whole.stderr));

    let elsewhere = voices.out("elsewhere").join(Path::new(&voices.data).file_name().unwrap());
    fs::create_dir_all(&elsewhere)?;
    let copied = Command::new("cp").arg("-r").arg(format!("{}/.", voices.data)).arg(&elsewhere).status()?;
    assert!(copied.success());
    let url = nats.url();
    let command = || voices.command(&shared, &[&series[..], &["--queue", &url]].concat());
    let mut first = Running::start(command());
    let mut dies = worker(&url, &voices.data, &voices.cache, &[]);
    dies.until(" begins");
    let began = Instant::now();
    let lives = worker(&url, elsewhere.to_str().unwrap(), &voices.cache, &[]);
    dies.child.kill()?;
    dies.child.wait()?;
    lives.until(" begins");
    nats.kill();
    std::thread::sleep(Duration::from_secs(2));
    nats.restart()?;
    let helps = worker(&url, &voices.data, &voices.cache, &[]);
    first.until("1/8 ");
    signal(first.child.id(), "INT")?;
    assert_eq!(first.ended(), Some(1));
    assert!(first.log().contains("the same command goes on from here"));
    let before = stored(&shared).len();
    assert!((1..8).contains(&before), "it was stopped in the middle: {before} of 8");
    let mut second = Running::start(command());
    assert_eq!(second.ended(), Some(0));
    let took = began.elapsed().as_secs();
    println!("a worker died, NATS died, the command was stopped: {} runs in {took} s", stored(&shared).len());
    assert!(second.log().contains("of 8 runs are stored already"));
    for worker in [&lives, &helps] {
        let did = worker.log().matches(": UAR ").count();
        assert!((1..4).contains(&did), "two of them share four plans: {did}");
        assert!(!worker.log().contains("could not be done"));
    }

    assert_eq!(stored(&alone), stored(&shared));
    assert_eq!(stored(&alone).len(), 8);
    for name in stored(&alone) {
        assert_eq!(outcome(&alone, &name), outcome(&shared, &name), "{name}");
    }
    let report = fs::read_to_string(shared.join("report.html"))?;
    assert!(!report.contains("nats://") && !report.contains("--queue"), "how it was shared out is not what was asked");
    Ok(())
}

#[test]
fn what_cannot_be_done_is_said_where_it_is_waited_for() -> Result<()> {
    let Some(nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let voices = Voices::new();
    let out = voices.out("report");
    let gone = voices.experiment(&out, &[&SERIES[..], &["--queue", "nats://ada:secret@127.0.0.1:9"]].concat());
    let said = text(&gone.stderr);
    assert_eq!(gone.status.code(), Some(1), "{said}");
    assert!(said.contains("nats://127.0.0.1:9 cannot be used: no NATS server answers there"), "{said}");
    assert!(!said.contains("secret"), "{said}");

    // Three speakers are left to train on, too few for four groups of speakers.
    let few = ["--test-speakers", "synthetic_04,synthetic_05,synthetic_06", "--rounds", "1", "--queue"];
    let url = nats.url();
    let command = || voices.command(&out, &[&SERIES[..], &few, &[&url]].concat());
    // One that has other recordings under the same name, with a secret in the address.
    let others = voices.out("others").join("some voices");
    let made = support::voices::chorus(&[
        "synth",
        "--out",
        others.to_str().unwrap(),
        "--speakers",
        "6",
        "--per-emotion",
        "2",
        "--seed",
        "9",
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let mut asks = Running::start(command());
    let mut wrong = worker(&url, others.to_str().unwrap(), &voices.cache, &[]);
    wrong.until("left to other workers: the recordings here are not those that it is for: 48 clips here and 48 there");
    asks.until("to others: the recordings here are not those");
    signal(wrong.child.id(), "INT")?;
    assert_eq!(wrong.ended(), Some(0));
    let mut right = worker(&url, &voices.data, &voices.cache, &["--idle", "5"]);
    assert_eq!(asks.ended(), Some(1));
    let said = asks.log();
    assert!(
        said.contains("2 of 4 runs could not be done") && said.contains("3 speakers are too few for 4 clients"),
        "{said}"
    );
    assert_eq!(stored(&out).len(), 2);
    assert_eq!(right.ended(), Some(0), "it ends when there is nothing to do");

    // As without a queue, the same command tries again what failed, and nothing else.
    let right = worker(&url, &voices.data, &voices.cache, &[]);
    assert_eq!(Running::start(command()).ended(), Some(1));
    let tried = right.log().matches("could not be done").count();
    assert_eq!((tried, right.log().matches(" begins").count()), (2, 2), "{}", right.log());
    Ok(())
}

#[test]
fn a_full_queue_says_so_keeps_what_it_has_and_goes_on() -> Result<()> {
    let Some(nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let voices = Voices::new();
    let url = nats.url();
    tokio::runtime::Runtime::new()?.block_on(async {
        let jetstream = jetstream::new(async_nats::connect(&url).await?);
        let config = Config {
            name: "small_plans".to_owned(),
            subjects: vec!["small.plans.*".to_owned()],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            // One plan.
            max_bytes: 1_200,
            ..Default::default()
        };
        jetstream.create_stream(config).await?;
        Ok::<_, anyhow::Error>(())
    })?;
    let out = voices.out("report");
    let queue = ["--rounds", "1", "--queue", &url, "--queue-name", "small"];
    let mut asks = Running::start(voices.command(&out, &[&SERIES[..], &queue].concat()));
    asks.until("; 2 of 4 plans are queued, and the others will be when there is space");
    assert!(asks.log().contains("NATS has no space left for it"), "{}", asks.log());
    let _worker = worker(&url, &voices.data, &voices.cache, &["--queue-name", "small"]);
    assert_eq!(asks.ended(), Some(0));
    assert_eq!(stored(&out).len(), 4);
    Ok(())
}
