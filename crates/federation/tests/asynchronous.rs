//! Rooms that do not wait for their clients.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config};
use federation::{Input, Work};
use protocol::{Pace, Phase, RefusalReason, RoomConfig, Round, ServerMessage, Strategy};
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    initial: Vec<f32>,
    examples: Vec<u32>,
    pace: Pace,
    events: Vec<Event>,
    strategies: Vec<Case>,
}

/// A client's training ends.
#[derive(Deserialize)]
struct Event {
    client: usize,
    update: Vec<f32>,
}

#[derive(Deserialize)]
struct Case {
    strategy: Strategy,
    published: Vec<Vec<f64>>,
}

/// `tests/reference/strategies/buffer.py` made the table.
#[test]
fn versions_are_those_of_fedbuff() {
    let table = include_str!("../../../tests/reference/strategies/buffer.json");
    let table: Table = serde_json::from_str(table).unwrap();
    for case in &table.strategies {
        let mut config = config(table.initial.len() as u32);
        config.rounds = case.published.len() as u32 + 1;
        config.pace = table.pace;
        config.strategy = case.strategy;
        let mut class = Class::from_table(config, &table.initial, &table.examples);
        let mut published = case.published.iter();
        let mut largest = vec![0.0_f64; table.initial.len()];
        for event in &table.events {
            let version = class.coordinator.model().version();
            let request = class.students[event.client].training.take().unwrap();
            let parameters: Vec<f32> = request.model.iter().zip(&event.update).map(|(x, more)| x + more).collect();
            for (largest, &parameter) in largest.iter_mut().zip(&parameters) {
                *largest = largest.max(f64::from(parameter).abs());
            }
            class.gives(event.client, &request, parameters);
            class.run();
            if class.coordinator.model().version() > version {
                let expected = published.next().unwrap();
                for ((&ours, theirs), largest) in
                    class.coordinator.model().parameters().iter().zip(expected).zip(&largest)
                {
                    let error = (f64::from(ours) - theirs).abs();
                    assert!(error <= 2.0e-6 * largest, "{}: {ours} is not {theirs}", case.strategy);
                }
            }
        }
        assert!(published.next().is_none(), "a version is missing");
    }
}

fn asynchronous(buffer: u32, most_stale: u32) -> RoomConfig {
    let mut config = config(5);
    config.rounds = 20;
    config.pace = Pace::Asynchronous { buffer, staleness_exponent: 0.5, most_stale };
    config
}

fn version(class: &Class) -> u32 {
    class.coordinator.model().version().0
}

fn trains_for(class: &Class, student: usize) -> Option<u32> {
    class.students[student].training.as_ref().map(|request| request.round.0)
}

/// Two students fill the buffer of two.
fn publishes(class: &mut Class, students: [usize; 2]) {
    let before = version(class);
    for student in students {
        class.trains(student);
        class.run();
    }
    assert_eq!(version(class), before + 1);
}

#[test]
fn a_slow_one_keeps_nobody_waiting_and_counts_all_the_same() {
    let mut class = Class::waiting(3, asynchronous(2, 10));
    publishes(&mut class, [0, 1]);
    publishes(&mut class, [0, 1]);
    assert_eq!((trains_for(&class, 0), trains_for(&class, 2)), (Some(3), Some(1)), "the third goes on with its own");
    assert_eq!(class.students[2].stopped, 0);
    class.trains(2);
    class.run();
    assert_eq!(class.coordinator.status(class.now).received, 1);
    assert_eq!(trains_for(&class, 2), Some(3), "and then goes on with the present model");
    class.trains(2);
    class.run();
    assert_eq!((version(&class), class.published), (3, 3), "two updates of one client, of different versions");
}

#[test]
fn who_has_given_of_the_present_version_waits_for_the_next() {
    let mut class = Class::waiting(3, asynchronous(3, 10));
    class.trains(0);
    class.run();
    assert_eq!(class.students[0].participant.view().work, Work::Idle);
    assert_eq!(trains_for(&class, 0), None);
    class.trains(1);
    class.trains(2);
    class.run();
    assert_eq!((version(&class), trains_for(&class, 0)), (1, Some(2)));
}

#[test]
fn a_buffer_for_more_than_there_are_closes_when_all_have_given() {
    let mut class = Class::waiting(3, asynchronous(10, 10));
    for student in 0..3 {
        class.trains(student);
    }
    class.run();
    assert_eq!((version(&class), class.coordinator.history()[0].clients), (1, 3));
}

#[test]
fn what_is_too_old_is_dropped_and_its_client_goes_on_with_the_present_model() {
    let mut class = Class::waiting(3, asynchronous(2, 1));
    publishes(&mut class, [0, 1]);
    assert_eq!((trains_for(&class, 2), class.students[2].stopped), (Some(1), 0));
    publishes(&mut class, [0, 1]);
    assert_eq!((trains_for(&class, 2), class.students[2].stopped), (Some(3), 1), "two versions behind is too old");
}

#[test]
fn an_upload_goes_on_while_versions_are_published() {
    let mut class = Class::waiting(3, asynchronous(2, 10));
    class.students[2].holds_frames = true;
    class.trains(2);
    class.run();
    publishes(&mut class, [0, 1]);
    class.students[2].holds_frames = false;
    class.run();
    let refused = |message: &ServerMessage| matches!(message, ServerMessage::Refused { .. });
    assert!(!class.students[2].heard.iter().any(refused));
    assert_eq!(class.students[2].participant.view().accepted, Some(Round(1)));
    assert_eq!(class.coordinator.status(class.now).received, 1);
}

#[test]
fn at_the_deadline_the_least_count_is_enough_and_fewer_stay_in() {
    let mut class = Class::waiting(3, asynchronous(3, 10));
    class.trains(0);
    class.wait(61_000);
    assert_eq!((version(&class), class.coordinator.status(class.now).received), (0, 1), "one of two at least");
    class.trains(1);
    class.wait(30_000);
    assert_eq!(version(&class), 0);
    class.wait(30_000);
    assert_eq!((version(&class), class.coordinator.history()[0].clients), (1, 2));
}

#[test]
fn an_update_counts_once_whatever_is_lost_on_the_way() {
    let mut class = Class::waiting(3, asynchronous(2, 10));
    class.trains(2);
    class.run();
    publishes(&mut class, [0, 2]);
    // It holds an update of an earlier version that the room knows already, and says so again.
    let duplicate = |class: &mut Class| {
        let connection = class.students[0].connection.unwrap();
        class.text(connection, r#"{"type":"update","round":1,"model_version":0,"examples":10,"steps":1,"update":{"id":99,"bytes":20,"encoding":"f32","checksum":"00000000"},"training":{"loss":1,"accuracy":0}}"#);
        class.run();
    };
    duplicate(&mut class);
    let reasons: Vec<RefusalReason> = class.students[0]
        .heard
        .iter()
        .filter_map(|message| match message {
            ServerMessage::Refused { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [RefusalReason::Duplicate]);
    assert_eq!(trains_for(&class, 0), Some(2), "and it goes on");
}

#[test]
fn after_a_restart_of_the_server_only_what_cannot_be_in_the_model_is_taken() {
    let mut class = Class::waiting(3, asynchronous(2, 10));
    publishes(&mut class, [0, 1]);
    publishes(&mut class, [0, 1]);
    class.kill_server();
    class.wait(1_000);
    class.start_server();
    class.wait(2_000);
    assert_eq!(version(&class), 2);
    // The third trained from version 0: whether that counted before, the server cannot know any more.
    assert_eq!(trains_for(&class, 2), Some(1));
    class.trains(2);
    class.run();
    assert_eq!(class.coordinator.status(class.now).received, 0);
    assert_eq!(trains_for(&class, 2), Some(3), "it was told, and goes on with the present model");
}

#[test]
fn work_for_versions_that_the_host_took_back_is_dropped() {
    let mut class = Class::waiting(3, asynchronous(2, 10));
    let stored = class.stored.clone().unwrap();
    publishes(&mut class, [0, 1]);
    class.loses_connection(2, false);
    class.goes_back_to(0, None, &stored).unwrap();
    class.wait(2_000);
    publishes(&mut class, [0, 1]);
    publishes(&mut class, [0, 1]);
    let stopped = class.students[2].stopped;
    class.students[2].online = true;
    class.wait(60_000);
    assert_eq!((class.students[2].stopped, trains_for(&class, 2)), (stopped + 1, Some(3)));
}

#[test]
fn who_pauses_takes_part_again_later_and_the_room_finishes() {
    let mut class = Class::waiting(3, asynchronous(2, 10));
    class.input(0, Input::TakePart(false));
    class.run();
    publishes(&mut class, [1, 2]);
    class.input(0, Input::TakePart(true));
    class.run();
    assert_eq!(trains_for(&class, 0), Some(2));
    for student in &mut class.students {
        student.eager = true;
    }
    for student in 0..3 {
        class.trains(student);
    }
    class.run();
    assert_eq!(class.coordinator.status(class.now).phase, Phase::Finished);
    assert!(class.students.iter().all(|student| student.finished.is_some()));
}
