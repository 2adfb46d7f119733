//! `chorus features`: Print features.

/// Print features.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> anyhow::Result<()> {
    anyhow::bail!("chorus features cannot do anything yet")
}
