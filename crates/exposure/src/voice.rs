//! Whose voice an update is of: the attacker has recordings of some people, makes of each the gradient that it would give, and
//! takes the one whose gradient points most nearly where the update does.

use models::ModelError;

use crate::Known;
use crate::inversion::{dropped, of_length_one};
use crate::score::cosine;

/// What the attacker has of somebody.
#[derive(Debug, Clone)]
pub struct Voice {
    /// Recordings: the real frames of each, standardised, frame by frame.
    pub clips: Vec<Vec<f32>>,
}

/// How nearly the gradients of each voice point where an update does, −1 to 1: the highest is the attacker's guess. Of each, the mean over
/// its recordings, each taken for one of each label that the update's clips are thought to have, in these proportions. What all voices
/// have in common, which is most of it, is taken off first.
///
/// # Errors
/// A recording that the network cannot take.
pub fn likeness(known: &Known<'_>, update: &[f32], voices: &[Voice], counts: &[u32]) -> Result<Vec<f64>, ModelError> {
    let factors = dropped(known, update);
    let mut ways = Vec::with_capacity(voices.len());
    for voice in voices {
        let mut sum = vec![0.0_f32; update.len()];
        for clip in &voice.clips {
            for (label, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let own = known.gradients.of(known.parameters, clip, label, Some(&factors))?;
                sum.iter_mut().zip(own.parameters).for_each(|(sum, value)| *sum += count as f32 * value);
            }
        }
        ways.push(of_length_one(&sum));
    }
    let mut common = vec![0.0_f32; update.len()];
    for way in &ways {
        common.iter_mut().zip(way).for_each(|(common, value)| *common += value / voices.len() as f32);
    }
    // Only what is across to it counts: a vector that is chance has no more to do with one voice's rest than with its opposite.
    let common = of_length_one(&common);
    let across = |way: &[f32]| -> Vec<f32> {
        let along: f64 = way.iter().zip(&common).map(|(&value, &common)| f64::from(value) * f64::from(common)).sum();
        way.iter().zip(&common).map(|(&value, &common)| (f64::from(value) - along * f64::from(common)) as f32).collect()
    };
    let descent = across(&of_length_one(&update.iter().map(|value| -value).collect::<Vec<_>>()));
    Ok(ways.iter().map(|way| cosine(&across(way), &descent)).collect())
}
