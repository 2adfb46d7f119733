//! What a load comes to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::Plan;
use super::tally::Tally;

/// Half, nearly all, and all but the very worst of a number of samples, by the nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Samples.
    pub count: usize,
    /// Half are at most this.
    pub p50: f64,
    /// See `p50`.
    pub p95: f64,
    /// See `p50`.
    pub p99: f64,
    /// The largest.
    pub most: f64,
}

impl Percentiles {
    /// `None` where there is no sample.
    pub fn of(samples: &[f64]) -> Option<Percentiles> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = |share: f64| sorted.get(((share * sorted.len() as f64).ceil() as usize).max(1) - 1).copied();
        let most = *sorted.last()?;
        Some(Percentiles { count: sorted.len(), p50: rank(0.5)?, p95: rank(0.95)?, p99: rank(0.99)?, most })
    }
}

/// Figures of a load, at the clients' end.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Clients that took part.
    pub clients: usize,
    /// Rooms that they were spread over.
    pub rooms: usize,
    /// Clients that hardly read.
    pub slow_readers: usize,
    /// All of it, seconds.
    pub seconds: f64,
    /// Rounds that were closed in all rooms together.
    pub rounds: usize,
    /// How long rounds took from opening to closing, as the server says, seconds.
    pub round_seconds: Option<Percentiles>,
    /// Updates accepted, as the clients heard.
    pub accepted: u64,
    /// Of the updates in closed rounds, how many came in a second of all rounds' time; rooms side by side add up.
    pub updates_per_second: f64,
    /// Payload bytes of frames to the server in a second, over all of it.
    pub bytes_up_per_second: f64,
    /// The same from the server.
    pub bytes_down_per_second: f64,
    /// From opening a socket to `welcome`, milliseconds.
    pub connect_ms: Option<Percentiles>,
    /// WebSocket ping to pong while updates were on their way, milliseconds.
    pub ping_ms: Option<Percentiles>,
    /// `rename` to `renamed` through the room's thread while updates were on their way, milliseconds.
    pub answer_ms: Option<Percentiles>,
    /// Status messages that were heard.
    pub statuses: u64,
    /// Connections dropped on purpose.
    pub dropped: u64,
    /// What went wrong, by kind.
    pub errors: BTreeMap<String, u64>,
    /// Of the server's process, where it was named.
    pub server: Option<Process>,
}

/// A process as Linux sees it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Process {
    /// Most memory that it held (`VmHWM`), bytes.
    pub peak_bytes: u64,
    /// Time on the processors, seconds.
    pub processor_seconds: f64,
}

impl Process {
    /// Looks at a process of this machine.
    ///
    /// # Errors
    /// There is none of this number, or this is not Linux.
    pub fn look(number: u32) -> Result<Process> {
        let read = |file: &str| {
            std::fs::read_to_string(format!("/proc/{number}/{file}"))
                .with_context(|| format!("process {number} cannot be looked at (this needs Linux's /proc)"))
        };
        let status = read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        let stat = read("stat")?;
        // Fields 14 and 15 of proc(5), counted behind the name's bracket; a tick is 10 ms on every Linux that runs this.
        let (_, fields) = stat.rsplit_once(')').context("no name")?;
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Ok(Process { peak_bytes: kibibytes * 1024, processor_seconds: ticks as f64 / 100.0 })
    }
}

impl Report {
    /// Of what was counted until now.
    pub fn of(tally: &Tally, plan: &Plan, since: Duration) -> Report {
        let seconds = since.as_secs_f64();
        let per_second = |count: u64| count as f64 / seconds;
        let counts = tally.counts();
        let records = || counts.rounds.values().flat_map(|rounds| rounds.values());
        let round_seconds: Vec<f64> = records().map(|record| record.duration_ms as f64 / 1000.0).collect();
        let rate = |rounds: &BTreeMap<u32, protocol::RoundRecord>| {
            let updates: u32 = rounds.values().map(|record| record.clients).sum();
            let milliseconds: u64 = rounds.values().map(|record| record.duration_ms).sum();
            f64::from(updates) * 1000.0 / milliseconds.max(1) as f64
        };
        Report {
            clients: plan.clients,
            rooms: plan.rooms.len(),
            slow_readers: plan.slow_readers,
            seconds,
            rounds: round_seconds.len(),
            round_seconds: Percentiles::of(&round_seconds),
            accepted: counts.accepted,
            updates_per_second: counts.rounds.values().map(rate).sum(),
            bytes_up_per_second: per_second(tally.bytes_up.load(Ordering::Relaxed)),
            bytes_down_per_second: per_second(tally.bytes_down.load(Ordering::Relaxed)),
            connect_ms: Percentiles::of(&counts.connects),
            ping_ms: Percentiles::of(&counts.pings),
            answer_ms: Percentiles::of(&counts.answers),
            statuses: counts.statuses,
            dropped: counts.dropped,
            errors: counts.errors.clone(),
            server: None,
        }
    }

    /// As lines of text.
    pub fn for_people(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{name:<26}{value}");
        };
        let spread = |percentiles: Option<Percentiles>, unit: &str| {
            percentiles.map_or("none".to_owned(), |of| {
                format!(
                    "{:.1} {unit} half, {:.1} p95, {:.1} p99, {:.1} at most ({} samples)",
                    of.p50, of.p95, of.p99, of.most, of.count
                )
            })
        };
        line(
            "clients",
            format!("{} in {} rooms, and {} that hardly read", self.clients, self.rooms, self.slow_readers),
        );
        line("rounds", format!("{} in {:.1} s", self.rounds, self.seconds));
        line("a round took", spread(self.round_seconds, "s"));
        line("updates", format!("{} accepted, {:.1} a second of round", self.accepted, self.updates_per_second));
        line("to the server", format!("{:.1} MB/s", self.bytes_up_per_second / 1e6));
        line("from the server", format!("{:.1} MB/s", self.bytes_down_per_second / 1e6));
        line("socket to welcome", spread(self.connect_ms, "ms"));
        line("ping to pong", spread(self.ping_ms, "ms"));
        line("rename to renamed", spread(self.answer_ms, "ms"));
        line("statuses heard", self.statuses.to_string());
        line("dropped on purpose", self.dropped.to_string());
        for (kind, count) in &self.errors {
            line("error", format!("{count} x {kind}"));
        }
        if let Some(server) = self.server {
            let peak = server.peak_bytes as f64 / f64::from(1 << 20);
            line(
                "the server's process",
                format!("{peak:.0} MiB at most, {:.1} s of processor", server.processor_seconds),
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        assert_eq!(Percentiles::of(&[]), None);
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let found = Percentiles::of(&hundred).unwrap();
        assert_eq!((found.p50, found.p95, found.p99, found.most), (50.0, 95.0, 99.0, 100.0));
        let one = Percentiles::of(&[7.0]).unwrap();
        assert_eq!((one.count, one.p50, one.p99), (1, 7.0, 7.0));
    }
}
