//! What a clip sounded like, from the update that it made: gradient inversion after J. Geiping, H. Bauermeister, H. Dröge, M. Moeller,
//! "Inverting gradients – How easy is it to break privacy in federated learning?" (NeurIPS 2020, arXiv:2003.14053).
//!
//! Features are looked for whose gradient points where the update does: 1 − cos(∇θ L(x), g) + α TV(x) is made small by Adam with the
//! signs of its gradient, TV(x) being the mean distance of neighbouring frames. The slope of the cosine by x takes a second
//! derivative, of which only its product with one vector is needed; and that is the difference of two first ones:
//! (∂/∂x ∇θ L)ᵀ v = ∂/∂x ⟨∇θ L, v⟩ ≈ (∇x L(θ + ε v) − ∇x L(θ − ε v)) / 2ε, up to terms in ε² (B. A. Pearlmutter, "Fast exact
//! multiplication by the Hessian", 1994, has the exact form).

use std::ops::ControlFlow;

use masking::normal;
use models::{KEPT_FACTOR, ModelError};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::Known;
use crate::score::cosine;

/// How long ε v is, as a part of the parameters' own length: above what rounding drowns, and so short that hardly any ReLU on the way
/// turns on or off, of which the exact slope knows nothing. Ten times as long, the test below is off by more than the slope itself.
const DIFFERENCE: f64 = 1e-4;
/// The deviation of a first guess' values. Nearer to the mean clip the slopes are larger, and fewer steps lead astray.
const FIRST: f64 = 0.1;
/// Standardised features lie within this.
const MOST: f32 = 5.0;

/// How much trouble an attacker takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// First guesses, each drawn anew. They lead to other places, and the mean of these is taken: what is right is the same in all.
    pub starts: u32,
    /// Steps of Adam from each.
    pub steps: u32,
    /// The first steps' size; it falls to a tenth after 3/8, 5/8 and 7/8 of them, as in the paper.
    pub rate: f64,
    /// The weight of TV, α.
    pub smoothness: f64,
    /// Where the first guesses come from.
    pub seed: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { starts: 4, steps: 300, rate: 0.1, smoothness: 0.3, seed: 1 }
    }
}

/// What an attacker takes a clip for.
#[derive(Debug, Clone, PartialEq)]
pub struct Inversion {
    /// The features of its frames, standardised, frame by frame, [`ordered`].
    pub values: Vec<f32>,
    /// The best cosine of a gradient with the update that was come to, −1 to 1: all that the attacker knows of how good it is.
    pub cosine: f64,
}

/// The features of a clip of so many frames and this label, whose gradient points where the update does; ordered by the feature `by`,
/// since a network that pools over a clip has hardly anything in its gradient of when something was. `on_step` is told how far it is, 0 to
/// 1, and ends it by breaking.
///
/// # Errors
/// The network cannot take such a clip, or the update has another length than its parameters.
pub fn invert(
    known: &Known<'_>,
    update: &[f32],
    label: usize,
    frames: usize,
    by: usize,
    effort: &Effort,
    mut on_step: impl FnMut(f64) -> ControlFlow<()>,
) -> Result<Inversion, ModelError> {
    known
        .gradients
        .layout()
        .total()
        .eq(&update.len())
        .then_some(())
        .ok_or(ModelError::Length { expected: known.gradients.layout().total(), given: update.len() })?;
    let features = known.gradients.features();
    let descent = of_length_one(&update.iter().map(|value| -value).collect::<Vec<_>>());
    let factors = dropped(known, update);
    let mut random = ChaCha8Rng::seed_from_u64(effort.seed);
    let mut inversion = Inversion { values: vec![0.0; frames * features], cosine: f64::NEG_INFINITY };
    let all = f64::from(effort.starts * effort.steps);
    for start in 0..effort.starts {
        let mut values: Vec<f32> = (0..frames * features).map(|_| (FIRST * normal(&mut random)) as f32).collect();
        let mut adam = Adam::new(values.len());
        for step in 0..effort.steps {
            let (found, mut slope) = slope(known, &values, label, &factors, &descent)?;
            inversion.cosine = inversion.cosine.max(found);
            add_smoothness(&mut slope, &values, features, effort.smoothness);
            let falls = [3, 5, 7].iter().filter(|eighths| 8 * step >= *eighths * effort.steps).count() as i32;
            adam.step(&mut values, &slope, effort.rate * 0.1_f64.powi(falls));
            values.iter_mut().for_each(|value| *value = value.clamp(-MOST, MOST));
            if on_step(f64::from(start * effort.steps + step + 1) / all).is_break() {
                return Ok(inversion);
            }
        }
        let share = 1.0 / effort.starts as f32;
        let values = ordered(&values, features, by);
        inversion.values.iter_mut().zip(&values).for_each(|(mean, value)| *mean += share * value);
    }
    Ok(inversion)
}

/// Frames of so many features by rising value of one of them.
pub fn ordered(values: &[f32], features: usize, by: usize) -> Vec<f32> {
    let mut frames: Vec<&[f32]> = values.chunks_exact(features.max(1)).collect();
    frames.sort_by(|one, two| one[by].total_cmp(&two[by]));
    frames.concat()
}

/// The cosine of a clip's gradient with `descent`, which has length 1, and the slope of 1 − that by the clip's values.
fn slope(
    known: &Known<'_>,
    values: &[f32],
    label: usize,
    factors: &[f32],
    descent: &[f32],
) -> Result<(f64, Vec<f32>), ModelError> {
    let at = |parameters: &[f32]| known.gradients.of(parameters, values, label, Some(factors));
    let own = at(known.parameters)?.parameters;
    let found = cosine(&own, descent);
    let length = norm(&own);
    if length == 0.0 {
        return Ok((0.0, vec![0.0; values.len()]));
    }
    // The slope of 1 − cos by the gradient.
    let by_gradient: Vec<f32> = own
        .iter()
        .zip(descent)
        .map(|(&own, &descent)| ((found * f64::from(own) / length - f64::from(descent)) / length) as f32)
        .collect();
    let steepness = norm(&by_gradient);
    if steepness == 0.0 {
        return Ok((found, vec![0.0; values.len()]));
    }
    let epsilon = DIFFERENCE * norm(known.parameters) / steepness;
    let moved = |sign: f64| -> Vec<f32> {
        known
            .parameters
            .iter()
            .zip(&by_gradient)
            .map(|(&parameter, &slope)| (f64::from(parameter) + sign * epsilon * f64::from(slope)) as f32)
            .collect()
    };
    let (above, below) = (at(&moved(1.0))?.input, at(&moved(-1.0))?.input);
    let scale = 1.0 / (2.0 * epsilon);
    let difference = |(above, below): (f32, f32)| (f64::from(above - below) * scale) as f32;
    Ok((found, above.into_iter().zip(below).map(difference).collect()))
}

/// What dropout has multiplied each unit of the last dense layer with, as far as the update tells: a unit that gave nothing leaves its row
/// of the last layer's kernel as it was.
pub(crate) fn dropped(known: &Known<'_>, update: &[f32]) -> Vec<f32> {
    let end = update.len().saturating_sub(known.trained.labels);
    let rows = update.get(end.saturating_sub(known.gradients.units() * known.trained.labels)..end).unwrap_or_default();
    let moved = |row: &[f32]| row.iter().any(|value| *value != 0.0);
    rows.chunks_exact(known.trained.labels.max(1)).map(|row| if moved(row) { KEPT_FACTOR } else { 0.0 }).collect()
}

/// Adds the slope of α TV: of the mean distance of neighbouring frames.
fn add_smoothness(slope: &mut [f32], values: &[f32], features: usize, weight: f64) {
    let share = (weight / values.len().max(1) as f64) as f32;
    for place in features..values.len() {
        let way = share * (values[place] - values[place - features]).signum();
        slope[place] += way;
        slope[place - features] -= way;
    }
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}

pub(crate) fn of_length_one(values: &[f32]) -> Vec<f32> {
    let length = norm(values);
    let scale = if length > 0.0 && length.is_finite() { 1.0 / length } else { 0.0 };
    values.iter().map(|&value| (f64::from(value) * scale) as f32).collect()
}

/// Adam (Kingma and Ba, 2015) on the signs of a slope.
struct Adam {
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
}

impl Adam {
    fn new(length: usize) -> Self {
        Self { first: vec![0.0; length], second: vec![0.0; length], steps: 0 }
    }

    fn step(&mut self, values: &mut [f32], slope: &[f32], rate: f64) {
        const KEEP: [f64; 2] = [0.9, 0.999];
        self.steps += 1;
        let [first_scale, second_scale] = KEEP.map(|keep| 1.0 / (1.0 - keep.powi(self.steps)));
        for (((value, slope), first), second) in values.iter_mut().zip(slope).zip(&mut self.first).zip(&mut self.second)
        {
            let way = if *slope == 0.0 { 0.0 } else { f64::from(slope.signum()) };
            *first = KEEP[0] * *first + (1.0 - KEEP[0]) * way;
            *second = KEEP[1] * *second + (1.0 - KEEP[1]) * way * way;
            *value -= (rate * *first * first_scale / ((*second * second_scale).sqrt() + 1e-8)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use models::{Architecture, Gradients};
    use serde::Deserialize;

    use super::*;
    use crate::Trained;

    /// What tests/reference/exposure/golden.py has written.
    #[derive(Deserialize)]
    struct Golden {
        loss: f64,
        parameters: Statistics,
        input: Vec<f64>,
        cosine: f64,
        slope: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Statistics {
        norm: f64,
        probe: f64,
    }

    /// Numbers between −1 and 1 by Wellons' lowbias32, as the script makes them.
    fn uniform(count: usize, seed: u32) -> Vec<f32> {
        let number = |place: u32| {
            let mut value = place.wrapping_add(seed.wrapping_mul(0x9E37_79B9));
            value ^= value >> 16;
            value = value.wrapping_mul(0x7FEB_352D);
            value ^= value >> 15;
            value = value.wrapping_mul(0x846C_A68B);
            value ^= value >> 16;
            (f64::from(value) / 2_147_483_648.0 - 1.0) as f32
        };
        (0..count as u32).map(number).collect()
    }

    fn network() -> (Gradients, Vec<f32>) {
        let gradients = Gradients::new(Architecture::Compact, 4).unwrap().unwrap();
        let mut parameters = Vec::new();
        for (index, spec) in gradients.layout().tensors.iter().enumerate() {
            let columns = *spec.shape.last().unwrap();
            let rows = spec.elements() / columns;
            let amplitude = if spec.shape.len() > 1 { (6.0 / (rows + columns) as f64).sqrt() } else { 0.1 };
            let middle = if spec.name.ends_with("scale") { 1.0 } else { 0.0 };
            let values = uniform(spec.elements(), index as u32);
            parameters.extend(values.iter().map(|&value| (f64::from(value) * amplitude + middle) as f32));
        }
        (gradients, parameters)
    }

    fn apart(ours: &[f32], golden: &[f64]) -> f64 {
        assert_eq!(ours.len(), golden.len());
        let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
        let difference = squares(&mut ours.iter().zip(golden).map(|(&ours, golden)| f64::from(ours) - golden));
        difference / squares(&mut golden.iter().copied())
    }

    #[test]
    fn gradients_and_the_slope_of_a_match_are_pytorchs() {
        let golden: Golden = serde_json::from_str(include_str!("../tests/golden.json")).unwrap();
        let (gradients, parameters) = network();
        let factors: Vec<f32> = (0..64).map(|unit| if unit % 5 == 0 { 0.0 } else { KEPT_FACTOR }).collect();
        let (clip, other) = (uniform(20 * 60, 3_000), uniform(20 * 60, 3_001));
        let own = gradients.of(&parameters, &clip, 2, Some(&factors)).unwrap();
        assert!((f64::from(own.loss) - golden.loss).abs() < 1e-5, "{}", own.loss);
        let length = norm(&own.parameters);
        assert!((length / golden.parameters.norm - 1.0).abs() < 1e-4, "{length}");
        let probe: f64 = own
            .parameters
            .iter()
            .zip(uniform(parameters.len(), 77))
            .map(|(&value, probe)| f64::from(value) * f64::from(probe))
            .sum();
        assert!((probe - golden.parameters.probe).abs() < 1e-4 * length, "{probe}");
        assert!(apart(&own.input, &golden.input) < 1e-4, "{}", apart(&own.input, &golden.input));

        let wanted = gradients.of(&parameters, &other, 2, Some(&factors)).unwrap().parameters;
        let known = Known {
            gradients: &gradients,
            parameters: &parameters,
            trained: Trained { labels: 4, examples: 1, steps: 1, learning_rate: Some(1e-3) },
        };
        // The update went against the gradient; the dropped units are found in it.
        let update: Vec<f32> = wanted.iter().map(|value| -value).collect();
        let found = dropped(&known, &update);
        assert!(found.iter().zip(&factors).all(|(found, factor)| *factor != 0.0 || *found == 0.0));
        assert!(found.iter().filter(|factor| **factor != 0.0).count() > 20, "{found:?}");
        let (cosine, slope) = slope(&known, &clip, 2, &factors, &of_length_one(&wanted)).unwrap();
        assert!((cosine - golden.cosine).abs() < 1e-5, "{cosine}");
        let error = apart(&slope, &golden.slope);
        println!("the slope is off by {error:.5} of its length");
        assert!(error < 0.01, "{error}");
    }
}
