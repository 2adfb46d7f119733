//! How much this program takes on: from everyone together, from one address, and on one connection. What it refuses
//! because of them is answered in words, and counted in the metrics.

use std::net::IpAddr;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use ipnet::IpNet;
use protocol::RoomConfig;
use tokio::time::Instant;

/// Memory for updates that are being received, bytes, of all rooms together; each room may receive one in any case.
pub const UPLOAD_MEMORY: usize = 48 * MIB as usize;
const MIB: u64 = 1024 * 1024;

/// Every limit that an operator may move.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Connections at one time
    #[arg(long, default_value_t = 8192, value_name = "COUNT", value_parser = count())]
    pub max_connections: usize,
    /// Connections at one time from one address (IPv6: one /64 network). A classroom behind one router is one address: 30
    /// laptops with two tabs each hold about 60, and 400 while pages load
    #[arg(long, default_value_t = 1024, value_name = "COUNT", value_parser = count())]
    pub max_connections_per_address: usize,
    /// Requests that one address may send each second for long; ten times as many at once. A page is about 40 requests when
    /// it is loaded for the first time
    #[arg(long, default_value_t = 500, value_name = "COUNT", value_parser = count())]
    pub max_requests_per_second: usize,
    /// Boards and teacher's pages that may follow rooms at one time
    #[arg(long, default_value_t = 128, value_name = "COUNT", value_parser = count())]
    pub max_event_streams: usize,
    /// Of these, from one address
    #[arg(long, default_value_t = 64, value_name = "COUNT", value_parser = count())]
    pub max_event_streams_per_address: usize,
    /// People new to a room who may come from one address each minute for long; three times as many at once. Who comes back with
    /// a place that is still known is not counted: a classroom that loads its pages anew never meets this
    #[arg(long, default_value_t = 60, value_name = "COUNT", value_parser = count())]
    pub max_newcomers_per_minute: usize,
    /// Messages that a client may send each second for long; five times as many at once
    #[arg(long, default_value_t = 20, value_name = "COUNT", value_parser = count())]
    pub max_messages_per_second: usize,
    /// MiB that are taken from one client each second; what comes faster waits
    #[arg(long, default_value_t = 64, value_name = "MIB", value_parser = count())]
    pub max_mib_per_second: usize,
    /// Rooms at one time
    #[arg(long, default_value_t = 128, value_name = "COUNT", value_parser = count())]
    pub max_rooms: usize,
    /// Rooms that may be made in a minute
    #[arg(long, default_value_t = 120, value_name = "COUNT", value_parser = count())]
    pub max_rooms_per_minute: usize,
    /// MiB that all rooms together may come to hold for models and updates
    #[arg(long, default_value_t = 4096, value_name = "MIB", value_parser = count())]
    pub max_model_memory: usize,
    /// Longest head of a request, bytes
    #[arg(long, default_value_t = 32_768, value_name = "BYTES", value_parser = RangedU64ValueParser::<usize>::new().range(8192..=1_048_576))]
    pub max_header_bytes: usize,
    /// Longest body of a request, bytes
    #[arg(long, default_value_t = 16_384, value_name = "BYTES", value_parser = RangedU64ValueParser::<usize>::new().range(1024..=16_777_216))]
    pub max_body_bytes: usize,
    /// A request has to be whole within so many seconds
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = seconds())]
    pub request_timeout: u64,
    /// A client from which nothing came for so long, not even an answer to a ping, is dropped, in seconds
    #[arg(long, default_value_t = 65, value_name = "SECONDS", value_parser = seconds())]
    pub idle_timeout: u64,
    /// One who reads nothing of what is sent for so long is dropped, in seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = seconds())]
    pub write_timeout: u64,
    /// Addresses or networks of reverse proxies whose X-Forwarded-For is believed, separated by commas; limits by address
    /// then count whom they name
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
}

fn count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1_000_000)
}

fn seconds() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=3600)
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| "give an address, or a network as in 10.0.0.0/8".to_owned())
}

impl Limits {
    /// Most bytes that all rooms together may come to hold for models and updates.
    pub fn model_memory(&self) -> u64 {
        self.max_model_memory as u64 * MIB
    }

    /// How long a request may take to be whole.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout)
    }

    /// How long a client may be silent.
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout)
    }

    /// How long a client may read nothing.
    pub fn write_timeout(&self) -> Duration {
        Duration::from_secs(self.write_timeout)
    }

    /// What one address may send in requests.
    pub fn requests(&self, now: Instant) -> Allowance {
        let rate = self.max_requests_per_second as f64;
        Allowance::new(now, 10.0 * rate, rate)
    }

    /// How many who are new to a room may come from one address.
    pub fn newcomers(&self, now: Instant) -> Allowance {
        let most = self.max_newcomers_per_minute as f64;
        Allowance::new(now, 3.0 * most, most / 60.0)
    }

    /// What a client may send in messages.
    pub fn messages(&self, now: Instant) -> Allowance {
        let rate = self.max_messages_per_second as f64;
        Allowance::new(now, 5.0 * rate, rate)
    }

    /// What a client may send in bytes.
    pub fn bytes(&self, now: Instant) -> Allowance {
        let rate = (self.max_mib_per_second as u64 * MIB) as f64;
        Allowance::new(now, rate, rate)
    }

    /// How many rooms may be made.
    pub fn new_rooms(&self, now: Instant) -> Allowance {
        let most = self.max_rooms_per_minute as f64;
        Allowance::new(now, most, most / 60.0)
    }
}

/// Bytes that a room may come to hold by itself: the model, the mean that becomes the next one, and the model before for
/// those who are still sent it; what its strategy needs besides; and a buffer for one update being received. Those for more are
/// [`UPLOAD_MEMORY`].
pub fn room_memory(room: &RoomConfig) -> u64 {
    let vectors = 3 + federation::extra_vectors(room) as u64;
    let vectors = vectors * u64::from(room.parameters) * size_of::<f32>() as u64;
    vectors + u64::from(room.update_bytes())
}

/// A token bucket: so much at once, and so much each second for long.
#[derive(Debug)]
pub struct Allowance {
    most: f64,
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Allowance {
    /// A full one.
    pub fn new(now: Instant, most: f64, per_second: f64) -> Self {
        Self { most, per_second, left: most, at: now }
    }

    /// Takes one, where there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.earn(now);
        let granted = self.left >= 1.0;
        if granted {
            self.left -= 1.0;
        }
        granted
    }

    /// Takes `amount` on credit; how long to wait until it is paid back.
    pub fn spend(&mut self, now: Instant, amount: usize) -> Duration {
        self.earn(now);
        self.left -= amount as f64;
        Duration::from_secs_f64((-self.left / self.per_second).max(0.0))
    }

    /// Whether nothing of it is missing: it may be forgotten.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.earn(now);
        self.left >= self.most
    }

    fn earn(&mut self, now: Instant) {
        let earned = now.duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + earned).min(self.most);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn messages_are_limited_to_a_burst_and_then_to_a_rate() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start, 100.0, 20.0);
        assert_eq!((0..200).filter(|_| allowance.take(start)).count(), 100);
        let a_second_later = start + Duration::from_secs(1);
        assert_eq!((0..200).filter(|_| allowance.take(a_second_later)).count(), 20);
    }

    #[test]
    fn bytes_beyond_the_rate_wait_until_they_are_earned() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start, 1000.0, 1000.0);
        assert_eq!(allowance.spend(start, 1000), Duration::ZERO);
        assert_eq!(allowance.spend(start, 500), Duration::from_millis(500));
        assert_eq!(allowance.spend(start + Duration::from_secs(1), 500), Duration::ZERO);
    }

    #[test]
    fn a_hundred_rooms_of_a_class_fit_and_large_models_soon_do_not() {
        let memory = |json: &str| room_memory(&serde_json::from_str::<Settings>(json).unwrap().room().unwrap());
        // compact: 45,188 parameters, FedAdam: 5 vectors, and what rounding left out; a buffer for one update of 183 groups of 248.
        let compact = memory("{}");
        assert_eq!(compact, 45_188 * 4 * (5 + 1) + 183 * 248);
        assert_eq!(memory(r#"{"encoding": "f32"}"#), 45_188 * 4 * (5 + 1));
        assert!(100 * compact < 4096 * MIB);
        // dense: 26,008,068 parameters: 3 vectors and an update.
        assert_eq!(memory(r#"{"model": "dense"}"#), 26_008_068 * 4 * 4);
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("127.0.0.1").unwrap().to_string(), "127.0.0.1/32");
        assert!(network("proxy.example").is_err());
    }
}
