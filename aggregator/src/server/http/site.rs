//! What the handlers of all addresses share.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::FromRef;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use protocol::RoomCode;

use super::boards::Boards;
use super::failure::{Code, Failure};
use super::health::Writable;
use super::secret::Secrets;
use crate::server::gate::Gate;
use crate::server::links::Reach;
use crate::server::rooms::{RoomHandle, Rooms};
use crate::server::tls::Own;

/// What a handler needs.
#[derive(Clone)]
pub struct Site {
    /// The rooms, with limits and metrics.
    pub rooms: Arc<Rooms>,
    /// Who may connect.
    pub gate: Arc<Gate>,
    /// What opens what is not for everyone.
    pub secrets: Secrets,
    /// Where this program is reached.
    pub reach: Arc<Reach>,
    /// The certificate, where this program made it itself.
    pub certificate: Option<Arc<Own>>,
    /// Whether rooms outlive the program.
    pub kept: bool,
    /// What `--state` said, where it was given: whoever starts the program anew has to say it again.
    pub state: Option<PathBuf>,
    /// Places for those who follow rooms.
    pub boards: Arc<Boards>,
    /// What is known of the state folder.
    pub writable: Arc<Writable>,
}

impl Site {
    /// `kept` says whether rooms outlive the program, `state` what `--state` said.
    pub fn new(
        rooms: Arc<Rooms>,
        gate: Arc<Gate>,
        secrets: Secrets,
        reach: Arc<Reach>,
        certificate: Option<Arc<Own>>,
        kept: bool,
        state: Option<PathBuf>,
    ) -> Self {
        let boards = Boards::new(rooms.limits());
        Self { rooms, gate, secrets, reach, certificate, kept, state, boards, writable: Arc::default() }
    }

    /// A room's code as somebody wrote it.
    ///
    /// # Errors
    /// It is none, and so there is no such room.
    pub fn code(text: &str) -> Result<RoomCode, Failure> {
        RoomCode::parse(text).map_err(|_| unknown(text))
    }

    /// The room with a code as somebody wrote it.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, code: &str) -> Result<RoomHandle, Failure> {
        self.rooms.get(&Self::code(code)?).ok_or_else(|| unknown(code))
    }

    /// The room's links, that which is best for other machines first.
    pub fn links(&self, code: &RoomCode, outside: &Outside) -> Vec<String> {
        self.origins(outside).into_iter().map(|origin| format!("{origin}/room/{code}")).collect()
    }

    /// Where this program is reached, the best for other machines first.
    pub fn origins(&self, Outside(outside): &Outside) -> Vec<String> {
        let mut origins = self.reach.network();
        if let Some(outside) = outside
            && !origins.contains(outside)
        {
            origins.insert(0, outside.clone());
        }
        origins.push(self.reach.here());
        origins
    }

    /// Whether other machines reach it by https.
    pub fn is_secure(&self, Outside(outside): &Outside) -> bool {
        outside.as_ref().map_or(self.reach.is_secure(), |outside| outside.starts_with("https:"))
    }
}

/// The origin under which the person who sent a request sees this program, where a proxy in front of it says so.
#[derive(Clone, Debug, Default)]
pub struct Outside(pub Option<String>);

impl Outside {
    /// As the headers of a proxy have it (`X-Forwarded-Proto`, and `X-Forwarded-Host` or else `Host`). Of several proxies the first
    /// is what people see.
    pub fn of(headers: &HeaderMap) -> Self {
        let first = |name: &str| headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim);
        let host = first("x-forwarded-host").or_else(|| headers.get(HOST)?.to_str().ok());
        let scheme = first("x-forwarded-proto").filter(|scheme| ["http", "https"].contains(scheme));
        let is_host =
            |host: &&str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        Self(scheme.zip(host.filter(is_host)).map(|(scheme, host)| format!("{scheme}://{host}")))
    }
}

fn unknown(code: &str) -> Failure {
    Failure::new(Code::RoomUnknown, format!("there is no room {code:?} here; check its code"))
}

impl FromRef<Site> for Arc<Rooms> {
    fn from_ref(site: &Site) -> Self {
        site.rooms.clone()
    }
}

impl FromRef<Site> for Arc<Gate> {
    fn from_ref(site: &Site) -> Self {
        site.gate.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_says_what_people_see() {
        let outside = |headers: &[(&'static str, &'static str)]| {
            let pairs = headers.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            Outside::of(&HeaderMap::from_iter(pairs)).0
        };
        let host = ("host", "chorus.example.org");
        let proto = ("x-forwarded-proto", "https");
        assert_eq!(outside(&[host, proto]).as_deref(), Some("https://chorus.example.org"));
        let inner = ("host", "127.0.0.1:8080");
        let several = ("x-forwarded-host", "chorus.school:8443, inner.example");
        assert_eq!(outside(&[inner, several, proto]).as_deref(), Some("https://chorus.school:8443"));
        assert_eq!(outside(&[host]), None, "nobody says how it is reached");
        assert_eq!(outside(&[("host", "a b/c"), proto]), None);
        assert_eq!(outside(&[host, ("x-forwarded-proto", "javascript")]), None);
    }
}
