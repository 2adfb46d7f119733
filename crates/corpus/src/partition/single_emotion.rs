//! One emotion a client: the most unlike that labels can be.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::PartitionError;

/// Emotions that no clip has don't count.
pub(super) fn assign(
    labels: &[usize],
    clients: usize,
    random: &mut ChaCha8Rng,
) -> Result<Vec<Vec<usize>>, PartitionError> {
    let mut clips_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (clip, &label) in labels.iter().enumerate() {
        clips_of.entry(label).or_default().push(clip);
    }
    let emotions = clips_of.len();
    let mut parts = vec![Vec::new(); clients];
    for (place, (label, mut clips)) in clips_of.into_iter().enumerate() {
        // With fewer clients than emotions the one at this place, counted round; else all that this place comes round to.
        let holders: Vec<usize> = (place % clients..clients).step_by(emotions).collect();
        if clips.len() < holders.len() {
            return Err(PartitionError::TooFewOfEmotion { label, clips: clips.len(), holders: holders.len() });
        }
        clips.shuffle(random);
        for (clip, &holder) in clips.iter().zip(holders.iter().cycle()) {
            parts[holder].push(*clip);
        }
    }
    Ok(parts)
}
