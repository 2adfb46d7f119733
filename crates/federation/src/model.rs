//! The shared model: one vector of parameters, and the bytes that every client is sent.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{Checksum, Encoding, ModelVersion, Transfer, TransferId};

/// A version of the shared model. Clones share its memory.
#[derive(Clone, Debug)]
pub struct Model {
    version: ModelVersion,
    /// The parameters, and behind them what the strategy sends along.
    values: Arc<Vec<f32>>,
    /// How many of them are parameters.
    parameters: usize,
    encoded: Bytes,
    transfer: Transfer,
}

/// Values seen as bytes, without a copy.
struct ValuesAsBytes(Arc<Vec<f32>>);

impl AsRef<[u8]> for ValuesAsBytes {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl Model {
    /// Takes the parameters over; `attachment` is sent behind them. `encoding` is the room's. With f32 the bytes are the values
    /// themselves; with f16 they take half as much again.
    pub(crate) fn new(version: ModelVersion, parameters: Vec<f32>, attachment: &[f32], encoding: Encoding) -> Model {
        let encoding = encoding.of_models();
        let mut values = parameters;
        let parameters = values.len();
        values.extend_from_slice(attachment);
        let values = Arc::new(values);
        let encoded = match encoding {
            Encoding::F32 => Bytes::from_owner(ValuesAsBytes(values.clone())),
            _ => encoding.encode_slice(&values),
        };
        let transfer = Transfer {
            id: TransferId(version.0),
            // The room's check holds a model below 256 MiB.
            bytes: encoded.len() as u32,
            encoding,
            checksum: Checksum::of(&encoded),
        };
        Model { version, values, parameters, encoded, transfer }
    }

    /// Which version it is.
    pub fn version(&self) -> ModelVersion {
        self.version
    }

    /// The parameters in full precision.
    pub fn parameters(&self) -> &[f32] {
        &self.values[..self.parameters]
    }

    /// The parameters in full precision as little-endian f32 bytes, for storing; shared, not copied.
    pub fn bytes(&self) -> Bytes {
        Bytes::from_owner(ValuesAsBytes(self.values.clone())).slice(..self.parameters * size_of::<f32>())
    }

    /// What clients are sent: the parameters, and behind them what the strategy sends along, in the room's encoding.
    pub fn encoded(&self) -> Bytes {
        self.encoded.clone()
    }

    /// How `encoded` is announced. Its id is the model's version.
    pub fn transfer(&self) -> Transfer {
        self.transfer
    }
}
