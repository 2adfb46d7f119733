//! What a program that serves says at its start: to a person how to reach the room and what becomes of it, to a program one line of JSON.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Result;
use protocol::RoomCode;
use serde_json::json;

use crate::server::http::Secret;
use crate::server::links::{self, Reach};
use crate::server::rooms::Rooms;
use crate::server::tls::Identity;

/// What there is to say.
pub struct Announcement<'a> {
    pub reach: &'a Reach,
    pub room: &'a RoomCode,
    /// The room was stored, and these options for a new one, if any, are of no use to it.
    pub unused: Option<&'a str>,
    pub identity: Option<&'a Identity>,
    pub host_token: &'a Secret,
    /// Whether somebody chose the token.
    pub token_given: bool,
    pub rooms: &'a Rooms,
    /// Where rooms are kept.
    pub state: Option<&'a Path>,
    /// Whether they are kept nowhere because that was asked for.
    pub may_keep: bool,
    /// The NATS servers that keep them for several servers.
    pub cluster: Option<String>,
}

impl Announcement<'_> {
    /// One line, with all secrets.
    pub fn as_json(&self) -> Result<()> {
        let room_links = |origin: &String| format!("{origin}/room/{}", self.room);
        let line = json!({
            "event": "listening",
            "room": self.room,
            "rooms": self.codes(),
            "local": room_links(&self.reach.here()),
            "network": self.reach.network().iter().map(room_links).collect::<Vec<_>>(),
            "tls_sha256": self.identity.map(|identity| &identity.fingerprint),
            "host_token": self.host_token.secret(),
            "teach": self.teach(),
            "state": self.state,
            "cluster": self.cluster,
            // What was chosen for a room, and stays unused where a stored one goes on.
            "unused": self.unused.filter(|unused| !unused.is_empty()),
        });
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }

    /// The codes of all rooms, wherever they are.
    fn codes(&self) -> BTreeSet<RoomCode> {
        let elsewhere = self.rooms.store().everywhere().into_iter().map(|room| room.code);
        self.rooms.codes().into_iter().chain(elsewhere).collect()
    }

    /// The teacher's page. The secret is in the fragment, which browsers send to nobody.
    pub fn teach(&self) -> String {
        format!("{}/teach#{}", self.reach.here(), self.host_token.secret())
    }

    /// A screenful, with the links that a class needs.
    pub fn for_people(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let colours = out.is_terminal();
        let Self { room, reach, .. } = self;
        let path = format!("/room/{room}");
        match self.unused {
            None => writeln!(out, "\nRoom {room} is open.\n")?,
            Some("") => writeln!(out, "\nRoom {room} is open again, as it was.\n")?,
            Some(unused) => writeln!(
                out,
                "\nRoom {room} is open again, as it was; {unused} is for new rooms only.\n\
                 Make one on the teacher's page, or with --code and a code of your own.\n"
            )?,
        }
        // Where this goes to a file or a journal, a secret that somebody chose need not stand in it.
        let (here, network) = (reach.here(), reach.network());
        let teach = if self.token_given && !colours { format!("{here}/teach#TOKEN") } else { self.teach() };
        let seen_from = network.first().unwrap_or(&here);
        for origin in &network {
            writeln!(out, "  Students            {origin}{path}")?;
        }
        writeln!(out, "  On this machine     {here}{path}")?;
        writeln!(out, "  For the projector   {seen_from}{path}/board")?;
        writeln!(
            out,
            "  Teacher's page      {teach}\n                      (makes and runs rooms: keep this link to yourself)"
        )?;
        writeln!(
            out,
            "  Without a browser   chorus join {here}{path} --synthetic 1{}",
            if self.is_self_signed() { " --insecure" } else { "" }
        )?;
        if !network.is_empty()
            && let Some(code) = links::qr_code(&format!("{seen_from}{path}"), colours)
        {
            writeln!(out, "\n{code}")?;
        } else {
            writeln!(out)?;
        }
        match self.identity {
            Some(identity) if identity.own.is_some() => writeln!(
                out,
                "Browsers warn once about a certificate that this program made itself: choose Advanced, then Proceed.\n\
                 Its SHA-256 fingerprint is\n  {}\n\
                 An iPad or iPhone has to trust it first, and any other device may: {seen_from}/certificate says how.",
                identity.fingerprint
            )?,
            None if !network.is_empty() && !reach.is_secure() => writeln!(
                out,
                "Other machines' browsers give no microphone and no WebGPU here, since the link is not https. For a class, end this\n\
                 and start `chorus serve --tls self-signed`, or `--tls CERT KEY` with a certificate that browsers trust."
            )?,
            _ => {}
        }
        match (&self.cluster, self.state) {
            (Some(nats), _) => writeln!(
                out,
                "Rooms and models are kept by NATS at {nats}; this is one of {} servers that have them.",
                self.rooms.store().others().len() + 1
            )?,
            (None, Some(folder)) => writeln!(out, "Rooms and models are kept in {}.", folder.display())?,
            (None, None) if self.may_keep => {
                writeln!(out, "Nothing is kept when this program ends; without `--state none` it is.")?;
            }
            (None, None) => writeln!(out, "Nothing is kept here: rounds and models are those of the room above.")?,
        }
        writeln!(out, "Ctrl-C ends it.\n")?;
        Ok(out.flush()?)
    }

    fn is_self_signed(&self) -> bool {
        self.identity.is_some_and(|identity| identity.own.is_some())
    }
}
