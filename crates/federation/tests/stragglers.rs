//! Rooms where slow clients do fewer steps, told from both ends. See `class/mod.rs` for what is checked on the way: that every
//! published model is what the room's aggregation and strategy make of the accepted updates, by FedNova's equations.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config};
use federation::local_work::TooSlow;
use federation::{Input, TrainRequest};
use protocol::{
    Aggregation, Choice as _, Optimiser, Phase, RefusalReason, RoomConfig, ServerMessage, Stragglers, Strategy,
};

/// Three epochs of batches of 5, so that students with 10, 20, 30 … examples have 6, 12, 18 … steps.
fn room() -> RoomConfig {
    let mut room = config(5);
    (room.training.epochs, room.training.batch_size, room.training.optimiser) = (3, 5, Optimiser::Sgd);
    room.stragglers = Stragglers::FewerSteps;
    room
}

/// A class whose students have the steps that `steps` says, with round 1 open.
fn collecting(room: RoomConfig, steps: &[u32]) -> Class {
    let mut class = Class::of(steps.len(), room);
    for (student, steps) in class.students.iter_mut().zip(steps) {
        (student.eager, student.steps) = (false, *steps);
    }
    class.run();
    class
}

#[test]
fn every_rule_takes_few_steps_for_as_many_as_the_room_asks() {
    for &aggregation in Aggregation::ALL {
        for &strategy in Strategy::ALL {
            for influence_limit in [None, Some(1.5)] {
                let room = RoomConfig { aggregation, strategy, influence_limit, least: 5, ..room() };
                if room.check().is_err() {
                    continue; // Not every strategy goes with every aggregation.
                }
                let mut class = Class::of(6, room);
                for (student, steps) in class.students.iter_mut().zip([6, 1, 7, 24, 2, 36]) {
                    student.steps = steps;
                }
                class.run();
                assert_eq!(class.coordinator.status(class.now).phase, Phase::Finished, "{strategy} {aggregation}");
                assert_eq!(class.published, 3);
            }
        }
    }
}

/// Where rounds of gradient descent on (x − aᵢ)²/2, one aᵢ a student, come to rest.
fn comes_to_rest(stragglers: Stragglers, steps: &[u32], wanted: &[f64]) -> f64 {
    const RATE: f64 = 0.02;
    let mut room = RoomConfig { stragglers, rounds: 60, ..room() };
    room.parameters = 1;
    let mut class = Class::new(room);
    for &steps in steps {
        let student = class.opens_page(None);
        // All have the same share of the examples, and 12 steps.
        (class.students[student].examples, class.students[student].steps) = (20, steps);
        class.students[student].eager = false;
        class.takes_part(student);
    }
    class.run();
    while class.coordinator.status(class.now).phase == Phase::Collecting {
        for (student, wanted) in wanted.iter().enumerate() {
            let Some(request) = class.students[student].training.take() else { continue };
            let mut x = f64::from(request.model[0]);
            for _ in 0..steps[student] {
                x -= RATE * (x - wanted);
            }
            class.gives(student, &request, vec![x as f32]);
        }
        class.run();
    }
    f64::from(class.coordinator.model().parameters()[0])
}

#[test]
fn a_slow_client_pulls_the_model_no_less_than_a_quick_one() {
    let (steps, wanted) = ([12, 12, 2], [0.0, 1.0, 8.0]);
    // Of 12, 12 and 2 steps of the rate r, 1 − (1 − r)^K of the way is gone.
    let gone = steps.map(|steps: u32| 1.0 - 0.98_f64.powi(steps as i32));
    let at_rest = |weights: [f64; 3]| {
        let sum: f64 = weights.iter().sum();
        weights.iter().zip(wanted).map(|(weight, wanted)| weight * wanted).sum::<f64>() / sum
    };
    let plain = comes_to_rest(Stragglers::Whole, &steps, &wanted);
    assert!((plain - at_rest(gone)).abs() < 1e-3, "{plain}: what it is far too near to the quick ones at");
    let evened = comes_to_rest(Stragglers::FewerSteps, &steps, &wanted);
    assert!((evened - at_rest([gone[0], gone[1], gone[2] * 6.0])).abs() < 1e-3, "{evened}");
    // The middle of all three is 3; what is left is that a step pulls less the nearer one is (at a rate of 0 nothing).
    assert!((evened - 3.0).abs() < 0.2 && (plain - 3.0).abs() > 1.3, "{evened} and {plain}");
}

#[test]
fn nobody_who_does_all_steps_changes_anything() {
    let published = |stragglers| {
        let mut class = Class::of(4, RoomConfig { stragglers, ..room() });
        for (number, student) in class.students.iter_mut().enumerate() {
            student.steps = 6 * (number as u32 + 1);
        }
        class.run();
        class.coordinator.model().parameters().to_vec()
    };
    assert_eq!(published(Stragglers::FewerSteps), published(Stragglers::Whole), "to the last bit");
}

#[test]
fn a_client_is_told_of_the_time_for_training_where_it_may_do_less() {
    let time = |stragglers| {
        let class = collecting(RoomConfig { stragglers, ..room() }, &[1, 1]);
        class.students[0].training.as_ref().map(|request: &TrainRequest| request.time_ms)
    };
    assert_eq!(time(Stragglers::Whole), Some(None));
    assert_eq!(time(Stragglers::FewerSteps), Some(Some(48_000)), "four fifths of a minute");
}

#[test]
fn one_step_that_counts_for_many_is_held_to_the_rooms_norm() {
    let mut room = room();
    room.norm_limit = 10.0;
    let mut class = collecting(room, &[1, 1, 6]);
    let give = |class: &mut Class, student: usize| {
        let request = class.students[student].training.take().unwrap();
        let parameters = request.model.iter().map(|value| value + 2.0).collect();
        class.gives(student, &request, parameters);
        class.run();
    };
    // √5 · 2 = 4.5, for one of six steps 27.
    give(&mut class, 0);
    let refused = |class: &Class, student: usize| {
        let heard = class.students[student].heard.iter();
        heard.filter(|said| matches!(said, ServerMessage::Refused { reason: RefusalReason::NormTooLarge, .. })).count()
    };
    assert_eq!((refused(&class, 0), class.coordinator.status(class.now).received), (1, 0));
    // 6 of 18: 13.4.
    give(&mut class, 2);
    assert_eq!((refused(&class, 2), class.coordinator.status(class.now).received), (1, 0));
}

#[test]
fn the_host_is_told_who_is_too_slow_for_the_deadline() {
    let mut class = collecting(room(), &[1, 1]);
    let says = |class: &mut Class, student: usize, step_ms: f64| {
        let (examples, labels) = (class.students[student].examples, vec![class.students[student].examples, 0, 0, 0]);
        class.input(student, Input::Holdings { examples, labels, held_back: 0, step_ms: Some(step_ms) });
        class.run();
    };
    says(&mut class, 0, 7_999.5);
    says(&mut class, 1, 4_000.1);
    let told: Vec<Option<TooSlow>> = class.coordinator.insights().into_iter().map(|one| one.too_slow).collect();
    // Six steps of 8,000 ms are just the 48 s that there are; twelve of 4,001 ms are more.
    let slow = TooSlow { whole_ms: 48_012, deadline_ms: 60_000, whole: 12, fits: 11 };
    assert_eq!(told, [None, Some(slow)]);
    class.input(1, Input::TakePart(false));
    class.run();
    assert_eq!(class.coordinator.insights()[1].too_slow, None, "who only looks on makes nobody wait");
}
