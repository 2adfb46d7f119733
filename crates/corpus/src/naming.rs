//! Label and speaker of a file, from its path alone. No disk is looked at, so it works on what a browser is given too.

use crate::emotion::{Emotion, fold};
use crate::published::{self, Published};

/// The index in `labels` that the path speaks of, if it does.
///
/// Looked at in this order: the file names of published corpora (RAVDESS, EMO-DB, CREMA-D, TESS, SAVEE), the folders from
/// the innermost outwards, and the words of the file's own name. A folder or name counts if it is a label, or has one
/// word among its words that is a label or means one in English, German or Spanish; two labels in one name count as none.
///
/// None also where a published name's emotion (such as calm) is not among the labels.
pub fn label_of(path: &str, labels: &[String]) -> Option<usize> {
    let Parts { folders, stem } = parts(path);
    if let Some(name) = published::read(stem, folders.last().copied()) {
        return name.emotion.among(labels);
    }
    folders.iter().rev().find_map(|folder| label_in(folder, labels)).or_else(|| label_in(stem, labels))
}

/// Who speaks, if the path says so: by a published corpus' file name, else the innermost folder that names no emotion.
pub fn speaker_of(path: &str) -> Option<String> {
    speaker_beside(path, &[])
}

/// As [`speaker_of`], where a folder may also be called after one of the room's own labels.
pub(crate) fn speaker_beside(path: &str, labels: &[String]) -> Option<String> {
    if let Some(name) = published(path) {
        return Some(name.speaker);
    }
    let known = crate::EMOTIONS.map(String::from);
    parts(path)
        .folders
        .iter()
        .rev()
        .find(|folder| {
            let emotional = Emotion::of_word(&fold(folder)).is_some();
            !emotional && label_in(folder, labels).is_none() && label_in(folder, &known).is_none()
        })
        .map(ToString::to_string)
}

/// What a published corpus' file name says, if it is one.
pub(crate) fn published(path: &str) -> Option<Published> {
    let Parts { folders, stem } = parts(path);
    published::read(stem, folders.last().copied())
}

/// The label that a single word, such as a cell of a table, stands for.
pub(crate) fn label_of_word(word: &str, labels: &[String]) -> Option<usize> {
    let folded = fold(word);
    labels.iter().position(|label| fold(label) == folded).or_else(|| Emotion::of_word(&folded)?.among(labels))
}

/// The one label that a name is, or that its words speak of.
fn label_in(name: &str, labels: &[String]) -> Option<usize> {
    if let Some(label) = label_of_word(name, labels) {
        return Some(label);
    }
    let mut found = None;
    for word in name.split(|letter: char| !letter.is_alphabetic() && !is_mark(letter)) {
        let Some(label) = label_of_word(word, labels).filter(|_| !word.is_empty()) else {
            continue;
        };
        if found.is_some_and(|other| other != label) {
            return None;
        }
        found = Some(label);
    }
    found
}

/// Accents that stand behind their letter.
fn is_mark(letter: char) -> bool {
    ('\u{300}'..='\u{36F}').contains(&letter)
}

struct Parts<'a> {
    /// From the outermost to the innermost.
    folders: Vec<&'a str>,
    /// The file's name without its extension.
    stem: &'a str,
}

fn parts(path: &str) -> Parts<'_> {
    let mut folders: Vec<&str> =
        path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != "." && *part != "..").collect();
    let file = folders.pop().unwrap_or_default();
    let stem = match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => file,
    };
    Parts { folders, stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four() -> Vec<String> {
        crate::EMOTIONS.map(String::from).to_vec()
    }

    fn word(path: &str) -> Option<&'static str> {
        label_of(path, &four()).map(|label| crate::EMOTIONS[label])
    }

    #[test]
    fn folders_name_the_label_in_three_languages() {
        for path in
            ["angry/1.wav", "ANGER/1.wav", "Wütend/1.wav", "enojado\\1.wav", "OAF_angry/x.wav", "01 angry/x.wav"]
        {
            assert_eq!(word(path), Some("angry"), "{path}");
        }
        assert_eq!(word("fröhlich/Ben/1.ogg"), Some("happy"));
        assert_eq!(word("Traurigkeit/a b c.mp3"), Some("sad"));
        assert_eq!(word("clips/tristeza/1.flac"), Some("sad"));
        assert_eq!(word("excited/1.wav"), Some("happy"));
    }

    #[test]
    fn the_innermost_folder_wins_and_two_labels_in_a_name_are_none() {
        assert_eq!(word("happy/sad/1.wav"), Some("sad"));
        assert_eq!(word("happy_or_sad/1.wav"), None);
        assert_eq!(word("unhappy/1.wav"), None);
        assert_eq!(word("fear/1.wav"), None);
    }

    #[test]
    fn a_published_name_outweighs_the_folder_that_the_corpus_was_put_in() {
        assert_eq!(word("happy project/03-01-05-01-01-01-01.wav"), Some("angry"));
        assert_eq!(word("happy project/03-01-02-01-01-01-01.wav"), None);
        let with_calm = [four(), vec!["Calm".to_string()]].concat();
        assert_eq!(label_of("03-01-02-01-01-01-01.wav", &with_calm), Some(4));
    }

    #[test]
    fn the_files_own_name_is_asked_last() {
        assert_eq!(word("angry_03.wav"), Some("angry"));
        assert_eq!(word("Anna-wu\u{308}tend (2).m4a"), Some("angry"));
        assert_eq!(word("sad/happy.wav"), Some("sad"));
    }

    #[test]
    fn rooms_may_name_their_own_labels() {
        let labels = ["Yes", "No", "Wut"].map(String::from);
        assert_eq!(label_of("yes/1.wav", &labels), Some(0));
        assert_eq!(label_of("x/NO.wav", &labels), Some(1));
        assert_eq!(label_of("angry/1.wav", &labels), Some(2));
        assert_eq!(speaker_beside("Anna/yes/1.wav", &labels).as_deref(), Some("Anna"));
    }

    #[test]
    fn the_speaker_is_the_innermost_folder_that_names_no_emotion() {
        assert_eq!(speaker_of("class/Anna/angry/1.wav").as_deref(), Some("Anna"));
        assert_eq!(speaker_of("angry/Anna/1.wav").as_deref(), Some("Anna"));
        assert_eq!(speaker_of("fear/1.wav"), None);
        assert_eq!(speaker_of("JE/h03.wav").as_deref(), Some("savee_je"));
        assert_eq!(speaker_of("1.wav"), None);
    }

    #[test]
    fn odd_names_say_nothing() {
        for path in ["", "/", ".", "..", ".wav", "....", "\u{0}", "a/\u{202e}/b", "🎤/🎤.wav", "-/_/ .wav"] {
            assert_eq!(word(path), None, "{path:?}");
            let _ = speaker_of(path);
        }
        assert_eq!(label_of("angry/1.wav", &[]), None);
        assert_eq!(label_of("/1.wav", &[String::new()]), None);
    }
}
