//! One update, looked at whole before any of it may touch what a round has gathered.

use protocol::{Encoding, EncodingError, RefusalReason};

use crate::sketch::{Sketch, Sketching};

/// Why an update's bytes may not be taken.
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
    parameters: usize,
    norm: f64,
    sketch: Sketch,
}

impl<'a> Update<'a> {
    /// Looks at every value once: whether it is finite, how long the update is, and which way it points.
    pub(crate) fn inspect(
        encoding: Encoding,
        bytes: &'a [u8],
        parameters: usize,
        norm_limit: f64,
    ) -> Result<Update<'a>, Unfit> {
        let mut squares = 0.0_f64;
        let mut sketching = Sketching::of(parameters);
        let looked = encoding.blocks(bytes, parameters, |block| {
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
        Ok(Update { encoding, bytes, parameters, norm, sketch: sketching.done() })
    }

    /// How many values it has.
    pub(crate) fn parameters(&self) -> usize {
        self.parameters
    }

    /// Hands its values to `take`, block by block.
    pub(crate) fn blocks(&self, take: impl FnMut(&[f32])) -> Result<(), EncodingError> {
        self.encoding.blocks(self.bytes, self.parameters, take)
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
#[multiversion::multiversion(targets("x86_64+avx2"))]
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
