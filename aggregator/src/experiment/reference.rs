//! The paper's own numbers: Chau & Garces, "Federated Learning for Emotion Recognition", tables 1 to 3 of the report and,
//! for single labels, the outputs of its notebooks (https://github.com/DAGABO98/federated-emotion).
//!
//! They were measured on IEMOCAP, on utterances of speakers of whom others were trained on.

use models::Architecture;
use serde::Serialize;

use super::condition::System;

/// Where the numbers come from, in words.
pub const SOURCE: &str = "Chau & Garces, Federated Learning for Emotion Recognition, tables 1 to 3";
/// Where the project lies.
pub const ADDRESS: &str = "https://github.com/DAGABO98/federated-emotion";
/// The labels of the paper in the order of [`Scores::labels`], by the names that are used here. Its "excited" is "happy".
pub const LABELS: [&str; 4] = ["angry", "happy", "neutral", "sad"];
/// Test utterances of each label.
pub const SUPPORT: [u32; 4] = [109, 104, 168, 113];

/// A column of tables 1 to 3, and the rows of the report of single labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// Share of utterances whose label was found.
    pub accuracy: f64,
    /// Macro recall: UAR.
    pub recall: f64,
    /// Macro precision.
    pub precision: f64,
    /// Macro F1.
    pub f1: f64,
    /// Time for training in seconds.
    pub seconds: f64,
    /// Precision, recall and F1 of each label.
    pub labels: [[f64; 3]; 4],
}

/// What the paper measured for a network and a system, where it did. Its `lstm` reads the padding, as `lstm-padded` does.
pub fn scores(model: Architecture, system: System) -> Option<Scores> {
    let everything = |label: usize, precision: f64, f1: f64| {
        let mut labels = [[0.0; 3]; 4];
        labels[label] = [precision, 1.0, f1];
        labels
    };
    let of = |[accuracy, recall, precision, f1, seconds]: [f64; 5], labels| {
        Some(Scores { accuracy, recall, precision, f1, seconds, labels })
    };
    match (model, system) {
        (Architecture::Dense, System::Centralised) => of(
            [0.26, 0.23, 0.23, 0.22, 480.0],
            [[0.21, 0.26, 0.23], [0.20, 0.12, 0.15], [0.34, 0.45, 0.38], [0.17, 0.12, 0.14]],
        ),
        (Architecture::Dense, System::Random) => of(
            [0.51, 0.49, 0.51, 0.49, 627.0],
            [[0.50, 0.51, 0.50], [0.43, 0.22, 0.29], [0.49, 0.62, 0.55], [0.62, 0.61, 0.62]],
        ),
        (Architecture::Dense, System::SingleEmotion) => of([0.21, 0.25, 0.05, 0.09, 480.0], everything(1, 0.21, 0.35)),
        (Architecture::Conv, System::Centralised) => of(
            [0.32, 0.25, 0.24, 0.16, 460.0],
            [[0.30, 0.06, 0.11], [0.20, 0.01, 0.02], [0.33, 0.88, 0.48], [0.14, 0.03, 0.04]],
        ),
        (Architecture::Conv, System::Random) => of(
            [0.41, 0.38, 0.41, 0.37, 316.0],
            [[0.39, 0.43, 0.41], [0.36, 0.10, 0.15], [0.38, 0.56, 0.45], [0.52, 0.44, 0.48]],
        ),
        (Architecture::Conv, System::SingleEmotion) => of([0.23, 0.25, 0.06, 0.09, 277.0], everything(3, 0.23, 0.37)),
        (Architecture::Lstm | Architecture::LstmPadded, System::Centralised) => of(
            [0.41, 0.35, 0.44, 0.31, 5740.0],
            [[0.45, 0.40, 0.43], [0.42, 0.05, 0.09], [0.39, 0.81, 0.52], [0.50, 0.14, 0.22]],
        ),
        (Architecture::Lstm | Architecture::LstmPadded, System::Random) => of(
            [0.43, 0.40, 0.43, 0.35, 5407.0],
            [[0.36, 0.67, 0.47], [0.25, 0.01, 0.02], [0.44, 0.62, 0.51], [0.69, 0.29, 0.41]],
        ),
        (Architecture::Lstm | Architecture::LstmPadded, System::SingleEmotion) => {
            of([0.22, 0.25, 0.06, 0.09, 4645.0], everything(0, 0.22, 0.36))
        }
        _ => None,
    }
}

/// Macro F1 by number of random clients, from one on, after ten rounds: read off the picture that is Figure 7 of the report, to
/// about 0.001. Its text says eight clients, its picture has seven.
pub fn f1_by_clients(model: Architecture) -> Option<[f64; 7]> {
    match model {
        Architecture::Dense => Some([0.437, 0.441, 0.460, 0.446, 0.461, 0.418, 0.424]),
        Architecture::Conv => Some([0.406, 0.458, 0.437, 0.483, 0.461, 0.469, 0.461]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEMS: [System; 3] = [System::Centralised, System::Random, System::SingleEmotion];
    const MODELS: [Architecture; 3] = [Architecture::Dense, Architecture::Conv, Architecture::Lstm];

    /// The tables and the reports of single labels were typed in apart from each other: their means must agree, within
    /// what two decimals leave open.
    #[test]
    fn the_tables_are_the_means_of_the_single_labels() {
        for model in MODELS {
            for system in SYSTEMS {
                let scores = scores(model, system).unwrap();
                let mean = |of: usize| scores.labels.iter().map(|label| label[of]).sum::<f64>() / 4.0;
                for (said, of) in [(scores.precision, 0), (scores.recall, 1), (scores.f1, 2)] {
                    assert!((said - mean(of)).abs() <= 0.0101, "{model} {system} {of}: {said} and {}", mean(of));
                }
                let found: f64 =
                    scores.labels.iter().zip(SUPPORT).map(|(label, clips)| label[1] * f64::from(clips)).sum();
                let accuracy = found / f64::from(SUPPORT.iter().sum::<u32>());
                assert!((scores.accuracy - accuracy).abs() <= 0.0101, "{model} {system}: {accuracy}");
            }
        }
        assert_eq!(scores(Architecture::Compact, System::Random), None);
    }
}
