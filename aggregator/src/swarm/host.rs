//! What a load asks of the server as its host: rooms to load, and a name for the probe.

use anyhow::{Context as _, Result, bail};
use models::Architecture;
use protocol::{HostCommand, RoomCode};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::participant::trust;

/// A server whose host this is.
#[derive(Clone)]
pub struct Host {
    origin: String,
    token: String,
    agent: Agent,
}

/// Rooms as a load wants them.
#[derive(Clone, Copy, Debug)]
pub struct NewRooms {
    /// How many.
    pub count: usize,
    /// The network whose size the updates have.
    pub model: Architecture,
    /// Clients that a round waits for.
    pub clients: usize,
    /// Clients that may be there besides.
    pub others: usize,
    /// Rounds until it is finished.
    pub rounds: u32,
}

impl Host {
    /// The host of the server at `origin`, `http(s)://host[:port]`. `insecure` takes any certificate; else the system's vouch for
    /// it, as for the participants' sockets.
    pub fn new(origin: String, token: String, insecure: bool) -> Host {
        let mut tls = TlsConfig::builder().disable_verification(insecure);
        if origin.starts_with("https://") && !insecure {
            let certificates = rustls_native_certs::load_native_certs().certs;
            let certificates = certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
            tls = tls.root_certs(RootCerts::from(certificates));
        }
        let agent = Agent::config_builder().http_status_as_error(false).tls_config(tls.build()).build().into();
        Host { origin, token, agent }
    }

    /// Makes rooms.
    ///
    /// # Errors
    /// The server will not have them.
    pub fn make_rooms(&self, wanted: NewRooms) -> Result<Vec<RoomCode>> {
        // Whoever is missing at the end of a round's training is waited for: that is what a lesson is like.
        let settings = json!({
            "model": wanted.model.name(), "rounds": wanted.rounds, "least": wanted.clients, "deadline": 3600,
            "max_clients": wanted.clients + wanted.others, "strategy": "fedavg",
        });
        let make = |_| {
            let answer = self.post("/api/rooms", &settings)?;
            let code = answer["room"]["code"].as_str().with_context(|| format!("no room in {answer}"))?;
            Ok(RoomCode::parse(code)?)
        };
        (0..wanted.count).map(make).collect()
    }

    /// Has a room do something.
    ///
    /// # Errors
    /// It will not.
    pub fn command(&self, room: &RoomCode, command: &HostCommand) -> Result<()> {
        self.post(&format!("/api/rooms/{room}/command"), &serde_json::to_value(command)?).map(drop)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.origin));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let answer = request.content_type("application/json").send(body.to_string()).map_err(anyhow::Error::from);
        let mut answer = answer.map_err(|reason| {
            let hint = trust::advice(&reason);
            reason.context(format!("cannot ask {}{hint}", self.origin))
        })?;
        let text = answer.body_mut().read_to_string()?;
        let status = answer.status();
        if !status.is_success() {
            bail!("the server answers {status}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("the server answers {text:?}"))
    }
}
