//! Checksums over what of a room is rows: SQLite finds a broken page, but not a digit that became another one. Each room has one,
//! over all its rows in all tables as they stand, written with them. It knows no column by name.

use anyhow::{Result, ensure};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params};

/// What belongs to a room, and the order in which it is read.
const ROWS: [&str; 4] = [
    "SELECT * FROM rooms WHERE code = ?1",
    "SELECT * FROM rounds WHERE room = ?1 ORDER BY round",
    "SELECT * FROM clients WHERE room = ?1 ORDER BY client",
    "SELECT * FROM models WHERE room = ?1 ORDER BY version",
];

/// What only some rooms have rows of, and came later: the others' checksums are as they were without it.
const ROWS_OF_SOME: [&str; 2] = ["SELECT * FROM budgets WHERE room = ?1", "SELECT * FROM by_group WHERE room = ?1"];

/// Makes the table where it is missing. Rooms that were stored before there was one have no checksum until they are stored again.
///
/// # Errors
/// It cannot be written.
pub fn make_table(database: &Connection) -> Result<()> {
    Ok(database.execute_batch(
        "CREATE TABLE IF NOT EXISTS sums (
            room TEXT PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
            checksum INTEGER NOT NULL
        ) STRICT",
    )?)
}

/// Notes the checksum of a room as it stands.
///
/// # Errors
/// It cannot be written.
pub fn note(database: &Connection, code: &str) -> Result<()> {
    let sum = of(database, code)?;
    database.prepare_cached("INSERT OR REPLACE INTO sums VALUES (?1, ?2)")?.execute(params![code, sum])?;
    Ok(())
}

/// Holds a room as it stands against the checksum that was noted, where one was.
///
/// # Errors
/// Something in it changed since.
pub fn check(database: &Connection, code: &str) -> Result<()> {
    let query = "SELECT checksum FROM sums WHERE room = ?1";
    let noted: Option<u32> = database.query_row(query, [code], |row| row.get(0)).optional()?;
    let unchanged = match noted {
        Some(noted) => noted == of(database, code)?,
        None => true,
    };
    ensure!(unchanged, "its rows in the database are not as they were written: bytes of them changed on the disk");
    Ok(())
}

/// The CRC-32 of a room's rows, each value with its kind and its length.
fn of(database: &Connection, code: &str) -> Result<u32> {
    let mut sum = crc32fast::Hasher::new();
    let mut value = |kind: u8, bytes: &[u8]| {
        sum.update(&[kind]);
        sum.update(&(bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    };
    for query in ROWS.into_iter().chain(ROWS_OF_SOME) {
        let mut statement = database.prepare_cached(query)?;
        let columns = statement.column_count();
        let mut rows = statement.query([code])?;
        let mut found = !ROWS_OF_SOME.contains(&query);
        while let Some(row) = rows.next()? {
            found = true;
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Null => value(0, &[]),
                    ValueRef::Integer(number) => value(1, &number.to_le_bytes()),
                    ValueRef::Real(number) => value(2, &number.to_le_bytes()),
                    ValueRef::Text(text) => value(3, text),
                    ValueRef::Blob(bytes) => value(4, bytes),
                }
            }
        }
        if found {
            value(5, &[]);
        }
    }
    Ok(sum.finalize())
}
