//! The order of a model's numbers in its flat vector. It depends on the architecture and the number of labels alone.

use serde::{Deserialize, Serialize};

use crate::{Layer, ModelError};

/// One tensor's place in the flat vector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Layer and role, such as `convolution_2.kernel`: layers are counted from 1 within their kind.
    pub name: String,
    /// Lengths of its axes; the last one varies fastest (row-major).
    pub shape: Vec<usize>,
    /// Place of its first number in the flat vector.
    pub offset: usize,
}

impl TensorSpec {
    /// How many numbers it holds.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The place of its numbers in the flat vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.elements()
    }

    /// Rows and columns when all axes but the last are taken as one; a bias is one row.
    pub(crate) fn matrix(&self) -> [usize; 2] {
        let columns = self.shape.last().copied().unwrap_or(1);
        [self.elements() / columns.max(1), columns]
    }
}

/// All tensors of a model, in the order of its flat vector: layer by layer from the input, and within a layer kernel,
/// recurrent kernel (LSTM only), bias (a normalisation has scale and bias), one directly after the other. Kernels are
/// stored as Keras has them: a convolution's (width, inputs, outputs), a dense one's (inputs, outputs), an LSTM's
/// (inputs, 4 x units) with the gates input, forget, cell, output side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The tensors, in order and without gaps.
    pub tensors: Vec<TensorSpec>,
}

impl Layout {
    /// The layout of a list of layers.
    pub(crate) fn of(layers: &[Layer]) -> Self {
        let mut tensors = Vec::new();
        let mut offset = 0;
        for (place, layer) in layers.iter().enumerate() {
            let count = layers[..=place].iter().filter(|other| other.kind() == layer.kind()).count();
            for (role, shape, _) in layer.tensors() {
                let spec = TensorSpec { name: format!("{}_{count}.{role}", layer.kind()), shape, offset };
                offset += spec.elements();
                tensors.push(spec);
            }
        }
        Self { tensors }
    }

    /// Length of the flat vector.
    pub fn total(&self) -> usize {
        self.tensors.iter().map(TensorSpec::elements).sum()
    }

    /// Refuses a flat vector of another length, or with a number that is not finite.
    pub(crate) fn check(&self, parameters: &[f32]) -> Result<(), ModelError> {
        let expected = self.total();
        if parameters.len() != expected {
            return Err(ModelError::Length { expected, given: parameters.len() });
        }
        match parameters.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(ModelError::ParameterNotFinite { index }),
            None => Ok(()),
        }
    }
}
