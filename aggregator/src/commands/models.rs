//! `chorus models`: List the networks.

/// List the networks.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> anyhow::Result<()> {
    anyhow::bail!("chorus models cannot do anything yet")
}
