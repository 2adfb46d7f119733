//! The mean of a round's updates in the memory of one model, whatever strategy makes the next model of it.
//!
//! Updates are folded in as they come, into a running weighted mean: mean += (Δᵢ − mean) · wᵢ / Σ w. Each step is
//! computed in f64 and rounded once to f32, and later steps shrink that error with the mean, so that n updates end
//! within about n/4 units in the last place of the largest value at worst, and far fewer usually.

use protocol::{Encoding, RefusalReason};

use crate::sketch::Sketch;

/// The weighted mean of the updates folded so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accumulator {
    /// Empty until the first update comes, so that an idle room holds no memory for it.
    mean: Vec<f32>,
    weight: f64,
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
}

impl<'a> Update<'a> {
    /// Looks at every value before any of them may touch a mean.
    pub(crate) fn inspect(
        encoding: Encoding,
        bytes: &'a [u8],
        parameters: usize,
        norm_limit: f64,
    ) -> Result<Update<'a>, Unfit> {
        let values = encoding.values(bytes).map_err(|_| Unfit::WrongSize)?;
        if values.len() != parameters {
            return Err(Unfit::WrongSize);
        }
        let mut squares = 0.0_f64;
        for (index, value) in values.enumerate() {
            if !value.is_finite() {
                return Err(Unfit::NotFinite(index));
            }
            squares += f64::from(value) * f64::from(value);
        }
        let norm = squares.sqrt();
        if norm > norm_limit {
            return Err(Unfit::NormTooLarge(norm));
        }
        Ok(Update { encoding, bytes, norm })
    }

    /// Its L2 norm.
    pub(crate) fn norm(&self) -> f64 {
        self.norm
    }

    /// Which way it points.
    pub(crate) fn sketch(&self) -> Sketch {
        match self.encoding.values(self.bytes) {
            Ok(values) => Sketch::of(values, self.bytes.len() / self.encoding.bytes_per_value()),
            // `inspect` has read the same bytes.
            Err(_) => Sketch::of(std::iter::empty(), 0),
        }
    }
}

impl Accumulator {
    /// Folds `scale` times an update in, with a weight above 0. `steps` is its client's count of local steps.
    pub(crate) fn fold(&mut self, update: &Update<'_>, weight: f64, steps: u32, scale: f64) {
        let Ok(values) = update.encoding.values(update.bytes) else {
            return; // `inspect` has read the same bytes.
        };
        self.weight += weight;
        let share = weight / self.weight;
        self.steps += (f64::from(steps) - self.steps) * share;
        if self.mean.is_empty() {
            self.mean = values.map(|value| (f64::from(value) * scale) as f32).collect();
            return;
        }
        for (mean, value) in self.mean.iter_mut().zip(values) {
            let before = f64::from(*mean);
            *mean = (before + (f64::from(value) * scale - before) * share) as f32;
        }
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
    #[cfg(test)]
    pub(crate) fn mean(&self) -> &[f32] {
        &self.mean
    }
}
