//! The clips that a folder holds. Names and tables are read here, never the sound itself.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::manifest;
use crate::naming::{label_of, label_of_word, published, speaker_beside};
use crate::walk::{MOST_FILES, SoundFiles, sound_files};

/// The speaker of clips of whom nothing is known: they are taken for one person's, so that no split tears one apart.
const UNKNOWN: &str = "unknown";

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
    /// The clips: in the manifest's order, else by path.
    pub clips: Vec<Clip>,
    /// What was found but not taken, with the reason in words.
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
    /// With a `manifest.csv` in `dir`, its rows are the clips. Else they are all sound files up to eight folders deep,
    /// labelled by [`label_of`](crate::label_of) and [`speaker_of`](crate::speaker_of) from their path below `dir`.
    ///
    /// # Errors
    /// [`CorpusError`]; a single file that is no use is no error, but stands in `skipped`.
    pub fn open(dir: &Path, labels: &[String]) -> Result<Corpus, CorpusError> {
        let folder_error = |source| CorpusError::Folder { path: dir.to_path_buf(), source };
        if !fs::metadata(dir).map_err(folder_error)?.is_dir() {
            return Err(folder_error(io::ErrorKind::NotADirectory.into()));
        }
        let table = dir.join("manifest.csv");
        let corpus = if table.is_file() { from_manifest(dir, &table, labels)? } else { from_names(dir, labels)? };
        if corpus.clips.is_empty() {
            let example = corpus
                .skipped
                .first()
                .map(|(path, reason)| format!(" (for example, {} was skipped: {reason})", path.display()));
            return Err(CorpusError::NoClips {
                path: dir.to_path_buf(),
                labels: labels.join(", "),
                example: example.unwrap_or_default(),
            });
        }
        Ok(corpus)
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

/// The rows of a manifest whose file is there and whose emotion is a label.
fn from_manifest(dir: &Path, table: &Path, labels: &[String]) -> Result<Corpus, CorpusError> {
    let manifest_error = |reason: String| CorpusError::Manifest { path: table.to_path_buf(), reason };
    let file = File::open(table).map_err(|error| manifest_error(error.to_string()))?;
    let mut corpus = Corpus { clips: Vec::new(), skipped: Vec::new() };
    let mut good_rows = 0usize;
    let mut first_error = None;
    for (index, row) in manifest::rows(file).enumerate() {
        if index >= MOST_FILES {
            return Err(CorpusError::TooManyFiles { path: dir.to_path_buf() });
        }
        match row {
            Ok(row) => {
                good_rows += 1;
                match clip_of_row(dir, &row, labels) {
                    Ok(clip) => corpus.clips.push(clip),
                    Err(reason) => corpus.skipped.push((dir.join(&row.file), reason)),
                }
            }
            Err(error) => {
                let reason = error.to_string();
                if error.is_io_error() {
                    return Err(manifest_error(reason));
                }
                first_error.get_or_insert_with(|| reason.clone());
                corpus.skipped.push((table.to_path_buf(), reason));
            }
        }
    }
    match first_error {
        Some(reason) if good_rows == 0 => Err(manifest_error(reason)),
        _ => Ok(corpus),
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
        return Err("the manifest names it, but it isn't there".to_string());
    }
    let label = label_of_word(&row.emotion, labels)
        .ok_or_else(|| format!("its emotion, {}, is none of the labels", row.emotion))?;
    let speaker = if row.speaker.is_empty() {
        speaker_beside(&row.file, labels).unwrap_or_else(|| UNKNOWN.to_string())
    } else {
        row.speaker.clone()
    };
    Ok(Clip { path, speaker, label, sentence: Some(row.sentence.clone()).filter(|sentence| !sentence.is_empty()) })
}

/// All sound files below `dir`, labelled by their paths.
fn from_names(dir: &Path, labels: &[String]) -> Result<Corpus, CorpusError> {
    let SoundFiles { files, mut skipped } = sound_files(dir)?;
    let mut clips = Vec::new();
    for path in files {
        // Only what lies below the folder counts: where the corpus itself was put says nothing of its clips.
        let relative = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy();
        match label_of(&relative, labels) {
            Some(label) => clips.push(Clip {
                speaker: speaker_beside(&relative, labels).unwrap_or_else(|| UNKNOWN.to_string()),
                sentence: published(&relative).map(|name| name.sentence),
                label,
                path,
            }),
            None => skipped.push((path, "neither its folder nor its name is one of the labels".to_string())),
        }
    }
    skipped.sort();
    Ok(Corpus { clips, skipped })
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
