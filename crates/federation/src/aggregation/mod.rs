//! How a round's updates become one direction Δ, one rule a file; the room's strategy then makes the next model of it.
//!
//! The mean is folded as updates come ([`mean`]), in the memory of one model. The other rules need all updates of a round:
//! these wait in a [`Spool`] until the round closes, and are then read [`BLOCK`] parameters at a time. With n updates the
//! memory is n · `BLOCK` · 4 bytes (1 MiB for 64 clients, 16 MiB for 1,024) and Δ itself, whatever the model's size; Krum
//! needs n²/2 distances besides (4 MiB for 1,024).
//!
//! Where the room limits what one client may bring to bear, an update that is longer than that is scaled down wherever it is
//! read, so that every rule sees it so.
//!
//! Where a round closes with fewer updates than a rule is defined for, which only a host who closes it early can bring
//! about, Krum and Multi-Krum give way to the median: it holds against f hostile clients from 2f + 1 updates on.

pub(crate) mod clipped_sum;
pub(crate) mod clipping;
#[cfg(test)]
mod golden;
mod krum;
pub(crate) mod mean;
mod median;
#[cfg(test)]
mod properties;
mod spool;
mod trimmed_mean;

use std::io;

use protocol::{Aggregation, Encoding};
pub use spool::{MemorySpool, Spool};

use crate::update::Update;

/// Parameters looked at together.
const BLOCK: usize = 4096;

/// What is known of an update that waits in a spool, in the order in which they came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// Its examples, capped as the room says, and in an asynchronous room fewer for an older update; above 0.
    pub weight: f64,
    /// Its L2 norm, as if all steps had been done.
    pub norm: f64,
    /// Its client's local steps, at least 1.
    pub steps: u32,
    /// The steps that it is taken for, `steps` at least.
    pub planned: u32,
}

impl Kept {
    /// What it is multiplied with wherever it is taken at a norm of `longest` at most, as if all steps had been done.
    fn scale(&self, longest: f64) -> f64 {
        clipping::scale(self.norm, longest) * (f64::from(self.planned) / f64::from(self.steps))
    }
}

/// A round's updates in their spool.
pub(crate) struct KeptUpdates<'a> {
    spool: &'a mut dyn Spool,
    kept: &'a [Kept],
    encoding: Encoding,
    parameters: usize,
    /// The longest that an update is taken at; longer ones are scaled down.
    longest: f64,
    block: usize,
}

impl<'a> KeptUpdates<'a> {
    /// Updates of a model with so many parameters, each taken at an L2 norm of `longest` at most.
    pub(crate) fn new(
        spool: &'a mut dyn Spool,
        kept: &'a [Kept],
        encoding: Encoding,
        parameters: usize,
        longest: f64,
    ) -> Self {
        KeptUpdates { spool, kept, encoding, parameters, longest, block: BLOCK }
    }

    fn count(&self) -> usize {
        self.kept.len()
    }

    fn kept(&self) -> &'a [Kept] {
        self.kept
    }

    /// The norms at which they are taken.
    fn norms(&self) -> impl Iterator<Item = f64> + 'a {
        let longest = self.longest;
        self.kept.iter().map(move |update| update.norm.min(longest))
    }

    /// Gives the updates one after the other, each whole and as it was sent, with what is known of it.
    pub(crate) fn each(&mut self, mut take: impl FnMut(&Update<'_>, &Kept)) -> io::Result<()> {
        let mut bytes = vec![0; self.encoding.length(self.parameters)];
        for (index, kept) in self.kept.iter().enumerate() {
            self.spool.read(index, 0, &mut bytes)?;
            let update = Update::inspect(self.encoding, &bytes, self.parameters, f64::INFINITY);
            take(&update.map_err(|_| changed())?, kept);
        }
        Ok(())
    }

    /// Gives the parameters of these updates block by block: one row of values an update.
    fn blocks(&mut self, which: &[usize], mut take: impl FnMut(&[Vec<f32>])) -> io::Result<()> {
        // Whole groups, of which each can be read by itself.
        let block = self.block.next_multiple_of(self.encoding.group().0);
        let mut bytes = Vec::new();
        let mut rows = vec![Vec::with_capacity(block); which.len()];
        for first in (0..self.parameters).step_by(block) {
            let length = block.min(self.parameters - first);
            bytes.resize(self.encoding.length(length), 0);
            for (row, &update) in rows.iter_mut().zip(which) {
                self.spool.read(update, self.encoding.length(first), &mut bytes)?;
                row.clear();
                let read = self.encoding.blocks(&bytes, length, |values| row.extend_from_slice(values));
                read.map_err(io::Error::other)?;
                let scale = self.kept.get(update).map_or(1.0, |kept| kept.scale(self.longest));
                if scale != 1.0 {
                    row.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
                }
            }
            take(&rows);
        }
        Ok(())
    }
}

/// What a rule makes of a round's updates, of which there is at least one: as many values as there are parameters.
///
/// # Errors
/// The spool does not give back what it was given.
pub(crate) fn direction(aggregation: Aggregation, updates: &mut KeptUpdates<'_>) -> io::Result<Vec<f32>> {
    let count = updates.count();
    let direction = match aggregation {
        Aggregation::Mean => clipping::clipped_mean(updates, f64::INFINITY),
        Aggregation::Clipping { norm } => {
            let limit = norm.unwrap_or_else(|| clipping::median_norm(updates.norms()));
            clipping::clipped_mean(updates, limit)
        }
        Aggregation::Median => of_each_parameter(updates, median::median),
        Aggregation::TrimmedMean { trim } => {
            let cut = trimmed_mean::cut(trim, count);
            of_each_parameter(updates, |values| trimmed_mean::trimmed_mean(values, cut))
        }
        Aggregation::Krum { faulty } | Aggregation::MultiKrum { faulty, .. }
            if count < Aggregation::Krum { faulty }.least() as usize =>
        {
            of_each_parameter(updates, median::median)
        }
        Aggregation::Krum { faulty } => krum::krum(updates, faulty as usize, 1),
        Aggregation::MultiKrum { faulty, chosen } => krum::krum(updates, faulty as usize, chosen as usize),
    }?;
    // Updates were finite when they were taken, and so is everything that a rule makes of them.
    if direction.iter().all(|value| value.is_finite()) { Ok(direction) } else { Err(changed()) }
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the updates that were kept have changed")
}

/// A number made of each parameter's values over all updates, whose order is the rule's to change.
fn of_each_parameter(updates: &mut KeptUpdates<'_>, rule: impl Fn(&mut [f32]) -> f32) -> io::Result<Vec<f32>> {
    let all: Vec<usize> = (0..updates.count()).collect();
    let mut direction = Vec::with_capacity(updates.parameters);
    let mut values = Vec::with_capacity(all.len());
    updates.blocks(&all, |rows| {
        for place in 0..rows.first().map_or(0, Vec::len) {
            values.clear();
            values.extend(rows.iter().filter_map(|row| row.get(place)));
            direction.push(rule(&mut values));
        }
    })?;
    Ok(direction)
}

/// The mean of some updates, all with the same weight.
fn plain_mean(updates: &mut KeptUpdates<'_>, which: &[usize]) -> io::Result<Vec<f32>> {
    let shares = vec![1.0 / which.len() as f64; which.len()];
    weighted_sum(updates, which, &shares)
}

/// The sum of some updates, each times its share, in f64 and rounded once.
fn weighted_sum(updates: &mut KeptUpdates<'_>, which: &[usize], shares: &[f64]) -> io::Result<Vec<f32>> {
    let mut direction = Vec::with_capacity(updates.parameters);
    let mut sums = Vec::new();
    updates.blocks(which, |rows| {
        sums.clear();
        sums.resize(rows.first().map_or(0, Vec::len), 0.0_f64);
        for (row, share) in rows.iter().zip(shares) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += share * f64::from(value);
            }
        }
        direction.extend(sums.iter().map(|&sum| sum as f32));
    })?;
    Ok(direction)
}
