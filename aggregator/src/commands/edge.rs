//! `chorus edge`: a server for clients of its own, and one client of a room above.

use std::future::Future;

use anyhow::{Context as _, Result, ensure};
use protocol::limits::MIN_MASKED_CLIENTS;
use protocol::{RoomCode, RoomConfig, Token};

use super::house::{self, Doors, House, Shown};
use crate::edge::{Plan, Upstream};
use crate::participant::Address;
use crate::server::limits::Limits;
use crate::settings::edge_key;

const EXAMPLES: &str = "Examples:
  chorus serve --edge-clients 300 --edge-key KEY --port 8080                          the room above, on one machine
  chorus edge --upstream http://10.0.0.1:8080/room/KMPXZ --key KEY --tls self-signed   an edge of it, on another
  CHORUS_EDGE_KEY=KEY chorus edge --upstream https://chorus.example.org/room/KMPXZ --port 8081

An edge's room has the settings of the room above; its participants come to it as to any server, and what they give goes up
as one sum a round. It keeps nothing: started anew, it is another edge, and its participants come back by themselves.
docs/scale.md says how many there may be.";

/// Serve participants for a room on another server, and send it one sum a round for all of them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The link of the room above
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// The secret by which the room above knows its edges, that of its --edge-key
    #[arg(long, value_name = "KEY", env = "CHORUS_EDGE_KEY", hide_env_values = true, value_parser = edge_key)]
    key: Token,
    /// Accept any TLS certificate of the server above, such as a self-signed one
    #[arg(long)]
    insecure: bool,
    /// What this edge is called in the room above [default: given there]
    #[arg(long)]
    name: Option<String>,
    /// Join code of this edge's own room [default: made up]
    #[arg(long)]
    code: Option<RoomCode>,
    /// Fewest participants whose sum goes up [default: 1; 3 where they are masked]
    #[arg(long, value_name = "N")]
    least: Option<u32>,
    #[command(flatten)]
    doors: Doors,
    #[command(flatten)]
    limits: Limits,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<()> {
    arguments.doors.start_log()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    house::block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<()> {
    let Arguments { upstream, key, insecure, name, code, least, doors, limits } = arguments;
    // Its room is the one above: there is nothing to go on with.
    let house = House::open(doors, limits, |_| house::alone(Some(house::NO_STATE.into())))?;
    let root = Address::parse(&upstream, None)?;
    let (upstream, room) = Upstream::reach(Plan { root, key, name, insecure }).await?;
    let room = own_room(room, code, least)?;
    let code = room.code.clone();
    let (below, words) = house.rooms.create_led(room)?;
    let (failed, failure) = tokio::sync::oneshot::channel();
    let over = watch(upstream.go_on(below, words), failed);
    house.serve(Shown { room: &code, unused: None, cluster: None, asked_for: None }, over).await?;
    match failure.await {
        Ok(error) => Err(error),
        Err(_) => Ok(()),
    }
}

/// Waits until the way up is over, and for ever where it ended as it should; an error is told.
async fn watch(going_on: impl Future<Output = Result<()>>, failed: tokio::sync::oneshot::Sender<anyhow::Error>) {
    match going_on.await {
        Ok(()) => std::future::pending().await,
        // Nobody listens where the program ends meanwhile.
        Err(error) => drop(failed.send(error)),
    }
}

/// The room below, with what is chosen here.
fn own_room(room: RoomConfig, code: Option<RoomCode>, least: Option<u32>) -> Result<RoomConfig> {
    let code = code.unwrap_or_else(|| RoomCode::from_random(rand::random()));
    let least = least.unwrap_or(room.least);
    ensure!(
        least >= 1 && (room.masking.is_none() || least as usize >= MIN_MASKED_CLIENTS),
        "--least {least} is too few: a masked sum is of at least {MIN_MASKED_CLIENTS}"
    );
    let room = RoomConfig { code, least, ..room };
    room.check().context("this edge cannot have such a room")?;
    Ok(room)
}
