//! `chorus swarm`: loads a running aggregator with many made-up participants and says how it did.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use models::Architecture;
use protocol::RoomCode;

use crate::participant::{self, Address};
use crate::swarm::{Distribution, Host, NewRooms, Plan, Process};

const EXAMPLES: &str = "Examples:
  chorus swarm http://localhost:8080/room/KMPXZ --clients 30 --rounds 5
  chorus swarm http://localhost:8080 --rooms 100 --clients 3000 --model conv --host-token TOKEN
  chorus swarm http://localhost:8080 --rooms 1 --clients 64 --train-ms 2000 --distribution exponential --drop-out 0.05

It is no training: clients wait, and send small made-up numbers of the real size. Load servers of your own alone. All
come from one address: for more than 150 clients start the server with --max-newcomers-per-minute 8192, and for more than 1,000
with --max-connections-per-address 8192 as well.
Exit codes: 0 every room closed its rounds; 1 anything else.";

/// Load an aggregator with many made-up participants, and measure it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A room's link, or the aggregator's address where rooms are to be made
    #[arg(value_name = "URL")]
    link: String,
    /// Clients that take part, over all rooms
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    clients: u32,
    /// Make so many rooms and spread the clients over them; needs the host token
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..))]
    rooms: Option<u32>,
    /// The server's host token, for making rooms and for the probe
    #[arg(long, value_name = "TOKEN", env = "CHORUS_HOST_TOKEN", hide_env_values = true)]
    host_token: Option<String>,
    /// Network of the rooms that are made, whose size the updates have
    #[arg(long, default_value = "compact", requires = "rooms")]
    model: Architecture,
    /// Rounds of each room
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long made-up training takes, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    train_ms: u64,
    /// How that time varies
    #[arg(long, value_enum, default_value = "uniform")]
    distribution: Distribution,
    /// Further clients that ask for every model and read a frame a second
    #[arg(long, value_name = "N", default_value_t = 0)]
    slow_readers: u32,
    /// Share of rounds in which a client loses its connection and comes back, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    drop_out: f64,
    /// Give up after so long, seconds
    #[arg(long, value_name = "S", default_value_t = 600)]
    patience: u64,
    /// Look at this process of this machine, the server, at the end: memory and processor time
    #[arg(long, value_name = "PID")]
    process: Option<u32>,
    /// Decides who drops out and how long training takes
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Accept any TLS certificate, such as a self-signed one
    #[arg(long)]
    insecure: bool,
    /// Print the figures as one line of JSON
    #[arg(long)]
    json: bool,
    /// Write the figures as JSON into a file, too
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    ensure!((0.0..=1.0).contains(&arguments.drop_out), "--drop-out is a share, from 0 to 1");
    let host = arguments.host()?;
    let (socket, rooms) = arguments.rooms(host.as_ref())?;
    let plan = Plan {
        socket,
        rooms,
        clients: arguments.clients as usize,
        slow_readers: arguments.slow_readers as usize,
        drop_out: arguments.drop_out,
        training: Duration::from_millis(arguments.train_ms),
        distribution: arguments.distribution,
        rounds: arguments.rounds,
        patience: Duration::from_secs(arguments.patience),
        insecure: arguments.insecure,
        seed: arguments.seed,
    };
    plan.allow_sockets()?;
    let mut report = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads")?
        .block_on(plan.run(host.as_ref(), |line| eprintln!("{line}")))?;
    report.server = arguments.process.map(Process::look).transpose()?;
    let json = serde_json::to_string(&report)?;
    if let Some(file) = &arguments.out {
        std::fs::write(file, &json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if arguments.json {
        println!("{json}");
    } else {
        print!("{}", report.for_people());
    }
    Ok(())
}

impl Arguments {
    fn host(&self) -> Result<Option<Host>> {
        let Some(token) = &self.host_token else {
            ensure!(self.rooms.is_none(), "--rooms needs --host-token, which `chorus serve` prints at its start");
            return Ok(None);
        };
        Ok(Some(Host::new(participant::origin(&self.link)?, token.clone(), self.insecure)))
    }

    /// The socket's address and the rooms to load.
    fn rooms(&self, host: Option<&Host>) -> Result<(String, Vec<RoomCode>)> {
        let Some(count) = self.rooms else {
            let address = Address::parse(&self.link, None)?;
            return Ok((address.socket, vec![address.room]));
        };
        let Some(host) = host else { bail!("--rooms needs --host-token") };
        let clients = self.clients.div_ceil(count) as usize;
        ensure!(
            self.clients.is_multiple_of(count),
            "{} clients cannot be spread evenly over {count} rooms",
            self.clients
        );
        // Those that hardly read, one that measures, and places for who comes back before it was noticed to be gone.
        let others = self.slow_readers.div_ceil(count) as usize + 8;
        let wanted = NewRooms { count: count as usize, model: self.model, clients, others, rounds: self.rounds };
        let rooms = host.make_rooms(wanted)?;
        let first = rooms.first().context("no room was made")?;
        Ok((Address::parse(&participant::origin(&self.link)?, Some(first))?.socket, rooms))
    }
}
