//! A proxy between the browser and everything that it asks for. It writes down every byte both ways, lets through what
//! is for one server, and refuses all else. It knows HTTP and WebSocket frames, and nothing of Chorus.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longest head of a request.
const LONGEST_HEAD: usize = 64 << 10;

/// What went over one connection of the browser.
#[derive(Clone, Default)]
pub struct Recorded {
    /// Host and port that it was for.
    pub target: String,
    /// Bytes that the browser sent, but for the request to this proxy to open a tunnel.
    pub sent: Vec<u8>,
    /// Bytes that it received.
    pub received: Vec<u8>,
}

/// A message, or a control frame, of a WebSocket.
pub struct Frame {
    /// 1 is text, 2 binary, 8 and above control frames.
    pub opcode: u8,
    /// Its bytes, as they were before they were masked for the way.
    pub payload: Vec<u8>,
}

/// A running proxy; it ends with the test.
pub struct Recorder {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Arc<Mutex<Recorded>>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// Starts a proxy that lets through what is for `server` (host and port).
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn start(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let connections = Arc::<Mutex<Vec<Arc<Mutex<Recorded>>>>>::default();
        let (server, list) = (server.to_owned(), connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let record = Arc::<Mutex<Recorded>>::default();
                lock(&list).push(record.clone());
                let server = server.clone();
                // A connection that breaks off is recorded as far as it came.
                tokio::spawn(async move { pass(stream, &server, &record).await.ok() });
            }
        });
        Ok(Self { address, connections })
    }

    /// The port that a browser is to use as its proxy.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All connections that asked for something, as far as they have come.
    pub fn recorded(&self) -> Vec<Recorded> {
        let all = lock(&self.connections).clone();
        all.iter().map(|record| lock(record).clone()).filter(|record| !record.target.is_empty()).collect()
    }
}

async fn pass(mut browser: TcpStream, server: &str, record: &Arc<Mutex<Recorded>>) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < LONGEST_HEAD, "a head without an end");
        head.push(browser.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut words = text.split(' ');
    let (method, address) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let target = match address.split_once("://") {
        Some((_, rest)) => rest.split('/').next().unwrap_or_default(),
        None => address,
    };
    let tunnel = method == "CONNECT";
    {
        let mut record = lock(record);
        record.target = target.to_owned();
        if !tunnel {
            record.sent.extend_from_slice(&head);
        }
    }
    if target != server {
        browser.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
        bail!("the browser asked for {target}");
    }
    let port = target.rsplit(':').next().context("a target has a port")?;
    let mut upstream = TcpStream::connect(format!("127.0.0.1:{port}")).await?;
    if tunnel {
        browser.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        upstream.write_all(&head).await?;
    }
    let (from_browser, to_browser) = browser.into_split();
    let (from_server, to_server) = upstream.into_split();
    let (up, down) = (record.clone(), record.clone());
    tokio::join!(
        copy(from_browser, to_server, |bytes| lock(&up).sent.extend_from_slice(bytes)),
        copy(from_server, to_browser, |bytes| lock(&down).received.extend_from_slice(bytes)),
    );
    Ok(())
}

/// Copies until either side ends; each piece is written down before it goes on.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, write_down: impl Fn(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length) = from.read(&mut buffer).await {
        write_down(&buffer[..length]);
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    // The other side may be gone already.
    to.shutdown().await.ok();
}

impl Recorded {
    /// The heads of the requests, and the frames that the browser sent after it opened a WebSocket.
    ///
    /// # Errors
    /// Where the bytes are not that.
    pub fn requests(&self) -> Result<(Vec<String>, Vec<Frame>)> {
        let mut heads = Vec::new();
        let mut rest = self.sent.as_slice();
        while !rest.is_empty() {
            let end = end_of_head(rest).context("a request has a head")?;
            let head = String::from_utf8(rest[..end].to_vec()).context("a head is text")?;
            rest = &rest[end..];
            let socket = head.to_ascii_lowercase().contains("\r\nupgrade: websocket");
            ensure!(!head.to_ascii_lowercase().contains("\r\ncontent-length:"), "a request with a body: {head}");
            heads.push(head);
            if socket {
                return Ok((heads, frames(rest)?));
            }
        }
        Ok((heads, Vec::new()))
    }

    /// The head of the first response, and the frames that follow where it opened a WebSocket.
    ///
    /// # Errors
    /// Where the bytes are not that.
    pub fn response(&self) -> Result<(String, Vec<Frame>)> {
        let end = end_of_head(&self.received).context("a response has a head")?;
        let head = String::from_utf8_lossy(&self.received[..end]).into_owned();
        let frames = if head.contains(" 101 ") { frames(&self.received[end..])? } else { Vec::new() };
        Ok((head, frames))
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|place| place + 4)
}

/// RFC 6455, 5.2: whole messages, put together from their fragments. What is not whole yet at the end is left out.
fn frames(mut bytes: &[u8]) -> Result<Vec<Frame>> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut unfinished = false;
    while let Some((&[first, second], mut rest)) = bytes.split_first_chunk::<2>() {
        let (last, opcode, masked) = (first & 0x80 != 0, first & 0x0f, second & 0x80 != 0);
        ensure!(first & 0x70 == 0, "a frame with an extension, such as compression");
        let length = match second & 0x7f {
            126 => {
                let Some((length, after)) = rest.split_first_chunk::<2>() else { break };
                rest = after;
                usize::from(u16::from_be_bytes(*length))
            }
            127 => {
                let Some((length, after)) = rest.split_first_chunk::<8>() else { break };
                rest = after;
                usize::try_from(u64::from_be_bytes(*length))?
            }
            length => usize::from(length),
        };
        let mut mask = [0; 4];
        if masked {
            let Some((key, after)) = rest.split_first_chunk::<4>() else { break };
            (mask, rest) = (*key, after);
        }
        let Some((payload, after)) = rest.split_at_checked(length) else { break };
        let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        match opcode {
            0 => frames.last_mut().context("a fragment has a beginning")?.payload.extend(payload),
            _ => frames.push(Frame { opcode, payload: payload.collect() }),
        }
        if opcode < 8 {
            unfinished = !last;
        }
        bytes = after;
    }
    if unfinished {
        frames.pop();
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_standards_own_examples() {
        // RFC 6455, 5.7: a masked "Hello", and an unmasked one in two fragments.
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let fragments = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
        for bytes in [&masked[..], &fragments[..]] {
            let frames = frames(bytes).unwrap();
            assert_eq!(frames.len(), 1);
            assert_eq!((frames[0].opcode, frames[0].payload.as_slice()), (1, &b"Hello"[..]));
        }
        assert!(frames(&masked[..8]).unwrap().is_empty(), "half a frame is none");
        assert!(frames(&[0xc1, 0]).is_err(), "a compressed frame is not read as if it were plain");
    }
}
