//! A room, its clients, and a network that a seed gives trouble to; then the trouble ends, and the room has to finish.

mod chance;
mod ledger;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use chance::Chance;
use federation::{
    Action, Connection, ConnectionId, Coordinator, Event, Input, MemorySpool, Millis, Output, Participant,
    ParticipantConfig, TrainRequest,
};
use ledger::{Given, Ledger};
use protocol::{
    Aggregation, Checksum, Chunk, ClientMessage, HostCommand, ModelVersion, Pace, Phase, RefusalReason, RoomCode,
    RoomConfig, Selection, ServerMessage, Token, TrainingResult, Transfer, TransferId,
};

/// What a room's rounds are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everyone who takes part is asked in every round.
    Everyone,
    /// Some are asked, and more than are wanted.
    Some,
    /// Nobody waits: FedBuff.
    Asynchronous,
}

/// Transfers from here on are repetitions that a mistaken client sends.
const REPEATED: u32 = 0x8000_0000;
/// Steps under trouble.
const TROUBLE: u64 = 600;
/// Steps within which the room has to finish afterwards.
const PATIENCE: u32 = 60_000;

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub rounds: u32,
    pub kills: u32,
    pub cuts: u32,
    pub duplicates: u32,
    pub stale: u32,
    pub abandoned: u32,
    /// Updates in a mean that started from an earlier version.
    pub behind: u32,
    pub went_back: u32,
}

/// A client's program, and what its shell keeps.
struct Client {
    participant: Participant,
    number: u32,
    token: Option<Token>,
    /// Went for good.
    gone: bool,
    connecting: bool,
    /// Its open socket.
    link: Option<ConnectionId>,
    training: Option<TrainRequest>,
    asked_for_statistics: bool,
    /// An upload, as far as the network has not taken it.
    upload: VecDeque<Bytes>,
    upload_id: TransferId,
    handed: u32,
    /// The last update that it announced, to be repeated by mistake.
    last: Option<(ClientMessage, Bytes)>,
    finished: Option<Vec<f32>>,
}

/// What travels.
#[derive(Clone, Debug)]
enum Frame<Message> {
    Text(Message),
    Binary(Bytes),
}

/// A connection: two queues in order, as TCP has it.
struct Link {
    client: usize,
    up: VecDeque<Frame<ClientMessage>>,
    down: VecDeque<Frame<ServerMessage>>,
    /// What the server has not handed to the network of the model.
    model: VecDeque<Bytes>,
    /// No more goes in.
    cut: bool,
    /// Who still holds it open.
    client_holds: bool,
    server_holds: bool,
    /// The token that the server knows its client by.
    identity: u128,
    /// The update whose announcement was taken last.
    announced: Option<Given>,
    /// One that was just delivered.
    pending: Option<Given>,
}

/// Everything.
pub struct World {
    chance: Chance,
    now: Millis,
    trouble: bool,
    /// Less of it.
    calm: bool,
    loud: bool,
    server: Option<Coordinator>,
    ledger: Ledger,
    clients: Vec<Client>,
    links: BTreeMap<ConnectionId, Link>,
    next_connection: u64,
    next_repeated: u32,
    slots: usize,
    pub counts: Counts,
}

/// What an update adds to every parameter.
fn step(client: u32, version: u32) -> f32 {
    (client + 1) as f32 * 0.125 - (version % 8) as f32 * 0.031_25
}

fn config(kind: Kind, chance: &mut Chance, clients: u32) -> RoomConfig {
    let labels = vec!["no".to_owned(), "yes".to_owned()];
    // Some models travel in two frames.
    let parameters = if chance.once_in(60) { 70_000 } else { 3 };
    let mut config = RoomConfig::new(RoomCode::parse("KMPXZ").unwrap(), "tiny", parameters, labels);
    config.features = 1;
    config.rounds = 1 + chance.up_to(5) as u32;
    config.least = 1 + chance.up_to(2) as u32;
    if chance.once_in(2) {
        config.goal = config.least + chance.up_to(u64::from(clients.saturating_sub(config.least))) as u32;
    }
    config.max_clients = 4 * clients;
    config.deadline_ms = 1_000 * (20 + chance.up_to(40));
    config.grace_ms = 1_000 * chance.up_to(15);
    config.weight_cap = if chance.once_in(2) { 15 } else { 1_000 };
    if chance.once_in(3) {
        config.strategy = "fedavgm".parse().unwrap();
    }
    // Those that keep updates, and one that scales them; Krum keeps them in the same way, and needs more clients.
    let others = [
        Aggregation::Median,
        Aggregation::TrimmedMean { trim: 0.3 },
        Aggregation::Clipping { norm: None },
        Aggregation::Clipping { norm: Some(0.4) },
    ];
    if chance.once_in(3) {
        config.aggregation = others[chance.up_to(3) as usize];
    }
    match kind {
        Kind::Everyone => {}
        Kind::Asynchronous => {
            config.goal = 0;
            config.pace = Pace::Asynchronous {
                buffer: config.least + chance.up_to(u64::from(clients)) as u32,
                staleness_exponent: chance.up_to(2) as f64 / 2.0,
                most_stale: chance.up_to(4) as u32,
            };
            config.rounds += 4;
        }
        Kind::Some => {
            config.goal = 0;
            let over_selection = 1.0 + chance.up_to(10) as f64 / 10.0;
            config.selection = if chance.once_in(2) {
                let most = u64::from(clients.max(config.least) - config.least);
                Selection::Number { clients: config.least + chance.up_to(most) as u32, over_selection }
            } else {
                Selection::Share { share: (1 + chance.up_to(9)) as f64 / 10.0, over_selection }
            };
        }
    }
    config.check().unwrap();
    config
}

impl World {
    pub fn new(kind: Kind, seed: u64, loud: bool) -> World {
        let mut chance = Chance::new(seed);
        let clients = 3 + chance.up_to(4) as u32;
        let calm = chance.once_in(2);
        let config = config(kind, &mut chance, clients);
        let slots = (48 * 1024 * 1024 / config.update_bytes() as usize).clamp(1, 64);
        if loud {
            println!("{config:?}");
        }
        let room =
            Coordinator::new(config.clone(), vec![0.5; config.parameters as usize], Box::<MemorySpool>::default())
                .unwrap();
        let mut world = World {
            chance,
            now: Millis(1_000),
            trouble: true,
            calm,
            loud,
            ledger: Ledger::new(&room),
            server: Some(room),
            clients: Vec::new(),
            links: BTreeMap::new(),
            next_connection: 1,
            next_repeated: REPEATED,
            slots,
            counts: Counts::default(),
        };
        for number in 0..clients {
            let participant = world.participant(number, None);
            world.clients.push(Client {
                participant,
                number,
                token: None,
                gone: false,
                connecting: false,
                link: None,
                training: None,
                asked_for_statistics: false,
                upload: VecDeque::new(),
                upload_id: TransferId(0),
                handed: 0,
                last: None,
                finished: None,
            });
        }
        world
    }

    /// A client's program as it starts, with clips and the wish to take part.
    fn participant(&self, number: u32, token: Option<Token>) -> Participant {
        let config = ParticipantConfig {
            room: self.ledger.disk.checkpoint.config.code.clone(),
            name: None,
            token,
            software: "schedules".to_owned(),
            seed: number.into(),
        };
        let mut participant = Participant::new(config, self.now);
        let examples = 5 * (number + 1);
        participant.handle(self.now, Input::Holdings { examples, labels: vec![examples, 0] });
        participant.handle(self.now, Input::TakePart(true));
        participant
    }

    /// Trouble, and then none.
    pub fn play(&mut self) {
        for client in 0..self.clients.len() {
            self.outputs(client);
        }
        for _ in 0..TROUBLE {
            self.now = self.now + self.chance.up_to(40);
            self.something_happens();
            self.check();
        }
        self.trouble = false;
        self.counts.rounds = self.ledger.closed;
        self.finish();
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.loud {
            println!("{:>8} {}", self.now.0, what());
        }
    }

    fn check(&mut self) {
        if let Some(server) = &self.server {
            self.ledger.check(server, self.slots);
        }
    }

    fn something_happens(&mut self) {
        // Half of the schedules are calmer, so that rounds get further.
        let first = if self.calm && !self.chance.once_in(6) { 50 } else { 0 };
        match first + self.chance.up_to(999 - first) {
            0..3 => self.kill(),
            3..18 => self.cut(),
            18..21 => self.somebody_goes(),
            21..26 => self.reload(),
            26..32 => self.pause_or_go_on(),
            32..40 => self.repeat_an_update(),
            40 if self.chance.once_in(2) => self.host_goes_back(),
            40..46 => self.host_commands(),
            46..50 => {
                let pause = 10_000 + self.chance.up_to(60_000);
                self.pass(pause);
            }
            50..130 => self.pass_until_woken(2_000),
            130..160 => self.server_starts(),
            160..200 => self.trainings_end(1),
            _ => {
                if !self.network_moves() {
                    self.pass_until_woken(5_000);
                }
            }
        }
    }

    // The network and the computers, one thing at a time.

    /// Something that is on its way arrives, or goes on its way. False: there is nothing.
    fn network_moves(&mut self) -> bool {
        #[derive(Clone, Copy)]
        enum Move {
            Up(ConnectionId),
            Down(ConnectionId),
            Model(ConnectionId),
            ServerNotices(ConnectionId),
            ClientNotices(ConnectionId),
            Open(usize),
            Hand(usize),
            Train(usize),
            Statistics(usize),
        }
        let mut moves = Vec::new();
        for (&id, link) in &self.links {
            if link.server_holds && !link.up.is_empty() {
                moves.push(Move::Up(id));
            } else if link.server_holds && link.cut {
                moves.push(Move::ServerNotices(id));
            }
            if link.client_holds && !link.down.is_empty() {
                moves.push(Move::Down(id));
            } else if link.client_holds && link.cut {
                moves.push(Move::ClientNotices(id));
            }
            if !link.model.is_empty() {
                moves.push(Move::Model(id));
            }
        }
        for (index, client) in self.clients.iter().enumerate().filter(|(_, client)| !client.gone) {
            if client.connecting {
                moves.push(Move::Open(index));
            }
            if !client.upload.is_empty() && client.link.is_some() {
                moves.push(Move::Hand(index));
            }
            // Training takes its time where there is trouble.
            if client.training.is_some() && (!self.trouble || self.chance.once_in(8)) {
                moves.push(Move::Train(index));
            }
            if client.asked_for_statistics {
                moves.push(Move::Statistics(index));
            }
        }
        let Some(chosen) = self.chance.one_of(&moves) else { return false };
        match chosen {
            Move::Up(id) => self.deliver_up(id),
            Move::Down(id) => self.deliver_down(id),
            Move::Model(id) => {
                let link = self.links.get_mut(&id).unwrap();
                let frame = link.model.pop_front().unwrap();
                if !link.cut {
                    link.down.push_back(Frame::Binary(frame));
                }
            }
            Move::ServerNotices(id) => self.server_notices(id),
            Move::ClientNotices(id) => self.client_notices(id),
            Move::Open(client) => self.open(client),
            Move::Hand(client) => {
                let Client { upload, upload_id, handed, link, .. } = &mut self.clients[client];
                let (frame, transfer, link) = (upload.pop_front().unwrap(), *upload_id, link.unwrap());
                *handed += frame.len() as u32 - 8;
                let bytes = *handed;
                self.put_up(link, Frame::Binary(frame));
                self.input(client, Input::Sent { transfer, bytes });
            }
            Move::Train(client) => self.train(client),
            Move::Statistics(client) => {
                self.clients[client].asked_for_statistics = false;
                self.input(client, Input::Statistics { frames: 2, sum: vec![2.0], sum_squares: vec![10.0] });
            }
        }
        true
    }

    fn open(&mut self, client: usize) {
        self.clients[client].connecting = false;
        if self.server.is_none() {
            return self.input(client, Input::Closed);
        }
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let link = Link {
            client,
            up: VecDeque::new(),
            down: VecDeque::new(),
            model: VecDeque::new(),
            cut: false,
            client_holds: true,
            server_holds: true,
            identity: 0,
            announced: None,
            pending: None,
        };
        self.links.insert(connection, link);
        self.clients[client].link = Some(connection);
        let fresh_token = Token::from_random(u128::from(connection.0) << 64 | 0xabcd);
        self.tell_server(Event::Connected { connection, fresh_token });
        self.input(client, Input::Opened);
    }

    fn deliver_up(&mut self, connection: ConnectionId) {
        let link = self.links.get_mut(&connection).unwrap();
        let Some(frame) = link.up.pop_front() else { return };
        let event = match frame {
            Frame::Binary(frame) => Event::Chunk { connection, chunk: Chunk::parse(frame).unwrap() },
            Frame::Text(message) => {
                if let ClientMessage::Update { examples, model_version, .. } = &message {
                    let number = self.clients[link.client].number;
                    link.pending = Some(Given {
                        identity: link.identity,
                        examples: *examples,
                        base: model_version.0,
                        value: step(number, model_version.0).into(),
                    });
                }
                Event::Message { connection, message }
            }
        };
        self.tell_server(event);
        if let Some(link) = self.links.get_mut(&connection) {
            link.announced = link.pending.take().or(link.announced);
        }
    }

    fn deliver_down(&mut self, connection: ConnectionId) {
        let link = self.links.get_mut(&connection).unwrap();
        let client = link.client;
        let Some(frame) = link.down.pop_front() else { return };
        match frame {
            Frame::Binary(frame) => self.input(client, Input::Chunk(Chunk::parse(frame).unwrap())),
            Frame::Text(ServerMessage::Upload { transfer }) if transfer.0 >= REPEATED => {
                let Some((_, bytes)) = self.clients[client].last.clone() else { return };
                for frame in protocol::chunks(transfer, bytes) {
                    self.put_up(connection, Frame::Binary(frame));
                }
            }
            Frame::Text(message) => self.input(client, Input::Message(message)),
        }
    }

    fn server_notices(&mut self, connection: ConnectionId) {
        let link = self.links.get_mut(&connection).unwrap();
        link.server_holds = false;
        link.model.clear();
        self.forget_closed(connection);
        self.tell_server(Event::Disconnected { connection });
    }

    fn client_notices(&mut self, connection: ConnectionId) {
        let link = self.links.get_mut(&connection).unwrap();
        link.client_holds = false;
        let client = link.client;
        self.forget_closed(connection);
        self.socket_is_gone(client);
        self.input(client, Input::Closed);
    }

    fn socket_is_gone(&mut self, client: usize) {
        let client = &mut self.clients[client];
        client.link = None;
        client.upload.clear();
    }

    fn forget_closed(&mut self, connection: ConnectionId) {
        if self.links.get(&connection).is_some_and(|link| !link.client_holds && !link.server_holds) {
            self.links.remove(&connection);
        }
    }

    fn put_up(&mut self, connection: ConnectionId, frame: Frame<ClientMessage>) {
        if let Some(link) = self.links.get_mut(&connection).filter(|link| !link.cut) {
            link.up.push_back(frame);
        }
    }

    fn train(&mut self, client: usize) {
        let Some(request) = self.clients[client].training.take() else { return };
        let number = self.clients[client].number;
        let TrainRequest { round, model_version, .. } = request;
        let more = step(number, model_version.0);
        let parameters = request.model.iter().map(|value| value + more).collect();
        let training = TrainingResult { loss: 0.5, accuracy: 0.75 };
        let examples = 5 * (number + 1);
        self.input(client, Input::Trained { round, model_version, parameters, examples, steps: 1, training });
    }

    fn trainings_end(&mut self, most: usize) {
        let training: Vec<usize> =
            (0..self.clients.len()).filter(|&client| self.clients[client].training.is_some()).collect();
        for client in training.into_iter().take(most) {
            self.train(client);
        }
    }

    // Time.

    fn pass(&mut self, milliseconds: u64) {
        self.now = self.now + milliseconds;
        self.wake();
    }

    /// The next moment at which somebody wants to be woken, if it is near.
    fn pass_until_woken(&mut self, most: u64) {
        let wakes = self.clients.iter().filter(|client| !client.gone);
        let wakes = wakes.filter_map(|client| client.participant.next_timeout());
        let server = self.server.as_ref().and_then(Coordinator::next_timeout);
        let limit = self.now + most;
        let next = wakes.chain(server).min().unwrap_or(limit);
        self.now = next.min(limit).max(self.now);
        self.wake();
    }

    fn wake(&mut self) {
        let now = self.now;
        if let Some(server) = &mut self.server
            && server.next_timeout().is_some_and(|at| at <= now)
        {
            server.handle_timeout(now);
            self.carry_out();
        }
        for client in 0..self.clients.len() {
            if !self.clients[client].gone {
                self.clients[client].participant.handle_timeout(now);
                self.outputs(client);
            }
        }
    }

    // The two shells.

    fn tell_server(&mut self, event: Event) {
        if let Some(server) = &mut self.server {
            server.handle(self.now, event);
            self.carry_out();
        }
    }

    fn carry_out(&mut self) {
        loop {
            let Some(server) = &mut self.server else { return };
            let actions: Vec<Action> = std::iter::from_fn(|| server.poll_action()).collect();
            if actions.is_empty() {
                return;
            }
            self.note_accepted(&actions);
            if self.trouble && self.chance.once_in(3_000) {
                return self.kill();
            }
            self.store(&actions);
            for action in actions {
                if self.trouble && self.chance.once_in(3_000) {
                    return self.kill();
                }
                self.act(action);
            }
        }
    }

    /// Notes whose updates are in, before the round that they close is stored.
    fn note_accepted(&mut self, actions: &[Action]) {
        for action in actions {
            let Action::Send { connection, message: ServerMessage::Accepted { .. } } = action else { continue };
            let link = self.links.get_mut(connection).expect("who is accepted is here");
            let given = link.announced.take().expect("what is accepted was announced");
            self.counts.behind += u32::from(given.base < self.ledger.disk.checkpoint.model_version.0);
            self.ledger.accepts(given);
        }
    }

    /// Stores the room where any of the actions wants that, before any of them is carried out.
    fn store(&mut self, actions: &[Action]) {
        let Some(model) = Action::checkpoint_of(actions) else { return };
        self.ledger.stores(self.server.as_ref().unwrap(), model);
        self.say(|| format!("stored, version {}", self.ledger.disk.checkpoint.model_version));
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send { connection, message } => self.send(connection, message),
            Action::Broadcast { connections, message } => {
                for connection in connections {
                    self.send(connection, message.clone());
                }
            }
            Action::SendModel { connection, transfer, bytes } => {
                if let Some(link) = self.links.get_mut(&connection) {
                    link.model = protocol::chunks(transfer, bytes).collect();
                }
            }
            Action::Close { connection, .. } => {
                // What was sent before still arrives.
                if let Some(link) = self.links.get_mut(&connection) {
                    link.cut = true;
                    link.server_holds = false;
                    link.up.clear();
                    link.model.clear();
                }
                self.forget_closed(connection);
                self.server.as_mut().unwrap().handle(self.now, Event::Disconnected { connection });
            }
            Action::Checkpoint { model } => {
                if model {
                    // As the shell does: what is left of the model before is of no use.
                    self.links.values_mut().for_each(|link| link.model.clear());
                }
            }
        }
    }

    fn send(&mut self, connection: ConnectionId, message: ServerMessage) {
        self.ledger.told(&message);
        if self.loud && !matches!(message, ServerMessage::Status(_) | ServerMessage::Welcome { .. }) {
            let client = self.links.get(&connection).map(|link| link.client);
            println!("{:>8} to client {client:?}: {message:?}", self.now.0);
        }
        match &message {
            ServerMessage::Refused { reason, .. } => {
                if let Some(link) = self.links.get_mut(&connection) {
                    link.pending = None;
                }
                self.counts.duplicates += u32::from(*reason == RefusalReason::Duplicate);
                self.counts.stale += u32::from(matches!(reason, RefusalReason::Stale | RefusalReason::RoundClosed));
            }
            ServerMessage::Welcome { token, .. } => {
                if let Some(link) = self.links.get_mut(&connection) {
                    link.identity = u128::from_str_radix(token.secret(), 16).unwrap();
                }
            }
            ServerMessage::RoundAbandoned { .. } => self.counts.abandoned += 1,
            _ => {}
        }
        if let Some(link) = self.links.get_mut(&connection).filter(|link| !link.cut) {
            link.down.push_back(Frame::Text(message));
        }
    }

    fn input(&mut self, client: usize, input: Input) {
        if !self.clients[client].gone {
            self.clients[client].participant.handle(self.now, input);
            self.outputs(client);
        }
    }

    fn outputs(&mut self, index: usize) {
        while let Some(output) = self.clients[index].participant.poll_output() {
            let client = &mut self.clients[index];
            match output {
                Output::Connect => client.connecting = true,
                Output::Disconnect => {
                    client.connecting = false;
                    if let Some(connection) = client.link {
                        self.socket_is_gone(index);
                        let link = self.links.get_mut(&connection).unwrap();
                        link.cut = true;
                        link.client_holds = false;
                        link.down.clear();
                        self.forget_closed(connection);
                    }
                }
                Output::Send(message) => {
                    assert_eq!(message.check(), Ok(()));
                    if matches!(message, ClientMessage::Update { .. }) {
                        client.last = Some((message.clone(), Bytes::new()));
                    }
                    if let Some(link) = client.link {
                        if self.loud {
                            println!("{:>8} client {index} says {message:?}", self.now.0);
                        }
                        self.put_up(link, Frame::Text(message));
                    }
                }
                Output::SendBytes { transfer, bytes } => {
                    if let Some((_, last)) = &mut client.last {
                        *last = bytes.clone();
                    }
                    client.upload = protocol::chunks(transfer, bytes).collect();
                    (client.upload_id, client.handed) = (transfer, 0);
                }
                Output::StopSending { .. } => client.upload.clear(),
                Output::RememberToken(token) => client.token = Some(token),
                Output::ComputeStatistics => client.asked_for_statistics = true,
                Output::Train(request) => client.training = Some(request),
                Output::StopTraining => client.training = None,
                Output::Finished { model, .. } => client.finished = Some(model.to_vec()),
                Output::Changed => {
                    let connection = client.participant.view().connection;
                    let stopped = matches!(connection, Connection::Stopped(_));
                    assert!(!stopped, "client {index} is still there and was sent away: {connection:?}");
                }
            }
        }
    }

    // Trouble.

    /// Nothing more goes into a connection, of what is on its way some arrives, and both ends notice in their own time.
    fn cut_link(&mut self, connection: ConnectionId) {
        let link = self.links.get_mut(&connection).unwrap();
        link.cut = true;
        link.model.clear();
        link.up.truncate(self.chance.up_to(link.up.len() as u64) as usize);
        link.down.truncate(self.chance.up_to(link.down.len() as u64) as usize);
    }

    fn cut(&mut self) {
        let open: Vec<ConnectionId> = self.links.iter().filter(|(_, link)| !link.cut).map(|(&id, _)| id).collect();
        if let Some(connection) = self.chance.one_of(&open) {
            self.say(|| format!("{connection:?} is cut"));
            self.counts.cuts += 1;
            self.cut_link(connection);
        }
    }

    fn kill(&mut self) {
        if self.server.take().is_none() {
            return;
        }
        self.say(|| "the server is killed".to_owned());
        self.counts.kills += 1;
        let links: Vec<ConnectionId> = self.links.keys().copied().collect();
        for connection in links {
            self.cut_link(connection);
            let link = self.links.get_mut(&connection).unwrap();
            link.server_holds = false;
            link.up.clear();
            self.forget_closed(connection);
        }
    }

    fn server_starts(&mut self) {
        if self.server.is_some() {
            return;
        }
        let disk = &self.ledger.disk;
        let record = serde_json::to_string(&disk.checkpoint).unwrap();
        let checkpoint = serde_json::from_str(&record).unwrap();
        let room = Coordinator::restore(
            checkpoint,
            disk.parameters.clone(),
            disk.memory.clone(),
            Box::<MemorySpool>::default(),
        )
        .unwrap();
        self.ledger.restored(&room);
        self.say(|| format!("the server starts, version {}", room.model().version()));
        self.server = Some(room);
    }

    /// One of so many that the rest can still make a round.
    fn somebody_goes(&mut self) {
        let here: Vec<usize> = (0..self.clients.len()).filter(|&client| !self.clients[client].gone).collect();
        if here.len() > self.ledger.disk.checkpoint.config.least as usize
            && let Some(client) = self.chance.one_of(&here)
        {
            self.say(|| format!("client {client} goes for good"));
            self.program_ends(client);
            self.clients[client].gone = true;
        }
    }

    fn program_ends(&mut self, client: usize) {
        if let Some(connection) = self.clients[client].link {
            self.cut_link(connection);
            self.links.get_mut(&connection).unwrap().client_holds = false;
            self.forget_closed(connection);
        }
        self.socket_is_gone(client);
        let client = &mut self.clients[client];
        (client.connecting, client.training, client.asked_for_statistics) = (false, None, false);
        (client.last, client.finished) = (None, None);
    }

    /// The tab is loaded anew, with or without what it had stored.
    fn reload(&mut self) {
        let here: Vec<usize> = (0..self.clients.len()).filter(|&client| !self.clients[client].gone).collect();
        let Some(client) = self.chance.one_of(&here) else { return };
        if self.chance.once_in(4) {
            self.clients[client].token = None;
        }
        self.load_anew(client);
    }

    fn load_anew(&mut self, client: usize) {
        self.say(|| format!("client {client} is loaded anew"));
        self.program_ends(client);
        let (number, token) = (self.clients[client].number, self.clients[client].token.clone());
        self.clients[client].participant = self.participant(number, token);
        self.outputs(client);
    }

    fn pause_or_go_on(&mut self) {
        let client = self.chance.up_to(self.clients.len() as u64 - 1) as usize;
        let on = !self.clients[client].participant.view().taking_part;
        self.say(|| format!("client {client} takes part: {on}"));
        self.input(client, Input::TakePart(on));
    }

    /// A mistaken client sends its last update once more.
    fn repeat_an_update(&mut self) {
        let client = self.chance.up_to(self.clients.len() as u64 - 1) as usize;
        let Client { link: Some(link), last: Some((message, bytes)), .. } = &self.clients[client] else { return };
        let (link, mut message) = (*link, message.clone());
        if bytes.is_empty() {
            return;
        }
        self.next_repeated += 1;
        let id = TransferId(self.next_repeated);
        if let ClientMessage::Update { update, .. } = &mut message {
            *update = Transfer { id, checksum: Checksum::of(bytes), ..*update };
        }
        self.say(|| format!("client {client} repeats {message:?}"));
        self.put_up(link, Frame::Text(message));
    }

    /// Back to any version that there was.
    fn host_goes_back(&mut self) {
        let Some(server) = &mut self.server else { return };
        let version = self.chance.up_to(server.model().version().0.into()) as u32;
        let (parameters, memory) = self.ledger.goes_back(version);
        server.restart(self.now, ModelVersion(version), None, parameters, memory).unwrap();
        self.say(|| format!("the host goes back to version {version}"));
        self.counts.went_back += 1;
        self.carry_out();
    }

    fn host_commands(&mut self) {
        let wishes = [
            HostCommand::Pause,
            HostCommand::Resume,
            HostCommand::Resume,
            HostCommand::NextRound,
            HostCommand::Rename { name: format!("Class {}", self.chance.up_to(9)) },
            HostCommand::End,
        ];
        let often = if self.chance.once_in(5) { 5 } else { 4 };
        let wish = wishes[self.chance.up_to(often) as usize].clone();
        self.say(|| format!("the host says {wish:?}"));
        if let Some(server) = &mut self.server {
            // What makes no sense now is refused, and nothing happens.
            let _ = server.command(self.now, wish);
            self.carry_out();
        }
    }

    /// From now on all goes well, and the room has to finish.
    fn finish(&mut self) {
        self.say(|| "the trouble is over".to_owned());
        self.server_starts();
        let _ = self.server.as_mut().unwrap().command(self.now, HostCommand::Resume);
        self.carry_out();
        for client in 0..self.clients.len() {
            self.input(client, Input::TakePart(true));
        }
        for _ in 0..PATIENCE {
            if !self.network_moves() {
                if self.is_over() {
                    return;
                }
                self.pass_until_woken(60_000);
            }
            self.check();
        }
        let status = self.server.as_ref().unwrap().status(self.now);
        panic!("the room never finishes: {status:?}");
    }

    fn is_over(&self) -> bool {
        let server = self.server.as_ref().unwrap();
        let here = self.clients.iter().filter(|client| !client.gone);
        let model = server.model().parameters();
        server.status(self.now).phase == Phase::Finished
            && here.into_iter().all(|client| {
                client.finished.as_deref() == Some(model) && client.participant.view().history == server.history()
            })
    }
}
