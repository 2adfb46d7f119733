//! The real program, on a free port, ended with the test.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::Result;
use protocol::RoomCode;
use server_process::{Log, ServerProcess};

/// A running `chorus serve`.
pub struct Server {
    process: ServerProcess,
    pub room: RoomCode,
}

impl Server {
    /// Starts `program serve` on this machine alone, with further arguments, and waits until it listens.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        Self::start_as(Command::new(program), arguments)
    }

    /// The same with a command that runs the program with what is added to it.
    pub fn start_as(program: Command, arguments: &[&str]) -> Result<Self> {
        Self::launch(program, arguments, Log::Kept)
    }

    /// The same, with its log in a file, which is whole when the program has ended.
    pub fn start_logging(program: &Path, arguments: &[&str], log: File) -> Result<Self> {
        Self::launch(Command::new(program), arguments, Log::File(log))
    }

    fn launch(program: Command, arguments: &[&str], log: Log) -> Result<Self> {
        let process = ServerProcess::start(program, &[&["--port", "0"], arguments].concat(), log)?;
        Ok(Self { room: process.room.parse()?, process })
    }

    /// Presses Ctrl-C and waits for the end.
    pub fn interrupt(self) -> Result<ExitStatus> {
        self.process.interrupt()
    }

    /// Waits for the end.
    pub fn ended(self) -> Result<ExitStatus> {
        self.process.ended()
    }
}

impl Deref for Server {
    type Target = ServerProcess;

    fn deref(&self) -> &ServerProcess {
        &self.process
    }
}
