//! What the folders of a tree are: labels, people, parts of a split, or nothing but a place for sound. One folder alone can't
//! tell; its siblings do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::emotion::Emotion;
use crate::naming::Parts;
use crate::part::Container;
use crate::vocabulary::{Vocabulary, Word};

/// The folders of all sounds of a tree whose own names don't say what is felt.
pub(crate) struct Tree<'a> {
    vocabulary: &'a Vocabulary<'a>,
    /// Folders by what is in front of them.
    siblings: HashMap<String, Level>,
    /// All folders as deep as each other, for those that have no siblings.
    depths: Vec<Level>,
    /// Names of files by their folder.
    files: HashMap<String, Level>,
    /// How many folders at the beginning all sounds have in common: they are the corpus', not a person's.
    common: usize,
}

/// Names beside each other, each with the word in it, and what those words are together: with thousands of names it can't be
/// asked of all of them for each.
#[derive(Default)]
struct Level {
    words: BTreeMap<String, Option<Word>>,
    /// How many of the names have a word.
    known: usize,
    /// Whether one of the words is plain.
    plain: bool,
    /// What the words mean.
    meanings: BTreeSet<(Option<Emotion>, Option<usize>)>,
}

impl Level {
    fn add(&mut self, name: &str, vocabulary: &Vocabulary<'_>) {
        if self.words.contains_key(name) {
            return;
        }
        let word = vocabulary.in_name(name);
        if let Some(word) = &word {
            self.known += 1;
            self.plain |= !word.doubtful;
            self.meanings.insert((word.emotion, word.label));
        }
        self.words.insert(name.to_owned(), word);
    }

    /// The word in one of the names.
    fn word(&self, name: &str) -> Option<Word> {
        self.words.get(name)?.clone()
    }

    /// Whether the names that speak of emotions are meant so: a folder is a label only where its siblings are, too. Half of
    /// them suffice for plain words ("angry" beside "other"); doubtful ones (Joy, neu) need the company of a plain word and
    /// three quarters, or no names but those of three or more different emotions.
    fn accepts(&self, word: &Word) -> bool {
        let (names, known) = (self.words.len(), self.known);
        if !word.doubtful {
            return known * 2 >= names;
        }
        (self.plain && known * 4 >= names * 3) || (known == names && self.meanings.len() == names && names > 2)
    }
}

/// What a tree says of one sound.
pub(crate) struct Placed {
    /// What is felt, where a folder or the file's name says it.
    pub(crate) word: Option<Word>,
    /// The name that could mean an emotion, but does not clearly.
    pub(crate) doubt: Option<String>,
    /// Who speaks, where a folder says it.
    pub(crate) speaker: Option<String>,
}

impl<'a> Tree<'a> {
    /// Of all sounds, or of one alone.
    pub(crate) fn of<'p>(paths: impl IntoIterator<Item = &'p Parts<'p>>, vocabulary: &'a Vocabulary<'a>) -> Self {
        let mut tree =
            Tree { vocabulary, siblings: HashMap::new(), depths: Vec::new(), files: HashMap::new(), common: 0 };
        let mut shared: Option<Vec<&str>> = None;
        let mut sounds = 0usize;
        for parts in paths {
            sounds += 1;
            let chain = tree.chain(parts);
            let mut above = String::new();
            for (depth, folder) in chain.iter().enumerate() {
                tree.siblings.entry(above.clone()).or_default().add(folder, vocabulary);
                if tree.depths.len() <= depth {
                    tree.depths.push(Level::default());
                }
                tree.depths[depth].add(folder, vocabulary);
                above = below(&above, folder);
            }
            tree.files.entry(above).or_default().add(parts.stem, vocabulary);
            shared = Some(match shared {
                None => chain,
                Some(shared) => shared.into_iter().zip(chain).take_while(|(a, b)| a == b).map(|(a, _)| a).collect(),
            });
        }
        // What one sound alone has in common with itself says nothing.
        tree.common = shared.filter(|_| sounds > 1).map_or(0, |shared| shared.len());
        tree
    }

    /// The folders that may be labels or people, from the outermost.
    fn chain<'p>(&self, parts: &Parts<'p>) -> Vec<&'p str> {
        let own = |folder: &str| self.vocabulary.word(folder).is_some_and(|word| word.label.is_some());
        parts.folders.iter().copied().filter(|folder| own(folder) || Container::of(folder).is_none()).collect()
    }

    /// What folders and name say of a sound.
    pub(crate) fn place(&self, parts: &Parts<'_>) -> Placed {
        let chain = self.chain(parts);
        let mut above = String::new();
        let mut doubt = None;
        // What each folder speaks of, where it is meant so.
        let mut words: Vec<Option<Word>> = Vec::new();
        for (depth, folder) in chain.iter().enumerate() {
            let siblings = self.siblings.get(&above).filter(|level| level.words.len() > 1);
            let word = siblings.or_else(|| self.depths.get(depth)).and_then(|level| {
                let word = level.word(folder)?;
                if level.accepts(&word) {
                    return Some(word);
                }
                doubt = Some((*folder).to_owned());
                None
            });
            words.push(word);
            above = below(&above, folder);
        }
        let in_file = || {
            let level = self.files.get(&above)?;
            let word = level.word(parts.stem)?;
            (!word.doubtful || level.accepts(&word)).then_some(word)
        };
        let speaker =
            chain.iter().zip(&words).skip(self.common).rev().find(|(_, word)| word.is_none()).map(|(folder, _)| folder);
        Placed {
            speaker: speaker.map(ToString::to_string),
            word: words.into_iter().rev().flatten().next().or_else(in_file),
            doubt,
        }
    }
}

fn below(above: &str, folder: &str) -> String {
    format!("{above}{folder}/")
}
