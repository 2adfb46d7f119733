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

use super::{Gate, Peer, Place};
use crate::server::metrics::Open;

/// A socket without a byte written for this much longer than a participant may take for a frame is closed, so that the
/// participant's own limit, which can say why, comes first.
const WRITE_SLACK: Duration = Duration::from_secs(5);

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
    /// A connection with its place, and where it comes from.
    pub(super) fn take(&self, stream: TcpStream) -> io::Result<(Guarded, Peer)> {
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

impl Guarded {
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
