//! Rounds that ask only some of those who are ready.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config};
use federation::{Input, Work};
use protocol::{ClientState, ModelVersion, Phase, RoomConfig, Round, Selection};

fn selecting(clients: u32, over_selection: f64) -> RoomConfig {
    let mut config = config(5);
    config.selection = Selection::Number { clients, over_selection };
    config.rounds = 200;
    config
}

/// Who was asked and has not answered.
fn asked(class: &Class) -> Vec<usize> {
    (0..class.students.len()).filter(|&student| class.students[student].training.is_some()).collect()
}

#[test]
fn a_round_asks_130_percent_and_closes_at_its_goal() {
    let mut class = Class::waiting(12, selecting(5, 1.3));
    let first = asked(&class);
    assert_eq!(first.len(), 7, "⌈5 · 1.3⌉");
    let status = class.coordinator.status(class.now);
    assert_eq!((status.goal, status.ready), (5, 12));
    let waiting = status.clients.iter().filter(|client| client.passed_over);
    assert!(waiting.clone().all(|client| client.state == ClientState::Ready));
    assert_eq!(waiting.count(), 5);
    for &student in &first[..4] {
        class.trains(student);
    }
    class.run();
    assert_eq!(class.coordinator.history().len(), 0);
    class.trains(first[4]);
    class.run();
    assert_eq!(class.coordinator.history()[0].clients, 5);
    // The two that were late stopped, and so are free for the next round.
    for &late in &first[5..] {
        assert_eq!(class.students[late].stopped, 1);
        let view = class.students[late].participant.view();
        assert!(matches!(view.work, Work::Idle | Work::Training { round: Round(2), .. }), "{:?}", view.work);
    }
    assert_eq!(asked(&class).len(), 7);
}

#[test]
fn a_late_update_is_refused_and_its_client_is_asked_again() {
    let mut class = Class::waiting(4, selecting(2, 1.5));
    let first = asked(&class);
    class.students[first[2]].holds_frames = true;
    class.trains(first[2]);
    class.trains(first[0]);
    class.trains(first[1]);
    class.run();
    assert_eq!(class.coordinator.history().len(), 1);
    let mut again = false;
    for _ in 0..6 {
        class.students[first[2]].holds_frames = false;
        again |= asked(&class).contains(&first[2]);
        for student in asked(&class) {
            class.trains(student);
        }
        class.run();
    }
    assert!(again, "it is asked again");
}

#[test]
fn the_same_seed_draws_the_same_clients_and_another_one_others() {
    let draws = |seed: u32| -> Vec<Vec<usize>> {
        let mut config = selecting(3, 1.0);
        config.seed = seed;
        let mut class = Class::waiting(10, config);
        let draws = (0..5).map(|_| {
            let drawn = asked(&class);
            drawn.iter().for_each(|&student| class.trains(student));
            class.run();
            drawn
        });
        draws.collect()
    };
    assert_eq!(draws(1), draws(1));
    assert_ne!(draws(1), draws(2));
}

#[test]
fn everyone_gets_a_turn_and_who_fails_gets_fewer() {
    let mut class = Class::waiting(12, selecting(3, 1.0));
    let mut times = [0_u32; 12];
    let mut longest = [0_u32; 12];
    for _ in 0..120 {
        let drawn = asked(&class);
        for (student, longest) in longest.iter_mut().enumerate() {
            *longest = if drawn.contains(&student) { 0 } else { *longest + 1 };
            // Twice as many rounds as it takes to ask everyone, and as many more as others wait as long.
            assert!(*longest <= 12, "student {student} was not asked for {longest} rounds");
        }
        for &student in &drawn {
            times[student] += 1;
            if student != 4 {
                class.trains(student);
            }
        }
        class.run();
        // Student 4 never answers.
        class.wait(61_000);
    }
    let others = times.iter().sum::<u32>() - times[4];
    assert!(times[4] >= 120 / 12, "never asked any more: {times:?}");
    assert!(f64::from(times[4]) < 0.7 * f64::from(others) / 11.0, "asked as often as others: {times:?}");
    assert!(times.iter().enumerate().all(|(student, &times)| student == 4 || times > 20), "{times:?}");
}

#[test]
fn a_substitute_is_asked_when_the_goal_is_out_of_reach() {
    let mut class = Class::waiting(6, selecting(3, 1.0));
    let first = asked(&class);
    assert_eq!(first.len(), 3);
    class.loses_connection(first[0], true);
    class.run();
    let now = asked(&class);
    assert_eq!(now.len(), 4, "the one that is lost, and three");
    class.input(first[1], Input::TakePart(false));
    class.run();
    let now: Vec<usize> = asked(&class).into_iter().filter(|student| *student != first[0]).collect();
    assert_eq!(now.len(), 3, "who pauses is not waited for");
    // The first one comes back, and what it has done counts.
    class.wait(1_000);
    class.trains(first[0]);
    class.trains(now[0]);
    class.run();
    assert_eq!(class.coordinator.history().len(), 0);
    class.trains(now[1]);
    class.run();
    assert_eq!(class.coordinator.history()[0].clients, 3);
}

#[test]
fn with_fewer_than_the_goal_the_round_closes_with_all_of_them() {
    let mut class = Class::waiting(3, selecting(8, 1.3));
    assert_eq!(asked(&class).len(), 3);
    let late = class.arrives(None);
    class.students[late].eager = false;
    class.run();
    assert_eq!(asked(&class).len(), 4, "who comes late is asked as long as the goal is out of reach");
    for student in asked(&class) {
        class.trains(student);
    }
    class.run();
    assert_eq!(class.coordinator.model().version(), ModelVersion(1));
}

#[test]
fn a_share_is_of_those_who_are_ready() {
    let mut config = config(5);
    config.selection = Selection::Share { share: 0.25, over_selection: 1.0 };
    let class = Class::waiting(9, config);
    assert_eq!((class.coordinator.status(class.now).phase, asked(&class).len()), (Phase::Collecting, 3), "⌈9 / 4⌉");
}
