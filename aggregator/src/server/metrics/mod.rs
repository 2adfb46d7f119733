//! What an operator can measure, in the text format that Prometheus reads. Counters and histograms grow where things
//! happen; what is only true at a moment is in `moment.rs`. It knows no room: whoever wants the text brings what is known.

mod moment;

use std::time::{Duration, Instant};

pub use moment::{Now, RoomNow};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// One label with its value.
type Label = [(&'static str, String); 1];
type Counters = Family<Label, Counter>;

/// Seconds of a round, from training in a demonstration to a long lesson.
const ROUND_SECONDS: [f64; 11] = [0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 180.0, 600.0, 3600.0];
/// Seconds of work in the program itself.
const WORK_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// Limits whose refusals are counted.
const LIMITS: [&str; 10] = [
    "connections",
    "connections_per_address",
    "newcomers",
    "event_streams",
    "messages",
    "model_memory",
    "request_time",
    "requests",
    "rooms",
    "rooms_per_minute",
];

/// Everything that is counted while the program runs. No label comes from a stranger: their values are codes of this
/// program and of its rooms, so that there is an end to them.
pub struct Metrics {
    registry: Registry,
    began: Instant,
    /// TCP connections that are open.
    pub connections: Gauge,
    /// WebSockets that are open.
    pub websockets: Gauge,
    /// Streams of server-sent events that are open.
    pub event_streams: Gauge,
    received: Counters,
    sent: Counters,
    responses: Counters,
    refusals: Counters,
    closes: Counters,
    /// Connections dropped because nothing was read on the other side.
    pub slow_readers: Counter,
    /// Updates that are part of a round's mean.
    pub updates_accepted: Counter,
    updates_refused: Counters,
    rounds: Counters,
    round_seconds: Histogram,
    aggregation_seconds: Histogram,
    checkpoint_seconds: Histogram,
    /// Checkpoints that could not be written.
    pub checkpoint_failures: Counter,
}

impl Metrics {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("chorus");
        registry.register("build", "The program's version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let metrics = Self {
            began: Instant::now(),
            connections: Gauge::default(),
            websockets: Gauge::default(),
            event_streams: Gauge::default(),
            received: Counters::default(),
            sent: Counters::default(),
            responses: Counters::default(),
            refusals: Counters::default(),
            closes: Counters::default(),
            slow_readers: Counter::default(),
            updates_accepted: Counter::default(),
            updates_refused: Counters::default(),
            rounds: Counters::default(),
            round_seconds: Histogram::new(ROUND_SECONDS),
            aggregation_seconds: Histogram::new(WORK_SECONDS),
            checkpoint_seconds: Histogram::new(WORK_SECONDS),
            checkpoint_failures: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("connections", "TCP connections that are open", metrics.connections.clone());
        registry.register("websockets", "WebSockets of clients that are open", metrics.websockets.clone());
        registry.register(
            "event_streams",
            "Streams of server-sent events that are open",
            metrics.event_streams.clone(),
        );
        let received = "Payload received over WebSockets, by kind of frame (text, binary)";
        registry.register("websocket_received_bytes", received, metrics.received.clone());
        let sent = "Payload sent over WebSockets, by kind of frame (text, binary)";
        registry.register("websocket_sent_bytes", sent, metrics.sent.clone());
        registry.register("http_responses", "Answers to HTTP requests, by status", metrics.responses.clone());
        let refusals = "What was refused because of a limit, by limit";
        registry.register("limit_refusals", refusals, metrics.refusals.clone());
        let closes = "WebSockets that were ended by the server, by close code (RFC 6455)";
        registry.register("websocket_closes", closes, metrics.closes.clone());
        let slow = "Connections dropped because their other side did not read";
        registry.register("slow_readers_dropped", slow, metrics.slow_readers.clone());
        let accepted = "Updates taken into a round's mean";
        registry.register("updates_accepted", accepted, metrics.updates_accepted.clone());
        let refused = "Updates and frames refused, by the protocol's reason";
        registry.register("updates_refused", refused, metrics.updates_refused.clone());
        let rounds = "Rounds that ended, by outcome (published, abandoned)";
        registry.register("rounds", rounds, metrics.rounds.clone());
        let seconds = "Time from a published round's opening to its close";
        registry.register("round_duration_seconds", seconds, metrics.round_seconds.clone());
        let seconds = "Time from the event that closed a round to the new model";
        registry.register("aggregation_duration_seconds", seconds, metrics.aggregation_seconds.clone());
        let seconds = "Time that storing a room took, with its model or without";
        registry.register("checkpoint_duration_seconds", seconds, metrics.checkpoint_seconds.clone());
        let failures = "Times that a room could not be stored";
        registry.register("checkpoint_failures", failures, metrics.checkpoint_failures.clone());
        // A counter that begins to exist with its first event hides that event from a rate.
        for kind in ["text", "binary"] {
            metrics.received(kind, 0);
            metrics.sent(kind, 0);
        }
        for outcome in ["published", "abandoned"] {
            count(&metrics.rounds, "outcome", outcome);
        }
        for limit in LIMITS {
            count(&metrics.refusals, "limit", limit);
        }
        Self { registry, ..metrics }
    }

    /// Payload bytes of a frame that came over a WebSocket.
    pub fn received(&self, kind: &'static str, bytes: usize) {
        count(&self.received, "kind", kind).inc_by(bytes as u64);
    }

    /// Payload bytes of a frame that went out over a WebSocket.
    pub fn sent(&self, kind: &'static str, bytes: usize) {
        count(&self.sent, "kind", kind).inc_by(bytes as u64);
    }

    /// An HTTP request was answered.
    pub fn answered(&self, status: u16) {
        count(&self.responses, "status", status).inc();
    }

    /// A limit was hit.
    pub fn refused(&self, limit: &'static str) {
        count(&self.refusals, "limit", limit).inc();
    }

    /// The server ended a WebSocket.
    pub fn closed(&self, code: u16) {
        count(&self.closes, "code", code).inc();
    }

    /// An update, or a frame of one, was refused.
    pub fn update_refused(&self, reason: &str) {
        count(&self.updates_refused, "reason", reason).inc();
    }

    /// A round made a new version, so long after it was opened.
    pub fn round_published(&self, duration: Duration) {
        count(&self.rounds, "outcome", "published").inc();
        self.round_seconds.observe(duration.as_secs_f64());
    }

    /// A round ended without a new version.
    pub fn round_abandoned(&self) {
        count(&self.rounds, "outcome", "abandoned").inc();
    }

    /// A round's updates became the next model.
    pub fn aggregated(&self, duration: Duration) {
        self.aggregation_seconds.observe(duration.as_secs_f64());
    }

    /// A room was stored, or that was tried.
    pub fn checkpoint(&self, duration: Duration, stored: bool) {
        self.checkpoint_seconds.observe(duration.as_secs_f64());
        if !stored {
            self.checkpoint_failures.inc();
        }
    }

    /// All of it as text, with the given rooms as they are now.
    ///
    /// # Errors
    /// None in practice: a string can always be written.
    pub fn text(&self, now: &Now) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &moment::of_rooms(now, self.began.elapsed()))?;
        encode_registry(&mut text, &moment::of_process())?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// Something that is open: counted until it is dropped.
pub struct Open(Gauge);

impl Open {
    /// One more.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn count(family: &Counters, label: &'static str, value: impl ToString) -> Counter {
    family.get_or_create_owned(&[(label, value.to_string())])
}

/// An enumerated value as the protocol writes it.
pub fn name(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
