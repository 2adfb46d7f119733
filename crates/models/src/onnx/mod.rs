//! A trained model as a self-contained ONNX file, for onnxruntime and whatever else reads the format.
//!
//! Everything between features and answer is in the graph: standardisation, zeros for padding, pooling over real frames,
//! the frame at which an LSTM is read. Inputs are
//!
//! - `features`, `f32` (clips, 100, 60): a clip's frames *not standardised*; what stands beyond the real ones is not
//!   looked at. Networks that use fewer features take the first ones.
//! - `frames`, `i64` (clips): how many of them are real; below 1 counts as 1, above 100 as 100.
//!
//! - `text`, `f32` (clips, 8192), of networks that read alone: how many pieces of a clip's transcript are in each bucket.
//!   Then 0 frames are a clip that is not heard.
//!
//! and outputs `probabilities`, `f32` (clips, labels), and `logits`, the same before softmax; of networks that read also `voice_logits`, `text_logits` and
//! `gate` (clips, 1). Where a clip is heard in
//! several ways, such as at several speeds, each of them goes in as a clip of its own; the answer is the softmax of the
//! mean of their logits.
//!
//! The initialisers are the tensors of the [`crate::Layout`], by their names and in its order and shapes, after `mean`
//! and `deviation`; what ONNX wants in another order is reordered in the graph, once, when it is loaded.

mod graph;
mod messages;

use std::ops::Range;

use prost::Message as _;

use crate::{Architecture, LEAST_LABELS, MOST_LABELS, ModelError, Standardisation, TensorSpec};
use messages::{ElementType, Entry, Model, OperatorSet, Tensor};

/// Of the operators, and of the format that came with it: 2021, the first with layer normalisation.
const OPERATOR_SET: i64 = 17;
const IR_VERSION: i64 = 8;

/// A part of a file: some bytes, and then some of the model's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What stands before the parameters.
    pub header: Vec<u8>,
    /// Which of the flat vector's numbers follow, as `f32` little endian.
    pub parameters: Range<usize>,
}

/// The whole file. `metadata` are keys and values for people and programs that open it.
///
/// # Errors
/// A number of labels outside 2 to 16; parameters of the wrong length, or not all of them finite; other than 60
/// finite means and 60 deviations above zero.
pub fn model(
    architecture: Architecture,
    labels: usize,
    parameters: &[f32],
    standardisation: &Standardisation,
    metadata: &[(String, String)],
) -> Result<Vec<u8>, ModelError> {
    let pieces = pieces(architecture, labels, standardisation, metadata)?;
    architecture.layout(labels).check(parameters)?;
    let headers: usize = pieces.iter().map(|piece| piece.header.len()).sum();
    let mut file = Vec::with_capacity(headers + size_of_val(parameters));
    for piece in pieces {
        file.extend_from_slice(&piece.header);
        let values = parameters.get(piece.parameters).unwrap_or_default();
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(file)
}

/// The same file without its parameters, for those who hold them as bytes already and would rather not copy 100 MB:
/// all headers, each followed by the parameters that it announces, one after the other.
///
/// # Errors
/// As [`model`], where it is not about parameters.
pub fn pieces(
    architecture: Architecture,
    labels: usize,
    standardisation: &Standardisation,
    metadata: &[(String, String)],
) -> Result<Vec<Piece>, ModelError> {
    if !(LEAST_LABELS..=MOST_LABELS).contains(&labels) {
        return Err(ModelError::Labels { labels });
    }
    standardisation.check()?;
    let graph = graph::of(architecture, labels, standardisation).encode_to_vec();
    let tensors = architecture.layout(labels).tensors;
    let headers: Vec<Vec<u8>> = tensors.iter().map(announcement).collect();
    let parameters: usize = tensors.iter().map(bytes).sum();
    let length = graph.len() + headers.iter().map(Vec::len).sum::<usize>() + parameters;

    let entry = |(key, value): &(String, String)| Entry { key: key.clone(), value: value.clone() };
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "chorus".to_owned(),
        graph: None,
        opset_import: vec![OperatorSet { version: OPERATOR_SET }],
        metadata_props: metadata.iter().map(entry).collect(),
    };
    // A message's fields may stand in any order, so the graph comes last, and in it the parameters.
    let mut before = field(model.encode_to_vec(), GRAPH_OF_MODEL, length);
    before.extend(graph);
    let mut pieces: Vec<Piece> = Vec::with_capacity(tensors.len());
    for (header, tensor) in headers.into_iter().zip(&tensors) {
        pieces.push(Piece { header: [std::mem::take(&mut before), header].concat(), parameters: tensor.range() });
    }
    Ok(pieces)
}

const GRAPH_OF_MODEL: u8 = 7;
const INITIALIZER_OF_GRAPH: u8 = 5;
const RAW_DATA_OF_TENSOR: u8 = 9;

/// How many bytes a tensor's numbers take.
fn bytes(tensor: &TensorSpec) -> usize {
    tensor.elements() * size_of::<f32>()
}

/// An initialiser of the graph up to its numbers.
fn announcement(spec: &TensorSpec) -> Vec<u8> {
    let dims = spec.shape.iter().map(|&length| length as i64).collect();
    let tensor = Tensor { dims, data_type: ElementType::Float.into(), name: spec.name.clone(), raw_data: Vec::new() };
    let tensor = field(tensor.encode_to_vec(), RAW_DATA_OF_TENSOR, bytes(spec));
    [field(Vec::new(), INITIALIZER_OF_GRAPH, tensor.len() + bytes(spec)), tensor].concat()
}

/// Appends the beginning of a field of that many bytes: its number with the wire type of what has a length, and the
/// length (<https://protobuf.dev/programming-guides/encoding/>).
fn field(mut message: Vec<u8>, number: u8, length: usize) -> Vec<u8> {
    const HAS_LENGTH: u8 = 2;
    message.push(number << 3 | HAS_LENGTH);
    // A vector takes as many bytes as come.
    let _ = prost::encode_length_delimiter(length, &mut message);
    message
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{FEATURES, initial_parameters};

    fn file(architecture: Architecture) -> (Vec<f32>, Model) {
        let parameters = initial_parameters(architecture, 3, 5);
        let standardisation = Standardisation { mean: vec![0.25; FEATURES], deviation: vec![2.0; FEATURES] };
        let metadata = [("labels".to_owned(), "[]".to_owned())];
        let file = model(architecture, 3, &parameters, &standardisation, &metadata).unwrap();
        (parameters, Model::decode(file.as_slice()).unwrap())
    }

    #[test]
    fn the_file_holds_every_parameter_and_the_statistics_once() {
        for architecture in Architecture::ALL {
            let (parameters, model) = file(architecture);
            assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
            assert_eq!(model.metadata_props[0].key, "labels");
            let mut values = Vec::new();
            let graph = model.graph.unwrap();
            for tensor in &graph.initializer {
                let (numbers, rest) = tensor.raw_data.as_chunks::<4>();
                assert!(rest.is_empty() && tensor.data_type == 1);
                assert_eq!(tensor.dims.iter().product::<i64>(), numbers.len() as i64, "{}", tensor.name);
                values.extend(numbers.iter().map(|&number| f32::from_le_bytes(number)));
            }
            let features = architecture.features();
            let statistics = [vec![0.25; features], vec![2.0; features]].concat();
            assert!(values == [statistics, parameters].concat(), "{architecture}");
            let layout = architecture.layout(3);
            let named = graph.initializer[2..].iter().map(|tensor| (&tensor.name, tensor.dims.clone()));
            let dims = |spec: &TensorSpec| spec.shape.iter().map(|&length| length as i64).collect();
            assert!(named.eq(layout.tensors.iter().map(|spec| (&spec.name, dims(spec)))));
        }
    }

    #[test]
    fn every_value_is_made_once_before_it_is_used_and_nothing_is_left_over() {
        for architecture in Architecture::ALL {
            let graph = file(architecture).1.graph.unwrap();
            let inputs = graph.input.iter().map(|input| &input.name);
            let mut made: HashSet<&String> =
                inputs.chain(graph.initializer.iter().map(|tensor| &tensor.name)).collect();
            let mut used: HashSet<&String> = graph.output.iter().map(|output| &output.name).collect();
            for node in &graph.node {
                for input in &node.input {
                    assert!(made.contains(input), "{architecture}: {} uses {input} before it is there", node.name);
                    used.insert(input);
                }
                for output in &node.output {
                    assert!(made.insert(output), "{architecture}: {output} is made twice");
                }
            }
            assert_eq!(made, used, "{architecture}");
        }
    }

    /// Programs that read ONNX differ in the defaults that they know: a constant says its value.
    #[test]
    fn every_constant_says_its_value() {
        for architecture in Architecture::ALL {
            let nodes = file(architecture).1.graph.unwrap().node;
            let constants: Vec<_> = nodes.iter().filter(|node| node.op_type.starts_with("Constant")).collect();
            assert!(!constants.is_empty());
            for node in constants {
                let value = node.attribute.iter().find(|attribute| attribute.name == "value").unwrap();
                let tensor = value.t.as_ref().unwrap();
                let bytes = if tensor.data_type == 7 { 8 } else { 4 };
                assert_eq!(tensor.raw_data.len() as i64, tensor.dims.iter().product::<i64>() * bytes, "{}", node.name);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let of = |labels, parameters: &[f32], standardisation| {
            model(Architecture::Compact, labels, parameters, &standardisation, &[]).err()
        };
        let good = initial_parameters(Architecture::Compact, 3, 5);
        let identity = Standardisation::identity;
        let (expected, given) = (good.len(), good.len() - 1);
        assert_eq!(of(3, &good, identity()), None);
        assert_eq!(of(1, &good, identity()), Some(ModelError::Labels { labels: 1 }));
        assert_eq!(of(3, &good[1..], identity()), Some(ModelError::Length { expected, given }));
        let empty = Standardisation { mean: Vec::new(), deviation: Vec::new() };
        assert_eq!(of(3, &good, empty), Some(ModelError::Standardisation));
    }
}
