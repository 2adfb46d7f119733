//! The features of sound files as JSON lines: `{"file": …, "frames": [[34 numbers], …]}`, for comparing with other
//! software.
//!
//!     cargo run --release -p speech --example features_json -- a.flac b.wav

use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for file in std::env::args().skip(1) {
        let bytes = std::fs::read(&file)?;
        let frames = speech::decode(&bytes, Some(&file)).and_then(|decoded| speech::features(&decoded.sound))?;
        let frames: Vec<&[f32]> = frames.iter().map(|frame| frame.as_slice()).collect();
        println!("{}", json!({ "file": file, "frames": frames }));
    }
    Ok(())
}
