//! One coordinator and its participants in memory. Every message is written as it would travel and read back, so that
//! its bytes are counted and nothing passes that a socket would not. Time stands still, and nobody is late; or, under
//! circumstances, there is a made-up clock, by which messages are there at once, and models, training and updates take
//! their time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use federation::{
    Action, ConnectionId, Coordinator, Event, Input, Millis, Output, Participant, ParticipantConfig, TrainRequest,
};
use models::Example;
use protocol::{Chunk, ClientMessage, ServerMessage, Token, parse_client, parse_server};

use super::clock::{Clock, Happening};

/// The one moment at which everything happens where there is no clock.
const NOW: Millis = Millis(1);
/// Trainings that are computed at a time under circumstances, for each core: the next ones that are due. Some may be in vain.
const AHEAD: usize = 2;
/// A client that was away is back so long after the round is over, milliseconds.
const RETURNS_MS: u64 = 1_000;

/// Someone who takes part.
struct Client {
    participant: Participant,
    connection: ConnectionId,
    examples: Arc<Vec<Example>>,
    /// How many examples it says to have.
    claimed: u32,
    frames: VecDeque<Bytes>,
    training: Option<TrainRequest>,
    /// What it remembers where it comes back.
    token: Option<Token>,
    /// Lost its connection.
    away: bool,
    /// And is on its way back.
    called_back: bool,
    /// The number of what it is at; what was decided for an earlier one does not happen.
    work: u64,
    /// How often it was asked to train.
    asked: u32,
    /// What its training gave, before it is done by the clock.
    result: Option<Vec<Input>>,
}

/// A room and everyone in it.
pub struct Exchange {
    coordinator: Coordinator,
    clients: Vec<Client>,
    by_connection: HashMap<ConnectionId, usize>,
    connections: u64,
    labels: usize,
    clock: Option<Clock>,
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
    pub fn new(
        coordinator: Coordinator,
        examples: Vec<Arc<Vec<Example>>>,
        claims: &[u32],
        labels: usize,
        clock: Option<Clock>,
    ) -> Self {
        let mut exchange = Self {
            coordinator,
            clients: Vec::new(),
            by_connection: HashMap::new(),
            connections: 0,
            labels,
            clock,
            bytes_up: 0,
            bytes_down: 0,
        };
        for (number, (examples, &claimed)) in examples.into_iter().zip(claims).enumerate() {
            exchange.clients.push(Client {
                participant: exchange.participant(number, &examples, claimed, None),
                connection: ConnectionId(0),
                examples,
                claimed,
                frames: VecDeque::new(),
                training: None,
                token: None,
                away: false,
                called_back: false,
                work: 0,
                asked: 0,
                result: None,
            });
        }
        exchange
    }

    /// A client's program as it starts.
    fn participant(&self, number: usize, examples: &[Example], claimed: u32, token: Option<Token>) -> Participant {
        let config = ParticipantConfig {
            room: self.coordinator.config().code.clone(),
            name: Some(format!("client {}", number + 1)),
            token,
            software: concat!("chorus simulate ", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: number as u64,
        };
        let mut participant = Participant::new(config, self.now());
        let mut labels = client::per_label(examples.iter().map(|example| example.label), self.labels);
        if let Some(first) = labels.first_mut() {
            *first += claimed.saturating_sub(examples.len() as u32);
        }
        participant.handle(self.now(), Input::Holdings { examples: claimed, labels });
        participant.handle(self.now(), Input::TakePart(true));
        participant
    }

    fn now(&self) -> Millis {
        self.clock.as_ref().map_or(NOW, |clock| clock.now)
    }

    /// What the made-up clock shows, seconds; `None` where there is none.
    pub fn seconds(&self) -> Option<f64> {
        self.clock.as_ref().map(|clock| clock.now.0 as f64 / 1_000.0)
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

    /// What a client's training gave.
    pub fn trained(&mut self, client: usize, inputs: impl Iterator<Item = Input>) {
        let now = self.now();
        let Some(client) = self.clients.get_mut(client) else { return };
        if self.clock.is_some() {
            client.result = Some(inputs.collect());
            return;
        }
        client.training = None;
        for input in inputs {
            client.participant.handle(now, input);
        }
    }

    /// Lets everything happen until somebody outside has to do something.
    pub fn go_on(&mut self) -> Result<Next> {
        let mut idle = 0;
        loop {
            if self.settle()? {
                return Ok(Next::Published);
            }
            if self.coordinator.history().len() as u32 == self.coordinator.config().rounds && self.clock.is_some() {
                return Ok(Next::Finished);
            }
            let Some(clock) = &mut self.clock else { return self.whose_turn() };
            if let Some(timeout) = self.coordinator.next_timeout()
                && clock.next().is_none_or(|(at, ..)| timeout < at)
            {
                // Heartbeats go on for ever, also where nothing else does.
                idle += 1;
                if idle > 100_000 {
                    bail!(
                        "nothing happens any more although rounds are left; try a longer deadline or fewer drop-outs"
                    );
                }
                clock.now = clock.now.max(timeout);
                self.coordinator.handle_timeout(clock.now);
                continue;
            }
            idle = 0;
            if let Some((_, client, work, Happening::Trained)) = clock.next()
                && self.clients[client].work == work
                && self.clients[client].result.is_none()
            {
                return Ok(Next::Train(self.next_trainings()));
            }
            self.next_happens();
        }
    }

    /// Lets everything happen that happens at this moment; true where a new model was published.
    fn settle(&mut self) -> Result<bool> {
        loop {
            let mut quiet = true;
            while let Some(action) = self.coordinator.poll_action() {
                quiet = false;
                if self.act(action)? {
                    return Ok(true);
                }
            }
            for client in 0..self.clients.len() {
                while !self.clients[client].away
                    && let Some(output) = self.clients[client].participant.poll_output()
                {
                    quiet = false;
                    self.put_out(client, output)?;
                }
                while let Some(frame) = self.clients[client].frames.pop_front() {
                    quiet = false;
                    self.bytes_up += frame.len() as u64;
                    let connection = self.clients[client].connection;
                    self.coordinator.handle(self.now(), Event::Chunk { connection, chunk: Chunk::parse(frame)? });
                }
            }
            if quiet {
                return Ok(false);
            }
        }
    }

    /// Where time stands still, somebody outside has to do something when all is quiet.
    fn whose_turn(&self) -> Result<Next> {
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

    /// The clients whose training is done next and has not been computed yet.
    fn next_trainings(&self) -> Vec<usize> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let due = self.clock.iter().flat_map(Clock::trainings);
        let due = due.filter(|&(client, work)| {
            let client = &self.clients[client];
            client.work == work && client.result.is_none()
        });
        due.map(|(client, _)| client).take(AHEAD * cores).collect()
    }

    /// The next thing happens.
    fn next_happens(&mut self) {
        let Some(clock) = &mut self.clock else { return };
        let Some((number, work, happening)) = clock.take() else { return };
        let now = clock.now;
        let client = &mut self.clients[number];
        if client.work != work {
            return; // It is at something else by now.
        }
        match happening {
            Happening::Downloaded { transfer, bytes } => {
                for frame in protocol::chunks(transfer, bytes) {
                    self.bytes_down += frame.len() as u64;
                    if let Ok(chunk) = Chunk::parse(frame) {
                        client.participant.handle(now, Input::Chunk(chunk));
                    }
                }
            }
            Happening::Trained => {
                client.training = None;
                for input in client.result.take().into_iter().flatten() {
                    client.participant.handle(now, input);
                }
            }
            Happening::Uploaded { transfer, bytes } => client.frames.extend(protocol::chunks(transfer, bytes)),
            Happening::Lost => {
                let (connection, token, examples) = (client.connection, client.token.clone(), client.examples.clone());
                (client.away, client.called_back, client.training, client.result) = (true, false, None, None);
                client.work += 1;
                client.frames.clear();
                let work = client.work;
                // Sooner, where the round is over sooner.
                clock.later(clock.circumstances.deadline_ms, number, work, Happening::Returns);
                self.by_connection.remove(&connection);
                self.coordinator.handle(now, Event::Disconnected { connection });
                // Its program is started anew, and holds no model meanwhile.
                let claimed = self.clients[number].claimed;
                self.clients[number].participant = self.participant(number, &examples, claimed, token);
            }
            Happening::Returns => {
                client.away = false;
                client.work += 1;
            }
        }
    }

    /// A round is over: who was lost in it comes back.
    fn call_back(&mut self) {
        let Some(clock) = &mut self.clock else { return };
        for (number, client) in
            self.clients.iter_mut().enumerate().filter(|(_, client)| client.away && !client.called_back)
        {
            client.called_back = true;
            client.work += 1;
            clock.later(RETURNS_MS, number, client.work, Happening::Returns);
        }
    }

    /// Carries out what the coordinator wants; true where a new model was published.
    fn act(&mut self, action: Action) -> Result<bool> {
        match action {
            Action::Send { connection, message } => self.deliver(connection, &message)?,
            Action::Broadcast { connections, message } => {
                if let (ServerMessage::Status(_), Some(_)) = (&message, &self.clock) {
                    // Counted like all others; but nobody looks at it, and a thousand clients would read a thousand rows each.
                    self.bytes_down += (serde_json::to_string(&message)?.len() * connections.len()) as u64;
                    return Ok(false);
                }
                for connection in connections {
                    self.deliver(connection, &message)?;
                }
                if let ServerMessage::RoundAbandoned { .. } = message {
                    self.call_back();
                }
            }
            Action::SendModel { connection, transfer, bytes } => {
                if let Some(clock) = &mut self.clock {
                    let Some(&number) = self.by_connection.get(&connection) else { return Ok(false) };
                    let client = &mut self.clients[number];
                    client.work += 1;
                    let milliseconds = clock.circumstances.transfer_ms(bytes.len());
                    clock.later(milliseconds, number, client.work, Happening::Downloaded { transfer, bytes });
                    return Ok(false);
                }
                for frame in protocol::chunks(transfer, bytes) {
                    self.bytes_down += frame.len() as u64;
                    self.input(connection, Input::Chunk(Chunk::parse(frame)?));
                }
            }
            Action::Close { connection, .. } => self.input(connection, Input::Closed),
            Action::Checkpoint { model } => {
                if model {
                    self.call_back();
                }
                return Ok(model);
            }
        }
        Ok(false)
    }

    fn deliver(&mut self, connection: ConnectionId, message: &ServerMessage) -> Result<()> {
        let text = serde_json::to_string(message)?;
        self.bytes_down += text.len() as u64;
        match message {
            // With a clock, somebody may be late.
            ServerMessage::Refused { .. } if self.clock.is_some() => {}
            ServerMessage::Refused { message, .. } | ServerMessage::Error { message, .. } => {
                bail!("the room refuses what a client does: {message}");
            }
            _ => {}
        }
        self.input(
            connection,
            Input::Message(parse_server(&text).context("the room says what its own protocol forbids")?),
        );
        Ok(())
    }

    fn input(&mut self, connection: ConnectionId, input: Input) {
        let now = self.now();
        if let Some(&client) = self.by_connection.get(&connection) {
            self.clients[client].participant.handle(now, input);
        }
    }

    fn put_out(&mut self, number: usize, output: Output) -> Result<()> {
        let now = self.now();
        let client = &mut self.clients[number];
        match output {
            Output::Connect => {
                self.connections += 1;
                let connection = ConnectionId(self.connections);
                client.connection = connection;
                self.by_connection.insert(connection, number);
                let fresh_token = Token::from_random(u128::from(connection.0));
                self.coordinator.handle(now, Event::Connected { connection, fresh_token });
                client.participant.handle(now, Input::Opened);
            }
            Output::Send(message) => {
                let (connection, text) = (client.connection, serde_json::to_string(&message)?);
                self.bytes_up += text.len() as u64;
                let message: ClientMessage = parse_client(&text).context("a client says what the protocol forbids")?;
                self.coordinator.handle(now, Event::Message { connection, message });
            }
            Output::SendBytes { transfer, bytes } => match &mut self.clock {
                None => client.frames.extend(protocol::chunks(transfer, bytes)),
                Some(clock) => {
                    let milliseconds = clock.circumstances.transfer_ms(bytes.len());
                    clock.later(milliseconds, number, client.work, Happening::Uploaded { transfer, bytes });
                }
            },
            Output::StopSending { .. } => {
                client.frames.clear();
                client.work += 1;
            }
            Output::ComputeStatistics => {
                client.participant.handle(now, client::statistics(client.examples.iter()));
            }
            Output::Train(request) => {
                if let Some(clock) = &mut self.clock {
                    (client.asked, client.work, client.result) = (client.asked + 1, client.work + 1, None);
                    let (clips, epochs) = (client.examples.len(), request.training.settings.epochs);
                    let fate = clock.circumstances.fate(clock.seed, number, client.asked, clips, epochs);
                    match fate.lost_after_ms {
                        Some(after) => clock.later(after, number, client.work, Happening::Lost),
                        None => clock.later(fate.training_ms, number, client.work, Happening::Trained),
                    }
                }
                client.training = Some(request);
            }
            Output::StopTraining => {
                (client.training, client.result) = (None, None);
                client.work += 1;
            }
            Output::RememberToken(token) => client.token = Some(token),
            Output::Disconnect => bail!("a client was sent away"),
            Output::Finished { .. } | Output::Changed => {}
        }
        Ok(())
    }
}
