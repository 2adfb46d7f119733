//! `chorus join`: Take part in a room.

/// Take part in a room.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> anyhow::Result<()> {
    anyhow::bail!("chorus join cannot do anything yet")
}
