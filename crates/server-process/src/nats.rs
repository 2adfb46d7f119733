//! A `nats-server` with JetStream in a process of its own, on this machine alone, with its streams in a folder.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long it may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Where Debian has it, which is on no user's path.
const DEBIAN: &str = "/usr/sbin/nats-server";

/// A running `nats-server`. It ends with its owner.
pub struct NatsServer {
    child: Child,
    port: u16,
    folder: PathBuf,
    /// Arguments besides the usual.
    more: Vec<String>,
    /// Goes with it, where nothing is to be kept.
    _passing: Option<tempfile::TempDir>,
}

impl NatsServer {
    /// The program, where this machine has it.
    pub fn program() -> Option<PathBuf> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&paths).map(|folder| folder.join("nats-server"));
        places.chain([DEBIAN.into()]).find(|place| place.is_file())
    }

    /// Starts one that keeps its streams in `folder`, on a free port.
    ///
    /// # Errors
    /// There is none on this machine, or it does not start.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, Vec::new())
    }

    /// The same, with further arguments.
    ///
    /// # Errors
    /// As [`NatsServer::start`].
    pub fn start_with(folder: &Path, more: Vec<String>) -> Result<Self> {
        let port = free_port()?;
        Ok(Self { child: launch(folder, port, &more)?, port, folder: folder.to_owned(), more, _passing: None })
    }

    /// Starts one in a folder that goes with it. `None`, with words on the standard error, where this machine has no such program.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_or_say() -> Result<Option<Self>> {
        if !Self::is_there_or_say() {
            return Ok(None);
        }
        Ok(Some(Self::passing(Vec::new())?))
    }

    /// Starts several in folders that go with them, as one cluster, whose streams may have as many copies. `None` as above.
    ///
    /// # Errors
    /// One of them does not start.
    pub fn start_several_or_say(count: usize) -> Result<Option<Vec<Self>>> {
        if !Self::is_there_or_say() {
            return Ok(None);
        }
        let ports = (0..count).map(|_| free_port()).collect::<Result<Vec<_>>>()?;
        let address = |port: &u16| format!("nats://127.0.0.1:{port}");
        let routes = ports.iter().map(address).collect::<Vec<_>>().join(",");
        let server = |(number, port): (usize, &u16)| {
            let name = format!("nats-{number}");
            let own = address(port);
            let arguments = ["--name", &name, "--cluster_name", "tried", "--cluster", &own, "--routes", &routes];
            Self::passing(arguments.map(str::to_owned).to_vec())
        };
        Ok(Some(ports.iter().enumerate().map(server).collect::<Result<_>>()?))
    }

    fn is_there_or_say() -> bool {
        let is_there = Self::program().is_some();
        if !is_there {
            eprintln!("LEFT OUT, as there is no nats-server here (apt install nats-server): what needs NATS");
        }
        is_there
    }

    /// One with further arguments in a folder that goes with it.
    fn passing(more: Vec<String>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("chorus-nats-").tempdir()?;
        let mut server = Self::start_with(folder.path(), more)?;
        server._passing = Some(folder);
        Ok(server)
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The number that the system has for it.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Loses all that it has stored, after it was killed.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn lose_disk(&self) -> Result<()> {
        Ok(std::fs::remove_dir_all(self.folder.join("jetstream"))?)
    }

    /// Starts it again after it was killed: where it was, with what it has on the disk.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        self.child = launch(&self.folder, self.port, &self.more)?;
        Ok(())
    }
}

/// It is free again when it is taken, and nobody else asks for it within this moment.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn launch(folder: &Path, port: u16, more: &[String]) -> Result<Child> {
    let program = NatsServer::program().context("there is no nats-server on this machine; apt install nats-server")?;
    let mut command = Command::new(program);
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]).arg(folder);
    let log = folder.join("nats.log");
    command.arg("--log").arg(&log).args(more);
    // Apart from the terminal's group: Ctrl-C reaches it when its owner ends.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let patience = Instant::now() + START_LIMIT;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("nats-server ended at once ({status}); its log is {}", log.display());
        }
        if Instant::now() > patience {
            let _ = child.kill();
            bail!("nats-server does not listen; its log is {}", log.display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(child)
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
