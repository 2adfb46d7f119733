//! The sound files below a folder, by a walk that ends, whatever the folder holds.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::CorpusError;

/// How many folders deep sound files may lie.
const DEEPEST: usize = 8;
/// More files than this are a mistake (the root of a disk, say) rather than a corpus.
pub(crate) const MOST_FILES: usize = 500_000;
/// The reason of a file that is something else.
pub(crate) const NO_SOUND: &str = "not a sound file by its name";
/// Extensions of the formats that can be decoded here.
const SOUND: [&str; 29] = [
    "wav", "wave", "rf64", "w64", "flac", "mp2", "mp3", "ogg", "oga", "opus", "webm", "weba", "mka", "mkv", "m4a",
    "m4b", "m4v", "mp4", "mov", "3gp", "3g2", "aac", "caf", "aif", "aiff", "aifc", "au", "snd", "sph",
];
/// Extensions of sound that nothing here decodes: files that a person may take for clips.
const FOREIGN: [&str; 14] =
    ["amr", "awb", "wma", "wmv", "ra", "rm", "ape", "wv", "mpc", "tta", "spx", "ac3", "dss", "shn"];
/// The reason of such a file, before its extension.
const NOT_READ: &str = "a sound format that is not read here";
/// The reason of what the system does not let one read, before what it says.
const CLOSED: &str = "can't be read";

/// What [`sound_files`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundFiles {
    /// Files that are sound by their extension, by path.
    pub files: Vec<PathBuf>,
    /// Everything else, with the reason in words.
    pub skipped: Vec<(PathBuf, String)>,
}

/// Of what was passed over, that which whoever named the folder may take for clips: sound in formats that are not read here, and
/// what can't be opened.
pub fn unreadable(skipped: &[(PathBuf, String)]) -> impl Iterator<Item = &(PathBuf, String)> {
    skipped.iter().filter(|(_, reason)| reason.starts_with(NOT_READ) || reason.starts_with(CLOSED))
}

/// The sound files below `dir`, up to eight folders deep; hidden ones are left out, and links are followed, but into no
/// folder twice.
///
/// # Errors
/// [`CorpusError::Folder`] and [`CorpusError::TooManyFiles`].
pub fn sound_files(dir: &Path) -> Result<SoundFiles, CorpusError> {
    let mut walk = Walk::default();
    walk.visit(dir, DEEPEST).map_err(|source| CorpusError::Folder { path: dir.to_path_buf(), source })?;
    if walk.full() {
        return Err(CorpusError::TooManyFiles { path: dir.to_path_buf() });
    }
    walk.files.sort();
    Ok(SoundFiles { files: walk.files, skipped: walk.skipped })
}

#[derive(Default)]
struct Walk {
    files: Vec<PathBuf>,
    skipped: Vec<(PathBuf, String)>,
    /// Folders by their true path, so that links that lead in a circle are followed once.
    seen: HashSet<PathBuf>,
    entries: usize,
}

impl Walk {
    fn full(&self) -> bool {
        self.entries > MOST_FILES
    }

    /// # Errors
    /// Where `dir` itself can't be read; folders within are only skipped.
    fn visit(&mut self, dir: &Path, depth: usize) -> io::Result<()> {
        if !self.seen.insert(dir.canonicalize()?) {
            return Ok(());
        }
        let mut entries: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(dir)? {
            self.entries += 1;
            if self.full() {
                return Ok(());
            }
            match entry {
                Ok(entry) => entries.push(entry.path()),
                Err(error) => self.skip(dir, &format!("one of its entries can't be read: {error}")),
            }
        }
        // In order, so that of two ways to one folder always the same is taken.
        entries.sort();
        for path in entries {
            self.take(path, depth);
        }
        Ok(())
    }

    fn take(&mut self, path: PathBuf, depth: usize) {
        if path.file_name().unwrap_or_default().to_string_lossy().starts_with('.') {
            self.skip(&path, "hidden");
            return;
        }
        match fs::metadata(&path) {
            Err(error) => self.skip(&path, &format!("{CLOSED}: {error}")),
            Ok(data) if data.is_dir() => {
                if depth == 0 {
                    self.skip(&path, &format!("more than {DEEPEST} folders deep"));
                } else if let Err(error) = self.visit(&path, depth - 1) {
                    self.skip(&path, &format!("{CLOSED}: {error}"));
                }
            }
            Ok(data) if data.is_file() => {
                let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
                if SOUND.contains(&extension.as_str()) {
                    self.files.push(path);
                } else if FOREIGN.contains(&extension.as_str()) {
                    self.skip(&path, &format!("{NOT_READ}: .{extension}"));
                } else {
                    self.skip(&path, NO_SOUND);
                }
            }
            Ok(_) => self.skip(&path, "neither a file nor a folder"),
        }
    }

    fn skip(&mut self, path: &Path, reason: &str) {
        self.skipped.push((path.to_path_buf(), reason.to_string()));
    }
}
