//! Splits by speaker: nobody is heard on both sides, so that what is measured holds for voices never heard before.
//!
//! All of them take the speaker of each clip and give clips by index.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::groups::balanced;
use crate::suggestion::{did_you_mean, nearest};

/// Clips in two parts that have no speaker in common, neither of them empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Indices of the clips to learn from, ascending.
    pub train: Vec<usize>,
    /// Indices of the clips to measure by, ascending.
    pub test: Vec<usize>,
}

/// Why clips can't be split as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Somebody is to be tested who says nothing.
    #[error("there is no speaker {name:?}{}; there are {}", did_you_mean(suggestion), speakers.join(", "))]
    UnknownSpeaker {
        /// Who was asked for.
        name: String,
        /// Who may have been meant.
        suggestion: Option<String>,
        /// All speakers.
        speakers: Vec<String>,
    },
    /// Nobody is to be tested.
    #[error("no test speakers are named; name at least one of {}", speakers.join(", "))]
    NobodyToTest {
        /// All speakers.
        speakers: Vec<String>,
    },
    /// Everybody is to be tested.
    #[error("all {speakers} speakers are to be tested and nobody is left to train on; name fewer test speakers")]
    NobodyToTrain {
        /// How many speakers there are.
        speakers: usize,
    },
    /// Scripts can't be parted so that both sides have some.
    #[error(
        "{scripts} scripts can't be parted so that test speakers say some and the others say others; test without parting them"
    )]
    Scripts {
        /// How many scripts there are.
        scripts: usize,
    },
    /// There are less than two folds, or more than speakers.
    #[error("can't make {folds} folds of {speakers} speakers; ask for two folds or more, and no more than speakers")]
    Folds {
        /// How many were asked for.
        folds: usize,
        /// How many speakers there are.
        speakers: usize,
    },
}

/// Tests by the speakers named and trains on all others.
///
/// ```
/// let speakers = ["Anna", "Ben", "Anna", "Cem"];
/// let split = corpus::hold_out(&speakers, &["Anna"])?;
/// assert_eq!((split.train, split.test), (vec![1, 3], vec![0, 2]));
/// assert!(corpus::hold_out(&speakers, &["Ana"]).unwrap_err().to_string().contains("did you mean \"Anna\"?"));
/// # Ok::<(), corpus::SplitError>(())
/// ```
///
/// # Errors
/// [`SplitError`], for a name that isn't there, or where a side would be empty.
pub fn hold_out<S: AsRef<str>, T: AsRef<str>>(speakers: &[S], tested: &[T]) -> Result<Split, SplitError> {
    let all: BTreeSet<&str> = speakers.iter().map(AsRef::as_ref).collect();
    let owned = || all.iter().map(ToString::to_string).collect();
    let tested: BTreeSet<&str> = tested.iter().map(AsRef::as_ref).collect();
    if tested.is_empty() {
        return Err(SplitError::NobodyToTest { speakers: owned() });
    }
    if let Some(&unknown) = tested.difference(&all).next() {
        return Err(SplitError::UnknownSpeaker {
            name: unknown.to_owned(),
            suggestion: nearest(unknown, all.iter().copied()).map(str::to_owned),
            speakers: owned(),
        });
    }
    if tested.len() == all.len() {
        return Err(SplitError::NobodyToTrain { speakers: all.len() });
    }
    Ok(split(speakers, |speaker| tested.contains(speaker)))
}

/// A split for each speaker, in the order of their names, who is then the only one tested.
///
/// # Errors
/// [`SplitError::Folds`] where there are less than two speakers.
pub fn leave_one_speaker_out<S: AsRef<str>>(speakers: &[S]) -> Result<Vec<Split>, SplitError> {
    let all: BTreeSet<&str> = speakers.iter().map(AsRef::as_ref).collect();
    folds(speakers, all.len(), 0)
}

/// `number` splits in which each speaker is tested once. Their test parts have about equally many clips; `seed` decides
/// who is tested with whom.
///
/// # Errors
/// [`SplitError::Folds`] for less than two folds or more folds than speakers.
pub fn folds<S: AsRef<str>>(speakers: &[S], number: usize, seed: u64) -> Result<Vec<Split>, SplitError> {
    let mut clips: BTreeMap<&str, usize> = BTreeMap::new();
    for speaker in speakers {
        *clips.entry(speaker.as_ref()).or_default() += 1;
    }
    if number < 2 || number > clips.len() {
        return Err(SplitError::Folds { folds: number, speakers: clips.len() });
    }
    let weights: Vec<usize> = clips.values().copied().collect();
    let fold_of = balanced(&weights, number, &mut ChaCha8Rng::seed_from_u64(seed));
    let fold_of: BTreeMap<&str, usize> = clips.into_keys().zip(fold_of).collect();
    Ok((0..number).map(|fold| split(speakers, |speaker| fold_of.get(speaker) == Some(&fold))).collect())
}

/// Parts the scripts of a split as well, so that nothing that is tested was said in training: the last third of the scripts by
/// name is tested alone, and what of it is in the training part, or of the others in the test part, is left out. `scripts` has that
/// of each clip.
///
/// # Errors
/// [`SplitError::Scripts`], where a side would be empty.
pub fn part_scripts<S: AsRef<str>>(split: &Split, scripts: &[S]) -> Result<Split, SplitError> {
    let of = |clip: &usize| scripts.get(*clip).map_or("", AsRef::as_ref);
    let all: BTreeSet<&str> = split.train.iter().chain(&split.test).map(of).collect();
    let tested: BTreeSet<&str> = all.iter().rev().take(all.len() / 3).copied().collect();
    // Of two, one each.
    let tested = if tested.is_empty() { all.iter().rev().take(all.len() / 2).copied().collect() } else { tested };
    let side = |clips: &[usize], is_test: bool| -> Vec<usize> {
        clips.iter().filter(|clip| tested.contains(of(clip)) == is_test).copied().collect()
    };
    let parted = Split { train: side(&split.train, false), test: side(&split.test, true) };
    if parted.train.is_empty() || parted.test.is_empty() {
        return Err(SplitError::Scripts { scripts: all.len() });
    }
    Ok(parted)
}

fn split<S: AsRef<str>>(speakers: &[S], is_tested: impl Fn(&str) -> bool) -> Split {
    let (test, train) = (0..speakers.len()).partition(|&clip| is_tested(speakers[clip].as_ref()));
    Split { train, test }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scripts_are_parted_as_well_as_speakers() {
        let speakers = ["a", "a", "a", "b", "b", "b", "c", "c", "c"];
        let scripts = ["1", "2", "3", "1", "2", "3", "1", "2", "3"];
        let by_speaker = hold_out(&speakers, &["c"]).unwrap();
        let parted = part_scripts(&by_speaker, &scripts).unwrap();
        assert_eq!(parted, Split { train: vec![0, 1, 3, 4], test: vec![8] });
        let two = ["1", "2", "1", "2", "1", "2", "1", "2", "1"];
        assert_eq!(part_scripts(&by_speaker, &two).unwrap(), Split { train: vec![0, 2, 4], test: vec![7] });
        assert_eq!(part_scripts(&by_speaker, &["1"; 9]), Err(SplitError::Scripts { scripts: 1 }));
        let own = ["1", "1", "1", "1", "1", "1", "0", "0", "0"];
        assert_eq!(part_scripts(&by_speaker, &own), Err(SplitError::Scripts { scripts: 2 }));
    }

    proptest! {
        #[test]
        fn nobody_is_on_both_sides_and_everybody_is_tested_once(
            clips in prop::collection::vec(0..9u8, 1..80), number in 0..12usize, seed: u64,
        ) {
            let speakers: Vec<String> = clips.iter().map(u8::to_string).collect();
            let all: BTreeSet<&String> = speakers.iter().collect();
            let splits = folds(&speakers, number, seed);
            prop_assert_eq!(&splits, &folds(&speakers, number, seed));
            let Ok(splits) = splits else {
                prop_assert!(number < 2 || number > all.len());
                return Ok(());
            };
            for Split { train, test } in &splits {
                let voices = |side: &[usize]| side.iter().map(|&clip| &speakers[clip]).collect::<BTreeSet<_>>();
                prop_assert!(!train.is_empty() && !test.is_empty());
                prop_assert!(voices(train).is_disjoint(&voices(test)));
                prop_assert_eq!(train.len() + test.len(), speakers.len());
            }
            let mut tested: Vec<usize> = splits.into_iter().flat_map(|split| split.test).collect();
            tested.sort_unstable();
            prop_assert_eq!(tested, (0..speakers.len()).collect::<Vec<_>>());
        }
    }

    /// Ten people of whom some say three times as much as others.
    fn uneven() -> Vec<String> {
        (0..10).flat_map(|speaker| vec![format!("{speaker}"); if speaker < 5 { 30 } else { 10 }]).collect()
    }

    #[test]
    fn folds_have_about_equally_many_clips() {
        let sizes: Vec<usize> = folds(&uneven(), 5, 3).unwrap().iter().map(|split| split.test.len()).collect();
        assert_eq!(sizes, [40; 5]);
    }

    #[test]
    fn the_seed_decides_who_is_tested_with_whom() {
        let different: Vec<_> = (0..20).map(|seed| folds(&uneven(), 5, seed).unwrap()).collect();
        assert!(different.iter().any(|folds| *folds != different[0]));
    }

    #[test]
    fn one_speaker_is_left_out_at_a_time() {
        let splits = leave_one_speaker_out(&["b", "a", "b"]).unwrap();
        let expected = [Split { train: vec![0, 2], test: vec![1] }, Split { train: vec![1], test: vec![0, 2] }];
        assert_eq!(splits, expected);
        assert_eq!(leave_one_speaker_out(&["a", "a"]), Err(SplitError::Folds { folds: 1, speakers: 1 }));
        assert!(leave_one_speaker_out::<&str>(&[]).is_err());
    }

    #[test]
    fn unknown_speakers_and_empty_sides_are_errors() {
        let speakers = ["ravdess_19", "ravdess_20"];
        let message = |tested: &[&str]| hold_out(&speakers, tested).unwrap_err().to_string();
        assert_eq!(
            message(&["19"]),
            "there is no speaker \"19\"; did you mean \"ravdess_19\"?; there are ravdess_19, ravdess_20"
        );
        assert!(message(&[]).starts_with("no test speakers are named"));
        assert!(message(&speakers).starts_with("all 2 speakers are to be tested"));
    }
}
