//! What Chorus answers to sounds with a model that was downloaded as safetensors, as JSON for
//! `tests/reference/onnx/check.py`, which puts beside it what onnxruntime answers with the same model downloaded as ONNX:
//! `cargo run --release -p model-file --example answers -- MODEL.safetensors SOUND… > MODEL.json`. Each sound goes in at
//! each of its speeds.

mod expected;

use std::{error::Error, fs};

use expected::Clips;
use models::{Architecture, Inference, Standardisation};
use safetensors::SafeTensors;

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

    let answers = Clips::of_files(sounds)?.answers(&inference)?;
    println!("{answers}");
    Ok(())
}
