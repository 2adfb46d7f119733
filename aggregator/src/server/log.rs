//! What is written to the log, and how: one line an event on stderr, with fields, as text or as JSON.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt};

/// The time for which [`MOST_LINES`] are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// Lines of one kind that strangers may cause in that time.
const MOST_LINES: u32 = 10;

/// Lines of one kind that anybody can cause, of which few are written, so that nobody fills the log.
#[derive(Debug, Default)]
pub struct Few(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Few {
    /// None was written yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Window { began: None, written: 0, left_out: 0 }))
    }

    /// Whether a line is to be written; then, how many were left out before it.
    pub fn allow(&self) -> Option<u64> {
        self.allow_at(Instant::now())
    }

    fn allow_at(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.began.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            (window.began, window.written) = (Some(now), 0);
        }
        if window.written == MOST_LINES {
            window.left_out += 1;
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

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
    let started = Registry::default().with(layer(filter, format)?).try_init();
    started.map_err(|error| anyhow!("the log cannot start: {error}"))
}

/// What writes the lines that `filter` lets through.
fn layer(filter: &str, format: Format) -> Result<impl Layer<Registry>> {
    // A bare level is meant for this program.
    let filter = if filter.parse::<Level>().is_ok() {
        format!("chorus={filter},federation={filter}")
    } else {
        filter.to_owned()
    };
    let wanted =
        EnvFilter::try_new(&filter).with_context(|| format!("there is no log {filter:?}; try info or debug"))?;
    // Without it, nothing is known to be too fine to be asked about: the library of the sockets has some ten such lines a frame, and
    // asking took a quarter of the time of a server that takes updates in.
    let finest = wanted.max_level_hint().unwrap_or(LevelFilter::TRACE);
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let layer = match format {
        Format::Text => layer.with_target(false).boxed(),
        Format::Json => layer.json().boxed(),
    };
    Ok(layer.with_filter(wanted).with_filter(filter_fn(holds_no_secret).with_max_level_hint(finest)))
}

/// Libraries write whole frames and headers to their finer logs, and with them the secrets of hosts and clients.
fn holds_no_secret(metadata: &Metadata<'_>) -> bool {
    let part = metadata.target().split("::").next().unwrap_or_default();
    ["chorus", "federation", "protocol", "models"].contains(&part) || *metadata.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_of_one_kind_are_ten_lines_and_a_number() {
        let (lines, start) = (Few::new(), Instant::now());
        assert_eq!((0..1_000).filter(|_| lines.allow_at(start).is_some()).count(), 10);
        assert_eq!(lines.allow_at(start + WINDOW), Some(990));
        assert_eq!(lines.allow_at(start + WINDOW), Some(0));
    }

    #[test]
    fn what_is_too_fine_is_known_beforehand() {
        for (filter, finest) in [("info", LevelFilter::INFO), ("warn,chorus::server=debug", LevelFilter::DEBUG)] {
            assert_eq!(layer(filter, Format::Text).unwrap().max_level_hint(), Some(finest), "{filter}");
        }
    }
}
