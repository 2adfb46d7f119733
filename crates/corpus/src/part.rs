//! The parts of a corpus' own split, and the folders that are nobody.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::emotion::{fold, tokens};

/// A part of a split that a corpus comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// To learn from.
    Train,
    /// To choose settings by.
    Validation,
    /// To measure by.
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        })
    }
}

/// What a folder is called after, if it is neither a label nor a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// A part of the corpus' own split.
    Part(Part),
    /// "evaluation": what is tested on, except beside a folder "test" as in ESD, where it is for validation.
    Evaluation,
    /// Sound in general.
    Nobody,
}

/// Words of folders that only say that there is sound within.
const NOBODY: &str = "audio audios audiodata wav wavs wave waves flac mp3 mp4 ogg aac aif aiff pcm raw data dataset datasets db \
    database databases corpus corpora sample samples clip clips sound sounds recording recordings record speech voice voices \
    file files emotion emotions emotional media video videos split splits set sets part parts fold complete output repeated \
    original processed converted resampled trimmed clean mono stereo khz hz bit sentences all \
    aufnahme aufnahmen stimme stimmen daten dateien sprache gefuhl gefuhle klang \
    grabacion grabaciones voz voces datos archivos muestras sonido sonidos emocion emociones";

impl Container {
    /// What a folder's name says; None for one that may be a label or a person.
    pub(crate) fn of(name: &str) -> Option<Container> {
        let mut part = None;
        let mut words = 0;
        for token in tokens(name) {
            words += 1;
            match (of_word(&fold(token))?, part) {
                (Container::Nobody, _) => {}
                (new, None) => part = Some(new),
                (new, Some(old)) if new == old => {}
                _ => return None,
            }
        }
        // Numbers alone may be people.
        (words > 0).then_some(part.unwrap_or(Container::Nobody))
    }
}

fn of_word(word: &str) -> Option<Container> {
    Some(match word {
        "train" | "training" | "trn" | "entrenamiento" => Container::Part(Part::Train),
        "val" | "valid" | "validation" | "dev" | "devel" | "development" | "validierung" | "validacion" => {
            Container::Part(Part::Validation)
        }
        "test" | "testing" | "tst" | "prueba" | "pruebas" => Container::Part(Part::Test),
        "eval" | "evaluation" | "evaluacion" => Container::Evaluation,
        _ if NOBODY.split_whitespace().any(|nobody| nobody == word) => Container::Nobody,
        _ => return None,
    })
}

/// Whether a folder is called after the test part.
pub(crate) fn has_test(folders: &[&str]) -> bool {
    folders.iter().any(|folder| Container::of(folder) == Some(Container::Part(Part::Test)))
}

/// The part that the outermost of these folders names; `beside_test` says whether the corpus has a folder called after the
/// test part.
pub(crate) fn part_of(folders: &[&str], beside_test: bool) -> Option<Part> {
    folders.iter().find_map(|folder| match Container::of(folder)? {
        Container::Part(part) => Some(part),
        Container::Evaluation if beside_test => Some(Part::Validation),
        Container::Evaluation => Some(Part::Test),
        Container::Nobody => None,
    })
}

/// The part of the corpus' own split that a word in a table names.
pub(crate) fn part_of_word(word: &str) -> Option<Part> {
    match Container::of(word)? {
        Container::Part(part) => Some(part),
        Container::Evaluation => Some(Part::Test),
        Container::Nobody => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_parts_of_sound_and_of_people() {
        let part = |part| Some(Container::Part(part));
        for (name, expected) in [
            ("train", part(Part::Train)),
            ("TEST", part(Part::Test)),
            ("train_splits", part(Part::Train)),
            ("dev_splits_complete", part(Part::Validation)),
            ("output_repeated_splits_test", part(Part::Test)),
            ("evaluation", Some(Container::Evaluation)),
            ("wav", Some(Container::Nobody)),
            ("samples", Some(Container::Nobody)),
            ("Emotion Speech Dataset", Some(Container::Nobody)),
            ("0011", None),
            ("Anna", None),
            ("test person 3", None),
            ("train test", None),
        ] {
            assert_eq!(Container::of(name), expected, "{name}");
        }
        assert_eq!(part_of_word("Validation"), Some(Part::Validation));
    }
}
