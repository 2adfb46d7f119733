//! Who may connect: counts connections, all of them and by the address that they come from, and requests by address; and
//! drops connections that never read. It knows neither HTTP nor rooms; `http/admission.rs` tells those who were refused.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::http::HeaderMap;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tower_layer::Layer as _;

use crate::server::limits::{Allowance, Limits};
use crate::server::metrics::{Metrics, Open};

/// So many connections beyond a limit are let in only to be told so; those beyond are closed without a word.
const MOST_TOLD: usize = 64;
/// A socket without a byte written for this much longer than a participant may take for a frame is closed, so that the
/// participant's own limit, which can say why, comes first.
const WRITE_SLACK: Duration = Duration::from_secs(5);

/// Refused connections are logged at most so often; the metrics count each.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Addresses whose requests are remembered; beyond that, those that sent none of late are forgotten.
const MANY_ADDRESSES: usize = 4096;

/// Which limit refuses a connection or a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// That of all connections.
    Everyone,
    /// That of one address.
    Address,
    /// That of one address's requests.
    Requests,
}

impl Full {
    /// Its name in metrics and log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Everyone => "connections",
            Self::Address => "connections_per_address",
            Self::Requests => "requests",
        }
    }
}

/// Where a request's connection comes from, and whether there was a place for it.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    address: IpAddr,
    full: Option<Full>,
}

impl Peer {
    /// The limit that refuses it, if any.
    pub fn full(self) -> Option<Full> {
        self.full
    }
}

/// The counts of open connections.
pub struct Gate {
    limits: Limits,
    metrics: Arc<Metrics>,
    held: Mutex<Held>,
    requests: Mutex<HashMap<IpAddr, Allowance>>,
}

#[derive(Default)]
struct Held {
    all: usize,
    told: usize,
    /// When the log was last told of a refusal, and how many there were since.
    logged: Option<Instant>,
    silent: u64,
    by_address: HashMap<IpAddr, usize>,
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
        Arc::new(Self { limits, metrics, held: Mutex::default(), requests: Mutex::default() })
    }

    /// A place for a connection from `address`, or one to be told that there is none, or nothing at all.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<(Place, Option<Full>)> {
        let own = (!self.is_trusted(address)).then(|| network(address));
        let mut held = self.held();
        let from_here = own.and_then(|own| held.by_address.get(&own)).copied().unwrap_or(0);
        let full = if held.all >= self.limits.max_connections {
            Some(Full::Everyone)
        } else if from_here >= self.limits.max_connections_per_address {
            Some(Full::Address)
        } else {
            None
        };
        let kind = match full {
            None => {
                held.all += 1;
                if let Some(own) = own {
                    *held.by_address.entry(own).or_default() += 1;
                }
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
    pub fn enter_behind_proxy(self: &Arc<Self>, peer: Peer, headers: &HeaderMap) -> Result<Option<Place>, Full> {
        let Some(named) = self.named_by_proxy(peer, headers) else { return Ok(None) };
        let named = network(named);
        let mut held = self.held();
        let count = held.by_address.entry(named).or_default();
        if *count >= self.limits.max_connections_per_address {
            drop(held);
            self.refuse(Full::Address);
            return Err(Full::Address);
        }
        *count += 1;
        Ok(Some(Place { gate: self.clone(), kind: Kind::Named(named) }))
    }

    /// Takes a request from the allowance of its address: that in front of the trusted proxies, where one brings it.
    pub fn allow_request(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Full> {
        let own = (!self.is_trusted(peer.address)).then_some(peer.address);
        let Some(address) = own.or_else(|| self.named_by_proxy(peer, headers)) else { return Ok(()) };
        let now = tokio::time::Instant::now();
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() >= MANY_ADDRESSES {
            requests.retain(|_, allowance| !allowance.is_full(now));
            if requests.len() >= MANY_ADDRESSES {
                requests.clear(); // Whoever has so many addresses is not held by a limit of each.
            }
        }
        let allowance = requests.entry(network(address)).or_insert_with(|| self.limits.requests(now));
        if allowance.take(now) { Ok(()) } else { Err(Full::Requests) }
    }

    /// Notes that a limit refused somebody; in the log at most once in [`LOG_EVERY`], so that nobody can fill it.
    pub fn refuse(&self, full: Full) {
        self.metrics.refused(full.name());
        let mut held = self.held();
        held.silent += 1;
        if held.logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            tracing::warn!(limit = full.name(), refused = held.silent, open = held.all, "somebody was refused");
            (held.logged, held.silent) = (Some(Instant::now()), 0);
        }
    }

    /// Where it is a trusted proxy that connects: the last address of `X-Forwarded-For` that is no trusted proxy's. What
    /// stands before that one anybody may have written.
    fn named_by_proxy(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.is_trusted(peer.address) {
            return None;
        }
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
        let named = lines.iter().flat_map(|line| line.split(',')).map(|word| word.trim().parse::<IpAddr>());
        let named: Vec<_> = named.collect();
        named.into_iter().rev().map_while(Result::ok).find(|address| !self.is_trusted(*address))
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
                held.all = held.all.saturating_sub(1);
                address
            }
            Kind::Named(address) => Some(address),
            Kind::Told => {
                held.told = held.told.saturating_sub(1);
                None
            }
        };
        // An address that nobody connects from any more leaves nothing behind.
        if let Some(address) = address
            && let Some(count) = held.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                held.by_address.remove(&address);
            }
        }
    }
}

/// What is counted as one address: of IPv6 the network of 64 bits, since a machine may have any address in its own.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

/// Takes connections in through the gate.
#[derive(Clone)]
pub struct Doorkeeper(pub Arc<Gate>);

impl<S> Accept<TcpStream, S> for Doorkeeper {
    type Stream = Guarded;
    type Service = AddExtension<S, Peer>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.take(stream).map(|(stream, peer)| (stream, Extension(peer).layer(service))))
    }
}

impl Doorkeeper {
    fn take(&self, stream: TcpStream) -> io::Result<(Guarded, Peer)> {
        let Self(gate) = self;
        let address = stream.peer_addr()?.ip();
        let (place, full) =
            gate.enter(address).ok_or_else(|| io::Error::new(io::ErrorKind::QuotaExceeded, "no place"))?;
        // Without TCP_NODELAY a second short message waits up to 40 ms for the acknowledgement of the first.
        stream.set_nodelay(true)?;
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(gate.limits.write_timeout() + WRITE_SLACK));
        let open = Open::new(&gate.metrics.connections);
        Ok((Guarded { stream: Box::pin(stream), _place: place, _open: open }, Peer { address, full }))
    }
}

/// A connection with its place; writing to one who never reads fails in the end.
pub struct Guarded {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    _place: Place,
    _open: Open,
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
        let (ada, full) = gate.enter(address("10.0.0.1")).unwrap();
        assert_eq!(full, None);
        let (_second, _) = gate.enter(address("::ffff:10.0.0.1")).unwrap();
        assert_eq!(gate.enter(address("10.0.0.1")).unwrap().1, Some(Full::Address));
        let (_bob, full) = gate.enter(address("10.0.0.2")).unwrap();
        assert_eq!(full, None);
        assert_eq!(gate.enter(address("10.0.0.3")).unwrap().1, Some(Full::Everyone));
        drop(ada);
        assert_eq!(gate.enter(address("10.0.0.1")).unwrap().1, None);
        assert_eq!(gate.held().told, 0);
    }

    #[test]
    fn those_beyond_a_limit_are_told_but_not_without_end() {
        let gate = gate("--max-connections 1");
        let _only = gate.enter(address("10.0.0.1"));
        let told: Vec<_> = (0..MOST_TOLD).map(|_| gate.enter(address("10.0.0.2")).unwrap()).collect();
        assert!(gate.enter(address("10.0.0.2")).is_none());
        drop(told);
        assert!(gate.enter(address("10.0.0.2")).is_some());
    }

    #[test]
    fn requests_are_counted_by_address_and_forgotten() {
        let gate = gate("--max-requests-per-second 2 --trusted-proxies 127.0.0.1");
        let peer = |text| Peer { address: address(text), full: None };
        let asks = |from, headers: &HeaderMap| gate.allow_request(peer(from), headers);
        let nothing = HeaderMap::new();
        assert_eq!((0..50).filter(|_| asks("10.0.0.1", &nothing).is_ok()).count(), 20);
        assert_eq!(asks("10.0.0.1", &nothing), Err(Full::Requests));
        assert_eq!(asks("10.0.0.2", &nothing), Ok(()));
        assert_eq!((0..50).filter(|_| asks("127.0.0.1", &forwarded("192.0.2.7")).is_ok()).count(), 20);
        assert_eq!((0..50).filter(|_| asks("127.0.0.1", &nothing).is_ok()).count(), 50, "a proxy's own");
        let many: Vec<String> = (0..MANY_ADDRESSES).map(|number| format!("2001:db8:{number:x}::1")).collect();
        for other in &many {
            assert_eq!(gate.allow_request(peer(other), &nothing), Ok(()));
        }
        assert!(gate.requests.lock().unwrap().len() <= MANY_ADDRESSES);
    }

    #[test]
    fn one_machine_has_many_ipv6_addresses() {
        assert_eq!(network(address("2001:db8:1:2:3:4:5:6")), network(address("2001:db8:1:2:ffff::1")));
        assert_ne!(network(address("2001:db8:1:2::1")), network(address("2001:db8:1:3::1")));
    }

    #[test]
    fn only_a_trusted_proxy_may_name_somebody_else() {
        let gate = gate("--trusted-proxies 127.0.0.1,10.0.0.0/8 --max-connections-per-address 1");
        let peer = |text| Peer { address: address(text), full: None };
        let named = |from, header| gate.named_by_proxy(peer(from), &forwarded(header));
        assert_eq!(named("127.0.0.1", "192.0.2.7"), Some(address("192.0.2.7")));
        assert_eq!(named("127.0.0.1", "203.0.113.9, 192.0.2.7, 10.1.2.3"), Some(address("192.0.2.7")));
        assert_eq!(named("127.0.0.1", "192.0.2.7, nonsense"), None, "what stands before it may be made up");
        assert_eq!(named("192.0.2.1", "192.0.2.7"), None);

        let first = gate.enter_behind_proxy(peer("127.0.0.1"), &forwarded("192.0.2.7"));
        assert!(first.as_ref().is_ok_and(Option::is_some));
        let second = gate.enter_behind_proxy(peer("127.0.0.1"), &forwarded("192.0.2.7"));
        assert_eq!(second.err(), Some(Full::Address));
        // The proxy's own connections do not count for its address.
        let connections: Vec<_> = (0..5).map(|_| gate.enter(address("127.0.0.1")).unwrap()).collect();
        assert!(connections.iter().all(|(_, full)| full.is_none()));
    }
}
