//! What a line of the table of published corpora says.

use crate::Part;
use crate::emotion::Emotion;

/// A published corpus: how its files are called, and what that says. One line of [`TABLE`](super::TABLE).
///
/// Templates such as `ravdess_$actor` are filled with the named groups of the pattern; one of whose groups is not there says
/// nothing.
#[derive(Debug)]
pub struct Published {
    /// Its name in files and before its speakers' names.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How many people speak in all of it.
    pub speakers: Option<usize>,
    /// What the end of a path below the corpus' folder looks like, without the file's extension; folders stand before a `/`.
    /// In the syntax of the crate `regex-lite`. The group `emotion` is looked up in `codes`, else among the words of any
    /// language; a name that matches the group `mute` is of a file without speech, and one that matches `song` of a song.
    /// Empty where names say nothing.
    pub(crate) pattern: &'static str,
    /// Template of the speaker's name.
    pub(crate) speaker: &'static str,
    /// Template of the sentence.
    pub(crate) sentence: &'static str,
    /// What is said in each sentence, where few are said by everyone: the filled template, in lower case, and the words.
    pub(crate) sentences: &'static [(&'static str, &'static str)],
    /// Template of what tells one take from another; files with the same are one clip. Empty: the file's own name.
    pub(crate) take: &'static str,
    /// The corpus' codes for emotions that are no words.
    pub(crate) codes: &'static [(&'static str, Emotion)],
    /// The folder with the sound that counts where takes lie in several; empty where there is one folder.
    pub(crate) home: &'static str,
    /// Tables that say more than names do.
    pub(crate) tables: &'static [Tabled],
    /// By whom the literature tests.
    pub test_speakers: &'static [&'static str],
    /// What it may be used for.
    pub licence: &'static str,
    /// Where its naming is described.
    pub source: &'static str,
}

/// A table that a corpus comes with.
#[derive(Debug)]
pub(crate) struct Tabled {
    /// Its name; its folder may be any.
    pub(crate) file: &'static str,
    /// The last two parts of a sound's path without the extension, from columns in braces.
    pub(crate) sound: &'static str,
    /// The column with who speaks.
    pub(crate) speaker: &'static str,
    /// The column with the emotion.
    pub(crate) emotion: &'static str,
    /// The column with what is said, where there is one.
    pub(crate) transcript: Option<&'static str>,
    /// The part of the corpus' own split that it lists.
    pub(crate) part: Option<Part>,
}

impl Published {
    /// What a line begins with; each says what is otherwise.
    pub(crate) const LINE: Published = Published {
        id: "",
        name: "",
        speakers: None,
        pattern: "",
        speaker: "",
        sentence: "",
        sentences: &[],
        take: "",
        codes: &[],
        home: "",
        tables: &[],
        test_speakers: &[],
        licence: "",
        source: "",
    };
}

impl PartialEq for Published {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Published {}
