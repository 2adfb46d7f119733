//! The coordinator's rules where a test has to look inside: that a refused update leaves the accumulator bit for
//! bit as it was, and that uploads stay within their slots. What both ends do together is in `tests/`.

use bytes::Bytes;
use protocol::{
    Checksum, Chunk, ClientMessage, Encoding, Evaluation, ModelVersion, RefusalReason, RoomCode, RoomConfig, Round,
    ServerMessage, Token, TrainingResult, Transfer, TransferId,
};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::MemorySpool;

const PARAMETERS: usize = 5;
const ROUND: Round = Round(1);

/// A room whose first round is open for three clients with 10, 20 and 30 examples.
struct Room {
    coordinator: Coordinator,
    now: Millis,
}

fn config() -> RoomConfig {
    let code = RoomCode::parse("KMPXZ").unwrap();
    let labels = vec!["angry".to_owned(), "calm".to_owned()];
    let mut config = RoomConfig::new(code, "tiny", PARAMETERS as u32, labels);
    config.features = 2;
    config.rounds = 3;
    config.norm_limit = 100.0;
    config
}

fn client(number: u64) -> ConnectionId {
    ConnectionId(number)
}

fn update(round: u32, id: u32, values: &[f32]) -> (ClientMessage, Bytes) {
    let bytes = Encoding::F32.encode(values.to_vec());
    let message = ClientMessage::Update {
        round: Round(round),
        model_version: ModelVersion(round - 1),
        examples: 10,
        steps: 1,
        update: Transfer {
            id: TransferId(id),
            bytes: bytes.len() as u32,
            encoding: Encoding::F32,
            checksum: Checksum::of(&bytes),
        },
        evaluation: None,
        training: TrainingResult { loss: 1.0, accuracy: 0.5 },
    };
    (message, bytes)
}

impl Room {
    fn of(config: RoomConfig) -> Room {
        let parameters = config.parameters as usize;
        let coordinator = Coordinator::new(config, vec![1.0; parameters], Box::<MemorySpool>::default()).unwrap();
        Room { coordinator, now: Millis(1) }
    }

    fn collecting(config: RoomConfig) -> Room {
        let mut room = Room::of(config);
        for number in 1..=3 {
            room.join(number, number as u32 * 10);
        }
        for number in 1..=3 {
            let statistics = ClientMessage::Statistics { frames: 2, sum: vec![1.0, 2.0], sum_squares: vec![1.0, 4.0] };
            room.say(number, statistics);
        }
        assert!(matches!(room.coordinator.phase, PhaseState::Collecting(_)));
        room.answers();
        room
    }

    fn join(&mut self, number: u64, examples: u32) {
        let fresh_token = Token::from_random(u128::from(number));
        let connection = client(number);
        self.coordinator.handle(self.now, Event::Connected { connection, fresh_token });
        let room = self.coordinator.config.code.clone();
        let hello = ClientMessage::Hello {
            protocol: 1,
            room,
            token: None,
            name: None,
            software: String::new(),
            status_changes: false,
        };
        self.say(number, hello);
        self.say(number, ClientMessage::Ready { examples, labels: vec![examples, 0], held_back: None, step_ms: None });
    }

    fn say(&mut self, number: u64, message: ClientMessage) {
        self.coordinator.handle(self.now, Event::Message { connection: client(number), message });
    }

    fn chunk(&mut self, number: u64, transfer: u32, offset: u32, payload: Bytes) {
        let chunk = Chunk { transfer: TransferId(transfer), offset, payload };
        self.coordinator.handle(self.now, Event::Chunk { connection: client(number), chunk });
    }

    fn upload(&mut self, number: u64, round: u32, id: u32, values: &[f32]) {
        let (message, bytes) = update(round, id, values);
        self.say(number, message);
        self.chunk(number, id, 0, bytes);
    }

    fn answers(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.coordinator.poll_action()).collect()
    }

    fn refusals(&mut self) -> Vec<RefusalReason> {
        let reason = |action: Action| match action {
            Action::Send { message: ServerMessage::Refused { reason, .. }, .. } => Some(reason),
            _ => None,
        };
        self.answers().into_iter().filter_map(reason).collect()
    }

    fn mean_bits(&self) -> Vec<u32> {
        match &self.coordinator.phase {
            PhaseState::Collecting(state) => {
                state.gathered.updates.mean().iter().map(|value| value.to_bits()).collect()
            }
            _ => panic!("no round is open"),
        }
    }

    fn load(&self) -> (usize, usize, usize) {
        let load = self.coordinator.load();
        (load.upload_bytes, load.uploads, load.waiting)
    }
}

/// Does something wrong in an open round that holds one update, and checks that it is refused for that reason, and
/// that the mean is bit for bit what it was.
fn refused(reason: RefusalReason, wrong: impl Fn(&mut Room)) {
    let mut room = Room::collecting(config());
    room.upload(1, 1, 1, &[0.1, -0.2, 0.3, f32::MIN_POSITIVE, 1.0e-20]);
    room.answers();
    let before = room.mean_bits();
    assert_eq!(before.len(), PARAMETERS);
    wrong(&mut room);
    assert_eq!(room.refusals(), [reason]);
    assert_eq!(room.mean_bits(), before, "the accumulator changed with {reason:?}");
    // And the one that was refused can still do it right.
    if !matches!(reason, RefusalReason::Duplicate | RefusalReason::NotReady | RefusalReason::TooManyAttempts) {
        room.upload(2, 1, 99, &[0.5; PARAMETERS]);
        assert_eq!(room.refusals(), []);
        assert_ne!(room.mean_bits(), before);
    }
}

/// What an announcement says that a test may falsify.
struct Draft {
    round: Round,
    model_version: ModelVersion,
    examples: u32,
    steps: u32,
    update: Transfer,
    evaluation: Option<Evaluation>,
}

/// Client 2 announces an update, changed in one place.
fn announced(room: &mut Room, change: impl Fn(&mut Draft)) {
    let ClientMessage::Update { round, model_version, examples, steps, update, evaluation, training } =
        update(1, 2, &[0.5; PARAMETERS]).0
    else {
        unreachable!()
    };
    let mut draft = Draft { round, model_version, examples, steps, update, evaluation };
    change(&mut draft);
    let Draft { round, model_version, examples, steps, update, evaluation } = draft;
    room.say(2, ClientMessage::Update { round, model_version, examples, steps, update, evaluation, training });
}

#[test]
fn every_wrong_announcement_is_refused_with_its_reason() {
    use RefusalReason::*;
    refused(Future, |room| announced(room, |draft| draft.round = Round(2)));
    refused(Stale, |room| announced(room, |draft| draft.model_version = ModelVersion(7)));
    refused(Duplicate, |room| room.say(1, update(1, 3, &[0.5; PARAMETERS]).0));
    refused(NotReady, |room| {
        room.say(2, ClientMessage::Pause { diverged: false });
        announced(room, |_| ());
    });
    refused(WrongSize, |room| announced(room, |draft| draft.update.bytes += 4));
    refused(WrongSize, |room| announced(room, |draft| draft.update.bytes -= 4));
    refused(WrongSize, |room| announced(room, |draft| draft.update.bytes = u32::MAX));
    refused(WrongEncoding, |room| announced(room, |draft| draft.update.encoding = Encoding::F16));
    refused(WrongExamples, |room| announced(room, |draft| draft.examples = 21));
    // Ten examples in one batch, two epochs.
    refused(WrongSteps, |room| announced(room, |draft| draft.steps = 3));
    refused(WrongEvaluation, |room| {
        announced(room, |draft| {
            let confusion = vec![vec![1, 0, 0], vec![0; 3], vec![0; 3]];
            draft.evaluation = Some(Evaluation { examples: 1, loss: 1.0, accuracy: 1.0, confusion });
        });
    });
}

#[test]
fn every_wrong_upload_is_refused_with_its_reason() {
    use RefusalReason::*;
    refused(NotFinite, |room| room.upload(2, 1, 2, &[0.5, f32::NAN, 0.5, 0.5, 0.5]));
    refused(NotFinite, |room| room.upload(2, 1, 2, &[0.5, 0.5, 0.5, 0.5, f32::NEG_INFINITY]));
    refused(NormTooLarge, |room| room.upload(2, 1, 2, &[0.0, 100.1, 0.0, 0.0, 0.0]));
    refused(WrongChecksum, |room| {
        announced(room, |_| ());
        room.chunk(2, 2, 0, Encoding::F32.encode(vec![0.25; PARAMETERS]));
    });
    refused(TooLong, |room| {
        announced(room, |_| ());
        room.chunk(2, 2, 0, vec![0; 4 * PARAMETERS + 1].into());
    });
    refused(TooShort, |room| {
        announced(room, |_| ());
        room.chunk(2, 2, 0, vec![0; 4 * PARAMETERS - 4].into());
    });
    refused(OutOfOrder, |room| {
        announced(room, |_| ());
        room.chunk(2, 2, 4, vec![0; 4 * PARAMETERS - 4].into());
    });
    refused(Unannounced, |room| room.chunk(2, 77, 0, vec![0; 4 * PARAMETERS].into()));
    refused(Unannounced, |room| {
        announced(room, |_| ());
        // Another client can't push bytes into somebody else's upload.
        room.chunk(3, 2, 0, vec![0; 4 * PARAMETERS].into());
    });
    refused(Stalled, |room| {
        announced(room, |_| ());
        room.now = room.now + uploads::STALL_MS;
        room.coordinator.handle_timeout(room.now);
    });
}

#[test]
fn an_upload_whose_bytes_keep_coming_has_not_stalled() {
    let mut room = Room::collecting(config());
    room.say(1, update(1, 1, &[0.5; PARAMETERS]).0);
    // A piece that takes a minute and a half: some of it comes all the time.
    for _ in 0..4 {
        room.now = room.now + (uploads::STALL_MS - 1);
        room.coordinator.handle(room.now, Event::Receiving { connection: client(1) });
        room.coordinator.handle_timeout(room.now);
        assert_eq!(room.load().1, 1, "its slot is still its own");
    }
    room.now = room.now + uploads::STALL_MS;
    room.coordinator.handle_timeout(room.now);
    assert_eq!(room.load().1, 0);
}

#[test]
fn what_belongs_to_no_client_is_not_heard() {
    let mut room = Room::collecting(config());
    room.upload(1, 1, 1, &[0.5; PARAMETERS]);
    let before = room.mean_bits();
    room.answers();
    room.say(42, update(1, 1, &[0.5; PARAMETERS]).0);
    room.chunk(42, 1, 0, vec![0; 20].into());
    assert!(room.answers().is_empty());
    assert_eq!(room.mean_bits(), before);
}

#[test]
fn a_late_update_is_stale_and_told_the_present_round() {
    let mut room = Room::collecting(config());
    room.upload(1, 1, 1, &[0.5; PARAMETERS]);
    room.upload(2, 1, 1, &[0.5; PARAMETERS]);
    room.upload(3, 1, 1, &[0.5; PARAMETERS]);
    room.answers();
    assert_eq!(room.coordinator.present_round(), Round(2));
    room.say(3, update(1, 2, &[9.0; PARAMETERS]).0);
    let told = room.answers().into_iter().find_map(|action| match action {
        Action::Send { message: ServerMessage::Refused { reason, present_round, present_version, .. }, .. } => {
            Some((reason, present_round, present_version))
        }
        _ => None,
    });
    assert_eq!(told, Some((RefusalReason::Stale, Round(2), ModelVersion(1))));
    assert!(room.mean_bits().is_empty());
}

#[test]
fn an_upload_under_way_when_the_round_closes_is_refused_and_its_rest_passed_over() {
    let mut config = config();
    config.goal = 2;
    let mut room = Room::collecting(config);
    room.say(3, update(1, 5, &[0.5; PARAMETERS]).0);
    room.upload(1, 1, 1, &[0.5; PARAMETERS]);
    room.upload(2, 1, 1, &[0.5; PARAMETERS]);
    assert_eq!(room.refusals(), [RefusalReason::RoundClosed]);
    room.chunk(3, 5, 0, vec![0; 20].into());
    assert_eq!(room.refusals(), []);
    assert_eq!(room.coordinator.present_round(), Round(2));
}

#[test]
fn after_three_refusals_nobody_waits_for_a_client_any_more() {
    let mut room = Room::collecting(config());
    room.upload(1, 1, 1, &[0.5; PARAMETERS]);
    room.upload(2, 1, 1, &[0.5; PARAMETERS]);
    room.answers();
    for id in 1..=3 {
        assert_eq!(room.coordinator.present_round(), ROUND);
        room.upload(3, 1, id, &[f32::NAN; PARAMETERS]);
        assert_eq!(room.refusals(), [RefusalReason::NotFinite]);
    }
    assert_eq!(room.coordinator.present_round(), Round(2), "the round closed with the two that are in");
}

#[test]
fn uploads_wait_in_line_for_a_slot() {
    let mut config = config();
    // One update takes more than half of the memory for uploads: there is one slot.
    config.parameters = 7 * 1024 * 1024;
    let mut room = Room::collecting(config);
    let bytes = 4 * 7 * 1024 * 1024;
    for number in 1..=3 {
        let (mut message, _) = update(1, 1, &[]);
        if let ClientMessage::Update { update, .. } = &mut message {
            update.bytes = bytes as u32;
        }
        room.say(number, message);
    }
    assert_eq!(room.load(), (bytes, 1, 2));
    let begun = |room: &mut Room| -> Vec<ConnectionId> {
        let upload = |action: Action| match action {
            Action::Send { connection, message: ServerMessage::Upload { .. } } => Some(connection),
            _ => None,
        };
        room.answers().into_iter().filter_map(upload).collect()
    };
    assert_eq!(begun(&mut room), [client(1)]);
    // The first one's connection is lost, the second one stalls: the next in line is served each time.
    room.coordinator.handle(room.now, Event::Disconnected { connection: client(1) });
    assert_eq!(begun(&mut room), [client(2)]);
    room.now = room.now + uploads::STALL_MS;
    room.coordinator.handle_timeout(room.now);
    assert_eq!(begun(&mut room), [client(3)]);
    assert_eq!(room.load(), (bytes, 1, 0));
}

#[test]
fn an_upload_that_keeps_others_waiting_goes_to_the_end_of_the_line() {
    let mut config = config();
    // One slot, and an update of which a slow sender has a piece left every 20 seconds.
    config.parameters = 7 * 1024 * 1024;
    config.deadline_ms = 86_400_000;
    let mut room = Room::collecting(config);
    let bytes = 4 * 7 * 1024 * 1024_u32;
    let announce = |room: &mut Room, number: u64, id: u32| {
        let (mut message, _) = update(1, id, &[]);
        if let ClientMessage::Update { update, .. } = &mut message {
            update.bytes = bytes;
        }
        room.say(number, message);
    };
    let piece = || Bytes::from(vec![0; protocol::limits::MAX_CHUNK_PAYLOAD]);
    let told = |room: &mut Room| -> Vec<(ConnectionId, Option<RefusalReason>)> {
        let told = |action: Action| match action {
            Action::Send { connection, message: ServerMessage::Upload { .. } } => Some((connection, None)),
            Action::Send { connection, message: ServerMessage::Refused { reason, .. } } => {
                Some((connection, Some(reason)))
            }
            _ => None,
        };
        room.answers().into_iter().filter_map(told).collect()
    };
    // At 32 bytes a millisecond 28 MiB take 917 s.
    let turn = u64::from(bytes) / 32;
    announce(&mut room, 1, 1);
    assert_eq!(told(&mut room), [(client(1), None)]);
    let mut offset = 0;
    let mut slowly = |room: &mut Room, until: u64| {
        while room.now.0 < until {
            room.now = room.now + 20_000;
            room.chunk(1, 1, offset, piece());
            offset += protocol::limits::MAX_CHUNK_PAYLOAD as u32;
            room.coordinator.handle_timeout(room.now);
        }
    };
    slowly(&mut room, 2 * turn);
    assert_eq!(told(&mut room), [], "as long as nobody waits, it has all the time there is");
    announce(&mut room, 2, 1);
    room.coordinator.handle_timeout(room.now);
    assert_eq!(told(&mut room), [(client(1), Some(RefusalReason::TurnOver)), (client(2), None)]);
    announce(&mut room, 1, 2);
    assert_eq!((told(&mut room), room.load()), (vec![], (bytes as usize, 1, 1)), "behind the other one");
    let slow = room.coordinator.clients.all.values().find(|one| one.connection == Some(client(1))).unwrap();
    assert_eq!((slow.refusals, slow.turn), (0, Turn::Asked), "which is no failed try of three");
    room.coordinator.handle(room.now, Event::Disconnected { connection: client(2) });
    assert_eq!(told(&mut room), [(client(1), None)]);
}

#[test]
fn announcing_again_takes_the_place_of_the_earlier_announcement() {
    let mut room = Room::collecting(config());
    for id in 1..=50 {
        room.say(2, update(1, id, &[0.5; PARAMETERS]).0);
        let (_, slots, line) = room.load();
        assert_eq!((slots, line), (1, 0));
    }
    assert_eq!(room.refusals(), []);
}

#[test]
fn an_example_count_weighs_no_more_than_the_cap() {
    let mut config = config();
    config.weight_cap = 10;
    config.goal = 2;
    let mut room = Room::collecting(config);
    room.upload(1, 1, 1, &[1.0; PARAMETERS]);
    let (mut message, bytes) = update(1, 1, &[3.0; PARAMETERS]);
    if let ClientMessage::Update { examples, .. } = &mut message {
        *examples = 30;
    }
    room.say(3, message);
    room.chunk(3, 1, 0, bytes);
    assert_eq!(room.coordinator.model().parameters(), [3.0; PARAMETERS]); // 1 + (10·1 + 10·3) / 20
    assert_eq!(room.coordinator.history()[0].examples, 40);
}

#[test]
fn a_connection_that_only_sends_rubbish_is_closed() {
    let mut room = Room::collecting(config());
    for _ in 0..=MAX_ERRORS {
        let error = protocol::parse_client("rubbish").unwrap_err();
        room.coordinator.handle(room.now, Event::Malformed { connection: client(1), error });
    }
    let closed = room
        .answers()
        .into_iter()
        .any(|action| matches!(action, Action::Close { reason: CloseReason::Error(ErrorCode::TooManyErrors), .. }));
    assert!(closed);
    assert_eq!(room.coordinator.status(room.now).connected, 2);
}

#[test]
fn no_hello_means_no_connection() {
    let mut room = Room::collecting(config());
    let fresh_token = Token::from_random(9);
    room.coordinator.handle(room.now, Event::Connected { connection: client(9), fresh_token });
    room.now = room.now + HELLO_MS;
    room.coordinator.handle_timeout(room.now);
    let closed = room.answers().into_iter().any(|action| {
        matches!(action, Action::Close { connection, reason: CloseReason::Error(ErrorCode::HelloTimeout) } if connection == client(9))
    });
    assert!(closed);
}

#[test]
fn status_is_told_four_times_a_second_at_most() {
    let mut room = Room::collecting(config());
    room.now = room.now + 1_000;
    room.coordinator.handle_timeout(room.now);
    room.answers();
    let mut told = 0;
    for _ in 0..1_000 {
        room.now = room.now + 1;
        room.say(1, ClientMessage::Progress { round: ROUND, epoch: 1, epochs: 2, step: 1, steps: 2 });
        told += room
            .answers()
            .iter()
            .filter(|action| matches!(action, Action::Broadcast { message: ServerMessage::Status(_), .. }))
            .count();
    }
    assert_eq!(told, 4);
}

#[test]
fn what_a_client_may_rely_on_is_stored_in_the_moment_in_which_it_is_told() {
    let mut room = Room::of(config());
    let stored = |actions: &[Action]| actions.iter().any(|action| matches!(action, Action::Checkpoint { .. }));
    // Its token.
    for number in 1..=2 {
        room.join(number, 10);
        let actions = room.answers();
        assert!(stored(&actions), "client {number}: {actions:?}");
        let tokens: Vec<Token> =
            room.coordinator.checkpoint().identities.into_iter().map(|identity| identity.token).collect();
        assert!(tokens.contains(&Token::from_random(u128::from(number))));
    }
    // How features are standardised.
    for number in 1..=2 {
        let statistics = ClientMessage::Statistics { frames: 2, sum: vec![1.0, 2.0], sum_squares: vec![1.0, 4.0] };
        room.say(number, statistics);
    }
    let actions = room.answers();
    let asked = |action: &Action| matches!(action, Action::Send { message: ServerMessage::Round { .. }, .. });
    assert!(stored(&actions) && actions.iter().any(asked), "{actions:?}");
    assert!(room.coordinator.checkpoint().standardisation.is_some());
}

#[test]
fn the_more_there_are_in_a_room_the_less_often_all_of_them_are_told() {
    let statuses_in_ten_seconds = |clients: u64| {
        let mut config = config();
        config.max_clients = clients as u32;
        config.least = clients as u32;
        let mut room = Room::of(config);
        for number in 1..=clients {
            let fresh_token = Token::from_random(u128::from(number));
            let connection = client(number);
            room.coordinator.handle(room.now, Event::Connected { connection, fresh_token });
            let code = room.coordinator.config.code.clone();
            let software = String::new();
            room.say(
                number,
                ClientMessage::Hello {
                    protocol: 1,
                    room: code,
                    token: None,
                    name: None,
                    software,
                    status_changes: false,
                },
            );
        }
        room.answers();
        let mut heard = 0;
        // Somebody does something all the time.
        for step in 1..=1_000 {
            room.now = Millis(1 + 10 * step);
            room.say(1, ClientMessage::Recording { on: step % 2 == 0 });
            let status =
                |action: &Action| matches!(action, Action::Broadcast { message: ServerMessage::Status(_), .. });
            heard += room.answers().iter().filter(|action| status(action)).count();
        }
        heard
    };
    assert_eq!([5, 50, 100, 1_000].map(statuses_in_ten_seconds), [40, 40, 20, 2]);
}

/// What clients of a large room know of each other, each from its `welcome` on, by what it is told.
#[test]
fn whoever_is_told_of_changes_knows_what_the_room_knows() {
    let mut room = Room::of(RoomConfig { max_clients: 256, least: 200, ..config() });
    let mut known: BTreeMap<ConnectionId, protocol::Status> = BTreeMap::new();
    let mut bytes = [0, 0];
    let mut hear = |room: &mut Room, known: &mut BTreeMap<ConnectionId, protocol::Status>| {
        for action in room.answers() {
            match action {
                Action::Send { connection, message: ServerMessage::Welcome { status, .. } } => {
                    known.insert(connection, status);
                }
                Action::Broadcast { connections, message } => {
                    let text = serde_json::to_string(&message).unwrap();
                    bytes[usize::from(matches!(message, ServerMessage::StatusChanges { .. }))] += text.len();
                    for connection in connections {
                        match &message {
                            ServerMessage::Status(status) => drop(known.insert(connection, status.clone())),
                            ServerMessage::StatusChanges { status, gone } => {
                                assert!(protocol::parse_server(&text).is_ok());
                                known.get_mut(&connection).unwrap().change(status.clone(), gone);
                                let here = status.clients.iter().map(|client| client.client);
                                assert!(!here.clone().any(|id| gone.contains(&id)), "here and gone");
                            }
                            _ => {}
                        }
                    }
                }
                Action::Close { connection, .. } => drop(known.remove(&connection)),
                _ => {}
            }
        }
    };
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let (mut here, mut next) = (Vec::<u64>::new(), 1);
    for _ in 0..4_000 {
        room.now = room.now + chance.random_range(1..200);
        let somebody = |chance: &mut ChaCha8Rng, here: &[u64]| here[chance.random_range(0..here.len())];
        match chance.random_range(0..10) {
            _ if here.len() < 60 => {
                let (code, fresh_token) = (room.coordinator.config.code.clone(), Token::from_random(next.into()));
                room.coordinator.handle(room.now, Event::Connected { connection: client(next), fresh_token });
                let hello = ClientMessage::Hello {
                    protocol: 1,
                    room: code,
                    token: None,
                    name: None,
                    software: String::new(),
                    status_changes: next % 3 > 0,
                };
                room.say(next, hello);
                here.push(next);
                next += 1;
            }
            0 => {
                let at = chance.random_range(0..here.len());
                let gone = here.remove(at);
                match chance.random() {
                    true => room.say(gone, ClientMessage::Leave),
                    false => room.coordinator.handle(room.now, Event::Disconnected { connection: client(gone) }),
                }
                known.remove(&client(gone));
            }
            1 => {
                let ready = ClientMessage::Ready { examples: 4, labels: vec![2, 2], held_back: None, step_ms: None };
                room.say(somebody(&mut chance, &here), ready);
            }
            _ => {
                let on = chance.random();
                room.say(somebody(&mut chance, &here), ClientMessage::Recording { on });
            }
        }
        room.coordinator.handle_timeout(room.now);
        hear(&mut room, &mut known);
    }
    // The last changes are told within the time between two statuses.
    room.now = room.now + HEARTBEAT_MS;
    room.coordinator.handle_timeout(room.now);
    hear(&mut room, &mut known);
    assert!(known.len() >= 50);
    let truth = room.coordinator.status(room.now);
    for (connection, mut status) in known {
        for (told, now) in status.clients.iter_mut().zip(&truth.clients) {
            // Not told of where it is less than a second.
            told.waited_ms = told.waited_ms.map(|_| now.waited_ms.unwrap_or_default());
        }
        assert_eq!(status, truth, "{connection:?}");
    }
    let [whole, changes] = bytes;
    assert!(4 * changes < whole, "{changes} bytes of changes beside {whole} of everything, in as many messages");
}

#[test]
fn a_status_tells_of_no_more_clients_than_a_message_may() {
    let mut room = Room::of(RoomConfig { max_clients: 1_024, ..config() });
    for number in 0..2_100 {
        room.join(number, 4);
        room.coordinator.handle(room.now, Event::Disconnected { connection: client(number) });
        room.answers();
    }
    assert!(room.coordinator.load().identities > 2_048, "{:?}", room.coordinator.load());
    let status = room.coordinator.status(room.now);
    assert_eq!(status.clients.len(), 2_048);
    let text = serde_json::to_string(&ServerMessage::Status(status)).unwrap();
    assert!(protocol::parse_server(&text).is_ok(), "{} bytes", text.len());
}
