//! Published corpora whose speakers and emotions stand in tables of their own, as the table of corpora describes them.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::found::{Found, NOT_THERE, unknown_label};
use crate::published::{Published, TABLE, Tabled};
use crate::sheet::Sheet;
use crate::vocabulary::{Vocabulary, Word};
use crate::walk::SoundFiles;
use crate::{Clip, CorpusError, naming};

/// A table that was found.
pub(crate) struct Here {
    corpus: &'static Published,
    described: &'static Tabled,
    path: PathBuf,
}

/// The tables of the first published corpus that has some among these files; None where there are none.
pub(crate) fn find(sounds: &SoundFiles) -> Option<Vec<Here>> {
    let beside: Vec<&PathBuf> = sounds.skipped.iter().map(|(path, _)| path).collect();
    TABLE.iter().find_map(|corpus| {
        let here = |described: &'static Tabled| {
            let path = beside.iter().find(|path| path.file_name().is_some_and(|name| name == described.file))?;
            let here = Here { corpus, described, path: (*path).clone() };
            // "samples.csv" alone is no sign of anything; its columns are.
            Sheet::read(File::open(&here.path).ok()?)
                .ok()
                .filter(|sheet| described.columns(sheet).is_some())
                .map(|_| here)
        };
        let tables: Vec<Here> = corpus.tables.iter().filter_map(here).collect();
        (!tables.is_empty()).then_some(tables)
    })
}

impl Tabled {
    /// Where its columns are.
    fn columns(&self, sheet: &Sheet) -> Option<Columns> {
        let place = |name: &str| sheet.columns.iter().position(|column| column == name);
        let in_braces = self.sound.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        Some(Columns {
            sound: in_braces.map(place).collect::<Option<_>>()?,
            speaker: place(self.speaker)?,
            emotion: place(self.emotion)?,
            transcript: self.transcript.and_then(place),
        })
    }

    /// The end of the sound's path, with these cells for what stands in braces.
    fn sound(&self, cells: impl IntoIterator<Item = String>) -> String {
        let mut text = String::new();
        let mut cells = cells.into_iter();
        for (index, piece) in self.sound.split(['{', '}']).enumerate() {
            if index % 2 == 0 {
                text += piece;
            } else {
                text += &cells.next().unwrap_or_default();
            }
        }
        text
    }
}

/// Which columns of a table say what.
struct Columns {
    /// Those of the sound's path, in their order.
    sound: Vec<usize>,
    speaker: usize,
    emotion: usize,
    /// None in a copy of the table that lacks it.
    transcript: Option<usize>,
}

/// A row of a table.
struct Row {
    sound: String,
    speaker: Option<String>,
    word: Option<Word>,
    emotion: String,
    transcript: String,
    table: usize,
}

/// All rows of the tables.
///
/// # Errors
/// Where a table can't be read any more.
pub(crate) fn read(
    dir: &Path,
    tables: &[Here],
    sounds: SoundFiles,
    vocabulary: &Vocabulary<'_>,
) -> Result<Found, CorpusError> {
    let SoundFiles { files, skipped } = sounds;
    let mut by_end: HashMap<String, PathBuf> = HashMap::new();
    for path in files {
        by_end.entry(end(&path)).or_insert(path);
    }
    let mut found = Found { skipped, ..Found::default() };
    let mut rows = Vec::new();
    for (table, here) in tables.iter().enumerate() {
        let error = |reason: String| CorpusError::Manifest { path: here.path.clone(), reason };
        let file = File::open(&here.path).map_err(|source| error(source.to_string()))?;
        let sheet = Sheet::read(file).map_err(|source| error(source.to_string()))?;
        let Some(Columns { sound, speaker, emotion, transcript }) = here.described.columns(&sheet) else { continue };
        for row in sheet.rows {
            let Ok((_, cells)) = row else { continue };
            let cell = |column: usize| cells.get(column).map(|cell| cell.trim().to_owned()).unwrap_or_default();
            let own = cell(speaker);
            let prefix = here.corpus.id.replace('-', "");
            rows.push(Row {
                sound: here.described.sound(sound.iter().map(|&column| without_extension(&cell(column)).to_owned())),
                speaker: (!own.is_empty()).then(|| format!("{prefix}_{own}")),
                word: vocabulary.word(&cell(emotion)),
                emotion: cell(emotion),
                transcript: transcript.map(cell).unwrap_or_default(),
                table,
            });
        }
    }
    let felt = naming::felt(rows.iter().filter_map(|row| row.word.as_ref()));
    let heard = |table: usize| rows.iter().any(|row| row.table == table && by_end.contains_key(&row.sound));
    let heard: Vec<bool> = (0..tables.len()).map(heard).collect();
    if heard.contains(&true) {
        // A part of the corpus that was not fetched at all is none that was half copied.
        rows.retain(|row| heard[row.table]);
        for (here, _) in tables.iter().zip(&heard).filter(|(_, heard)| !**heard) {
            found.warnings.push(format!("no sound is here of those that {} names", here.described.file));
        }
    }
    let mut seen = HashSet::new();
    for Row { sound, speaker, word, emotion, transcript, table } in rows {
        let Here { corpus, described, .. } = &tables[table];
        if !seen.insert(sound.clone()) {
            continue;
        }
        found.named += 1;
        let Some(path) = by_end.remove(&sound) else {
            found.missing += 1;
            found.skip(dir.join(sound), NOT_THERE);
            continue;
        };
        match word {
            None => found.skip(path, &unknown_label(&emotion)),
            Some(word) => {
                if let Some(label) = found.label(&path, &word, vocabulary, &felt) {
                    let transcript = found.transcript(&transcript);
                    let clip = Clip { path, speaker, label, sentence: None, part: described.part, transcript };
                    found.add(clip, Some(*corpus));
                }
            }
        }
    }
    let mut untold: Vec<PathBuf> = by_end.into_values().collect();
    untold.sort();
    for path in untold {
        found.skip(path, "none of the corpus' tables names it");
    }
    if let Some(Here { corpus, .. }) = tables.first() {
        let there = |described: &&Tabled| tables.iter().any(|here| here.described.file == described.file);
        let missing: Vec<&str> =
            corpus.tables.iter().filter(|described| !there(described)).map(|described| described.file).collect();
        found.absent = (!missing.is_empty()).then(|| format!("{} lacks {}", corpus.name, missing.join(" and ")));
    }
    Ok(found)
}

/// The last two parts of a path without the extension, by which tables name sounds.
fn end(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    format!("{folder}/{}", path.file_stem().unwrap_or_default().to_string_lossy())
}

fn without_extension(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
