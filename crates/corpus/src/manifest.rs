//! `manifest.csv`: the table that says what each clip of a corpus is.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

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
}

/// Reads a manifest row by row; an error belongs to its row and says the line.
pub(crate) fn rows(table: impl Read) -> impl Iterator<Item = Result<Row, csv::Error>> {
    csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(table).into_deserialize()
}

/// Writes a manifest with all columns.
///
/// # Errors
/// Where `table` can't be written to.
pub fn write_manifest(rows: &[Row], table: impl Write) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(table);
    for row in rows {
        writer.serialize(row).map_err(std::io::Error::from)?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_may_be_missing_or_in_another_order() {
        let table = "emotion,file\nangry, a.wav\n";
        let read: Vec<Row> = rows(table.as_bytes()).map(Result::unwrap).collect();
        assert_eq!((read[0].file.as_str(), read[0].emotion.as_str()), ("a.wav", "angry"));
        assert_eq!((read[0].speaker.as_str(), read[0].duration_s), ("", None));
    }

    #[test]
    fn a_bad_row_does_not_spoil_the_others() {
        let table = b"file,emotion,duration_s\na.wav,angry,\xff\nb.wav,sad,soon\nc.wav,sad,1.5\n";
        let read: Vec<bool> = rows(table.as_slice()).map(|row| row.is_ok()).collect();
        assert_eq!(read, [false, false, true]);
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
        };
        let mut table = Vec::new();
        write_manifest(std::slice::from_ref(&row), &mut table).unwrap();
        assert!(table.starts_with(b"file,speaker,emotion,sentence,gender,duration_s\n"));
        let read: Vec<Row> = rows(table.as_slice()).map(Result::unwrap).collect();
        assert_eq!(read, [row]);
    }
}
