//! `chorus serve`: Start a room and serve it.

/// Start a room and serve it.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> anyhow::Result<()> {
    anyhow::bail!("chorus serve cannot do anything yet")
}
