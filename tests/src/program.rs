//! A running `chorus` program and questions to its HTTP interface.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use server_process::{Log, ServerProcess};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// The room's code in every test.
pub const CODE: &str = "HARPS";

/// A `chorus serve` that ends with the test.
pub struct Server {
    process: ServerProcess,
    port: u16,
    state: tempfile::TempDir,
    options: Vec<String>,
}

/// The program under test: `CHORUS_BIN`, or the one beside this test in the target folder.
///
/// # Errors
/// Where it was not built.
pub fn program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHORUS_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe()?;
    let profile = test.parent().and_then(Path::parent).context("a test lies in a target folder")?;
    let path = profile.join("chorus");
    ensure!(
        path.exists(),
        "{} is missing: run `cargo xtask test`, or `cargo build -p aggregator` first",
        path.display()
    );
    Ok(path)
}

impl Server {
    /// Starts the program with one room on a free port.
    ///
    /// # Errors
    /// Where it does not listen.
    pub async fn start(options: &[&str]) -> Result<Self> {
        let state = tempfile::tempdir()?;
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let process = launch(0, state.path(), &options).await?;
        let port = process.origin.rsplit(':').next().context("no port")?.parse()?;
        Ok(Self { process, port, state, options })
    }

    /// Where it is.
    pub fn origin(&self) -> String {
        self.process.origin.clone()
    }

    /// The student's page of the room.
    pub fn page(&self) -> String {
        format!("{}/room/{CODE}", self.origin())
    }

    /// Kills the program as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same port with the same state.
    ///
    /// # Errors
    /// Where it does not listen.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process = launch(self.port, self.state.path(), &self.options).await?;
        Ok(())
    }

    /// The body of a GET, where it speaks plain HTTP.
    ///
    /// # Errors
    /// Where there is no answer, or not a 200.
    pub async fn get(&self, path: &str) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("an answer has a head")?;
        let head = String::from_utf8_lossy(&answer[..end]);
        ensure!(head.lines().next().is_some_and(|line| line.contains(" 200 ")), "GET {path}: {head}");
        Ok(answer.split_off(end + 4))
    }

    /// The room as the JSON interface tells it.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn room(&self) -> Result<Value> {
        self.room_of(CODE).await
    }

    /// Another room of the program.
    ///
    /// # Errors
    /// See [`Self::get`].
    pub async fn room_of(&self, code: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.get(&format!("/api/rooms/{code}")).await?)?)
    }

    /// Waits until the finished model was evaluated on that many clips, and returns the evaluation.
    ///
    /// # Errors
    /// Where that takes longer than `limit`.
    pub async fn wait_for_final_evaluation(&self, clips: usize, limit: Duration) -> Result<Value> {
        let deadline = Instant::now() + limit;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            if let Ok(mut room) = self.room().await {
                last = room["status"]["final_evaluation"].take();
                if last["examples"] == clips {
                    return Ok(last);
                }
            }
            sleep(Duration::from_millis(200)).await;
        }
        bail!("the finished model was not evaluated on {clips} clips within {limit:?}, only so: {last}")
    }

    /// Waits until the room has finished that many rounds, and returns its history.
    ///
    /// # Errors
    /// Where that takes longer than `limit`.
    pub async fn wait_for_rounds(&self, rounds: usize, limit: Duration) -> Result<Vec<Value>> {
        let deadline = Instant::now() + limit;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            if let Ok(room) = self.room().await {
                let history = room["history"].as_array().cloned().unwrap_or_default();
                if history.len() >= rounds {
                    return Ok(history);
                }
                last = room;
            }
            sleep(Duration::from_millis(300)).await;
        }
        bail!("{rounds} rounds took longer than {limit:?}; the room: {last:#}")
    }
}

async fn launch(port: u16, state: &Path, options: &[String]) -> Result<ServerProcess> {
    let (program, state, port) = (Command::new(program()?), state.display().to_string(), port.to_string());
    let options = options.to_vec();
    // It waits for the program's word, and others of the test go on meanwhile.
    let start = move || {
        let mut arguments = vec!["--code", CODE, "--port", &port, "--state", &state];
        arguments.extend(options.iter().map(String::as_str));
        ServerProcess::start(program, &arguments, Log::Kept)
    };
    tokio::task::spawn_blocking(start).await?
}
