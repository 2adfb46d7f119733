//! A trained model as a file for other programs, safetensors or ONNX, and what such a file says about its model. It knows
//! no room and no browser: whoever has a model describes it.
//!
//! A safetensors file is a header that says all that is needed to use the model, then the parameters as they stand in
//! memory. Only the header is ever built, so that sending or storing a model of 100 MB copies nothing. ONNX files are
//! [`models::onnx`]'s, with [`Description::metadata`] in them and [`Description::json`] beside them.

pub mod tensors;

use std::collections::{BTreeMap, HashMap};

use models::{Architecture, Layout, Standardisation};
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::Serialize;
use serde_json::{Value, json};

/// What a model file says about its model besides the parameters.
#[derive(Clone, Debug)]
pub struct Description<'a> {
    /// Which network it is.
    pub architecture: Architecture,
    /// The emotions, in the order of the outputs.
    pub labels: &'a [String],
    /// What to standardise features with; `None` before the room has worked it out.
    pub standardisation: Option<Standardisation>,
    /// Whether it hears a clip at several speeds, whose logits' mean is its answer.
    pub several_speeds: bool,
    /// Whether it was trained on clips that each speaker's own scale standardises, of which the one here, the group's, is what those are
    /// heard by whose own nobody knows.
    pub own_scales: bool,
    /// The room it comes from.
    pub room: &'a str,
    /// Counts the changes of the room's model. A personal model has the version that it began as.
    pub model_version: u32,
    /// Whose it is.
    pub learnt: Learnt,
}

/// What went into a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// It is the group's.
    Together {
        /// The last round that went into it; 0 before the first.
        round: u32,
        /// Updates that went into it, over all rounds.
        updates: u64,
        /// Examples that they were trained on, over all rounds.
        examples: u64,
    },
    /// It is one person's: a copy of the group's, trained on.
    Alone {
        /// Passes over the person's own clips.
        epochs: u32,
        /// How many clips these were.
        clips: usize,
    },
}

/// Why a model file can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// The header can't be written as JSON.
    #[error("the header cannot be written: {0}")]
    Header(#[from] serde_json::Error),
    /// Not a safetensors file, or cut off.
    #[error("this is no safetensors file, or it was cut off: {0}")]
    Unreadable(#[from] SafeTensorError),
    /// The file does not hold a tensor that the network has.
    #[error("tensor {name} is missing")]
    Missing {
        /// The tensor's name.
        name: String,
    },
    /// A tensor is not as the network has it.
    #[error("tensor {name} has shape {found:?} of {dtype:?}, expected {expected:?} of F32")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// Its lengths in the file.
        found: Vec<usize>,
        /// The type of its numbers in the file.
        dtype: Dtype,
        /// Its lengths in the network.
        expected: Vec<usize>,
    },
    /// The file holds more than the network's tensors, or less.
    #[error("the file holds {found} bytes of parameters, expected {expected}")]
    Length {
        /// Bytes in the file.
        found: usize,
        /// Bytes that the network's parameters take.
        expected: usize,
    },
}

impl Description<'_> {
    /// What it is, without the statistics.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        let features = speech::INPUT_NAMES.get(..self.architecture.features()).unwrap_or_default();
        let others = if self.several_speeds { &speech::SPEEDS[..] } else { &[] };
        let speeds: Vec<u32> = [100].iter().chain(others).copied().collect();
        let mut fields = vec![
            ("format", json!("chorus.v1")),
            ("architecture", json!(self.architecture.name())),
            ("labels", json!(self.labels)),
            ("features", json!(features)),
            ("sample_rate", json!(speech::SAMPLE_RATE)),
            ("window", json!(speech::WINDOW)),
            ("hop", json!(speech::HOP)),
            ("max_frames", json!(speech::MAX_FRAMES)),
            ("speeds", json!(speeds)),
            ("room", json!(self.room)),
            ("model_version", json!(self.model_version)),
        ];
        if self.own_scales {
            fields.push(("normalisation", json!("own")));
        }
        fields.extend(match self.learnt {
            Learnt::Together { round, updates, examples } => {
                vec![("round", json!(round)), ("updates", json!(updates)), ("examples", json!(examples))]
            }
            Learnt::Alone { epochs, clips } => {
                vec![("personal_epochs", json!(epochs)), ("personal_clips", json!(clips))]
            }
        });
        fields
    }

    /// What features are standardised with, of those that the network uses.
    fn statistics(&self) -> Vec<(&'static str, &[f32])> {
        let Some(Standardisation { mean, deviation }) = &self.standardisation else { return Vec::new() };
        let features = self.architecture.features();
        [("mean", mean), ("deviation", deviation)]
            .map(|(name, numbers)| (name, numbers.get(..features).unwrap_or(numbers)))
            .into()
    }

    /// The same as keys and values, with what the features are; without standardisation.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        self.fields().into_iter().map(|(key, value)| (key.to_owned(), text(value))).collect()
    }

    /// The same as a JSON object, with what standardises the features, where that is known: it goes beside an ONNX file for
    /// programs that do not tell what is inside, such as onnxruntime-web. Lists and numbers are lists and numbers.
    ///
    /// # Errors
    /// None that is known: numbers and texts can be written as JSON.
    pub fn json(&self) -> Result<Vec<u8>, ModelFileError> {
        #[derive(Serialize)]
        struct Object<'a> {
            #[serde(flatten)]
            fields: BTreeMap<&'a str, Value>,
            #[serde(flatten)]
            statistics: BTreeMap<&'a str, &'a [f32]>,
        }
        let (fields, statistics) = (self.fields().into_iter().collect(), self.statistics().into_iter().collect());
        Ok(serde_json::to_vec(&Object { fields, statistics })?)
    }
}

/// The beginning of a safetensors file: everything before the parameters, which follow as `f32` little endian in the
/// layout's order.
///
/// # Errors
/// A text that JSON can't hold.
pub fn header(about: &Description<'_>) -> Result<Vec<u8>, ModelFileError> {
    let layout = about.architecture.layout(about.labels.len());
    let mut metadata: HashMap<String, String> = about.metadata().into_iter().collect();
    metadata.insert("layout".to_owned(), layout_text(&layout)?);
    for (name, numbers) in about.statistics() {
        metadata.insert(name.to_owned(), serde_json::to_string(numbers)?);
    }
    let index = layout
        .tensors
        .iter()
        .map(|tensor| {
            let start = tensor.offset * size_of::<f32>();
            let end = start + tensor.shape.iter().product::<usize>() * size_of::<f32>();
            (
                tensor.name.clone(),
                TensorInfo { dtype: Dtype::F32, shape: tensor.shape.clone(), data_offsets: (start, end) },
            )
        })
        .collect();
    // Through a `Value`, whose keys are sorted: the same model gives the same file.
    tensors::beginning(&serde_json::to_value(Metadata::new(Some(metadata), index)?)?)
}

/// `[["name", [shape], offset], …]`: the order of the flat vector, which the file's own index does not keep.
fn layout_text(layout: &Layout) -> Result<String, ModelFileError> {
    let rows: Vec<_> = layout.tensors.iter().map(|tensor| (&tensor.name, &tensor.shape, tensor.offset)).collect();
    Ok(serde_json::to_string(&rows)?)
}

/// Reads the parameters of a file that [`header`] began, and checks that it is whole and of the shape that is expected.
///
/// # Errors
/// It is no such file, was cut off, or is of another network.
pub fn parameters(file: &[u8], architecture: Architecture, labels: usize) -> Result<Vec<f32>, ModelFileError> {
    let (header, _) = SafeTensors::read_metadata(file)?;
    let data = file.get(tensors::PREFIX + header..).unwrap_or_default();
    let layout = architecture.layout(labels);
    let held = SafeTensors::deserialize(file)?;
    for expected in &layout.tensors {
        let missing = |_| ModelFileError::Missing { name: expected.name.clone() };
        let tensor = held.tensor(&expected.name).map_err(missing)?;
        if tensor.shape() != expected.shape || tensor.dtype() != Dtype::F32 {
            return Err(ModelFileError::Tensor {
                name: expected.name.clone(),
                found: tensor.shape().to_vec(),
                dtype: tensor.dtype(),
                expected: expected.shape.clone(),
            });
        }
    }
    let expected = layout.total() * size_of::<f32>();
    if data.len() != expected {
        return Err(ModelFileError::Length { found: data.len(), expected });
    }
    Ok(tensors::numbers(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_read_back_has_the_same_parameters_and_its_description() {
        let labels = ["angry", "happy", "neutral", "sad"].map(str::to_owned);
        let numbers = models::initial_parameters(Architecture::Compact, labels.len(), 7);
        let about = Description {
            architecture: Architecture::Compact,
            labels: &labels,
            standardisation: Some(Standardisation::identity()),
            several_speeds: true,
            own_scales: true,
            room: "ABCDEF",
            model_version: 3,
            learnt: Learnt::Together { round: 3, updates: 12, examples: 480 },
        };
        let mut file = header(&about).unwrap();
        assert_eq!(file.len() % tensors::PREFIX, 0, "parameters start aligned");
        file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));

        assert_eq!(parameters(&file, Architecture::Compact, labels.len()).unwrap(), numbers);
        let (_, metadata) = SafeTensors::read_metadata(&file).unwrap();
        let described = metadata.metadata().as_ref().unwrap();
        assert_eq!(described["labels"], r#"["angry","happy","neutral","sad"]"#);
        assert_eq!(described["round"], "3");
        assert_eq!(described["normalisation"], "own");

        let by_group = Description { own_scales: false, ..about.clone() };
        assert!(by_group.metadata().iter().all(|(key, _)| key != "normalisation"));
        let mine = Description { learnt: Learnt::Alone { epochs: 4, clips: 17 }, ..about };
        let mine = mine.metadata();
        assert!(mine.contains(&("personal_clips".to_owned(), "17".to_owned())));
        assert!(mine.iter().all(|(key, _)| key != "updates"));

        let cut = &file[..file.len() - 4];
        assert!(parameters(cut, Architecture::Compact, labels.len()).is_err());
        assert!(parameters(&file, Architecture::Conv, labels.len()).is_err());
    }
    #[test]
    fn what_goes_beside_a_file_is_what_it_says_inside() {
        let labels = ["ärgerlich", "say \"sad\""].map(str::to_owned);
        let statistics: Vec<f32> = (0..60_u8).map(|place| 0.1 + f32::from(place)).collect();
        let about = Description {
            architecture: Architecture::Conv,
            labels: &labels,
            standardisation: Some(Standardisation { mean: statistics.clone(), deviation: statistics }),
            several_speeds: true,
            own_scales: true,
            room: "ABCDEF",
            model_version: 3,
            learnt: Learnt::Alone { epochs: 4, clips: 17 },
        };
        let beside: Value = serde_json::from_slice(&about.json().unwrap()).unwrap();
        for (key, inside) in about.metadata() {
            // In the file everything is text.
            let value = &beside[&key];
            assert_eq!(value.as_str().map_or(value.to_string(), str::to_owned), inside, "{key}");
        }
        assert_eq!(beside["labels"], json!(labels));
        assert_eq!((&beside["max_frames"], &beside["sample_rate"]), (&json!(100), &json!(16_000)));
        assert_eq!(beside["speeds"], json!([100, 85, 92, 108, 117]));
        let [mean, features] = ["mean", "features"].map(|key| beside[key].as_array().unwrap().len());
        // Those that the network uses: pyAudioAnalysis' 34.
        assert_eq!((mean, features), (34, 34));
        assert_eq!(beside["mean"][1], json!(1.1), "written as short as it reads back");

        let unknown = Description { standardisation: None, ..about };
        let beside: Value = serde_json::from_slice(&unknown.json().unwrap()).unwrap();
        assert!(beside.get("mean").is_none() && beside["labels"] == json!(labels));
    }
}
