//! One coordinator and its participants in memory. Every message is written as it would travel and read back, so that
//! its bytes are counted and nothing passes that a socket would not. Time stands still: nobody is late here.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use federation::{
    Action, ConnectionId, Coordinator, Event, Input, Millis, Output, Participant, ParticipantConfig, TrainRequest,
};
use models::{Example, FrameSums};
use protocol::{Chunk, ClientMessage, ServerMessage, Token, parse_client, parse_server};

use crate::participant::per_label;

/// The one moment at which everything happens.
const NOW: Millis = Millis(1);

/// Someone who takes part.
struct Client {
    participant: Participant,
    connection: ConnectionId,
    examples: Arc<Vec<Example>>,
    frames: VecDeque<Bytes>,
    training: Option<TrainRequest>,
}

/// A room and everyone in it.
pub struct Exchange {
    coordinator: Coordinator,
    clients: Vec<Client>,
    /// Bytes from all clients to the aggregator.
    pub bytes_up: u64,
    /// Bytes from the aggregator to all clients.
    pub bytes_down: u64,
}

/// What is to be done outside.
pub enum Next {
    /// These clients (by index) want to train.
    Train(Vec<usize>),
    /// A new version of the model was published.
    Published,
    /// The room is finished.
    Finished,
}

impl Exchange {
    /// Everyone is in the room and ready, and says to have as many examples as `claims` has for it. `labels` is the number of
    /// the room's labels.
    pub fn new(coordinator: Coordinator, examples: Vec<Arc<Vec<Example>>>, claims: &[u32], labels: usize) -> Self {
        let mut exchange = Self { coordinator, clients: Vec::new(), bytes_up: 0, bytes_down: 0 };
        for ((number, examples), &claimed) in (0_u64..).zip(examples).zip(claims) {
            let config = ParticipantConfig {
                room: exchange.coordinator.config().code.clone(),
                name: Some(format!("client {}", number + 1)),
                token: None,
                software: concat!("chorus simulate ", env!("CARGO_PKG_VERSION")).to_owned(),
                seed: number,
            };
            let mut participant = Participant::new(config, NOW);
            let mut counts = per_label(&examples, labels);
            if let Some(first) = counts.first_mut() {
                *first += claimed.saturating_sub(examples.len() as u32);
            }
            participant.handle(NOW, Input::Holdings { examples: claimed, labels: counts });
            participant.handle(NOW, Input::TakePart(true));
            let connection = ConnectionId(number + 1);
            exchange.clients.push(Client {
                participant,
                connection,
                examples,
                frames: VecDeque::new(),
                training: None,
            });
        }
        exchange
    }

    /// The room.
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// What a client was asked to train, and on which examples.
    pub fn request(&self, client: usize) -> Option<(&TrainRequest, &[Example])> {
        let client = self.clients.get(client)?;
        Some((client.training.as_ref()?, &client.examples))
    }

    /// A client's training is done.
    pub fn trained(&mut self, client: usize, inputs: impl Iterator<Item = Input>) {
        if let Some(client) = self.clients.get_mut(client) {
            client.training = None;
            for input in inputs {
                client.participant.handle(NOW, input);
            }
        }
    }

    /// Lets everything happen until somebody outside has to do something.
    pub fn go_on(&mut self) -> Result<Next> {
        loop {
            let mut quiet = true;
            while let Some(action) = self.coordinator.poll_action() {
                quiet = false;
                if self.act(action)? {
                    return Ok(Next::Published);
                }
            }
            for client in 0..self.clients.len() {
                while let Some(output) = self.clients[client].participant.poll_output() {
                    quiet = false;
                    self.put_out(client, output)?;
                }
                while let Some(frame) = self.clients[client].frames.pop_front() {
                    quiet = false;
                    self.bytes_up += frame.len() as u64;
                    let connection = self.clients[client].connection;
                    self.coordinator.handle(NOW, Event::Chunk { connection, chunk: Chunk::parse(frame)? });
                }
            }
            if quiet {
                break;
            }
        }
        let training: Vec<usize> =
            (0..self.clients.len()).filter(|&client| self.clients[client].training.is_some()).collect();
        if !training.is_empty() {
            Ok(Next::Train(training))
        } else if self.coordinator.history().len() as u32 == self.coordinator.config().rounds {
            Ok(Next::Finished)
        } else {
            let view = self.clients.iter().find_map(|client| client.participant.view().notice.map(str::to_owned));
            bail!("nobody has anything to do although rounds are left: {}", view.unwrap_or_default())
        }
    }

    /// Carries out what the coordinator wants; true where a new model was published.
    fn act(&mut self, action: Action) -> Result<bool> {
        match action {
            Action::Send { connection, message } => self.deliver(connection, &message)?,
            Action::Broadcast { connections, message } => {
                for connection in connections {
                    self.deliver(connection, &message)?;
                }
            }
            Action::SendModel { connection, transfer, bytes } => {
                for frame in protocol::chunks(transfer, bytes) {
                    self.bytes_down += frame.len() as u64;
                    self.input(connection, Input::Chunk(Chunk::parse(frame)?));
                }
            }
            Action::Close { connection, .. } => self.input(connection, Input::Closed),
            Action::Checkpoint { model } => return Ok(model),
        }
        Ok(false)
    }

    fn deliver(&mut self, connection: ConnectionId, message: &ServerMessage) -> Result<()> {
        let text = serde_json::to_string(message)?;
        self.bytes_down += text.len() as u64;
        if let ServerMessage::Refused { message, .. } | ServerMessage::Error { message, .. } = message {
            bail!("the room refuses what a client does: {message}");
        }
        self.input(
            connection,
            Input::Message(parse_server(&text).context("the room says what its own protocol forbids")?),
        );
        Ok(())
    }

    fn input(&mut self, connection: ConnectionId, input: Input) {
        if let Some(client) = self.clients.iter_mut().find(|client| client.connection == connection) {
            client.participant.handle(NOW, input);
        }
    }

    fn put_out(&mut self, client: usize, output: Output) -> Result<()> {
        let Client { participant, connection, examples, frames, training } = &mut self.clients[client];
        match output {
            Output::Connect => {
                let fresh_token = Token::from_random(u128::from(connection.0));
                self.coordinator.handle(NOW, Event::Connected { connection: *connection, fresh_token });
                participant.handle(NOW, Input::Opened);
            }
            Output::Send(message) => {
                let (connection, text) = (*connection, serde_json::to_string(&message)?);
                self.bytes_up += text.len() as u64;
                let message: ClientMessage = parse_client(&text).context("a client says what the protocol forbids")?;
                self.coordinator.handle(NOW, Event::Message { connection, message });
            }
            Output::SendBytes { transfer, bytes } => frames.extend(protocol::chunks(transfer, bytes)),
            Output::StopSending { .. } => frames.clear(),
            Output::ComputeStatistics => {
                let FrameSums { frames, sum, sum_squares } = FrameSums::of(examples.iter());
                participant.handle(NOW, Input::Statistics { frames, sum, sum_squares });
            }
            Output::Train(request) => *training = Some(request),
            Output::StopTraining => *training = None,
            Output::Disconnect => bail!("a client was sent away"),
            Output::RememberToken(_) | Output::Finished { .. } | Output::Changed => {}
        }
        Ok(())
    }
}
