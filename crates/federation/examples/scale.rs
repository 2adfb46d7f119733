//! One giant room: 100,000 clients over 20 edges in one process, on one thread, and what the rules take for it. Prints one line
//! of JSON.
//!
//! A room may have 1,024 clients at one time, so that 5,000 of an edge come over five edges of its own: three floors of the same state
//! machines, `Coordinator` and `Edge`, with every message between servers counted as it would travel. Clients are made up: each says
//! what a client says, and sends one of four updates of the real length; nothing is trained, and no socket is open. The published
//! model is compared with the weighted mean of all updates, computed in f64.
//!
//! `scale [edges] [groups of an edge] [clients of a group] [parameters] [rounds]`; without, 20 5 1000 45188 2 (`compact`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use federation::{
    Action, ConnectionId, Coordinator, Edge, Event, Input, MemorySpool, Millis, Output, ParticipantConfig, key_check,
};
use protocol::limits::{MAX_EDGE_CLIENTS, PROTOCOL_VERSION};
use protocol::{
    Checksum, Chunk, ClientMessage, Edges, Encoding, RoomCode, RoomConfig, ServerMessage, Token, TrainingResult,
    Transfer, TransferId,
};

const NOW: Millis = Millis(1);
const VARIANTS: u32 = 4;

/// What went over one floor's connections, and how long its rooms computed.
#[derive(Default)]
struct Floor {
    bytes_up: u64,
    bytes_down: u64,
    busy: Duration,
}

/// A room, and who is in it.
struct Node {
    room: Coordinator,
    floor: usize,
    below: Below,
}

enum Below {
    Edges(BTreeMap<ConnectionId, (Edge, Node)>),
    Clients(BTreeMap<ConnectionId, u32>),
}

/// What all clients share.
struct World {
    key: Token,
    updates: Vec<(Bytes, Checksum)>,
    floors: [Floor; 3],
    opened: u64,
    published: usize,
}

/// The number of a client's update, and its examples: the heavier, the more it says to have.
fn variant(number: u32) -> u32 {
    number % VARIANTS
}

fn examples(number: u32) -> u32 {
    8 + 4 * (number % 7)
}

fn made_up(parameters: u32, variant: u32) -> Vec<f32> {
    let value = |index: u32| {
        let mixed = (index ^ variant << 24).wrapping_mul(0x9e37_79b9) >> 8;
        (mixed as f32 / (1 << 24) as f32 - 0.5) * 1.0e-2
    };
    (0..parameters).map(value).collect()
}

impl World {
    fn token(&mut self) -> Token {
        self.opened += 1;
        Token::from_random(u128::from(self.opened) << 64 | 0xabcd)
    }

    fn timed<T>(&mut self, floor: usize, what: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = what();
        self.floors[floor].busy += began.elapsed();
        done
    }
}

impl Node {
    /// Opens a connection to this room.
    fn open(&mut self, world: &mut World) -> ConnectionId {
        let fresh_token = world.token();
        let connection = ConnectionId(world.opened);
        self.room.handle(NOW, Event::Connected { connection, fresh_token });
        connection
    }

    /// So many clients come, and take part.
    fn fill(&mut self, world: &mut World, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let connection = self.open(world);
            let Below::Clients(clients) = &mut self.below else { return };
            clients.insert(connection, number);
            let room = self.room.config().code.clone();
            let hello = ClientMessage::Hello {
                protocol: PROTOCOL_VERSION,
                room,
                token: None,
                name: None,
                software: String::new(),
                status_changes: false,
            };
            let labels = vec![examples(number) / 2; 2];
            let ready = ClientMessage::Ready { examples: examples(number), labels, held_back: None, step_ms: None };
            for message in [hello, ready] {
                self.room.handle(NOW, Event::Message { connection, message });
            }
            self.settle(world);
        }
    }

    /// Everything that happens at this moment, here and below; false: nothing.
    fn settle(&mut self, world: &mut World) -> bool {
        let mut busy = false;
        while let Some(action) = self.room.poll_action() {
            busy = true;
            world.published += usize::from(self.floor == 0 && matches!(action, Action::Checkpoint { model: true }));
            match &self.below {
                Below::Clients(_) => self.clients_hear(world, action),
                Below::Edges(_) => self.edges_hear(world, action),
            }
        }
        if let Below::Edges(edges) = &mut self.below {
            let mut up = Vec::new();
            for (&connection, (edge, node)) in edges {
                busy |= tend(world, connection, edge, node, &mut up);
            }
            for event in up {
                let (floor, room) = (self.floor, &mut self.room);
                world.timed(floor, || room.handle(NOW, event));
            }
        }
        busy
    }

    /// What a client does when it hears something: it answers at once.
    fn clients_hear(&mut self, world: &mut World, action: Action) {
        let Below::Clients(clients) = &self.below else { return };
        let Action::Send { connection, message } = action else { return };
        let Some(&number) = clients.get(&connection) else { return };
        let (update, checksum) = world.updates[variant(number) as usize].clone();
        let event = match message {
            ServerMessage::StatisticsRequest { .. } => {
                let (sum, sum_squares) = (vec![200.0; 2], vec![500.0; 2]);
                vec![Event::Message {
                    connection,
                    message: ClientMessage::Statistics { frames: 100, sum, sum_squares },
                }]
            }
            ServerMessage::Round { round, model_version, .. } => {
                let update =
                    Transfer { id: TransferId(round.0), bytes: update.len() as u32, encoding: Encoding::F32, checksum };
                let training = TrainingResult { loss: 1.0, accuracy: 0.5 };
                let (examples, steps, evaluation) = (examples(number), 1, None);
                let message =
                    ClientMessage::Update { round, model_version, examples, steps, update, evaluation, training };
                vec![Event::Message { connection, message }]
            }
            ServerMessage::Upload { transfer } => {
                let frames = protocol::chunks(transfer, update).filter_map(|frame| Chunk::parse(frame).ok());
                frames.map(|chunk| Event::Chunk { connection, chunk }).collect()
            }
            ServerMessage::Refused { message, .. } | ServerMessage::Error { message, .. } => panic!("{message}"),
            _ => return,
        };
        for event in event {
            if let Event::Chunk { chunk, .. } = &event {
                world.floors[self.floor].bytes_up += protocol::framed_bytes(chunk.payload.len());
            }
            let (floor, room) = (self.floor, &mut self.room);
            world.timed(floor, || room.handle(NOW, event));
        }
    }

    /// A message or a model of this room reaches its edges.
    fn edges_hear(&mut self, world: &mut World, action: Action) {
        let Below::Edges(edges) = &mut self.below else { return };
        let mut tell = |connection: ConnectionId, message: ServerMessage| {
            if let ServerMessage::Refused { message, .. } | ServerMessage::Error { message, .. } = &message {
                panic!("{message}");
            }
            world.floors[self.floor].bytes_down += serde_json::to_vec(&message).map_or(0, |text| text.len() as u64);
            if let Some((edge, _)) = edges.get_mut(&connection) {
                edge.handle(NOW, Input::Message(message));
            }
        };
        match action {
            Action::Send { connection, message } => tell(connection, message),
            Action::Broadcast { connections, message } => {
                connections.into_iter().for_each(|connection| tell(connection, message.clone()));
            }
            Action::SendModel { connection, transfer, bytes } => {
                world.floors[self.floor].bytes_down += protocol::framed_bytes(bytes.len());
                if let Some((edge, _)) = edges.get_mut(&connection) {
                    for chunk in protocol::pieces(transfer, bytes) {
                        edge.handle(NOW, Input::Chunk(chunk));
                    }
                }
            }
            Action::Close { .. } | Action::Checkpoint { .. } => {}
        }
    }
}

/// What an edge and its room do; what goes up is left in `up`.
fn tend(world: &mut World, connection: ConnectionId, edge: &mut Edge, node: &mut Node, up: &mut Vec<Event>) -> bool {
    let mut busy = false;
    loop {
        let mut quiet = true;
        while let Some(output) = edge.poll_output() {
            quiet = false;
            let floor = &mut world.floors[node.floor - 1];
            match output {
                Output::Connect => edge.handle(NOW, Input::Opened),
                Output::Send(message) => {
                    floor.bytes_up += serde_json::to_vec(&message).map_or(0, |text| text.len() as u64);
                    up.push(Event::Message { connection, message });
                }
                Output::SendBytes { transfer, bytes } => {
                    floor.bytes_up += protocol::framed_bytes(bytes.len());
                    up.extend(protocol::pieces(transfer, bytes).map(|chunk| Event::Chunk { connection, chunk }));
                }
                _ => {}
            }
        }
        while let Some(lead) = edge.poll_lead() {
            quiet = false;
            node.room.lead(NOW, lead);
        }
        quiet &= !node.settle(world);
        while let Some(word) = node.room.poll_word() {
            quiet = false;
            edge.take(NOW, word);
        }
        if quiet || !up.is_empty() {
            return busy || !quiet;
        }
        busy = true;
    }
}

/// A room of edges with these rooms below.
fn with_edges(
    mut room: Coordinator,
    floor: usize,
    world: &mut World,
    count: u32,
    mut make: impl FnMut(&mut World) -> Node,
) -> Node {
    room.allow_uploads(1 << 20);
    let mut node = Node { room, floor, below: Below::Edges(BTreeMap::new()) };
    for number in 0..count {
        let config = ParticipantConfig {
            room: node.room.config().code.clone(),
            name: Some(format!("edge {number}")),
            token: None,
            software: "scale".to_owned(),
            seed: u64::from(number),
            masking: None,
        };
        let below = make(world);
        let connection = node.open(world);
        if let Below::Edges(edges) = &mut node.below {
            edges.insert(connection, (Edge::new(config, world.key.clone(), NOW), below));
        }
    }
    node
}

/// Memory of this process now and at most, MiB; 0 where the system does not say.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    (of("VmRSS").unwrap_or(0) / 1024, of("VmHWM").unwrap_or(0) / 1024)
}

#[expect(clippy::expect_used, reason = "a measurement that cannot go on has nothing to say")]
fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|number| number.parse().ok()).collect();
    let of = |index: usize, usual: u32| numbers.get(index).copied().unwrap_or(usual);
    let (edges, groups, clients, parameters, rounds) = (of(0, 20), of(1, 5), of(2, 1_000), of(3, 45_188), of(4, 2));
    let key = Token::from_random(9);
    let updates: Vec<Vec<f32>> = (0..VARIANTS).map(|variant| made_up(parameters, variant)).collect();
    let encoded = updates.iter().map(|update| Encoding::F32.encode_slice(update));
    let encoded: Vec<(Bytes, Checksum)> = encoded.map(|bytes| (bytes.clone(), Checksum::of(&bytes))).collect();
    let mut world = World { key: key.clone(), updates: encoded, floors: Default::default(), opened: 0, published: 0 };

    let code = RoomCode::parse("KMPXZ").expect("a code");
    let mut config = RoomConfig::new(code, "scale", parameters, vec!["no".to_owned(), "yes".to_owned()]);
    (config.features, config.rounds, config.least, config.max_clients) = (2, rounds, edges, edges);
    config.edges = Some(Edges { clients: MAX_EDGE_CLIENTS, key: key_check(&key), masking: None });
    let middle = RoomConfig { least: groups, max_clients: groups, ..config.clone() };
    let leaf = config.of_edge().expect("a room of edges");
    let leaf = RoomConfig { least: clients, max_clients: clients, ..leaf };
    let initial = vec![0.5; parameters as usize];
    let root = Coordinator::new(config, initial.clone(), Box::<MemorySpool>::default()).expect("a room");
    let empty = memory();
    let mut root = with_edges(root, 0, &mut world, edges, |world| {
        let middle = Coordinator::led(middle.clone()).expect("a room");
        with_edges(middle, 1, world, groups, |_| {
            let room = Coordinator::led(leaf.clone()).expect("a room");
            Node { room, floor: 2, below: Below::Clients(BTreeMap::new()) }
        })
    });
    let rooms = memory();
    let mut next = 0;
    let began = Instant::now();
    if let Below::Edges(edges) = &mut root.below {
        for (_, middle) in edges.values_mut() {
            let Below::Edges(groups) = &mut middle.below else { continue };
            for (_, group) in groups.values_mut() {
                group.fill(&mut world, next..next + clients);
                next += clients;
            }
        }
    }
    let (connected, came) = (memory(), began.elapsed());
    let began = Instant::now();
    while root.settle(&mut world) {}
    let took = began.elapsed().as_secs_f64();
    let done = memory();

    let history = root.room.history();
    assert_eq!(history.len(), rounds as usize, "the rounds did not get done");
    assert!(history.iter().all(|record| record.clients == next), "{history:?}");
    // η is 1: the model has moved by the weighted mean of all updates, once a round.
    let weights = (0..next).fold([0.0_f64; VARIANTS as usize], |mut weights, number| {
        weights[variant(number) as usize] += f64::from(examples(number));
        weights
    });
    let all: f64 = weights.iter().sum();
    let off = root.room.model().parameters().iter().enumerate().map(|(index, value)| {
        let mean: f64 = updates.iter().zip(weights).map(|(update, weight)| weight * f64::from(update[index])).sum();
        (f64::from(*value) - (0.5 + f64::from(rounds) * mean / all)).abs()
    });
    let off = off.fold(0.0, f64::max);
    let per = |floor: usize, servers: u32| {
        let Floor { bytes_up, bytes_down, busy } = &world.floors[floor];
        let (rounds, servers) = (u64::from(rounds), u64::from(servers));
        let ms = busy.as_secs_f64() * 1e3 / (rounds * servers) as f64;
        format!(
            "{{\"servers\": {servers}, \"bytes_up\": {}, \"bytes_down\": {}, \"ms\": {ms:.2}}}",
            bytes_up / rounds / servers,
            bytes_down / rounds / servers
        )
    };
    println!(
        "{{\"clients\": {next}, \"edges\": {edges}, \"groups\": {groups}, \"parameters\": {parameters}, \"rounds\": {rounds}, \
         \"come_seconds\": {:.1}, \"round_seconds\": {:.2}, \"off\": {off:.1e}, \"mib\": {{\"empty\": {}, \"rooms\": {}, \
         \"connected\": {}, \"end\": {}, \"most\": {}}}, \"a_server_and_round\": {{\"root\": {}, \"edge\": {}, \"group\": {}}}}}",
        came.as_secs_f64(),
        took / f64::from(rounds),
        empty.0,
        rooms.0,
        connected.0,
        done.0,
        done.1,
        per(0, 1),
        per(1, edges),
        per(2, edges * groups),
    );
}
