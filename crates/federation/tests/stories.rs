//! What happens in a room, told from both ends. See `class/mod.rs` for what is checked on the way.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config, encoded, step};
use federation::{Connection, Input, StopReason, Work};
use protocol::{
    Choice as _, ClientState, Encoding, ErrorCode, ModelVersion, Optimiser, Phase, RefusalReason, Round, ServerMessage,
    Status, Strategy, TrainingResult, Transfer, TransferId,
};

fn status(class: &Class) -> Status {
    class.coordinator.status(class.now)
}

fn phase(class: &Class) -> (Phase, u32) {
    let status = status(class);
    (status.phase, status.round.0)
}

fn state(class: &Class, student: usize) -> Option<ClientState> {
    let client = class.students[student].participant.view().client?;
    status(class).clients.into_iter().find(|summary| summary.client == client).map(|summary| summary.state)
}

fn work(class: &Class, student: usize) -> Work {
    class.students[student].participant.view().work
}

fn refusals(class: &Class, student: usize) -> Vec<RefusalReason> {
    let reason = |message: &ServerMessage| match message {
        ServerMessage::Refused { reason, .. } => Some(*reason),
        _ => None,
    };
    class.students[student].heard.iter().filter_map(reason).collect()
}

/// A class whose students train only when the test says so, with round 1 open.
fn collecting(count: usize) -> Class {
    let class = Class::waiting(count, config(5));
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    class
}

#[test]
fn three_students_go_from_the_lobby_to_a_finished_model() {
    let mut class = Class::new(config(5));
    assert_eq!(phase(&class), (Phase::Lobby, 1));
    class.arrives(None);
    class.run();
    assert_eq!(phase(&class), (Phase::Lobby, 1), "one of the two that are needed at least");
    class.students[0].eager = false;
    class.arrives(None);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 1), "statistics were asked for and answered");
    let third = class.arrives(None);
    class.run();
    assert_eq!(class.students[third].trainings, 1, "who comes late goes straight into the present round");
    class.students[0].eager = true;
    class.trains(0);
    class.run();
    assert_eq!(phase(&class), (Phase::Finished, 3));
    assert_eq!(class.published, 3);
    let model = class.coordinator.model();
    assert_eq!(model.version(), ModelVersion(3));
    for student in &class.students {
        assert_eq!(student.finished.as_deref(), Some(model.parameters()));
        assert_eq!(student.participant.view().history, class.coordinator.history());
    }
    class.wait(1_000);
    let record = &class.coordinator.history()[2];
    assert_eq!((record.clients, record.examples, record.refused), (3, 60, 0));
    assert_eq!(record.evaluation.as_ref().unwrap().confusion[0][0], 9, "three clients' confusions added");
    assert_eq!(record.training, TrainingResult { loss: 0.5, accuracy: 0.75 });
    assert_eq!(status(&class).final_evaluation.unwrap().examples, 12);
}

#[test]
fn standardisation_is_that_of_all_frames() {
    let class = collecting(2);
    let known = class.coordinator.standardisation().unwrap();
    // Each client sent 4 frames with sums 4, 8, 0 and sums of squares 8, 16, 4.
    assert_eq!(known.mean, [1.0, 2.0, 0.0]);
    assert_eq!(known.deviation, [1.0, 1.0e-6, 1.0]);
    let request = class.students[0].training.as_ref().unwrap();
    assert_eq!(&request.standardisation, known);
}

#[test]
fn half_floats_carry_a_room_too() {
    let mut config = config(1_000);
    config.encoding = Encoding::F16;
    let mut class = Class::of(3, config);
    class.run();
    assert_eq!(phase(&class), (Phase::Finished, 3));
    assert_eq!(class.published, 3);
}

#[test]
fn a_model_of_several_frames_travels_whole() {
    let mut class = Class::of(2, config(150_000));
    class.run();
    assert_eq!(class.published, 3);
    let view = class.students[0].participant.view();
    // The initial model, two published ones and the finished one; 600,000 bytes in 3 frames of 8-byte headers.
    assert_eq!(view.received, 4 * (600_000 + 3 * 8));
}

#[test]
fn the_round_closes_at_its_goal_and_the_slower_one_goes_on_with_the_next() {
    let mut config = config(5);
    config.goal = 2;
    let mut class = Class::waiting(3, config);
    for student in 0..2 {
        class.students[student].eager = true;
        class.trains(student);
    }
    class.run();
    assert_eq!(phase(&class), (Phase::Finished, 3));
    let slow = &class.students[2];
    assert_eq!((slow.trainings, slow.stopped), (3, 3), "each training was called off for the next round's");
    assert_eq!(slow.finished.as_deref(), Some(class.coordinator.model().parameters()));
}

#[test]
fn the_round_closes_at_its_deadline_with_the_least_count() {
    let mut class = collecting(3);
    class.trains(0);
    class.trains(1);
    class.wait(59_000);
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    class.wait(2_000);
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(class.coordinator.history()[0].clients, 2);
    // The third one's update is stale now; it was told so and went on by itself.
    assert_eq!(class.students[2].stopped, 1);
    assert_eq!(class.students[2].training.as_ref().unwrap().round, Round(2));
}

#[test]
fn with_too_few_the_round_is_abandoned_and_repeated_with_the_same_model() {
    let mut class = collecting(2);
    let before = class.coordinator.model().parameters().to_vec();
    class.trains(0);
    class.wait(61_000);
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    assert_eq!(class.coordinator.model().parameters(), before);
    let abandoned =
        |message: &&ServerMessage| matches!(message, ServerMessage::RoundAbandoned { received: 1, least: 2, .. });
    assert_eq!(class.students[0].heard.iter().filter(abandoned).count(), 1);
    // Nobody computes anything twice: the finished update is sent again, the other training goes on.
    assert_eq!(status(&class).received, 1);
    assert_eq!((class.students[0].trainings, class.students[1].trainings, class.students[1].stopped), (1, 1, 0));
    class.trains(1);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
}

#[test]
fn when_the_last_missing_client_leaves_the_round_closes() {
    let mut class = collecting(3);
    class.trains(0);
    class.trains(1);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    class.input(2, Input::Leave);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(class.students[2].participant.view().connection, &Connection::Stopped(StopReason::Left));
    assert_eq!(state(&class, 2), None, "who left is not listed");
}

#[test]
fn when_the_last_missing_client_pauses_the_round_closes() {
    let mut class = collecting(3);
    class.trains(0);
    class.trains(1);
    class.input(2, Input::TakePart(false));
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(state(&class, 2), Some(ClientState::Watching));
    assert_eq!(class.students[2].stopped, 1);
}

#[test]
fn a_closed_tab_is_waited_for_only_for_the_grace() {
    let mut class = collecting(3);
    class.trains(0);
    class.trains(1);
    class.run();
    let client = class.students[2].participant.view().client;
    class.closes_tab(2);
    class.wait(9_000);
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    let seen = status(&class).clients.into_iter().find(|summary| Some(summary.client) == client);
    assert_eq!(seen.unwrap().state, ClientState::Offline);
    class.wait(2_000);
    assert_eq!(phase(&class), (Phase::Collecting, 2));
}

#[test]
fn leaving_the_lobby_leaves_it_empty() {
    let mut class = Class::of(1, config(5));
    class.run();
    class.input(0, Input::Leave);
    class.run();
    assert_eq!((phase(&class), status(&class).clients.len()), ((Phase::Lobby, 1), 0));
}

#[test]
fn who_joins_while_statistics_are_collected_is_asked_for_them_too() {
    let mut class = Class::new(config(5));
    for _ in 0..3 {
        let student = class.opens_page(None);
        class.students[student].answers_statistics = student != 2;
    }
    class.run();
    for student in [2, 0, 1] {
        class.takes_part(student);
        class.students[student].eager = false;
    }
    class.run();
    assert_eq!(phase(&class).0, Phase::Normalising);
    assert_eq!(status(&class).received, 2, "who came when the others were asked already is asked too, and answers");
    assert_eq!(work(&class, 2), Work::Statistics);
}

#[test]
fn leaving_while_normalising_closes_the_phase() {
    let mut class = Class::new(config(5));
    for _ in 0..3 {
        let student = class.arrives(None);
        class.students[student].answers_statistics = false;
        class.students[student].eager = false;
    }
    class.run();
    assert_eq!(phase(&class).0, Phase::Normalising);
    for student in [0, 1] {
        let (sum, sum_squares) = (vec![1.0, 1.0, 1.0], vec![1.0, 1.0, 1.0]);
        class.input(student, Input::Statistics { frames: 1, sum, sum_squares });
    }
    class.run();
    assert_eq!(phase(&class).0, Phase::Normalising);
    class.input(2, Input::Leave);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 1));
}

#[test]
fn normalising_closes_at_its_deadline_or_begins_anew() {
    let mut class = Class::new(config(5));
    for number in 0..3 {
        let student = class.arrives(None);
        class.students[student].answers_statistics = number < 1;
        class.students[student].eager = false;
    }
    class.wait(61_000);
    assert_eq!(phase(&class).0, Phase::Normalising, "one of three is too few");
    class.students[1].answers_statistics = true;
    class.wait(120_000);
    assert_eq!(phase(&class), (Phase::Collecting, 1));
}

#[test]
fn leaving_with_an_update_in_line_or_half_sent_leaves_nothing_behind() {
    let mut class = Class::of(3, config(150_000));
    for student in &mut class.students {
        student.eager = false;
        student.holds_frames = true;
    }
    class.run();
    class.trains(2);
    class.run();
    class.send_frame(2);
    class.run();
    assert_eq!(state(&class, 2), Some(ClientState::Uploading));
    assert_eq!(class.coordinator.load().uploads, 1);
    class.input(2, Input::Leave);
    class.run();
    assert_eq!(class.coordinator.load().uploads, 0);
    for student in [0, 1] {
        class.students[student].holds_frames = false;
        class.trains(student);
    }
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(class.coordinator.history()[0].clients, 2);
}

#[test]
fn leaving_after_the_update_was_accepted_keeps_it() {
    let mut class = collecting(3);
    class.trains(0);
    class.run();
    class.input(0, Input::Leave);
    class.trains(1);
    class.trains(2);
    class.run();
    assert_eq!(class.coordinator.history()[0].clients, 3);
}

#[test]
fn leaving_a_finished_room_is_fine() {
    let mut class = Class::of(2, config(5));
    class.run();
    class.input(0, Input::Leave);
    class.wait(60_000);
    assert_eq!(phase(&class).0, Phase::Finished);
    assert_eq!(status(&class).connected, 1);
}

#[test]
fn the_last_one_keeps_the_round_open_for_others_to_join() {
    let mut class = collecting(2);
    class.trains(0);
    class.input(1, Input::Leave);
    class.wait(30_000);
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    assert_eq!(status(&class).received, 1);
    class.arrives(None);
    class.run();
    assert_eq!(class.coordinator.history()[0].clients, 2);
}

#[test]
fn a_reload_gives_the_identity_back() {
    let mut class = collecting(3);
    class.trains(0);
    class.run();
    let token = class.students[0].token.clone();
    let before =
        (class.students[0].participant.view().client, class.students[0].participant.view().name.map(str::to_owned));
    class.closes_tab(0);
    let again = class.arrives(token);
    class.run();
    let view = class.students[again].participant.view();
    assert_eq!((view.client, view.name.map(str::to_owned)), before);
    assert_eq!(view.accepted, Some(Round(1)), "its update is in, and it knows");
    assert_eq!(class.students[again].trainings, 0);
    assert_eq!(status(&class).connected, 3);
    // A reload before the update was in begins the round anew.
    let token = class.students[1].token.clone();
    class.closes_tab(1);
    let again = class.arrives(token);
    class.run();
    assert_eq!(class.students[again].trainings, 1);
    class.trains(2);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
}

#[test]
fn a_second_tab_replaces_the_first() {
    let mut class = collecting(2);
    let token = class.students[0].token.clone();
    let second = class.arrives(token);
    class.run();
    assert!(matches!(
        class.students[0].participant.view().connection,
        Connection::Stopped(StopReason::Error { code: ErrorCode::Replaced, .. })
    ));
    assert_eq!(class.students[second].participant.view().connection, &Connection::Open);
    assert_eq!((status(&class).connected, status(&class).clients.len()), (2, 2));
    class.wait(120_000);
    assert_eq!(class.students[second].participant.view().connection, &Connection::Open);
}

/// A tab is loaded anew while the `hello` of the one before is still on its way, and that one arrives last.
#[test]
fn a_word_of_the_tab_before_that_comes_last_replaces_nobody() {
    let mut class = collecting(2);
    let token = class.students[0].token.clone();
    class.closes_tab(0);
    let before = class.stranger();
    let reloaded = class.arrives(token.clone());
    class.students[reloaded].eager = false;
    class.run();
    let hello = format!(
        r#"{{"type": "hello", "protocol": 1, "room": "KMPXZ", "token": "{}", "software": "test"}}"#,
        token.unwrap().secret()
    );
    class.text(before, &hello);
    class.run();
    let told = class.strangers.iter().filter(|(connection, _)| *connection == before);
    let codes: Vec<_> = told.map(|(_, message)| message).collect();
    assert!(
        matches!(codes[..], [ServerMessage::Error { code: ErrorCode::Replaced, fatal: true, .. }]),
        "the one before is told, and nothing else is: {codes:?}"
    );
    assert_eq!(class.students[reloaded].participant.view().connection, &Connection::Open);
    assert_eq!((status(&class).connected, status(&class).clients.len()), (2, 2));
    // It is the one that takes part.
    class.trains(reloaded);
    class.trains(1);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(class.students[reloaded].participant.view().accepted, Some(Round(1)));
}

#[test]
fn an_update_finished_while_offline_is_announced_after_the_return() {
    let mut class = collecting(2);
    class.trains(1);
    class.loses_connection(0, false);
    class.run();
    class.trains(0);
    class.wait(3_000);
    assert_eq!(work(&class, 0), Work::Waiting { round: Round(1) });
    assert!(matches!(
        class.students[0].participant.view().connection,
        Connection::Lost { .. } | Connection::Connecting
    ));
    class.students[0].online = true;
    class.wait(5_000);
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(class.coordinator.history()[0].clients, 2);
    assert_eq!(class.students[0].trainings, 2, "one for each round");
}

#[test]
fn an_update_finished_while_offline_for_too_long_is_dropped_for_the_present_round() {
    let mut class = collecting(3);
    class.loses_connection(0, false);
    class.trains(0);
    class.trains(1);
    class.trains(2);
    class.wait(15_000);
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    class.students[0].online = true;
    class.wait(31_000);
    assert_eq!(class.students[0].training.as_ref().unwrap().round, Round(2));
    assert_eq!(refusals(&class, 0), [], "it never even announced the old one");
}

#[test]
fn a_connection_lost_in_mid_download_or_mid_upload_begins_that_transfer_anew() {
    let mut class = Class::of(2, config(150_000));
    for student in &mut class.students {
        student.eager = false;
        student.holds_frames = true;
    }
    class.run();
    class.trains(0);
    class.trains(1);
    class.run();
    class.send_frame(0);
    class.run();
    assert!(matches!(state(&class, 0), Some(ClientState::Uploading)));
    class.loses_connection(0, true);
    class.run();
    assert_eq!(class.coordinator.load().uploads, 1, "the other one's");
    for student in &mut class.students {
        student.holds_frames = false;
    }
    class.wait(2_000);
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(class.students[0].trainings, 2);
}

#[test]
fn a_server_killed_and_started_again_goes_on_from_its_last_model() {
    let mut class = collecting(3);
    for student in 0..3 {
        class.trains(student);
    }
    class.wait(1_000);
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    let published = class.coordinator.model().parameters().to_vec();
    class.trains(0);
    class.run();
    class.kill_server();
    class.trains(1);
    class.wait(20_000);
    class.start_server();
    assert_eq!(class.coordinator.model().parameters(), published);
    assert_eq!(class.coordinator.history().len(), 1);
    class.wait(31_000);
    let identities: Vec<_> =
        (0..3).map(|student| class.students[student].participant.view().client.unwrap().0).collect();
    assert_eq!(identities, [1, 2, 3], "everyone came back by itself as who it was");
    // What was trained before is sent to the restarted server; nothing was lost but the bytes.
    assert_eq!(status(&class).received, 2);
    class.trains(2);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 3));
    assert_eq!(class.students[0].participant.view().history.len(), 2);
}

#[test]
fn a_finished_room_is_finished_after_a_restart_too() {
    let mut class = Class::of(2, config(5));
    class.wait(1_000);
    assert_eq!(phase(&class).0, Phase::Finished);
    class.kill_server();
    class.start_server();
    let newcomer = class.opens_page(None);
    class.wait(31_000);
    assert_eq!(phase(&class).0, Phase::Finished);
    assert_eq!(class.students[newcomer].finished.as_deref(), Some(class.coordinator.model().parameters()));
    let examples = status(&class).final_evaluation.unwrap().examples;
    assert_eq!(examples, 8, "the two that took part, neither of them twice, and nobody who came to see the model");
}

#[test]
fn a_server_that_stops_says_so_and_clients_come_back() {
    let mut class = collecting(2);
    class.coordinator.close();
    class.run();
    let view = class.students[0].participant.view();
    assert!(view.notice.is_some_and(|notice| notice.message.contains("stops")));
    assert!(matches!(view.connection, Connection::Lost { .. }));
    class.wait(3_000);
    assert_eq!(status(&class).connected, 2);
}

#[test]
fn a_student_who_joins_late_goes_straight_into_the_present_round() {
    let mut class = collecting(2);
    class.trains(0);
    class.trains(1);
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    let late = class.arrives(None);
    class.students[late].eager = false;
    class.run();
    let request = class.students[late].training.as_ref().unwrap();
    assert_eq!((request.round, request.model_version), (Round(2), ModelVersion(1)));
    assert_eq!(*request.model, class.coordinator.model().parameters());
    let asked = |message: &&ServerMessage| matches!(message, ServerMessage::StatisticsRequest { .. });
    assert_eq!(class.students[late].heard.iter().filter(asked).count(), 0);
    assert_eq!(class.students[late].participant.view().history.len(), 1);
}

#[test]
fn training_that_fails_stops_this_client_only() {
    let mut class = collecting(3);
    class.trains(0);
    class.trains(1);
    class.input(2, Input::TrainingFailed { reason: "out of memory".to_owned(), diverged: false });
    class.run();
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    assert_eq!(work(&class, 2), Work::Failed { reason: "out of memory".to_owned() });
    // And it may try again.
    class.input(2, Input::TakePart(true));
    class.run();
    assert!(class.students[2].training.is_some());
}

#[test]
fn training_that_diverges_is_noticed_before_anything_is_sent() {
    let mut class = collecting(3);
    let request = class.students[2].training.take().unwrap();
    class.gives(2, &request, vec![f32::NAN; 5]);
    class.run();
    assert!(matches!(work(&class, 2), Work::Failed { .. }));
    assert_eq!(state(&class, 2), Some(ClientState::Watching));
    assert_eq!(refusals(&class, 2), []);
    // Everyone is told, after a lost connection too, until it tries again.
    let diverged = |class: &Class| status(class).clients.iter().map(|client| client.diverged).collect::<Vec<_>>();
    assert_eq!(diverged(&class), [false, false, true]);
    class.loses_connection(2, true);
    class.wait(3_000);
    assert_eq!(diverged(&class), [false, false, true]);
    class.input(2, Input::TakePart(true));
    class.run();
    assert_eq!(diverged(&class), [false, false, false]);
}

#[test]
fn an_update_refused_for_its_content_is_not_sent_again_in_that_round() {
    let mut class = collecting(3);
    class.trains(0);
    class.trains(1);
    let request = class.students[2].training.take().unwrap();
    class.gives(2, &request, vec![1.0e6; 5]);
    class.run();
    assert_eq!(refusals(&class, 2), [RefusalReason::NormTooLarge]);
    assert_eq!(phase(&class), (Phase::Collecting, 2), "nobody waited for it");
    assert_eq!(class.students[2].training.as_ref().unwrap().round, Round(2), "and it takes part again");
}

#[test]
fn damaged_bytes_are_sent_again() {
    let mut class = collecting(2);
    class.students[0].holds_frames = true;
    class.trains(0);
    class.run();
    let mut frame = class.students[0].frames.pop_front().unwrap().to_vec();
    frame[9] ^= 1;
    let connection = class.students[0].connection.unwrap();
    class.frame(connection, frame.into());
    class.students[0].holds_frames = false;
    class.run();
    assert_eq!(refusals(&class, 0), [RefusalReason::WrongChecksum]);
    assert_eq!(status(&class).received, 1);
}

#[test]
fn a_stalled_upload_is_ended_and_tried_again() {
    let mut class = collecting(2);
    class.students[0].holds_frames = true;
    class.trains(0);
    class.wait(29_000);
    assert_eq!(class.coordinator.load().uploads, 1);
    class.students[0].frames.clear();
    class.wait(2_000);
    assert_eq!(refusals(&class, 0), [RefusalReason::Stalled]);
    class.students[0].holds_frames = false;
    class.run();
    assert_eq!(status(&class).received, 1);
}

#[test]
fn fatal_errors_end_it_with_a_message() {
    let says = |class: &mut Class, text: &str| {
        let stranger = class.stranger();
        class.text(stranger, text);
        class.run();
        class.strangers.last().cloned()
    };
    let mut class = collecting(2);
    let told = says(&mut class, r#"{"type":"hello","protocol":2,"room":"KMPXZ","software":"x"}"#);
    assert!(matches!(told, Some((_, ServerMessage::Error { code: ErrorCode::ProtocolMismatch, fatal: true, .. }))));
    let told = says(&mut class, r#"{"type":"hello","protocol":1,"room":"ABCDE","software":"x"}"#);
    assert!(matches!(told, Some((_, ServerMessage::Error { code: ErrorCode::RoomUnknown, fatal: true, .. }))));
}

#[test]
fn messages_out_of_order_are_answered_and_change_nothing() {
    let mut class = collecting(2);
    let stranger = class.stranger();
    class.text(stranger, r#"{"type":"pause"}"#);
    class.text(stranger, r#"{"type":"hello","protocol":1,"room":"kmpxz","software":"x"}"#);
    class.text(stranger, r#"{"type":"hello","protocol":1,"room":"KMPXZ","software":"x"}"#);
    class.text(stranger, r#"{"type":"download","transfer":0}"#);
    class.text(stranger, r#"{"type":"statistics","frames":1,"sum":[0,0,0],"sum_squares":[0,0,0]}"#);
    class.text(stranger, r#"{"type":"ready","examples":1,"labels":[1,0]}"#);
    class.text(stranger, r#"{"type":"shout"}"#);
    class.run();
    let codes: Vec<ErrorCode> = class
        .strangers
        .iter()
        .filter_map(|(_, message)| match message {
            ServerMessage::Error { code, fatal: false, .. } => Some(*code),
            _ => None,
        })
        .collect();
    use ErrorCode::*;
    assert_eq!(codes, [OutOfOrder, OutOfOrder, OutOfOrder, Malformed, Malformed]);
    assert_eq!((phase(&class), status(&class).ready), ((Phase::Collecting, 1), 2));
}

#[test]
fn a_participant_survives_a_server_that_says_things_out_of_order() {
    let mut class = collecting(2);
    let heard: Vec<ServerMessage> = class.students[0].heard.clone();
    let transfer =
        Transfer { id: TransferId(9), bytes: 20, encoding: Encoding::F32, checksum: protocol::Checksum::of(b"") };
    let newcomer = class.opens_page(None);
    class.students[newcomer].online = false;
    for message in heard.iter().rev().chain(&heard) {
        if !matches!(message, ServerMessage::Welcome { .. }) {
            class.input(newcomer, Input::Message(message.clone()));
        }
    }
    for message in [
        ServerMessage::Upload { transfer: TransferId(3) },
        ServerMessage::Accepted { round: Round(9) },
        ServerMessage::Finished {
            model_version: ModelVersion(3),
            model: transfer,
            difference: None,
            standardisation: class.coordinator.standardisation().unwrap().clone(),
            attempt: Some(1),
        },
    ] {
        class.input(0, Input::Message(message.clone()));
        class.input(newcomer, Input::Message(message));
    }
    class.wait(60_000);
    assert_eq!(class.students[newcomer].trainings, 0);
}

#[test]
fn reconnects_are_spread_and_slow_down() {
    let mut class = collecting(2);
    class.kill_server();
    class.run();
    let mut waits = Vec::new();
    for _ in 0..10 {
        let Connection::Lost { retry_at } = *class.students[0].participant.view().connection else { panic!() };
        let wait = retry_at.since(class.now);
        waits.push(wait);
        class.wait(wait);
    }
    for (index, wait) in waits.iter().enumerate() {
        let longest = (500 << index).min(30_000);
        assert!((longest / 2..=longest).contains(wait), "{waits:?}");
    }
    let other = class.students[1].participant.next_timeout();
    assert_ne!(class.students[0].participant.next_timeout(), other);
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let mut class = collecting(2);
    class.wait(300_000);
    assert_eq!(class.students[0].participant.view().connection, &Connection::Open, "signs of life keep it open");
    let mut now = class.now;
    while class.students[0].participant.view().connection == &Connection::Open {
        now = class.students[0].participant.next_timeout().unwrap();
        class.students[0].participant.handle_timeout(now);
    }
    assert!(now.since(class.now) <= 45_000);
}

/// 262,136 bytes at 4,000 bytes/s.
#[test]
fn a_slow_line_has_the_time_that_the_largest_piece_takes() {
    let mut class = collecting(2);
    let is_round = |message: &&ServerMessage| matches!(message, ServerMessage::Round { .. });
    let mut again = class.students[0].heard.iter().find(is_round).unwrap().clone();
    let ServerMessage::Round { model, .. } = &mut again else { unreachable!() };
    (model.id, model.checksum) = (TransferId(model.id.0 + 1), protocol::Checksum(!model.checksum.0));
    class.input(0, Input::Message(again));
    assert!(matches!(work(&class, 0), Work::Downloading { .. }), "{:?}", work(&class, 0));
    let (begun, student) = (class.now, &mut class.students[0].participant);
    student.handle_timeout(begun + 66_000 + 44_000);
    assert_eq!(student.view().connection, &Connection::Open);
    student.handle_timeout(begun + 66_000 + 45_000);
    assert!(matches!(student.view().connection, Connection::Lost { .. }));
}

#[test]
fn many_strangers_are_held_within_bounds() {
    let mut config = config(5);
    config.max_clients = 4;
    let mut class = Class::new(config);
    for _ in 0..100 {
        let stranger = class.stranger();
        class.text(stranger, r#"{"type":"hello","protocol":1,"room":"KMPXZ","software":"x"}"#);
        class.run();
        let load = class.coordinator.load();
        assert!(load.connections <= 8 && load.identities <= 16, "{load:?}");
    }
    assert_eq!(status(&class).connected, 4);
    for _ in 0..100 {
        class.stranger();
        assert!(class.coordinator.load().connections <= 8);
    }
}

#[test]
fn a_late_update_says_which_round_is_open() {
    let mut class = collecting(2);
    class.trains(0);
    class.trains(1);
    class.run();
    let connection = class.students[0].connection.unwrap();
    let update = encoded(&[0.5; 5]);
    let checksum = protocol::Checksum::of(&update);
    let text = format!(
        r#"{{"type":"update","round":1,"model_version":0,"examples":1,"steps":1,"update":{{"id":50,"bytes":20,"encoding":"f32","checksum":"{checksum}"}},"training":{{"loss":1,"accuracy":0}}}}"#
    );
    class.text(connection, &text);
    class.run();
    let told = class.students[0].heard.iter().find_map(|message| match message {
        ServerMessage::Refused { round, reason, present_round, present_version, message } => {
            Some((*round, *reason, *present_round, *present_version, message.clone()))
        }
        _ => None,
    });
    let (round, reason, present_round, present_version, message) = told.unwrap();
    assert_eq!((round, reason), (Some(Round(1)), RefusalReason::Stale));
    assert_eq!((present_round, present_version), (Round(2), ModelVersion(1)));
    assert!(message.contains("round 2"));
    assert_eq!(class.students[0].training.as_ref().unwrap().round, Round(2), "its training goes on");
}

#[test]
fn made_up_training_is_different_for_everyone() {
    assert_ne!(step(0, 0, 0), step(1, 0, 0));
    assert_ne!(step(0, 0, 0), step(0, 1, 0));
}

#[test]
fn with_scaffold_the_model_comes_with_the_servers_control_variate() {
    let mut config = config(2);
    config.strategy = "scaffold".parse().unwrap();
    config.training.optimiser = Optimiser::Sgd;
    config.training.learning_rate = 0.5;
    let mut class = Class::of(2, config);
    for student in &mut class.students {
        (student.eager, student.steps) = (false, 2);
    }
    class.run();
    let model = class.coordinator.model();
    assert_eq!(model.transfer().bytes, 16, "two parameters, and as many numbers of the control variate");
    let request = |class: &Class, student: usize| class.students[student].training.clone().unwrap();
    let added = |class: &Class, student: usize| request(class, student).correction.unwrap().to_vec();
    assert_eq!(request(&class, 0).model.as_slice(), model.parameters());
    assert_eq!(added(&class, 0), [0.0, 0.0], "nobody has drifted yet");

    // Two steps of 0.5 by which one goes a unit to the right, and the other a unit up.
    for (student, update) in [(0, [1.0, 0.0]), (1, [0.0, 1.0])] {
        let request = class.students[student].training.take().unwrap();
        let parameters = request.model.iter().zip(update).map(|(value, update)| value + update).collect();
        class.gives(student, &request, parameters);
    }
    class.run();
    // Their variates are −1 where they went, and the server's is the mean: each is drawn to where the other went.
    let near = |ours: Vec<f32>, expected: [f32; 2]| ours.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near(added(&class, 0), [0.5, -0.5]), "{:?}", added(&class, 0));
    assert!(near(added(&class, 1), [-0.5, 0.5]), "{:?}", added(&class, 1));
    assert_eq!(request(&class, 0).model.len(), 2);

    // The server's variate survives a restart, and so do those of the tabs that stay open.
    let before = added(&class, 1);
    class.kill_server();
    class.wait(1_000);
    class.start_server();
    class.wait(5_000);
    assert_eq!(added(&class, 1), before);
    // A tab that is loaded anew has lost its own.
    class.closes_tab(0);
    let token = class.students[0].token.clone();
    let again = class.opens_page(token);
    class.students[again].eager = false;
    class.takes_part(again);
    class.run();
    assert!(near(added(&class, again), [-0.5, -0.5]), "{:?}", added(&class, again));
}

#[test]
fn with_fednova_who_takes_more_steps_pulls_no_harder() {
    let mut config = config(1);
    config.strategy = Strategy::FedNova;
    config.training.batch_size = 1;
    config.rounds = 1;
    let mut class = Class::of(2, config);
    for (student, steps) in [(0, 2), (1, 8)] {
        class.students[student].eager = false;
        class.students[student].steps = steps;
    }
    class.run();
    let before = class.coordinator.model().parameters()[0];
    // Weights 10 and 20: 30 examples. A step of the first is 1, and of the second −0.5.
    for (student, update) in [(0, 2.0), (1, -4.0)] {
        let request = class.students[student].training.take().unwrap();
        class.gives(student, &request, vec![request.model[0] + update]);
    }
    class.run();
    // (2 · 10 + 8 · 20) / 30 effective steps of (1 · 10 − 0.5 · 20) / 30 each: nothing.
    let after = class.coordinator.model().parameters()[0];
    assert!((after - before).abs() < 1e-6, "{before} became {after}");
    assert_eq!(class.published, 1);
}

#[test]
fn more_steps_than_the_examples_give_are_refused() {
    let mut class = collecting(2);
    // Ten examples in batches of twenty, two epochs: two steps at most.
    class.students[0].steps = 3;
    class.trains(0);
    class.run();
    assert_eq!(refusals(&class, 0), [RefusalReason::WrongSteps]);
    class.students[1].steps = 2;
    class.trains(1);
    class.run();
    assert_eq!(refusals(&class, 1), []);
}

#[test]
fn a_restart_changes_none_of_the_strategys_numbers() {
    for name in Strategy::NAMES {
        let published = |restarts: bool| {
            let mut config = config(4);
            config.strategy = name.parse().unwrap();
            config.training.optimiser = Optimiser::Sgd;
            config.rounds = 5;
            let mut class = Class::of(2, config);
            for student in &mut class.students {
                student.eager = false;
            }
            for round in 1..=5 {
                class.run();
                if restarts && round == 3 {
                    class.kill_server();
                    class.wait(1_000);
                    class.start_server();
                    class.wait(5_000);
                }
                assert_eq!(phase(&class), (Phase::Collecting, round));
                class.trains(0);
                class.trains(1);
            }
            class.run();
            class.coordinator.model().parameters().to_vec()
        };
        assert_eq!(published(true), published(false), "{name}");
    }
}

/// Waits, as everybody does who is told when to come back.
fn retry_in(class: &Class, student: usize) -> u64 {
    match class.students[student].participant.view().connection {
        Connection::Lost { retry_at } => retry_at.since(class.now),
        other => panic!("student {student} is {other:?}"),
    }
}

#[test]
fn who_finds_the_room_full_comes_back_after_a_while() {
    let mut config = config(5);
    config.max_clients = 2;
    let mut class = Class::of(2, config);
    for student in &mut class.students {
        student.eager = false;
    }
    class.run();
    let third = class.arrives(None);
    class.run();
    let told = class.students[third].heard.last().cloned();
    let Some(ServerMessage::Error { code: ErrorCode::RoomFull, fatal: false, retry_after_ms: Some(told), .. }) = told
    else {
        panic!("the third one was told {told:?}")
    };
    let waits = retry_in(&class, third);
    assert!((15_000..=30_000).contains(&told) && (told..=told * 5 / 4).contains(&waits), "told {told}, waits {waits}");
    assert!(class.students[third].participant.view().notice.unwrap().message.contains("full"));
    class.loses_connection(0, false);
    class.wait(40_000);
    assert_eq!(*class.students[third].participant.view().connection, Connection::Open);
}

#[test]
fn a_closing_server_spreads_those_who_come_back() {
    let mut config = config(5);
    config.max_clients = 500;
    let mut class = Class::of(200, config);
    for student in &mut class.students {
        student.eager = false;
    }
    class.run();
    class.coordinator.close();
    class.run();
    let mut waits: Vec<u64> = (0..200).map(|student| retry_in(&class, student)).collect();
    waits.sort_unstable();
    // 20 ms for each of them, the first after a second.
    assert!(waits[0] >= 1_000 && waits[199] <= 6_250, "{} to {} ms", waits[0], waits[199]);
    let at_once = |from: u64| waits.iter().filter(|wait| (from..from + 500).contains(*wait)).count();
    assert!((1_000..6_000).step_by(100).all(|from| at_once(from) < 50), "too many at once: {waits:?}");
}

#[test]
fn no_server_makes_a_client_wait_for_ever() {
    let mut class = collecting(2);
    let error = |retry_after_ms| ServerMessage::Error {
        code: ErrorCode::ServerClosing,
        message: "later".to_owned(),
        fatal: false,
        retry_after_ms: Some(retry_after_ms),
    };
    class.input(0, Input::Message(error(u64::MAX)));
    class.loses_connection(0, true);
    assert!((600_000..=750_000).contains(&retry_in(&class, 0)));
}
