//! What Chorus answers to sounds with a model that was downloaded as safetensors, as JSON for
//! `tests/reference/onnx/check.py`, which puts beside it what onnxruntime answers with the same model downloaded as ONNX:
//! `cargo run --release -p model-file --example answers -- MODEL.safetensors SOUND… > MODEL.json`. Each sound goes in at
//! each of its speeds.

use std::{error::Error, fs};

use models::{Architecture, Example, Inference, Standardisation};
use safetensors::SafeTensors;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((model, sounds)) = arguments.split_first().filter(|(_, sounds)| !sounds.is_empty()) else {
        return Err("say a safetensors file and at least one sound file".into());
    };
    let file = fs::read(model)?;
    let (_, header) = SafeTensors::read_metadata(&file)?;
    let about = header.metadata().as_ref().ok_or("the file says nothing of its model")?;
    let said = |key: &str| about.get(key).ok_or(format!("the file does not say {key}"));
    let architecture: Architecture = said("architecture")?.parse()?;
    let labels: Vec<String> = serde_json::from_str(said("labels")?)?;
    let standardisation = Standardisation {
        mean: serde_json::from_str(said("mean")?)?,
        deviation: serde_json::from_str(said("deviation")?)?,
    };
    let parameters = model_file::parameters(&file, architecture, labels.len())?;
    let inference = Inference::new(architecture, labels.len(), parameters, standardisation)?;

    let (mut names, mut clips) = (Vec::new(), Vec::new());
    for path in sounds {
        let sound = speech::decode(&fs::read(path)?, Some(path))?;
        for input in speech::inputs_at_speeds(&sound)? {
            names.push(format!("{path}, {} frames", input.frames));
            clips.push(Example { values: input.values, frames: input.frames, label: 0, variants: Vec::new() });
        }
    }
    let logits = clips.iter().map(|clip| inference.logits(clip)).collect::<Result<Vec<_>, _>>()?;
    let probabilities = clips.iter().map(|clip| inference.probabilities(clip)).collect::<Result<Vec<_>, _>>()?;
    let answers = json!({
        "names": names,
        "features": clips.iter().map(|clip| &clip.values).collect::<Vec<_>>(),
        "frames": clips.iter().map(|clip| clip.frames).collect::<Vec<_>>(),
        "logits": logits,
        "probabilities": probabilities,
    });
    println!("{answers}");
    Ok(())
}
