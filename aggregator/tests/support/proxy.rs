//! A bad network: a proxy for TCP that delays, holds back, splits and cuts what goes through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use rand::RngExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// The most bytes that go through in one piece.
const PIECE: usize = 16 * 1024;

/// A proxy on a free port of this machine; it ends with this.
pub struct Proxy {
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    network: Network,
    accepting: JoinHandle<()>,
}

#[derive(Clone)]
struct Network {
    target: watch::Sender<SocketAddr>,
    /// Each piece waits for up to so many milliseconds.
    delay: Arc<AtomicU64>,
    stalled: watch::Sender<bool>,
    /// Each connection ends with this chance, in percent.
    cut: broadcast::Sender<u32>,
}

impl Proxy {
    /// One that connects to a server of this machine, `http://HOST:PORT`.
    pub async fn start(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let network = Network {
            target: watch::Sender::new(address(server)?),
            delay: Arc::default(),
            stalled: watch::Sender::new(false),
            cut: broadcast::Sender::new(16),
        };
        let passing = network.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(passing.clone().pass(client));
            }
        });
        Ok(Self { origin, network, accepting })
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
            () = self.pump(client.0, server.1) => {}
            () = self.pump(server.0, client.1) => {}
            () = async {
                while let Ok(percent) = cuts.recv().await {
                    if rand::rng().random_range(0..100) < percent {
                        break;
                    }
                }
            } => {}
        }
    }

    async fn pump(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut piece = vec![0; PIECE];
        let mut stalled = self.stalled.subscribe();
        loop {
            let most = rand::rng().random_range(1..=PIECE);
            let Ok(count @ 1..) = from.read(&mut piece[..most]).await else { return };
            let delay = self.delay.load(Ordering::Relaxed);
            let wait = rand::rng().random_range(0..=delay);
            sleep(Duration::from_millis(wait)).await;
            let open = stalled.wait_for(|stalled| !stalled).await.is_ok();
            if !open || to.write_all(&piece[..count]).await.is_err() {
                return;
            }
        }
    }
}

fn address(origin: &str) -> Result<SocketAddr> {
    Ok(origin.replace("http://localhost", "127.0.0.1").replace("http://", "").parse()?)
}
