//! Where a participant goes: a room's link as people pass it on, read into a socket's address and a code.

use anyhow::{Context as _, Result, bail};
use axum::http::Uri;
use axum::http::uri::Authority;
use protocol::RoomCode;

/// An aggregator's socket and a room there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `ws://…/ws` or `wss://…/ws`.
    pub socket: String,
    /// The room.
    pub room: RoomCode,
}

impl Address {
    /// Reads `http(s)://host[:port][/room/CODE]`, or `host[:port]`; `room` stands for the code where the link has none.
    pub fn parse(link: &str, room: Option<&RoomCode>) -> Result<Self> {
        let (uri, secure, host) = take_apart(link)?;
        let named =
            uri.path().strip_prefix("/room/").map(|code| RoomCode::parse(code.trim_end_matches('/'))).transpose()?;
        let room = match (room, named) {
            (Some(room), Some(named)) if *room != named => {
                bail!("the link leads to room {named}, but --room says {room}")
            }
            (Some(room), _) => room.clone(),
            (None, Some(named)) => named,
            (None, None) => bail!("which room? Give --room CODE, or a link that ends in /room/CODE"),
        };
        let scheme = if secure { "wss" } else { "ws" };
        Ok(Self { socket: format!("{scheme}://{host}/ws"), room })
    }
}

/// The aggregator's address, `http(s)://host[:port]`, of a link that [`Address::parse`] reads.
///
/// # Errors
/// The link is no address.
pub fn origin(link: &str) -> Result<String> {
    let (_, secure, host) = take_apart(link)?;
    Ok(format!("{}://{host}", if secure { "https" } else { "http" }))
}

/// A link, whether it is reached with TLS, and its host with its port.
fn take_apart(link: &str) -> Result<(Uri, bool, Authority)> {
    let whole = if link.contains("://") { link.to_owned() } else { format!("http://{link}") };
    let uri: Uri =
        whole.parse().with_context(|| format!("{link:?} is no address; give one like http://localhost:8080"))?;
    let secure = match uri.scheme_str() {
        Some("http" | "ws") => false,
        Some("https" | "wss") => true,
        other => {
            bail!("{link:?} begins with {:?}; an aggregator is reached by http:// or https://", other.unwrap_or(""))
        }
    };
    let host = uri.authority().cloned().with_context(|| format!("{link:?} names no host"))?;
    Ok((uri, secure, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_enough() {
        let address = Address::parse("https://192.168.1.5:8080/room/kmpxz", None).unwrap();
        assert_eq!(address.socket, "wss://192.168.1.5:8080/ws");
        assert_eq!(address.room.as_str(), "KMPXZ");
    }

    #[test]
    fn a_host_and_a_code_are_enough() {
        let code = RoomCode::parse("KMPXZ").unwrap();
        assert_eq!(Address::parse("localhost:8080", Some(&code)).unwrap().socket, "ws://localhost:8080/ws");
    }

    #[test]
    fn the_server_of_a_link_is_asked_over_http() {
        for (link, asked) in [
            ("https://192.168.1.5:8080/room/KMPXZ", "https://192.168.1.5:8080"),
            ("wss://chorus.example", "https://chorus.example"),
            ("localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:8080/room/KMPXZ", "http://[::1]:8080"),
        ] {
            assert_eq!(origin(link).unwrap(), asked);
        }
        assert!(origin("ftp://localhost").is_err());
    }

    #[test]
    fn what_cannot_be_reached_is_refused_in_words() {
        let code = RoomCode::parse("KMPXZ").unwrap();
        for (link, code, words) in [
            ("http://localhost:8080", None, "which room"),
            ("ftp://localhost", Some(&code), "http"),
            ("http://localhost/room/ABCDE", Some(&code), "--room says"),
        ] {
            let error = Address::parse(link, code).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
