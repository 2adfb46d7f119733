//! What a loader finds in a folder.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use text::{NoTranscript, Transcript};

use crate::emotion::Emotion;
use crate::vocabulary::{Vocabulary, Word};
use crate::{Clip, Published};

/// The reason of a clip that a table names and that isn't on disk.
pub(crate) const NOT_THERE: &str = "its table names it, but it isn't there";

/// What a loader found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) clips: Vec<Clip>,
    pub(crate) skipped: Vec<(PathBuf, String)>,
    /// How many sound files a table names, and how many of them are missing.
    pub(crate) named: usize,
    pub(crate) missing: usize,
    /// Parts of the corpus that are missing altogether, in words.
    pub(crate) absent: Option<String>,
    /// What a person should know before anything is learnt from this.
    pub(crate) warnings: Vec<String>,
    /// How many clips have each word and became each label.
    pub(crate) counts: BTreeMap<(Option<usize>, String), usize>,
    /// The published corpora of the clips; none of one that is of none.
    pub(crate) corpora: Vec<Option<&'static Published>>,
    /// Transcripts that were left out because they are too long.
    pub(crate) long_transcripts: usize,
}

/// A word that files, folders or tables have, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WordClips {
    /// The word or code as it was found.
    pub word: String,
    /// The label that it became; none where its clips were left out.
    pub label: Option<String>,
    /// The clips that have it.
    pub clips: usize,
}

impl Found {
    pub(crate) fn skip(&mut self, path: PathBuf, reason: &str) {
        self.skipped.push((path, reason.to_owned()));
    }

    pub(crate) fn add(&mut self, clip: Clip, corpus: Option<&'static Published>) {
        if !self.corpora.contains(&corpus) {
            self.corpora.push(corpus);
        }
        self.clips.push(clip);
    }

    /// What a table says that is said in a clip; none where that is nothing, or more than can be.
    pub(crate) fn transcript(&mut self, text: &str) -> Option<Transcript> {
        let said = Transcript::new(text);
        self.long_transcripts += usize::from(said == Err(NoTranscript::TooLong));
        said.ok()
    }

    /// What to know of the clips' transcripts; nothing where none or each has one.
    pub(crate) fn of_transcripts(&self) -> Vec<String> {
        let told = self.clips.iter().filter(|clip| clip.transcript.is_some()).count();
        let clips = self.clips.len();
        let some = (1..clips).contains(&told).then(|| {
            format!("{told} of the {clips} clips have a transcript; the others are heard alone by a network that reads")
        });
        let long = (self.long_transcripts > 0).then(|| {
            format!(
                "{} transcripts are left out, since they have more than {} characters; their clips are heard alone",
                self.long_transcripts,
                text::LONGEST
            )
        });
        some.into_iter().chain(long).collect()
    }

    /// The label of a clip's word, which is noted; None, and the clip is skipped, where the word is none of the labels.
    pub(crate) fn label(
        &mut self,
        path: &Path,
        word: &Word,
        vocabulary: &Vocabulary<'_>,
        felt: &HashSet<Emotion>,
    ) -> Option<usize> {
        let label = vocabulary.label_of(word, felt);
        self.note(word, label);
        if label.is_none() {
            self.skip(path.to_path_buf(), &unknown_label(word.name()));
        }
        label
    }

    /// Counts a clip with this word, which became this label or was left out.
    pub(crate) fn note(&mut self, word: &Word, label: Option<usize>) {
        // A letter or a number alone tells nobody what it means.
        let short = word.text.chars().filter(|letter| letter.is_alphabetic()).count() < 3;
        let told = if short { format!("{} ({})", word.text, word.name()) } else { word.text.clone() };
        *self.counts.entry((label, told)).or_default() += 1;
    }

    /// The published corpus that all clips are of.
    pub(crate) fn corpus(&self) -> Option<&'static Published> {
        match self.corpora.as_slice() {
            [one] => *one,
            _ => None,
        }
    }

    /// What each word became; what was left out comes last.
    pub(crate) fn words(&self, labels: &[String]) -> Vec<WordClips> {
        let name = |label: usize| labels.get(label).cloned();
        let told = self.counts.iter().map(|((label, word), &clips)| WordClips {
            word: word.clone(),
            label: label.and_then(name),
            clips,
        });
        let mut words: Vec<WordClips> = told.collect();
        words.sort_by_key(|word| word.label.is_none());
        words
    }
}

/// The reason of a clip whose emotion nobody asked for. Of a whole text that stands in its place the beginning is said.
pub(crate) fn unknown_label(emotion: &str) -> String {
    const LONGEST: usize = 40;
    let begin: String = emotion.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
    let more = if emotion.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("its emotion, {begin}{more}, is none of the labels")
}
