//! A room's model as an ONNX file, which onnxruntime and other programs run without anything of ours. What goes in and
//! comes out is described at [`models::onnx`].

use anyhow::{Context as _, Result};
use bytes::Bytes;
use model_file::Description;
use models::onnx;

/// The file in parts, one after the other; those with parameters share the bytes of `model` (`f32` little endian, in the
/// layout's order). `None` before the room has worked out what to standardise features with, which the file needs.
pub fn parts(about: &Description<'_>, model: &Bytes) -> Result<Option<Vec<Bytes>>> {
    let Some(standardisation) = &about.standardisation else { return Ok(None) };
    let pieces = onnx::pieces(about.architecture, about.labels.len(), standardisation, &about.metadata())?;
    let mut parts = Vec::with_capacity(2 * pieces.len());
    for onnx::Piece { header, parameters } in pieces {
        let [start, end] = [parameters.start, parameters.end].map(|place| place * size_of::<f32>());
        model.get(start..end).context("the model has fewer parameters than its architecture")?;
        parts.extend([header.into(), model.slice(start..end)]);
    }
    Ok(Some(parts))
}

#[cfg(test)]
mod tests {
    use model_file::Learnt;
    use models::{Architecture, Standardisation};

    use super::*;

    #[test]
    fn the_parts_are_the_file_that_would_be_written_at_once() {
        let labels = ["calm", "cross", "glad"].map(str::to_owned);
        let numbers = models::initial_parameters(Architecture::Compact, labels.len(), 7);
        let model: Bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let standardisation =
            Standardisation { mean: vec![0.5; models::FEATURES], deviation: vec![2.0; models::FEATURES] };
        let about = Description {
            architecture: Architecture::Compact,
            labels: &labels,
            standardisation: Some(standardisation.clone()),
            several_speeds: true,
            own_scales: false,
            room: "ABCDEF",
            model_version: 3,
            learnt: Learnt::Together { round: 3, updates: 12, examples: 480 },
        };
        let file = parts(&about, &model).unwrap().unwrap().concat();
        let whole = onnx::model(Architecture::Compact, 3, &numbers, &standardisation, &about.metadata()).unwrap();
        assert!(file == whole);
        let contains = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(contains(r#"["calm","cross","glad"]"#) && contains("short_mfcc_1_mean"));

        assert!(parts(&about, &model.slice(..model.len() - 4)).is_err());
        assert!(parts(&Description { standardisation: None, ..about }, &model).unwrap().is_none());
    }
}
