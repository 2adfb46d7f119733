//! The mean of a round's updates, weighted by examples: McMahan et al., "Communication-Efficient Learning of Deep Networks
//! from Decentralized Data", AISTATS 2017, arXiv:1602.05629. In the memory of one model, whatever strategy makes the next
//! model of it.
//!
//! Updates are folded in as they come, into a running weighted mean: mean += (Δᵢ − mean) · wᵢ / Σ w. Each step is
//! computed in f64 and rounded once to f32, and later steps shrink that error with the mean, so that n updates end
//! within about n/4 units in the last place of the largest value at worst, and far fewer usually.
//!
//! An update is read twice: once whole, to find whether it may be folded ([`Update::inspect`]), and once to fold it. Both go
//! through it in blocks that stay in the processor's nearest memory, with loops over several values at a time; `multiversion`
//! compiles these once more for processors with AVX2, which takes a fifth less time and rounds in the same way.

use crate::update::Update;

/// The weighted mean of the updates folded so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accumulator {
    /// Empty until the first update comes, so that an idle room holds no memory for it.
    mean: Vec<f32>,
    weight: f64,
    /// The weighted mean of the clients' counts of local steps.
    steps: f64,
}

impl Accumulator {
    /// What another rule made of a round's updates, in the place of their mean, with the sum of their weights, above 0, and the
    /// mean of their clients' local steps.
    pub(crate) fn holding(direction: Vec<f32>, weight: f64, steps: f64) -> Accumulator {
        Accumulator { mean: direction, weight, steps }
    }

    /// Folds `scale` times an update in, with a weight above 0. `steps` is its client's count of local steps.
    pub(crate) fn fold(&mut self, update: &Update<'_>, weight: f64, steps: u32, scale: f64) {
        self.fold_scaled(update, weight, f64::from(steps), scale);
    }

    /// Folds in what is the mean of several updates already: `weight` is the sum of theirs, and `steps` the mean of their counts of
    /// local steps. What comes of it is the mean of all, to rounding.
    pub(crate) fn fold_mean(&mut self, mean: &Update<'_>, weight: f64, steps: f64) {
        self.fold_scaled(mean, weight, steps, 1.0);
    }

    fn fold_scaled(&mut self, update: &Update<'_>, weight: f64, steps: f64, scale: f64) {
        self.weight += weight;
        let share = weight / self.weight;
        self.steps += (steps - self.steps) * share;
        let folded = if self.mean.is_empty() {
            self.mean.reserve_exact(update.parameters());
            let mean = &mut self.mean;
            update.blocks(|block| mean.extend(block.iter().map(|value| (f64::from(*value) * scale) as f32)))
        } else {
            let mut rest = self.mean.as_mut_slice();
            update.blocks(|block| {
                let (mean, behind) = std::mem::take(&mut rest).split_at_mut_checked(block.len()).unwrap_or_default();
                fold_block(mean, block, scale, share);
                rest = behind;
            })
        };
        debug_assert!(folded.is_ok(), "`inspect` has read the same bytes");
    }

    /// Multiplies the mean, as far as there is one.
    pub(crate) fn scale(&mut self, by: f64) {
        self.mean.iter_mut().for_each(|value| *value = (f64::from(*value) * by) as f32);
    }

    /// The sum of the weights folded in.
    pub(crate) fn weight(&self) -> f64 {
        self.weight
    }

    /// The weighted mean of the clients' counts of local steps.
    pub(crate) fn mean_steps(&self) -> f64 {
        self.steps
    }

    /// The mean in the accumulator's own memory. `None`: nothing was folded.
    pub(crate) fn into_mean(self) -> Option<Vec<f32>> {
        (self.weight > 0.0).then_some(self.mean)
    }

    /// The mean so far; empty before the first update.
    pub(crate) fn mean(&self) -> &[f32] {
        &self.mean
    }
}

/// Moves the mean's values towards `scale` times an update's by `share` of the way.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn fold_block(mean: &mut [f32], block: &[f32], scale: f64, share: f64) {
    for (mean, value) in mean.iter_mut().zip(block) {
        let before = f64::from(*mean);
        *mean = (before + (f64::from(*value) * scale - before) * share) as f32;
    }
}
