//! Whole speakers: what a class is, where everybody brings their own voice.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use super::PartitionError;
use crate::groups::balanced;

/// Clients are in the order of their first speaker's name.
pub(super) fn assign<S: AsRef<str>>(
    speakers: &[S],
    clients: usize,
    random: &mut ChaCha8Rng,
) -> Result<Vec<Vec<usize>>, PartitionError> {
    let mut clips_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (clip, speaker) in speakers.iter().enumerate() {
        clips_of.entry(speaker.as_ref()).or_default().push(clip);
    }
    if clips_of.len() < clients {
        return Err(PartitionError::TooFewSpeakers { speakers: clips_of.len(), clients });
    }
    let weights: Vec<usize> = clips_of.values().map(Vec::len).collect();
    let mut parts = vec![Vec::new(); clients];
    for (client, clips) in balanced(&weights, clients, random).into_iter().zip(clips_of.into_values()) {
        parts[client].extend(clips);
    }
    Ok(parts)
}
