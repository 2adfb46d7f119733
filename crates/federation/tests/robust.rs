//! Rooms that take other than the mean of their updates, told from both ends. See `class/mod.rs` for what is checked on
//! the way: that every published model is what the room's aggregation and strategy make of the accepted updates.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config, step};
use federation::{CoordinatorError, Input, MemorySpool};
use protocol::{
    Aggregation, Choice as _, Encoding, HostCommand, ModelVersion, Optimiser, Phase, RefusalReason, RoomConfig,
    ServerMessage, Strategy,
};

fn robust(aggregation: &str, least: u32) -> RoomConfig {
    let mut config = config(5);
    config.aggregation = aggregation.parse().unwrap();
    config.least = least;
    config
}

/// A class whose students train only when the test says so, with round 1 open.
fn collecting(count: usize, config: RoomConfig) -> Class {
    let mut class = Class::of(count, config);
    for student in &mut class.students {
        student.eager = false;
    }
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    class
}

fn phase(class: &Class) -> (Phase, u32) {
    let status = class.coordinator.status(class.now);
    (status.phase, status.round.0)
}

fn refusals(class: &Class, student: usize) -> Vec<RefusalReason> {
    let reason = |message: &ServerMessage| match message {
        ServerMessage::Refused { reason, .. } => Some(*reason),
        _ => None,
    };
    class.students[student].heard.iter().filter_map(reason).collect()
}

/// A student who sends 1,000 in every place.
fn lies(class: &mut Class, student: usize) {
    let request = class.students[student].training.take().unwrap();
    let parameters = request.model.iter().map(|value| value + 1_000.0).collect();
    class.gives(student, &request, parameters);
    class.run();
}

#[test]
fn every_rule_goes_from_the_lobby_to_a_finished_model() {
    for &name in Aggregation::NAMES {
        for (strategy, encoding) in [("fedavg", Encoding::F32), ("fedadam", Encoding::F16)] {
            let mut config = robust(name, 5);
            // A few more than are looked at together.
            (config.parameters, config.encoding) = (4_100, encoding);
            config.strategy = strategy.parse().unwrap();
            let mut class = Class::of(6, config);
            class.run();
            assert_eq!(phase(&class), (Phase::Finished, 3), "{name}");
            assert_eq!((class.published, class.disk.kept()), (3, 0));
        }
    }
    let mut fixed = robust("clipping", 2);
    fixed.aggregation = Aggregation::Clipping { norm: Some(0.5) };
    let mut class = Class::of(3, fixed);
    class.run();
    assert_eq!(class.published, 3);
}

#[test]
fn the_mean_and_clipping_at_a_norm_keep_no_update() {
    for aggregation in [Aggregation::Mean, Aggregation::Clipping { norm: Some(1.0) }] {
        let mut class = collecting(3, RoomConfig { aggregation, ..config(5) });
        class.trains(0);
        class.run();
        assert_eq!((class.coordinator.status(class.now).received, class.disk.kept()), (1, 0));
    }
}

#[test]
fn a_liar_leaves_the_median_among_the_honest() {
    let mut class = collecting(4, robust("median", 2));
    let before = class.coordinator.model().parameters().to_vec();
    lies(&mut class, 0);
    for student in 1..4 {
        class.trains(student);
    }
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    for (index, (now, before)) in class.coordinator.model().parameters().iter().zip(before).enumerate() {
        let honest = (1..4).map(|student| step(student, 0, index)).fold(0.0, |most: f32, step| most.max(step.abs()));
        assert!((now - before).abs() <= honest * 1.001, "parameter {index} went from {before} to {now}");
    }
    // Everyone still sees whose update pointed elsewhere.
    let status = class.coordinator.status(class.now);
    assert!(status.clients.iter().all(|client| client.agreement.is_some() && client.update_norm.is_some()));
    assert!(status.clients[0].update_norm.unwrap() > 100.0 * status.clients[1].update_norm.unwrap());
}

#[test]
fn no_update_is_taken_longer_than_the_room_allows_whatever_its_rule() {
    for &name in Aggregation::NAMES {
        let mut config = robust(name, 5);
        config.influence_limit = Some(1.5);
        let mut class = collecting(6, config);
        for round in 0..3 {
            lies(&mut class, 0);
            for student in 1..6 {
                class.trains(student);
            }
            class.run();
            let given = &class.coordinator.contributions()[round];
            let (longest, honest) = (given[0].clipped.unwrap(), given[1..].iter().map(|given| given.norm));
            assert!(given[0].norm > 1_000.0 && longest <= 1.5 * honest.fold(0.0, f32::max), "{name}: {longest}");
        }
        assert_eq!((phase(&class), class.published), ((Phase::Finished, 3), 3), "{name}");
    }
}

#[test]
fn no_strategy_takes_an_update_longer_than_the_room_allows() {
    for &strategy in Strategy::ALL {
        let mut config = RoomConfig { strategy, influence_limit: Some(1.5), ..robust("mean", 4) };
        config.training.optimiser = Optimiser::Sgd;
        let mut class = collecting(4, config);
        // The class holds what is published to the formula, with the liar's update shortened.
        for _ in 0..3 {
            lies(&mut class, 0);
            (1..4).for_each(|student| class.trains(student));
            class.run();
        }
        assert_eq!((phase(&class), class.published), ((Phase::Finished, 3), 3), "{strategy}");
    }
}

#[test]
fn a_round_that_was_open_when_the_server_died_begins_anew() {
    let mut class = collecting(3, robust("median", 3));
    for student in 0..3 {
        class.trains(student);
    }
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    class.trains(0);
    class.trains(1);
    class.run();
    assert_eq!(class.disk.kept(), 2);
    class.kill_server();
    class.wait(1_000);
    class.start_server();
    assert_eq!(class.coordinator.config().aggregation, Aggregation::Median);
    class.wait(3_000);
    // Both sent again what they had, into the spool of the new coordinator.
    assert_eq!((phase(&class), class.disk.kept()), ((Phase::Collecting, 2), 2));
    class.trains(2);
    class.run();
    assert_eq!((phase(&class), class.published), ((Phase::Collecting, 3), 2));
}

#[test]
fn going_back_to_an_earlier_version_forgets_what_was_kept() {
    let mut class = collecting(3, robust("median", 2));
    for student in 0..3 {
        class.trains(student);
    }
    class.run();
    let stored = class.stored.clone().unwrap();
    class.trains(0);
    class.run();
    assert_eq!(class.disk.kept(), 1);
    class.goes_back_to(1, None, &stored).unwrap();
    assert_eq!(class.disk.kept(), 0);
    class.wait(3_000);
    for student in 0..3 {
        class.trains(student);
    }
    class.run();
    assert_eq!((class.coordinator.model().version(), class.published), (ModelVersion(2), 2));
}

#[test]
fn krum_is_refused_where_rounds_may_be_too_small_for_it() {
    let error = federation::Coordinator::new(robust("krum", 4), vec![0.0; 5], Box::<MemorySpool>::default());
    assert!(matches!(&error, Err(CoordinatorError::Config(_))));
    assert!(error.unwrap_err().to_string().contains("5 updates at least"));
}

#[test]
fn a_krum_round_that_the_host_hurries_takes_the_median() {
    let mut class = collecting(5, robust("krum", 5));
    let before = class.coordinator.model().parameters().to_vec();
    lies(&mut class, 0);
    class.trains(1);
    class.trains(2);
    class.run();
    class.hurried = true;
    class.coordinator.command(class.now, HostCommand::NextRound).unwrap();
    class.run();
    assert_eq!((phase(&class), class.published), ((Phase::Collecting, 2), 1));
    // Of three updates, one of them false: the middle one.
    for (index, (now, before)) in class.coordinator.model().parameters().iter().zip(before).enumerate() {
        let middle = step(1, 0, index).max(step(2, 0, index));
        assert!((now - before - middle).abs() < 1.0e-5, "parameter {index}");
    }
}

#[test]
fn with_too_few_for_krum_at_the_deadline_the_round_is_abandoned() {
    let mut class = collecting(5, robust("krum", 5));
    for student in 0..4 {
        class.trains(student);
    }
    class.wait(61_000);
    assert_eq!((phase(&class), class.published), ((Phase::Collecting, 1), 0));
    // The four send again what they have, the fifth goes on.
    assert_eq!(class.disk.kept(), 4);
    class.trains(4);
    class.run();
    assert_eq!(class.published, 1);
}

#[test]
fn an_update_that_the_disk_has_no_room_for_is_sent_again() {
    let mut class = collecting(3, robust("median", 2));
    class.students[0].holds_frames = true;
    class.trains(0);
    class.run();
    class.disk.set_full(true);
    class.send_frame(0);
    class.students[0].holds_frames = true;
    class.run();
    assert_eq!(refusals(&class, 0), [RefusalReason::NotKept]);
    assert_eq!(class.disk.kept(), 0);
    class.disk.set_full(false);
    class.students[0].holds_frames = false;
    class.run();
    assert_eq!((refusals(&class, 0).len(), class.disk.kept()), (1, 1));
    class.trains(1);
    class.trains(2);
    class.run();
    assert_eq!(class.coordinator.history()[0].clients, 3);
}

#[test]
fn who_finds_no_room_on_the_disk_is_not_waited_for() {
    let mut class = collecting(3, robust("median", 2));
    class.trains(0);
    class.trains(1);
    class.run();
    class.disk.set_full(true);
    class.trains(2);
    class.run();
    assert_eq!(refusals(&class, 2), [RefusalReason::NotKept; 3]);
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(class.coordinator.history()[0].clients, 2);
}

#[test]
fn updates_that_cannot_be_read_back_make_no_model_and_the_round_is_repeated() {
    let mut class = collecting(5, robust("multi_krum", 5));
    let before = class.coordinator.model().parameters().to_vec();
    let count = class.students.len();
    class.disk.set_unreadable(true);
    for student in 0..count {
        class.trains(student);
    }
    class.run();
    assert_eq!((class.published, class.coordinator.history().len()), (0, 0));
    assert_eq!(class.coordinator.model().parameters(), before);
    let abandoned = |message: &&ServerMessage| matches!(message, ServerMessage::RoundAbandoned { .. });
    // All sent what they had again at once, and twice more: then the room waits for its host.
    assert_eq!(class.students[0].heard.iter().filter(abandoned).count(), 3);
    assert_eq!((phase(&class), class.disk.kept()), ((Phase::Lobby, 1), 0));
    assert!(class.coordinator.status(class.now).paused);
    class.disk.set_unreadable(false);
    class.coordinator.command(class.now, HostCommand::Resume).unwrap();
    class.run();
    assert_eq!(class.published, 1, "nobody had to train again");
    assert!(class.students.iter().all(|student| student.trainings == 1 || student.training.is_some()));
}

#[test]
fn a_round_is_full_with_as_many_updates_as_the_room_may_have_clients() {
    let mut config = robust("median", 2);
    config.max_clients = 3;
    let mut class = collecting(2, config);
    // One who comes, gives and leaves, and another; the second student still trains.
    let first = class.arrives(None);
    class.run();
    class.input(first, Input::Leave);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    class.trains(0);
    class.trains(1);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(class.coordinator.history()[0].clients, 3);
}

#[test]
fn who_comes_gives_and_leaves_again_and_again_gives_one_update_a_round() {
    let mut class = collecting(2, config(5));
    let honest = class.coordinator.model().parameters().to_vec();
    for time in 0..30 {
        let student = class.arrives(None);
        class.run();
        let status = class.coordinator.status(class.now);
        let summary = status.clients.iter().find(|summary| summary.name == format!("Student {}", time + 2)).unwrap();
        assert_eq!((status.received, summary.passed_over), (1, time > 0), "the later ones wait for the next round");
        class.input(student, Input::Leave);
        class.run();
    }
    class.trains(0);
    class.trains(1);
    class.run();
    assert_ne!(class.coordinator.model().parameters(), honest);
    let given: Vec<&str> = class.coordinator.contributions()[0].iter().map(|given| given.name.as_str()).collect();
    assert_eq!(given, ["Student 2", "Student 0", "Student 1"], "whose updates are in it stays known");
    // In the next round everyone new is asked again.
    class.arrives(None);
    class.run();
    assert_eq!(class.coordinator.status(class.now).received, 1);
}

#[test]
fn clients_whose_connections_are_lost_do_not_fill_a_room() {
    let mut config = config(5);
    config.max_clients = 4;
    let mut class = collecting(2, config);
    for _ in 0..30 {
        let student = class.arrives(None);
        class.run();
        assert!(class.students[student].participant.view().client.is_some(), "there is room for who comes");
        class.loses_connection(student, false);
        class.students[student].online = false;
        class.wait(100);
    }
    assert_eq!(class.coordinator.status(class.now).received, 1);
    assert!(class.coordinator.load().identities <= 16);
}
