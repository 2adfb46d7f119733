//! The clips that a folder holds. Names and tables are read here, never the sound itself.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::emotion::{Emotion, fold};
use crate::found::{Found, NOT_THERE, WordClips, unknown_label};
use crate::manifest::{self, Entry};
use crate::naming;
use crate::published::Said;
use crate::sheet::SheetError;
use crate::vocabulary::Vocabulary;
use crate::walk::{MOST_FILES, NO_SOUND, SoundFiles, sound_files};
use crate::{Kind, Mapping, Part, Reading, iemocap, tables};
use text::{Transcript, composed, decomposed};

/// A corpus of which more than one clip in so many is missing was not copied whole.
const FEWEST_MISSING: usize = 4;
/// What a manifest may be called, in lower case. The first two are certain; the others are tables of many things.
const MANIFESTS: [&str; 4] = ["manifest.csv", "manifest.tsv", "metadata.csv", "metadata.tsv"];
const CERTAIN_MANIFESTS: usize = 2;
/// How many folders a warning names.
const EXAMPLES: usize = 3;

/// A labelled piece of speech on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// Where it lies; can be opened as it stands.
    pub path: PathBuf,
    /// Who speaks, where that is known.
    pub speaker: Option<String>,
    /// Index of its label among those that the corpus was opened with.
    pub label: usize,
    /// Which sentence is said, where that is known.
    pub sentence: Option<String>,
    /// The part of the corpus' own split that it is in, where it has one.
    pub part: Option<Part>,
    /// What is said, where the corpus has that.
    pub transcript: Option<Transcript>,
}

/// Labelled speech of some speakers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    /// The folder that was opened.
    pub dir: PathBuf,
    /// Which corpus it is.
    pub kind: Kind,
    /// The labels that it was opened with.
    pub labels: Vec<String>,
    /// The clips: in their table's order, else by path.
    pub clips: Vec<Clip>,
    /// What names and tables call the emotions, and which label each became.
    pub words: Vec<WordClips>,
    /// What was found but not taken, with the reason in words; what is peculiar to one file stands after a colon.
    pub skipped: Vec<(PathBuf, String)>,
    /// What a person should know before anything is learnt from this.
    pub warnings: Vec<String>,
}

/// Why a corpus could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The folder is missing or can't be read.
    #[error("can't read the folder {}: {source}; check the path and its permissions", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is a manifest that can't be read, or that lacks its columns.
    #[error("can't read {}: {reason}; it needs a first line with at least the columns file and emotion", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A word is to stand for a label that nobody asked for.
    #[error("{mapping} maps to none of the labels {}; name one of them behind the =", labels.join(", "))]
    Map {
        /// The mapping.
        mapping: Mapping,
        /// The labels.
        labels: Vec<String>,
    },
    /// There are too many files for a corpus.
    #[error("{} holds more than {MOST_FILES} files; name the folder of the corpus itself", path.display())]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A table names many clips that aren't there.
    #[error(
        "{missing} of the {named} sound files that the tables in {} name aren't there (for example {}){hint}; copy the \
         folder again whole, or take them out of the table", path.display(), example.display()
    )]
    HalfCopied {
        /// The folder.
        path: PathBuf,
        /// How many are missing.
        missing: usize,
        /// Of how many.
        named: usize,
        /// One of them.
        example: PathBuf,
        /// Which parts of the corpus are missing altogether, for the message; may be empty.
        hint: String,
    },
    /// A published corpus lacks what says which emotions its clips have.
    #[error("{} is {corpus}, but {missing}: copy or unpack it again whole", path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// Which corpus.
        corpus: &'static str,
        /// What is missing, as a sentence.
        missing: String,
    },
    /// Nothing in the folder has one of the labels.
    #[error(
        "no clip in {} has one of the labels {labels}; put clips into folders called after the labels, add a manifest.csv \
         with the columns file, speaker and emotion, or say with --label-pattern where the label stands in a path\
         {example}", path.display()
    )]
    NoClips {
        /// The folder.
        path: PathBuf,
        /// The labels, for the message.
        labels: String,
        /// The first thing that was skipped and why, for the message; empty where nothing was.
        example: String,
    },
}

impl Corpus {
    /// Finds the clips below `dir` that have one of `labels`, with names read as usual; see [`Corpus::open_as`].
    ///
    /// # Errors
    /// As there.
    pub fn open(dir: &Path, labels: &[String]) -> Result<Corpus, CorpusError> {
        Self::open_as(dir, labels, &Reading::default())
    }

    /// Finds the clips below `dir` that have one of `labels`.
    ///
    /// With a `manifest.csv` in `dir`, its rows are the clips; in a folder of IEMOCAP its label files' utterances, and in one
    /// of MELD or Emozionalmente the rows of their tables. Else they are all sound files up to eight folders deep, labelled
    /// as [`labels_of`](crate::labels_of) does from their paths below `dir`; of a published clip that is there in several
    /// places, formats or modalities one file is taken, and songs and laryngograms are left out. Patterns of `reading` are
    /// matched with the path that begins with the name of `dir` itself, and outweigh what names say.
    ///
    /// # Errors
    /// [`CorpusError`]; a single file that is no use is no error, but stands in `skipped`. Where a table names files of
    /// which more than a quarter are missing, that is one.
    pub fn open_as(dir: &Path, labels: &[String], reading: &Reading) -> Result<Corpus, CorpusError> {
        let folder_error = |source| CorpusError::Folder { path: dir.to_path_buf(), source };
        if !fs::metadata(dir).map_err(folder_error)?.is_dir() {
            return Err(folder_error(io::ErrorKind::NotADirectory.into()));
        }
        let vocabulary = Vocabulary::with_map(labels, &reading.map)
            .map_err(|mapping| CorpusError::Map { mapping: mapping.clone(), labels: labels.to_vec() })?;
        let (mut found, otherwise) = find(dir, &vocabulary, reading)?;
        if let Some(pattern) = &reading.speaker_pattern {
            let seen = as_patterns_see(dir);
            for clip in &mut found.clips {
                clip.speaker = pattern.find(&seen(&clip.path)).map(str::to_owned);
            }
        }
        let (kind, words) = (found.corpus().map_or(otherwise, Kind::Published), found.words(labels));
        found.warnings.extend(found.of_transcripts());
        let Found { clips, skipped, named, missing, absent, mut warnings, .. } = found;
        if missing * FEWEST_MISSING > named {
            let example = skipped.iter().find(|(_, reason)| reason == NOT_THERE);
            let example = example.map(|(path, _)| path.clone()).unwrap_or_default();
            let hint = absent.map(|absent| format!("; {absent}")).unwrap_or_default();
            return Err(CorpusError::HalfCopied { path: dir.to_path_buf(), missing, named, example, hint });
        }
        if let Some(absent) = absent {
            warnings.insert(0, absent);
        }
        if clips.is_empty() {
            let telling = skipped.iter().find(|(_, reason)| reason != NO_SOUND).or(skipped.first());
            let example =
                telling.map(|(path, reason)| format!(" (for example, {} was skipped: {reason})", path.display()));
            return Err(CorpusError::NoClips {
                path: dir.to_path_buf(),
                labels: labels.join(", "),
                example: example.unwrap_or_default(),
            });
        }
        Ok(Corpus { dir: dir.to_path_buf(), kind, labels: labels.to_vec(), clips, words, skipped, warnings })
    }

    /// Those of the [speakers by whom this kind of corpus is tested](Kind::test_speakers) that are there, by name.
    pub fn test_speakers(&self) -> Vec<&str> {
        let mut speakers = self.speakers();
        speakers.retain(|speaker| self.kind.test_speakers().contains(speaker));
        speakers
    }

    /// All speakers who are known, each once, by name.
    pub fn speakers(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.clips.iter().filter_map(|clip| clip.speaker.as_deref()).collect();
        names.into_iter().collect()
    }

    /// The clips of one speaker.
    pub fn of_speaker<'a>(&'a self, speaker: &'a str) -> impl Iterator<Item = &'a Clip> {
        self.clips.iter().filter(move |clip| clip.speaker.as_deref() == Some(speaker))
    }

    /// Why this corpus can't be divided by speaker, and what to do about it; None where everybody is known.
    pub fn unknown_speakers(&self) -> Option<String> {
        let mut unknown = self.clips.iter().filter(|clip| clip.speaker.is_none());
        let example = as_patterns_see(&self.dir)(&unknown.next()?.path);
        let clips = unknown.count() + 1;
        let stem = example.rsplit('/').next().unwrap_or_default();
        // What a name begins with is who speaks more often than anything else in it.
        let first = stem.split_once(['_', '-']).map(|(first, _)| first);
        let pattern = match first.filter(|first| !first.is_empty() && Emotion::of_word(&fold(first)).is_none()) {
            Some(first) => format!("if that is {first:?}, pass --speaker-pattern '/([^/_-]+)[^/]*$'"),
            None => "say where it stands, such as --speaker-pattern '^[^/]+/([^/]+)/' for the first folder below, or \
                     '^([^/]+)/' where each folder that is named is one person's"
                .to_owned(),
        };
        Some(format!(
            "who speaks in {clips} of the {} clips can't be told from names such as {example}; {pattern}, or add a manifest.csv \
             with a column speaker",
            self.clips.len()
        ))
    }
}

/// Paths as patterns see them: with the name of the corpus' own folder in front.
fn as_patterns_see(dir: &Path) -> impl Fn(&Path) -> String {
    let whole = dir.canonicalize().ok();
    let own = whole.as_deref().unwrap_or(dir).file_name().unwrap_or_default().to_string_lossy().into_owned();
    move |path| format!("{own}/{}", below(dir, path))
}

/// A path below the corpus' folder, with `/` between folders and its letters composed: where the corpus itself was put says
/// nothing of its clips.
fn below(dir: &Path, path: &Path) -> String {
    composed(&path.strip_prefix(dir).unwrap_or(path).to_string_lossy()).replace('\\', "/")
}

/// Looks with the loader that fits; also what kind of corpus it is if its clips' names are no published ones'.
fn find(dir: &Path, vocabulary: &Vocabulary<'_>, reading: &Reading) -> Result<(Found, Kind), CorpusError> {
    let mut passed_over = None;
    for (table, certain) in manifests(dir) {
        match from_manifest(dir, &table, vocabulary, reading) {
            Ok(found) => return Ok((found, Kind::Manifest)),
            Err(CorpusError::Manifest { reason, .. }) if !certain => {
                passed_over = Some(format!("{} was passed over: {reason}", table.display()));
            }
            Err(error) => return Err(error),
        }
    }
    let mut found = if reading.label_pattern.is_some() {
        from_names(dir, sound_files(dir)?, vocabulary, reading)?
    } else if let Some(release) = iemocap::Release::find(dir) {
        release.read(dir, vocabulary)?
    } else {
        let sounds = sound_files(dir)?;
        match tables::find(&sounds) {
            Some(tables) => tables::read(dir, &tables, sounds, vocabulary)?,
            None => from_names(dir, sounds, vocabulary, reading)?,
        }
    };
    found.warnings.extend(passed_over);
    Ok((found, Kind::Folders))
}

/// The tables in the folder that may say what its clips are, the likeliest first, each with whether it must.
fn manifests(dir: &Path) -> Vec<(PathBuf, bool)> {
    let rank = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        MANIFESTS.iter().position(|manifest| *manifest == name).filter(|_| path.is_file())
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<(usize, PathBuf)> =
        entries.map(|entry| entry.path()).filter_map(|path| Some((rank(&path)?, path))).collect();
    found.sort();
    found.into_iter().map(|(rank, path)| (path, rank < CERTAIN_MANIFESTS)).collect()
}

/// The rows of a manifest whose file is there and whose emotion is a label.
fn from_manifest(
    dir: &Path,
    table: &Path,
    vocabulary: &Vocabulary<'_>,
    reading: &Reading,
) -> Result<Found, CorpusError> {
    let manifest_error = |reason: String| CorpusError::Manifest { path: table.to_path_buf(), reason };
    let file = File::open(table).map_err(|error| manifest_error(error.to_string()))?;
    let rows = manifest::rows(file).map_err(|error: SheetError| manifest_error(error.to_string()))?;
    if rows.len() >= MOST_FILES {
        return Err(CorpusError::TooManyFiles { path: dir.to_path_buf() });
    }
    if let Some(Err(first)) = rows.first().filter(|_| rows.iter().all(Result::is_err)) {
        return Err(manifest_error(first.clone()));
    }
    let files: Vec<String> = rows.iter().flatten().map(|entry| on_disk(dir, &entry.row.file)).collect();
    let names = naming::read(&files, vocabulary);
    let seen_by_pattern = as_patterns_see(dir);
    let word = |entry: &Entry, file: &str| match &reading.label_pattern {
        Some(pattern) => vocabulary.in_name(pattern.find(&seen_by_pattern(&dir.join(file)))?),
        None => Some(&entry.row.emotion).filter(|cell| is_word(cell)).and_then(|cell| vocabulary.in_name(cell)),
    };
    let words: Vec<_> = rows.iter().flatten().zip(&files).map(|(entry, file)| word(entry, file)).collect();
    let felt = naming::felt(words.iter().flatten());
    let mut described = files.into_iter().zip(names).zip(words);
    let mut found = Found::default();
    let mut seen = HashSet::new();
    for row in rows {
        let entry = match row {
            Ok(entry) => entry,
            Err(reason) => {
                found.skip(table.to_path_buf(), &format!("a row that can't be read: {reason}"));
                continue;
            }
        };
        let Some(((file, name), word)) = described.next() else { break };
        let path = dir.join(&file);
        if !seen.insert(path.components().collect::<PathBuf>()) {
            found.skip(path, "an earlier row of the manifest names it too");
            continue;
        }
        found.named += 1;
        let stays_below =
            Path::new(&file).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !stays_below {
            found.skip(path, "its path leads out of the corpus' folder");
        } else if !path.is_file() {
            found.missing += 1;
            found.skip(path, NOT_THERE);
        } else if let Some(word) = word {
            if let Some(label) = found.label(&path, &word, vocabulary, &felt) {
                let Entry { row, part } = entry;
                let speaker =
                    Some(composed(&row.speaker).into_owned()).filter(|speaker| !speaker.is_empty()).or(name.speaker);
                let sentence = Some(row.sentence).filter(|sentence| !sentence.is_empty());
                let part = part.or(name.part);
                let transcript = found.transcript(&row.transcript).or_else(|| name.said.as_ref()?.transcript());
                let clip = Clip { path, speaker, label, sentence, part, transcript };
                found.add(clip, name.said.map(|said| said.corpus));
            }
        } else {
            found.skip(path, &unknown_label(&entry.row.emotion));
        }
    }
    Ok(found)
}

/// Whether a cell can be the name of an emotion. A sentence that stands in its place must not become a label because some emotion's
/// name is among its words.
fn is_word(cell: &str) -> bool {
    const LONGEST: usize = 40;
    const MOST_WORDS: usize = 3;
    cell.chars().count() <= LONGEST && cell.split_whitespace().count() <= MOST_WORDS
}

/// A manifest's path as the disk has it: spreadsheets on Windows write `\`, and what was copied from macOS may have its letters
/// taken apart.
fn on_disk(dir: &Path, file: &str) -> String {
    let slashes = file.replace('\\', "/");
    let spellings = [file, &slashes, &composed(&slashes), &decomposed(&slashes)].map(str::to_owned);
    spellings.into_iter().find(|spelling| dir.join(spelling).is_file()).unwrap_or(slashes)
}

/// All sound files below `dir`, labelled by their paths.
fn from_names(
    dir: &Path,
    sounds: SoundFiles,
    vocabulary: &Vocabulary<'_>,
    reading: &Reading,
) -> Result<Found, CorpusError> {
    let SoundFiles { files, skipped } = sounds;
    let relative: Vec<String> = files.iter().map(|path| below(dir, path)).collect();
    let mut named: Vec<_> = files.into_iter().zip(naming::read(&relative, vocabulary)).collect();
    if let Some(pattern) = &reading.label_pattern {
        let seen = as_patterns_see(dir);
        for (path, name) in &mut named {
            name.doubt = pattern.find(&seen(path)).map(str::to_owned);
            name.word = name.doubt.as_ref().and_then(|found| vocabulary.in_name(found));
        }
    }
    let felt = naming::felt(named.iter().filter_map(|(_, name)| name.word.as_ref()));
    // Of several files of one take the first is taken.
    named.sort_by_cached_key(|(path, name)| (preference(path, name.said.as_ref()), path.clone()));
    let mut found = Found { skipped, ..Found::default() };
    let mut taken: HashMap<(&str, Option<String>, String), PathBuf> = HashMap::new();
    let mut elsewhere: BTreeMap<String, usize> = BTreeMap::new();
    for (path, name) in named {
        if let Some(said) = &name.said {
            if said.sung {
                found.skip(path, "sung, not spoken");
                continue;
            }
            let take = (said.corpus.id, name.speaker.clone(), said.take.clone());
            // Without a speaker two people's files may be called alike.
            let other = taken.get(&take).filter(|_| name.speaker.is_some() || said.corpus.speaker.is_empty());
            let mute = said.mute.then_some("there is no speech in it");
            let twice = other.map(|_| "a clip that is there twice, and taken from another file");
            if let Some(reason) = mute.or(twice) {
                if mute.is_some() || other.is_some_and(|other| other.parent() != path.parent()) {
                    *elsewhere.entry(below(dir, path.parent().unwrap_or(dir))).or_default() += 1;
                }
                let reason = other.map_or(reason.to_owned(), |other| format!("{reason}: {}", other.display()));
                found.skip(path, &reason);
                continue;
            }
            taken.insert(take, path.clone());
        }
        let Some(word) = &name.word else {
            let reason = match (&reading.label_pattern, &name.doubt) {
                (Some(_), None) => "--label-pattern finds nothing in its path".to_owned(),
                (Some(_), Some(text)) => unknown_label(text),
                (None, Some(doubt)) => format!(
                    "its folder may be called after an emotion or after something else (--label-pattern or a manifest.csv \
                     can say which): {doubt}"
                ),
                (None, None) => "neither its folder nor its name is one of the labels".to_owned(),
            };
            found.skip(path, &reason);
            continue;
        };
        if let Some(label) = found.label(&path, word, vocabulary, &felt) {
            let transcript = name.said.as_ref().and_then(Said::transcript);
            let (sentence, corpus) = name.said.map_or((None, None), |said| (said.sentence, Some(said.corpus)));
            found.add(Clip { path, speaker: name.speaker, label, sentence, part: name.part, transcript }, corpus);
        }
    }
    found.warnings.extend(left_out(&elsewhere));
    found.clips.sort_by(|one, other| one.path.cmp(&other.path));
    found.skipped.sort();
    Ok(found)
}

/// What is said of whole folders that were not taken.
fn left_out(folders: &BTreeMap<String, usize>) -> Option<String> {
    let files: usize = folders.values().sum();
    let mut names: Vec<&str> = folders.keys().map(|folder| if folder.is_empty() { "." } else { folder }).collect();
    let more = names.len().saturating_sub(EXAMPLES);
    names.truncate(EXAMPLES);
    let more = if more > 0 { format!(" and {more} more folders") } else { String::new() };
    (files > 0).then(|| {
        format!(
            "{files} files in {}{more} are left out: they hold no speech (films without sound, laryngograms), or takes that are \
             taken from another folder",
            names.join(", ")
        )
    })
}

/// Less is better: the corpus' own folder of sound before others, lossless sound before other formats.
fn preference(path: &Path, said: Option<&Said>) -> (bool, bool) {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let lossless = ["wav", "wave", "flac", "aif", "aiff", "aifc", "caf"].contains(&extension.as_str());
    let home = said.map_or("", |said| said.corpus.home);
    let at_home = path.parent().is_some_and(|folder| folder.ends_with(home));
    (!at_home, !lossless)
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
