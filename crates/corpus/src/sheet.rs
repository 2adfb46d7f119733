//! Tables as text, as programs and spreadsheets write them: with commas, semicolons or tabs, in UTF-8, UTF-16 or the encoding
//! of Windows. What the columns mean is not known here.

use std::io::{self, Read};

use crate::emotion::fold;

/// Longest table, in bytes: half a million rows of several hundred letters.
const LONGEST: u64 = 256 << 20;

/// A table.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// The names in its first row.
    pub(crate) columns: Vec<String>,
    /// The other rows with their number, counted from 1 with the first, or why one can't be read.
    pub(crate) rows: Vec<Result<(u64, Vec<String>), String>>,
}

/// Why a table can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SheetError {
    /// The file can't be read.
    #[error("{0}")]
    File(#[from] io::Error),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is larger than any table of clips.
    #[error("it has more than {LONGEST} bytes")]
    TooLong,
    /// It lacks columns that are needed; these are there.
    #[error("its columns are {}", .0.join(", "))]
    Columns(Vec<String>),
}

impl Sheet {
    /// Reads all of a table.
    ///
    /// # Errors
    /// [`SheetError`], but no [`SheetError::Columns`].
    pub(crate) fn read(table: impl Read) -> Result<Self, SheetError> {
        let mut bytes = Vec::new();
        table.take(LONGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST {
            return Err(SheetError::TooLong);
        }
        let text = text(&bytes);
        let mut lines = text.trim_start_matches('\u{FEFF}');
        let mut before = 0;
        let mut delimiter = None;
        // Excel's own first line, which names the separator.
        if let Some(rest) = lines.strip_prefix("sep=") {
            let mut letters = rest.chars();
            delimiter = letters.next().filter(char::is_ascii);
            lines = letters.as_str().trim_start_matches(['\r', '\n']);
            before = 1;
        }
        let delimiter = delimiter.unwrap_or_else(|| separator(lines)) as u8;
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(lines.as_bytes());
        let mut rows = Vec::new();
        let mut columns = None;
        for (number, record) in (1..).zip(reader.records()) {
            let number = number + before;
            match record {
                Ok(record) => {
                    let cells = record.iter().map(str::to_owned).collect();
                    match columns {
                        None => columns = Some(cells),
                        Some(_) => rows.push(Ok((number, cells))),
                    }
                }
                Err(error) => rows.push(Err(format!("row {number}: {error}"))),
            }
        }
        Ok(Self { columns: columns.ok_or(SheetError::Empty)?, rows })
    }

    /// The place of the first column with one of these names, whatever its case, accents, spaces and hyphens.
    pub(crate) fn column(&self, names: &[&str]) -> Option<usize> {
        let plain = |column: &String| fold(column).replace([' ', '-'], "_");
        let columns: Vec<String> = self.columns.iter().map(plain).collect();
        names.iter().find_map(|name| columns.iter().position(|column| column == name))
    }
}

/// The letters of a file: UTF-16 where a mark or every other byte says so, else UTF-8, else the encoding of Windows in the
/// Americas and western Europe, of which letters alone matter here.
fn text(bytes: &[u8]) -> String {
    let units = |of: fn([u8; 2]) -> u16| -> String {
        let units = bytes.chunks_exact(2).map(|pair| of([pair[0], pair[1]]));
        char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xFF, 0xFE, ..] | [1..=0x7F, 0, 1..=0x7F, 0, ..] => units(u16::from_le_bytes),
        [0xFE, 0xFF, ..] | [0, 1..=0x7F, 0, 1..=0x7F, ..] => units(u16::from_be_bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            // 0xA0 to 0xFF are the same numbers in Unicode; what lies below are signs but for a few rare letters.
            Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
        },
    }
}

/// Which of the usual separators the first line has most of, outside of quotes.
fn separator(lines: &str) -> char {
    let mut counts = [(',', 0), (';', 0), ('\t', 0)];
    let mut quoted = false;
    for letter in lines.chars().take_while(|letter| !['\r', '\n'].contains(letter)) {
        quoted ^= letter == '"';
        if let Some((_, count)) = counts.iter_mut().find(|(separator, _)| *separator == letter && !quoted) {
            *count += 1;
        }
    }
    // The first of the greatest.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(',', |(separator, _)| separator)
}
