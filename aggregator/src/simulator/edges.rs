//! A simulated room of edges: the root, every edge, and below each an [`Exchange`] with clients of its own. Time stands still. Bytes are
//! those between edges and root.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use federation::in_memory::{Frame, Network};
use federation::{Action, ConnectionId, Coordinator, Edge, Event, Input, Output, ParticipantConfig};
use models::Example;
use protocol::{RoomConfig, ServerMessage};

use super::exchange::{Exchange, NOW, Next, Request};
use super::plan::edge_key;

/// A root and its edges.
pub struct Tree {
    root: Coordinator,
    network: Network,
    branches: Vec<Branch>,
    /// Bytes from all edges to the root.
    pub bytes_up: u64,
    /// Bytes from the root to all edges.
    pub bytes_down: u64,
}

/// An edge with its room.
struct Branch {
    edge: Edge,
    connection: Option<ConnectionId>,
    below: Exchange,
    /// The number of its first client.
    first: usize,
    clients: usize,
    /// Who of them wants to train.
    training: Vec<usize>,
}

impl Tree {
    /// Clients with these examples, divided among as many edges as the root waits for, each about as many. `ready` prepares
    /// the room of each edge.
    ///
    /// # Errors
    /// The root's room is none of edges.
    pub fn new(
        root: Coordinator,
        examples: &[Arc<Vec<Example>>],
        claims: &[u32],
        labels: usize,
        mut ready: impl FnMut(&mut Coordinator),
    ) -> Result<Tree> {
        let room = root.config().of_edge().context("this is no room of edges")?;
        let count = root.config().least as usize;
        let mut branches = Vec::new();
        let mut first = 0;
        for number in 0..count {
            let clients = examples.len() / count + usize::from(number < examples.len() % count);
            let own = first..first + clients;
            let config = RoomConfig { least: clients as u32, max_clients: clients as u32, ..room.clone() };
            let mut coordinator = Coordinator::led(config)?;
            ready(&mut coordinator);
            let (examples, claims) =
                (examples.get(own.clone()).unwrap_or_default(), claims.get(own).unwrap_or_default());
            let below = Exchange::new(coordinator, examples.to_vec(), claims, labels, None);
            let config = ParticipantConfig {
                room: root.config().code.clone(),
                name: Some(format!("edge {}", number + 1)),
                token: None,
                software: concat!("chorus simulate ", env!("CARGO_PKG_VERSION")).to_owned(),
                seed: number as u64,
                masking: None,
            };
            let edge = Edge::new(config, edge_key(), NOW);
            branches.push(Branch { edge, connection: None, below, first, clients, training: Vec::new() });
            first += clients;
        }
        Ok(Tree { root, network: Network::default(), branches, bytes_up: 0, bytes_down: 0 })
    }

    /// The root's room.
    pub fn coordinator(&self) -> &Coordinator {
        &self.root
    }

    /// Whose a client is, and its number there.
    fn place(&self, client: usize) -> Option<(usize, usize)> {
        let of = |branch: &Branch| (branch.first..branch.first + branch.clients).contains(&client);
        let index = self.branches.iter().position(of)?;
        Some((index, client - self.branches[index].first))
    }

    /// What a client was asked to train.
    pub fn request(&self, client: usize) -> Option<Request<'_>> {
        let (branch, client) = self.place(client)?;
        self.branches[branch].below.request(client)
    }

    /// What a client's training gave.
    pub fn trained(&mut self, client: usize, inputs: impl Iterator<Item = Input>) {
        if let Some((branch, client)) = self.place(client) {
            self.branches[branch].below.trained(client, inputs);
        }
    }

    /// Lets everything happen until somebody outside has to do something.
    ///
    /// # Errors
    /// Somebody does what they should not, or nothing happens any more.
    pub fn go_on(&mut self) -> Result<Next> {
        loop {
            let mut quiet = true;
            while let Some(action) = self.root.poll_action() {
                quiet = false;
                if self.act(action)? {
                    return Ok(Next::Published);
                }
            }
            for branch in 0..self.branches.len() {
                quiet &= !self.tend(branch)?;
            }
            if !quiet {
                continue;
            }
            let training =
                self.branches.iter().flat_map(|branch| branch.training.iter().map(|client| branch.first + client));
            let training: Vec<usize> = training.collect();
            if !training.is_empty() {
                return Ok(Next::Train(training));
            }
            if self.root.history().len() as u32 == self.root.config().rounds {
                return Ok(Next::Finished);
            }
            bail!("nobody has anything to do although rounds are left");
        }
    }

    /// Carries out what the root wants; true where a new model was published.
    fn act(&mut self, action: Action) -> Result<bool> {
        match &action {
            Action::Send {
                message: ServerMessage::Refused { message, .. } | ServerMessage::Error { message, .. },
                ..
            } => {
                bail!("the root refuses what an edge does: {message}");
            }
            Action::Close { .. } => bail!("an edge was sent away"),
            Action::Checkpoint { model } => return Ok(*model),
            _ => {}
        }
        for connection in self.network.carry(action) {
            let branch = self.network.link(connection).and_then(|link| link.client);
            while self.network.hand_model(connection) {}
            while let Some(frame) = self.network.arrives_down(connection) {
                self.bytes_down += frame.bytes() as u64;
                if let Some(branch) = branch {
                    self.branches[branch].edge.handle(NOW, frame.input());
                }
            }
        }
        Ok(false)
    }

    /// What an edge and its room do at this moment; false: nothing.
    fn tend(&mut self, index: usize) -> Result<bool> {
        let mut busy = false;
        while let Some(output) = self.branches[index].edge.poll_output() {
            busy = true;
            match output {
                Output::Connect => {
                    let (connection, connected) = self.network.open(Some(index));
                    self.branches[index].connection = Some(connection);
                    self.root.handle(NOW, connected);
                    self.branches[index].edge.handle(NOW, Input::Opened);
                }
                Output::Send(message) => self.say(index, Frame::of_client(&message))?,
                Output::SendBytes { transfer, bytes } => {
                    for frame in protocol::chunks(transfer, bytes) {
                        self.say(index, Frame::Binary(frame))?;
                    }
                }
                Output::Disconnect => bail!("an edge was sent away"),
                _ => {}
            }
        }
        let Branch { edge, below, training, .. } = &mut self.branches[index];
        while let Some(lead) = edge.poll_lead() {
            busy = true;
            below.coordinator_mut().lead(NOW, lead);
        }
        *training = below.settle_led()?;
        while let Some(word) = below.coordinator_mut().poll_word() {
            busy = true;
            edge.take(NOW, word);
        }
        Ok(busy)
    }

    /// An edge's frame reaches the root.
    fn say(&mut self, index: usize, frame: Frame) -> Result<()> {
        let Some(connection) = self.branches[index].connection else { return Ok(()) };
        self.bytes_up += frame.bytes() as u64;
        self.network.say(connection, frame);
        while let Some(frame) = self.network.arrives_up(connection) {
            let event = frame.event(connection);
            if let Event::Malformed { error, .. } = &event {
                bail!("an edge says what the protocol forbids: {error}");
            }
            self.root.handle(NOW, event);
        }
        Ok(())
    }
}
