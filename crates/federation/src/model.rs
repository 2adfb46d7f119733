//! The shared model: one vector of parameters, and the bytes that every client is sent.
//!
//! In a room whose differences travel with few bits a value, so does each step of the model: the server rounds it, and what
//! was sent *is* the next model, for the server as for the clients. What rounding leaves out goes into the next step.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{Checksum, Difference, Encoding, ModelVersion, Transfer, TransferId};

use crate::rounding;

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
    /// The way to it from the version before.
    difference: Option<(Difference, Bytes)>,
}

/// Ids of differences are those of the models with this bit set: a room has fewer versions.
const OF_DIFFERENCE: u32 = 1 << 31;

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
        Model { version, values, parameters, encoded, transfer, difference: None }
    }

    /// The first version of a room's model. Where differences travel with few bits a value, so does it, as the difference to
    /// zeros; for that its values are rounded to 8 bits first, which numbers drawn by chance do not feel.
    pub(crate) fn first(parameters: Vec<f32>, attachment: &[f32], encoding: Encoding) -> Model {
        if !encoding.is_of_differences() {
            return Model::new(ModelVersion(0), parameters, attachment, encoding);
        }
        let bytes = Encoding::Q8.encode_slice(&parameters);
        Model::at_the_end_of(None, Encoding::Q8, bytes, parameters.len())
            .unwrap_or_else(|| Model::new(ModelVersion(0), parameters, attachment, encoding))
    }

    /// The version after this one, which is to have these parameters: it has them, or in a room whose differences travel
    /// with few bits a value, what is left of them by rounding. `rest` is what rounding has left out so far, and becomes what it
    /// has left out now.
    pub(crate) fn next(
        &self,
        parameters: Vec<f32>,
        attachment: &[f32],
        encoding: Encoding,
        rest: &mut Vec<f32>,
        seed: u32,
    ) -> Model {
        let version = ModelVersion(self.version.0 + 1);
        if encoding.is_of_differences() {
            let step = parameters.iter().zip(self.parameters()).map(|(next, now)| next - now).collect();
            let key = u64::from(seed) << 32 | u64::from(version.0);
            let (bytes, left) = rounding::round(encoding, step, rest, key);
            if let Some(model) = Model::at_the_end_of(Some(self), encoding, bytes, self.parameters) {
                *rest = left;
                return model;
            }
        }
        rest.clear();
        Model::new(version, parameters, attachment, encoding)
    }

    /// The same, of a root's room, which came as a difference: it goes on as that.
    pub(crate) fn came_as(self, difference: Option<(Difference, Bytes)>) -> Model {
        Model { difference, ..self }
    }

    /// Where a difference leads from a version, or from zeros. None: to numbers that are not finite.
    fn at_the_end_of(before: Option<&Model>, encoding: Encoding, bytes: Bytes, parameters: usize) -> Option<Model> {
        let mut values = before.map_or_else(|| vec![0.0; parameters], |before| before.parameters().to_vec());
        rounding::add(encoding, &bytes, &mut values).ok()?;
        if !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let version = before.map_or(ModelVersion(0), |before| ModelVersion(before.version.0 + 1));
        let id = TransferId(version.0 | OF_DIFFERENCE);
        let transfer = Transfer { id, bytes: bytes.len() as u32, encoding, checksum: Checksum::of(&bytes) };
        let difference = Difference { from: before.map(|before| before.version), transfer };
        let model = Model::new(version, values, &[], encoding);
        Some(Model { difference: Some((difference, bytes)), ..model })
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

    /// How it is announced to those who have the version before.
    pub fn difference(&self) -> Option<Difference> {
        self.difference.as_ref().map(|(difference, _)| *difference)
    }

    /// Which version a transfer is or leads to.
    pub(crate) fn version_of(transfer: TransferId) -> ModelVersion {
        ModelVersion(transfer.0 & !OF_DIFFERENCE)
    }

    /// The bytes of a transfer by which one gets it.
    pub(crate) fn bytes_of(&self, transfer: TransferId) -> Option<Bytes> {
        if transfer == self.transfer.id {
            return Some(self.encoded());
        }
        let (difference, bytes) = self.difference.as_ref()?;
        (transfer == difference.transfer.id).then(|| bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_the_model_and_the_rest_comes_with_the_next() {
        let first: Vec<f32> = (0..500).map(|place| (place as f32 * 0.7).sin() * 0.1).collect();
        for encoding in [Encoding::Q8, Encoding::Q4] {
            let mut model = Model::first(first.clone(), &[], encoding);
            let (mut rest, mut wished) = (Vec::new(), model.parameters().to_vec());
            for _ in 0..60 {
                // Steps that differ a hundredfold within a group.
                let step = |place: usize| if place % 240 == 7 { 0.1 } else { 0.001 };
                wished.iter_mut().enumerate().for_each(|(place, value)| *value += step(place));
                let next = model.parameters().iter().enumerate().map(|(place, value)| value + step(place)).collect();
                let next = model.next(next, &[], encoding, &mut rest, 5);
                let (Difference { from, transfer }, bytes) = next.difference.clone().unwrap();
                assert_eq!((from, transfer.bytes as usize), (Some(model.version()), encoding.length(500)));
                let mut values = model.parameters().to_vec();
                rounding::add(encoding, &bytes, &mut values).unwrap();
                assert_eq!(values, next.parameters());
                model = next;
            }
            for ((value, wished), rest) in model.parameters().iter().zip(&wished).zip(&rest) {
                assert!((value + rest - wished).abs() < 1e-4, "{encoding:?}: {value} and {rest} for {wished}");
                assert!(
                    (value - wished).abs() < 0.04,
                    "{encoding:?}: a step in all is late, of 60: {value} for {wished}"
                );
            }
        }
    }

    #[test]
    fn a_step_that_no_difference_can_say_is_sent_whole() {
        let model = Model::first(vec![-3.0e38; 3], &[], Encoding::Q8);
        let mut rest = vec![1.0; 3];
        let next = model.next(vec![3.0e38; 3], &[], Encoding::Q8, &mut rest, 1);
        assert_eq!((next.parameters(), next.difference(), rest), (&[3.0e38_f32; 3][..], None, Vec::new()));
    }

    #[test]
    fn a_first_model_is_within_half_a_tick_of_what_was_drawn() {
        let drawn: Vec<f32> = (0..300).map(|place| (place as f32 * 1.3).sin() * 0.05).collect();
        let model = Model::first(drawn.clone(), &[], Encoding::Q4);
        let worst = model.parameters().iter().zip(&drawn).map(|(value, drawn)| (value - drawn).abs());
        assert!(worst.fold(0.0, f32::max) <= 0.05 / 107.0 / 2.0 * 1.001);
        assert_eq!(Model::first(drawn.clone(), &[], Encoding::F32).parameters(), drawn);
    }
}
