//! A room's model as a safetensors file: a header that says all that is needed to use it, then the parameters as they
//! stand in memory. Only the header is ever built, so that sending or storing a model of 100 MB copies nothing.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use federation::Checkpoint;
use models::{Architecture, Layout};
use protocol::Standardisation;
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensors};

/// Length of the number that begins every safetensors file, and the alignment of the data behind the header.
const PREFIX: usize = 8;

/// What a model file says about its model besides the parameters.
pub struct Description<'a> {
    /// Which network it is.
    pub architecture: Architecture,
    /// The emotions, in the order of the outputs.
    pub labels: &'a [String],
    /// What to standardise features with; `None` before the room has worked it out.
    pub standardisation: Option<&'a Standardisation>,
    /// The room it comes from.
    pub room: &'a str,
    /// The last round that went into it; 0 before the first.
    pub round: u32,
    /// Counts its changes.
    pub model_version: u32,
    /// Updates and examples that went into it, over all rounds.
    pub updates: u64,
    /// See `updates`.
    pub examples: u64,
}

impl<'a> Description<'a> {
    /// What the model stored beside a checkpoint is.
    pub fn of(checkpoint: &'a Checkpoint) -> Result<Self> {
        Ok(Self {
            architecture: checkpoint.config.architecture.parse()?,
            labels: &checkpoint.config.labels,
            standardisation: checkpoint.standardisation.as_ref(),
            room: checkpoint.config.code.as_str(),
            round: checkpoint.history.last().map_or(0, |record| record.round.0),
            model_version: checkpoint.model_version.0,
            updates: checkpoint.history.iter().map(|record| u64::from(record.clients)).sum(),
            examples: checkpoint.history.iter().map(|record| record.examples).sum(),
        })
    }

    /// The same as keys and values, with what the features are; without standardisation.
    pub fn metadata(&self) -> Result<Vec<(String, String)>> {
        let features = self.architecture.features();
        let metadata = [
            ("format", "chorus.v1".to_owned()),
            ("architecture", self.architecture.name().to_owned()),
            ("labels", serde_json::to_string(self.labels)?),
            ("features", serde_json::to_string(&speech::INPUT_NAMES[..features])?),
            ("sample_rate", speech::SAMPLE_RATE.to_string()),
            ("window", speech::WINDOW.to_string()),
            ("hop", speech::HOP.to_string()),
            ("max_frames", speech::MAX_FRAMES.to_string()),
            ("room", self.room.to_owned()),
            ("round", self.round.to_string()),
            ("model_version", self.model_version.to_string()),
            ("updates", self.updates.to_string()),
            ("examples", self.examples.to_string()),
        ];
        Ok(metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

/// The file's beginning: everything before the parameters, which follow as `f32` little endian in the layout's order.
pub fn header(about: &Description<'_>) -> Result<Bytes> {
    let layout = about.architecture.layout(about.labels.len());
    let mut metadata: HashMap<String, String> = about.metadata()?.into_iter().collect();
    metadata.insert("layout".to_owned(), layout_text(&layout)?);
    if let Some(standardisation) = about.standardisation {
        let features = about.architecture.features();
        let used = |numbers: &[f32]| serde_json::to_string(&numbers[..features.min(numbers.len())]);
        metadata.insert("mean".to_owned(), used(&standardisation.mean)?);
        metadata.insert("deviation".to_owned(), used(&standardisation.deviation)?);
    }
    let tensors = layout
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
    let mut json = serde_json::to_vec(&serde_json::to_value(Metadata::new(Some(metadata), tensors)?)?)?;
    json.resize(json.len().next_multiple_of(PREFIX), b' ');
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.append(&mut json);
    Ok(header.into())
}

/// `[["name", [shape], offset], …]`: the order of the flat vector, which the file's own index does not keep.
fn layout_text(layout: &Layout) -> Result<String> {
    let rows: Vec<_> = layout.tensors.iter().map(|tensor| (&tensor.name, &tensor.shape, tensor.offset)).collect();
    Ok(serde_json::to_string(&rows)?)
}

/// Reads the parameters of a file that `header` began, and checks that it is whole and of the shape that is expected.
pub fn parameters(file: &[u8], architecture: Architecture, labels: usize) -> Result<Vec<f32>> {
    let (header, _) = SafeTensors::read_metadata(file).context("this is no safetensors file, or it was cut off")?;
    let data = file.get(PREFIX + header..).context("the file ends within its header")?;
    let layout = architecture.layout(labels);
    let tensors = SafeTensors::deserialize(file)?;
    for expected in &layout.tensors {
        let tensor = tensors.tensor(&expected.name).with_context(|| format!("tensor {} is missing", expected.name))?;
        if tensor.shape() != expected.shape || tensor.dtype() != Dtype::F32 {
            bail!("tensor {} has shape {:?}, expected {:?}", expected.name, tensor.shape(), expected.shape);
        }
    }
    if data.len() != layout.total() * size_of::<f32>() {
        bail!("the file holds {} bytes of parameters, expected {}", data.len(), layout.total() * size_of::<f32>());
    }
    let (numbers, _) = data.as_chunks::<4>();
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
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
            standardisation: Some(&Standardisation { mean: vec![0.0; 60], deviation: vec![1.0; 60] }),
            room: "ABCDEF",
            round: 3,
            model_version: 3,
            updates: 12,
            examples: 480,
        };
        let mut file = header(&about).unwrap().to_vec();
        assert_eq!(file.len() % PREFIX, 0, "parameters start aligned");
        file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));

        assert_eq!(parameters(&file, Architecture::Compact, labels.len()).unwrap(), numbers);
        let (_, metadata) = SafeTensors::read_metadata(&file).unwrap();
        let described = metadata.metadata().as_ref().unwrap();
        assert_eq!(described["labels"], r#"["angry","happy","neutral","sad"]"#);
        assert_eq!(described["round"], "3");

        let cut = &file[..file.len() - 4];
        assert!(parameters(cut, Architecture::Compact, labels.len()).is_err());
        assert!(parameters(&file, Architecture::Conv, labels.len()).is_err());
    }
}
