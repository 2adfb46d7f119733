//! A server in front of the one under test that answers one path by itself, or leaves some headers out, and hands everything else
//! through. It knows HTTP/1.1, and nothing of what it answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Longest head of a request.
const LONGEST_HEAD: usize = 64 << 10;

/// A running stand-in; it ends with the test.
pub struct StandIn {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl StandIn {
    /// Stands in front of `server` (host and port), and answers `path` with `body` under the headers that the server gives
    /// its own file there.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn start(server: &str, path: &'static str, body: &'static str) -> Result<Self> {
        let (listener, stand_in) = Self::open().await?;
        let (server, count) = (server.to_owned(), stand_in.asked.clone());
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                let (server, count) = (server.clone(), count.clone());
                // A connection that breaks off ends.
                tokio::spawn(async move { pass(browser, &server, path, body, &count).await.ok() });
            }
        });
        Ok(stand_in)
    }

    /// Stands in front of `server` and leaves these headers, in lower case, out of everything that it answers.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn without(server: &str, headers: &'static [&'static str]) -> Result<Self> {
        let (listener, stand_in) = Self::open().await?;
        let server = server.to_owned();
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { pass_without(browser, &server, headers).await.ok() });
            }
        });
        Ok(stand_in)
    }

    async fn open() -> Result<(TcpListener, Self)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        Ok((listener, Self { address, asked: Arc::default() }))
    }

    /// Where it is.
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// How often it was asked for its own path.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The head of a request or of an answer.
async fn head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < LONGEST_HEAD, "a head without an end");
        head.push(stream.read_u8().await?);
    }
    String::from_utf8(head).context("a head is text")
}

/// The lines of a head, less those of some headers.
fn lines_without(head: &str, headers: &[&str]) -> String {
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let kept: Vec<&str> = head.split("\r\n").filter(|line| !headers.contains(&name(line).as_str())).collect();
    kept.join("\r\n")
}

/// One request and its answer, and whatever follows where it opens a WebSocket.
async fn pass_without(mut browser: TcpStream, server: &str, headers: &[&str]) -> Result<()> {
    let question = head(&mut browser).await?.replace("keep-alive", "close");
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(question.as_bytes()).await?;
    let answer = head(&mut upstream).await?;
    browser.write_all(lines_without(&answer, headers).as_bytes()).await?;
    copy_bidirectional(&mut browser, &mut upstream).await?;
    Ok(())
}

/// One request, and whatever follows where it opens a WebSocket: any other connection is told to end after it.
async fn pass(mut browser: TcpStream, server: &str, path: &str, body: &str, asked: &AtomicUsize) -> Result<()> {
    let head = head(&mut browser).await?.replace("keep-alive", "close");
    let mut upstream = TcpStream::connect(server).await?;
    if head.split(' ').nth(1) != Some(path) {
        upstream.write_all(head.as_bytes()).await?;
        copy_bidirectional(&mut browser, &mut upstream).await?;
        return Ok(());
    }
    asked.fetch_add(1, Ordering::Relaxed);
    let host =
        head.lines().find(|line| line.to_ascii_lowercase().starts_with("host:")).context("a request has a host")?;
    let question = format!("GET {path} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n");
    upstream.write_all(question.as_bytes()).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer).context("the file is text")?;
    let (head, _) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    ensure!(head.contains(" 200 "), "GET {path}: {head}");
    let head = lines_without(head, &["content-length", "transfer-encoding", "etag"]);
    let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    browser.write_all(answer.as_bytes()).await?;
    Ok(browser.shutdown().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a connection gives to one request.
    async fn get(address: &str, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: somewhere\r\nConnection: keep-alive\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn one_path_is_answered_here_and_the_others_there() -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = listener.local_addr()?.to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = vec![0; 1_024];
                let length = stream.read(&mut head).await.unwrap_or_default();
                let asked = String::from_utf8_lossy(&head[..length]).into_owned();
                let is_last = asked.contains("Host: somewhere\r\nConnection: close");
                let answer = "HTTP/1.1 200 OK\r\nx-kept: yes\r\nETag: \"1\"\r\ncontent-length: 4\r\n\r\nreal";
                if is_last {
                    stream.write_all(answer.as_bytes()).await.ok();
                }
            }
        });
        let stand_in = StandIn::start(&server, "/js/a.js", "made up").await?;
        let here = stand_in.address.to_string();
        let answer = get(&here, "/js/a.js").await?;
        assert_eq!(answer, "HTTP/1.1 200 OK\r\nx-kept: yes\r\ncontent-length: 7\r\n\r\nmade up");
        assert!(get(&here, "/js/b.js").await?.ends_with("\r\n\r\nreal"));
        assert_eq!(stand_in.asked(), 1);
        Ok(())
    }
}
