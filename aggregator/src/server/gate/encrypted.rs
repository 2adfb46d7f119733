//! Connections that are to speak TLS. Who leaves `https://` out of an address speaks HTTP to the same port, which the first byte
//! tells, and is led to https; but for what has to be read before anything is trusted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum_server::accept::Accept;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::doorkeeper::{Doorkeeper, Guarded, Guest};

/// A TLS connection begins with a handshake record (RFC 8446, 5.1); no HTTP method begins with this byte.
const HANDSHAKE: u8 = 22;
/// How long one may take to say what it speaks, and how long a plain request may take to be whole. As long again has a handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request that are looked at; its address stands at the beginning.
const MOST_READ: usize = 8 * 1024;

/// What an address answers over plain HTTP, its type and its text; it is given the path with its query, and `Accept-Language`.
pub type Plain = Arc<dyn Fn(&str, &str) -> Option<(&'static str, String)> + Send + Sync>;

/// Takes connections in through the gate and passes on those that speak TLS.
#[derive(Clone)]
pub struct Encrypted {
    /// The gate.
    pub doorkeeper: Doorkeeper,
    /// What is not led to https.
    pub plain: Plain,
}

impl<S: Send + 'static> Accept<TcpStream, S> for Encrypted {
    type Stream = Guarded;
    type Service = Guest<S>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Self { doorkeeper, plain } = self.clone();
        Box::pin(async move {
            let (mut stream, peer) = doorkeeper.take(stream)?;
            let mut first = [0];
            let speaks = timeout(PATIENCE, stream.peek(&mut first)).await??;
            if speaks == 1 && first[0] != HANDSHAKE {
                timeout(PATIENCE, answer_plainly(&mut stream, &plain)).await??;
                return Err(io::Error::new(io::ErrorKind::InvalidData, "HTTP where TLS is spoken"));
            }
            let service = stream.guest(peer, service);
            Ok((stream, service))
        })
    }
}

/// Answers a plain request: with what is there for it, or else with its own address as https.
async fn answer_plainly(stream: &mut Guarded, plain: &Plain) -> io::Result<()> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while head.len() < MOST_READ && !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut piece).await? {
            0 => break,
            read => head.extend_from_slice(&piece[..read]),
        }
    }
    let head = String::from_utf8_lossy(&head);
    let asked = Asked::of(&head);
    let found = asked.as_ref().and_then(|asked| plain(asked.path, asked.languages));
    let answer = match (found, asked) {
        (Some((kind, body)), _) => {
            format!(
                "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Type: {kind}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
        }
        (None, Some(Asked { host, path, .. })) => {
            let address = format!("https://{host}{path}");
            let body = format!("This address speaks https: {address}\n");
            format!(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: {address}\r\nCache-Control: no-store\r\n\
                 Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
        }
        (None, None) => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// What a plain request asks for.
struct Asked<'a> {
    host: &'a str,
    /// With its query.
    path: &'a str,
    /// `Accept-Language`, empty where it is missing.
    languages: &'a str,
}

impl<'a> Asked<'a> {
    /// `None` where it is no request, or has letters that have no place in an address.
    fn of(head: &'a str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut request = lines.next()?.split(' ');
        let (_method, path, version) = (request.next()?, request.next()?, request.next()?);
        let headers = lines.filter_map(|line| line.split_once(':'));
        let header = |name: &str| {
            headers.clone().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let host = header("host")?;
        let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        let is_path = path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
        let languages = header("accept-language").unwrap_or_default();
        (version.starts_with("HTTP/1") && is_host && is_path).then_some(Self { host, path, languages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_request_has_its_own_address_as_https() {
        let asked = |head: &str| Asked::of(head).map(|Asked { host, path, .. }| format!("https://{host}{path}"));
        let get = "GET /room/KMPXZ?x=1 HTTP/1.1\r\nAccept: */*\r\nHost: 192.168.1.5:8443\r\n\r\n";
        assert_eq!(asked(get).as_deref(), Some("https://192.168.1.5:8443/room/KMPXZ?x=1"));
        for wrong in [
            "",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(asked(wrong), None, "{wrong:?}");
        }
    }
}
