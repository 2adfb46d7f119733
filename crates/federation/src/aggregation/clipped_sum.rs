//! The sum of a round's updates, each scaled down to a norm where it is longer, all with the same weight: what noise is added to.
//! It is kept in f64, so that its rounding does not count beside what one update may add.

use super::clipping;
use crate::update::Update;

/// The sum so far.
#[derive(Debug, Default)]
pub(crate) struct ClippedSum(Vec<f64>);

impl ClippedSum {
    /// A sum that others have added up.
    pub(crate) fn of(values: Vec<f64>) -> ClippedSum {
        ClippedSum(values)
    }

    /// Adds an update, at an L2 norm of `clip` at most.
    pub(crate) fn add(&mut self, update: &Update<'_>, clip: f64) {
        self.0.resize(update.parameters(), 0.0);
        let scale = clipping::scale(update.norm(), clip);
        let mut rest = self.0.as_mut_slice();
        let added = update.blocks(|block| {
            let (sums, behind) = std::mem::take(&mut rest).split_at_mut_checked(block.len()).unwrap_or_default();
            sums.iter_mut().zip(block).for_each(|(sum, value)| *sum += f64::from(*value) * scale);
            rest = behind;
        });
        debug_assert!(added.is_ok(), "`inspect` has read the same bytes");
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.0.as_slice())
    }

    /// The sum, of so many values.
    pub(crate) fn into_values(mut self, parameters: usize) -> Vec<f64> {
        self.0.resize(parameters, 0.0);
        self.0
    }
}
