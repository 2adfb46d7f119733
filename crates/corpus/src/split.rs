//! Splits by speaker: nobody is heard on both sides, so that what is measured holds for voices never heard before.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{Clip, Corpus};

/// The clips of a corpus in two parts that have no speaker in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split<'a> {
    /// Clips to learn from.
    pub train: Vec<&'a Clip>,
    /// Clips of other speakers, to measure by.
    pub test: Vec<&'a Clip>,
}

impl Corpus {
    /// Puts about `test_share` (0 to 1) of the speakers, drawn by `seed`, into the test part: from two speakers on at
    /// least one and never all of them. A single speaker is all training.
    pub fn split_by_speaker(&self, test_share: f64, seed: u64) -> Split<'_> {
        let mut speakers = self.speakers();
        let number = match speakers.len() {
            0 | 1 => 0,
            all => ((all as f64 * test_share).round() as usize).clamp(1, all - 1),
        };
        // Fisher and Yates' shuffle, as far as it is needed.
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for place in 0..number {
            let left = (speakers.len() - place) as u64;
            let other = place + (random.next_u64() % left) as usize;
            speakers.swap(place, other);
        }
        let tested = &speakers[..number];
        let (test, train) = self.clips.iter().partition(|clip| tested.contains(&clip.speaker.as_str()));
        Split { train, test }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn corpus(speakers: usize) -> Corpus {
        let clips = (0..speakers * 3).map(|index| Clip {
            path: format!("{index}.wav").into(),
            speaker: format!("speaker {}", index % speakers),
            label: 0,
            sentence: None,
        });
        Corpus { clips: clips.collect(), skipped: Vec::new() }
    }

    fn speakers<'a>(clips: &[&'a Clip]) -> BTreeSet<&'a str> {
        clips.iter().map(|clip| clip.speaker.as_str()).collect()
    }

    #[test]
    fn nobody_is_on_both_sides_and_no_clip_is_lost() {
        let corpus = corpus(10);
        for seed in 0..50 {
            let split = corpus.split_by_speaker(0.2, seed);
            assert_eq!((split.train.len(), split.test.len()), (24, 6));
            assert!(speakers(&split.train).is_disjoint(&speakers(&split.test)));
        }
    }

    #[test]
    fn the_seed_decides_who_is_tested() {
        let corpus = corpus(10);
        assert_eq!(corpus.split_by_speaker(0.2, 7), corpus.split_by_speaker(0.2, 7));
        let drawn: BTreeSet<_> = (0..50).flat_map(|seed| speakers(&corpus.split_by_speaker(0.2, seed).test)).collect();
        assert_eq!(drawn.len(), 10);
    }

    #[test]
    fn both_sides_have_someone_where_there_are_two() {
        for share in [0.0, 1.0, f64::NAN, -3.0, 1e9] {
            let two = corpus(2);
            let split = two.split_by_speaker(share, 1);
            assert_eq!((split.train.len(), split.test.len()), (3, 3));
        }
        assert_eq!(corpus(1).split_by_speaker(0.5, 1).test.len(), 0);
    }
}
