//! `chorus serve`: a room, its pages, its sockets and its model, until Ctrl-C.

use std::cmp::Reverse;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use federation::Millis;
use protocol::{Phase, RoomCode};

use super::house::{self, Doors, House, Membership, Shown};
use crate::server::config::Options;
use crate::server::limits::Limits;
use crate::server::rooms::{CreateError, Rooms};
use crate::server::store::Known;
use crate::settings::Settings;

/// How long a server waits for the first room that another makes.
const FIRST_ROOM_LIMIT: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "Examples:
  chorus serve                                     a room on this machine, at http://localhost:8080
  chorus serve --tls self-signed --open            for a class: other machines on the network can take part
  chorus serve --tls fullchain.pem privkey.pem     with a certificate that browsers trust
  chorus serve --state none                        to try something: nothing is kept
  chorus serve --state rooms --model conv --rounds 50 --least 5
  chorus serve --strategy fedadam --server-learning-rate 0.01 --optimiser sgd --learning-rate 0.05
  chorus serve --strategy fedprox --proximal 0.1
  chorus serve --cluster nats://10.0.0.5:4222      one of several servers that share their rooms

Every option is also a variable (CHORUS_PORT=8443, CHORUS_MAX_ROOMS=10), and may stand in a file for --config:
  port = 8443
  tls = ['fullchain.pem', 'privkey.pem']
  [room]
  model = 'compact'
  [limits]
  max_rooms = 10
The command line goes before variables, variables before the file. `chorus config` prints what comes of them.

Ctrl-C ends it, and the rooms go on where they were when it is started again. The newest room with rounds left is the one
that is announced; where there is none, or --code names another, a new one is made.";

/// Start a room and serve its pages, its sockets and its model.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// File with options (TOML)
    #[arg(long, value_name = "FILE")]
    #[allow(dead_code, reason = "the command line was read together with it")]
    config: Option<PathBuf>,
    /// Folder that keeps rooms, their models and the self-signed certificate over a restart; none keeps nothing
    /// [default: chorus in the system's folder for the user's data]
    #[arg(long, value_name = "DIR|none")]
    state: Option<PathBuf>,
    #[command(flatten)]
    doors: Doors,
    #[command(flatten)]
    cluster: Membership,
    #[command(flatten)]
    room: Settings,
    #[command(flatten)]
    limits: Limits,
}

/// Prints the options as they turned out.
pub fn print(options: Options) -> Result<()> {
    Ok(write!(std::io::stdout().lock(), "{options}")?)
}

/// Runs the command.
pub fn run(arguments: Arguments, options: Options) -> Result<()> {
    arguments.doors.start_log()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), options = options.changed(), "starting");
    house::block_on(serve(arguments, options))
}

async fn serve(arguments: Arguments, options: Options) -> Result<()> {
    let Arguments { config: _, state: asked_for, doors, cluster, room: settings, limits } = arguments;
    let house = House::open(doors, limits, |listens| match cluster.join(listens, asked_for.as_deref())? {
        Some(cluster) => Ok(cluster),
        None => house::alone(asked_for.clone()),
    })?;
    let (rooms, store) = (house.rooms.clone(), house.store.clone());
    let mut restored = Vec::new();
    for (code, coordinator) in store.restore()? {
        let status = coordinator.status(Millis(0));
        restored.push(Restored {
            code: code.clone(),
            created_at: store.created_at(&code)?,
            finished: status.phase == Phase::Finished,
        });
        rooms.add(code.clone(), coordinator).with_context(|| format!("the stored room {code} cannot go on"))?;
        tracing::info!(room = %code, version = status.model_version.0, "room restored");
    }
    let room = tokio::task::spawn_blocking(move || first_room(&rooms, &settings, restored)).await??;
    let unused = room.restored.then(|| options.changed_in("room"));
    if let Some(unused) = &unused {
        tracing::info!(room = %room.code, unused, "the room goes on as it was stored; its settings stay as they were");
    }
    let shown = Shown { room: &room.code, unused: unused.as_deref(), cluster: cluster.shown(), asked_for };
    house.serve(shown, std::future::pending()).await
}

/// A room that was stored.
struct Restored {
    code: RoomCode,
    /// Seconds since 1970.
    created_at: i64,
    finished: bool,
}

/// The room that is announced.
struct FirstRoom {
    code: RoomCode,
    /// It was stored, and has the settings that it had.
    restored: bool,
}

/// The room that was asked for, or the newest of the restored ones that has rounds left, else a new one: a class that comes
/// the next day finds a room to train in.
///
/// Of servers of a cluster that start together one makes it, and the others wait for it.
fn first_room(rooms: &Rooms, settings: &Settings, mut restored: Vec<Restored>) -> Result<FirstRoom> {
    let elsewhere = || rooms.store().everywhere().into_iter().filter(|room| rooms.get(&room.code).is_none());
    let is_found = |room: &Known| settings.room.code.as_ref().map_or(!room.finished, |code| room.code == *code);
    let patience = Instant::now() + FIRST_ROOM_LIMIT;
    if !restored.iter().any(|room| !room.finished) && settings.room.code.is_none() {
        while !elsewhere().any(|room| is_found(&room)) && !rooms.store().makes_first_room() && Instant::now() < patience
        {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    restored.extend(elsewhere().map(|Known { code, created_at, finished }| Restored { code, created_at, finished }));
    restored.sort_by_key(|room| (room.finished, Reverse(room.created_at)));
    let goes_on = match &settings.room.code {
        Some(code) => restored.iter().find(|room| room.code == *code),
        None => restored.first().filter(|room| !room.finished),
    };
    if let Some(room) = goes_on {
        return Ok(FirstRoom { code: room.code.clone(), restored: true });
    }
    let config = settings.room().context("a room cannot have these settings")?;
    let code = config.code.clone();
    match (rooms.create(config), restored.first()) {
        // The teacher can delete some.
        (Err(error @ (CreateError::TooMany(_) | CreateError::TooLarge { .. })), Some(room)) => {
            tracing::warn!("no new room: {error}");
            Ok(FirstRoom { code: room.code.clone(), restored: true })
        }
        (made, _) => Ok(made.map(|()| FirstRoom { code, restored: false })?),
    }
}
