//! What the host of a room does while it runs, told from both ends. See `class/mod.rs` for what is checked on the way.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config};
use federation::{Connection, HostError, Input, StopReason};
use protocol::{ClientId, ClientState, ErrorCode, HostCommand, ModelVersion, Phase, ServerMessage, Status};

fn status(class: &Class) -> Status {
    class.coordinator.status(class.now)
}

fn phase(class: &Class) -> (Phase, u32) {
    let status = status(class);
    (status.phase, status.round.0)
}

fn does(class: &mut Class, command: HostCommand) -> Result<(), HostError> {
    class.coordinator.command(class.now, command)?;
    class.run();
    Ok(())
}

fn id(class: &Class, student: usize) -> ClientId {
    class.students[student].participant.view().client.unwrap()
}

fn stopped(class: &Class, student: usize) -> Option<ErrorCode> {
    match class.students[student].participant.view().connection {
        Connection::Stopped(StopReason::Error { code, .. }) => Some(*code),
        _ => None,
    }
}

/// A class whose students train only when the test says so, with round 1 open.
fn collecting(count: usize) -> Class {
    let mut class = Class::of(count, config(5));
    for student in &mut class.students {
        student.eager = false;
    }
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    class
}

#[test]
fn a_locked_room_lets_nobody_new_in_and_lets_those_back_who_were_there() {
    let mut class = collecting(2);
    does(&mut class, HostCommand::Lock).unwrap();
    assert!(status(&class).locked);
    class.loses_connection(0, true);
    let late = class.arrives(None);
    class.wait(3_000);
    assert_eq!(stopped(&class, late), Some(ErrorCode::Locked));
    assert_eq!(class.students[0].participant.view().connection, &Connection::Open);
    does(&mut class, HostCommand::Unlock).unwrap();
    let later = class.arrives(None);
    class.run();
    assert_eq!(stopped(&class, later), None);
    assert!(!status(&class).locked);
}

#[test]
fn a_pause_lets_the_open_round_end_and_no_other_begin() {
    let mut class = collecting(2);
    does(&mut class, HostCommand::Pause).unwrap();
    class.trains(0);
    class.trains(1);
    class.run();
    assert_eq!(class.published, 1, "what was trained is not lost");
    assert_eq!(phase(&class), (Phase::Lobby, 2));
    assert!(status(&class).paused);
    class.wait(120_000);
    assert_eq!(phase(&class), (Phase::Lobby, 2));
    assert!(matches!(does(&mut class, HostCommand::NextRound), Err(HostError::Paused)));
    does(&mut class, HostCommand::Resume).unwrap();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
}

#[test]
fn the_next_round_need_not_wait_for_the_slowest() {
    let mut class = collecting(3);
    assert!(matches!(does(&mut class, HostCommand::NextRound), Err(HostError::NothingIn)));
    class.trains(0);
    class.run();
    class.hurried = true;
    does(&mut class, HostCommand::NextRound).unwrap();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(class.coordinator.history()[0].clients, 1);
    assert_eq!(class.students[1].stopped, 1, "the slow ones are asked anew");
}

#[test]
fn rounds_begin_with_fewer_than_the_least_where_the_host_wants_it_and_go_on() {
    let mut class = Class::of(1, config(5));
    class.run();
    assert_eq!(phase(&class), (Phase::Lobby, 1), "two are needed");
    class.hurried = true;
    does(&mut class, HostCommand::NextRound).unwrap();
    assert_eq!(class.published, 3, "statistics were collected and all rounds trained, without another word");
    assert_eq!((phase(&class), status(&class).least), ((Phase::Finished, 3), 1));
}

#[test]
fn nobody_is_not_enough_to_begin_with() {
    let mut class = Class::of(1, config(5));
    class.run();
    class.loses_connection(0, false);
    class.wait(20_000);
    assert!(matches!(does(&mut class, HostCommand::NextRound), Err(HostError::NobodyReady)));
}

#[test]
fn the_number_that_begins_can_be_changed_while_the_room_waits_and_is_kept() {
    let mut config = config(5);
    config.least = 4;
    let mut class = Class::of(3, config);
    class.run();
    assert_eq!((phase(&class), status(&class).least), ((Phase::Lobby, 1), 4));
    assert!(does(&mut class, HostCommand::Least { least: 65 }).unwrap_err().to_string().contains("64 clients at most"));
    does(&mut class, HostCommand::Least { least: 5 }).unwrap();
    class.kill_server();
    class.start_server();
    assert_eq!(status(&class).least, 5, "a restart knows it");
    class.wait(31_000);
    assert_eq!(phase(&class), (Phase::Lobby, 1));
    does(&mut class, HostCommand::Least { least: 3 }).unwrap();
    assert_eq!(phase(&class).0, Phase::Finished);
}

#[test]
fn a_room_that_has_begun_goes_on_with_half_once_the_grace_is_over() {
    let mut config = config(5);
    config.least = 3;
    let mut class = Class::waiting(3, config);
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    class.trains(0);
    class.trains(1);
    class.loses_connection(2, false);
    class.wait(5_000);
    assert_eq!(phase(&class), (Phase::Collecting, 1), "one whose connection is lost is waited for");
    let waited: Vec<Option<u64>> = status(&class).clients.iter().map(|client| client.waited_ms).collect();
    assert!(matches!(waited[..], [None, None, Some(1..=5_000)]), "and everyone is told how long: {waited:?}");
    class.wait(6_000);
    assert_eq!(phase(&class), (Phase::Collecting, 2), "then the others go on");
    assert_eq!((class.coordinator.history()[0].clients, status(&class).least), (2, 2));
    class.loses_connection(1, false);
    class.trains(0);
    class.wait(30_000);
    assert_eq!(phase(&class), (Phase::Collecting, 2), "but nobody goes on alone");
    class.hurried = true;
    does(&mut class, HostCommand::NextRound).unwrap();
    assert_eq!(class.coordinator.history()[1].clients, 1, "unless the host wants that");
}

#[test]
fn the_host_ends_the_room_with_the_present_model() {
    let mut class = collecting(2);
    assert!(matches!(does(&mut class, HostCommand::End), Err(HostError::Untrained)));
    class.trains(0);
    class.trains(1);
    class.run();
    class.trains(0);
    class.run();
    assert_eq!(status(&class).received, 1);
    does(&mut class, HostCommand::End).unwrap();
    assert_eq!(phase(&class), (Phase::Finished, 1));
    assert_eq!(class.coordinator.model().version(), ModelVersion(1), "the half-gathered round is dropped");
    for student in &class.students {
        assert_eq!(student.finished.as_deref(), Some(class.coordinator.model().parameters()));
        assert_eq!(student.participant.view().room.unwrap().rounds, 1);
    }
    assert!(matches!(does(&mut class, HostCommand::End), Err(HostError::Finished)));
    class.kill_server();
    class.start_server();
    class.wait(3_000);
    assert_eq!(phase(&class), (Phase::Finished, 1), "and it stays so after a restart");
}

#[test]
fn a_removed_client_cannot_come_back_and_its_update_is_refused() {
    let mut class = collecting(3);
    let client = id(&class, 2);
    does(&mut class, HostCommand::Remove { client }).unwrap();
    assert_eq!(stopped(&class, 2), Some(ErrorCode::Removed));
    assert!(status(&class).clients.iter().all(|summary| summary.client != client));
    let token = class.students[2].token.clone();
    let again = class.arrives(token.clone());
    class.run();
    assert_eq!(stopped(&class, again), Some(ErrorCode::Removed));
    class.trains(0);
    class.trains(1);
    class.run();
    assert_eq!(class.coordinator.history()[0].clients, 2, "nobody waits for it");
    assert!(matches!(does(&mut class, HostCommand::Remove { client }), Err(HostError::NoClient(_))));
    class.kill_server();
    class.start_server();
    let after = class.arrives(token);
    class.run();
    assert_eq!(stopped(&class, after), Some(ErrorCode::Removed), "not even after a restart of the server");
}

#[test]
fn a_name_that_the_host_gave_stays() {
    let mut class = collecting(2);
    let client = id(&class, 0);
    does(&mut class, HostCommand::RenameClient { client, name: "Laptop 7".to_owned() }).unwrap();
    assert_eq!(class.students[0].participant.view().name, Some("Laptop 7"));
    class.input(0, Input::Rename("Something rude".to_owned()));
    class.run();
    assert_eq!(class.students[0].participant.view().name, Some("Laptop 7"), "its own page says so, too");
    class.loses_connection(0, true);
    class.wait(3_000);
    assert_eq!(status(&class).clients[0].name, "Laptop 7");
    does(&mut class, HostCommand::Rename { name: "Class 7b".to_owned() }).unwrap();
    assert_eq!(class.students[1].participant.view().room.unwrap().name, "Class 7b");
    let blank = HostCommand::Rename { name: " ".to_owned() };
    assert!(matches!(does(&mut class, blank), Err(HostError::Invalid(_))));
}

#[test]
fn the_host_goes_back_to_an_earlier_version_and_on_from_there() {
    let mut class = collecting(2);
    class.trains(0);
    class.trains(1);
    class.run();
    let first = class.stored.clone().unwrap();
    for student in &mut class.students {
        student.eager = true;
    }
    class.trains(0);
    class.trains(1);
    class.run();
    assert_eq!(phase(&class), (Phase::Finished, 3));
    assert!(matches!(class.goes_back_to(4, None, &first), Err(HostError::NoVersion(_))));
    assert!(matches!(class.goes_back_to(1, Some(1), &first), Err(HostError::NoRounds { .. })));
    class.goes_back_to(1, Some(5), &first).unwrap();
    let late = Input::Evaluated { model_version: ModelVersion(3), evaluation: class::evaluation() };
    for student in &mut class.students {
        student.eager = false;
    }
    assert_eq!((phase(&class), class.coordinator.history().len()), ((Phase::Lobby, 2), 1));
    // Everyone comes back, drops what was finished, and trains from the first version again. An evaluation of the finished
    // model that comes late is not sent.
    class.wait(3_000);
    for student in 0..2 {
        class.input(student, late.clone());
        class.run();
        let refused = |message: &ServerMessage| {
            matches!(message, ServerMessage::Error { code: ErrorCode::OutOfOrder | ErrorCode::Malformed, .. })
        };
        assert!(!class.students[student].heard.iter().any(refused));
    }
    for student in 0..2 {
        class.students[student].eager = true;
        class.trains(student);
    }
    class.wait(3_000);
    assert_eq!(phase(&class), (Phase::Finished, 5));
    assert_eq!(class.published, 7);
    for student in &class.students {
        assert_eq!(student.finished.as_deref(), Some(class.coordinator.model().parameters()));
        assert_eq!(student.participant.view().history, class.coordinator.history());
        assert!(
            student.heard.iter().any(|message| matches!(
                message,
                ServerMessage::Error { code: ErrorCode::Restarted, fatal: false, .. }
            ))
        );
    }
}

#[test]
fn everyone_sees_who_records_and_which_way_each_update_points() {
    let mut class = collecting(3);
    let watcher = class.opens_page(None);
    class.run();
    class.input(watcher, Input::Recording(true));
    class.wait(1_000);
    let state = |class: &Class, student: usize| {
        let client = id(class, student);
        status(class).clients.into_iter().find(|summary| summary.client == client).unwrap()
    };
    assert_eq!(state(&class, watcher).state, ClientState::Recording);
    class.input(watcher, Input::Recording(false));
    class.wait(1_000);
    assert_eq!(state(&class, watcher).state, ClientState::Watching);
    assert_eq!(state(&class, 0).agreement, None);

    // Two go the same way, the third the opposite way.
    for (student, way) in [(0, 1.0), (1, 1.0), (2, -1.0)] {
        let request = class.students[student].training.take().unwrap();
        let parameters = request.model.iter().map(|value| value + way).collect();
        class.gives(student, &request, parameters);
    }
    class.run();
    let agreement = |student: usize| f64::from(state(&class, student).agreement.unwrap());
    // The mean of (1, −1) is zero, which points nowhere; of (1, 1) it is 1, against which −1 points.
    assert!(agreement(2) < -0.999);
    assert_eq!(state(&class, 2).update_norm, Some(5.0_f32.sqrt()));
    assert_eq!(state(&class, watcher).agreement, None);
    assert_eq!(status(&class).bytes_up, 3 * (5 * 4 + 8));
    assert!(status(&class).bytes_down >= 3 * (5 * 4 + 8));
}
