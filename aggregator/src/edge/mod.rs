//! An edge at work: the way up to the room above over a socket, and the room of its own clients, which this program serves. The
//! rules are `federation::Edge`'s; this carries out what it wants, and hands what the one says to the other.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use federation::{Connection, Edge, Input, Millis, Output, ParticipantConfig, StopReason, Word};
use protocol::{ModelVersion, RoomConfig, Token};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::clock::Clock;
use crate::participant::Address;
use crate::participant::link::{FromLink, Line};
use crate::server::rooms::RoomHandle;

/// How long the room above may be out of reach before the edge was ever in it. Later it is waited for.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);

/// Where the room above is.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its address.
    pub root: Address,
    /// Its edges' key.
    pub key: Token,
    /// What the edge is called there.
    pub name: Option<String>,
    /// Whether any TLS certificate will do.
    pub insecure: bool,
}

/// The way up.
pub struct Upstream {
    edge: Edge,
    plan: Plan,
    clock: Clock,
    line: Line,
    /// What was logged of the connection last.
    open: bool,
}

impl Upstream {
    /// Connects, and waits until the settings of the room below are known.
    ///
    /// # Errors
    /// The room above can't be reached, won't have this program, or takes no edges.
    pub async fn reach(plan: Plan) -> Result<(Upstream, RoomConfig)> {
        let config = ParticipantConfig {
            room: plan.root.room.clone(),
            name: plan.name.clone(),
            token: None,
            software: concat!("chorus edge ", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: rand::random(),
            // The room above sees sums; masks are its own clients'.
            masking: None,
        };
        let edge = Edge::new(config, plan.key.clone(), Millis(0));
        let clock = Clock::start();
        let line = Line::new(plan.root.socket.clone(), plan.insecure);
        let mut upstream = Upstream { edge, plan, clock, line, open: false };
        loop {
            upstream.carry_out().await?;
            if let Some(room) = upstream.edge.room() {
                return Ok((upstream, room.map_err(|problem| anyhow!(problem))?));
            }
            upstream.step(None).await?;
            if let Some(reason) = upstream.line.failing_for(FIRST_PATIENCE) {
                let socket = &upstream.plan.root.socket;
                return Err(reason).with_context(|| format!("{socket} could not be reached; is it running?"));
            }
        }
    }

    /// Goes on until the room above will have this edge no more, or the room below has ended.
    ///
    /// # Errors
    /// Why it will not.
    pub async fn go_on(mut self, below: RoomHandle, mut words: UnboundedReceiver<Word>) -> Result<()> {
        loop {
            self.carry_out().await?;
            while let Some(lead) = self.edge.poll_lead() {
                if below.lead(lead).await.is_err() {
                    return Ok(()); // The program ends.
                }
            }
            match self.step(Some(&mut words)).await? {
                Stepped::Ended => return Ok(()),
                Stepped::GoesOn => {}
            }
        }
    }

    /// The next thing happens.
    async fn step(&mut self, words: Option<&mut UnboundedReceiver<Word>>) -> Result<Stepped> {
        let word = async {
            match words {
                Some(words) => words.recv().await,
                None => std::future::pending().await,
            }
        };
        let due = self.edge.next_timeout();
        tokio::select! {
            from_link = self.line.next() => match from_link {
                FromLink::Input(input) => self.edge.handle(self.clock.now(), input),
                FromLink::Down(reason) => self.link_down(reason)?,
            },
            word = word => match word {
                None => return Ok(Stepped::Ended),
                Some(word) => {
                    log_word(&word);
                    self.edge.take(self.clock.now(), word);
                }
            },
            () = self.clock.until(due) => self.edge.handle_timeout(self.clock.now()),
        }
        Ok(Stepped::GoesOn)
    }

    async fn carry_out(&mut self) -> Result<()> {
        while let Some(output) = self.edge.poll_output() {
            let Some(output) = self.line.carry_out(output).await else { continue };
            match output {
                // A program that is started anew is another edge. It has no masks of its own, and `Edge` keeps the rest to itself.
                Output::RememberToken(_) | Output::RememberMasking(_) => {}
                Output::ComputeStatistics | Output::Train(_) | Output::StopTraining | Output::Finished { .. } => {}
                Output::Changed => self.changed()?,
                // Done by the line.
                Output::Connect
                | Output::Disconnect
                | Output::Send(_)
                | Output::SendBytes { .. }
                | Output::StopSending { .. } => {}
            }
        }
        Ok(())
    }

    fn changed(&mut self) -> Result<()> {
        let view = self.edge.view();
        let open = *view.connection == Connection::Open;
        if open != std::mem::replace(&mut self.open, open) {
            let room = &self.plan.root.room;
            if open {
                self.line.reached();
                tracing::info!(%room, client = view.client.map(|client| client.0), "in the room above");
            } else {
                tracing::warn!(%room, "the room above is lost; tried again");
            }
        }
        if let Connection::Stopped(StopReason::Error { message, .. }) = view.connection {
            bail!("the room above: {message}");
        }
        if let Some(notice) = view.notice {
            tracing::warn!(notice = notice.message, "the room above says");
        }
        Ok(())
    }

    fn link_down(&mut self, reason: Option<anyhow::Error>) -> Result<()> {
        self.line.down(reason)?;
        self.edge.handle(self.clock.now(), Input::Closed);
        Ok(())
    }
}

/// Whether there is more to come.
enum Stepped {
    GoesOn,
    Ended,
}

fn log_word(word: &Word) {
    match word {
        Word::Holdings { clients, examples, .. } => tracing::info!(clients, examples, "take part here"),
        Word::Statistics { frames, .. } => tracing::info!(frames, "statistics given"),
        Word::Partial(partial) => {
            let ModelVersion(version) = partial.model_version;
            tracing::info!(round = partial.round.0, version, clients = partial.sum.clients, "sum given");
        }
        Word::Nothing => tracing::warn!("too few gave anything in time: this round goes on without this edge"),
        Word::Evaluation { evaluation, .. } => tracing::info!(examples = evaluation.examples, "evaluation given"),
    }
}
