//! What holds for every rule and whatever updates: in which blocks parameters are read, and in which order clients come,
//! makes no difference; and as many hostile clients as a rule is for can't drag it away from the honest ones.

use proptest::prelude::*;

use super::golden::direction_of;
use super::*;

const PARAMETERS: usize = 11;

fn aggregation() -> impl Strategy<Value = Aggregation> {
    prop_oneof![
        Just(Aggregation::Mean),
        Just(Aggregation::Median),
        (0.01..0.49).prop_map(|trim| Aggregation::TrimmedMean { trim }),
        (1u32..4).prop_map(|faulty| Aggregation::Krum { faulty }),
        (1u32..4, 1u32..6).prop_map(|(faulty, chosen)| Aggregation::MultiKrum { faulty, chosen }),
        prop::option::of(0.1..20.0).prop_map(|norm| Aggregation::Clipping { norm }),
    ]
}

fn updates(clients: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(Vec<f32>, u32)>> {
    let update = prop::collection::vec(-10.0f32..10.0, PARAMETERS);
    prop::collection::vec((update, 1u32..100), clients)
}

fn apart(updates: Vec<(Vec<f32>, u32)>) -> (Vec<Vec<f32>>, Vec<u32>) {
    updates.into_iter().unzip()
}

proptest! {
    #[test]
    fn blocks_and_order_make_no_difference(
        aggregation in aggregation(),
        f16 in any::<bool>(),
        updates in updates(1..14),
        block in 1usize..14,
        turn in 0usize..14,
    ) {
        let encoding = if f16 { Encoding::F16 } else { Encoding::F32 };
        let (whole, examples) = apart(updates.clone());
        let expected = direction_of(aggregation, &whole, &examples, encoding, BLOCK);
        let mut turned = updates;
        let length = turned.len();
        turned.rotate_left(turn % length);
        let (turned, examples) = apart(turned);
        let found = direction_of(aggregation, &turned, &examples, encoding, block);
        // Sums in another order are rounded otherwise.
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((found - expected).abs() <= 2.0e-6, "{:?}: {} is not {}", aggregation, found, expected);
        }
    }

    #[test]
    fn hostile_clients_that_are_few_enough_stay_within_the_honest_range(
        honest in updates(4..12),
        hostile in updates(0..4),
        size in prop_oneof![Just(1.0f32), Just(1.0e6), Just(-1.0e6)],
        krum in any::<bool>(),
    ) {
        let (honest, mut examples) = apart(honest);
        let faulty = hostile.len().min((honest.len() - 1) / 2);
        let all: Vec<Vec<f32>> = honest.iter().cloned()
            .chain(hostile.iter().take(faulty).map(|(values, _)| values.iter().map(|value| value * size).collect()))
            .collect();
        examples.resize(all.len(), 100_000);
        // As many at an end as there are hostile ones; a count that is no whole number is rounded down.
        let trim = (faulty as f64 + 0.5) / all.len() as f64;
        let mut rules = vec![Aggregation::Median];
        if trim < 0.5 {
            rules.push(Aggregation::TrimmedMean { trim });
        }
        if krum && all.len() < 2 * faulty + 3 {
            rules.push(Aggregation::Krum { faulty: faulty as u32 }); // Gives way to the median.
        }
        for rule in rules {
            let direction = direction_of(rule, &all, &examples, Encoding::F32, 4);
            for (index, value) in direction.into_iter().enumerate() {
                let range = honest.iter().map(|update| update[index]);
                let (least, most) = (range.clone().fold(f32::MAX, f32::min), range.fold(f32::MIN, f32::max));
                prop_assert!((least..=most).contains(&value), "{:?} gives {} beyond {}..{}", rule, value, least, most);
            }
        }
    }

    #[test]
    fn krum_takes_none_of_the_few_that_are_far_away(honest in updates(5..12), faulty in 1usize..4, chosen in 1u32..4) {
        let (honest, mut examples) = apart(honest);
        let faulty = faulty.min((honest.len() - 3) / 2).max(1);
        // Alike, so that each is near to the other hostile ones.
        let all: Vec<Vec<f32>> =
            honest.iter().cloned().chain((0..faulty).map(|_| vec![1.0e4; PARAMETERS])).collect();
        examples.resize(all.len(), 100_000);
        for rule in [Aggregation::Krum { faulty: faulty as u32 }, Aggregation::MultiKrum { faulty: faulty as u32, chosen }] {
            let direction = direction_of(rule, &all, &examples, Encoding::F32, BLOCK);
            prop_assert!(direction.iter().all(|value| value.abs() <= 10.0), "{:?} gives {:?}", rule, direction);
        }
    }

    #[test]
    fn clipped_at_the_median_a_hostile_minority_moves_the_mean_no_further_than_an_honest_client(
        honest in updates(4..12),
        size in 1.0f32..1.0e6,
    ) {
        let (honest, mut examples) = apart(honest);
        examples.fill(1);
        let length = |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        let longest = honest.iter().map(|update| length(update)).fold(0.0, f64::max);
        let mut all = honest.clone();
        all.push(vec![10.0 * size; PARAMETERS]);
        examples.push(1);
        let direction = direction_of(Aggregation::Clipping { norm: None }, &all, &examples, Encoding::F32, BLOCK);
        prop_assert!(length(&direction) <= longest * (1.0 + 1.0e-6));
    }
}
