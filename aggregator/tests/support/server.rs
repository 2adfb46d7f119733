//! The real program, on a free port, ended with the test.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use protocol::RoomCode;
use serde_json::Value;

/// A running `chorus serve`.
pub struct Server {
    child: Child,
    /// `http(s)://localhost:PORT`.
    pub origin: String,
    pub room: RoomCode,
    pub host_token: String,
    pub tls_sha256: Option<String>,
    log: Log,
}

/// What a server whose log is in no file wrote to it so far, line by line.
pub type Log = Arc<Mutex<Vec<String>>>;

impl Server {
    /// Starts `program serve` on this machine alone, with further arguments, and waits until it listens.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        Self::start_as(Command::new(program), arguments)
    }

    /// The same with a command that runs the program with what is added to it.
    pub fn start_as(program: Command, arguments: &[&str]) -> Result<Self> {
        Self::launch(program, arguments, Stdio::piped())
    }

    /// The same, with its log in a file, which is whole when the program has ended.
    pub fn start_logging(program: &Path, arguments: &[&str], log: File) -> Result<Self> {
        Self::launch(Command::new(program), arguments, log.into())
    }

    fn launch(mut program: Command, arguments: &[&str], log: Stdio) -> Result<Self> {
        let mut child = program
            .args(["serve", "--address", "127.0.0.1", "--port", "0", "--json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {program:?}"))?;
        let log = Log::default();
        if let Some(lines) = child.stderr.take() {
            let written = log.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(lines).lines().map_while(Result::ok) {
                    eprintln!("{line}");
                    written.lock().unwrap().push(line);
                }
            });
        }
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))?;
        let text = |key: &str| said[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {line}"));
        let (origin, _) =
            text("local")?.split_once("/room/").map(|(a, b)| (a.to_owned(), b.to_owned())).context("no link")?;
        Ok(Self {
            child,
            origin,
            room: text("room")?.parse()?,
            host_token: text("host_token")?,
            tls_sha256: text("tls_sha256").ok(),
            log,
        })
    }

    /// The lines of the log that have `words` in them, as soon as there is one; what a server logs before it says that it
    /// listens may be read a moment later.
    pub fn logs(&self, words: &str) -> Vec<String> {
        let patience = Instant::now() + Duration::from_secs(5);
        while self.logged(words).is_empty() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.logged(words)
    }

    /// The lines of the log so far that have `words` in them.
    pub fn logged(&self, words: &str) -> Vec<String> {
        self.log.lock().unwrap().iter().filter(|line| line.contains(words)).cloned().collect()
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Presses Ctrl-C and waits for the end.
    #[cfg(unix)]
    pub fn interrupt(self) -> Result<ExitStatus> {
        self.signal("INT")?;
        self.ended()
    }

    /// Sends a signal.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) -> Result<()> {
        signal(self.process(), name)
    }

    /// Waits for the end.
    pub fn ended(mut self) -> Result<ExitStatus> {
        let patience = Instant::now() + Duration::from_secs(30);
        while Instant::now() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("it did not end within 30 seconds")
    }
}

/// Sends a process a signal.
#[cfg(unix)]
pub fn signal(process: u32, name: &str) -> Result<()> {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status()?;
    anyhow::ensure!(sent.success(), "no process {process} to send {name} to");
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
