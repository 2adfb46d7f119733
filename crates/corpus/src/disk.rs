//! The clips that a folder holds. Names and tables are read here, never the sound itself.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::naming::{label_of, label_of_word, published, speaker_beside};
use crate::published::Published;
use crate::walk::{MOST_FILES, SoundFiles, sound_files};
use crate::{Kind, iemocap, manifest};

/// The speaker of clips of whom nothing is known: they are taken for one person's, so that no split tears one apart.
const UNKNOWN: &str = "unknown";
/// The reason of a clip that a table names and that isn't on disk.
pub(crate) const NOT_THERE: &str = "its table names it, but it isn't there";
/// A corpus of which more than one clip in so many is missing was not copied whole.
const FEWEST_MISSING: usize = 4;

/// A labelled piece of speech on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// Where it lies; can be opened as it stands.
    pub path: PathBuf,
    /// Who speaks.
    pub speaker: String,
    /// Index of its label among those that the corpus was opened with.
    pub label: usize,
    /// Which sentence is said, where that is known.
    pub sentence: Option<String>,
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
    /// What was found but not taken, with the reason in words; what is peculiar to one file stands after a colon.
    pub skipped: Vec<(PathBuf, String)>,
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
    /// There are too many files for a corpus.
    #[error("{} holds more than {MOST_FILES} files; name the folder of the corpus itself", path.display())]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A table names many clips that aren't there.
    #[error(
        "{missing} of the {named} sound files that the tables in {} name aren't there (for example {}); copy the folder \
         again whole, or take them out of the table", path.display(), example.display()
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
    },
    /// Nothing in the folder has one of the labels.
    #[error(
        "no clip in {} has one of the labels {labels}; put clips into folders called after the labels, or add a \
         manifest.csv with the columns file, speaker and emotion{example}", path.display()
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
    /// Finds the clips below `dir` that have one of `labels`.
    ///
    /// With a `manifest.csv` in `dir`, its rows are the clips, and in a folder of IEMOCAP its label files' utterances.
    /// Else they are all sound files up to eight folders deep, labelled by [`label_of`](crate::label_of) and
    /// [`speaker_of`](crate::speaker_of) from their path below `dir`; of a published clip that is there in several
    /// places or formats one file is taken, and songs are left out.
    ///
    /// # Errors
    /// [`CorpusError`]; a single file that is no use is no error, but stands in `skipped`. Where a table names files of
    /// which more than a quarter are missing, that is one.
    pub fn open(dir: &Path, labels: &[String]) -> Result<Corpus, CorpusError> {
        let folder_error = |source| CorpusError::Folder { path: dir.to_path_buf(), source };
        if !fs::metadata(dir).map_err(folder_error)?.is_dir() {
            return Err(folder_error(io::ErrorKind::NotADirectory.into()));
        }
        let table = dir.join("manifest.csv");
        let (found, kind) = if table.is_file() {
            let found = from_manifest(dir, &table, labels)?;
            let kind = kind_of(dir, &found.clips).unwrap_or(Kind::Manifest);
            (found, kind)
        } else if let Some(root) = iemocap::root(dir) {
            (iemocap::read(&root, labels).map_err(folder_error)?, Kind::Iemocap)
        } else {
            let found = from_names(dir, labels)?;
            let kind = kind_of(dir, &found.clips).unwrap_or(Kind::Folders);
            (found, kind)
        };
        let Found { clips, skipped, named, missing } = found;
        if missing * FEWEST_MISSING > named {
            let example = skipped.iter().find(|(_, reason)| reason == NOT_THERE);
            let example = example.map(|(path, _)| path.clone()).unwrap_or_default();
            return Err(CorpusError::HalfCopied { path: dir.to_path_buf(), missing, named, example });
        }
        if clips.is_empty() {
            let example = skipped
                .first()
                .map(|(path, reason)| format!(" (for example, {} was skipped: {reason})", path.display()));
            return Err(CorpusError::NoClips {
                path: dir.to_path_buf(),
                labels: labels.join(", "),
                example: example.unwrap_or_default(),
            });
        }
        Ok(Corpus { dir: dir.to_path_buf(), kind, labels: labels.to_vec(), clips, skipped })
    }

    /// Those of the [speakers by whom this kind of corpus is tested](Kind::test_speakers) that are there, by name.
    pub fn test_speakers(&self) -> Vec<&str> {
        let mut speakers = self.speakers();
        speakers.retain(|speaker| self.kind.test_speakers().contains(speaker));
        speakers
    }

    /// All speakers, each once, by name.
    pub fn speakers(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.clips.iter().map(|clip| clip.speaker.as_str()).collect();
        names.into_iter().collect()
    }

    /// The clips of one speaker.
    pub fn of_speaker<'a>(&'a self, speaker: &'a str) -> impl Iterator<Item = &'a Clip> {
        self.clips.iter().filter(move |clip| clip.speaker == speaker)
    }
}

/// What a loader found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) clips: Vec<Clip>,
    pub(crate) skipped: Vec<(PathBuf, String)>,
    /// How many sound files a table names, and how many of them are missing.
    pub(crate) named: usize,
    pub(crate) missing: usize,
}

impl Found {
    pub(crate) fn skip(&mut self, path: PathBuf, reason: &str) {
        self.skipped.push((path, reason.to_owned()));
    }
}

/// The reason of a clip whose emotion nobody asked for.
pub(crate) fn unknown_label(emotion: &str) -> String {
    format!("its emotion, {emotion}, is none of the labels")
}

/// The published corpus whose names all of these clips have.
fn kind_of(dir: &Path, clips: &[Clip]) -> Option<Kind> {
    let mut kinds = clips.iter().map(|clip| {
        let relative = clip.path.strip_prefix(dir).unwrap_or(&clip.path).to_string_lossy();
        published(&relative).map(|name| name.kind)
    });
    let first = kinds.next()??;
    kinds.all(|kind| kind == Some(first)).then_some(first)
}

/// The rows of a manifest whose file is there and whose emotion is a label.
fn from_manifest(dir: &Path, table: &Path, labels: &[String]) -> Result<Found, CorpusError> {
    let manifest_error = |reason: String| CorpusError::Manifest { path: table.to_path_buf(), reason };
    let file = File::open(table).map_err(|error| manifest_error(error.to_string()))?;
    let mut found = Found::default();
    let mut seen = HashSet::new();
    let mut good_rows = 0usize;
    let mut first_error = None;
    for (index, row) in manifest::rows(file).enumerate() {
        if index >= MOST_FILES {
            return Err(CorpusError::TooManyFiles { path: dir.to_path_buf() });
        }
        match row {
            Ok(row) => {
                good_rows += 1;
                let clip = clip_of_row(dir, &row, labels);
                let path = dir.join(&row.file);
                if !seen.insert(path.components().collect::<PathBuf>()) {
                    found.skip(path, "an earlier row of the manifest names it too");
                    continue;
                }
                found.named += 1;
                match clip {
                    Ok(clip) => found.clips.push(clip),
                    Err(reason) => {
                        found.missing += usize::from(reason == NOT_THERE);
                        found.skip(path, &reason);
                    }
                }
            }
            Err(error) => {
                let reason = error.to_string();
                if error.is_io_error() {
                    return Err(manifest_error(reason));
                }
                first_error.get_or_insert_with(|| reason.clone());
                found.skip(table.to_path_buf(), &format!("a row that can't be read: {reason}"));
            }
        }
    }
    match first_error {
        Some(reason) if good_rows == 0 => Err(manifest_error(reason)),
        _ => Ok(found),
    }
}

/// The clip that a row describes, or why there is none.
fn clip_of_row(dir: &Path, row: &manifest::Row, labels: &[String]) -> Result<Clip, String> {
    let relative = Path::new(&row.file);
    let stays_below = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if row.file.is_empty() || !stays_below {
        return Err("its path leads out of the corpus' folder".to_string());
    }
    let path = dir.join(relative);
    if !path.is_file() {
        return Err(NOT_THERE.to_string());
    }
    let label = label_of_word(&row.emotion, labels).ok_or_else(|| unknown_label(&row.emotion))?;
    let speaker = if row.speaker.is_empty() {
        speaker_beside(&row.file, labels).unwrap_or_else(|| UNKNOWN.to_string())
    } else {
        row.speaker.clone()
    };
    Ok(Clip { path, speaker, label, sentence: Some(row.sentence.clone()).filter(|sentence| !sentence.is_empty()) })
}

/// All sound files below `dir`, labelled by their paths.
fn from_names(dir: &Path, labels: &[String]) -> Result<Found, CorpusError> {
    let SoundFiles { mut files, skipped } = sound_files(dir)?;
    // Lossless files first, for where a corpus holds its clips in several formats, as CREMA-D does.
    files.sort_by_cached_key(|path| (!is_lossless(path), path.clone()));
    let mut found = Found { skipped, ..Found::default() };
    let mut taken: HashMap<(String, String), PathBuf> = HashMap::new();
    for path in files {
        // Only what lies below the folder counts: where the corpus itself was put says nothing of its clips.
        let relative = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
        let name = published(&relative);
        let Some(label) = label_of(&relative, labels) else {
            match name {
                Some(Published { emotion, .. }) => found.skip(path, &unknown_label(emotion.name())),
                None => found.skip(path, "neither its folder nor its name is one of the labels"),
            }
            continue;
        };
        let speaker = speaker_beside(&relative, labels).unwrap_or_else(|| UNKNOWN.to_string());
        if let Some(name) = &name {
            if name.sung {
                found.skip(path, "sung, not spoken");
                continue;
            }
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(other) = taken.get(&(speaker.clone(), stem.clone())) {
                found.skip(
                    path,
                    &format!("a clip that is there twice, and taken from another file: {}", other.display()),
                );
                continue;
            }
            taken.insert((speaker.clone(), stem), path.clone());
        }
        found.clips.push(Clip { speaker, sentence: name.map(|name| name.sentence), label, path });
    }
    found.clips.sort_by(|one, other| one.path.cmp(&other.path));
    found.skipped.sort();
    Ok(found)
}

fn is_lossless(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ["wav", "wave", "flac"].contains(&extension.as_str())
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
