//! `chorus synth`: Write a made-up corpus.

/// Write a made-up corpus.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> anyhow::Result<()> {
    anyhow::bail!("chorus synth cannot do anything yet")
}
