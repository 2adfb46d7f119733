//! A room, its clients, and a network that a seed gives trouble to; then the trouble ends, and the room has to finish.

mod chance;
mod ledger;
#[path = "../oracle/mod.rs"]
mod oracle;

use std::collections::BTreeMap;

use bytes::Bytes;
use chance::Chance;
use federation::in_memory::{Client, Frame, Network};
use federation::{
    Action, Connection, ConnectionId, Coordinator, Event, Input, MaskingMemory, MaskingSecrets, MemorySpool, Millis,
    Output, Participant, ParticipantConfig, TrainRequest,
};
use ledger::{Given, Ledger};
use protocol::{
    Adversary, Aggregation, Checksum, ClientMessage, FinalModel, HostCommand, MaskedEncoding, Masking, ModelVersion,
    Pace, Phase, RefusalReason, RoomCode, RoomConfig, Selection, ServerMessage, Token, TrainingResult, Transfer,
    TransferId,
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
    /// Everyone is asked, and updates are masked. Nobody goes for good, loses its seat, or is asked for a version again: clients who
    /// opened a sum that was lost with its server open it again only with the same seats.
    Masked,
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
    /// The room could not finish without betraying somebody.
    pub stuck: u32,
}

/// Somebody who takes part.
struct Person {
    program: Client,
    number: u32,
    /// Went for good.
    gone: bool,
    connecting: bool,
    asked_for_statistics: bool,
    /// The last update that it announced, to be repeated by mistake.
    last: Option<(ClientMessage, Bytes)>,
    finished: Option<Vec<f32>>,
}

/// What is known of whom a connection is.
#[derive(Default)]
struct Account {
    /// The token that the server knows its client by.
    identity: u128,
    /// The update whose announcement was taken last.
    announced: Option<Given>,
    /// One that was just delivered.
    pending: Option<Given>,
}

/// Everything.
pub struct World {
    kind: Kind,
    chance: Chance,
    now: Millis,
    trouble: bool,
    /// Less of it.
    calm: bool,
    loud: bool,
    server: Option<Coordinator>,
    ledger: Ledger,
    clients: Vec<Person>,
    network: Network,
    accounts: BTreeMap<ConnectionId, Account>,
    next_repeated: u32,
    /// Pages that were opened, or loaded anew.
    opened: u32,
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
        Kind::Masked => {
            (config.goal, config.aggregation) = (0, Aggregation::Mean);
            config.least = 3 + chance.up_to(1) as u32;
            config.weight_cap = if chance.once_in(2) { 15 } else { 40 };
            let server = if chance.once_in(2) { Adversary::Active } else { Adversary::Curious };
            // Longer than any update, which is the same number in every place.
            let clip = 1.2 * f64::from(config.parameters).sqrt();
            config.masking = Some(Masking { server, encoding: MaskedEncoding::Masked32, clip });
        }
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
    if chance.once_in(3) {
        config.final_model = FinalModel::Mean;
    }
    config.check().unwrap();
    config
}

impl World {
    pub fn new(kind: Kind, seed: u64, loud: bool) -> World {
        let mut chance = Chance::new(seed);
        let clients = 3 + chance.up_to(4) as u32 + u32::from(kind == Kind::Masked);
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
            kind,
            chance,
            now: Millis(1_000),
            trouble: true,
            calm,
            loud,
            ledger: Ledger::new(&room),
            server: Some(room),
            clients: Vec::new(),
            network: Network::default(),
            accounts: BTreeMap::new(),
            next_repeated: REPEATED,
            opened: 0,
            slots,
            counts: Counts::default(),
        };
        for number in 0..clients {
            let participant = world.participant(number, None, MaskingMemory::default());
            world.clients.push(Person {
                program: Client::new(participant, None),
                number,
                gone: false,
                connecting: false,
                asked_for_statistics: false,
                last: None,
                finished: None,
            });
        }
        world
    }

    /// A client's program as it starts, with clips and the wish to take part.
    fn participant(&mut self, number: u32, token: Option<Token>, memory: MaskingMemory) -> Participant {
        self.opened += 1;
        let mut random = [2; 32];
        random[..4].copy_from_slice(&self.opened.to_le_bytes());
        let secrets = MaskingSecrets { seat: [number as u8 + 1; 32], random, memory };
        let config = ParticipantConfig {
            room: self.ledger.disk.checkpoint.config.code.clone(),
            name: None,
            token,
            software: "schedules".to_owned(),
            seed: number.into(),
            masking: (self.kind == Kind::Masked).then_some(secrets),
        };
        let mut participant = Participant::new(config, self.now);
        let examples = 5 * (number + 1);
        participant.handle(
            self.now,
            Input::Holdings { examples, labels: vec![examples, 0], held_back: examples, step_ms: None },
        );
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
        let masked = self.kind == Kind::Masked;
        match first + self.chance.up_to(999 - first) {
            18..21 | 40 if masked => self.cut(),
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
        for (id, link) in self.network.links() {
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
            if !client.program.frames.is_empty() && client.program.connection.is_some() {
                moves.push(Move::Hand(index));
            }
            // Training takes its time where there is trouble.
            if client.program.training.is_some() && (!self.trouble || self.chance.once_in(8)) {
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
            Move::Model(id) => assert!(self.network.hand_model(id)),
            Move::ServerNotices(id) => self.server_notices(id),
            Move::ClientNotices(id) => self.client_notices(id),
            Move::Open(client) => self.open(client),
            Move::Hand(client) => {
                let program = &mut self.clients[client].program;
                let (frame, sent) = program.next_frame().unwrap();
                self.network.say(program.connection.unwrap(), frame);
                self.input(client, sent);
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
        let (connection, connected) = self.network.open(Some(client));
        self.accounts.insert(connection, Account::default());
        self.clients[client].program.connection = Some(connection);
        self.tell_server(connected);
        self.input(client, Input::Opened);
    }

    /// Whose a connection is.
    fn client_of(&self, connection: ConnectionId) -> usize {
        self.network.link(connection).and_then(|link| link.client).expect("a connection is somebody's")
    }

    fn deliver_up(&mut self, connection: ConnectionId) {
        let number = self.clients[self.client_of(connection)].number;
        let Some(frame) = self.network.arrives_up(connection) else { return };
        let event = frame.event(connection);
        let account = self.accounts.get_mut(&connection).unwrap();
        match &event {
            Event::Message { message: ClientMessage::Update { examples, model_version, .. }, .. } => {
                account.pending = Some(Given {
                    identity: account.identity,
                    examples: *examples,
                    base: model_version.0,
                    value: step(number, model_version.0),
                });
            }
            Event::Message { message: ClientMessage::Masked { round, .. }, .. } => {
                let (examples, base) = (5 * (number + 1), round.0 - 1);
                account.pending = Some(Given { identity: account.identity, examples, base, value: step(number, base) });
            }
            Event::Malformed { error, .. } => panic!("client {number} says what the protocol forbids: {error}"),
            _ => {}
        }
        self.tell_server(event);
        if let Some(account) = self.accounts.get_mut(&connection) {
            account.announced = account.pending.take().or(account.announced);
        }
    }

    fn deliver_down(&mut self, connection: ConnectionId) {
        let client = self.client_of(connection);
        let Some(frame) = self.network.arrives_down(connection) else { return };
        match frame.input() {
            Input::Message(ServerMessage::Upload { transfer }) if transfer.0 >= REPEATED => {
                let Some((_, bytes)) = self.clients[client].last.clone() else { return };
                for frame in protocol::chunks(transfer, bytes) {
                    self.network.say(connection, Frame::Binary(frame));
                }
            }
            Input::Malformed(error) => panic!("the room says what the protocol forbids: {error}"),
            input => self.input(client, input),
        }
    }

    fn server_notices(&mut self, connection: ConnectionId) {
        let lost = self.network.server_loses(connection);
        self.tell_server(lost);
    }

    fn client_notices(&mut self, connection: ConnectionId) {
        let client = self.client_of(connection);
        self.network.client_closes(connection);
        self.clients[client].program.disconnected();
        self.input(client, Input::Closed);
    }

    fn train(&mut self, client: usize) {
        let Some(request) = self.clients[client].program.training.take() else { return };
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
            (0..self.clients.len()).filter(|&client| self.clients[client].program.training.is_some()).collect();
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
        let wakes = wakes.filter_map(|client| client.program.participant.next_timeout());
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
                self.clients[client].program.participant.handle_timeout(now);
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
            assert!(self.network.link(*connection).is_some(), "who is accepted is here");
            let account = self.accounts.get_mut(connection).unwrap();
            let given = account.announced.take().expect("what is accepted was announced");
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
        match &action {
            Action::Send { connection, message } => self.note_told(*connection, message),
            Action::Broadcast { connections, message } => {
                for connection in connections {
                    self.note_told(*connection, message);
                }
            }
            Action::Close { connection, .. } => {
                let closed = Event::Disconnected { connection: *connection };
                self.server.as_mut().unwrap().handle(self.now, closed);
            }
            Action::SendModel { .. } | Action::Checkpoint { .. } => {}
        }
        self.network.carry(action);
    }

    fn note_told(&mut self, connection: ConnectionId, message: &ServerMessage) {
        self.ledger.told(message);
        if self.loud && !matches!(message, ServerMessage::Status(_) | ServerMessage::Welcome { .. }) {
            let client = self.network.link(connection).and_then(|link| link.client);
            println!("{:>8} to client {client:?}: {message:?}", self.now.0);
        }
        let account = self.accounts.entry(connection).or_default();
        match message {
            ServerMessage::Refused { reason, .. } => {
                account.pending = None;
                self.counts.duplicates += u32::from(*reason == RefusalReason::Duplicate);
                self.counts.stale += u32::from(matches!(reason, RefusalReason::Stale | RefusalReason::RoundClosed));
            }
            ServerMessage::Welcome { token, .. } => {
                account.identity = u128::from_str_radix(token.secret(), 16).unwrap();
            }
            ServerMessage::RoundAbandoned { .. } => self.counts.abandoned += 1,
            _ => {}
        }
    }

    fn input(&mut self, client: usize, input: Input) {
        if !self.clients[client].gone {
            self.clients[client].program.participant.handle(self.now, input);
            self.outputs(client);
        }
    }

    fn outputs(&mut self, index: usize) {
        while let Some(wish) = self.clients[index].program.next_wish() {
            let client = &mut self.clients[index];
            match wish {
                Output::Connect => client.connecting = true,
                Output::Disconnect => {
                    client.connecting = false;
                    if let Some(connection) = client.program.connection {
                        client.program.disconnected();
                        self.network.client_closes(connection);
                    }
                }
                Output::Send(message) => {
                    assert_eq!(message.check(), Ok(()));
                    if matches!(message, ClientMessage::Update { .. }) {
                        client.last = Some((message.clone(), Bytes::new()));
                    }
                    if let Some(connection) = client.program.connection {
                        if self.loud {
                            println!("{:>8} client {index} says {message:?}", self.now.0);
                        }
                        self.network.say(connection, Frame::of_client(&message));
                    }
                }
                Output::SendBytes { bytes, .. } => {
                    if let Some((_, last)) = &mut client.last {
                        *last = bytes;
                    }
                }
                Output::ComputeStatistics => client.asked_for_statistics = true,
                Output::Finished { model, .. } => client.finished = Some(model.to_vec()),
                Output::Changed => {
                    let connection = client.program.participant.view().connection;
                    let stopped = matches!(connection, Connection::Stopped(_));
                    assert!(!stopped, "client {index} is still there and was sent away: {connection:?}");
                }
                Output::StopSending { .. }
                | Output::RememberToken(_)
                | Output::RememberMasking(_)
                | Output::Train(_)
                | Output::StopTraining => {}
            }
        }
    }

    // Trouble.

    /// Nothing more goes into a connection, of what is on its way some arrives, and both ends notice in their own time.
    fn cut_link(&mut self, connection: ConnectionId) {
        let link = self.network.link(connection).unwrap();
        let up = self.chance.up_to(link.up.len() as u64) as usize;
        let down = self.chance.up_to(link.down.len() as u64) as usize;
        self.network.cut(connection, up, down);
    }

    fn cut(&mut self) {
        let open: Vec<ConnectionId> = self.network.links().filter(|(_, link)| !link.cut).map(|(id, _)| id).collect();
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
        let connections: Vec<ConnectionId> = self.network.links().map(|(connection, _)| connection).collect();
        for connection in connections {
            self.cut_link(connection);
            self.network.server_loses(connection);
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
        if let Some(connection) = self.clients[client].program.connection {
            self.cut_link(connection);
            self.network.client_closes(connection);
        }
        let client = &mut self.clients[client];
        client.program.disconnected();
        (client.connecting, client.program.training, client.asked_for_statistics) = (false, None, false);
        (client.last, client.finished) = (None, None);
    }

    /// The tab is loaded anew, with or without what it had stored.
    fn reload(&mut self) {
        let here: Vec<usize> = (0..self.clients.len()).filter(|&client| !self.clients[client].gone).collect();
        let Some(client) = self.chance.one_of(&here) else { return };
        if self.kind != Kind::Masked && self.chance.once_in(4) {
            self.clients[client].program.token = None;
        }
        self.load_anew(client);
    }

    fn load_anew(&mut self, client: usize) {
        self.say(|| format!("client {client} is loaded anew"));
        self.program_ends(client);
        let (number, token) = (self.clients[client].number, self.clients[client].program.token.clone());
        let memory = self.clients[client].program.masking.clone();
        self.clients[client].program.participant = self.participant(number, token, memory);
        self.outputs(client);
    }

    fn pause_or_go_on(&mut self) {
        let client = self.chance.up_to(self.clients.len() as u64 - 1) as usize;
        let on = !self.clients[client].program.participant.view().taking_part;
        self.say(|| format!("client {client} takes part: {on}"));
        self.input(client, Input::TakePart(on));
    }

    /// A mistaken client sends its last update once more.
    fn repeat_an_update(&mut self) {
        let client = self.chance.up_to(self.clients.len() as u64 - 1) as usize;
        let Person { program: Client { connection: Some(connection), .. }, last: Some((message, bytes)), .. } =
            &self.clients[client]
        else {
            return;
        };
        let (connection, mut message) = (*connection, message.clone());
        if bytes.is_empty() {
            return;
        }
        self.next_repeated += 1;
        let id = TransferId(self.next_repeated);
        if let ClientMessage::Update { update, .. } = &mut message {
            *update = Transfer { id, checksum: Checksum::of(bytes), ..*update };
        }
        self.say(|| format!("client {client} repeats {message:?}"));
        self.network.say(connection, Frame::of_client(&message));
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
        if status.singles_out {
            // Servers were killed with sums of other clients of the same model already open: nobody may open it for these, and the room says so.
            self.counts.stuck += 1;
            return;
        }
        panic!("the room never finishes: {status:?}");
    }

    fn is_over(&self) -> bool {
        let server = self.server.as_ref().unwrap();
        let here = self.clients.iter().filter(|client| !client.gone);
        let model = server.model().parameters();
        server.status(self.now).phase == Phase::Finished
            && here.into_iter().all(|client| {
                client.finished.as_deref() == Some(model)
                    && client.program.participant.view().history == server.history()
            })
    }
}
