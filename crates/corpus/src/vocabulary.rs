//! Which of a room's labels a word stands for.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::emotion::{Emotion, fold, negates, tokens};
use text::composed;

/// That a word in names and tables stands for a label: `excited=happy`. The word also stands for its whole emotion, so that
/// `excited=happy` holds for IEMOCAP's `exc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mapping {
    /// The word as files, folders or tables have it.
    pub word: String,
    /// The label.
    pub label: String,
}

/// Why a text is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no mapping; give it as WORD=LABEL, such as excited=happy")]
pub struct NoMapping(String);

impl FromStr for Mapping {
    type Err = NoMapping;

    fn from_str(text: &str) -> Result<Self, NoMapping> {
        match text.split_once('=').map(|(word, label)| (word.trim(), label.trim())) {
            Some((word, label)) if !word.is_empty() && !label.is_empty() => {
                Ok(Self { word: word.to_owned(), label: label.to_owned() })
            }
            _ => Err(NoMapping(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Mapping {
    type Error = NoMapping;

    fn try_from(text: String) -> Result<Self, NoMapping> {
        text.parse()
    }
}

impl From<Mapping> for String {
    fn from(mapping: Mapping) -> String {
        mapping.to_string()
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.word, self.label)
    }
}

/// A word that a name or a cell has for what is felt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// As it was found.
    pub(crate) text: String,
    pub(crate) emotion: Option<Emotion>,
    /// The label that it stands for whatever else is there; see [`Vocabulary::label_of`].
    pub(crate) label: Option<usize>,
    /// Whether it may also be somebody's name, or mean something else.
    pub(crate) doubtful: bool,
}

impl Word {
    /// Whether both mean the same, in whatever words.
    fn agrees(&self, other: &Word) -> bool {
        match (self.label, other.label) {
            (Some(one), Some(other)) => one == other,
            _ => self.emotion.is_some() && self.emotion == other.emotion,
        }
    }

    /// What the word is called in messages.
    pub(crate) fn name(&self) -> &str {
        self.emotion.map_or(self.text.as_str(), |emotion| emotion.name())
    }
}

/// A room's labels, and what stands for them beside their own words.
#[derive(Debug)]
pub(crate) struct Vocabulary<'a> {
    labels: &'a [String],
    emotions: Vec<Option<Emotion>>,
    map: Vec<Mapped>,
}

#[derive(Debug)]
struct Mapped {
    word: String,
    emotion: Option<Emotion>,
    label: usize,
}

impl<'a> Vocabulary<'a> {
    pub(crate) fn new(labels: &'a [String]) -> Self {
        let emotions = labels.iter().map(|label| Emotion::of_word(&fold(label))).collect();
        Self { labels, emotions, map: Vec::new() }
    }

    /// With what a person says that words stand for.
    ///
    /// # Errors
    /// The mapping whose label the room does not have.
    pub(crate) fn with_map<'m>(labels: &'a [String], map: &'m [Mapping]) -> Result<Self, &'m Mapping> {
        let mut vocabulary = Self::new(labels);
        for mapping in map {
            let label = vocabulary.named(&mapping.label).ok_or(mapping)?;
            let word = fold(&mapping.word);
            vocabulary.map.push(Mapped { emotion: Emotion::of_word(&word), word, label });
        }
        Ok(vocabulary)
    }

    /// What a single word, such as a cell of a table, means; None for one that is neither a label nor an emotion.
    pub(crate) fn word(&self, text: &str) -> Option<Word> {
        let folded = fold(text);
        if folded.is_empty() {
            return None;
        }
        let own = self.spelt(text);
        let emotion = Emotion::of_word(&folded);
        let word = self.meaning(text, emotion);
        let mapped = self.map.iter().any(|mapped| mapped.word == folded);
        let known = mapped || own.is_some() || emotion.is_some();
        let label = if mapped { word.label } else { own.or(word.label) };
        known.then(|| Word { label, doubtful: !mapped && own.is_none() && Emotion::is_doubtful(&folded), ..word })
    }

    /// What a corpus' own code for an emotion means.
    pub(crate) fn meaning(&self, code: &str, emotion: Option<Emotion>) -> Word {
        let folded = fold(code);
        let mapped = self
            .map
            .iter()
            .rev()
            .find(|mapped| mapped.word == folded || (emotion.is_some() && mapped.emotion == emotion))
            .map(|mapped| mapped.label);
        let label = mapped.or_else(|| self.of_emotion(emotion?));
        Word { text: code.trim().to_owned(), emotion, label, doubtful: false }
    }

    /// The one thing that a name is called, or that its words speak of; None also where two words disagree, or one takes
    /// the other back.
    pub(crate) fn in_name(&self, name: &str) -> Option<Word> {
        let name = &*composed(name);
        if let Some(word) = self.word(name) {
            return Some(word);
        }
        let mut found: Option<Word> = None;
        let mut negated = false;
        for token in tokens(name) {
            negated |= negates(&fold(token));
            let Some(word) = self.word(token) else { continue };
            match &found {
                _ if negated => return None,
                // A plain word is meant sooner than one that may be a name.
                Some(other) if other.doubtful != word.doubtful => {
                    if other.doubtful {
                        found = Some(word);
                    }
                }
                Some(other) if !other.agrees(&word) => return None,
                Some(_) => {}
                None => found = Some(word),
            }
        }
        found
    }

    /// The label of a word in a corpus where these emotions are felt: of an emotion that no label is called after, the label of
    /// the one that it is near to, if nothing there is that by its own name and nobody said what the label stands for.
    pub(crate) fn label_of(&self, word: &Word, felt: &HashSet<Emotion>) -> Option<usize> {
        word.label.or_else(|| {
            let near = word.emotion?.near()?;
            self.stood_in_for(near).filter(|_| !felt.contains(&near))
        })
    }

    /// The label of an emotion for which others that are near to it may stand.
    pub(crate) fn stood_in_for(&self, emotion: Emotion) -> Option<usize> {
        let label = self.of_emotion(emotion)?;
        let spoken_for = self.map.iter().any(|mapped| mapped.label == label);
        (!spoken_for).then_some(label)
    }

    /// The label that a text names, whatever was mapped.
    fn named(&self, text: &str) -> Option<usize> {
        let folded = fold(text);
        self.spelt(text).or_else(|| self.of_emotion(Emotion::of_word(&folded)?))
    }

    /// The label that is spelt so, with its accents where one has them, for labels may differ in nothing else (`ma`, `má`).
    fn spelt(&self, text: &str) -> Option<usize> {
        let (folded, exact) = (fold(text), lower(text));
        let same = self.labels.iter().position(|label| lower(label) == exact);
        same.or_else(|| self.labels.iter().position(|label| fold(label) == folded))
    }

    /// The first label that names this emotion.
    fn of_emotion(&self, emotion: Emotion) -> Option<usize> {
        self.emotions.iter().position(|of_label| *of_label == Some(emotion))
    }
}

/// In lower case, with its accents.
fn lower(text: &str) -> String {
    composed(text.trim()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four() -> Vec<String> {
        crate::EMOTIONS.map(String::from).to_vec()
    }

    /// Its label where nothing else is felt, or something is happy.
    fn label(vocabulary: &Vocabulary<'_>, word: &str, happy_there: bool) -> Option<usize> {
        let felt = if happy_there { HashSet::from([Emotion::Happy]) } else { HashSet::new() };
        vocabulary.label_of(&vocabulary.in_name(word)?, &felt)
    }

    #[test]
    fn excited_is_happy_only_where_nothing_else_is() {
        let labels = four();
        let usual = Vocabulary::new(&labels);
        assert_eq!((label(&usual, "excited", false), label(&usual, "excited", true)), (Some(1), None));
        let map = ["excited=happy".parse().unwrap()];
        let mapped = Vocabulary::with_map(&labels, &map).unwrap();
        assert_eq!((label(&mapped, "exc", true), label(&mapped, "happy", true)), (Some(1), Some(1)));
        let map = ["happy=happy".parse().unwrap()];
        let own = Vocabulary::with_map(&labels, &map).unwrap();
        assert_eq!(label(&own, "excited", false), None, "somebody said what happy stands for");
        let two = ["happy", "excited"].map(String::from);
        assert_eq!(label(&Vocabulary::new(&two), "excited", false), Some(1));
    }

    #[test]
    fn anxiety_is_fear_where_nothing_else_is() {
        // EMO-DB's own name for its A is "anxiety/fear"; in JL anxious is an emotion of its own.
        let labels = ["fear".to_owned()];
        let vocabulary = Vocabulary::new(&labels);
        let anxiety = vocabulary.word("anxiety").unwrap();
        assert_eq!(vocabulary.label_of(&anxiety, &HashSet::new()), Some(0));
        assert_eq!(vocabulary.label_of(&anxiety, &HashSet::from([Emotion::Fearful])), None);
    }

    #[test]
    fn any_word_can_be_mapped_and_the_label_must_be_there() {
        let labels = four();
        let map = ["quejoso=sad".parse().unwrap(), "fear=Wut".parse().unwrap()];
        let vocabulary = Vocabulary::with_map(&labels, &map).unwrap();
        assert_eq!(label(&vocabulary, "Quejoso", false), Some(3));
        assert_eq!(label(&vocabulary, "02 miedo", false), Some(0));
        let wrong = ["sad=blue".parse().unwrap()];
        assert_eq!(Vocabulary::with_map(&labels, &wrong).unwrap_err(), &wrong[0]);
        assert!("=happy".parse::<Mapping>().is_err() && "happy".parse::<Mapping>().is_err());
    }

    #[test]
    fn letters_may_be_taken_apart_in_any_language() {
        let labels = [
            "żal",
            "zal",
            "smích",
            "français",
            "não",
            "räd",
            "öfkeli",
            "düh",
            "분노",
            "怒り",
            "が",
            "か",
            "buồn",
            "buốn",
        ];
        let labels = labels.map(String::from);
        let vocabulary = Vocabulary::new(&labels);
        for (place, label) in labels.iter().enumerate() {
            let apart = text::decomposed(label);
            for spelt in [label.as_str(), &apart, &apart.to_uppercase(), &format!("01 {apart}")] {
                let found = vocabulary.in_name(spelt).and_then(|word| word.label);
                assert_eq!(found, Some(place), "{label} as {spelt:?}");
            }
        }
        assert_eq!(vocabulary.in_name("RAD").and_then(|word| word.label), Some(5), "without its dots");
    }

    #[test]
    fn words_that_disagree_or_are_taken_back_mean_nothing() {
        let labels = four();
        let vocabulary = Vocabulary::new(&labels);
        for name in ["happy_or_sad", "not angry", "nicht traurig", "angry fear", "unhappy", "", "-"] {
            assert_eq!(vocabulary.in_name(name), None, "{name}");
        }
        assert_eq!(label(&vocabulary, "Wut, zornig", false), Some(0));
        assert_eq!(label(&vocabulary, "Joy, sad", false), Some(3), "the other may be a name");
        let yes_no = ["Yes", "No"].map(String::from);
        assert_eq!(label(&Vocabulary::new(&yes_no), "NO", false), Some(1));
    }
}
