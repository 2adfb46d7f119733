//! One more client that only measures how long the server takes to answer while it takes updates in.
//!
//! Two ways: a WebSocket ping, which the socket's task answers, and a message that goes through the room's thread. For the
//! second the host gives the client a name; a client whose name is the host's is told so by `renamed` whenever it says
//! `rename`, at once and without anything being stored or changed. Only answers to questions that were asked while an update
//! was on its way are counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::limits::PROTOCOL_VERSION;
use protocol::{ClientMessage, HostCommand, RoomCode, ServerMessage};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;

use super::tally::Tally;
use super::{Host, Plan};
use crate::participant::connection;

/// A question in so long; below the server's 20 messages a second.
const EVERY: Duration = Duration::from_millis(100);

/// The measuring client.
pub struct Probe {
    /// Where it asks.
    pub room: RoomCode,
    /// The load.
    pub plan: Arc<Plan>,
    /// Where it notes.
    pub tally: Arc<Tally>,
    /// Who gives it its name.
    pub host: Host,
}

impl Probe {
    /// Asks until the load is over.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let ended = tokio::select! {
            ended = self.ask() => ended,
            _ = stopping.wait_for(|stop| *stop) => Ok(()),
        };
        if let Err(error) = ended {
            self.tally.error(format!("probe: {error:#}"));
        }
    }

    async fn ask(&self) -> Result<()> {
        let mut socket = connection::connect(&self.plan.socket, self.plan.insecure).await?;
        let (room, software) = (self.room.clone(), "chorus swarm's probe".to_owned());
        let (protocol, status_changes) = (PROTOCOL_VERSION, true);
        let hello = ClientMessage::Hello { protocol, room, token: None, name: None, software, status_changes };
        socket.send(Message::Text(serde_json::to_string(&hello)?.into())).await?;
        let name = "Probe".to_owned();
        let question = Message::Text(serde_json::to_string(&ClientMessage::Rename { name: name.clone() })?.into());
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut named = false;
        let (mut pinged, mut asked) = (None::<Instant>, None::<Instant>);
        loop {
            tokio::select! {
                frame = socket.next() => match frame.context("the probe's connection ended")?? {
                    Message::Text(text) => match protocol::parse_server(&text)? {
                        ServerMessage::Welcome { client, .. } => {
                            let command = HostCommand::RenameClient { client, name: name.clone() };
                            let (host, room) = (self.host.clone(), self.room.clone());
                            tokio::task::spawn_blocking(move || host.command(&room, &command)).await??;
                        }
                        ServerMessage::Renamed { .. } => {
                            named = true;
                            if let Some(asked) = asked.take() {
                                self.tally.counts().answers.push(asked.elapsed().as_secs_f64() * 1000.0);
                            }
                        }
                        _ => {}
                    },
                    Message::Pong(_) => {
                        if let Some(pinged) = pinged.take() {
                            self.tally.counts().pings.push(pinged.elapsed().as_secs_f64() * 1000.0);
                        }
                    }
                    _ => {}
                },
                _ = tick.tick(), if named && self.tally.uploading.load(Ordering::Relaxed) > 0 => {
                    if pinged.is_none() {
                        pinged = Some(Instant::now());
                        socket.send(Message::Ping(Bytes::from_static(b"swarm"))).await?;
                    }
                    if asked.is_none() {
                        asked = Some(Instant::now());
                        socket.send(question.clone()).await?;
                    }
                }
            }
        }
    }
}
