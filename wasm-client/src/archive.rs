//! A seat's clips as one zip file that a person can keep, and the way back from it: a WAV file for each clip, in a
//! folder for each label, and `manifest.csv`, which is also what `corpus` reads beside a folder of sounds.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};

use js_sys::Uint8Array;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveWriter};
use serde::Serialize;

use crate::failure::Failure;
use crate::storage::StoredClip;

/// The table's name in the archive.
const MANIFEST: &str = "manifest.csv";
/// Most files that are read from an archive.
const MOST_FILES: usize = 5000;
/// Longest name of a folder, in characters.
const LONGEST_NAME: usize = 40;
/// Names that no file may have on Windows.
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The table's columns. The first three are those of `corpus::Row` by the same names.
const COLUMNS: [&str; 5] = ["file", "emotion", "duration_s", "made_up", "name"];

/// What a row of the table says of its file.
struct Row {
    emotion: String,
    made_up: bool,
    name: String,
}

/// A clip of an archive, not yet decoded.
#[derive(Serialize)]
pub struct Packed {
    /// Its path in the archive.
    path: String,
    /// The name that it had in the list it was taken from.
    name: String,
    /// Its label's index, if the table names one of this room's.
    label: Option<usize>,
    made_up: bool,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    bytes: Uint8Array,
}

/// The clips as the bytes of a zip file, without compression: it would gain little on sound.
///
/// # Errors
/// `zip`, where the archive cannot be written.
pub fn pack(clips: &[StoredClip]) -> Result<Vec<u8>, Failure> {
    let mut folders = BTreeMap::<&str, (String, u32)>::new();
    let mut taken = HashSet::new();
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(COLUMNS).map_err(failure)?;
    for clip in clips {
        let (folder, count) = folders.entry(&clip.label).or_insert_with(|| (folder_name(&clip.label, &mut taken), 0));
        *count += 1;
        let file = format!("{folder}/{folder}-{count:02}.wav");
        // A clip's id is when it was added, in microseconds.
        add(&mut archive, &file, clip.id / 1e6, &clip.wav.to_vec())?;
        let seconds = format!("{:.3}", clip.seconds);
        let made_up = clip.made_up.to_string();
        table.write_record([&file, &clip.label, &seconds, &made_up, &clip.name]).map_err(failure)?;
    }
    add(&mut archive, MANIFEST, js_sys::Date::now() / 1e3, &table.into_inner().map_err(failure)?)?;
    archive.finish().map_err(failure)
}

/// The clips of a zip file that [`pack`] made, perhaps on another laptop.
///
/// # Errors
/// `zip_compressed` where something is compressed; `damaged` where it is no zip file, or not whole.
pub fn unpack(bytes: &[u8], labels: &[String]) -> Result<Vec<Packed>, Failure> {
    let damaged = |error: rawzip::Error| Failure::new("damaged", format!("This zip file is damaged: {error}."));
    let archive = ZipArchive::from_slice(bytes).map_err(damaged)?;
    let mut rows = BTreeMap::new();
    let mut files = Vec::new();
    let mut left = bytes.len();
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(damaged)? {
        // A path that leads out of the archive, or is no text, is nobody's clip.
        let Ok(path) = entry.file_path().try_normalize() else { continue };
        let path = path.as_ref().to_owned();
        let name = path.rsplit('/').next().unwrap_or_default();
        if entry.is_dir() || name.starts_with('.') || path.starts_with("__MACOSX/") || files.len() >= MOST_FILES {
            continue;
        }
        if entry.compression_method() != CompressionMethod::STORE {
            return Err(Failure::new(
                "zip_compressed",
                "This zip file is compressed. Unpack it, and choose the folder that comes out.",
            ));
        }
        let entry = archive.get_entry(entry.wayfinder()).map_err(damaged)?;
        // Files of an honest archive lie beside each other: together they are not longer than it.
        left = left
            .checked_sub(entry.data().len())
            .ok_or_else(|| Failure::new("damaged", "This zip file is damaged: its files lie upon each other."))?;
        let mut content = Vec::with_capacity(entry.data().len());
        entry
            .verifying_reader(entry.data())
            .read_to_end(&mut content)
            .map_err(|error| Failure::new("damaged", format!("{path} in this zip file is damaged: {error}.")))?;
        if path == MANIFEST {
            rows = rows_of(&content);
        } else {
            files.push((path, content));
        }
    }
    Ok(files
        .into_iter()
        .map(|(path, content)| {
            let row = rows.get(&path);
            let name = row.map(|row| row.name.as_str()).filter(|name| !name.is_empty());
            Packed {
                name: name.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default()).to_owned(),
                label: row.and_then(|row| labels.iter().position(|label| *label == row.emotion)),
                made_up: row.is_some_and(|row| row.made_up),
                bytes: Uint8Array::from(content.as_slice()),
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
            let [file, emotion, _, made_up, name] =
                place.map(|place| place.and_then(|place| record.get(place)).unwrap_or_default().to_owned());
            Some((file, Row { emotion, made_up: made_up == "true", name }))
        })
        .collect()
}

fn add(archive: &mut ZipArchiveWriter<Vec<u8>>, name: &str, seconds: f64, bytes: &[u8]) -> Result<(), Failure> {
    let (mut entry, config) =
        archive.new_file(name).last_modified(UtcDateTime::from_unix(seconds as i64)).start().map_err(failure)?;
    let mut writer = config.wrap(&mut entry);
    writer.write_all(bytes).map_err(failure)?;
    let (_, descriptor) = writer.finish().map_err(failure)?;
    entry.finish(descriptor).map_err(failure)?;
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

fn failure(error: impl std::fmt::Display) -> Failure {
    Failure::new("zip", format!("The zip file could not be made: {error}"))
}
