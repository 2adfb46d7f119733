//! Voices of a corpus in the places of people whose clips are not there: each place gets clips of one speaker, as many of each label
//! as its owner had.

use std::collections::{BTreeMap, VecDeque};

/// The indices of the clips that each place holds, ascending, and how many of those wanted there are not. Clip i has the label
/// `labels[i]` and is spoken by `speakers[i]`; `wanted` has a count of each label for each place. Place k gets the k-th speaker by name,
/// and where there are fewer speakers than places, they begin again with what is left of their clips.
pub fn in_places<S: AsRef<str>>(labels: &[usize], speakers: &[S], wanted: &[Vec<u32>]) -> (Vec<Vec<usize>>, usize) {
    let mut clips_of = BTreeMap::<&str, BTreeMap<usize, VecDeque<usize>>>::new();
    for (clip, (label, speaker)) in labels.iter().zip(speakers).enumerate() {
        clips_of.entry(speaker.as_ref()).or_default().entry(*label).or_default().push_back(clip);
    }
    let mut voices: Vec<_> = clips_of.into_values().collect();
    let mut missing = 0;
    let count = voices.len().max(1);
    let places = wanted.iter().enumerate().map(|(place, wanted)| {
        let mut clips = Vec::new();
        for (label, &wanted) in wanted.iter().enumerate() {
            let left = voices.get_mut(place % count).and_then(|voice| voice.get_mut(&label));
            let there = left.map_or(0, |left| {
                let taken = left.len().min(wanted as usize);
                clips.extend(left.drain(..taken));
                taken
            });
            missing += wanted as usize - there;
        }
        clips.sort_unstable();
        clips
    });
    (places.collect(), missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_gets_as_many_clips_of_each_label_as_its_owner_had() {
        let labels = [0, 1, 0, 1, 0, 1, 0];
        let speakers = ["Ben", "Ben", "Ada", "Ada", "Ada", "Ben", "Ben"];
        assert_eq!(in_places(&labels, &speakers, &[vec![1, 1], vec![2, 1]]), (vec![vec![2, 3], vec![0, 1, 6]], 0));
        // A third place shares the first speaker's voice, and a clip is on one place only.
        let (places, missing) = in_places(&labels, &speakers, &[vec![1, 1], vec![0, 0], vec![3, 0]]);
        assert_eq!((places, missing), (vec![vec![2, 3], vec![], vec![4]], 2));
        assert_eq!(in_places::<&str>(&[], &[], &[vec![1]]), (vec![vec![]], 1));
    }
}
