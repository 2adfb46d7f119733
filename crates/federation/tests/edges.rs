//! Rooms of edges: a root whose clients are edges, and every edge with clients of its own, all in memory. What comes of it is what
//! one flat room with the same clients makes: its model, its records, its scale of features and how the finished model does.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[path = "class/step.rs"]
mod step;

use federation::in_memory::{Client, Frame, Network};
use federation::{
    Action, Coordinator, Edge, Input, MaskingMemory, MaskingSecrets, MemorySpool, Millis, Output, Participant,
    ParticipantConfig, Work, key_check,
};
use protocol::{
    Adversary, Aggregation, Choice as _, Edges, Encoding, Evaluation, FinalModel, HostCommand, MaskedEncoding, Masking,
    Optimiser, Phase, RoomCode, RoomConfig, ServerMessage, Standardisation, Stragglers, Strategy, Token,
    TrainingResult,
};
use step::step;

const PARAMETERS: u32 = 9;

fn key() -> Token {
    Token::from_random(0x0eb1)
}

fn config() -> RoomConfig {
    let labels = ["angry", "happy", "neutral", "sad"].map(str::to_owned).to_vec();
    let mut config = RoomConfig::new(RoomCode::parse("KMPXZ").unwrap(), "tiny", PARAMETERS, labels);
    (config.features, config.rounds, config.deadline_ms, config.grace_ms) = (2, 3, 60_000, 10_000);
    config.training.batch_size = 4;
    config
}

/// The same room, of so many edges.
fn of_edges(room: &RoomConfig, edges: u32) -> RoomConfig {
    let masking = room.masking;
    let below = Edges { clients: 100, key: key_check(&key()), masking };
    RoomConfig { edges: Some(below), masking: None, least: edges, ..room.clone() }
}

/// Somebody who takes part; training is made up.
struct Student {
    program: Client,
    number: u32,
    examples: u32,
    finished: Option<Vec<f32>>,
    heard: Vec<ServerMessage>,
}

impl Student {
    fn new(number: u32, room: &RoomConfig, now: Millis) -> Student {
        let secrets = |_| {
            let bytes = [number as u8 + 1; 32];
            MaskingSecrets { seat: bytes, random: bytes, memory: MaskingMemory::default() }
        };
        let config = ParticipantConfig {
            room: room.code.clone(),
            name: Some(format!("Student {number}")),
            token: None,
            software: "test".to_owned(),
            seed: u64::from(number),
            masking: room.masking.map(secrets),
        };
        let mut participant = Participant::new(config, now);
        let examples = 3 + 5 * number;
        // Each holds another label, and holds back a third as many clips.
        let mut labels = vec![0; 4];
        labels[number as usize % 4] = examples;
        participant.handle(now, Input::Holdings { examples, labels, held_back: 1 + number, step_ms: None });
        participant.handle(now, Input::TakePart(true));
        // Four are in the first group of a room that has some, three in the second.
        participant.handle(now, Input::Group((number < 7).then_some(number / 4)));
        Student { program: Client::new(participant, None), number, examples, finished: None, heard: Vec::new() }
    }

    fn evaluation(&self, version: u32) -> Evaluation {
        let (examples, right) = (1 + self.number, (1 + self.number).min(version + 1));
        let accuracy = f64::from(right) / f64::from(examples);
        let mut confusion = vec![vec![0; 4]; 4];
        (confusion[1][1], confusion[1][2]) = (right, examples - right);
        Evaluation { examples, loss: 0.25 * f64::from(self.number + version), accuracy, confusion }
    }

    /// The frames of its clips: each another count and another place.
    fn statistics(&self) -> Input {
        let frames = 10 * u64::from(self.examples);
        let mean = f64::from(self.number) - 1.5;
        let sum = vec![mean * frames as f64, 0.5 * frames as f64];
        let squares = vec![(mean * mean + 2.0) * frames as f64, 1.25 * frames as f64];
        Input::Statistics { frames, sum, sum_squares: squares }
    }

    fn wants(&mut self, now: Millis, wish: Output) -> Option<Wish> {
        match wish {
            Output::Connect => return Some(Wish::Connect),
            Output::Send(message) => return Some(Wish::Say(Frame::of_client(&message))),
            Output::ComputeStatistics => {
                let statistics = self.statistics();
                self.program.participant.handle(now, statistics);
            }
            Output::Train(request) => {
                let version = request.model_version;
                let evaluation = self.evaluation(version.0);
                self.program.participant.handle(now, Input::Evaluated { model_version: version, evaluation });
                let correction = request.correction.unwrap_or_default();
                let moved = |(index, model): (usize, &f32)| {
                    // With SCAFFOLD what is told of the others' gradients has a part in it.
                    let corrected = 0.01 * correction.get(index).copied().unwrap_or_default();
                    model + step(self.number, version.0, index) - corrected
                };
                let parameters = request.model.iter().enumerate().map(moved).collect();
                let whole = federation::local_work::whole_steps(&request.training.settings, self.examples);
                let steps = if request.time_ms.is_some() && self.number % 2 == 1 { whole / 2 } else { whole };
                let training = TrainingResult {
                    loss: 1.0 / f64::from(self.number + 1),
                    accuracy: 0.1 * f64::from(self.number % 9),
                };
                self.program.participant.handle(
                    now,
                    Input::Trained {
                        round: request.round,
                        model_version: version,
                        parameters,
                        examples: self.examples,
                        steps: steps.max(1),
                        training,
                    },
                );
            }
            Output::Finished { model_version, model, .. } => {
                self.finished = Some(model.to_vec());
                let evaluation = self.evaluation(model_version.0);
                self.program.participant.handle(now, Input::Evaluated { model_version, evaluation });
            }
            Output::Disconnect => return Some(Wish::Close),
            _ => {}
        }
        None
    }
}

enum Wish {
    Connect,
    Say(Frame),
    Close,
}

/// A room and its students.
struct Room {
    coordinator: Coordinator,
    network: Network,
    students: Vec<Student>,
    /// Bytes that the room was sent, and messages that announce updates.
    bytes_up: usize,
    announced: usize,
}

impl Room {
    fn new(coordinator: Coordinator, numbers: impl Iterator<Item = u32>, now: Millis) -> Room {
        let students = numbers.map(|number| Student::new(number, coordinator.config(), now)).collect();
        Room { coordinator, network: Network::default(), students, bytes_up: 0, announced: 0 }
    }

    /// Everything that happens at this moment; false: nothing.
    fn run(&mut self, now: Millis) -> bool {
        let mut busy = false;
        loop {
            let mut quiet = !self.carry_out(now);
            for index in 0..self.students.len() {
                while let Some(wish) = self.students[index].program.next_wish() {
                    quiet = false;
                    match self.students[index].wants(now, wish) {
                        Some(Wish::Connect) => {
                            let (connection, event) = self.network.open(Some(index));
                            self.students[index].program.connection = Some(connection);
                            self.coordinator.handle(now, event);
                            self.students[index].program.participant.handle(now, Input::Opened);
                        }
                        Some(Wish::Say(frame)) => self.say(index, frame, now),
                        Some(Wish::Close) => self.loses(index, now),
                        None => {}
                    }
                    self.carry_out(now);
                }
                while let Some((frame, sent)) = self.students[index].program.next_frame() {
                    quiet = false;
                    self.say(index, frame, now);
                    self.students[index].program.participant.handle(now, sent);
                }
            }
            if quiet {
                return busy;
            }
            busy = true;
        }
    }

    fn carry_out(&mut self, now: Millis) -> bool {
        let mut busy = false;
        while let Some(action) = self.coordinator.poll_action() {
            busy = true;
            let closes = matches!(action, Action::Close { .. });
            for connection in self.network.carry(action) {
                let student = self.network.link(connection).and_then(|link| link.client);
                while self.network.hand_model(connection) {}
                while let Some(frame) = self.network.arrives_down(connection) {
                    let Some(student) = student.map(|student| &mut self.students[student]) else { continue };
                    let input = frame.input();
                    if let Input::Message(message) = &input {
                        student.heard.push(message.clone());
                    }
                    student.program.participant.handle(now, input);
                }
                if closes && let Some(student) = student {
                    self.students[student].program.disconnected();
                    self.students[student].program.participant.handle(now, Input::Closed);
                }
            }
        }
        busy
    }

    fn say(&mut self, index: usize, frame: Frame, now: Millis) {
        let Some(connection) = self.students[index].program.connection else { return };
        self.bytes_up += frame.bytes();
        if let Frame::Text(text) = &frame {
            self.announced += usize::from(text.contains("\"type\":\"update\"") || text.contains("\"type\":\"masked\""));
        }
        self.network.say(connection, frame);
        while let Some(frame) = self.network.arrives_up(connection) {
            self.coordinator.handle(now, frame.event(connection));
        }
    }

    fn loses(&mut self, index: usize, now: Millis) {
        let Some(connection) = self.students[index].program.connection.take() else { return };
        self.students[index].program.disconnected();
        self.network.client_closes(connection);
        let lost = self.network.server_loses(connection);
        self.coordinator.handle(now, lost);
        self.students[index].program.participant.handle(now, Input::Closed);
    }
}

/// An edge and its room.
struct Branch {
    edge: Edge,
    connection: Option<federation::ConnectionId>,
    room: Option<Room>,
    numbers: Vec<u32>,
    least: u32,
}

/// A root and its edges.
struct Tree {
    root: Coordinator,
    network: Network,
    branches: Vec<Branch>,
    now: Millis,
    /// Bytes that the root was sent, and the sums among its messages.
    bytes_up: usize,
    partials: usize,
    heard: Vec<ServerMessage>,
}

fn initial() -> Vec<f32> {
    (0..PARAMETERS).map(|index| step(77, 0, index as usize)).collect()
}

impl Tree {
    fn new(room: &RoomConfig, numbers: &[&[u32]]) -> Tree {
        let config = of_edges(room, numbers.len() as u32);
        let root = Coordinator::new(config.clone(), initial(), Box::<MemorySpool>::default()).unwrap();
        let now = Millis(1_000);
        let branch = |(index, numbers): (usize, &&[u32])| {
            let config = ParticipantConfig {
                room: config.code.clone(),
                name: Some(format!("Edge {index}")),
                token: None,
                software: "test".to_owned(),
                seed: index as u64,
                masking: None,
            };
            let edge = Edge::new(config, key(), now);
            Branch { edge, connection: None, room: None, numbers: numbers.to_vec(), least: numbers.len() as u32 }
        };
        let branches = numbers.iter().enumerate().map(branch).collect();
        Tree { root, network: Network::default(), branches, now, bytes_up: 0, partials: 0, heard: Vec::new() }
    }

    /// Lets everything happen that happens at this moment.
    fn run(&mut self) {
        let all: Vec<usize> = (0..self.branches.len()).collect();
        self.run_of(&all);
    }

    /// Lets everything happen to these edges.
    fn run_of(&mut self, branches: &[usize]) {
        for _ in 0..10_000 {
            let mut quiet = true;
            while let Some(action) = self.root.poll_action() {
                quiet = false;
                let closes = matches!(action, Action::Close { .. });
                for connection in self.network.carry(action) {
                    let Some(branch) = self.network.link(connection).and_then(|link| link.client) else { continue };
                    while self.network.hand_model(connection) {}
                    while let Some(frame) = self.network.arrives_down(connection) {
                        let input = frame.input();
                        if let Input::Message(message) = &input {
                            self.heard.push(message.clone());
                        }
                        self.branches[branch].edge.handle(self.now, input);
                    }
                    if closes {
                        self.branches[branch].connection = None;
                        self.branches[branch].edge.handle(self.now, Input::Closed);
                    }
                }
            }
            for &index in branches {
                quiet &= !self.tend(index);
            }
            if quiet {
                return;
            }
        }
        panic!("the tree never comes to rest");
    }

    /// What an edge does at this moment.
    fn tend(&mut self, index: usize) -> bool {
        let (now, mut busy) = (self.now, false);
        loop {
            let branch = &mut self.branches[index];
            let mut frames = Vec::new();
            while let Some(output) = branch.edge.poll_output() {
                busy = true;
                match output {
                    Output::Connect => {
                        let (connection, event) = self.network.open(Some(index));
                        branch.connection = Some(connection);
                        self.root.handle(now, event);
                        branch.edge.handle(now, Input::Opened);
                    }
                    Output::Send(message) => frames.push((Frame::of_client(&message), None)),
                    Output::SendBytes { transfer, bytes } => {
                        let whole = bytes.len() as u32;
                        frames.extend(protocol::chunks(transfer, bytes).map(|frame| (Frame::Binary(frame), None)));
                        frames.push((Frame::Text(String::new()), Some(Input::Sent { transfer, bytes: whole })));
                    }
                    _ => {}
                }
            }
            if branch.room.is_none()
                && let Some(config) = branch.edge.room()
            {
                let config =
                    RoomConfig { code: RoomCode::parse("EDGES").unwrap(), least: branch.least, ..config.unwrap() };
                let mut coordinator = Coordinator::led(config).unwrap();
                coordinator.standardise(common_scale());
                branch.room = Some(Room::new(coordinator, branch.numbers.iter().copied(), now));
            }
            if let Some(room) = &mut branch.room {
                while let Some(lead) = branch.edge.poll_lead() {
                    busy = true;
                    room.coordinator.lead(now, lead);
                }
                busy |= room.run(now);
                while let Some(word) = room.coordinator.poll_word() {
                    busy = true;
                    branch.edge.take(now, word);
                }
            }
            if frames.is_empty() {
                return busy;
            }
            let Some(connection) = branch.connection else { return busy };
            for (frame, sent) in frames {
                if let Some(sent) = sent {
                    self.branches[index].edge.handle(now, sent);
                    continue;
                }
                self.bytes_up += frame.bytes();
                if let Frame::Text(text) = &frame {
                    self.partials += usize::from(text.contains("\"type\":\"partial\""));
                }
                self.network.say(connection, frame);
                while let Some(frame) = self.network.arrives_up(connection) {
                    self.root.handle(now, frame.event(connection));
                }
            }
        }
    }

    /// Lets time pass.
    fn wait(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        self.run();
        while self.now < end {
            self.now = (self.now + 250).min(end);
            self.root.handle_timeout(self.now);
            for branch in &mut self.branches {
                branch.edge.handle_timeout(self.now);
                if let Some(room) = &mut branch.room {
                    room.coordinator.handle_timeout(self.now);
                    for student in &mut room.students {
                        student.program.participant.handle_timeout(self.now);
                    }
                }
            }
            self.run();
        }
    }
}

fn common_scale() -> Standardisation {
    Standardisation { mean: vec![0.5, 0.25], deviation: vec![3.0, 1.0] }
}

/// One room with all of them.
fn flat(room: &RoomConfig, students: u32) -> Room {
    let config = RoomConfig { least: students, ..room.clone() };
    let mut coordinator = Coordinator::new(config, initial(), Box::<MemorySpool>::default()).unwrap();
    coordinator.standardise(common_scale());
    let mut room = Room::new(coordinator, 0..students, Millis(1_000));
    room.run(Millis(1_000));
    room
}

/// Numbers of one and the other, each to `close` times the largest of them.
fn assert_close<'a>(what: &str, one: impl Iterator<Item = &'a f32>, other: impl Iterator<Item = &'a f32>, close: f32) {
    let pairs: Vec<(f32, f32)> = one.copied().zip(other.copied()).collect();
    let largest = pairs.iter().map(|(one, _)| one.abs()).fold(1.0e-3, f32::max);
    for (index, (one, other)) in pairs.iter().enumerate() {
        assert!(
            (one - other).abs() <= close * largest,
            "{what}, number {index}: {one} in one room, {other} over edges"
        );
    }
}

/// Runs both, and compares all that they make.
fn assert_same(what: &str, room: &RoomConfig, close: f32) -> (Room, Tree) {
    let flat = flat(room, 10);
    let mut tree = Tree::new(room, &[&[0, 3, 4, 9], &[1, 2, 5], &[6, 7, 8]]);
    tree.run();
    let (one, root) = (&flat.coordinator, &tree.root);
    assert_eq!((one.history().len(), root.history().len()), (3, 3), "{what}");
    assert_close(what, one.model().parameters().iter(), root.model().parameters().iter(), close);
    let scale = |room: &Coordinator| room.standardisation().cloned().unwrap();
    let scale_close = if room.masking.is_some() { 1.0e-4 } else { 1.0e-6 };
    assert_close(what, scale(one).mean.iter(), scale(root).mean.iter(), scale_close);
    assert_close(what, scale(one).deviation.iter(), scale(root).deviation.iter(), scale_close);
    for (one, other) in one.history().iter().zip(root.history()) {
        assert_eq!((one.clients, one.examples), (10, 255), "{what}");
        assert_eq!((one.clients, one.examples, one.refused), (other.clients, other.examples, other.refused), "{what}");
        assert!((one.training.loss - other.training.loss).abs() < 1.0e-4, "{what}");
        assert!((one.training.accuracy - other.training.accuracy).abs() < 1.0e-4, "{what}");
        let (one, other) = (one.evaluation.as_ref().unwrap(), other.evaluation.as_ref().unwrap());
        assert_eq!((one.examples, &one.confusion), (other.examples, &other.confusion), "{what}");
        assert!((one.loss - other.loss).abs() < 1.0e-4 && (one.accuracy - other.accuracy).abs() < 1.0e-9, "{what}");
    }
    let (one, other) = (one.final_evaluation().unwrap(), root.final_evaluation().unwrap());
    assert_eq!((one.examples, &one.confusion), (other.examples, &other.confusion), "{what}");
    // Masked losses are added as multiples of 2⁻¹⁶.
    let loss_close = if room.masking.is_some() { 1.0e-4 } else { 1.0e-9 };
    assert!((one.loss - other.loss).abs() < loss_close, "{what}");
    let groups = |room: &Coordinator| room.status(tree.now).final_groups;
    assert_eq!(groups(&flat.coordinator), groups(&tree.root), "{what}");
    for branch in &tree.branches {
        let room = branch.room.as_ref().unwrap();
        assert!(groups(&room.coordinator).iter().all(Option::is_none), "{what}: the root alone shows any");
        assert_eq!(room.coordinator.history(), root.history(), "{what}: clients see the whole room's rounds");
        for student in &room.students {
            let encoding = root.config().encoding.of_models();
            let sent = encoding.encode_slice(root.model().parameters());
            let sent: Vec<f32> = encoding.values(&sent).unwrap().collect();
            assert_eq!(student.finished.as_ref(), Some(&sent), "{what}");
        }
    }
    // One sum a round and edge, whatever the clients below.
    assert_eq!(tree.partials, 9, "{what}");
    (flat, tree)
}

#[test]
fn over_edges_every_strategy_makes_the_model_that_one_room_makes() {
    for &strategy in Strategy::ALL {
        let mut room = RoomConfig { strategy, ..config() };
        if strategy.needs_sgd() {
            (room.training.optimiser, room.training.learning_rate) = (Optimiser::Sgd, 0.1);
        }
        assert_same(strategy.name(), &room, 2.0e-6);
    }
}

#[test]
fn over_edges_the_mean_of_the_models_is_the_roots() {
    let room = RoomConfig { final_model: FinalModel::Mean, ..config() };
    let (flat, tree) = assert_same("the mean of its models", &room, 2.0e-6);
    let (plain, _) = assert_same("the last model", &config(), 2.0e-6);
    assert_ne!(flat.coordinator.model().parameters(), plain.coordinator.model().parameters());
    for branch in &tree.branches {
        let below = &branch.room.as_ref().unwrap().coordinator;
        assert!(below.memory().is_empty() && below.config().final_model.is_last(), "an edge takes no mean");
    }
}

#[test]
fn over_edges_groups_are_those_of_all_clients() {
    let groups = ["headset", "laptop"].map(str::to_owned).to_vec();
    let masks = Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked32, clip: 16.0 };
    for masking in [None, Some(masks)] {
        let room = RoomConfig { groups: groups.clone(), masking, weight_cap: 100, ..config() };
        let (_, tree) = assert_same("by group", &room, 1.0e-5);
        // Of student n, n + 1 clips are tried: 1 + 2 + 3 + 4 and 5 + 6 + 7.
        let shown = tree.root.status(tree.now).final_groups;
        let shown: Vec<_> = shown.iter().flatten().map(|group| (group.clients, group.examples)).collect();
        assert_eq!(shown, [(4, 10), (3, 18)]);
        assert_eq!(tree.root.final_evaluation().unwrap().examples, 55);
    }
}

#[test]
fn caps_clips_and_fewer_steps_are_each_clients_own_over_edges_as_well() {
    assert_same("a cap on weights", &RoomConfig { weight_cap: 20, ..config() }, 2.0e-6);
    let clipped = RoomConfig { aggregation: Aggregation::Clipping { norm: Some(1.0) }, ..config() };
    assert_same("clipping", &clipped, 2.0e-6);
    assert_same("fewer steps", &RoomConfig { stragglers: Stragglers::FewerSteps, ..config() }, 2.0e-6);
}

#[test]
fn few_bits_are_the_clients_own_and_no_sum_is_rounded_by_them() {
    assert_same("f16", &RoomConfig { encoding: Encoding::F16, ..config() }, 2.0e-3);
}

/// Each rounds a client's update and the room's step to a tick of its longest value, as chance has it, and so they differ by no more
/// than some ticks of a step; the model goes down to everyone as the root's differences.
#[test]
fn differences_of_few_bits_go_through_edges_both_ways() {
    let (whole, _) = assert_same("f32", &config(), 2.0e-6);
    for (encoding, ticks) in [(Encoding::Q8, 107.0), (Encoding::Q4, 7.0)] {
        let room = RoomConfig { encoding, ..config() };
        let (flat, tree) = assert_same(&format!("{encoding:?}"), &room, 3.0 / ticks);
        for model in [flat.coordinator.model(), tree.root.model()] {
            let (exact, what) = (whole.coordinator.model().parameters(), format!("{encoding:?} and f32"));
            assert_close(&what, exact.iter(), model.parameters().iter(), 3.0 / ticks);
        }
        for student in tree.branches.iter().flat_map(|branch| &branch.room.as_ref().unwrap().students) {
            let ways: Vec<_> = (student.heard.iter())
                .filter_map(|message| match message {
                    ServerMessage::Round { difference, model, .. }
                    | ServerMessage::Finished { difference, model, .. } => {
                        Some((model.id.0, difference.map(|way| (way.from.map(|from| from.0), way.transfer.encoding))))
                    }
                    _ => None,
                })
                .collect();
            let first = (0, Some((None, Encoding::Q8)));
            let rest = (1..=3).map(|version| (version, Some((Some(version - 1), encoding))));
            assert_eq!(ways, std::iter::once(first).chain(rest).collect::<Vec<_>>(), "{encoding:?}");
        }
    }
}

#[test]
fn masked_groups_give_the_sum_that_one_masked_room_gives() {
    for server in [Adversary::Active, Adversary::Curious] {
        for name in ["fedavg", "fedavgm", "fednova"] {
            let masking = Masking { server, encoding: MaskedEncoding::Masked32, clip: 16.0 };
            let strategy = name.parse::<Strategy>().unwrap();
            let room = RoomConfig { masking: Some(masking), strategy, weight_cap: 100, ..config() };
            // Both round each value to a tick of the clip.
            let (_, tree) = assert_same(name, &room, 1.0e-5);
            for branch in &tree.branches {
                let own = branch.room.as_ref().unwrap();
                assert_eq!(own.coordinator.config().masking, Some(masking));
                assert_eq!(own.announced, 3 * own.students.len());
                let told =
                    |message: &ServerMessage| matches!(message, ServerMessage::StatisticsRequest { masked: None });
                assert!(!own.students.iter().any(|student| student.heard.iter().any(told)), "nobody's own sums");
            }
        }
    }
}

#[test]
fn what_reaches_the_root_grows_with_edges_and_not_with_clients() {
    let few = {
        let mut tree = Tree::new(&config(), &[&[0], &[1]]);
        tree.run();
        (tree.bytes_up, tree.root.load().connections)
    };
    let many: Vec<u32> = (2..60).collect();
    let (one, other) = many.split_at(29);
    let mut tree = Tree::new(&config(), &[one, other]);
    tree.run();
    assert_eq!(tree.root.history().iter().map(|record| record.clients).collect::<Vec<_>>(), [58; 3]);
    // Sums have more digits, and messages are all that there is of a model with nine parameters.
    assert!(tree.bytes_up < few.0 * 3 / 2, "{} bytes, and {} of one client each", tree.bytes_up, few.0);
    assert_eq!(tree.root.load().connections, few.1);
    assert!(tree.root.contributions().iter().all(|given| given.len() == 2));
}

#[test]
fn a_root_says_how_many_take_part_behind_each_edge() {
    let room = RoomConfig { rounds: 100, ..config() };
    let mut tree = Tree::new(&room, &[&[0, 1, 2], &[3, 4], &[5]]);
    // The third waits for one more than ever comes.
    (tree.branches[0].least, tree.branches[2].least) = (2, 2);
    // Who came last is told of within two seconds.
    tree.wait(3_000);
    let behind = |tree: &Tree| -> Vec<Option<u32>> {
        tree.root.status(tree.now).clients.iter().map(|edge| edge.behind).collect()
    };
    assert_eq!(behind(&tree), [Some(3), Some(2), Some(0)]);
    // Who goes is not counted any more once the edge has said so, at the latest when it gives again.
    let below = tree.branches[0].room.as_mut().unwrap();
    below.students[2].program.participant.handle(tree.now, Input::Leave);
    tree.wait(30_000);
    assert_eq!(behind(&tree)[0], Some(2));
    let flat = flat(&room, 3);
    assert!(flat.coordinator.status(Millis(1_000)).clients.iter().all(|client| client.behind.is_none()));
}

/// What an edge says to its root, one message after the other, and what it hears.
fn answers(room: RoomConfig, messages: &[&str]) -> Vec<String> {
    let mut root = Coordinator::new(room, initial(), Box::<MemorySpool>::default()).unwrap();
    let mut network = Network::default();
    let (connection, event) = network.open(None);
    root.handle(Millis(1), event);
    let hello = r#"{"type":"hello","protocol":1,"room":"KMPXZ","software":"test"}"#;
    let mut heard = Vec::new();
    for message in [&[hello], messages].concat() {
        root.handle(Millis(1), Frame::Text((*message).to_owned()).event(connection));
        while let Some(action) = root.poll_action() {
            network.carry(action);
        }
        while let Some(Frame::Text(text)) = network.arrives_down(connection) {
            heard.push(text);
        }
    }
    heard
}

#[test]
fn nobody_can_claim_to_be_thousands_without_the_key_or_beyond_the_rooms_limit() {
    let ready = |key: &Token, clients: u32| {
        let key = key.secret();
        format!(r#"{{"type":"edge_ready","key":"{key}","clients":{clients},"examples":400,"labels":[],"held_back":0}}"#)
    };
    let last = |room: RoomConfig, message: String| answers(room, &[&message]).pop().unwrap();
    let root = || of_edges(&config(), 1);
    assert!(last(config(), ready(&key(), 10)).contains("takes no edges"));
    assert!(last(root(), ready(&Token::from_random(5), 10)).contains("not the key"));
    assert!(last(root(), ready(&key(), 101)).contains("100 clients here, not for 101"));
    assert!(last(root(), ready(&key(), 100)).contains("statistics_request"));
    let plain = r#"{"type":"ready","examples":4,"labels":[1,1,1,1]}"#.to_owned();
    assert!(last(root(), plain).contains("takes edges alone"));

    let statistics = r#"{"type":"statistics","frames":100,"sum":[0.0,0.0],"sum_squares":[9.0,9.0]}"#;
    let sum = |change: (&str, &str)| {
        let partial = r#"{"type":"partial","round":1,"model_version":0,"clients":10,"examples":400,"weight":400.0,"steps":10.0,
            "done":4000.0,"planned":4000.0,"update":{"id":1,"bytes":36,"encoding":"f32","checksum":"00000000"},
            "training":{"loss":1.0,"accuracy":0.5}}"#;
        let partial = partial.replace(change.0, change.1);
        let ready = ready(&key(), 10);
        answers(RoomConfig { weight_cap: 50, ..root() }, &[&ready, statistics, &partial]).pop().unwrap()
    };
    assert!(sum(("", "")).contains("upload"));
    assert!(sum(("\"clients\":10", "\"clients\":11")).contains("wrong_examples"));
    assert!(sum(("\"examples\":400", "\"examples\":401")).contains("wrong_examples"));
    assert!(sum(("\"weight\":400.0", "\"weight\":401.0")).contains("wrong_examples"));
    assert!(sum(("\"clients\":10", "\"clients\":7")).contains("wrong_examples"), "of seven clients 350 count at most");
    assert!(sum(("\"steps\":10.0", "\"steps\":0.5")).contains("wrong_steps"));
    assert!(sum(("\"steps\":10.0", "\"steps\":201.0")).contains("wrong_steps"));
    assert!(sum(("\"f32\"", "\"f16\"")).contains("wrong_encoding"));
    assert!(sum(("\"bytes\":36", "\"bytes\":72")).contains("wrong_size"));
}

#[test]
fn a_client_that_is_lost_costs_its_edge_that_client_alone() {
    let mut tree = Tree::new(&RoomConfig { rounds: 2, ..config() }, &[&[0, 1, 2], &[3, 4]]);
    // The first edge's clients are there; one goes for good before the second edge is.
    tree.branches[0].least = 2;
    tree.run_of(&[0]);
    let room = tree.branches[0].room.as_mut().unwrap();
    assert_eq!(room.coordinator.status(Millis(1_000)).ready, 3);
    room.loses(2, Millis(1_000));
    room.students[2].program.participant.handle(Millis(1_000), Input::Leave);
    tree.wait(30_000);
    assert_eq!(tree.root.history().len(), 2);
    assert!(tree.root.history().iter().all(|record| record.clients == 4), "{:?}", tree.root.history());
}

#[test]
fn an_edge_whose_clients_give_nothing_holds_nobody_up_for_longer_than_the_deadline() {
    let mut tree = Tree::new(&config(), &[&[0, 1], &[2, 3]]);
    tree.run();
    assert_eq!(tree.root.history().len(), 3);
    // The same, with an edge that waits for one more than ever comes.
    let mut tree = Tree::new(&config(), &[&[0, 1], &[2, 3], &[4]]);
    tree.root.command(Millis(1_000), HostCommand::Least { least: 2 }).unwrap();
    tree.branches[2].least = 2;
    tree.run();
    assert_eq!(tree.root.history().len(), 3);
    assert_eq!(tree.root.status(tree.now).phase, Phase::Finished);
    assert!(tree.root.history().iter().all(|record| record.clients == 4));
    assert!(matches!(tree.branches[2].edge.view().work, Work::Idle));
}

#[test]
fn the_rounds_of_an_edge_are_its_roots_to_end_or_to_repeat() {
    let mut tree = Tree::new(&config(), &[&[0, 1], &[2, 3]]);
    tree.run_of(&[0]);
    let room = &mut tree.branches[0].room.as_mut().unwrap().coordinator;
    for command in [
        HostCommand::End,
        HostCommand::Renormalise,
        HostCommand::Restart { version: protocol::ModelVersion(0), rounds: None },
        HostCommand::Undo { client: protocol::ClientId(1), rounds: None },
    ] {
        let refused = room.command(Millis(2_000), command.clone()).unwrap_err().to_string();
        assert!(refused.contains("room above"), "{command:?}: {refused}");
    }
    assert!(room.command(Millis(2_000), HostCommand::Rename { name: "Here".to_owned() }).is_ok());
    // What the root's host wants, everyone below sees.
    tree.run();
    tree.root.restart(tree.now, protocol::ModelVersion(0), Some(2), initial(), Default::default()).unwrap();
    tree.wait(40_000);
    assert_eq!(tree.root.history().len(), 2, "{:?}", tree.root.status(tree.now));
    let own = &tree.branches[1].room.as_ref().unwrap();
    assert_eq!(own.coordinator.history(), tree.root.history());
    assert!(own.students.iter().all(|student| student.finished.as_deref() == Some(tree.root.model().parameters())));
}
