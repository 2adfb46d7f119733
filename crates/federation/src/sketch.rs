//! A short summary of an update from which one can tell which way it points: a count sketch (M. Charikar, K. Chen,
//! M. Farach-Colton, "Finding frequent items in data streams", 2002; as feature hashing, K. Weinberger et al., 2009).
//! Every value is added, with a sign, to one of [`BUCKETS`] sums that its index is hashed to; products of two sketches are
//! then estimates of the products of the updates, with a standard error of about |a||b|/√[`BUCKETS`].
//!
//! The server drops an update as soon as it is folded into the mean. Of each client it keeps this, 4 KiB, whatever the
//! model's size.

/// Sums of a sketch.
const BUCKETS: usize = 1024;
/// Of a longer update only every so many-th value is looked at, so that there are at most twice as many as this.
const LOOKED_AT: usize = 1 << 17;

/// A sketch of one update.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sketch(Vec<f32>);

/// A sketch that is being made, from an update that comes in pieces.
#[derive(Debug)]
pub(crate) struct Sketching {
    sums: Vec<f32>,
    stride: usize,
    /// The index of the next piece's first value.
    at: usize,
}

impl Sketching {
    /// Of an update of `count` values.
    pub(crate) fn of(count: usize) -> Sketching {
        Sketching { sums: vec![0.0; BUCKETS], stride: (count / LOOKED_AT).max(1), at: 0 }
    }

    /// The next values.
    pub(crate) fn take(&mut self, values: &[f32]) {
        let first = self.at.next_multiple_of(self.stride);
        let looked_at = values.iter().skip(first - self.at).step_by(self.stride);
        for (index, value) in (first..).step_by(self.stride).zip(looked_at) {
            let hash = mix(index as u64);
            let signed = if hash >> 63 == 0 { *value } else { -value };
            if let Some(sum) = self.sums.get_mut((hash % BUCKETS as u64) as usize) {
                *sum += signed;
            }
        }
        self.at += values.len();
    }

    /// The sketch of what was taken.
    pub(crate) fn done(self) -> Sketch {
        Sketch(self.sums)
    }
}

impl Sketch {
    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.0.as_slice())
    }

    /// For each sketch, the cosine between it and the sum of the others, −1 to 1. `None` where one of the two is zero, as
    /// with a single sketch.
    pub(crate) fn agreements(sketches: &[&Sketch]) -> Vec<Option<f32>> {
        let mut all = vec![0.0_f64; BUCKETS];
        for sketch in sketches {
            for (all, value) in all.iter_mut().zip(&sketch.0) {
                *all += f64::from(*value);
            }
        }
        let agreement = |sketch: &&Sketch| {
            let (mut product, mut own, mut others) = (0.0, 0.0, 0.0);
            for (all, value) in all.iter().zip(&sketch.0) {
                let value = f64::from(*value);
                let rest = all - value;
                product += value * rest;
                own += value * value;
                others += rest * rest;
            }
            let cosine = (product / (own.sqrt() * others.sqrt())).clamp(-1.0, 1.0) as f32;
            (sketches.len() > 1 && cosine.is_finite()).then_some(cosine)
        };
        sketches.iter().map(agreement).collect()
    }
}

/// Spreads an index over 64 bits (the finaliser of SplitMix64: G. Steele, D. Lea, C. Flood, 2014).
pub(crate) fn mix(index: u64) -> u64 {
    let mut hash = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values between −1 and 1 that follow from `seed`.
    fn noise(seed: u64, count: usize) -> Vec<f32> {
        (0..count as u64)
            .map(|index| mix(seed.wrapping_mul(0x1_0000_0001) ^ (index << 8)) as i64 as f32 / 2f32.powi(63))
            .collect()
    }

    /// In pieces of odd lengths.
    fn sketch_of(values: &[f32]) -> Sketch {
        let mut sketching = Sketching::of(values.len());
        values.chunks(777).for_each(|piece| sketching.take(piece));
        sketching.done()
    }

    fn exact(updates: &[Vec<f32>], which: usize) -> f64 {
        let rest: Vec<f64> = (0..updates[0].len())
            .map(|place| {
                (0..updates.len()).filter(|other| *other != which).map(|other| f64::from(updates[other][place])).sum()
            })
            .collect();
        let own = &updates[which];
        let product: f64 = own.iter().zip(&rest).map(|(own, rest)| f64::from(*own) * rest).sum();
        let length = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
        product / (length(&mut own.iter().map(|own| f64::from(*own))) * length(&mut rest.iter().copied()))
    }

    #[test]
    fn agreements_are_those_of_the_whole_updates() {
        // 45,188 values are `compact`'s; 400,000 are looked at in part.
        for count in [45_188, 400_000] {
            let common = noise(1, count);
            let mix_of = |seed: u64, share: f32| -> Vec<f32> {
                common
                    .iter()
                    .zip(noise(seed, count))
                    .map(|(common, own)| share * common + (1.0 - share) * own)
                    .collect()
            };
            let updates = [mix_of(2, 0.8), mix_of(3, 0.5), mix_of(4, 0.2), mix_of(5, 0.0), mix_of(6, -0.6)];
            let sketches: Vec<Sketch> = updates.iter().map(|update| sketch_of(update)).collect();
            let found = Sketch::agreements(&sketches.iter().collect::<Vec<_>>());
            for (which, found) in found.into_iter().enumerate() {
                let (found, exact) = (f64::from(found.unwrap()), exact(&updates, which));
                assert!((found - exact).abs() < 0.08, "{count} values, update {which}: {found:.3}, exactly {exact:.3}");
            }
        }
    }

    #[test]
    fn equal_updates_agree_and_opposite_ones_do_not() {
        let update = noise(9, 5_000);
        let opposite: Vec<f32> = update.iter().map(|value| -2.0 * value).collect();
        let (one, other) = (sketch_of(&update), sketch_of(&opposite));
        let close = |found: Option<f32>, expected: f32| (found.unwrap() - expected).abs() < 1.0e-6;
        assert!(Sketch::agreements(&[&one, &one]).into_iter().all(|found| close(found, 1.0)));
        assert!(Sketch::agreements(&[&one, &other]).into_iter().all(|found| close(found, -1.0)));
        assert_eq!(Sketch::agreements(&[&one]), [None]);
        assert_eq!(Sketch::agreements(&[&sketch_of(&[0.0; 8]), &one])[0], None);
    }
}
