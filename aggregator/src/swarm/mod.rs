//! A load generator: many participants over real WebSockets in one program, which speak the whole protocol, wait as long
//! as training would take, and send made-up updates of the real size. What comes of it is measured at the participants'
//! end: [`Report`].

mod client;
mod host;
mod probe;
mod report;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use protocol::RoomCode;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use client::{Client, Kind};
pub use host::{Host, NewRooms};
pub use report::{Process, Report};
use tally::Tally;

use crate::process;

/// Sockets that are opened at the same time; a class does not come in one instant either.
const OPENING: usize = 64;
/// Files that the program needs besides the sockets.
const OTHER_FILES: u64 = 64;

/// How long made-up training takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Distribution {
    /// Always the same.
    Constant,
    /// Anything from none to twice as long.
    Uniform,
    /// Often short, sometimes long.
    Exponential,
}

/// What a load consists of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `ws(s)://…/ws`.
    pub socket: String,
    /// Where the clients go, by turns.
    pub rooms: Vec<RoomCode>,
    /// Clients in all that take part in every round.
    pub clients: usize,
    /// Further clients that ask for models and hardly read them.
    pub slow_readers: usize,
    /// The share of rounds in which a client loses its connection in place of sending its update, 0 to 1.
    pub drop_out: f64,
    /// Mean time that training takes.
    pub training: Duration,
    /// How it varies.
    pub distribution: Distribution,
    /// After how many rounds of each room the load ends.
    pub rounds: u32,
    /// The longest time that all of it may take.
    pub patience: Duration,
    /// Whether any TLS certificate will do.
    pub insecure: bool,
    /// Where chance begins.
    pub seed: u64,
}

impl Plan {
    /// Allows this program as many open files as the plan needs.
    ///
    /// # Errors
    /// The system allows too few.
    pub fn allow_sockets(&self) -> Result<()> {
        let wanted = (self.clients + self.slow_readers) as u64 + OTHER_FILES;
        // Where the system does not say, it is tried.
        let allowed = process::allow_files(wanted).unwrap_or(wanted);
        ensure!(
            allowed >= wanted,
            "this needs {wanted} open files, and the system allows this program {allowed}; raise the limit with \
             `ulimit -n {wanted}` (or LimitNOFILE, or /etc/security/limits.conf), or take fewer clients"
        );
        Ok(())
    }

    /// Loads the server, and says every two seconds how it stands.
    ///
    /// # Errors
    /// Nobody could come in, or the rounds did not get done in time. What went wrong for single clients is in the report.
    pub async fn run(self, host: Option<&Host>, tell: impl Fn(&str)) -> Result<Report> {
        let tally = Arc::new(Tally::new(&self.rooms, self.clients + self.slow_readers));
        let plan = Arc::new(self);
        let (stop, stopping) = watch::channel(false);
        let opening = Arc::new(Semaphore::new(OPENING));
        let began = Instant::now();
        let mut clients = JoinSet::new();
        let updates = Arc::new(client::Updates::default());
        for number in 0..plan.clients + plan.slow_readers {
            let kind = if number < plan.clients { Kind::Diligent } else { Kind::SlowReader };
            let Some(room) = plan.rooms.get(number % plan.rooms.len().max(1)) else { continue };
            let client = Client::new(number, kind, room.clone(), plan.clone(), tally.clone(), updates.clone());
            clients.spawn(client.live(opening.clone(), stopping.clone()));
        }
        let probe = match (host, plan.rooms.first()) {
            (Some(host), Some(room)) => {
                let probe =
                    probe::Probe { room: room.clone(), plan: plan.clone(), tally: tally.clone(), host: host.clone() };
                Some(tokio::spawn(probe.run(stopping.clone())))
            }
            _ => None,
        };
        let deadline = began + plan.patience;
        let mut tick = tokio::time::interval(Duration::from_secs(2));
        let mut done = false;
        while !done && Instant::now() < deadline {
            tokio::select! {
                () = tally.all_done(plan.rounds) => done = true,
                _ = tick.tick() => tell(&tally.line(began.elapsed())),
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
        let seconds = began.elapsed();
        // The first client of a room has heard of its last round; the others hear within a moment.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let report = Report::of(&tally, &plan, seconds);
        stop.send_replace(true);
        while clients.join_next().await.is_some() {}
        if let Some(probe) = probe {
            probe.await.context("the probe ended in an unexpected way")?;
        }
        ensure!(done, "the rounds did not get done within {} s: {}", plan.patience.as_secs(), report.for_people());
        Ok(report)
    }
}

/// Bytes of a made-up update: small values of both signs, all finite, whose norm no room minds.
fn made_up_update(values: usize, encoding: protocol::Encoding, variant: u32) -> Bytes {
    let value = |index: u32| {
        let mixed = (index ^ variant << 24).wrapping_mul(0x9e37_79b9) >> 8;
        (mixed as f32 / (1 << 24) as f32 - 0.5) * 1.0e-4
    };
    encoding.encode((0..values as u32).map(value).collect())
}
