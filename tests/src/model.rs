//! The model that a room offers for download, read as anyone would read it, and evaluated natively.

use std::sync::Arc;

use anyhow::{Context, Result};
use models::{Architecture, Backend, Evaluation, Example, Inference, Learner, Standardisation};
use safetensors::SafeTensors;

use crate::program::{CODE, Server};
use crate::voices::{Voices, labels};

/// A downloaded model.
pub struct SharedModel {
    architecture: Architecture,
    standardisation: Standardisation,
    /// All parameters in the order of the architecture's layout.
    pub parameters: Vec<f32>,
}

impl SharedModel {
    /// Downloads the room's present model.
    ///
    /// # Errors
    /// Where the file is not as `docs/protocol.md` describes it.
    pub async fn download(server: &Server) -> Result<Self> {
        Self::read(&server.get(&format!("/api/rooms/{CODE}/model.safetensors")).await?)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// Where the file is not as `docs/protocol.md` describes it.
    pub fn read(file: &[u8]) -> Result<Self> {
        let (_, metadata) = SafeTensors::read_metadata(file)?;
        let metadata = metadata.metadata().clone().context("the model has metadata")?;
        let field = |name: &str| metadata.get(name).with_context(|| format!("the model's metadata has no {name}"));
        let architecture: Architecture = field("architecture")?.parse()?;
        let statistics = |name| -> Result<Vec<f32>> { Ok(serde_json::from_str(field(name)?)?) };
        // Before the first round there are none.
        let standardisation = match metadata.contains_key("mean") {
            true => Standardisation { mean: statistics("mean")?, deviation: statistics("deviation")? },
            false => Standardisation::identity(),
        };
        let tensors = SafeTensors::deserialize(file)?;
        let mut parameters = Vec::new();
        for spec in architecture.layout(labels().len()).tensors {
            let tensor = tensors.tensor(&spec.name)?;
            let (values, _) = tensor.data().as_chunks::<4>();
            parameters.extend(values.iter().map(|&value| f32::from_le_bytes(value)));
        }
        Ok(Self { architecture, standardisation, parameters })
    }

    /// What it standardises features with.
    pub fn scale(&self) -> &Standardisation {
        &self.standardisation
    }

    /// The same model by another scale.
    pub fn by(self, standardisation: Standardisation) -> Self {
        Self { standardisation, ..self }
    }

    /// How likely the model finds each label for a recording, heard at all speeds.
    ///
    /// # Errors
    /// Where the sound cannot be used.
    pub fn probabilities(&self, sound: &speech::Sound) -> Result<Vec<f32>> {
        let mut inputs = speech::inputs_at_speeds(sound)?.into_iter();
        let first = inputs.next().context("a sound has an input")?;
        let variants = inputs.map(|input| models::Variant { values: input.values, frames: input.frames }).collect();
        let example = Example { values: first.values, frames: first.frames, text: Vec::new(), label: 0, variants };
        let parameters = Arc::new(self.parameters.clone());
        let model = Inference::new(self.architecture, labels().len(), parameters, self.standardisation.clone())?;
        Ok(model.probabilities(&example)?)
    }

    /// How the model does on these clips.
    ///
    /// # Errors
    /// Where a clip cannot be read.
    pub async fn evaluate(&self, voices: &Voices, clips: &[&corpus::Clip]) -> Result<Evaluation> {
        let mut learner = Learner::new(self.architecture, labels().len(), Backend::Cpu).await?;
        learner.set_parameters(&self.parameters).await?;
        learner.set_standardisation(self.standardisation.clone())?;
        let mut examples = Vec::new();
        for clip in clips {
            let sound = speech::decode(&std::fs::read(voices.path(clip))?, clip.path.to_str())?.sound;
            let input = speech::input(&sound)?;
            examples.push(Example {
                values: input.values,
                frames: input.frames,
                text: Vec::new(),
                label: clip.label,
                variants: Vec::new(),
            });
        }
        Ok(learner.evaluate(&examples).await?)
    }
}
