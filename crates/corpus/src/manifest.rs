//! `manifest.csv`: the table that says what each clip of a corpus is, as Chorus and as spreadsheets write it.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::Part;
use crate::part::part_of_word;
use crate::sheet::{Sheet, SheetError};

/// One row of a manifest; the columns are in this order, and a table that is read needs only `file` and `emotion`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Path of the sound, relative to the manifest's folder.
    pub file: String,
    /// Who speaks; empty where that is not known.
    #[serde(default)]
    pub speaker: String,
    /// The emotion, in any of the words that folders may be called by.
    pub emotion: String,
    /// Which sentence is said, as the corpus numbers them; may be empty.
    #[serde(default)]
    pub sentence: String,
    /// The speaker's gender as the corpus gives it; may be empty.
    #[serde(default)]
    pub gender: String,
    /// Length in seconds; may be empty.
    #[serde(default)]
    pub duration_s: Option<f64>,
    /// What is said; may be empty.
    #[serde(default)]
    pub transcript: String,
}

/// What each column may be called, in English, German and Spanish.
const FILE: &[&str] = &[
    "file",
    "file_name",
    "filename",
    "file_path",
    "filepath",
    "path",
    "wav",
    "wav_file",
    "audio",
    "audio_file",
    "sound",
    "datei",
    "dateiname",
    "pfad",
    "archivo",
    "fichero",
    "ruta",
];
const EMOTION: &[&str] =
    &["emotion", "emotions", "emotion_label", "label", "class", "category", "gefuhl", "klasse", "emocion", "etiqueta"];
const SPEAKER: &[&str] = &[
    "speaker",
    "speaker_id",
    "speakerid",
    "spk",
    "spk_id",
    "actor",
    "actor_id",
    "subject",
    "subject_id",
    "person",
    "sprecher",
    "sprecherin",
    "hablante",
    "locutor",
    "locutora",
];
const SENTENCE: &[&str] = &["sentence", "sentence_id", "satz", "frase"];
const GENDER: &[&str] = &["gender", "sex", "geschlecht", "genero", "sexo"];
const DURATION: &[&str] = &["duration_s", "duration", "seconds", "dauer", "dauer_s", "duracion", "duracion_s"];
const TRANSCRIPT: &[&str] = &[
    "transcript",
    "transcription",
    "text",
    "utterance",
    "words",
    "prompt",
    "transkript",
    "wortlaut",
    "transcripcion",
    "texto",
];
const PART: &[&str] = &["split", "part", "partition", "subset"];

/// A row with what tables of others say beside it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    pub(crate) part: Option<Part>,
}

/// Reads a manifest; an error among the rows belongs to its row and says which.
///
/// # Errors
/// A table that can't be read at all, or that lacks a column for files or emotions.
pub(crate) fn rows(table: impl Read) -> Result<Vec<Result<Entry, String>>, SheetError> {
    let sheet = Sheet::read(table)?;
    let (Some(file), Some(emotion)) = (sheet.column(FILE), sheet.column(EMOTION)) else {
        return Err(SheetError::Columns(sheet.columns));
    };
    let [speaker, sentence, gender, duration, transcript, part] =
        [SPEAKER, SENTENCE, GENDER, DURATION, TRANSCRIPT, PART].map(|names| sheet.column(names));
    let entry = |line: u64, cells: &[String]| {
        let cell = |column: Option<usize>| column.and_then(|column| cells.get(column)).cloned().unwrap_or_default();
        let seconds = cell(duration);
        let duration_s = match seconds.as_str() {
            "" => None,
            // With a decimal comma, as spreadsheets write numbers in much of Europe.
            text => Some(text.replace(',', ".").parse::<f64>().map_err(|_| {
                format!(
                    "row {line}: its column {} is no number of seconds: {text}",
                    sheet.columns[duration.unwrap_or(0)]
                )
            })?),
        };
        let row = Row {
            file: cell(Some(file)),
            speaker: cell(speaker),
            emotion: cell(Some(emotion)),
            sentence: cell(sentence),
            gender: cell(gender),
            duration_s,
            transcript: cell(transcript),
        };
        let empty = [(file, &row.file), (emotion, &row.emotion)].into_iter().find(|(_, cell)| cell.is_empty());
        match empty {
            Some((column, _)) => Err(format!("row {line}: its column {} is empty", sheet.columns[column])),
            None => Ok(Entry { part: part_of_word(&cell(part)), row }),
        }
    };
    Ok(sheet
        .rows
        .iter()
        .map(|row| row.as_ref().map_err(Clone::clone).and_then(|(line, cells)| entry(*line, cells)))
        .collect())
}

/// Writes a manifest with all columns.
///
/// # Errors
/// Where `table` can't be written to.
pub fn write_manifest(rows: &[Row], table: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(table);
    for row in rows {
        writer.serialize(row).map_err(io::Error::from)?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &[u8]) -> Vec<Row> {
        rows(table).unwrap().into_iter().map(|entry| entry.unwrap().row).collect()
    }

    #[test]
    fn columns_may_be_missing_or_in_another_order() {
        let read = read(b"emotion,file\nangry, a.wav\n");
        assert_eq!((read[0].file.as_str(), read[0].emotion.as_str()), ("a.wav", "angry"));
        assert_eq!((read[0].speaker.as_str(), read[0].duration_s), ("", None));
    }

    #[test]
    fn a_bad_row_does_not_spoil_the_others() {
        let table = b"file,emotion,duration_s\na.wav,angry,\xff\nb.wav,sad,soon\nc.wav,sad,1.5\n";
        let read = rows(table.as_slice()).unwrap();
        assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(read[1].as_ref().unwrap_err(), "row 3: its column duration_s is no number of seconds: soon");
        let read = rows(b"Datei;Emotion\n;sad\nb.wav;\n".as_slice()).unwrap();
        assert_eq!(read[0].as_ref().unwrap_err(), "row 2: its column Datei is empty");
        assert_eq!(read[1].as_ref().unwrap_err(), "row 3: its column Emotion is empty");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let row = Row {
            file: "a, \"b\".wav".into(),
            speaker: "synthetic_01".into(),
            emotion: "sad".into(),
            sentence: "m01".into(),
            gender: String::new(),
            duration_s: Some(1.5),
            transcript: "Er sagte: \"nein\", leise".into(),
        };
        let mut table = Vec::new();
        write_manifest(std::slice::from_ref(&row), &mut table).unwrap();
        assert!(table.starts_with(b"file,speaker,emotion,sentence,gender,duration_s,transcript\n"));
        assert_eq!(read(&table), [row]);
    }

    /// What LibreOffice, Excel and others write of the same two clips.
    #[test]
    fn tables_as_spreadsheets_write_them() {
        let english =
            "File_Name,Speaker,Emotion,Split\nangry\\1.wav,Jürgen,wütend,train\n\"b, c.wav\",Ana,triste,test\n";
        let excel = english.replace("\"b, c.wav\"", "b; c.wav").replace(',', "\t").replace("b; c.wav", "\"b, c.wav\"");
        let semicolons = "sep=;\r\nDATEI;Sprecher;EMOTION;Split\r\nangry\\1.wav;Jürgen;wütend;train\r\n\"b, c.wav\";Ana;triste;test\r\n";
        let utf_16 = |text: &str, little: bool| {
            let units = std::iter::once('\u{FEFF}').chain(text.chars()).collect::<String>();
            let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            units.encode_utf16().flat_map(bytes).collect::<Vec<u8>>()
        };
        let windows_1252 = |text: &str| text.chars().map(|letter| letter as u32 as u8).collect::<Vec<u8>>();
        for table in [
            english.as_bytes().to_vec(),
            format!("\u{FEFF}{english}").into_bytes(),
            semicolons.as_bytes().to_vec(),
            windows_1252(semicolons),
            utf_16(&excel, true),
            utf_16(semicolons, false),
            english.replace('\n', "\r").into_bytes(),
        ] {
            let read = rows(table.as_slice()).unwrap();
            let read: Vec<_> = read.into_iter().map(Result::unwrap).collect();
            assert_eq!(read.len(), 2);
            let cells = |entry: &Entry| [&entry.row.file, &entry.row.speaker, &entry.row.emotion].map(Clone::clone);
            assert_eq!(cells(&read[0]), ["angry\\1.wav", "Jürgen", "wütend"]);
            assert_eq!(cells(&read[1]), ["b, c.wav", "Ana", "triste"]);
            assert_eq!((read[0].part, read[1].part), (Some(Part::Train), Some(Part::Test)));
        }
    }

    #[test]
    fn a_table_without_its_columns_says_which_it_has() {
        let error = rows(b"name;mood\n1.wav;sad\n".as_slice()).unwrap_err().to_string();
        assert_eq!(error, "its columns are name, mood");
        assert_eq!(rows(b"".as_slice()).unwrap_err().to_string(), "it is empty");
    }
}
