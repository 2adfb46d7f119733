//! Writes each network as an ONNX file with random parameters, and beside it a JSON file with sounds' features and what
//! [`Inference`] answers for them, which is checked against the learner and PyTorch:
//! `cargo run --release -p model-file --example write_onnx -- FOLDER SOUND…`. Each sound goes in at
//! each of its speeds. `tests/reference/onnx/check.py` compares with what onnxruntime answers.

mod expected;

use std::{error::Error, fs, path::Path};

use expected::Clips;
use models::{Architecture, Example, FEATURES, FRAMES, Inference, Standardisation, initial_parameters, onnx};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const LABELS: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((folder, sounds)) = arguments.split_first().filter(|(_, sounds)| !sounds.is_empty()) else {
        return Err("say a folder and at least one sound file".into());
    };
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    let Clips { mut names, mut clips } = Clips::of_files(sounds)?;
    // And full clips, of the same frames again and again.
    for clip in clips.clone() {
        names.push("repeated to 100 frames".to_owned());
        let frames = clip.values.chunks_exact(FEATURES).take(clip.frames).cycle().take(FRAMES);
        clips.push(Example { values: frames.flatten().copied().collect(), frames: FRAMES, ..clip });
    }
    // No sound is as short as this, but a clip may be cut to it.
    for frames in [1, 4, 7] {
        let clip = clips.first().cloned().ok_or("the sounds have no frames")?;
        names.push(format!("cut to {frames} frames"));
        clips.push(Example { frames: frames.min(clip.frames), ..clip });
    }

    let standardisation = Standardisation::of(&clips);
    let clips = Clips { names, clips };
    for architecture in Architecture::ALL {
        let parameters = parameters(architecture);
        let metadata = [("architecture".to_owned(), architecture.name().to_owned())];
        let file = onnx::model(architecture, LABELS, &parameters, &standardisation, &metadata)?;
        let model = Inference::new(architecture, LABELS, parameters, standardisation.clone())?;
        fs::write(folder.join(format!("{architecture}.json")), clips.answers(&model)?.to_string())?;
        fs::write(folder.join(format!("{architecture}.onnx")), &file)?;
        println!("{architecture}: {} clips, {} bytes", clips.clips.len(), file.len());
    }
    Ok(())
}

/// As they start, but with biases and scales that are not all alike.
fn parameters(architecture: Architecture) -> Vec<f32> {
    let mut parameters = initial_parameters(architecture, LABELS, 7);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for spec in architecture.layout(LABELS).tensors.iter().filter(|spec| spec.shape.len() == 1) {
        for value in parameters.iter_mut().skip(spec.offset).take(spec.elements()) {
            *value += rng.random::<f32>() / 2.0 - 0.25;
        }
    }
    parameters
}
