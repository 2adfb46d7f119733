//! One update, looked at whole before any of it may touch what a round has gathered.

use protocol::{Encoding, EncodingError, RefusalReason};

use crate::sketch::Sketch;

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
        let values = encoding.values(bytes).map_err(|_| Unfit::WrongSize)?;
        if values.len() != parameters {
            return Err(Unfit::WrongSize);
        }
        let mut squares = 0.0_f64;
        let mut sketching = Sketch::begin(parameters);
        for (index, value) in values.enumerate() {
            if !value.is_finite() {
                return Err(Unfit::NotFinite(index));
            }
            squares += f64::from(value) * f64::from(value);
            sketching.add(index, value);
        }
        let norm = squares.sqrt();
        if norm > norm_limit {
            return Err(Unfit::NormTooLarge(norm));
        }
        Ok(Update { encoding, bytes, norm, sketch: sketching.end() })
    }

    /// Its values one after the other.
    pub(crate) fn values(&self) -> Result<impl ExactSizeIterator<Item = f32> + '_, EncodingError> {
        self.encoding.values(self.bytes)
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
