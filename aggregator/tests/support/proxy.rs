//! A bad network: a proxy for TCP that delays, holds back, slows down, splits and cuts what goes through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use rand::RngExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// The most bytes that go through in one piece.
const PIECE: usize = 16 * 1024;
/// Pieces of one direction of a connection that may be on their way.
const ON_THE_WAY: usize = 256;

/// A proxy on a free port of this machine; it ends with this.
pub struct Proxy {
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    /// `127.0.0.1:PORT`.
    pub address: SocketAddr,
    network: Network,
    accepting: JoinHandle<()>,
}

#[derive(Clone)]
struct Network {
    target: watch::Sender<SocketAddr>,
    /// Each piece waits for up to so many milliseconds.
    delay: Arc<AtomicU64>,
    /// Each piece arrives so many milliseconds later, whatever is behind it.
    latency: Arc<AtomicU64>,
    /// Bytes a second, up and down, that all connections share; 0: as many as there are.
    rate: Arc<AtomicU64>,
    up: Arc<Mutex<()>>,
    down: Arc<Mutex<()>>,
    closed: Arc<AtomicBool>,
    stalled: watch::Sender<bool>,
    /// Each connection ends with this chance, in percent.
    cut: broadcast::Sender<u32>,
}

impl Proxy {
    /// One that connects to a server of this machine, `http://HOST:PORT` or `nats://HOST:PORT`.
    pub async fn start(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = listener.local_addr()?;
        let network = Network {
            target: watch::Sender::new(address(server)?),
            delay: Arc::default(),
            latency: Arc::default(),
            rate: Arc::default(),
            up: Arc::default(),
            down: Arc::default(),
            closed: Arc::default(),
            stalled: watch::Sender::new(false),
            cut: broadcast::Sender::new(16),
        };
        let passing = network.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !passing.closed.load(Ordering::Relaxed) {
                    tokio::spawn(passing.clone().pass(client));
                }
            }
        });
        Ok(Self { origin: format!("http://{own}"), address: own, network, accepting })
    }

    /// From now on new connections go to another server.
    pub fn lead_to(&self, server: &str) -> Result<()> {
        self.network.target.send_replace(address(server)?);
        Ok(())
    }

    /// Each piece, in each direction, waits for up to so long.
    pub fn delay(&self, most: Duration) {
        self.network.delay.store(most.as_millis() as u64, Ordering::Relaxed);
    }

    /// Each piece, in each direction, arrives so much later; as much goes through as before.
    pub fn latency(&self, each_way: Duration) {
        self.network.latency.store(each_way.as_millis() as u64, Ordering::Relaxed);
    }

    /// So many bytes a second go through in each direction, in all; 0: as many as there are.
    pub fn rate(&self, bytes_per_second: u64) {
        self.network.rate.store(bytes_per_second, Ordering::Relaxed);
    }

    /// Whether nobody gets through: what was connected is cut, and what connects is closed at once.
    pub fn close(&self, on: bool) {
        self.network.closed.store(on, Ordering::Relaxed);
        if on {
            self.cut(100);
        }
    }

    /// Whether nothing goes through, while all connections stay open.
    pub fn stall(&self, on: bool) {
        self.network.stalled.send_replace(on);
    }

    /// Ends each connection with this chance, wherever it is.
    pub fn cut(&self, percent: u32) {
        // Nobody may be connected just now.
        let _ = self.network.cut.send(percent);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Network {
    async fn pass(self, client: TcpStream) {
        let mut cuts = self.cut.subscribe();
        let target = *self.target.borrow();
        let Ok(server) = TcpStream::connect(target).await else { return };
        let (client, server) = (client.into_split(), server.into_split());
        tokio::select! {
            () = self.pump(client.0, server.1, &self.up) => {}
            () = self.pump(server.0, client.1, &self.down) => {}
            () = async {
                while let Ok(percent) = cuts.recv().await {
                    if rand::rng().random_range(0..100) < percent {
                        break;
                    }
                }
            } => {}
        }
    }

    /// Until either end is gone and all that came from one has gone to the other. `line`: what the connections of a direction share.
    async fn pump(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, line: &Mutex<()>) {
        let (put, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
        let take = async move {
            let mut piece = vec![0; PIECE];
            loop {
                let most = rand::rng().random_range(1..=PIECE);
                let Ok(count @ 1..) = from.read(&mut piece[..most]).await else { break };
                let due = Instant::now() + Duration::from_millis(self.latency.load(Ordering::Relaxed));
                if put.send((due, piece[..count].to_vec())).await.is_err() {
                    break;
                }
            }
            // What is on its way still arrives.
            drop(put);
            std::future::pending::<()>().await;
        };
        let give = async move {
            let mut stalled = self.stalled.subscribe();
            while let Some((due, piece)) = pieces.recv().await {
                let delay = self.delay.load(Ordering::Relaxed);
                let due = due.max(Instant::now() + Duration::from_millis(rand::rng().random_range(0..=delay)));
                // A sleep of no time takes a millisecond, which made 6 MB/s of a line that has no limit.
                if due > Instant::now() {
                    sleep_until(due).await;
                }
                let rate = self.rate.load(Ordering::Relaxed);
                if rate > 0 {
                    let _mine = line.lock().await;
                    sleep(Duration::from_secs_f64(piece.len() as f64 / rate as f64)).await;
                }
                let open = stalled.wait_for(|stalled| !stalled).await.is_ok();
                if !open || to.write_all(&piece).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = take => {}
            () = give => {}
        }
    }
}

fn address(origin: &str) -> Result<SocketAddr> {
    let (_, address) = origin.split_once("://").unwrap_or(("", origin));
    Ok(address.replace("localhost", "127.0.0.1").parse()?)
}
