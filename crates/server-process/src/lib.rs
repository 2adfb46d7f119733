//! A `chorus serve` in a process of its own, for whoever tests it, shows it or measures it: starts it, waits until it listens,
//! and ends it. Knows of it what every person knows who starts it, its arguments and the line of JSON that it prints, and
//! nothing of the other crates.

mod nats;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
pub use nats::NatsServer;
use serde_json::Value;

/// How long a server may take to end after it was asked to.
const END_LIMIT: Duration = Duration::from_secs(30);
/// How long a line of the log may be on its way.
const LOG_LIMIT: Duration = Duration::from_secs(5);

/// Where the server's log goes.
pub enum Log {
    /// Where ours goes, and into memory ([`ServerProcess::logs`]).
    Kept,
    /// Into a file, which is whole when the program has ended.
    File(File),
    /// Nowhere.
    Discarded,
}

/// A running `chorus serve`. It ends with its owner.
pub struct ServerProcess {
    child: Child,
    /// `http(s)://localhost:PORT`.
    pub origin: String,
    /// The code of its first room.
    pub room: String,
    /// The secret of whoever hosts it.
    pub host_token: String,
    /// The SHA-256 of its certificate, where it has one.
    pub tls_sha256: Option<String>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl ServerProcess {
    /// Runs `program serve` on this machine alone, with further arguments, and waits until it listens. `--port 0` is a free
    /// port. It keeps nothing, unless the arguments have a `--state`: the user's own rooms are never touched.
    ///
    /// # Errors
    /// The program can't be started, or ends before it listens.
    pub fn start(mut program: Command, arguments: &[&str], log: Log) -> Result<ServerProcess> {
        let stderr = match &log {
            Log::Kept => Stdio::piped(),
            Log::File(file) => file.try_clone()?.into(),
            Log::Discarded => Stdio::null(),
        };
        program.args(["serve", "--json", "--address", "127.0.0.1"]).args(arguments);
        if !arguments.contains(&"--state") {
            program.args(["--state", "none"]);
        }
        let mut child = program
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("cannot start {program:?}"))?;
        let lines = Arc::default();
        if let Some(stderr) = child.stderr.take() {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || keep(stderr, &lines));
        }
        let mut process = ServerProcess {
            child,
            origin: String::new(),
            room: String::new(),
            host_token: String::new(),
            tls_sha256: None,
            lines,
        };
        let mut line = String::new();
        BufReader::new(process.child.stdout.take().context("no output")?).read_line(&mut line)?;
        let said: Value =
            serde_json::from_str(&line).with_context(|| format!("{program:?} does not listen; it said {line:?}"))?;
        let text = |key: &str| said[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {line}"));
        process.origin = text("local")?.split_once("/room/").context("no link")?.0.to_owned();
        process.room = text("room")?;
        process.host_token = text("host_token")?;
        process.tls_sha256 = text("tls_sha256").ok();
        Ok(process)
    }

    /// The address of its first room's page.
    pub fn link(&self) -> String {
        format!("{}/room/{}", self.origin, self.room)
    }

    /// The number that the system has for it.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The lines of the log that have `words` in them, as soon as there is one; what a server logs before it says that it
    /// listens may be read a moment later.
    pub fn logs(&self, words: &str) -> Vec<String> {
        let patience = Instant::now() + LOG_LIMIT;
        while self.logged(words).is_empty() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.logged(words)
    }

    /// The lines of the log so far that have `words` in them.
    pub fn logged(&self, words: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(words)).cloned().collect()
    }

    /// Sends a signal, such as `INT`.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn signal(&self, name: &str) -> Result<()> {
        signal(self.process(), name)
    }

    /// Presses Ctrl-C and waits for the end.
    ///
    /// # Errors
    /// It does not end.
    pub fn interrupt(self) -> Result<ExitStatus> {
        self.signal("INT")?;
        self.ended()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system does not say.
    pub fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// It does not end within 30 seconds.
    pub fn ended(mut self) -> Result<ExitStatus> {
        let patience = Instant::now() + END_LIMIT;
        while Instant::now() < patience {
            if let Some(status) = self.has_ended()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("it did not end within {} seconds", END_LIMIT.as_secs())
    }

    /// Presses Ctrl-C, and ends it where it does not end by itself in time; false there.
    pub fn stop(&mut self, limit: Duration) -> bool {
        let patience = Instant::now() + limit;
        let asked = self.signal("INT").is_ok();
        while asked && Instant::now() < patience {
            if !matches!(self.has_ended(), Ok(None)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.kill();
        false
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows a log as it comes, and keeps it.
fn keep(log: impl std::io::Read, lines: &Mutex<Vec<String>>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        eprintln!("{line}");
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// Sends a process a signal, such as `INT`, as far as the system has signals.
///
/// # Errors
/// There is no such process, or no signals.
pub fn signal(process: u32, name: &str) -> Result<()> {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status()?;
    anyhow::ensure!(sent.success(), "no process {process} to send {name} to");
    Ok(())
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
