//! The shared model: one vector of parameters, and the bytes that every client is sent.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{Checksum, Encoding, ModelVersion, Transfer, TransferId};

/// A version of the shared model. Clones share its memory.
#[derive(Clone, Debug)]
pub struct Model {
    version: ModelVersion,
    parameters: Arc<Vec<f32>>,
    encoded: Bytes,
    transfer: Transfer,
}

/// The parameters seen as bytes, without a copy.
struct ParametersAsBytes(Arc<Vec<f32>>);

impl AsRef<[u8]> for ParametersAsBytes {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl Model {
    /// Takes the parameters over. With f32 the bytes are the parameters themselves; with f16 they take half as much
    /// again.
    pub(crate) fn new(version: ModelVersion, parameters: Vec<f32>, encoding: Encoding) -> Model {
        let parameters = Arc::new(parameters);
        let encoded = match encoding {
            Encoding::F32 => Bytes::from_owner(ParametersAsBytes(parameters.clone())),
            Encoding::F16 => encoding.encode_slice(&parameters),
        };
        let transfer = Transfer {
            id: TransferId(version.0),
            // The room's check holds a model below 256 MiB.
            bytes: encoded.len() as u32,
            encoding,
            checksum: Checksum::of(&encoded),
        };
        Model { version, parameters, encoded, transfer }
    }

    /// The same parameters under another version.
    pub(crate) fn with_version(mut self, version: ModelVersion) -> Model {
        self.version = version;
        self.transfer.id = TransferId(version.0);
        self
    }

    /// Which version it is.
    pub fn version(&self) -> ModelVersion {
        self.version
    }

    /// The parameters in full precision.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The parameters in full precision as little-endian f32 bytes, for storing; shared, not copied.
    pub fn bytes(&self) -> Bytes {
        Bytes::from_owner(ParametersAsBytes(self.parameters.clone()))
    }

    /// What clients are sent: the parameters in the room's encoding.
    pub fn encoded(&self) -> Bytes {
        self.encoded.clone()
    }

    /// How `encoded` is announced. Its id is the model's version.
    pub fn transfer(&self) -> Transfer {
        self.transfer
    }
}
