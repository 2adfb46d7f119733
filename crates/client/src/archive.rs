//! Clips as one zip file that a person can keep, and the way back from it: a WAV file for each clip, in a folder for
//! each label, and `manifest.csv`, which is also what `corpus` reads beside a folder of sounds.
//!
//! What is read may come from anyone: it is bounded by the archive's own length, nothing of it is unpacked, and no path
//! leads out of it. Whether a file is sound is not known here.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};

use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveWriter};
use text::Transcript;

use crate::{Clip, ClipError, FailureCode, said};

/// The table's name in the archive.
const MANIFEST: &str = "manifest.csv";
/// Most files that are read from an archive; what comes after them is passed over.
pub const MOST_FILES: usize = 5000;
/// Longest name of a folder, in characters.
const LONGEST_NAME: usize = 40;
/// Names that no file may have on Windows.
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The table's columns. The first three and the last are those of `corpus::Row` by the same names.
const COLUMNS: [&str; 6] = ["file", "emotion", "duration_s", "made_up", "name", "transcript"];

/// Why an archive was not made or not read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It could not be written.
    #[error("The zip file could not be made: {0}")]
    Write(String),
    /// Something in it is compressed, and this reads none of the ways to compress.
    #[error("This zip file is compressed. Unpack it, and choose the folder that comes out.")]
    Compressed,
    /// It is no zip file, or not whole.
    #[error("This zip file is damaged: {0}.")]
    Damaged(#[from] rawzip::Error),
    /// Its files share bytes, as in archives that are to unpack to more than anyone has room for.
    #[error("This zip file is damaged: its files lie upon each other.")]
    Overlapping,
    /// A file in it is not what its checksum says.
    #[error("{path} in this zip file is damaged: {error}.")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        error: std::io::Error,
    },
}

impl ArchiveError {
    /// As the page knows it.
    pub fn code(&self) -> FailureCode {
        match self {
            Self::Write(_) => FailureCode::Zip,
            Self::Compressed => FailureCode::ZipCompressed,
            Self::Damaged(_) | Self::Overlapping | Self::File { .. } => FailureCode::Damaged,
        }
    }
}

/// A clip of an archive, not yet decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedClip {
    /// Its path in the archive.
    pub path: String,
    /// The name that it had in the list it was taken from.
    pub name: String,
    /// Its label's index, if the table names one of this room's.
    pub label: Option<usize>,
    /// Whether a program made this voice.
    pub made_up: bool,
    /// What is said in it, where the table knows.
    pub transcript: Option<Transcript>,
    /// Whether the table's text is too long to be that, and was left out.
    pub long_text: bool,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

/// What a row of the table says of its file.
struct Row {
    emotion: String,
    made_up: bool,
    name: String,
    transcript: Result<Option<Transcript>, ClipError>,
}

/// The clips as the bytes of a zip file, without compression: it would gain little on sound. `now` is the table's time,
/// seconds since 1970.
///
/// # Errors
/// [`ArchiveError::Write`].
pub fn pack<'a>(clips: impl IntoIterator<Item = &'a Clip>, now: f64) -> Result<Vec<u8>, ArchiveError> {
    let mut folders = BTreeMap::<&str, (String, u32)>::new();
    let mut taken = HashSet::new();
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(COLUMNS).map_err(unwritten)?;
    for clip in clips {
        let (folder, count) = folders.entry(&clip.label).or_insert_with(|| (folder_name(&clip.label, &mut taken), 0));
        *count += 1;
        let file = format!("{folder}/{folder}-{count:02}.wav");
        // A clip's id is when it was added, in microseconds.
        add(&mut archive, &file, clip.id / 1e6, &clip.sound.wav)?;
        let seconds = format!("{:.3}", clip.seconds);
        let made_up = clip.made_up.to_string();
        let said = clip.transcript.as_ref().map(Transcript::as_str).unwrap_or_default();
        table.write_record([&file, &clip.label, &seconds, &made_up, &clip.name, said]).map_err(unwritten)?;
    }
    add(&mut archive, MANIFEST, now, &table.into_inner().map_err(unwritten)?)?;
    archive.finish().map_err(unwritten)
}

/// The clips of a zip file that [`pack`] made, perhaps on another laptop.
///
/// # Errors
/// All but [`ArchiveError::Write`].
pub fn unpack(bytes: &[u8], labels: &[String]) -> Result<Vec<ArchivedClip>, ArchiveError> {
    let archive = ZipArchive::from_slice(bytes)?;
    let mut rows = BTreeMap::new();
    let mut files = Vec::new();
    let mut left = bytes.len();
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry()? {
        // A path that leads out of the archive, or is no text, is nobody's clip.
        let Ok(path) = entry.file_path().try_normalize() else { continue };
        let path = path.as_ref().to_owned();
        let name = path.rsplit('/').next().unwrap_or_default();
        if entry.is_dir() || name.starts_with('.') || path.starts_with("__MACOSX/") || files.len() >= MOST_FILES {
            continue;
        }
        if entry.compression_method() != CompressionMethod::STORE {
            return Err(ArchiveError::Compressed);
        }
        let entry = archive.get_entry(entry.wayfinder())?;
        // Files of an honest archive lie beside each other: together they are not longer than it.
        left = left.checked_sub(entry.data().len()).ok_or(ArchiveError::Overlapping)?;
        let mut content = Vec::with_capacity(entry.data().len());
        if let Err(error) = entry.verifying_reader(entry.data()).read_to_end(&mut content) {
            return Err(ArchiveError::File { path, error });
        }
        if path == MANIFEST {
            rows = rows_of(&content);
        } else {
            files.push((path, content));
        }
    }
    Ok(files
        .into_iter()
        .map(|(path, bytes)| {
            let row = rows.get(&path);
            let name = row.map(|row| row.name.as_str()).filter(|name| !name.is_empty());
            ArchivedClip {
                name: name.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default()).to_owned(),
                label: row.and_then(|row| labels.iter().position(|label| *label == row.emotion)),
                made_up: row.is_some_and(|row| row.made_up),
                transcript: row.and_then(|row| row.transcript.clone().ok().flatten()),
                long_text: row.is_some_and(|row| row.transcript.is_err()),
                bytes,
                path,
            }
        })
        .collect())
}

/// The table's rows by their files. One that makes no sense is passed over: the sound is still there, and its folder
/// names the label.
fn rows_of(table: &[u8]) -> BTreeMap<String, Row> {
    let mut reader = csv::Reader::from_reader(table);
    let Ok(columns) = reader.headers().cloned() else { return BTreeMap::new() };
    let place = COLUMNS.map(|name| columns.iter().position(|column| column == name));
    reader
        .records()
        .filter_map(|record| {
            let record = record.ok()?;
            let [file, emotion, _, made_up, name, text] =
                place.map(|place| place.and_then(|place| record.get(place)).unwrap_or_default());
            let transcript = said(text);
            let row =
                Row { emotion: emotion.to_owned(), made_up: made_up == "true", name: name.to_owned(), transcript };
            Some((file.to_owned(), row))
        })
        .collect()
}

fn add(archive: &mut ZipArchiveWriter<Vec<u8>>, name: &str, seconds: f64, bytes: &[u8]) -> Result<(), ArchiveError> {
    let (mut entry, config) =
        archive.new_file(name).last_modified(UtcDateTime::from_unix(seconds as i64)).start().map_err(unwritten)?;
    let mut writer = config.wrap(&mut entry);
    writer.write_all(bytes).map_err(unwritten)?;
    let (_, descriptor) = writer.finish().map_err(unwritten)?;
    entry.finish(descriptor).map_err(unwritten)?;
    Ok(())
}

/// A label as a folder's name: nothing in it that any system could take for more than a name, and no two the same.
fn folder_name(label: &str, taken: &mut HashSet<String>) -> String {
    let plain: String = label
        .chars()
        .take(LONGEST_NAME)
        .map(|letter| if letter.is_alphanumeric() || letter == '-' { letter } else { '_' })
        .collect();
    let base =
        if plain.is_empty() || RESERVED.contains(&plain.to_lowercase().as_str()) { format!("{plain}_") } else { plain };
    let mut name = base.clone();
    let mut count = 1;
    while !taken.insert(name.to_lowercase()) {
        count += 1;
        name = format!("{base}-{count}");
    }
    name
}

fn unwritten(error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Write(error.to_string())
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
