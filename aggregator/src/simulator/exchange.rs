//! When what happens in a simulated room. One coordinator and its participants are connected by `federation::in_memory`, which
//! writes every message as it would travel, so that its bytes are counted. Time stands still, and nobody is late; or, under
//! circumstances, there is a made-up clock, by which messages are there at once, and models, training and updates take
//! their time.

use std::sync::Arc;

use anyhow::{Result, bail};
use client::RoundWork;
use federation::in_memory::{Client as Program, Frame, Network};
use federation::{
    Action, ConnectionId, Coordinator, Event, Input, MaskingMemory, MaskingSecrets, Millis, Output, Participant,
    ParticipantConfig, TrainRequest,
};
use models::Example;
use protocol::{HostCommand, ServerMessage, Token};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::circumstances::passes;
use super::clock::{Clock, Happening};

/// The one moment at which everything happens where there is no clock.
pub(super) const NOW: Millis = Millis(1);
/// Trainings that are computed at a time under circumstances, for each core: the next ones that are due. Some may be in vain.
const AHEAD: usize = 2;
/// A client that was away is back so long after the round is over, milliseconds.
const RETURNS_MS: u64 = 1_000;

/// Someone who takes part.
struct Client {
    program: Program,
    examples: Arc<Vec<Example>>,
    /// How many examples it says to have.
    claimed: u32,
    /// What it says of its features, where that is not true.
    lie: Option<Input>,
    /// Lost its connection.
    away: bool,
    /// And is on its way back.
    called_back: bool,
    /// Whether it takes no part in the present round.
    looks_on: bool,
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
    network: Network,
    labels: usize,
    clock: Option<Clock>,
    /// Who gives to each round, where that is known beforehand.
    attendance: Vec<Vec<usize>>,
    /// Bytes from all clients to the aggregator.
    pub bytes_up: u64,
    /// Bytes from the aggregator to all clients.
    pub bytes_down: u64,
}

/// What a client was asked to train.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What the room asks.
    pub asked: &'a TrainRequest,
    /// On what.
    pub examples: &'a [Example],
    /// How long a step takes it, milliseconds, where there is a clock.
    pub step_ms: Option<f64>,
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
            network: Network::default(),
            labels,
            clock,
            attendance: Vec::new(),
            bytes_up: 0,
            bytes_down: 0,
        };
        for (number, (examples, &claimed)) in examples.into_iter().zip(claims).enumerate() {
            exchange.clients.push(Client {
                program: Program::new(
                    exchange.participant(number, &examples, claimed, None, MaskingMemory::default()),
                    None,
                ),
                examples,
                claimed,
                lie: None,
                away: false,
                called_back: false,
                looks_on: false,
                work: 0,
                asked: 0,
                result: None,
            });
        }
        exchange
    }

    /// Clients say this of their features, those with `None` the truth.
    pub fn lie(&mut self, said: Vec<Option<Input>>) {
        for (client, said) in self.clients.iter_mut().zip(said) {
            client.lie = said;
        }
    }

    /// In each round these clients alone give something, in rounds without any and beyond them everyone. The others train for
    /// nothing, and the round is closed without them. Under masks they are lost after the masks are on, which come off the sum all the
    /// same; where that takes more than gave, the others cannot have been there when they were put on, and look on.
    pub fn attend(&mut self, attendance: Vec<Vec<usize>>) {
        self.attendance = attendance;
    }

    /// Has clients look on or take part as the present round wants it.
    fn seat(&mut self) {
        let Some(masking) = self.coordinator.config().masking else { return };
        let now = self.now();
        let giving = (0..self.clients.len()).filter(|&client| self.attends(client)).count();
        let enough = giving >= masking.server.threshold(self.clients.len());
        for number in 0..self.clients.len() {
            let looks_on = !enough && !self.attends(number);
            let client = &mut self.clients[number];
            if client.looks_on != looks_on {
                client.looks_on = looks_on;
                client.program.participant.handle(now, Input::TakePart(!looks_on));
            }
        }
    }

    fn attends(&self, client: usize) -> bool {
        let present = self.attendance.get(self.coordinator.history().len()).filter(|present| !present.is_empty());
        present.is_none_or(|present| present.contains(&client))
    }

    /// A client's program as it starts.
    fn participant(
        &self,
        number: usize,
        examples: &[Example],
        claimed: u32,
        token: Option<Token>,
        memory: MaskingMemory,
    ) -> Participant {
        let config = ParticipantConfig {
            room: self.coordinator.config().code.clone(),
            name: Some(format!("client {}", number + 1)),
            token,
            software: concat!("chorus simulate ", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: number as u64,
            masking: self.coordinator.config().masking.map(|_| secrets(number, memory)),
        };
        let mut participant = Participant::new(config, self.now());
        let mut labels = client::per_label(examples.iter().map(|example| example.label), self.labels);
        if let Some(first) = labels.first_mut() {
            *first += claimed.saturating_sub(examples.len() as u32);
        }
        participant.handle(self.now(), Input::Holdings { examples: claimed, labels, held_back: 0, step_ms: None });
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

    /// In an edge's room, lets everything happen that happens at this moment: who wants to train then, by index.
    ///
    /// # Errors
    /// A client, or the room, does what it should not.
    pub fn settle_led(&mut self) -> Result<Vec<usize>> {
        while self.settle()? {}
        Ok((0..self.clients.len()).filter(|&client| self.clients[client].program.training.is_some()).collect())
    }

    /// The room, to be led.
    pub fn coordinator_mut(&mut self) -> &mut Coordinator {
        &mut self.coordinator
    }

    /// The room.
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// What a client was asked to train.
    pub fn request(&self, number: usize) -> Option<Request<'_>> {
        let client = self.clients.get(number)?;
        let asked = client.program.training.as_ref()?;
        let batch_size = asked.training.settings.batch_size;
        let step_ms = self.clock.as_ref().map(|clock| clock.circumstances.step_ms(clock.seed, number, batch_size));
        Some(Request { asked, examples: &client.examples, step_ms })
    }

    /// What a client's training gave.
    pub fn trained(&mut self, client: usize, inputs: impl Iterator<Item = Input>) {
        let now = self.now();
        let Some(client) = self.clients.get_mut(client) else { return };
        if self.clock.is_some() {
            client.result = Some(inputs.collect());
            return;
        }
        client.program.training = None;
        for input in inputs {
            client.program.participant.handle(now, input);
        }
    }

    /// Lets everything happen until somebody outside has to do something.
    pub fn go_on(&mut self) -> Result<Next> {
        let mut idle = 0;
        loop {
            if !self.attendance.is_empty() {
                self.seat();
            }
            if self.settle()? {
                return Ok(Next::Published);
            }
            if self.coordinator.history().len() as u32 == self.coordinator.config().rounds && self.clock.is_some() {
                return Ok(Next::Finished);
            }
            let Some(clock) = &mut self.clock else {
                match self.whose_turn()? {
                    Some(next) => return Ok(next),
                    None => continue,
                }
            };
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
                    && let Some(wish) = self.clients[client].program.next_wish()
                {
                    quiet = false;
                    self.put_out(client, wish)?;
                }
                while let Some((frame, sent)) = self.clients[client].program.next_frame() {
                    quiet = false;
                    self.say(client, frame)?;
                    let now = self.now();
                    self.clients[client].program.participant.handle(now, sent);
                }
            }
            if quiet {
                return Ok(false);
            }
        }
    }

    /// Where time stands still, somebody outside has to do something when all is quiet; or those who attend have done so, and the
    /// round is closed.
    fn whose_turn(&mut self) -> Result<Option<Next>> {
        let training: Vec<usize> =
            (0..self.clients.len()).filter(|&client| self.clients[client].program.training.is_some()).collect();
        let attending: Vec<usize> = training.iter().copied().filter(|&client| self.attends(client)).collect();
        if !attending.is_empty() {
            Ok(Some(Next::Train(attending)))
        } else if self.coordinator.history().len() as u32 == self.coordinator.config().rounds {
            Ok(Some(Next::Finished))
        } else if !training.is_empty() {
            let now = self.now();
            self.coordinator.command(now, HostCommand::NextRound)?;
            Ok(None)
        } else {
            let notice = self.clients.iter().find_map(|client| client.program.participant.view().notice);
            let message = notice.map(|notice| notice.message.as_str()).unwrap_or_default();
            bail!("nobody has anything to do although rounds are left: {message}")
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
                for frame in protocol::chunks(transfer, bytes).map(Frame::Binary) {
                    self.bytes_down += frame.bytes() as u64;
                    client.program.participant.handle(now, frame.input());
                }
            }
            Happening::Trained => {
                client.program.training = None;
                for input in client.result.take().into_iter().flatten() {
                    client.program.participant.handle(now, input);
                }
            }
            Happening::Uploaded { transfer, bytes } => client.program.uploads(transfer, bytes),
            Happening::Lost => {
                let (connection, token) = (client.program.connection, client.program.token.clone());
                let (examples, claimed) = (client.examples.clone(), client.claimed);
                (client.away, client.called_back, client.result) = (true, false, None);
                client.work += 1;
                let work = client.work;
                // Sooner, where the round is over sooner.
                clock.later(clock.circumstances.deadline_ms, number, work, Happening::Returns);
                if let Some(connection) = connection {
                    self.network.client_closes(connection);
                    let lost = self.network.server_loses(connection);
                    self.coordinator.handle(now, lost);
                }
                // Its program is started anew, and holds no model meanwhile.
                let memory = self.clients[number].program.masking.clone();
                let participant = self.participant(number, &examples, claimed, token.clone(), memory);
                self.clients[number].program = Program::new(participant, token);
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
        let mut abandoned = false;
        match (&action, &mut self.clock) {
            (Action::Send { message, .. } | Action::Broadcast { message, .. }, clock) => {
                match (message, clock) {
                    // With a clock, somebody may be late.
                    (ServerMessage::Refused { .. }, Some(_)) => {}
                    (ServerMessage::Refused { message, .. } | ServerMessage::Error { message, .. }, _) => {
                        bail!("the room refuses what a client does: {message}");
                    }
                    _ => {}
                }
                let of_status = matches!(message, ServerMessage::Status(_) | ServerMessage::StatusChanges { .. });
                if let (Action::Broadcast { connections, .. }, Some(_), true) = (&action, &self.clock, of_status) {
                    // Counted like all others; but nobody looks at it, and a thousand clients would read a thousand rows each.
                    self.bytes_down += (Frame::of_server(message).bytes() * connections.len()) as u64;
                    return Ok(false);
                }
                abandoned = matches!(message, ServerMessage::RoundAbandoned { .. });
            }
            (Action::SendModel { connection, transfer, bytes }, Some(clock)) => {
                let Some(number) = self.network.link(*connection).and_then(|link| link.client) else {
                    return Ok(false);
                };
                let client = &mut self.clients[number];
                client.work += 1;
                let milliseconds = clock.circumstances.transfer_ms(bytes.len());
                let downloaded = Happening::Downloaded { transfer: *transfer, bytes: bytes.clone() };
                clock.later(milliseconds, number, client.work, downloaded);
                return Ok(false);
            }
            (Action::SendModel { .. }, None) => {}
            (Action::Close { .. }, _) => bail!("a client was sent away"),
            (Action::Checkpoint { model }, _) => {
                let model = *model;
                if model {
                    self.call_back();
                }
                return Ok(model);
            }
        }
        for connection in self.network.carry(action) {
            while self.network.hand_model(connection) {}
            while let Some(frame) = self.network.arrives_down(connection) {
                self.hear(connection, frame)?;
            }
        }
        if abandoned {
            self.call_back();
        }
        Ok(false)
    }

    /// A frame from the room reaches its client.
    fn hear(&mut self, connection: ConnectionId, frame: Frame) -> Result<()> {
        self.bytes_down += frame.bytes() as u64;
        let input = frame.input();
        if let Input::Malformed(error) = &input {
            bail!("the room says what its own protocol forbids: {error}");
        }
        let now = self.now();
        if let Some(client) = self.network.link(connection).and_then(|link| link.client) {
            self.clients[client].program.participant.handle(now, input);
        }
        Ok(())
    }

    /// A client's frame reaches the room.
    fn say(&mut self, number: usize, frame: Frame) -> Result<()> {
        let Some(connection) = self.clients[number].program.connection else { return Ok(()) };
        self.network.say(connection, frame);
        while let Some(frame) = self.network.arrives_up(connection) {
            self.bytes_up += frame.bytes() as u64;
            let event = frame.event(connection);
            if let Event::Malformed { error, .. } = &event {
                bail!("a client says what the protocol forbids: {error}");
            }
            self.coordinator.handle(self.now(), event);
        }
        Ok(())
    }

    fn put_out(&mut self, number: usize, wish: Output) -> Result<()> {
        let now = self.now();
        let client = &mut self.clients[number];
        match wish {
            Output::Connect => {
                let (connection, connected) = self.network.open(Some(number));
                client.program.connection = Some(connection);
                self.coordinator.handle(now, connected);
                client.program.participant.handle(now, Input::Opened);
            }
            Output::Send(message) => self.say(number, Frame::of_client(&message))?,
            Output::SendBytes { transfer, bytes } => {
                if let Some(clock) = &mut self.clock {
                    client.program.frames.clear();
                    let milliseconds = clock.circumstances.transfer_ms(bytes.len());
                    clock.later(milliseconds, number, client.work, Happening::Uploaded { transfer, bytes });
                }
            }
            Output::StopSending { .. } => client.work += 1,
            Output::ComputeStatistics => {
                let said = client.lie.clone().unwrap_or_else(|| client::statistics(client.examples.iter()));
                client.program.participant.handle(now, said);
            }
            Output::Train(request) => {
                if let Some(clock) = &mut self.clock {
                    (client.asked, client.work, client.result) = (client.asked + 1, client.work + 1, None);
                    let (clips, settings) = (client.examples.len(), request.training.settings);
                    let step_ms = clock.circumstances.step_ms(clock.seed, number, settings.batch_size);
                    let most = RoundWork::of(&request, clips, Some(step_ms)).most_steps;
                    let passes = passes(&settings, clips, most);
                    let fate = clock.circumstances.fate(clock.seed, number, client.asked, clips, passes);
                    match fate.lost_after_ms {
                        Some(after) => clock.later(after, number, client.work, Happening::Lost),
                        None => clock.later(fate.training_ms, number, client.work, Happening::Trained),
                    }
                }
            }
            Output::StopTraining => {
                client.result = None;
                client.work += 1;
            }
            Output::Disconnect => bail!("a client was sent away"),
            Output::RememberToken(_) | Output::RememberMasking(_) | Output::Finished { .. } | Output::Changed => {}
        }
        Ok(())
    }
}

/// What a simulated client has for masked rooms: the same in every run, so that it can be repeated, and secret from nobody. A
/// program that is started anew, with a memory, draws other numbers.
fn secrets(number: usize, memory: MaskingMemory) -> MaskingSecrets {
    let draw = |stream: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(number as u64);
        random.set_stream(stream);
        random.random()
    };
    let begun = if memory == MaskingMemory::default() { 1 } else { 2 };
    MaskingSecrets { seat: draw(0), random: draw(begun), memory }
}

#[cfg(test)]
mod tests {
    use client::LocalRound;
    use federation::MemorySpool;
    use models::{FEATURES, FRAMES};
    use protocol::{Adversary, MaskedEncoding, Masking, RoomCode, RoomConfig, TrainingResult};

    use super::*;

    const PARAMETERS: usize = 6;
    const CLIENTS: usize = 5;

    /// Who gave to each round, and by how much it moved the model's first number, where client n says n + 1 hundredths.
    fn played(server: Adversary, attendance: &[Vec<usize>]) -> Vec<(Vec<usize>, f32)> {
        let labels = vec!["left".to_owned(), "right".to_owned()];
        let mut room = RoomConfig::new(RoomCode::from_random(1), "one", PARAMETERS as u32, labels);
        room.masking = Some(Masking { server, encoding: MaskedEncoding::Masked32, clip: 1.0 });
        (room.rounds, room.least, room.weight_cap) = (attendance.len() as u32, 3, 2);
        let coordinator = Coordinator::new(room, vec![0.0; PARAMETERS], Box::<MemorySpool>::default()).unwrap();
        let clip = |label| Example {
            values: vec![0.5; FRAMES * FEATURES],
            frames: FRAMES,
            text: Vec::new(),
            label,
            variants: Vec::new(),
        };
        let shares = (0..CLIENTS).map(|_| Arc::new(vec![clip(0), clip(1)])).collect();
        let mut exchange = Exchange::new(coordinator, shares, &[2; CLIENTS], 2, None);
        exchange.attend(attendance.to_vec());
        let (mut rounds, mut trained, mut before) = (Vec::new(), Vec::new(), 0.0);
        loop {
            match exchange.go_on().unwrap() {
                Next::Train(clients) => {
                    for client in clients {
                        let asked = exchange.request(client).unwrap().asked.clone();
                        let parameters = asked.model.iter().map(|value| value + (client + 1) as f32 / 100.0).collect();
                        let training = TrainingResult { loss: 1.0, accuracy: 0.5 };
                        let result = LocalRound { evaluation: None, parameters, examples: 2, steps: 1, training };
                        exchange.trained(client, result.into_inputs(&asked));
                        trained.push(client);
                    }
                }
                Next::Published => {
                    let now = exchange.coordinator().model().parameters()[0];
                    rounds.push((std::mem::take(&mut trained), now - std::mem::replace(&mut before, now)));
                }
                Next::Finished => break,
            }
        }
        let counted: Vec<usize> =
            exchange.coordinator().history().iter().map(|record| record.clients as usize).collect();
        assert_eq!(counted, rounds.iter().map(|(clients, _)| clients.len()).collect::<Vec<_>>());
        rounds
    }

    /// Of five with their masks on, four open the sum against a server that may lie, and three against one that only looks.
    #[test]
    fn whoever_is_lost_from_a_masked_round_is_not_in_its_sum_and_the_round_is_there() {
        let attendance = [vec![0, 1, 2, 3, 4], vec![1, 2, 3, 4], vec![0, 2, 4], vec![0, 1, 2, 3, 4], vec![1, 2, 3]];
        for server in [Adversary::Active, Adversary::Curious] {
            let rounds = played(server, &attendance);
            for ((clients, moved), wanted) in rounds.iter().zip(&attendance) {
                assert_eq!(clients, wanted, "{server:?}");
                let mean = wanted.iter().map(|client| (client + 1) as f32).sum::<f32>() / wanted.len() as f32 / 100.0;
                assert!((moved - mean).abs() < 1e-6, "{server:?}, {wanted:?}: {moved} for {mean}");
            }
            assert_eq!(rounds.len(), attendance.len());
        }
    }
}
