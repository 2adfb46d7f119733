//! Damaged files: they are kept beside what takes their place, under other names, so that nothing is lost that somebody might
//! still mend.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::facts::now;

/// How the endings of their names begin.
const DAMAGED: &str = "damaged";

/// Gives a room's files of a damaged version other names, under which they stay when the room goes on and has that version
/// again. One that is missing is passed over.
///
/// # Errors
/// The folder cannot be written.
pub fn set_aside(code: &str, paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let aside = path.with_extension(format!("safetensors.{DAMAGED}-{}", now()));
        match fs::rename(path, &aside) {
            Ok(()) => tracing::warn!(room = code, "{} is kept as {}", path.display(), aside.display()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot set {} aside", path.display())),
        }
    }
    Ok(())
}

/// Whether a file is one that was set aside.
pub fn is_aside(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.to_string_lossy().starts_with(DAMAGED))
}

/// SQLite passes over a log whose head is damaged and begins a new one in its place. It is kept here: what it held can be
/// told from the models beside it.
///
/// # Errors
/// The log cannot be read, or not set aside.
pub fn set_log_aside(database: &Path) -> Result<()> {
    let log = database.with_extension("sqlite-wal");
    let mut head = [0; 32];
    match File::open(&log).and_then(|mut file| file.read_exact(&mut head)) {
        Ok(()) if is_log(&head) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
            return Err(error).with_context(|| format!("cannot read {}", log.display()));
        }
        _ => {}
    }
    if fs::metadata(&log)?.len() == 0 {
        return Ok(());
    }
    let aside = database.with_extension(format!("sqlite-wal.{DAMAGED}-{}", now()));
    fs::rename(&log, &aside).with_context(|| format!("cannot set {} aside", log.display()))?;
    tracing::error!(
        "{} is damaged; it is kept as {}, and the rooms go on from what the database itself has",
        log.display(),
        aside.display()
    );
    Ok(())
}

/// Whether these bytes begin a log of SQLite: "The Write-Ahead Log", section 4.1 of its file format.
fn is_log(head: &[u8; 32]) -> bool {
    let mut words = [0_u32; 8];
    for (word, bytes) in words.iter_mut().zip(head.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    let [magic, version, .., first, second] = words;
    // The last bit says in which order of bytes the checksum is counted.
    let counted = |word: u32| if magic & 1 == 1 { word } else { word.swap_bytes() };
    let (mut low, mut high) = (0_u32, 0_u32);
    for pair in words[..6].chunks_exact(2) {
        low = low.wrapping_add(counted(pair[0])).wrapping_add(high);
        high = high.wrapping_add(counted(pair[1])).wrapping_add(low);
    }
    magic & !1 == 0x377f_0682 && version == 3_007_000 && (low, high) == (first, second)
}
