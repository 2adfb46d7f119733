//! A room that ends with the mean of its models: what its clients train from on the way, and what they have at the end.
//! `class/mod.rs` holds every published model to the formula.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use std::collections::BTreeMap;

use class::{Class, Stored, config};
use federation::{Checkpoint, Coordinator, MemorySpool};
use protocol::{Encoding, FinalModel, HostCommand, Phase, RoomConfig};

/// Five rounds of FedAvgM, which overshoots.
fn room(final_model: FinalModel) -> RoomConfig {
    RoomConfig { rounds: 5, strategy: "fedavgm".parse().unwrap(), final_model, ..config(6) }
}

fn phase(class: &Class) -> Phase {
    class.coordinator.status(class.now).phase
}

/// What was stored with each version, from the second on.
fn played(config: RoomConfig) -> (Class, Vec<Stored>) {
    let mut class = Class::of(3, config);
    for student in &mut class.students {
        student.eager = false;
    }
    class.run();
    let mut stored = Vec::new();
    while phase(&class) == Phase::Collecting {
        (0..3).for_each(|student| class.trains(student));
        class.run();
        stored.push(class.stored.clone().unwrap());
    }
    (class, stored)
}

#[test]
fn every_round_starts_from_the_plain_model_and_the_last_one_is_their_mean() {
    let (plain, plainly) = played(room(FinalModel::Last));
    let (mean, averaged) = played(room(FinalModel::Mean));
    assert_eq!((plainly.len(), averaged.len()), (5, 5));
    for (plain, mean) in plainly.iter().zip(&averaged).take(4) {
        assert_eq!(plain.parameters, mean.parameters, "clients train as in any room");
        assert!(!plain.memory.contains_key("model_mean"));
    }
    assert_ne!(plainly[4].parameters, averaged[4].parameters);
    assert_eq!(averaged[4].parameters, averaged[4].memory["model_mean"], "the room goes on from it, if it has to");
    for student in &mean.students {
        assert_eq!(student.finished.as_deref(), Some(mean.coordinator.model().parameters()));
    }
    let evaluation = |class: &Class| class.coordinator.final_evaluation().map(|evaluation| evaluation.examples);
    assert_eq!(evaluation(&mean), evaluation(&plain), "what is tested at the end is what there is at the end");
    assert!(evaluation(&mean).is_some());
}

#[test]
fn with_few_bits_a_value_the_mean_is_a_difference_as_any_model() {
    for encoding in [Encoding::Q8, Encoding::Q4] {
        let (class, stored) = played(RoomConfig { encoding, ..room(FinalModel::Mean) });
        assert_eq!(stored.len(), 5);
        assert!(class.coordinator.model().difference().is_some());
        for student in &class.students {
            assert_eq!(student.finished.as_deref(), Some(class.coordinator.model().parameters()));
        }
    }
}

#[test]
fn a_server_that_was_killed_takes_the_same_mean() {
    let (unharmed, _) = played(room(FinalModel::Mean));
    let mut class = Class::of(3, room(FinalModel::Mean));
    for student in &mut class.students {
        student.eager = false;
    }
    class.run();
    while phase(&class) != Phase::Finished {
        (0..3).for_each(|student| class.trains(student));
        class.run();
        class.kill_server();
        class.start_server();
        class.wait(60_000);
    }
    assert_eq!(class.coordinator.model().parameters(), unharmed.coordinator.model().parameters());
}

#[test]
fn a_room_that_goes_on_after_its_mean_ends_with_another() {
    let (mut class, stored) = played(room(FinalModel::Mean));
    let ended = class.coordinator.model().parameters().to_vec();
    class.goes_back_to(5, Some(7), &stored[4]).unwrap();
    class.wait(60_000);
    assert_eq!(class.coordinator.model().parameters(), ended, "rounds go on from what everyone has");
    while phase(&class) == Phase::Collecting {
        (0..3).for_each(|student| class.trains(student));
        class.run();
    }
    assert_eq!((phase(&class), class.coordinator.history().len()), (Phase::Finished, 7));
    assert_eq!(class.coordinator.model().parameters(), class.coordinator.memory()["model_mean"]);
}

#[test]
fn a_room_that_its_host_ends_keeps_the_model_that_is_out() {
    let mut class = Class::of(3, room(FinalModel::Mean));
    for student in &mut class.students {
        student.eager = false;
    }
    class.run();
    for _ in 0..2 {
        (0..3).for_each(|student| class.trains(student));
        class.run();
    }
    let out = class.coordinator.model().parameters().to_vec();
    class.coordinator.command(class.now, HostCommand::End).unwrap();
    class.run();
    assert_eq!((phase(&class), class.coordinator.model().parameters()), (Phase::Finished, out.as_slice()));
    assert_ne!(class.coordinator.memory()["model_mean"], out);
}

#[test]
fn a_stored_room_without_its_mean_is_damaged() {
    let (_, stored) = played(room(FinalModel::Mean));
    let Stored { record, parameters, memory } = stored[2].clone();
    let checkpoint: Checkpoint = serde_json::from_str(&record).unwrap();
    let restore = |memory: BTreeMap<String, Vec<f32>>| {
        Coordinator::restore(checkpoint.clone(), parameters.clone(), memory, Box::<MemorySpool>::default())
    };
    assert!(restore(memory.clone()).is_ok());
    let less = BTreeMap::from([("momentum".to_owned(), memory["momentum"].clone())]);
    assert!(restore(less).unwrap_err().to_string().contains("the mean of its models is missing"));
}
