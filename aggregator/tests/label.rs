//! The example of docs/sounds.md, from a sound file to a label in Python, answers what the program's own way forwards does.
//! `cargo xtask test` says in `CHORUS_ONNX_PYTHON` which Python has onnxruntime; without one, this is left out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use model_file::{Description, Learnt};
use models::{Architecture, Inference, Standardisation};
use protocol::Augmentation;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/reference/onnx/label.py");

#[test]
fn ten_lines_of_python_answer_what_the_program_does() {
    let script = std::fs::read_to_string(SCRIPT).unwrap();
    assert!(include_str!("../../docs/sounds.md").contains(&script), "docs/sounds.md shows another script");
    assert_eq!(script.lines().count(), 10);
    let Some(python) = std::env::var_os("CHORUS_ONNX_PYTHON") else {
        eprintln!("LEFT OUT, as CHORUS_ONNX_PYTHON names no Python with onnxruntime");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let labels = corpus::EMOTIONS.map(str::to_owned);
    let voice = corpus::synth::Voice::new(1).say(0, 0);
    let sound = folder.path().join("voice.wav");
    std::fs::write(&sound, voice.to_wav()).unwrap();
    let heard = speech::decode(&voice.to_wav(), None).unwrap().sound;
    for (architecture, augmentation) in
        [(Architecture::Compact, Augmentation::Speed), (Architecture::Conv, Augmentation::None)]
    {
        let parameters = models::initial_parameters(architecture, labels.len(), 7);
        let example = client::example_of(&heard, 0, augmentation).unwrap();
        let standardisation = Standardisation::of([&example]);
        let about = Description {
            architecture,
            labels: &labels,
            standardisation: Some(standardisation.clone()),
            several_speeds: client::at_several_speeds(augmentation),
            own_scales: false,
            room: "ABCDEF",
            model_version: 1,
            learnt: Learnt::Together { round: 1, updates: 1, examples: 1 },
        };
        let file =
            models::onnx::model(architecture, labels.len(), &parameters, &standardisation, &about.metadata()).unwrap();
        let model = folder.path().join("model.onnx");
        std::fs::write(&model, file).unwrap();
        let own = Inference::new(architecture, labels.len(), parameters, standardisation).unwrap();
        let own = own.probabilities(&example).unwrap();

        let arguments = [env!("CARGO_BIN_EXE_chorus").as_ref(), model.as_os_str(), sound.as_os_str()];
        let output = Command::new(&python).arg(SCRIPT).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (label, numbers) = said.trim().split_once(" [").unwrap();
        let numbers: Vec<f32> =
            numbers.trim_end_matches(']').split_whitespace().map(|number| number.parse().unwrap()).collect();
        assert_eq!(label, labels[client::personal::most_likely(&own).unwrap()]);
        for (theirs, ours) in numbers.iter().zip(&own) {
            assert!((theirs - ours).abs() < 1e-4, "{architecture}: {numbers:?} for {own:?}");
        }
    }
}
