//! The stream under a WebSocket, which has it keep little memory while it waits.
//!
//! Writes are gathered: a call to the system costs as much for a few kilobytes as for many, and the buffer is given back as soon as
//! all is on its way. Reads end where the header of a frame ends and where the frame ends, so that tungstenite takes just as much
//! memory for a long frame as that has, and nothing behind it makes it keep that.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are gathered at most.
const MOST: usize = 64 * 1024;
/// The longest header of a frame (RFC 6455, 5.2), bytes; it is that of the long ones that a client sends.
const HEADER: usize = 14;

/// A stream that frames come in on, and bytes go out.
pub struct Sparing<S> {
    inner: S,
    /// What is to be written.
    gathered: Vec<u8>,
    /// Bytes of these that are written.
    written: usize,
    coming: Coming,
}

/// Where in a frame the next byte that comes is.
enum Coming {
    /// In its header, of which these bytes have come.
    Header([u8; HEADER], usize),
    /// In its payload, of which so many bytes are to come.
    Payload(u64),
}

impl Coming {
    const BEGINNING: Self = Self::Header([0; HEADER], 0);

    /// Most bytes to read at once.
    fn most(&self) -> usize {
        match self {
            Self::Header(_, length) => HEADER - length,
            Self::Payload(left) => usize::try_from(*left).unwrap_or(usize::MAX),
        }
    }

    /// Takes note of what came.
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = match self {
                Self::Header(header, length) => {
                    header[*length] = bytes[0];
                    *length += 1;
                    if let Some(payload) = payload(&header[..*length]) {
                        *self = if payload == 0 { Self::BEGINNING } else { Self::Payload(payload) };
                    }
                    1
                }
                Self::Payload(left) => {
                    let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    if *left == 0 {
                        *self = Self::BEGINNING;
                    }
                    taken
                }
            };
            bytes = &bytes[taken..];
        }
    }
}

/// Bytes of the payload behind a header; `None` as long as it is not whole.
fn payload(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (length, rest) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(*header.get(2..)?.first_chunk()?)), 2),
        127 => (u64::from_be_bytes(*header.get(2..)?.first_chunk()?), 8),
        short => (u64::from(short), 0),
    };
    (header.len() >= 2 + rest + mask).then_some(length)
}

impl<S> Sparing<S> {
    /// Over a stream on which a frame is to begin.
    pub fn new(inner: S) -> Self {
        Self { inner, gathered: Vec::new(), written: 0, coming: Coming::BEGINNING }
    }

    /// The stream itself. What was gathered and not flushed is gone.
    #[cfg(feature = "cluster")]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: AsyncWrite + Unpin> Sparing<S> {
    fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.gathered.len() {
            match ready!(Pin::new(&mut self.inner).poll_write(context, &self.gathered[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.gathered.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sparing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut part = buffer.take(self.coming.most());
        ready!(Pin::new(&mut self.inner).poll_read(context, &mut part))?;
        self.coming.take(part.filled());
        let read = part.filled().len();
        // Of a buffer whose bytes all had a value before, as tungstenite's have: so had those that were read.
        buffer.initialize_unfilled_to(read);
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sparing<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.gathered.len() + bytes.len() > MOST {
            ready!(self.poll_written(context))?;
            // There is more than a buffer of it: it is taken whole.
            self.gathered.reserve_exact(MOST.max(bytes.len()));
        }
        self.gathered.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_written(context))?;
        self.gathered = Vec::new();
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_written(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_written_in_pieces_arrives_whole_and_leaves_nothing_behind() {
        // Smaller than what is gathered, so that it has to wait in the middle.
        let (near, mut far) = duplex(10_000);
        let mut stream = Sparing::new(near);
        let sent: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        let expected = sent.clone();
        let writing = async move {
            for piece in sent.chunks(16_384) {
                stream.write_all(piece).await.unwrap();
                assert!(stream.gathered.len() <= MOST);
            }
            stream.flush().await.unwrap();
            assert_eq!(stream.gathered.capacity(), 0);
            stream.write_all(b"short").await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let reading = async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.unwrap();
            all
        };
        let ((), all) = tokio::join!(writing, reading);
        assert_eq!(all, [expected, b"short".to_vec()].concat());
    }

    /// Frames as RFC 6455, 5.2, has them: of 0 to 70,000 bytes, masked or not.
    #[tokio::test]
    async fn no_read_goes_from_the_header_of_a_long_frame_into_its_payload_or_beyond_its_end() {
        let frame = |masked: bool, length: usize| {
            let mask = if masked { 0x80 } else { 0 };
            let mut frame = vec![0x82];
            match length {
                0..126 => frame.push(mask | length as u8),
                126..0x1_0000 => {
                    frame.push(mask | 126);
                    frame.extend((length as u16).to_be_bytes());
                }
                _ => {
                    frame.push(mask | 127);
                    frame.extend((length as u64).to_be_bytes());
                }
            }
            frame.extend(vec![0xff; if masked { 4 } else { 0 }]);
            frame.extend(vec![0xff; length]);
            frame
        };
        let lengths = [70_000, 0, 1, 125, 126, 70_000, 65_535, 3, 65_536, 70_000];
        let frames: Vec<Vec<u8>> = lengths.iter().map(|length| frame(true, *length)).collect();
        let all = frames.concat();
        let (mut near, far) = duplex(all.len());
        near.write_all(&all).await.unwrap();
        drop(near);
        let mut stream = Sparing::new(far);
        let (mut read, mut ends) = (Vec::new(), Vec::new());
        let mut buffer = vec![0; 100_000];
        loop {
            let count = stream.read(&mut buffer).await.unwrap();
            if count == 0 {
                break;
            }
            read.extend_from_slice(&buffer[..count]);
            ends.push(read.len());
        }
        assert_eq!(read, all);
        let mut start = 0;
        for frame in &frames {
            let end = start + frame.len();
            if frame.len() > 65_536 + HEADER - 1 {
                assert!(ends.contains(&(start + HEADER)), "the header at {start} is read alone");
                assert!(ends.contains(&end), "the frame that ends at {end} is read to its end alone");
            }
            start = end;
        }
        let unmasked = frame(false, 70_000);
        assert_eq!((payload(&unmasked[..9]), payload(&unmasked[..10])), (None, Some(70_000)));
    }
}
