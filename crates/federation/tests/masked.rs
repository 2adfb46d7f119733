//! Masked rooms, from both ends: the model is what all updates make of it, and the server was told no update; whoever goes, comes
//! back or is loaded anew in whichever step, the round goes on or is repeated.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config};
use federation::{Connection, HostError, Input, MaskingMemory, NoticeCode, StopReason};
use protocol::{
    Adversary, ClientState, Evaluation, HostCommand, MaskedEncoding, Masking, Phase, RefusalReason, RoomConfig,
    ServerMessage, Standardisation, Strategy, TrainingResult,
};

/// A masked room of three students or more, whose masks leave room for long updates.
fn masked(server: Adversary) -> RoomConfig {
    let masking = Masking { server, encoding: MaskedEncoding::Masked32, clip: 8.0 };
    RoomConfig { masking: Some(masking), least: 3, weight_cap: 100, ..config(5) }
}

fn phase(class: &Class) -> (Phase, u32) {
    let status = class.coordinator.status(class.now);
    (status.phase, status.round.0)
}

fn abandoned(class: &Class) -> usize {
    let heard = class.students.iter().map(|student| &student.heard).max_by_key(|heard| heard.len()).unwrap();
    heard.iter().filter(|message| matches!(message, ServerMessage::RoundAbandoned { .. })).count()
}

/// All who are there train and give their update.
fn all_train(class: &mut Class) {
    for student in 0..class.students.len() {
        class.trains(student);
    }
    class.run();
}

#[test]
fn a_masked_room_is_trained_to_its_end() {
    for name in ["fedavg", "fedprox", "fedavgm", "fednova"] {
        for server in [Adversary::Active, Adversary::Curious] {
            let mut class = Class::new(RoomConfig { strategy: name.parse::<Strategy>().unwrap(), ..masked(server) });
            for _ in 0..5 {
                class.arrives(None);
            }
            class.run();
            assert_eq!((phase(&class), class.published), ((Phase::Finished, 3), 3), "{name}");
            for student in &class.students {
                assert_eq!(student.finished.as_deref(), Some(class.coordinator.model().parameters()));
            }
            let record = &class.coordinator.history()[0];
            assert_eq!((record.clients, record.examples, record.refused), (5, 150, 0));
            assert_eq!(record.training, TrainingResult { loss: 0.5, accuracy: 0.75 });
            let evaluation = record.evaluation.as_ref().unwrap();
            assert_eq!((evaluation.examples, evaluation.loss, evaluation.accuracy), (20, 1.25, 0.75));
            assert_eq!((evaluation.confusion[0][0], evaluation.confusion[1][0]), (15, 5));
            assert_eq!(found(&class).as_ref(), Some(evaluation), "the last version is tried like all others");
        }
    }
}

#[test]
fn nothing_of_one_client_is_told() {
    let mut class = Class::of(4, masked(Adversary::Active));
    class.run();
    class.wait(1_000);
    let status = class.coordinator.status(class.now);
    assert!(status.clients.iter().all(|client| client.labels.is_empty() && client.update_norm.is_none()));
    assert_eq!(status.final_evaluation.unwrap().examples, 16);
    assert!(class.coordinator.checkpoint().final_evaluations.is_empty());
    for given in class.coordinator.contributions().iter().flatten() {
        assert_eq!((given.examples, given.norm, &given.evaluation), (0, 0.0, &None));
    }
    let asked = |message: &ServerMessage| matches!(message, ServerMessage::StatisticsRequest { masked: None });
    assert!(!class.students.iter().any(|student| student.heard.iter().any(asked)), "nobody's sums are asked for");
}

/// How the finished model does, as far as the room knows.
fn found(class: &Class) -> Option<Evaluation> {
    class.coordinator.status(class.now).final_evaluation
}

fn asked_how_it_does(class: &Class, student: usize) -> usize {
    let asked = |message: &&ServerMessage| matches!(message, ServerMessage::Finished { attempt: Some(_), .. });
    class.students[student].heard.iter().filter(asked).count()
}

/// A class of so many up to the moment in which everyone is asked how the finished model does.
fn at_the_end(count: usize) -> Class {
    let mut class = Class::new(masked(Adversary::Active));
    for _ in 0..count {
        class.arrives(None);
    }
    class.run_until(|class| (0..count).all(|student| asked_how_it_does(class, student) == 1));
    assert_eq!((phase(&class), found(&class)), ((Phase::Finished, 3), None));
    class
}

#[test]
fn whoever_goes_at_the_end_is_not_waited_for_in_the_last_sum() {
    let mut class = at_the_end(5);
    class.loses_connection(0, false);
    class.wait(30_000);
    assert_eq!(found(&class).unwrap().examples, 16);
    // Who only looks on is not in it, and who comes later asks for nothing more.
    class.loses_connection(0, true);
    class.wait(30_000);
    assert_eq!(found(&class).unwrap().examples, 16);
    assert_eq!(asked_how_it_does(&class, 1), 1);
}

#[test]
fn with_too_many_gone_the_last_sum_is_asked_for_once_more_and_then_no_more() {
    let mut class = at_the_end(6);
    // All have given their keys, and shares of their secrets go round.
    class.run_until(|class| {
        let boxes = |message: &ServerMessage| matches!(message, ServerMessage::Boxes { round, .. } if round.0 == 3);
        class.students.iter().all(|student| student.heard.iter().any(boxes)) && found(class).is_none()
    });
    for student in 0..2 {
        class.loses_connection(student, false);
    }
    class.wait(60_000);
    assert_eq!(phase(&class), (Phase::Finished, 3));
    let examples = found(&class).map(|found| found.examples);
    assert!(examples == Some(16) || examples == Some(24), "those who are left, or all who had given: {examples:?}");
    assert!((0..6).all(|student| asked_how_it_does(&class, student) <= 2));
}

#[test]
fn with_fewer_than_three_left_nobody_is_asked_how_it_does() {
    let mut class = Class::new(masked(Adversary::Active));
    for _ in 0..4 {
        class.arrives(None);
    }
    class.run_until(|class| class.published == 2);
    for student in 0..2 {
        class.loses_connection(student, false);
    }
    class.coordinator.command(class.now, HostCommand::End).unwrap();
    class.wait(60_000);
    assert_eq!((phase(&class).0, found(&class)), (Phase::Finished, None));
    assert_eq!(asked_how_it_does(&class, 2), 0);
    // Back again, they are enough.
    class.loses_connection(0, true);
    class.wait(60_000);
    assert_eq!(found(&class).map(|found| found.examples), Some(12));
}

#[test]
fn a_server_that_is_killed_at_the_end_asks_again_how_the_model_does() {
    let mut class = at_the_end(4);
    class.kill_server();
    class.start_server();
    assert_eq!(found(&class), None);
    class.wait(60_000);
    assert_eq!(found(&class).unwrap().examples, 16);
    let known = class.coordinator.checkpoint();
    assert_eq!(known.masked_evaluation, found(&class));
    assert_eq!(known.standing(known.model_version), Some(0.75), "it is among the versions of which the best is chosen");
    // What is known is stored, and asked for no more.
    let asked = asked_how_it_does(&class, 0);
    class.kill_server();
    class.start_server();
    class.wait(60_000);
    assert_eq!((found(&class), asked_how_it_does(&class, 0)), (known.masked_evaluation, asked));
}

#[test]
fn a_visitor_has_no_say_in_how_the_finished_model_does() {
    let mut class = at_the_end(3);
    let visitor = class.arrives(None);
    class.wait(60_000);
    assert_eq!(found(&class).unwrap().examples, 12);
    let roster = |message: &ServerMessage| matches!(message, ServerMessage::Roster { .. });
    assert!(!class.students[visitor].heard.iter().any(roster));
}

#[test]
fn whoever_goes_before_giving_is_done_without() {
    let mut class = Class::waiting(6, masked(Adversary::Active));
    assert_eq!(phase(&class), (Phase::Collecting, 1));
    class.loses_connection(0, false);
    class.wait(11_000);
    all_train(&mut class);
    assert_eq!((class.published, class.coordinator.history()[0].clients), (1, 5));
    assert_eq!(abandoned(&class), 0);
}

#[test]
fn whoever_goes_after_giving_is_in_the_sum() {
    let mut class = Class::waiting(6, masked(Adversary::Active));
    class.trains(0);
    class.run();
    class.loses_connection(0, false);
    class.wait(11_000);
    all_train(&mut class);
    assert_eq!((class.published, class.coordinator.history()[0].clients), (1, 6));
}

#[test]
fn with_too_many_gone_the_round_is_repeated_at_once_with_new_keys() {
    let mut class = Class::waiting(6, masked(Adversary::Active));
    for student in 0..2 {
        class.loses_connection(student, false);
    }
    class.wait(11_000);
    all_train(&mut class);
    assert_eq!(abandoned(&class), 1, "five of six are needed");
    // Nobody waits for the deadline. The four who are left have their updates still, and are enough for a sum of their own.
    assert_eq!((class.published, class.coordinator.history()[0].clients), (1, 4));
    assert!(class.students[2..].iter().all(|student| student.trainings <= 2), "nobody trained twice for one model");
}

#[test]
fn a_connection_that_is_lost_and_comes_back_costs_nothing() {
    let mut class = Class::waiting(4, masked(Adversary::Active));
    class.loses_connection(1, true);
    class.wait(1_000);
    class.trains(1);
    class.run();
    // Its numbers are in; it comes back for the survivors.
    class.loses_connection(1, true);
    class.loses_connection(2, true);
    class.wait(1_000);
    all_train(&mut class);
    assert_eq!((class.published, class.coordinator.history()[0].clients), (1, 4));
    assert_eq!(abandoned(&class), 0);
}

#[test]
fn a_tab_that_is_loaded_anew_is_done_without_in_that_round_and_back_in_the_next() {
    let mut class = Class::waiting(5, masked(Adversary::Active));
    let token = class.students[0].token.clone();
    class.loses_connection(0, false);
    class.closes_tab(0);
    let again = class.opens_page(token);
    class.students[again].eager = false;
    class.takes_part(again);
    class.run();
    for student in 1..=again {
        class.trains(student);
    }
    class.run();
    assert_eq!((class.published, class.coordinator.history()[0].clients), (1, 4));
    for student in 1..=again {
        class.trains(student);
    }
    class.run();
    assert_eq!((class.published, class.coordinator.history()[1].clients), (2, 5));
}

#[test]
fn who_comes_late_waits_for_the_next_round() {
    let mut class = Class::waiting(3, masked(Adversary::Active));
    let late = class.opens_page(None);
    class.students[late].eager = false;
    class.takes_part(late);
    class.run();
    assert!(class.students[late].training.is_none());
    for student in 0..3 {
        class.trains(student);
    }
    class.run();
    assert_eq!((class.published, class.coordinator.history()[0].clients), (1, 3));
    all_train(&mut class);
    assert_eq!((class.published, class.coordinator.history()[1].clients), (2, 4));
}

#[test]
fn a_server_that_is_killed_repeats_the_round_with_new_keys() {
    for given in 0..4 {
        let mut class = Class::waiting(4, masked(Adversary::Active));
        for student in 0..given {
            class.trains(student);
        }
        class.run();
        class.kill_server();
        class.start_server();
        class.wait(5_000);
        for student in &mut class.students {
            student.eager = true;
        }
        all_train(&mut class);
        class.wait(60_000);
        assert_eq!((phase(&class), class.published), ((Phase::Finished, 3), 3), "{given} had given");
        assert!(class.students.iter().all(|student| student.trainings == 3), "nobody trained twice for one model");
        assert_eq!(abandoned(&class), 0);
    }
}

#[test]
fn an_update_that_is_not_masked_is_refused() {
    let mut class = Class::waiting(3, masked(Adversary::Active));
    let connection = class.students[0].connection.unwrap();
    let update = r#"{"type": "update", "round": 1, "model_version": 0, "examples": 10, "steps": 1,
        "update": {"id": 9, "bytes": 20, "encoding": "f32", "checksum": "00000000"}, "training": {"loss": 0.5, "accuracy": 0.5}}"#;
    class.text(connection, update);
    class.run();
    let refused = |message: &ServerMessage| {
        matches!(message, ServerMessage::Refused { reason: RefusalReason::WrongEncoding, .. })
    };
    assert!(class.students[0].heard.iter().any(refused));
}

#[test]
fn a_program_without_a_seats_key_takes_part_in_no_masked_round() {
    let mut class = Class::waiting(3, masked(Adversary::Active));
    let late = class.students.len();
    class.closes_tab(0); // What is opened there in its place has no key.
    class.students[0].online = true;
    class.input(0, Input::Holdings { examples: 3, labels: vec![3, 0, 0, 0], held_back: 0, step_ms: None });
    class.input(0, Input::TakePart(true));
    class.wait(1_000);
    for student in 1..late {
        class.trains(student);
    }
    class.wait(70_000);
    assert_eq!(class.published, 0, "two are too few");
    let notice = class.students[0].participant.view().notice.map(|notice| notice.code);
    assert_eq!(notice, Some(NoticeCode::MaskingRefused));
}

#[test]
fn the_host_may_close_a_round_with_those_who_gave() {
    let mut class = Class::waiting(6, masked(Adversary::Active));
    for student in 0..5 {
        class.trains(student);
    }
    class.run();
    assert_eq!(class.published, 0);
    class.coordinator.command(class.now, HostCommand::NextRound).unwrap();
    class.run();
    assert_eq!((class.published, class.coordinator.history()[0].clients), (1, 5));
    assert_eq!(class.students.len(), 6);
}

#[test]
fn all_hear_the_same_words() {
    let class = Class::waiting(4, masked(Adversary::Active));
    let words: Vec<String> =
        class.students.iter().map(|student| student.participant.masked_together().unwrap().words.to_string()).collect();
    assert!(words.iter().all(|said| *said == words[0]), "{words:?}");
    assert_eq!(class.coordinator.masked_together(), class.students[0].participant.masked_together());
    assert_eq!(class.coordinator.masked_together().unwrap().seats, 4);
    assert!(class.coordinator.status(class.now).clients.iter().all(|client| client.state == ClientState::Training));
}

fn stopped(class: &Class, student: usize) -> bool {
    matches!(class.students[student].participant.view().connection, Connection::Stopped(StopReason::MaskedOtherwise))
}

#[test]
fn a_server_that_takes_the_masks_off_is_told_nothing_more() {
    let without = RoomConfig { masking: None, ..masked(Adversary::Active) };
    let wider = Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked32, clip: 9.0 };
    for room in [without, RoomConfig { masking: Some(wider), ..masked(Adversary::Active) }, masked(Adversary::Curious)]
    {
        let mut class = Class::waiting(3, masked(Adversary::Active));
        class.input(0, Input::Message(ServerMessage::Settings { room }));
        assert!(stopped(&class, 0));
        class.trains(0);
        class.run();
        assert!(class.students[0].connection.is_none() && class.students[0].training.is_none());
        // What it was told is with its seat: another server of that name is not asked either.
        let memory = class.students[0].masking.clone();
        let memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
        assert_eq!(class.students[0].masking, memory);
        assert_ne!(memory, MaskingMemory::default());
    }
    // A new name is no other room.
    let mut class = Class::waiting(3, masked(Adversary::Active));
    let renamed = RoomConfig { name: "7b".to_owned(), ..masked(Adversary::Active) };
    class.input(0, Input::Message(ServerMessage::Settings { room: renamed }));
    assert!(!stopped(&class, 0));
}

#[test]
fn whoever_is_asked_for_other_training_is_in_no_sum_with_the_others() {
    let mut class = Class::waiting(4, masked(Adversary::Active));
    let round = |message: &ServerMessage| matches!(message, ServerMessage::Round { .. });
    let asked = class.students[0].heard.iter().rev().find(|message| round(message)).unwrap().clone();
    let ServerMessage::Round {
        mut training, round, model_version, deadline_ms, standardisation, model, attempt, ..
    } = asked
    else {
        unreachable!()
    };
    // Nothing that the others do counts, if their steps are of no length; then the sum is this one's update.
    training.settings.learning_rate = 1.0e-30;
    let other = ServerMessage::Round {
        round,
        model_version,
        deadline_ms,
        training,
        standardisation,
        model,
        difference: None,
        attempt,
    };
    class.input(0, Input::Message(other));
    class.run();
    all_train(&mut class);
    // It has other keys now, which are signed for another sum: the server cannot use them, and the others do not take them.
    class.wait(11_000);
    all_train(&mut class);
    assert_eq!(class.coordinator.history()[0].clients, 3);
}

#[test]
fn the_host_cannot_make_a_masked_round_of_two() {
    let mut class = Class::waiting(2, masked(Adversary::Active));
    let now = class.now;
    for command in [HostCommand::NextRound, HostCommand::Least { least: 2 }] {
        assert!(matches!(class.coordinator.command(now, command), Err(HostError::TooFewToMask(2))));
    }
    assert_eq!(phase(&class), (Phase::Lobby, 1));
    class.arrives(None);
    class.run();
    assert_eq!(phase(&class).0, Phase::Collecting);
}

#[test]
fn the_scale_of_features_is_that_of_all_clients_together() {
    let plain = Class::of(5, RoomConfig { masking: None, influence_limit: None, ..masked(Adversary::Active) });
    let scales = [Adversary::Active, Adversary::Curious].map(|server| Class::of(5, masked(server)));
    for mut class in [plain].into_iter().chain(scales) {
        class.run();
        let scale = class.coordinator.standardisation().unwrap().clone();
        // Everyone says 4 frames with the sums 4, 8 and 0, and 8, 16 and 4 of the squares.
        assert_eq!((&scale.mean[..], scale.deviation[0], scale.deviation[2]), (&[1.0, 2.0, 0.0][..], 1.0, 1.0));
        assert!(scale.deviation[1] < 1e-5);
        let own = |message: &ServerMessage| matches!(message, ServerMessage::StatisticsRequest { .. });
        assert!(class.students.iter().all(|student| student.heard.iter().filter(|message| own(message)).count() == 1));
    }
}

#[test]
fn a_room_whose_statistics_do_not_come_together_begins_with_the_scale_that_there_is() {
    let mut class = Class::new(masked(Adversary::Active));
    let common = Standardisation { mean: vec![0.5; 3], deviation: vec![2.0; 3] };
    class.coordinator.standardise(common.clone());
    for _ in 0..4 {
        let student = class.opens_page(None);
        class.students[student].answers_statistics = false;
        class.takes_part(student);
    }
    class.run();
    assert_eq!(phase(&class), (Phase::Normalising, 1));
    class.wait(61_000);
    assert_eq!(class.coordinator.standardisation(), Some(&common));
    assert_eq!(class.published, 3);
}

fn agreed(class: &Class, student: usize) -> usize {
    class.students[student].heard.iter().filter(|message| matches!(message, ServerMessage::Agreed { .. })).count()
}

fn declined(class: &Class, student: usize) -> bool {
    let notice = class.students[student].participant.view().notice;
    notice.is_some_and(|notice| notice.code == NoticeCode::MaskingRefused)
}

/// A class of so many in its second round, which begins again with so many after a restart, and after a while with fewer.
fn in_round_two(count: usize, least: u32) -> Class {
    let mut class = Class::waiting(count, RoomConfig { least, ..masked(Adversary::Active) });
    all_train(&mut class);
    assert_eq!(phase(&class), (Phase::Collecting, 2));
    class
}

/// Everyone helps to open the sum, and before it is, the server is killed. It is started again when these are gone.
fn loses_an_opened_sum(class: &mut Class, gone: &[usize]) {
    let all = class.students.len();
    for student in 0..all {
        class.trains(student);
    }
    let before: Vec<usize> = (0..all).map(|student| agreed(class, student)).collect();
    class.run_until(|class| (0..all).all(|student| agreed(class, student) > before[student]));
    class.kill_server();
    for &student in gone {
        class.loses_connection(student, false);
    }
    class.start_server();
    assert_eq!(class.published, 1, "nothing came of it");
}

/// All who are there go on to the end.
fn goes_on(class: &mut Class) {
    for student in &mut class.students {
        student.eager = true;
    }
    all_train(class);
    class.wait(40_000);
}

#[test]
fn a_sum_that_was_lost_half_opened_is_opened_again_for_the_same_ones() {
    let mut class = in_round_two(5, 5);
    loses_an_opened_sum(&mut class, &[]);
    class.wait(20_000);
    assert_eq!((class.published, class.coordinator.history()[1].clients, abandoned(&class)), (2, 5, 0));
    goes_on(&mut class);
    assert_eq!((phase(&class), class.coordinator.history()[2].clients), ((Phase::Finished, 3), 5));
}

#[test]
fn a_sum_that_was_lost_half_opened_goes_on_without_three_where_one_is_gone() {
    let mut class = in_round_two(6, 6);
    loses_an_opened_sum(&mut class, &[5]);
    // Half a minute for the sixth to come back. Those who decline then say so at once: nobody waits until the step is over.
    class.wait(35_000);
    assert_eq!((class.published, class.coordinator.history()[1].clients, abandoned(&class)), (2, 3, 1));
    assert!((0..5).all(|student| class.students[student].trainings <= 3), "nobody trained twice for one model");
    goes_on(&mut class);
    assert_eq!(class.coordinator.history()[2].clients, 5, "another model binds nobody");
    assert_eq!(phase(&class), (Phase::Finished, 3));
}

/// A class of eight of whom five have helped to open two sums that were lost, and two one of them; the eighth is gone for good, and one
/// of the five as well.
fn with_two_sums_lost() -> Class {
    let mut class = in_round_two(8, 6);
    loses_an_opened_sum(&mut class, &[7]);
    // Of the scale, of the first round, and of the sum that was lost.
    let once = agreed(&class, 7);
    class.wait_until(60_000, |class| (0..7).filter(|&student| agreed(class, student) > once).count() == 5);
    let twice: Vec<usize> = (0..7).filter(|&student| agreed(&class, student) > once).collect();
    assert_eq!((twice.len(), class.published), (5, 1));
    class.kill_server();
    for student in [twice[0], 7] {
        class.loses_connection(student, false);
    }
    class.start_server();
    class.wait(60_000);
    class
}

#[test]
fn a_sum_that_was_lost_half_opened_twice_is_waited_with_and_says_so() {
    let mut class = with_two_sums_lost();
    let status = class.coordinator.status(class.now);
    assert_eq!((status.phase, status.ready, status.singles_out, class.published), (Phase::Lobby, 6, true, 1));
    let told = |message: &ServerMessage| matches!(message, ServerMessage::Status(status) if status.singles_out);
    let here: Vec<usize> = (0..8).filter(|&student| class.students[student].connection.is_some()).collect();
    assert_eq!(here.len(), 6);
    for &student in &here {
        assert!(class.students[student].heard.iter().any(told) && declined(&class, student), "{student} knows why");
    }
    // Nothing is tried in vain meanwhile.
    let before = abandoned(&class);
    class.wait(600_000);
    assert_eq!((abandoned(&class), class.published), (before, 1));
    // Somebody who is new, and the two who have opened one of the two sums, are far enough from it.
    class.arrives(None);
    class.wait(20_000);
    assert_eq!((class.published, class.coordinator.history()[1].clients), (2, 3));
    assert!(!class.coordinator.status(class.now).singles_out);
    goes_on(&mut class);
    assert_eq!((phase(&class), class.coordinator.history()[2].clients), ((Phase::Finished, 3), 7));
}

#[test]
fn a_sum_that_was_lost_half_opened_twice_is_opened_when_all_of_one_are_back() {
    let mut class = with_two_sums_lost();
    let gone = (0..7).find(|&student| class.students[student].connection.is_none()).unwrap();
    class.loses_connection(gone, true);
    class.wait(60_000);
    assert_eq!((class.published, class.coordinator.history()[1].clients), (2, 5));
}

#[test]
fn the_host_ends_a_room_whose_sum_would_single_somebody_out() {
    let mut class = in_round_two(4, 4);
    loses_an_opened_sum(&mut class, &[3]);
    class.wait(60_000);
    let status = class.coordinator.status(class.now);
    assert_eq!((status.phase, status.singles_out), (Phase::Lobby, true));
    class.coordinator.command(class.now, HostCommand::End).unwrap();
    class.wait(60_000);
    assert_eq!((phase(&class).0, class.coordinator.model().version().0), (Phase::Finished, 1));
    assert!(!class.coordinator.status(class.now).singles_out);
}
