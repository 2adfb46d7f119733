//! Who may connect: counts connections, all of them and by the address that they come from, and by address requests and those who
//! are new to a room. It knows no room and no answer: `http/admission.rs` and `socket` tell those who were refused. How connections
//! come in through it is in `doorkeeper.rs`.

mod counts;
mod doorkeeper;
mod encrypted;
mod progress;
mod rates;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
pub use counts::Counts;
pub use doorkeeper::Doorkeeper;
pub use encrypted::{Encrypted, Plain};
pub use progress::Progress;
use rates::Rates;

use crate::server::limits::Limits;
use crate::server::metrics::Metrics;

/// In this header servers of a cluster show each other that they are.
pub const MEMBER: &str = "x-chorus-member";
/// So many connections beyond a limit are let in only to be told so; those beyond are closed without a word.
const MOST_TOLD: usize = 64;
/// Refused connections are logged at most so often; the metrics count each.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Which limit refuses a connection or a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// That of all connections.
    Everyone,
    /// That of one address.
    Address,
    /// That of one address's requests.
    Requests,
    /// That of those who are new and come from one address.
    Newcomers,
}

impl Full {
    /// Its name in metrics and log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Everyone => "connections",
            Self::Address => "connections_per_address",
            Self::Requests => "requests",
            Self::Newcomers => "newcomers",
        }
    }
}

/// Where a request's connection comes from, and whether there was a place for it.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    address: IpAddr,
    full: Option<Full>,
    /// Whether it came where only servers of the same cluster do.
    inside: bool,
}

impl Peer {
    /// The limit that refuses it, if any.
    pub fn full(self) -> Option<Full> {
        self.full
    }

    /// Whether it came where only servers of the same cluster do. That it is one, it has still to show.
    pub fn is_inside(self) -> bool {
        self.inside
    }
}

/// Whom a request comes from, found out once, when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The client's own connection, which is counted by its address itself.
    Direct(IpAddr),
    /// The last address that is no trusted proxy's, as a trusted proxy names it.
    Named(IpAddr),
    /// A trusted proxy that names nobody: no limit by address holds it.
    Proxy,
}

impl Caller {
    /// The address that limits count it by, where there is one.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Direct(address) | Self::Named(address) => Some(address),
            Self::Proxy => None,
        }
    }
}

/// The counts of open connections.
pub struct Gate {
    limits: Limits,
    metrics: Arc<Metrics>,
    held: Mutex<Held>,
    requests: Rates,
    newcomers: Rates,
}

#[derive(Default)]
struct Held {
    counts: Counts,
    told: usize,
    /// When the log was last told of a refusal, and how many there were since.
    logged: Option<Instant>,
    silent: u64,
}

/// A connection's place, given back when it is dropped.
pub struct Place {
    gate: Arc<Gate>,
    kind: Kind,
}

enum Kind {
    /// It counts among all, and where the address is known to be the client's own, for that.
    Connection(Option<IpAddr>),
    /// It counts for an address that a proxy named; the connection itself is counted by another.
    Named(IpAddr),
    /// There was no place; it may stay to be told.
    Told,
}

impl Gate {
    /// Nobody is here yet.
    pub fn new(limits: Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            metrics,
            held: Mutex::default(),
            requests: Rates::default(),
            newcomers: Rates::default(),
        })
    }

    /// A place for a connection from `address`, or one to be told that there is none, or nothing at all.
    fn enter(self: &Arc<Self>, address: IpAddr, inside: bool) -> Option<(Place, Option<Full>)> {
        let own = (!inside && !self.is_trusted(address)).then(|| network(address));
        let mut held = self.held();
        let (most, most_from_one) = (self.limits.max_connections, self.limits.max_connections_per_address);
        let full = held.counts.full(own, most, most_from_one);
        let kind = match full {
            None => {
                held.counts.all += 1;
                held.counts.add(own);
                Kind::Connection(own)
            }
            Some(_) if held.told < MOST_TOLD => {
                held.told += 1;
                Kind::Told
            }
            Some(full) => {
                drop(held);
                self.refuse(full);
                return None;
            }
        };
        Some((Place { gate: self.clone(), kind }, full))
    }

    /// A place for something lasting that a proxy passes on: the address in front of the trusted proxies is counted. None is
    /// needed where the connection itself counts.
    pub fn enter_behind_proxy(self: &Arc<Self>, caller: Caller) -> Result<Option<Place>, Full> {
        let Caller::Named(named) = caller else { return Ok(None) };
        let mut held = self.held();
        if let Some(full) = held.counts.full(Some(named), usize::MAX, self.limits.max_connections_per_address) {
            drop(held);
            self.refuse(full);
            return Err(full);
        }
        held.counts.add(Some(named));
        Ok(Some(Place { gate: self.clone(), kind: Kind::Named(named) }))
    }

    /// Takes a request from the allowance of its address: that in front of the trusted proxies, where one brings it.
    pub fn allow_request(&self, caller: Caller) -> Result<(), Full> {
        let Some(address) = caller.address() else { return Ok(()) };
        let now = tokio::time::Instant::now();
        if self.requests.take(address, now, || self.limits.requests(now)) { Ok(()) } else { Err(Full::Requests) }
    }

    /// Takes one who is new to a room from the allowance of the address; where there is none, that is noted.
    pub fn allow_newcomer(&self, caller: Caller) -> bool {
        let Some(address) = caller.address() else { return true };
        let now = tokio::time::Instant::now();
        let allowed = self.newcomers.take(address, now, || self.limits.newcomers(now));
        if !allowed {
            self.refuse(Full::Newcomers);
        }
        allowed
    }

    /// Notes that a limit refused somebody; in the log at most once in [`LOG_EVERY`], so that nobody can fill it.
    pub fn refuse(&self, full: Full) {
        self.metrics.refused(full.name());
        let mut held = self.held();
        held.silent += 1;
        if held.logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            tracing::warn!(limit = full.name(), refused = held.silent, open = held.counts.all, "somebody was refused");
            (held.logged, held.silent) = (Some(Instant::now()), 0);
        }
    }

    /// Whom a request comes from. Where it is a trusted proxy that connects: the last address of `X-Forwarded-For` that is no
    /// trusted proxy's. What stands before that one anybody may have written.
    pub fn caller(&self, peer: Peer, headers: &HeaderMap) -> Caller {
        if !self.is_proxy(peer) {
            return Caller::Direct(network(peer.address));
        }
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
        let named = lines.iter().flat_map(|line| line.split(',')).map(|word| word.trim().parse::<IpAddr>());
        let named: Vec<_> = named.collect();
        let named = named.into_iter().rev().map_while(Result::ok).find(|address| !self.is_trusted(*address));
        named.map_or(Caller::Proxy, |address| Caller::Named(network(address)))
    }

    /// Whether a connection is a trusted proxy's, or another server's of the cluster.
    pub fn is_proxy(&self, peer: Peer) -> bool {
        peer.inside || self.is_trusted(peer.address)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.limits.trusted_proxies.iter().any(|network| network.contains(&address.to_canonical()))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.gate.held();
        let address = match self.kind {
            Kind::Connection(address) => {
                held.counts.all = held.counts.all.saturating_sub(1);
                address
            }
            Kind::Named(address) => Some(address),
            Kind::Told => {
                held.told = held.told.saturating_sub(1);
                None
            }
        };
        held.counts.remove(address);
    }
}

/// What is counted as one address: of IPv6 the network of 64 bits, since a machine may have any address in its own.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        limits: Limits,
    }

    fn gate(arguments: &str) -> Arc<Gate> {
        let words = ["gate"].into_iter().chain(arguments.split_whitespace());
        Gate::new(Command::try_parse_from(words).unwrap().limits, Arc::new(Metrics::new()))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn forwarded(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), text.parse().unwrap())])
    }

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let gate = gate("--max-connections 3 --max-connections-per-address 2");
        let (ada, full) = gate.enter(address("10.0.0.1"), false).unwrap();
        assert_eq!(full, None);
        let (_second, _) = gate.enter(address("::ffff:10.0.0.1"), false).unwrap();
        assert_eq!(gate.enter(address("10.0.0.1"), false).unwrap().1, Some(Full::Address));
        let (_bob, full) = gate.enter(address("10.0.0.2"), false).unwrap();
        assert_eq!(full, None);
        assert_eq!(gate.enter(address("10.0.0.3"), false).unwrap().1, Some(Full::Everyone));
        drop(ada);
        assert_eq!(gate.enter(address("10.0.0.1"), false).unwrap().1, None);
        assert_eq!(gate.held().told, 0);
    }

    #[test]
    fn those_beyond_a_limit_are_told_but_not_without_end() {
        let gate = gate("--max-connections 1");
        let _only = gate.enter(address("10.0.0.1"), false);
        let told: Vec<_> = (0..MOST_TOLD).map(|_| gate.enter(address("10.0.0.2"), false).unwrap()).collect();
        assert!(gate.enter(address("10.0.0.2"), false).is_none());
        drop(told);
        assert!(gate.enter(address("10.0.0.2"), false).is_some());
    }

    #[test]
    fn requests_are_counted_by_address_and_forgotten() {
        let gate = gate("--max-requests-per-second 2 --trusted-proxies 127.0.0.1");
        let peer = |text| Peer { address: address(text), full: None, inside: false };
        let asks = |from, headers: &HeaderMap| gate.allow_request(gate.caller(peer(from), headers));
        let nothing = HeaderMap::new();
        assert_eq!((0..50).filter(|_| asks("10.0.0.1", &nothing).is_ok()).count(), 20);
        assert_eq!(asks("10.0.0.1", &nothing), Err(Full::Requests));
        assert_eq!(asks("10.0.0.2", &nothing), Ok(()));
        assert_eq!((0..50).filter(|_| asks("127.0.0.1", &forwarded("192.0.2.7")).is_ok()).count(), 20);
        assert_eq!((0..50).filter(|_| asks("127.0.0.1", &nothing).is_ok()).count(), 50, "a proxy's own");
        let many: Vec<String> = (0..rates::MANY_ADDRESSES).map(|number| format!("2001:db8:{number:x}::1")).collect();
        for other in &many {
            assert_eq!(gate.allow_request(gate.caller(peer(other), &nothing)), Ok(()));
        }
        assert!(gate.requests.len() <= rates::MANY_ADDRESSES);
    }

    #[test]
    fn one_machine_has_many_ipv6_addresses() {
        assert_eq!(network(address("2001:db8:1:2:3:4:5:6")), network(address("2001:db8:1:2:ffff::1")));
        assert_ne!(network(address("2001:db8:1:2::1")), network(address("2001:db8:1:3::1")));
    }

    #[test]
    fn only_a_trusted_proxy_may_name_somebody_else() {
        let gate = gate("--trusted-proxies 127.0.0.1,10.0.0.0/8 --max-connections-per-address 1");
        let peer = |text| Peer { address: address(text), full: None, inside: false };
        let caller = |from, header| gate.caller(peer(from), &forwarded(header));
        let named = Caller::Named(address("192.0.2.7"));
        assert_eq!(caller("127.0.0.1", "192.0.2.7"), named);
        assert_eq!(caller("127.0.0.1", "203.0.113.9, 192.0.2.7, 10.1.2.3"), named);
        assert_eq!(caller("127.0.0.1", "192.0.2.7, nonsense"), Caller::Proxy, "what stands before it may be made up");
        assert_eq!(caller("192.0.2.1", "192.0.2.7"), Caller::Direct(address("192.0.2.1")));
        assert_eq!(caller("127.0.0.1", "10.1.2.3"), Caller::Proxy);

        let first = gate.enter_behind_proxy(named);
        assert!(first.as_ref().is_ok_and(Option::is_some));
        let second = gate.enter_behind_proxy(named);
        assert_eq!(second.err(), Some(Full::Address));
        // The proxy's own connections do not count for its address.
        let connections: Vec<_> = (0..5).map(|_| gate.enter(address("127.0.0.1"), false).unwrap()).collect();
        assert!(connections.iter().all(|(_, full)| full.is_none()));
    }
}
