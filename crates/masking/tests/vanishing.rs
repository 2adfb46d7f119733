//! Any client may vanish in any step: the sum of those who gave numbers comes out bit for bit, or too few are left and nothing does.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod class;

use class::{Class, Failed, LAYOUT, STEPS, Step, task};
use masking::{Layout, NotOpened, Task};
use proptest::prelude::*;
use protocol::{Adversary, MaskedEncoding};

/// Plays a class of which each client vanishes in a step, and holds what comes of it against what has to.
fn play(task: Task, last: &[Step]) {
    let mut class = Class::new(task, last);
    let count = |class: &Class, step| class.there(step).len();
    let threshold = |class: &Class| {
        // Those who gave keys decide how many are needed from then on.
        let keyed = count(class, Step::Keys);
        let threshold = match class.task.adversary {
            Adversary::Active => 2 * keyed / 3 + 1,
            Adversary::Curious => keyed / 2 + 1,
        };
        (threshold, threshold.max(3))
    };
    let (threshold, least) = threshold(&class);
    let failing = STEPS.into_iter().find(|&step| match step {
        Step::Reveal => count(&class, step) < threshold,
        // Nobody is asked to agree who cannot lie.
        Step::Agree if class.task.adversary == Adversary::Curious => false,
        _ => count(&class, step) < least,
    });
    match (class.play(), failing) {
        (Ok(opened), None) => {
            assert_eq!(opened.clients, class.there(Step::Input), "{last:?}");
            let (values, tail) = class.plain(opened.masked_together);
            assert_eq!((opened.values, opened.tail), (values, tail), "{last:?}");
            assert_eq!(opened.masked_together, count(&class, Step::Shares));
        }
        (Err(Failed::TooFew(step, few)), Some(failing)) => {
            assert_eq!((step, few.found, few.least), (failing, count(&class, step), least), "{last:?}");
        }
        (Err(Failed::NotOpened(NotOpened::TooFew(few))), Some(Step::Reveal)) => {
            assert_eq!((few.found, few.least), (count(&class, Step::Reveal), threshold), "{last:?}");
        }
        (outcome, failing) => panic!("{last:?}: {outcome:?}, and {failing:?} should fail"),
    }
}

#[test]
fn every_subset_that_leaves_enough_may_vanish_in_every_step() {
    for clients in 3..=6_usize {
        for adversary in [Adversary::Active, Adversary::Curious] {
            if (clients, adversary) == (6, Adversary::Curious) {
                continue; // As five of them, for three times as long.
            }
            let (most_gone, every) = (clients - adversary.threshold(clients).max(3), 0..1_u32 << clients);
            for (step, gone) in STEPS.into_iter().flat_map(|step| every.clone().map(move |gone| (step, gone))) {
                // And one more than may be, which has to leave no sum.
                if gone.count_ones() as usize <= most_gone + 1 {
                    let last = |client| if gone >> client & 1 == 1 { step } else { Step::Never };
                    play(task(adversary), &(0..clients).map(last).collect::<Vec<_>>());
                }
            }
        }
    }
}

#[test]
fn clients_may_vanish_one_after_the_other() {
    for (first, second) in STEPS.into_iter().flat_map(|first| STEPS.map(|second| (first, second))) {
        play(task(Adversary::Curious), &[first, Step::Never, Step::Never, second, Step::Never, Step::Never]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn classes_of_up_to_sixty(
        last in proptest::collection::vec(prop_oneof![
            2 => Just(Step::Keys), 2 => Just(Step::Shares), 2 => Just(Step::Input), 1 => Just(Step::Agree),
            1 => Just(Step::Reveal), 40 => Just(Step::Never),
        ], 3..=60),
        encoding in prop_oneof![
            Just(MaskedEncoding::Masked32), Just(MaskedEncoding::Masked24), Just(MaskedEncoding::Masked16)
        ],
        curious in any::<bool>(),
    ) {
        let adversary = if curious { Adversary::Curious } else { Adversary::Active };
        play(Task { layout: Layout { encoding, values: 40, ..LAYOUT }, ..task(adversary) }, &last);
    }
}
