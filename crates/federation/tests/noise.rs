//! Rooms with noise: what is added to what, how well one can guess from it, and that the room ends before it promises too much.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod class;

use class::{Class, config, step};
use federation::{Coordinator, CoordinatorError, HostError, MemorySpool, NoticeCode};
use protocol::{
    Adversary, Aggregation, Hides, MaskedEncoding, Masking, ModelVersion, Noise, Pace, Phase, RoomConfig, Selection,
    ServerMessage, Standardisation, Stragglers, Strategy,
};

/// A room of one round whose budget does not end.
fn room(parameters: u32, multiplier: f64, clients: u32) -> RoomConfig {
    let mut room = config(parameters);
    room.noise = Some(Noise { hides: Hides::Person, clip: 1.0, multiplier, clients, epsilon: 1_000.0, delta: 1.0e-5 });
    room.rounds = 1;
    room
}

/// The same, where the noise comes from the clients, inside their masks.
fn masked(room: RoomConfig) -> RoomConfig {
    let masking = Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked32, clip: 1.0 };
    RoomConfig { masking: Some(masking), least: 3, ..room }
}

/// Every waiting student gives what `update` says for its number and the parameter's.
fn all_give(class: &mut Class, update: impl Fn(usize, usize) -> f32) {
    for student in 0..class.students.len() {
        if let Some(request) = class.students[student].training.take() {
            let model = request.model.iter().enumerate();
            let parameters = model.map(|(index, value)| value + update(student, index)).collect();
            class.gives(student, &request, parameters);
        }
    }
    class.run();
}

/// How far the model moved.
fn moved(class: &Class, before: &[f32]) -> Vec<f64> {
    let now = class.coordinator.model().parameters().iter();
    now.zip(before).map(|(now, before)| f64::from(*now) - f64::from(*before)).collect()
}

fn before(class: &Class) -> Vec<f32> {
    class.coordinator.model().parameters().to_vec()
}

#[test]
fn everyone_weighs_the_same_and_the_divisor_is_fixed() {
    let rooms = [room(6, 0.05, 10), masked(room(6, 0.05, 10))];
    for (students, room) in [(2, 0), (3, 0), (4, 0), (3, 1), (4, 1), (6, 1)] {
        let mut class = Class::waiting(students, rooms[room].clone());
        let before = before(&class);
        all_give(&mut class, |student, index| step(student as u32, 0, index));
        assert_eq!(class.published, 1);
        let mut sum = [0.0; 6];
        for student in 0..students {
            let update: Vec<f64> = (0..6).map(|index| f64::from(step(student as u32, 0, index))).collect();
            let norm = update.iter().map(|value| value * value).sum::<f64>().sqrt();
            sum.iter_mut().zip(update).for_each(|(sum, value)| *sum += value / norm.max(1.0));
        }
        for (moved, sum) in moved(&class, &before).iter().zip(sum) {
            // Six deviations of the noise; by those who came it would be another number. Of four, three shares are as loud as said.
            assert!((moved - sum / 10.0).abs() < 6.0 * 0.05 / 10.0 * (4.0_f64 / 3.0).sqrt(), "{moved} of {sum}");
        }
    }
}

#[test]
fn the_noise_is_as_loud_as_said_whoever_is_lost() {
    const PARAMETERS: u32 = 20_000;
    for lost in 0..=3 {
        let mut class = Class::waiting(5, room(PARAMETERS, 2.0, 8));
        let before = before(&class);
        for student in 0..lost {
            class.closes_tab(student);
        }
        all_give(&mut class, |_, _| 0.0);
        class.wait(30_000);
        assert_eq!((class.published, class.coordinator.history()[0].clients), (1, 5 - lost as u32));
        let noise: Vec<f64> = moved(&class, &before).iter().map(|moved| moved * 8.0).collect();
        let count = f64::from(PARAMETERS);
        let variance = noise.iter().map(|value| value * value).sum::<f64>() / count;
        // The variance of the mean of squares of normal numbers is 2 σ⁴ / n.
        assert!((variance / 4.0 - 1.0).abs() < 5.0 * (2.0 / count).sqrt(), "{lost} lost: {variance}");
        let far = noise.iter().filter(|value| value.abs() > 2.0 * 2.0).count() as f64 / count;
        assert!((far - 0.0455).abs() < 0.0075, "two deviations away are {far}");
    }
}

#[test]
fn noise_inside_the_masks_is_as_loud_as_said_for_the_fewest_who_may_be_left() {
    const PARAMETERS: u32 = 20_000;
    // Of six, five open a sum; of seven too. A curious server needs more than half, and three at least.
    for (students, lost) in [(3, 0), (6, 0), (6, 1), (7, 2)] {
        for server in [Adversary::Active, Adversary::Curious] {
            let mut config = masked(room(PARAMETERS, 2.0, 8));
            config.masking.as_mut().unwrap().server = server;
            let mut class = Class::waiting(students, config);
            let before = before(&class);
            for student in 0..lost {
                class.closes_tab(student);
            }
            all_give(&mut class, |_, _| 0.0);
            class.wait(30_000);
            let left = students - lost;
            assert_eq!((class.published, class.coordinator.history()[0].clients), (1, left as u32));
            let noise: Vec<f64> = moved(&class, &before).iter().map(|moved| moved * 8.0).collect();
            let variance = noise.iter().map(|value| value * value).sum::<f64>() / f64::from(PARAMETERS);
            let said = 4.0 * left as f64 / server.threshold(students).max(3) as f64;
            assert!(variance / said > 1.0 - 5.0 * (2.0 / f64::from(PARAMETERS)).sqrt(), "{variance} for {said}");
            assert!(variance / said < 1.0 + 5.0 * (2.0 / f64::from(PARAMETERS)).sqrt(), "{variance} for {said}");
        }
    }
}

#[test]
fn nobody_guesses_better_than_promised_whether_a_canary_was_there() {
    guesses(&room(4, 1.0, 1), 2);
}

#[test]
fn nor_where_the_noise_is_inside_the_masks() {
    guesses(&masked(room(4, 1.0, 1)), 3);
}

fn guesses(room: &RoomConfig, students: usize) {
    const TRIALS: u8 = 200;
    const ROUNDS: u32 = 2;
    let config = RoomConfig { rounds: ROUNDS, ..room.clone() };
    let mut right = 0_u32;
    for trial in 0..TRIALS {
        for canary in [false, true] {
            let mut class = Class::new(config.clone());
            class.chance = trial;
            for _ in 0..students {
                let student = class.arrives(None);
                class.students[student].eager = false;
            }
            class.run();
            let mut seed = [trial; 32];
            seed[31] = u8::from(canary);
            class.coordinator.seed_noise(seed);
            let before = before(&class);
            for _ in 0..ROUNDS {
                // Far longer than the clip, along one parameter; or nothing.
                all_give(&mut class, |student, index| if canary && (student, index) == (0, 2) { 50.0 } else { 0.0 });
            }
            assert_eq!(class.published, ROUNDS);
            // The likelier of two normal distributions with these middles: nothing tells them apart better.
            let guess = moved(&class, &before)[2] > f64::from(ROUNDS) / 2.0;
            right += u32::from(guess == canary);
        }
    }
    let share = f64::from(right) / (2.0 * f64::from(TRIALS));
    let budget = Class::waiting(students, config).coordinator.status(federation::Millis(0)).budget.unwrap();
    // Φ(√2 / 2), and four deviations of a count of 400.
    assert!((budget.best_guess_at_end - 0.760_25).abs() < 1.0e-5 && budget.best_guess == 0.5);
    assert!((share - budget.best_guess_at_end).abs() < 4.0 * (0.76_f64 * 0.24 / 400.0).sqrt(), "{share}");
}

/// With z = 2 and δ = 10⁻⁵ three rounds cost 3.75 and four 4.38.
fn limited() -> RoomConfig {
    let mut room = room(6, 2.0, 4);
    room.noise.as_mut().unwrap().epsilon = 4.0;
    room.rounds = 10;
    room
}

#[test]
fn the_room_ends_before_the_round_that_would_break_its_budget() {
    let mut class = Class::of(3, limited());
    class.run();
    let status = class.coordinator.status(class.now);
    assert_eq!((class.published, status.phase, status.rounds), (3, Phase::Finished, 3));
    let budget = status.budget.unwrap();
    assert_eq!((budget.published, budget.left), (3, 0));
    assert!(budget.epsilon > 3.5 && budget.epsilon <= 4.0, "{budget:?}");
    assert_eq!(budget.best_guess, budget.best_guess_at_end);
    for student in &class.students {
        assert!(student.finished.is_some(), "the model is everyone's");
        let settings =
            |message: &&ServerMessage| matches!(message, ServerMessage::Settings { room } if room.rounds == 3);
        assert!(student.heard.iter().any(|message| settings(&message)));
    }
}

#[test]
fn what_is_spent_survives_a_restart_and_going_back() {
    let mut class = Class::waiting(3, limited());
    all_give(&mut class, |_, _| 0.0);
    let first = class.stored.clone().unwrap();
    class.kill_server();
    class.start_server();
    class.wait(60_000);
    let budget = |class: &Class| class.coordinator.status(class.now).budget.unwrap();
    assert_eq!((budget(&class).published, budget(&class).left), (1, 2));
    all_give(&mut class, |_, _| 0.0);
    assert_eq!(class.published, 2);
    class.goes_back_to(1, None, &first).unwrap();
    class.wait(60_000);
    assert_eq!((class.coordinator.model().version(), budget(&class).published), (ModelVersion(1), 2));
    for student in 0..3 {
        class.takes_part(student);
    }
    class.wait(60_000);
    all_give(&mut class, |_, _| 0.0);
    let status = class.coordinator.status(class.now);
    assert_eq!(
        (status.phase, status.model_version, status.budget.unwrap().published),
        (Phase::Finished, ModelVersion(2), 3)
    );
    class.kill_server();
    class.start_server();
    assert_eq!(class.coordinator.status(class.now).phase, Phase::Finished);
    assert!(matches!(class.goes_back_to(1, Some(9), &first), Err(HostError::BudgetSpent)));
}

/// Students whose pages help to open no further sum.
fn refusing(class: &Class) -> usize {
    let says = |code| {
        move |student: &&class::Student| student.participant.view().notice.is_some_and(|notice| notice.code == code)
    };
    class.students.iter().filter(says(NoticeCode::MaskingRefused)).count()
}

#[test]
fn a_masked_room_ends_before_the_round_that_would_break_its_budget() {
    let mut class = Class::of(3, masked(limited()));
    class.run();
    let status = class.coordinator.status(class.now);
    assert_eq!((class.published, status.phase, status.rounds), (3, Phase::Finished, 3));
    let budget = status.budget.unwrap();
    assert_eq!((budget.published, budget.left, refusing(&class)), (3, 0, 0));
}

#[test]
fn clients_count_themselves_what_a_server_forgets() {
    let mut class = Class::waiting(3, masked(limited()));
    all_give(&mut class, |_, _| 0.0);
    let first = class.stored.clone().unwrap();
    all_give(&mut class, |_, _| 0.0);
    assert_eq!(class.published, 2);
    // As after a backup was put back: the server knows of one round, the clients of two.
    class.stored = Some(first);
    class.kill_server();
    class.start_server();
    class.wait(60_000);
    all_give(&mut class, |_, _| 0.0);
    assert_eq!((class.published, refusing(&class)), (3, 0));
    all_give(&mut class, |_, _| 0.0);
    class.wait(60_000);
    assert_eq!((class.published, refusing(&class)), (3, 3));
}

#[test]
fn a_sum_that_was_to_be_opened_is_paid_for_whatever_becomes_of_it() {
    let mut class = Class::waiting(3, masked(limited()));
    all_give(&mut class, |_, _| 0.0);
    for student in 0..3 {
        class.trains(student);
    }
    // The server is killed when it has asked everyone to open: the sum is lost to it, and may be known to somebody.
    let budget = |class: &Class| class.coordinator.status(class.now).budget.unwrap();
    class.run_until(|class| budget(class).published == 2);
    assert_eq!((budget(&class).published, class.published), (2, 1));
    class.kill_server();
    class.start_server();
    assert_eq!(budget(&class).left, 1);
    class.wait(60_000);
    let status = class.coordinator.status(class.now);
    assert_eq!((status.phase, status.rounds, class.published), (Phase::Finished, 2, 2));
    assert_eq!((budget(&class).published, budget(&class).left, refusing(&class)), (3, 0, 0));
}

#[test]
fn a_round_that_is_repeated_costs_nothing() {
    let mut class = Class::waiting(3, limited());
    // Nobody gives anything until the deadline.
    class.wait(61_000);
    assert_eq!(class.coordinator.status(class.now).budget.unwrap().published, 0);
    assert!(class.students[0].heard.iter().any(|message| matches!(message, ServerMessage::RoundAbandoned { .. })));
}

#[test]
fn nothing_else_is_told_of_anyone() {
    let mut class = Class::waiting(3, room(6, 1.0, 4));
    all_give(&mut class, |student, index| step(student as u32, 0, index));
    class.run();
    let record = &class.coordinator.history()[0];
    assert_eq!((record.clients, record.examples, &record.evaluation), (3, 60, &None));
    assert_eq!((record.training.loss, record.training.accuracy), (0.0, 0.0));
    let status = class.coordinator.status(class.now);
    assert_eq!(status.final_evaluation, None);
    for client in &status.clients {
        assert!(client.labels.is_empty() && client.agreement.is_none() && client.update_norm.is_none(), "{client:?}");
    }
    for given in &class.coordinator.contributions()[0] {
        assert_eq!((given.norm, given.agreement, &given.evaluation), (0.0, None, &None));
    }
    // Mean and deviation of features would say what all sound like: nobody was asked.
    let asked = |message: &ServerMessage| matches!(message, ServerMessage::StatisticsRequest { .. });
    assert!(!class.students.iter().any(|student| student.heard.iter().any(asked)));
}

#[test]
fn features_have_the_scale_that_the_room_is_given() {
    let scale = Standardisation { mean: vec![1.0, -2.0, 0.5], deviation: vec![2.0, 1.0, 4.0] };
    let mut class = Class::new(room(6, 1.0, 4));
    class.coordinator.standardise(scale.clone());
    class.arrives(None);
    class.arrives(None);
    class.run();
    assert_eq!((class.published, class.coordinator.standardisation()), (1, Some(&scale)));
}

#[test]
fn without_a_source_of_noise_no_round_begins() {
    let mut class = Class::new(room(6, 1.0, 4));
    class.coordinator = Coordinator::new(room(6, 1.0, 4), before(&class), Box::<MemorySpool>::default()).unwrap();
    class.arrives(None);
    class.arrives(None);
    class.run();
    assert_eq!(class.coordinator.status(class.now).phase, Phase::Lobby);
    class.coordinator.seed_noise([3; 32]);
    class.run();
    assert_eq!(class.published, 1);
}

#[test]
fn a_budget_for_no_round_at_all_is_refused() {
    let mut room = limited();
    room.noise.as_mut().unwrap().epsilon = 1.5;
    match Coordinator::new(room, vec![0.0; 6], Box::<MemorySpool>::default()) {
        // dp-accounting 0.6: 1.9930914 for z = 2 and one round.
        Err(CoordinatorError::Config(error)) => assert!(error.to_string().contains("gives away 1.99"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_breaks_the_promise_is_refused_by_name() {
    let refused = |change: &dyn Fn(&mut RoomConfig)| {
        let mut room = room(6, 1.0, 4);
        change(&mut room);
        room.check().unwrap_err().to_string()
    };
    let starts = |field: &str, change: &dyn Fn(&mut RoomConfig)| {
        let error = refused(change);
        assert!(error.starts_with(&format!("{field}: ")), "{field}: {error}");
    };
    assert_eq!(room(6, 1.0, 4).check(), Ok(()));
    // A clip that is the median of the round's norms depends on the data.
    starts("aggregation", &|room| room.aggregation = Aggregation::Clipping { norm: None });
    starts("aggregation", &|room| room.aggregation = Aggregation::Median);
    starts("influence_limit", &|room| room.influence_limit = Some(1.5));
    starts("strategy", &|room| room.strategy = Strategy::FedNova);
    starts("pace", &|room| room.pace = Pace::asynchronous(3));
    // A fixed number that is drawn is no sampling, and who is drawn depends on who else is there.
    starts("selection", &|room| room.selection = Selection::Number { clients: 3, over_selection: 1.0 });
    starts("goal", &|room| room.goal = 3);
    starts("stragglers", &|room| room.stragglers = Stragglers::FewerSteps);
    starts("masking.clip", &|room| {
        room.least = 3;
        room.masking = Some(Masking { server: Adversary::Active, encoding: MaskedEncoding::Masked32, clip: 2.0 });
    });
    assert_eq!(masked(room(6, 1.0, 4)).check(), Ok(()));
    let mut narrow = masked(room(60_000, 4.0, 4));
    narrow.max_clients = 30;
    narrow.masking.as_mut().unwrap().encoding = MaskedEncoding::Masked16;
    assert!(federation::budget_before(&narrow).unwrap_err().to_string().starts_with("masking.encoding: so few bits"));
    for (field, change) in [
        ("noise.clip", &(|noise: &mut Noise| noise.clip = 0.0) as &dyn Fn(&mut Noise)),
        ("noise.clip", &|noise| noise.clip = f64::NAN),
        ("noise.multiplier", &|noise| noise.multiplier = 0.0),
        ("noise.multiplier", &|noise| noise.multiplier = 2_000.0),
        ("noise.clients", &|noise| noise.clients = 0),
        ("noise.epsilon", &|noise| noise.epsilon = 0.0),
        ("noise.epsilon", &|noise| noise.epsilon = f64::NAN),
        ("noise.delta", &|noise| noise.delta = 0.0),
        ("noise.delta", &|noise| noise.delta = 0.5),
    ] {
        starts(field, &|room| change(room.noise.as_mut().unwrap()));
    }
}
