//! How connections come in through the gate: each has its place as long as it is open, and one that never reads is closed.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tower_layer::Layer as _;

use super::{Gate, Peer, Place, Progress};
use crate::server::metrics::Open;

/// A socket without a byte written for this much longer than a participant may take for a frame is closed, so that the
/// participant's own limit, which can say why, comes first.
const WRITE_SLACK: Duration = Duration::from_secs(5);

/// What answers a connection's requests, which bring along where it comes from and how its bytes go.
pub type Guest<S> = AddExtension<AddExtension<S, Peer>, Arc<Progress>>;

/// Takes connections in through the gate.
#[derive(Clone)]
pub struct Doorkeeper {
    gate: Arc<Gate>,
    inside: bool,
}

impl<S> Accept<TcpStream, S> for Doorkeeper {
    type Stream = Guarded;
    type Service = Guest<S>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.take(stream).map(|(stream, peer)| {
            let service = stream.guest(peer, service);
            (stream, service)
        }))
    }
}

impl Doorkeeper {
    /// For everyone.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate, inside: false }
    }

    /// For other servers of the cluster, which pass on those of many addresses.
    #[cfg(feature = "cluster")]
    pub fn inside(gate: Arc<Gate>) -> Self {
        Self { gate, inside: true }
    }

    /// A connection with its place, and where it comes from.
    pub(super) fn take(&self, stream: TcpStream) -> io::Result<(Guarded, Peer)> {
        let Self { gate, inside } = self;
        let address = stream.peer_addr()?.ip();
        let (place, full) =
            gate.enter(address, *inside).ok_or_else(|| io::Error::new(io::ErrorKind::QuotaExceeded, "no place"))?;
        // Without TCP_NODELAY a second short message waits up to 40 ms for the acknowledgement of the first.
        stream.set_nodelay(true)?;
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(gate.limits.write_timeout() + WRITE_SLACK));
        let open = Open::new(&gate.metrics.connections);
        let progress = Arc::new(Progress::begin());
        let stream = Guarded { stream: Box::pin(stream), progress, waits: false, _place: place, _open: open };
        Ok((stream, Peer { address, full, inside: *inside }))
    }
}

/// A connection with its place; writing to one who never reads fails in the end.
pub struct Guarded {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    progress: Arc<Progress>,
    /// Whether bytes wait until the other side takes some.
    waits: bool,
    _place: Place,
    _open: Open,
}

impl Guarded {
    /// A service with what the connection's requests bring along.
    pub(super) fn guest<S>(&self, peer: Peer, service: S) -> Guest<S> {
        Extension(self.progress.clone()).layer(Extension(peer).layer(service))
    }

    fn note_written<T>(&mut self, written: &Poll<T>) {
        if self.waits && written.is_ready() {
            self.progress.note_taken();
        }
        self.waits = written.is_pending();
    }

    /// The first bytes that come, without taking them.
    pub(super) async fn peek(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.get_ref().peek(bytes).await
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.stream.as_mut().poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.progress.note_heard();
        }
        read
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write(context, bytes);
        self.note_written(&written);
        written
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
        let written = self.stream.as_mut().poll_write_vectored(context, parts);
        self.note_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
