//! What is written to the log, and how: one line an event on stderr, with fields, as text or as JSON.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result, anyhow};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt};

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to log what `filter` lets through: a level (`debug`), or levels by part (`chorus::server::rooms=debug`).
///
/// # Errors
/// The filter is none.
pub fn start(filter: &str, format: Format) -> Result<()> {
    // A bare level is meant for this program.
    let filter = if filter.parse::<Level>().is_ok() {
        format!("chorus={filter},federation={filter}")
    } else {
        filter.to_owned()
    };
    let wanted =
        EnvFilter::try_new(&filter).with_context(|| format!("there is no log {filter:?}; try info or debug"))?;
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let layer = match format {
        Format::Text => layer.with_target(false).boxed(),
        Format::Json => layer.json().boxed(),
    };
    let layer = layer.with_filter(wanted).with_filter(filter_fn(holds_no_secret));
    let started = Registry::default().with(layer).try_init();
    started.map_err(|error| anyhow!("the log cannot start: {error}"))
}

/// Libraries write whole frames and headers to their finer logs, and with them the secrets of hosts and clients.
fn holds_no_secret(metadata: &Metadata<'_>) -> bool {
    let part = metadata.target().split("::").next().unwrap_or_default();
    ["chorus", "federation", "protocol", "models"].contains(&part) || *metadata.level() <= Level::INFO
}
