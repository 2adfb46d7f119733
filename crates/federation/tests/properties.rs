//! Whatever happens in whatever order, the room's promises hold: nothing panics, memory stays within its bounds, and
//! every published model is what the strategy makes of exactly the updates accepted in its round (checked by the
//! class).

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config, encoded};
use federation::{ConnectionId, Input};
use proptest::prelude::*;
use protocol::{Checksum, Chunk, Encoding, Phase, TransferId};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happening {
    Arrives,
    ReturnsWithToken(usize),
    TakesPart(usize, bool),
    Trains(usize),
    TrainsBadly(usize, Bad),
    FailsToTrain(usize),
    LosesConnection(usize, bool),
    ComesOnline(usize),
    HoldsFrames(usize, bool),
    SendsFrame(usize),
    ClosesTab(usize),
    Leaves(usize),
    Connects,
    Says(usize, String),
    Sends(usize, u32, u32, Vec<u8>),
    Uploads(usize, Forgery),
    Waits(u64),
    ServerDies,
}

#[derive(Clone, Copy, Debug)]
enum Bad {
    NotFinite,
    Huge,
    TooFew,
}

/// An update that somebody writes by hand, in parts right and in parts wrong.
#[derive(Clone, Debug)]
struct Forgery {
    round: u32,
    version: u32,
    examples: u32,
    values: Vec<f32>,
    checksum_right: bool,
    f16: bool,
    announced_bytes: Option<u32>,
    transfer: u32,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(r#"{"type":"hello","protocol":1,"room":"KMPXZ","software":"x"}"#.to_owned()),
        Just(r#"{"type":"hello","protocol":3,"room":"KMPXZ","software":"x"}"#.to_owned()),
        (1u32..9).prop_map(|n| format!(r#"{{"type":"ready","examples":{n},"labels":[{n},0,0,0]}}"#)),
        Just(r#"{"type":"pause"}"#.to_owned()),
        Just(r#"{"type":"leave"}"#.to_owned()),
        Just(r#"{"type":"rename","name":"Eve"}"#.to_owned()),
        Just(r#"{"type":"statistics","frames":2,"sum":[1,2,3],"sum_squares":[9,9,9]}"#.to_owned()),
        Just(r#"{"type":"statistics","frames":2,"sum":[9,9,9],"sum_squares":[1,2,3]}"#.to_owned()),
        (0u32..4).prop_map(|id| format!(r#"{{"type":"download","transfer":{id}}}"#)),
        (1u32..4).prop_map(|r| format!(r#"{{"type":"progress","round":{r},"epoch":1,"epochs":2,"step":1,"steps":3}}"#)),
        Just(r#"{"type":"evaluation","model_version":3,"evaluation":{"examples":1,"loss":1,"accuracy":1,"confusion":[[1,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0]]}}"#.to_owned()),
        "\\PC{0,30}",
    ]
}

fn forgery() -> impl Strategy<Value = Forgery> {
    let value = prop_oneof![8 => -2.0f32..2.0, 1 => Just(f32::NAN), 1 => Just(f32::INFINITY), 1 => Just(1.0e30)];
    (
        1u32..4,
        0u32..4,
        0u32..2_000,
        prop_oneof![4 => proptest::collection::vec(-2.0f32..2.0, 5), 2 => proptest::collection::vec(value, 4..7)],
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.1, 0u32..100),
        0u32..3,
    )
        .prop_map(|(round, version, examples, values, checksum_right, f16, announced_bytes, transfer)| Forgery {
            round,
            version,
            examples,
            values,
            checksum_right,
            f16,
            announced_bytes,
            transfer,
        })
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let who = 0usize..8;
    let bad = prop_oneof![Just(Bad::NotFinite), Just(Bad::Huge), Just(Bad::TooFew)];
    prop_oneof![
        3 => Just(Arrives),
        1 => who.clone().prop_map(ReturnsWithToken),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, on)| TakesPart(who, on)),
        12 => who.clone().prop_map(Trains),
        2 => (who.clone(), bad).prop_map(|(who, bad)| TrainsBadly(who, bad)),
        1 => who.clone().prop_map(FailsToTrain),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, online)| LosesConnection(who, online)),
        2 => who.clone().prop_map(ComesOnline),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, holds)| HoldsFrames(who, holds)),
        2 => who.clone().prop_map(SendsFrame),
        1 => who.clone().prop_map(ClosesTab),
        1 => who.clone().prop_map(Leaves),
        1 => Just(Connects),
        4 => (who.clone(), text()).prop_map(|(who, text)| Says(who, text)),
        2 => (who.clone(), 0u32..4, 0u32..24, proptest::collection::vec(any::<u8>(), 0..24))
            .prop_map(|(who, transfer, offset, bytes)| Sends(who, transfer, offset, bytes)),
        6 => (who, forgery()).prop_map(|(who, forgery)| Uploads(who, forgery)),
        4 => prop_oneof![0u64..500, 5_000u64..70_000].prop_map(Waits),
        1 => Just(ServerDies),
    ]
}

/// A connection of anyone: of a student's, or of a stranger's.
fn connection(class: &Class, strangers: &[ConnectionId], who: usize) -> Option<ConnectionId> {
    let students = class.students.iter().filter_map(|student| student.connection);
    let all: Vec<ConnectionId> = students.chain(strangers.iter().copied()).collect();
    (!all.is_empty()).then(|| all[who % all.len()])
}

fn happens(class: &mut Class, strangers: &mut Vec<ConnectionId>, happening: Happening) {
    use Happening::*;
    let count = class.students.len();
    let student = |who: usize| (count > 0).then(|| who % count.max(1));
    match happening {
        Arrives => {
            let student = class.arrives(None);
            class.students[student].eager = false;
        }
        ReturnsWithToken(who) => {
            if let Some(student) = student(who)
                && let Some(token) = class.students[student].token.clone()
            {
                let student = class.arrives(Some(token));
                class.students[student].eager = false;
            }
        }
        TakesPart(who, on) => {
            if let Some(student) = student(who) {
                class.input(student, Input::TakePart(on));
            }
        }
        Trains(who) => {
            if let Some(student) = student(who) {
                class.trains(student);
            }
        }
        TrainsBadly(who, bad) => {
            if let Some(student) = student(who)
                && let Some(request) = class.students[student].training.take()
            {
                let parameters = match bad {
                    Bad::NotFinite => vec![f32::NAN; 5],
                    Bad::Huge => vec![1.0e20; 5],
                    Bad::TooFew => vec![0.0; 4],
                };
                class.gives(student, &request, parameters);
            }
        }
        FailsToTrain(who) => {
            if let Some(student) = student(who) {
                class.students[student].training = None;
                class.input(student, Input::TrainingFailed { reason: "out of memory".to_owned(), diverged: false });
            }
        }
        LosesConnection(who, online) => {
            if let Some(student) = student(who) {
                class.loses_connection(student, online);
            }
        }
        ComesOnline(who) => {
            if let Some(student) = student(who) {
                class.students[student].online = true;
            }
        }
        HoldsFrames(who, holds) => {
            if let Some(student) = student(who) {
                class.students[student].holds_frames = holds;
            }
        }
        SendsFrame(who) => {
            if let Some(student) = student(who) {
                class.send_frame(student);
            }
        }
        ClosesTab(who) => {
            if let Some(student) = student(who) {
                class.closes_tab(student);
            }
        }
        Leaves(who) => {
            if let Some(student) = student(who) {
                class.input(student, Input::Leave);
            }
        }
        Connects => strangers.push(class.stranger()),
        Says(who, text) => {
            if let Some(connection) = connection(class, strangers, who) {
                class.text(connection, &text);
            }
        }
        Sends(who, transfer, offset, payload) => {
            if let Some(connection) = connection(class, strangers, who) {
                let chunk = Chunk { transfer: TransferId(transfer), offset, payload: payload.into() };
                class.frame(connection, chunk.frame());
            }
        }
        Uploads(who, forgery) => {
            if let Some(connection) = connection(class, strangers, who) {
                uploads(class, connection, forgery);
            }
        }
        Waits(milliseconds) => class.wait(milliseconds),
        ServerDies => {
            if class.stored.is_some() {
                class.kill_server();
                strangers.clear();
                class.wait(1_000);
                class.start_server();
            }
        }
    }
    class.run();
}

fn uploads(class: &mut Class, connection: ConnectionId, forgery: Forgery) {
    let Forgery { round, version, examples, values, checksum_right, f16, announced_bytes, transfer } = forgery;
    let bytes = encoded(&values);
    let checksum = if checksum_right { Checksum::of(&bytes) } else { Checksum(1) };
    let encoding = if f16 { "f16" } else { "f32" };
    let length = announced_bytes.unwrap_or(bytes.len() as u32);
    class.text(
        connection,
        &format!(
            r#"{{"type":"update","round":{round},"model_version":{version},"examples":{examples},"steps":1,"update":{{"id":{transfer},"bytes":{length},"encoding":"{encoding}","checksum":"{checksum}"}},"training":{{"loss":1,"accuracy":0}}}}"#
        ),
    );
    class.run();
    for frame in protocol::chunks(TransferId(transfer), bytes) {
        class.frame(connection, frame);
    }
}

fn check(class: &Class, slots: usize) {
    let room = class.coordinator.config();
    let load = class.coordinator.load();
    let most = room.max_clients as usize;
    assert!(load.connections <= 2 * most, "{load:?}");
    assert!(load.identities <= 4 * most, "{load:?}");
    assert!(load.uploads <= slots && load.upload_bytes <= slots * room.update_bytes() as usize, "{load:?}");
    assert!(load.waiting + load.uploads <= most, "{load:?}");

    let status = class.coordinator.status(class.now);
    assert!(status.ready <= status.connected && status.connected <= room.max_clients);
    assert_eq!(class.coordinator.history().len(), status.model_version.0 as usize);
    assert_eq!(status.phase == Phase::Finished, status.model_version.0 == room.rounds);
    assert!(class.coordinator.model().parameters().iter().all(|parameter| parameter.is_finite()));
    for record in class.coordinator.history() {
        assert!(record.clients >= room.least);
    }
    let kept = class.disk.kept();
    assert!(kept <= most && (kept == 0 || status.phase == Phase::Collecting && kept == status.received as usize));
    let message = protocol::ServerMessage::Status(status);
    assert_eq!(message.check(), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_promises_hold(
        goal in prop_oneof![Just(0u32), 2u32..4],
        f16 in prop::bool::weighted(0.2),
        weight_cap in prop_oneof![Just(1u32), Just(25), Just(1_000)],
        strategy in prop_oneof![3 => Just("fedavg"), 2 => Just("fedadam"), 1 => Just("scaffold"), 1 => Just("fednova")],
        aggregation in prop_oneof![
            3 => Just("mean"), 1 => Just("median"), 1 => Just("trimmed_mean"), 1 => Just("multi_krum"), 1 => Just("clipping")
        ],
        happenings in proptest::collection::vec(happening(), 1..120),
    ) {
        let mut config = config(5);
        config.goal = goal;
        config.weight_cap = weight_cap;
        config.max_clients = 6;
        config.strategy = strategy.parse().unwrap();
        if strategy == "scaffold" {
            config.training.optimiser = protocol::Optimiser::Sgd;
        }
        if !matches!(strategy, "scaffold" | "fednova") {
            config.aggregation = aggregation.parse().unwrap();
        }
        let clients = config.aggregation.least().max(3);
        config.least = config.least.max(config.aggregation.least());
        config.goal = if goal == 0 { 0 } else { goal.max(config.least) };
        config.encoding = if f16 { Encoding::F16 } else { Encoding::F32 };
        let mut class = Class::of(clients as usize, config);
        for student in &mut class.students {
            student.eager = false;
        }
        class.run();
        let mut strangers = Vec::new();
        for happening in happenings {
            happens(&mut class, &mut strangers, happening);
            check(&class, 64);
        }
    }
}

/// The property test above would be worth little if its rounds never closed.
#[test]
fn the_happenings_do_close_rounds() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let happenings = proptest::collection::vec(happening(), 100);
    let mut published = 0;
    for _ in 0..20 {
        let mut class = Class::of(3, config(5));
        for student in &mut class.students {
            student.eager = false;
        }
        class.run();
        let mut strangers = Vec::new();
        for happening in happenings.new_tree(&mut runner).unwrap().current() {
            happens(&mut class, &mut strangers, happening);
        }
        published += class.published;
    }
    assert!(published >= 20, "only {published} rounds in 20 rooms");
}
