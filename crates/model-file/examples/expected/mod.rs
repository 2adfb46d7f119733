//! Sounds as clips, and what Chorus answers for them, as `tests/reference/onnx/check.py` reads it.

use std::{error::Error, fs};

use models::{Example, Inference, ModelError};
use serde_json::{Value, json};

/// Clips with a name each for people.
pub struct Clips {
    pub names: Vec<String>,
    pub clips: Vec<Example>,
}

impl Clips {
    /// Each sound at each of its speeds.
    pub fn of_files(sounds: &[String]) -> Result<Self, Box<dyn Error>> {
        let (mut names, mut clips) = (Vec::new(), Vec::new());
        for path in sounds {
            let sound = speech::decode(&fs::read(path)?, Some(path))?.sound;
            for input in speech::inputs_at_speeds(&sound)? {
                names.push(format!("{path}, {} frames", input.frames));
                clips.push(Example {
                    values: input.values,
                    frames: input.frames,
                    text: Vec::new(),
                    label: 0,
                    variants: Vec::new(),
                });
            }
        }
        Ok(Self { names, clips })
    }

    /// What `model` answers for them.
    pub fn answers(&self, model: &Inference) -> Result<Value, ModelError> {
        let Self { names, clips } = self;
        let logits = clips.iter().map(|clip| model.logits(clip)).collect::<Result<Vec<_>, _>>()?;
        let probabilities = clips.iter().map(|clip| model.probabilities(clip)).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({
            "names": names,
            "features": clips.iter().map(|clip| &clip.values).collect::<Vec<_>>(),
            "frames": clips.iter().map(|clip| clip.frames).collect::<Vec<_>>(),
            "logits": logits,
            "probabilities": probabilities,
        }))
    }
}
