//! What a server says that it holds of everyone, in a plain room, one whose updates wait, a masked one and one with noise: byte for byte what
//! is there, and nothing of what nobody may see.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, config, step};
use federation::{Beginning, Held, Holding, Kind};
use protocol::{Adversary, Encoding, Hides, MaskedEncoding, Masking, Noise, RoomConfig};

/// More than the numbers whose spread is shown.
const PARAMETERS: u32 = 5_000;

/// What is held of the clients, in the order in which they came.
fn of(held: &Held, client: usize, what: Kind) -> Option<&Holding> {
    held.clients[client].holds.iter().find(|holding| holding.what == what)
}

fn together(held: &Held, what: Kind) -> Option<&Holding> {
    held.together.iter().find(|holding| holding.what == what)
}

fn begins(holding: Option<&Holding>) -> &Beginning {
    holding.unwrap().begins.as_ref().unwrap()
}

/// What a student sends in the first round: what its training makes of the model, less the model.
fn sent(student: u32, index: usize) -> f32 {
    let model = step(77, 0, index);
    (model + step(student, 0, index)) - model
}

/// The first bytes of numbers, as they are written.
fn hex(values: impl Iterator<Item = f32>) -> String {
    values.flat_map(f32::to_le_bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// How a spread looks whose range is the largest magnitude.
fn spread(values: &[f64], range: f64) -> Vec<u32> {
    let mut parts = vec![0; 32];
    for value in values {
        parts[(((value / range + 1.0) * 16.0) as usize).min(31)] += 1;
    }
    parts
}

#[test]
fn an_update_that_waits_is_held_as_it_was_sent() {
    let mut room = RoomConfig { aggregation: "median".parse().unwrap(), least: 3, ..config(PARAMETERS) };
    room.deadline_ms = 60_000;
    let mut class = Class::waiting(3, room);
    assert_eq!(of(&class.coordinator.held(), 1, Kind::Update), None);
    class.trains(1);
    class.run();
    class.trains(0);
    class.run();
    let held = class.coordinator.held();
    assert_eq!(held.round.0, 1);
    for student in [0, 1] {
        let update = of(&held, student, Kind::Update);
        assert_eq!(update.unwrap().bytes, 4 * u64::from(PARAMETERS));
        let begins = begins(update);
        let all: Vec<f64> = (0..4096).map(|index| f64::from(sent(student as u32, index))).collect();
        assert_eq!(
            begins.hex,
            hex((0..64).map(|index| sent(student as u32, index))),
            "its own bytes, in whatever order they came"
        );
        assert_eq!(begins.numbers, all[..64]);
        assert_eq!(begins.range, all.iter().fold(0.0, |range: f64, value| range.max(value.abs())));
        assert_eq!(begins.spread, spread(&all, begins.range));
        assert_eq!(of(&held, student, Kind::Folded), None);
        assert_eq!(of(&held, student, Kind::Sketch).unwrap().bytes, 4_096);
    }
    assert_eq!(of(&held, 2, Kind::Update), None);
    // What cannot be read is held all the same.
    class.disk.set_unreadable(true);
    let update = of(&class.coordinator.held(), 0, Kind::Update).cloned().unwrap();
    assert_eq!((update.bytes, update.begins), (4 * u64::from(PARAMETERS), None));
    class.disk.set_unreadable(false);

    // Once the round is over, it is not.
    class.trains(2);
    class.run();
    let held = class.coordinator.held();
    assert_eq!((held.round.0, class.published), (2, 1));
    assert_eq!((of(&held, 0, Kind::Update), of(&held, 0, Kind::Sketch)), (None, None));
    assert_eq!(of(&held, 0, Kind::Rounds).unwrap().of, Some(1), "what is known of its part");
}

#[test]
fn an_update_that_is_folded_is_gone_and_the_mean_is_there() {
    let mut class = Class::waiting(3, RoomConfig { least: 3, ..config(PARAMETERS) });
    assert_eq!(together(&class.coordinator.held(), Kind::Mean), None);
    for student in [0, 2] {
        class.trains(student);
        class.run();
    }
    let held = class.coordinator.held();
    let mean = together(&held, Kind::Mean).unwrap();
    assert_eq!((mean.of, mean.bytes), (Some(2), 4 * u64::from(PARAMETERS)));
    for (index, shown) in begins(Some(mean)).numbers.iter().enumerate() {
        let weights = [0, 2].map(|student| f64::from(class.students[student].examples));
        let all = weights[0] * f64::from(sent(0, index)) + weights[1] * f64::from(sent(2, index));
        let expected = all / (weights[0] + weights[1]);
        assert!((shown - expected).abs() < 1e-6, "{index}: {shown} {expected}");
    }
    for (client, gone) in [(0, true), (1, false), (2, true)] {
        assert_eq!(of(&held, client, Kind::Folded).map(|folded| folded.bytes), gone.then_some(0));
        assert_eq!(of(&held, client, Kind::Update), None);
    }
    // Counts and secrets have a size, and are not shown.
    let told = serde_json::to_value(&held.clients[0].holds).unwrap();
    for holding in told.as_array().unwrap() {
        let shown: Vec<&String> = holding.as_object().unwrap().keys().filter(|key| *key != "of").collect();
        assert_eq!(shown, ["bytes", "what"], "{holding}");
    }
    assert_eq!(of(&held, 0, Kind::Labels).unwrap().bytes, 16);
    assert_eq!(of(&held, 0, Kind::Identity).unwrap().bytes, "Student 0".len() as u64 + 16);
}

#[test]
fn fewer_bits_are_held_as_they_travelled() {
    for encoding in [Encoding::F16, Encoding::Q8, Encoding::Q4] {
        let room = RoomConfig { aggregation: "median".parse().unwrap(), least: 2, encoding, ..config(PARAMETERS) };
        let mut class = Class::waiting(2, room);
        class.trains(0);
        class.run();
        let held = class.coordinator.held();
        let update = of(&held, 0, Kind::Update);
        assert_eq!(update.unwrap().bytes, encoding.length(PARAMETERS as usize) as u64);
        let begins = begins(update);
        assert_eq!(begins.numbers.len(), 64);
        for (index, shown) in begins.numbers.iter().enumerate() {
            // The coarsest has steps of a seventh of the largest number of its group, which is below 1.5 here.
            assert!((shown - f64::from(sent(0, index))).abs() < 0.25, "{encoding:?}, {index}: {shown}");
        }
        let whole = encoding.length(64_usize.next_multiple_of(encoding.group().0));
        assert_eq!(begins.hex.len(), 2 * whole);
    }
}

#[test]
fn a_masked_vector_is_noise_and_is_gone_into_the_sum() {
    for (encoding, width) in
        [(MaskedEncoding::Masked32, 4), (MaskedEncoding::Masked24, 3), (MaskedEncoding::Masked16, 2)]
    {
        let masking = Masking { server: Adversary::Active, encoding, clip: 100.0 };
        let mut class = Class::waiting(4, RoomConfig { masking: Some(masking), least: 3, ..config(PARAMETERS) });
        class.run();
        let before = class.coordinator.held();
        let empty = together(&before, Kind::MaskedSum).unwrap();
        assert_eq!((empty.of, begins(Some(empty)).range), (Some(0), 2.0_f64.powi(8 * width - 1)));
        assert!(begins(Some(empty)).numbers.iter().all(|number| *number == 0.0), "nothing is in it");
        let mut last = String::new();
        for given in 1..=3_usize {
            class.trains(given);
            class.run();
            let held = class.coordinator.held();
            let sum = together(&held, Kind::MaskedSum).unwrap();
            assert_eq!(sum.of, Some(given as u32));
            // The values and 7 + 4 · 4 words of 8 bytes: weights, losses and the confusion.
            assert_eq!(sum.bytes, u64::from(PARAMETERS) * width as u64 + 8 * (7 + 16));
            let begins = begins(Some(sum));
            assert_ne!(begins.hex, last, "another one is in it");
            last.clone_from(&begins.hex);
            assert_eq!((begins.hex.len(), begins.numbers.len()), (2 * 64 * width as usize, 64));
            // Evenly spread: 128 of 4,096 are expected in each part, with a deviation of 11.1.
            assert!(begins.spread.iter().all(|&part| (70..=190).contains(&part)), "{:?}", begins.spread);
            // And no sum of the updates in it: 64 even numbers have a cosine of 0 ± 0.125 with anything.
            let plain: Vec<f64> =
                (0..64).map(|index| (1..=given as u32).map(|student| f64::from(sent(student, index))).sum()).collect();
            let (mut dot, mut one, mut other) = (0.0, 0.0, 0.0);
            for (masked, plain) in begins.numbers.iter().zip(&plain) {
                (dot, one, other) = (dot + masked * plain, one + masked * masked, other + plain * plain);
            }
            assert!((dot / (one * other).sqrt()).abs() < 0.5, "{}", dot / (one * other).sqrt());
            assert_eq!(of(&held, given, Kind::Masked).unwrap().bytes, 0);
            for plain in [Kind::Update, Kind::Folded, Kind::Sketch, Kind::Labels, Kind::Statistics, Kind::Rounds] {
                assert_eq!(of(&held, given, plain), None, "{plain:?} in a masked room");
            }
            // Three keys and a check of 32 bytes, and a signature; a box of 80 bytes for each of the three others, two checks of 16, and for whom.
            assert_eq!(of(&held, given, Kind::Keys).unwrap().bytes, 4 * 32 + 64);
            assert_eq!(of(&held, given, Kind::Boxes).unwrap().bytes, 3 * (80 + 16 + 16 + 4));
        }
        assert_eq!(of(&class.coordinator.held(), 0, Kind::Masked), None);
    }
}

#[test]
fn where_noise_comes_on_later_nothing_is_shown_of_what_it_hides() {
    let noise =
        Noise { hides: Hides::Person, clip: 1.0, multiplier: 1.0, clients: 10, epsilon: 1_000.0, delta: 1.0e-5 };
    let mut class = Class::waiting(3, RoomConfig { noise: Some(noise), least: 3, ..config(PARAMETERS) });
    class.trains(0);
    class.run();
    let held = class.coordinator.held();
    let sum = together(&held, Kind::Noised).unwrap();
    assert_eq!((sum.of, sum.bytes, &sum.begins), (Some(1), 8 * u64::from(PARAMETERS), &None));
    assert_eq!(of(&held, 0, Kind::Folded).map(|folded| folded.bytes), Some(0));
    assert!(held.clients.iter().flat_map(|client| &client.holds).all(|holding| holding.begins.is_none()));
    assert_eq!((of(&held, 0, Kind::Sketch), of(&held, 0, Kind::Labels)), (None, None));
}
