//! The 34 features agree with those that pyAudioAnalysis 0.3.14 computed from the same signals
//! (`tests/reference/pyaudioanalysis/golden.py` makes both), and the texture features with librosa's
//! (`tests/reference/librosa/golden.py`).

use std::collections::BTreeMap;
use std::path::Path;

use speech::{FEATURE_NAMES, FEATURES, Frame, INPUT_FEATURES, INPUT_NAMES};

/// Below this energy the reference's own epsilons dominate, and numbers need only be finite.
const LEAST_ENERGY: f64 = 1e-5;

/// Absolute plus relative. All but the MFCC agree to 1e-6; those of pure tones feel the rounding noise of the
/// reference's transform.
const TOLERANCE: f64 = 1e-3;

#[test]
fn features_agree_with_pyaudioanalysis_on_every_golden_signal() {
    let folder = Path::new("../../tests/reference/pyaudioanalysis/golden");
    let golden = std::fs::read_to_string(folder.join("features.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    assert_eq!(golden["names"], serde_json::json!(&FEATURE_NAMES[..]));

    let mut loud_frames = 0;
    for (name, expected) in golden["signals"].as_object().unwrap() {
        let wav = std::fs::read(folder.join(format!("{name}.wav"))).unwrap();
        let frames = speech::features(&speech::decode(&wav, None).unwrap().sound).unwrap();
        let expected: Vec<Vec<f64>> = serde_json::from_value(expected.clone()).unwrap();
        assert_eq!(frames.len(), expected.len(), "{name}: number of frames");
        for (index, (frame, expected)) in frames.iter().zip(&expected).enumerate() {
            loud_frames += usize::from(expected[1] > LEAST_ENERGY);
            compare(&format!("{name}, frame {index}"), frame, expected);
        }
    }
    assert!(loud_frames > 60, "only {loud_frames} frames were loud enough to be compared");
}

/// Absolute plus relative.
const TEXTURE_TOLERANCE: f64 = 1e-4;

#[test]
fn texture_agrees_with_librosa_on_every_golden_signal() {
    let reference = Path::new("../../tests/reference");
    let golden = std::fs::read_to_string(reference.join("librosa/texture.json")).unwrap();
    let golden: BTreeMap<String, Vec<Vec<f64>>> = serde_json::from_str(&golden).unwrap();
    assert!(golden.len() > 10);
    for (name, expected) in golden {
        let wav = std::fs::read(reference.join(format!("pyaudioanalysis/golden/{name}.wav"))).unwrap();
        let input = speech::input(&speech::decode(&wav, None).unwrap().sound).unwrap();
        assert_eq!(input.frames, expected.len(), "{name}: number of frames");
        for (index, (frame, expected)) in input.values.chunks_exact(INPUT_FEATURES).zip(&expected).enumerate() {
            let texture = frame[FEATURES..].iter().zip(&INPUT_NAMES[FEATURES..]);
            assert_eq!(texture.len(), expected.len());
            for ((&value, feature), &expected) in texture.zip(expected) {
                let difference = (f64::from(value) - expected).abs();
                assert!(
                    difference <= TEXTURE_TOLERANCE * (1.0 + expected.abs()),
                    "{name}, frame {index}: {feature} is {value}, librosa says {expected}"
                );
            }
        }
    }
}

fn compare(place: &str, frame: &Frame, expected: &[f64]) {
    for ((name, &value), &expected_value) in FEATURE_NAMES.iter().zip(frame).zip(expected) {
        let value = f64::from(value);
        assert!(value.is_finite(), "{place}: {name} is {value}");
        if expected[1] > LEAST_ENERGY {
            let difference = (value - expected_value).abs();
            assert!(
                difference <= TOLERANCE + TOLERANCE * expected_value.abs(),
                "{place}: {name} is {value}, pyAudioAnalysis says {expected_value}"
            );
        }
    }
}
