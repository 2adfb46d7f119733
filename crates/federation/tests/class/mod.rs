//! A class in memory: one coordinator, any number of participants, a network that carries real frames, and a clock
//! that a test sets. Training is made up: every student adds numbers of its own to the model.
//!
//! Whatever a test does, the class checks each published model against what the room's strategy makes of exactly the
//! updates that were accepted in that round, computed anew in f64.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![allow(dead_code, reason = "each test file uses its own part of the class")]

#[path = "../oracle/mod.rs"]
mod oracle;
mod spool;
mod step;

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use federation::in_memory::{Client, Frame, Network};
use federation::{
    Action, Checkpoint, ConnectionId, Coordinator, Event, HostError, Input, MaskingMemory, MaskingSecrets, Millis,
    Output, Participant, ParticipantConfig, TrainRequest,
};
use oracle::{Accepted, Oracle};
use protocol::{
    ClientMessage, Encoding, Evaluation, ModelVersion, Pace, RoomCode, RoomConfig, ServerMessage, Token, TrainingResult,
};
pub use spool::Disk;
pub use step::step;

/// One student.
pub struct Student {
    program: Client,
    /// Whether the network is there.
    pub online: bool,
    /// How often it was asked to train.
    pub trainings: u32,
    /// How often training was called off.
    pub stopped: u32,
    /// Whether it answers to `Train` at once.
    pub eager: bool,
    /// Whether it answers to `ComputeStatistics`.
    pub answers_statistics: bool,
    /// Whether the frames of its uploads stay with it until a test sends one.
    pub holds_frames: bool,
    pub finished: Option<Vec<f32>>,
    pub heard: Vec<ServerMessage>,
    pub examples: u32,
    /// Local steps that its training is said to take.
    pub steps: u32,
    number: u32,
    /// What it adds to a masked sum, once it has trained.
    plain: Option<Accepted>,
}

impl Deref for Student {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.program
    }
}

impl DerefMut for Student {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.program
    }
}

/// An update on its way, as the network saw it.
#[derive(Default)]
struct Seen {
    examples: u32,
    steps: u32,
    /// The version that it is a difference to.
    base: u32,
    bytes: Vec<u8>,
}

/// What the server has on disk: a room's record, its parameters, and what its strategy remembers.
#[derive(Clone)]
pub struct Stored {
    pub record: String,
    pub parameters: Vec<f32>,
    pub memory: BTreeMap<String, Vec<f32>>,
}

/// Everyone, and the network between them.
pub struct Class {
    pub coordinator: Coordinator,
    pub now: Millis,
    pub students: Vec<Student>,
    pub stored: Option<Stored>,
    /// The disk that the room's spool is on.
    pub disk: Disk,
    pub server_up: bool,
    /// What the coordinator wants done, in order.
    actions: VecDeque<Action>,
    network: Network,
    /// Updates under way, by connection and transfer.
    seen: BTreeMap<(ConnectionId, u32), Seen>,
    last_seen: BTreeMap<ConnectionId, u32>,
    /// The updates accepted in the open round.
    accepted: Vec<Accepted>,
    model: Vec<f32>,
    /// What rounding has left out of its steps.
    rest: Vec<f64>,
    /// The last version that was checked.
    present: u32,
    oracle: Oracle,
    /// How many published models were checked.
    pub published: u32,
    /// Whether the host begins and closes rounds with fewer than the room's least.
    pub hurried: bool,
    /// What connections without a participant were told.
    pub strangers: Vec<(ConnectionId, ServerMessage)>,
    /// Another of these, and what students draw at random is another.
    pub chance: u8,
}

pub fn config(parameters: u32) -> RoomConfig {
    let labels = ["angry", "happy", "neutral", "sad"].map(str::to_owned).to_vec();
    let mut config = RoomConfig::new(RoomCode::parse("KMPXZ").unwrap(), "tiny", parameters, labels);
    config.features = 3;
    config.rounds = 3;
    config.deadline_ms = 60_000;
    config.grace_ms = 10_000;
    config
}

impl Class {
    pub fn new(config: RoomConfig) -> Class {
        let model: Vec<f32> = (0..config.parameters).map(|index| step(77, 0, index as usize)).collect();
        let disk = Disk::default();
        let mut coordinator = Coordinator::new(config, model, disk.spool()).unwrap();
        coordinator.seed_noise([7; 32]);
        Class {
            model: coordinator.model().parameters().to_vec(),
            coordinator,
            disk,
            now: Millis(1_000),
            students: Vec::new(),
            stored: None,
            server_up: true,
            actions: VecDeque::new(),
            network: Network::default(),
            seen: BTreeMap::new(),
            last_seen: BTreeMap::new(),
            accepted: Vec::new(),
            rest: Vec::new(),
            present: 0,
            oracle: Oracle::default(),
            published: 0,
            hurried: false,
            strangers: Vec::new(),
            chance: 0,
        }
    }

    /// The parameters that the coordinator was made with.
    pub fn starts_from(&mut self, parameters: &[f32]) {
        self.model = parameters.to_vec();
    }

    /// A class of `count` eager students who take part.
    pub fn of(count: usize, config: RoomConfig) -> Class {
        let mut class = Class::new(config);
        for _ in 0..count {
            class.arrives(None);
        }
        class
    }

    /// A student opens the page, adds examples and takes part.
    pub fn arrives(&mut self, token: Option<Token>) -> usize {
        let student = self.opens_page(token);
        self.takes_part(student);
        student
    }

    /// A student opens the page, with the token of an earlier visit.
    pub fn opens_page(&mut self, token: Option<Token>) -> usize {
        let number = self.students.len() as u32;
        let config = ParticipantConfig {
            room: self.coordinator.config().code.clone(),
            name: token.is_none().then(|| format!("Student {number}")),
            token: token.clone(),
            software: "test".to_owned(),
            seed: u64::from(number),
            masking: self.coordinator.config().masking.map(|_| secrets(number, self.students.len() as u8, self.chance)),
        };
        self.students.push(Student {
            program: Client::new(Participant::new(config, self.now), token),
            online: true,
            trainings: 0,
            stopped: 0,
            eager: true,
            answers_statistics: true,
            holds_frames: false,
            finished: None,
            heard: Vec::new(),
            examples: 10 * (number + 1),
            steps: 1,
            number,
            plain: None,
        });
        self.students.len() - 1
    }

    pub fn takes_part(&mut self, student: usize) {
        let examples = self.students[student].examples;
        self.input(
            student,
            Input::Holdings { examples, labels: vec![examples, 0, 0, 0], held_back: examples, step_ms: None },
        );
        self.input(student, Input::TakePart(true));
    }

    pub fn input(&mut self, student: usize, input: Input) {
        self.students[student].participant.handle(self.now, input);
    }

    /// Students who take part and train when the test says so.
    pub fn waiting(count: usize, config: RoomConfig) -> Class {
        let mut class = Class::of(count, config);
        for student in &mut class.students {
            student.eager = false;
        }
        class.run();
        class
    }

    /// A student for each count of examples in a table of reference numbers, who waits as in [`Class::waiting`], and a model
    /// that starts as the table's.
    pub fn from_table(config: RoomConfig, initial: &[f32], examples: &[u32]) -> Class {
        let mut class = Class::new(config.clone());
        class.coordinator = Coordinator::new(config, initial.to_vec(), class.disk.spool()).unwrap();
        class.starts_from(initial);
        for &examples in examples {
            let student = class.opens_page(None);
            class.students[student].eager = false;
            class.students[student].examples = examples;
            class.takes_part(student);
        }
        class.run();
        class
    }

    /// Lets everything happen that happens at this moment.
    pub fn run(&mut self) {
        self.run_until(|_| false);
    }

    /// Lets everyone act until it is so, or nobody has anything to do.
    pub fn run_until(&mut self, so: impl Fn(&Class) -> bool) {
        for _ in 0..100_000 {
            let mut quiet = !self.carry_out();
            for student in 0..self.students.len() {
                while let Some(output) = self.students[student].next_wish() {
                    quiet = false;
                    self.put_out(student, output);
                    // As a server does: all that one event asks for, before the next one.
                    self.carry_out();
                    if so(self) {
                        return;
                    }
                }
                quiet &= !self.send_frames(student);
                self.carry_out();
            }
            if quiet {
                if self.coordinator.status(self.now).received == 0 {
                    self.accepted.clear(); // A round was abandoned, and nobody was there to hear it.
                }
                return;
            }
        }
        panic!("the class never comes to rest");
    }

    /// Does what the coordinator wants; false: nothing.
    fn carry_out(&mut self) -> bool {
        let mut busy = false;
        while let Some(action) = self.next_action() {
            busy = true;
            self.act(action);
        }
        busy
    }

    /// Lets time pass, waking everyone when they want to be woken.
    pub fn wait(&mut self, milliseconds: u64) {
        self.wait_until(milliseconds, |_| false);
    }

    /// The same, until it is so.
    pub fn wait_until(&mut self, milliseconds: u64, so: impl Fn(&Class) -> bool) {
        let end = self.now + milliseconds;
        self.run_until(&so);
        while !so(self) {
            let wakes = self.students.iter().filter_map(|student| student.participant.next_timeout());
            let server = self.server_up.then(|| self.coordinator.next_timeout()).flatten();
            let Some(next) = wakes.chain(server).min().filter(|next| *next <= end) else { break };
            let before = self.now;
            self.now = next.max(self.now);
            self.wake(&so);
            assert!(so(self) || next > before || self.wakes_later(), "somebody wants to be woken again and again");
        }
        if !so(self) {
            self.now = end;
        }
    }

    fn wake(&mut self, so: impl Fn(&Class) -> bool) {
        if self.server_up {
            self.coordinator.handle_timeout(self.now);
        }
        for student in &mut self.students {
            student.participant.handle_timeout(self.now);
        }
        self.run_until(so);
    }

    fn wakes_later(&self) -> bool {
        let wakes = self.students.iter().filter_map(|student| student.participant.next_timeout());
        let server = self.server_up.then(|| self.coordinator.next_timeout()).flatten();
        wakes.chain(server).all(|next| next > self.now)
    }

    /// The student's training is done.
    pub fn trains(&mut self, student: usize) {
        let Some(request) = self.students[student].training.take() else { return };
        let (number, version) = (self.students[student].number, request.model_version);
        let parameters = request.model.iter().enumerate();
        let parameters = parameters.map(|(index, value)| value + step(number, version.0, index)).collect();
        self.input(student, Input::Evaluated { model_version: version, evaluation: evaluation() });
        self.gives(student, &request, parameters);
    }

    /// The student's training gave these parameters.
    pub fn gives(&mut self, student: usize, request: &TrainRequest, parameters: Vec<f32>) {
        let Student { examples, steps, .. } = self.students[student];
        let training = TrainingResult { loss: 0.5, accuracy: 0.75 };
        let TrainRequest { round, model_version, .. } = *request;
        let weight = f64::from(examples.min(self.coordinator.config().weight_cap));
        let values = parameters.iter().zip(request.model.iter()).map(|(trained, model)| trained - model).collect();
        self.students[student].plain =
            Some(Accepted { weight, steps: f64::from(steps), whole: f64::from(steps), values });
        self.input(student, Input::Trained { round, model_version, parameters, examples, steps, training });
    }

    /// The network of a student breaks; `online` says whether it can connect again.
    pub fn loses_connection(&mut self, student: usize, online: bool) {
        self.students[student].online = online;
        self.disconnect(student);
        self.input(student, Input::Closed);
    }

    /// The tab is closed without a word.
    pub fn closes_tab(&mut self, student: usize) {
        self.students[student].online = false;
        self.disconnect(student);
        self.students[student].participant = Participant::new(
            ParticipantConfig {
                room: self.coordinator.config().code.clone(),
                name: None,
                token: None,
                software: String::new(),
                seed: 0,
                masking: None,
            },
            self.now,
        );
    }

    /// The server is killed. What it stored remains.
    pub fn kill_server(&mut self) {
        self.server_up = false;
        while self.next_action().is_some() {}
        for student in 0..self.students.len() {
            self.loses_connection(student, true);
        }
    }

    /// The server is started again from what it stored.
    pub fn start_server(&mut self) {
        let Stored { record, parameters, memory } = self.stored.clone().expect("the server stored something");
        let checkpoint: Checkpoint = serde_json::from_str(&record).unwrap();
        self.oracle.recall(&memory);
        self.disk = Disk::default();
        self.coordinator = Coordinator::restore(checkpoint, parameters, memory, self.disk.spool()).unwrap();
        self.coordinator.seed_noise([8; 32]);
        self.model = self.coordinator.model().parameters().to_vec();
        self.rest.clear();
        self.present = self.coordinator.model().version().0;
        self.accepted.clear();
        self.server_up = true;
    }

    /// The host goes back to what was stored of a version.
    pub fn goes_back_to(&mut self, version: u32, rounds: Option<u32>, stored: &Stored) -> Result<(), HostError> {
        let Stored { parameters, memory, .. } = stored.clone();
        self.coordinator.restart(self.now, ModelVersion(version), rounds, parameters.clone(), memory.clone())?;
        self.oracle.recall(&memory);
        self.model = parameters;
        self.rest.clear();
        self.accepted.clear();
        self.run();
        Ok(())
    }

    /// A connection that no participant is behind.
    pub fn stranger(&mut self) -> ConnectionId {
        let connection = self.connect(None);
        self.run();
        connection
    }

    fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front().or_else(|| self.coordinator.poll_action())
    }

    /// A text frame from anywhere.
    pub fn text(&mut self, connection: ConnectionId, text: &str) {
        let event = Frame::Text(text.to_owned()).event(connection);
        let announced = match &event {
            Event::Message {
                message: ClientMessage::Update { examples, steps, update, model_version, .. }, ..
            } => {
                let (examples, steps, base) = (*examples, *steps, model_version.0);
                Some((update.id.0, Seen { examples, steps, base, bytes: Vec::new() }))
            }
            _ => None,
        };
        self.coordinator.handle(self.now, event);
        let told = self.actions.len();
        self.actions.extend(std::iter::from_fn(|| self.coordinator.poll_action()));
        let refused = self.actions.range(told..).any(|action| {
            matches!(action, Action::Send { connection: to, message: ServerMessage::Refused { .. } } if *to == connection)
        });
        // One that is refused leaves an earlier one of the same name as it was.
        if let Some((id, seen)) = announced.filter(|_| !refused) {
            self.seen.insert((connection, id), seen);
        }
    }

    /// A binary frame from anywhere.
    pub fn frame(&mut self, connection: ConnectionId, frame: Bytes) {
        let event = Frame::Binary(frame).event(connection);
        if let Event::Chunk { chunk, .. } = &event
            && let Some(seen) = self.seen.get_mut(&(connection, chunk.transfer.0))
        {
            seen.bytes.truncate(chunk.offset as usize);
            seen.bytes.extend_from_slice(&chunk.payload);
            self.last_seen.insert(connection, chunk.transfer.0);
        }
        self.coordinator.handle(self.now, event);
    }

    fn connect(&mut self, student: Option<usize>) -> ConnectionId {
        let (connection, connected) = self.network.open(student);
        self.coordinator.handle(self.now, connected);
        connection
    }

    fn disconnect(&mut self, student: usize) {
        let connection = self.students[student].connection;
        self.students[student].disconnected();
        if let Some(connection) = connection {
            self.network.client_closes(connection);
            let lost = self.network.server_loses(connection);
            if self.server_up {
                self.coordinator.handle(self.now, lost);
            }
        }
    }

    fn put_out(&mut self, student: usize, output: Output) {
        match output {
            Output::Connect => {
                if self.server_up && self.students[student].online {
                    self.students[student].connection = Some(self.connect(Some(student)));
                    self.input(student, Input::Opened);
                } else {
                    self.input(student, Input::Closed);
                }
            }
            Output::Disconnect => self.disconnect(student),
            Output::Send(message) => {
                let text = serde_json::to_string(&message).unwrap();
                assert_eq!(message.check(), Ok(()), "a participant says what the protocol forbids: {text}");
                if let Some(connection) = self.students[student].connection {
                    self.text(connection, &text);
                }
            }
            Output::SendBytes { .. }
            | Output::StopSending { .. }
            | Output::RememberToken(_)
            | Output::RememberMasking(_) => {}
            Output::ComputeStatistics => {
                if self.students[student].answers_statistics {
                    self.input(
                        student,
                        Input::Statistics { frames: 4, sum: vec![4.0, 8.0, 0.0], sum_squares: vec![8.0, 16.0, 4.0] },
                    );
                }
            }
            Output::Train(_) => {
                self.students[student].trainings += 1;
                if self.students[student].eager {
                    self.trains(student);
                }
            }
            Output::StopTraining => self.students[student].stopped += 1,
            Output::Finished { model_version, model, .. } => {
                self.students[student].finished = Some(model.to_vec());
                self.input(student, Input::Evaluated { model_version, evaluation: evaluation() });
            }
            Output::Changed => {
                let _ = self.students[student].participant.view();
            }
        }
    }

    fn send_frames(&mut self, student: usize) -> bool {
        if self.students[student].holds_frames {
            return false;
        }
        self.send_frame(student)
    }

    /// Hands one binary frame to the network.
    pub fn send_frame(&mut self, student: usize) -> bool {
        let Some(connection) = self.students[student].connection else { return false };
        let Some((Frame::Binary(frame), sent)) = self.students[student].next_frame() else { return false };
        self.input(student, sent);
        self.frame(connection, frame);
        true
    }

    fn act(&mut self, action: Action) {
        match &action {
            Action::Send { connection, message: ServerMessage::Accepted { .. } } => self.note_accepted(*connection),
            Action::Close { connection, .. } => {
                let connection = *connection;
                self.coordinator.handle(self.now, Event::Disconnected { connection });
            }
            Action::Checkpoint { model } => self.store(*model),
            _ => {}
        }
        for connection in self.network.carry(action) {
            while self.network.hand_model(connection) {}
            while let Some(frame) = self.network.arrives_down(connection) {
                self.reaches(connection, frame);
            }
            if let Some(link) = self.network.link(connection).filter(|link| link.cut) {
                let student = link.client;
                self.network.client_closes(connection);
                if let Some(student) = student {
                    self.students[student].connection = None;
                    self.input(student, Input::Closed);
                }
            }
        }
    }

    fn store(&mut self, model: bool) {
        let record = serde_json::to_string(&self.coordinator.checkpoint()).unwrap();
        if model {
            self.check_published();
        }
        let parameters = self.coordinator.model().parameters().to_vec();
        let memory = self.coordinator.memory().into_iter();
        let memory = memory.map(|(name, values)| (name.to_owned(), values.to_vec())).collect();
        self.stored = Some(Stored { record, parameters, memory });
    }

    fn note_accepted(&mut self, connection: ConnectionId) {
        if self.coordinator.config().masking.is_some() {
            let student = self.network.link(connection).and_then(|link| link.client).expect("a student is accepted");
            return self.accepted.push(self.students[student].plain.clone().expect("who is accepted has trained"));
        }
        let transfer = self.last_seen[&connection];
        let seen = self.seen.remove(&(connection, transfer)).expect("what is accepted was announced");
        let encoding = self.coordinator.config().encoding;
        let values = encoding.values(&seen.bytes).unwrap().collect();
        let room = self.coordinator.config();
        let mut weight = f64::from(seen.examples.min(room.weight_cap));
        if let Pace::Asynchronous { staleness_exponent, .. } = room.pace {
            // An update that fills the buffer is told of when its version is out already.
            weight /= f64::from(1 + self.present - seen.base).powf(staleness_exponent);
        }
        let training = &room.training;
        let whole = if room.stragglers.is_whole() {
            seen.steps
        } else {
            training.epochs * seen.examples.div_ceil(training.batch_size)
        };
        self.accepted.push(Accepted { weight, steps: f64::from(seen.steps), whole: f64::from(whole), values });
    }

    /// A frame from the server is there.
    fn reaches(&mut self, connection: ConnectionId, frame: Frame) {
        let input = frame.clone().input();
        let student = self.network.link(connection).and_then(|link| link.client);
        match (&input, student) {
            (Input::Malformed(error), _) => panic!("{error}: {frame:?}"),
            (Input::Message(message), None) => self.strangers.push((connection, message.clone())),
            (Input::Message(message), Some(student)) => {
                if let ServerMessage::RoundAbandoned { .. } = message {
                    self.accepted.clear();
                }
                self.students[student].heard.push(message.clone());
            }
            _ => {}
        }
        if let Some(student) = student {
            self.input(student, input);
        }
    }

    /// The published model is what the strategy makes of the accepted updates, within 1e-6 of the largest number in
    /// play.
    fn check_published(&mut self) {
        let accepted = std::mem::take(&mut self.accepted);
        assert!(self.hurried || accepted.len() as u32 >= self.coordinator.status(self.now).least);
        let RoomConfig { strategy, aggregation, influence_limit, .. } = *self.coordinator.config();
        let earlier = self.coordinator.contributions().iter().rev().skip(1).take(3).flatten();
        let earlier: Vec<f64> = earlier.map(|given| f64::from(given.norm)).collect();
        let accepted = oracle::gone_on(accepted);
        let accepted = match influence_limit {
            Some(limit) => oracle::held(accepted, limit, &earlier),
            None => accepted,
        };
        if self.coordinator.config().noise.is_some() {
            // No formula says what noise makes of a sum; tests/noise.rs looks at how it is distributed.
            self.model = self.coordinator.model().parameters().to_vec();
            self.present = self.coordinator.model().version().0;
            self.published += 1;
            return;
        }
        let expected = self.oracle.publish(strategy, aggregation, &self.model, &accepted);
        let room = self.coordinator.config();
        let round = self.coordinator.history().len() as u32;
        let expected = expected.map(|model| self.oracle.ends(room, round, model));
        if !room.final_model.is_last() && round == room.rounds {
            self.rest.clear(); // A mean has what was left out on the way already.
        }
        let published = self.coordinator.model().parameters();
        let values = accepted.iter().flat_map(|update| &update.values);
        let largest = values.chain(&self.model).fold(0.0_f64, |largest, value| largest.max(f64::from(*value).abs()));
        // Every client's number is off by less than a step of its mask's integers.
        let masks = self.coordinator.config().masking.map_or(0.0, |masking| {
            let step = masking.clip / f64::from(masking.encoding.largest(self.students.len()));
            let weights: f64 = accepted.iter().map(|update| update.weight).sum();
            step * accepted.len() as f64 * f64::from(self.coordinator.config().weight_cap) / weights.max(1.0)
        });
        let encoding = self.coordinator.config().encoding;
        let group = if encoding.is_of_differences() { encoding.group().0 } else { published.len() };
        self.rest.resize(published.len(), 0.0);
        let expected: Vec<f64> = match expected {
            Some(expected) => expected.iter().zip(&self.rest).map(|(expected, rest)| expected + rest).collect(),
            None => published.iter().map(|&value| value.into()).collect(),
        };
        // With few bits a value a step is a multiple of the group's longest one through the largest code, and the way to it is
        // rounded up or down.
        let groups = published.chunks(group).zip(expected.chunks(group)).zip(self.model.chunks(group));
        for ((published, expected), before) in groups {
            let longest = expected.iter().zip(before).map(|(next, &now)| (next - f64::from(now)).abs());
            let tick = match encoding {
                Encoding::Q8 => longest.fold(0.0, f64::max) / 107.0,
                Encoding::Q4 => longest.fold(0.0, f64::max) / 7.0,
                _ => 0.0,
            };
            for (&now, expected) in published.iter().zip(expected) {
                let error = (f64::from(now) - expected).abs();
                assert!(error <= 1.0e-6 * largest + tick + masks, "{now} is not {expected}, a tick is {tick}");
            }
        }
        if encoding.is_of_differences() {
            self.rest = expected.iter().zip(published).map(|(expected, &now)| expected - f64::from(now)).collect();
        }
        self.model = published.to_vec();
        self.present = self.coordinator.model().version().0;
        self.published += 1;
    }
}

/// A seat's key, and randomness that is another for each page that is opened.
pub fn secrets(number: u32, opened: u8, chance: u8) -> MaskingSecrets {
    let (mut seat, mut random) = ([1; 32], [2; 32]);
    seat[..4].copy_from_slice(&number.to_le_bytes());
    random[..4].copy_from_slice(&number.to_le_bytes());
    (random[30], random[31]) = (chance, opened);
    MaskingSecrets { seat, random, memory: MaskingMemory::default() }
}

pub fn evaluation() -> Evaluation {
    let mut confusion = vec![vec![0; 4]; 4];
    confusion[0][0] = 3;
    confusion[1][0] = 1;
    Evaluation { examples: 4, loss: 1.25, accuracy: 0.75, confusion }
}

/// The bytes of an update.
pub fn encoded(values: &[f32]) -> Bytes {
    Encoding::F32.encode(values.to_vec())
}
