//! The mean of a round's updates in the memory of one model, whatever strategy makes the next model of it.
//!
//! Updates are folded in as they come, into a running weighted mean: mean += (Δᵢ − mean) · wᵢ / Σ w. Each step is
//! computed in f64 and rounded once to f32, and later steps shrink that error with the mean, so that n updates end
//! within about n/4 units in the last place of the largest value at worst, and far fewer usually.
//!
//! An update is read twice: once whole, to find whether it may be folded, and once to fold it. Both go through it in blocks
//! that stay in the processor's nearest memory, with loops over several values at a time.

use protocol::{Encoding, RefusalReason};

use crate::sketch::{Sketch, Sketching};

/// The weighted mean of the updates folded so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accumulator {
    /// Empty until the first update comes, so that an idle room holds no memory for it.
    mean: Vec<f32>,
    weight: u64,
    /// The weighted mean of the clients' counts of local steps.
    steps: f64,
}

/// Why an update's bytes may not be folded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unfit {
    /// Not as many bytes as the model has.
    WrongSize,
    /// The value at this index is NaN or infinite.
    NotFinite(usize),
    /// The L2 norm is this.
    NormTooLarge(f64),
}

impl Unfit {
    pub(crate) fn reason(self) -> RefusalReason {
        match self {
            Unfit::WrongSize => RefusalReason::WrongSize,
            Unfit::NotFinite(_) => RefusalReason::NotFinite,
            Unfit::NormTooLarge(_) => RefusalReason::NormTooLarge,
        }
    }
}

/// An update that was looked at whole: it has the model's length, all of it is finite, and its norm is sane.
pub(crate) struct Update<'a> {
    encoding: Encoding,
    bytes: &'a [u8],
    norm: f64,
    sketch: Sketch,
}

impl<'a> Update<'a> {
    /// Looks at every value before any of them may touch a mean.
    pub(crate) fn inspect(
        encoding: Encoding,
        bytes: &'a [u8],
        parameters: usize,
        norm_limit: f64,
    ) -> Result<Update<'a>, Unfit> {
        if bytes.len() != parameters * encoding.bytes_per_value() {
            return Err(Unfit::WrongSize);
        }
        let mut squares = 0.0_f64;
        let mut sketching = Sketching::of(parameters);
        let looked = encoding.blocks(bytes, |block| {
            squares += sum_of_squares(block);
            sketching.take(block);
        });
        looked.map_err(|_| Unfit::WrongSize)?;
        // Squares of finite f32 cannot exceed an f64: their sum is finite just where every value is.
        if !squares.is_finite() {
            let mut values = encoding.values(bytes).map_err(|_| Unfit::WrongSize)?;
            return Err(Unfit::NotFinite(values.position(|value| !value.is_finite()).unwrap_or(0)));
        }
        let norm = squares.sqrt();
        if norm > norm_limit {
            return Err(Unfit::NormTooLarge(norm));
        }
        Ok(Update { encoding, bytes, norm, sketch: sketching.done() })
    }

    /// Its L2 norm.
    pub(crate) fn norm(&self) -> f64 {
        self.norm
    }

    /// Which way it points.
    pub(crate) fn into_sketch(self) -> Sketch {
        self.sketch
    }
}

/// Σx², each square and sum in f64, in eight sums that the processor adds to side by side.
fn sum_of_squares(values: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for (sum, value) in sums.iter_mut().zip(eight) {
            *sum += f64::from(*value) * f64::from(*value);
        }
    }
    let rest: f64 = rest.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    sums.iter().sum::<f64>() + rest
}

impl Accumulator {
    /// Folds `scale` times an update in, with a weight of at least 1. `steps` is its client's count of local steps.
    pub(crate) fn fold(&mut self, update: &Update<'_>, weight: u32, steps: u32, scale: f64) {
        self.weight += u64::from(weight);
        let share = f64::from(weight) / self.weight as f64;
        self.steps += (f64::from(steps) - self.steps) * share;
        let folded = if self.mean.is_empty() {
            self.mean.reserve_exact(update.bytes.len() / update.encoding.bytes_per_value());
            let mean = &mut self.mean;
            update.encoding.blocks(update.bytes, |block| {
                mean.extend(block.iter().map(|value| (f64::from(*value) * scale) as f32));
            })
        } else {
            let mut rest = self.mean.as_mut_slice();
            update.encoding.blocks(update.bytes, |block| {
                let (mean, behind) = std::mem::take(&mut rest).split_at_mut_checked(block.len()).unwrap_or_default();
                for (mean, value) in mean.iter_mut().zip(block) {
                    let before = f64::from(*mean);
                    *mean = (before + (f64::from(*value) * scale - before) * share) as f32;
                }
                rest = behind;
            })
        };
        debug_assert!(folded.is_ok(), "`inspect` has read the same bytes");
    }

    /// The sum of the weights folded in.
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    /// The weighted mean of the clients' counts of local steps.
    pub(crate) fn mean_steps(&self) -> f64 {
        self.steps
    }

    /// The mean in the accumulator's own memory. `None`: nothing was folded.
    pub(crate) fn into_mean(self) -> Option<Vec<f32>> {
        (self.weight > 0).then_some(self.mean)
    }

    /// The mean so far; empty before the first update.
    #[cfg(test)]
    pub(crate) fn mean(&self) -> &[f32] {
        &self.mean
    }
}
