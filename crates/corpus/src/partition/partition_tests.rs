//! Properties that every partition has, and what is peculiar to each.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Labels of 80 clips, 20 of each of four emotions.
fn balanced_labels() -> Vec<usize> {
    (0..80).map(|clip| clip % 4).collect()
}

fn nobody(clips: usize) -> Vec<&'static str> {
    vec![""; clips]
}

fn named(name: &str) -> Partition {
    name.parse().unwrap()
}

/// How many different labels each client holds.
fn variety(parts: &[Vec<usize>], labels: &[usize]) -> Vec<usize> {
    parts.iter().map(|part| part.iter().map(|&clip| labels[clip]).collect::<BTreeSet<_>>().len()).collect()
}

/// The chance that two clips of one client have the same label, as a mean over clients.
fn likeness(parts: &[Vec<usize>], labels: &[usize]) -> f64 {
    let same = |part: &Vec<usize>| {
        let count = |label| part.iter().filter(|&&clip| labels[clip] == label).count();
        let pairs: usize = (0..4).map(count).map(|count| count * count.saturating_sub(1)).sum();
        pairs as f64 / (part.len() * (part.len() - 1)) as f64
    };
    parts.iter().map(same).sum::<f64>() / parts.len() as f64
}

fn sizes(parts: &[Vec<usize>]) -> Vec<usize> {
    parts.iter().map(Vec::len).collect()
}

fn any_partition() -> impl Strategy<Value = Partition> {
    let alpha = || (-3.0..4.0f64).prop_filter_map("within bounds", |power| Concentration::new(10f64.powf(power)));
    prop_oneof![
        Just(Partition::Centralised),
        Just(Partition::Random),
        Just(Partition::SingleEmotion),
        Just(Partition::BySpeaker),
        alpha().prop_map(Partition::Dirichlet),
        alpha().prop_map(Partition::QuantitySkew),
    ]
}

proptest! {
    #[test]
    fn a_partition_is_a_partition_and_the_same_for_a_seed(
        partition in any_partition(),
        clips in prop::collection::vec((0..5usize, 0..7usize), 0..120),
        clients in 0..12usize,
        seed: u64,
    ) {
        let labels: Vec<usize> = clips.iter().map(|clip| clip.0).collect();
        let speakers: Vec<String> = clips.iter().map(|clip| format!("speaker {}", clip.1)).collect();
        let parts = partition.assign(&labels, &speakers, clients, seed);
        prop_assert_eq!(&parts, &partition.assign(&labels, &speakers, clients, seed));
        match parts {
            Ok(parts) => {
                prop_assert_eq!(parts.len(), if partition == Partition::Centralised { 1 } else { clients });
                prop_assert!(parts.iter().all(|part| !part.is_empty()));
                prop_assert!(parts.iter().all(|part| part.is_sorted()));
                let mut all = parts.concat();
                all.sort_unstable();
                prop_assert_eq!(all, (0..clips.len()).collect::<Vec<_>>());
            }
            // Only where somebody would go without.
            Err(PartitionError::NoClients) => prop_assert_eq!(clients, 0),
            Err(PartitionError::TooFewClips { clients: asked, .. }) => prop_assert!(clips.len() < asked && asked <= clients),
            Err(PartitionError::TooFewSpeakers { speakers: found, .. }) => {
                prop_assert_eq!(partition, Partition::BySpeaker);
                prop_assert_eq!(found, speakers.iter().collect::<BTreeSet<_>>().len());
                prop_assert!(found < clients);
            }
            Err(PartitionError::TooFewOfEmotion { label, clips, holders }) => {
                prop_assert_eq!(partition, Partition::SingleEmotion);
                prop_assert_eq!(clips, labels.iter().filter(|other| **other == label).count());
                prop_assert!(clips < holders);
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn another_seed_deals_otherwise(seed: u64) {
        let labels = balanced_labels();
        for name in ["random", "single-emotion", "dirichlet:1", "quantity-skew"] {
            let of = |seed| named(name).assign(&labels, &nobody(80), 8, seed).unwrap();
            prop_assert_ne!(of(seed), of(seed.wrapping_add(1)), "{}", name);
        }
    }
}

#[test]
fn centralised_is_one_client_whatever_is_asked() {
    let parts = Partition::Centralised.assign(&[0, 1, 0], &nobody(3), 8, 1).unwrap();
    assert_eq!(parts, [[0, 1, 2]]);
}

#[test]
fn random_clients_have_equally_many_clips() {
    let parts = Partition::Random.assign(&balanced_labels()[..30], &nobody(30), 4, 1).unwrap();
    assert_eq!(sizes(&parts), [8, 8, 7, 7]);
}

/// The paper's second experiment goes from one client to eight.
#[test]
fn single_emotion_from_one_client_to_eight() {
    let labels = balanced_labels();
    let of = |clients| Partition::SingleEmotion.assign(&labels, &nobody(80), clients, 1).unwrap();
    assert_eq!(variety(&of(1), &labels), [4]);
    assert_eq!(variety(&of(2), &labels), [2, 2]);
    assert_eq!(variety(&of(3), &labels), [2, 1, 1]);
    for clients in 4..=8 {
        let parts = of(clients);
        for (client, part) in parts.iter().enumerate() {
            assert!(part.iter().all(|&clip| labels[clip] == client % 4), "{clients} clients");
        }
    }
    assert_eq!(sizes(&of(6)), [10, 10, 20, 20, 10, 10]);
}

#[test]
fn single_emotion_needs_a_clip_for_each_client() {
    let error = Partition::SingleEmotion.assign(&[0, 0, 0, 1], &nobody(4), 4, 1).unwrap_err();
    assert_eq!(error, PartitionError::TooFewOfEmotion { label: 1, clips: 1, holders: 2 });
}

#[test]
fn by_speaker_keeps_everybody_in_one_place() {
    let speakers: Vec<String> = (0..80).map(|clip| format!("{:02}", clip * clip % 10)).collect();
    let names: BTreeSet<&String> = speakers.iter().collect();
    for clients in 1..=names.len() {
        let parts = Partition::BySpeaker.assign(&balanced_labels(), &speakers, clients, 5).unwrap();
        for name in &names {
            let homes = parts.iter().filter(|part| part.iter().any(|&clip| speakers[clip] == **name));
            assert_eq!(homes.count(), 1, "{name} with {clients} clients");
        }
    }
    let error = Partition::BySpeaker.assign(&balanced_labels(), &speakers, 7, 5).unwrap_err();
    assert_eq!(error.to_string(), "6 speakers are too few for 7 clients by speaker; ask for 6 clients or fewer");
}

#[test]
fn by_speaker_groups_have_about_equally_many_clips() {
    // Twenty people with 28 clips each, as in RAVDESS, on four clients.
    let speakers: Vec<String> = (0..560).map(|clip| format!("ravdess_{:02}", clip / 28)).collect();
    let parts = Partition::BySpeaker.assign(&vec![0; 560], &speakers, 4, 1).unwrap();
    assert_eq!(sizes(&parts), [140; 4]);
    let one_each = Partition::BySpeaker.assign(&vec![0; 560], &speakers, 20, 1).unwrap();
    assert_eq!(one_each[19], (532..560).collect::<Vec<_>>());
}

/// Hsu et al. 2019, figure 1: all clients have equally many images; a small α leaves each client about one class, a large
/// one the classes of the whole.
#[test]
fn dirichlet_goes_from_one_label_to_all() {
    let labels: Vec<usize> = (0..4000).map(|clip| [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][clip % 10]).collect();
    let of = |name: &str| named(name).assign(&labels, &nobody(4000), 10, 3).unwrap();
    for name in ["dirichlet:0.001", "dirichlet:1", "dirichlet:10000"] {
        assert_eq!(sizes(&of(name)), [400; 10]);
    }
    // Where more clients wish for a label than it has clips, all of them have to take others for the rest.
    let alike = ["dirichlet:0.001", "dirichlet:1", "dirichlet:10000"].map(|name| likeness(&of(name), &labels));
    assert!(alike[0] > 0.7 && alike.is_sorted_by(|more, less| more > less), "{alike:?}");
    // Half of the whole has the first label; 400 draws of it have a standard deviation of 10.
    for part in of("dirichlet:10000") {
        let first = part.iter().filter(|&&clip| labels[clip] == 0).count();
        assert!(first.abs_diff(200) < 40, "{first}");
    }
}

/// With q ~ Dirichlet(α p) and clips drawn by q, the chance that two clips of a client have the same label is
/// E Σ qᵢ² = Σ pᵢ (α pᵢ + 1) / (α + 1). Over so many clients wishes average out, and labels last nearly to the end.
#[test]
fn dirichlet_labels_are_as_alike_as_the_closed_form_says() {
    let alpha = 2.0;
    let shares = [0.5, 0.3, 0.2];
    let expected: f64 = shares.iter().map(|p| p * (alpha * p + 1.0) / (alpha + 1.0)).sum();
    let labels: Vec<usize> = (0..20_000).map(|clip| [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][clip % 10]).collect();
    let parts = named("dirichlet:2").assign(&labels, &nobody(20_000), 1000, 11).unwrap();
    let measured = likeness(&parts, &labels);
    assert!((measured - expected).abs() < 0.03, "{measured} instead of {expected}");
}

#[test]
fn quantity_skew_goes_from_one_rich_client_to_equals() {
    let of = |name: &str| sizes(&named(name).assign(&vec![0; 1000], &nobody(1000), 5, 4).unwrap());
    let poor = of("quantity-skew:0.001");
    assert!(poor.contains(&996), "one has all, the others one each: {poor:?}");
    let equal = of("quantity-skew:10000");
    assert!(equal.iter().all(|size| size.abs_diff(200) < 12), "{equal:?}");
}

#[test]
fn what_can_not_be_divided_says_so() {
    let assign = |clips: usize, clients| Partition::Random.assign(&vec![0; clips], &nobody(clips), clients, 1);
    assert_eq!(assign(3, 0), Err(PartitionError::NoClients));
    assert_eq!(assign(3, 4).unwrap_err().to_string(), "3 clips are too few for 4 clients; ask for 3 clients or fewer");
    let unequal = Partition::Random.assign(&[0, 1], &["Anna"], 1, 1);
    assert_eq!(unequal, Err(PartitionError::Unequal { labels: 2, speakers: 1 }));
}
