//! Rooms whose models and updates travel as differences with few bits a value. `class/mod.rs` holds each model to what the
//! strategy makes of the updates and to what rounding may leave out of it.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config};
use protocol::{Encoding, ModelVersion, Phase, ServerMessage};

const PARAMETERS: u32 = 150_000;
/// 605 groups of 248 bytes, and 625 of 124, each with the header of their one frame.
const Q8: u64 = 605 * 248 + 8;
const Q4: u64 = 625 * 124 + 8;
/// As f32, in three frames.
const WHOLE: u64 = 4 * 150_000 + 3 * 8;

fn class_of(count: usize, encoding: Encoding) -> Class {
    let mut config = config(PARAMETERS);
    config.encoding = encoding;
    config.rounds = 4;
    Class::waiting(count, config)
}

fn received(class: &Class, student: usize) -> u64 {
    class.students[student].participant.view().received
}

fn finish(class: &mut Class) {
    while class.coordinator.status(class.now).phase != Phase::Finished {
        for student in 0..class.students.len() {
            class.trains(student);
        }
        class.wait(1_000);
    }
    let model = class.coordinator.model().clone();
    for student in &class.students {
        assert_eq!(student.finished.as_deref(), Some(model.parameters()), "to the last bit");
    }
}

#[test]
fn few_bits_a_value_carry_a_room_both_ways() {
    for (encoding, step) in [(Encoding::Q8, Q8), (Encoding::Q4, Q4)] {
        let mut class = class_of(3, encoding);
        finish(&mut class);
        assert_eq!(class.published, 4);
        for student in 0..3 {
            // The initial model with 8 bits, then four steps.
            assert_eq!(received(&class, student), Q8 + 4 * step, "{encoding:?}");
        }
        assert_eq!(class.coordinator.checkpoint().bytes_down, 3 * (Q8 + 4 * step));
    }
}

#[test]
fn who_has_not_the_version_before_is_sent_the_whole_model() {
    let mut class = class_of(2, Encoding::Q4);
    class.trains(0);
    class.trains(1);
    class.wait(1_000);
    let late = class.arrives(None);
    class.wait(1_000);
    finish(&mut class);
    assert_eq!(received(&class, late), WHOLE + 3 * Q4);
    assert_eq!(received(&class, 0), Q8 + 4 * Q4);
}

#[test]
fn a_lost_connection_and_a_restarted_server_cost_no_whole_model() {
    let mut class = class_of(3, Encoding::Q8);
    for student in 0..3 {
        class.trains(student);
    }
    class.wait(1_000);
    class.loses_connection(0, true);
    class.wait(3_000);
    class.kill_server();
    class.start_server();
    class.wait(31_000);
    // They have the version that the server goes on from; the steps after it are steps again.
    finish(&mut class);
    for student in 0..3 {
        assert_eq!(received(&class, student), 5 * Q8);
    }
}

#[test]
fn a_difference_to_a_version_that_was_played_again_leads_to_the_whole_model() {
    let mut class = class_of(3, Encoding::Q8);
    let first = class.coordinator.model().parameters().to_vec();
    for student in 0..3 {
        class.trains(student);
    }
    class.wait(1_000);
    let played = class.coordinator.model().parameters().to_vec();
    let stored = class::Stored { parameters: first, ..class.stored.clone().unwrap() };
    class.loses_connection(0, false);
    class.goes_back_to(0, Some(4), &stored).unwrap();
    class.wait(12_000);
    for _ in 0..2 {
        class.trains(1);
        class.trains(2);
        class.wait(1_000);
    }
    assert_eq!(class.coordinator.model().version(), ModelVersion(2));
    assert_ne!(class.coordinator.model().parameters(), played, "one was missing");
    let before = received(&class, 0);
    class.students[0].online = true;
    class.wait(31_000);
    assert_eq!(
        received(&class, 0) - before,
        Q8 + WHOLE,
        "it tried the difference, and saw that it does not lead there"
    );
    finish(&mut class);
}

#[test]
fn other_rooms_know_no_differences() {
    let mut config = config(5);
    config.encoding = Encoding::F16;
    let mut class = Class::of(2, config);
    class.run();
    for message in class.students.iter().flat_map(|student| &student.heard) {
        let text = serde_json::to_string(message).unwrap();
        assert!(!matches!(message, ServerMessage::Round { difference: Some(_), .. }) && !text.contains("difference"));
    }
}
