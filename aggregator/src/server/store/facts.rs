//! What of a room is rows in SQLite: the room, its rounds and its clients. What the tables are is said here once. It knows no
//! file but the database's own; which models there are is in `versions.rs`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use federation::{Checkpoint, Identity};
use protocol::{ClientId, ModelVersion, RoomCode, RoomConfig, RoundRecord, Token};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::de::DeserializeOwned;

/// What the tables below are; a database of a number that is not known here is not touched.
const SCHEMA: i64 = 5;

const TABLES: &str = "
    CREATE TABLE rooms (
        code TEXT PRIMARY KEY,
        created_at INTEGER NOT NULL,
        config TEXT NOT NULL,
        model_version INTEGER NOT NULL,
        standardisation TEXT,
        next_client INTEGER NOT NULL,
        paused INTEGER NOT NULL,
        locked INTEGER NOT NULL,
        bytes_up INTEGER NOT NULL,
        bytes_down INTEGER NOT NULL,
        least INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        final_evaluations TEXT NOT NULL,
        left_out TEXT NOT NULL,
        masked_evaluation TEXT
    ) STRICT;
    CREATE TABLE rounds (
        room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
        round INTEGER NOT NULL,
        record TEXT NOT NULL,
        contributions TEXT NOT NULL,
        PRIMARY KEY (room, round)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE clients (
        room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
        client INTEGER NOT NULL,
        name TEXT NOT NULL,
        token TEXT NOT NULL,
        contributed INTEGER NOT NULL,
        removed INTEGER NOT NULL,
        named_by_host INTEGER NOT NULL,
        PRIMARY KEY (room, client)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE models (
        room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
        version INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        model_checksum INTEGER NOT NULL,
        strategy_checksum INTEGER,
        PRIMARY KEY (room, version)
    ) STRICT, WITHOUT ROWID;
";

/// Of rooms with noise, how many rounds they have published. Number 2 had none of it, and would let such a room go on without
/// noise.
const BUDGETS: &str = "
    CREATE TABLE budgets (
        room TEXT PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
        noisy_rounds INTEGER NOT NULL
    ) STRICT;
";

/// Makes tables of number 1 those of number 2. Whose updates are in which round was not kept then, nor who had said what of a
/// finished model: everyone who comes back says it anew.
const FROM_1: &str = "
    ALTER TABLE rooms ADD COLUMN least INTEGER NOT NULL DEFAULT 0;
    UPDATE rooms SET least = json_extract(config, '$.least');
    ALTER TABLE rooms ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rooms ADD COLUMN final_evaluations TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE rooms ADD COLUMN left_out TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE rooms DROP COLUMN final_evaluation;
    ALTER TABLE rounds ADD COLUMN contributions TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE clients ADD COLUMN contributed INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE clients DROP COLUMN evaluated;
";

/// Number 3 knew no sum of evaluations.
const FROM_3: &str = "ALTER TABLE rooms ADD COLUMN masked_evaluation TEXT";

/// Of rooms with groups, what clients told of theirs, and what is shown of it. Number 4 knew no groups.
const BY_GROUP: &str = "
    CREATE TABLE by_group (
        room TEXT PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
        groups TEXT NOT NULL
    ) STRICT;
";

/// Moves all that is committed from the log into the database itself.
pub fn take_log_over(database: &Connection) -> rusqlite::Result<()> {
    database.pragma(None, "wal_checkpoint", "truncate", |_| Ok(()))
}

/// Opens the database, made where it is missing. `rooms`: whether there are models, so that there must be rows.
///
/// # Errors
/// It is damaged, of another version, or cannot be written.
pub fn open(path: &Path, rooms: bool) -> Result<Connection> {
    let mut database = Connection::open(path)?;
    database.pragma_update(None, "journal_mode", "wal")?;
    // On the disk before a commit returns: nobody is told of what a power cut could undo.
    database.pragma_update(None, "synchronous", "full")?;
    // The same on macOS, whose fsync alone does not wait for the disk.
    database.pragma_update(None, "fullfsync", true)?;
    database.pragma_update(None, "foreign_keys", true)?;
    let sound: String = database.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    ensure!(sound == "ok", "it is damaged: {sound}");
    let schema: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match schema {
        SCHEMA => {}
        1..=4 => {
            let transaction = database.transaction()?;
            for (number, changes) in [(1, FROM_1), (2, BUDGETS), (3, FROM_3), (4, BY_GROUP)] {
                if schema <= number {
                    transaction.execute_batch(changes)?;
                }
            }
            transaction.pragma_update(None, "user_version", SCHEMA)?;
            transaction.commit()?;
            take_log_over(&database)?;
        }
        0 if rooms => bail!("it has no rooms, and there are models of rooms beside it"),
        0 => {
            let transaction = database.transaction()?;
            transaction.execute_batch(TABLES)?;
            transaction.execute_batch(BUDGETS)?;
            transaction.execute_batch(BY_GROUP)?;
            transaction.pragma_update(None, "user_version", SCHEMA)?;
            transaction.commit()?;
            take_log_over(&database)?;
        }
        other => bail!("it was made by another version of this program (its tables are number {other}, not {SCHEMA})"),
    }
    Ok(database)
}

/// Stores what a checkpoint says, but for which models there are.
///
/// # Errors
/// It cannot be written.
pub fn write(database: &Connection, checkpoint: &Checkpoint) -> Result<()> {
    let Checkpoint {
        config,
        model_version,
        standardisation,
        history,
        contributions,
        final_evaluations,
        masked_evaluation,
        groups,
        left_out,
        revision,
        least,
        identities,
        next_client,
        paused,
        locked,
        bytes_up,
        bytes_down,
        noisy_rounds,
    } = checkpoint;
    let code = config.code.as_str();
    let known = "SELECT revision FROM rooms WHERE code = ?1";
    let known: Option<u32> = database.query_row(known, [code], |row| row.get(0)).optional()?;
    database.execute(
        "INSERT INTO rooms (code, created_at, config, model_version, standardisation, next_client, paused, locked, bytes_up,
                            bytes_down, least, revision, final_evaluations, left_out, masked_evaluation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (code) DO UPDATE SET config = ?3, model_version = ?4, standardisation = ?5, next_client = ?6, paused = ?7,
             locked = ?8, bytes_up = ?9, bytes_down = ?10, least = ?11, revision = ?12, final_evaluations = ?13, left_out = ?14,
             masked_evaluation = ?15",
        params![
            code,
            now(),
            serde_json::to_string(config)?,
            model_version.0,
            standardisation.as_ref().map(serde_json::to_string).transpose()?,
            next_client,
            paused,
            locked,
            // SQLite's integers are signed; this is 8 EiB.
            i64::try_from(*bytes_up).unwrap_or(i64::MAX),
            i64::try_from(*bytes_down).unwrap_or(i64::MAX),
            least,
            revision,
            serde_json::to_string(final_evaluations)?,
            serde_json::to_string(left_out)?,
            masked_evaluation.as_ref().map(serde_json::to_string).transpose()?,
        ],
    )?;
    if config.noise.is_some() {
        database.execute("INSERT OR REPLACE INTO budgets VALUES (?1, ?2)", params![code, noisy_rounds])?;
    }
    if !config.groups.is_empty() {
        let groups = serde_json::to_string(groups)?;
        database.execute("INSERT OR REPLACE INTO by_group VALUES (?1, ?2)", params![code, groups])?;
    }
    // Rounds are only ever added, unless the host changed some that are over, or went back to an earlier version, from which
    // they then differ.
    let unchanged = if known == Some(*revision) { history.len() as i64 } else { 0 };
    database.execute("DELETE FROM rounds WHERE room = ?1 AND round > ?2", params![code, unchanged])?;
    let stored: i64 = database.query_row("SELECT count(*) FROM rounds WHERE room = ?1", [code], |row| row.get(0))?;
    for (record, given) in history.iter().zip(contributions).skip(stored as usize) {
        let (record_text, given) = (serde_json::to_string(record)?, serde_json::to_string(given)?);
        database
            .execute("INSERT INTO rounds VALUES (?1, ?2, ?3, ?4)", params![code, record.round.0, record_text, given])?;
    }
    database.execute("DELETE FROM clients WHERE room = ?1", [code])?;
    let mut insert = database.prepare_cached(
        "INSERT INTO clients (room, client, name, token, contributed, removed, named_by_host)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for Identity { client, name, token, contributed, removed, named_by_host } in identities {
        insert.execute(params![code, client.0, name, token.secret(), contributed, removed, named_by_host])?;
    }
    Ok(())
}

/// Reads what [`write`] stored.
///
/// # Errors
/// There is no such room, or a row is damaged.
pub fn read(database: &Connection, code: &str) -> Result<Checkpoint> {
    let (texts, numbers) = database.query_row(
        "SELECT config, standardisation, final_evaluations, left_out, model_version, next_client, paused, locked, bytes_up,
                bytes_down, least, revision, masked_evaluation
         FROM rooms WHERE code = ?1",
        [code],
        |row| {
            let texts: (String, Option<String>, String, String, Option<String>) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(12)?);
            let numbers: (u32, u32, bool, bool, i64, i64, u32, u32) = (
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
                row.get(8)?,
                row.get(9)?,
                row.get(10)?,
                row.get(11)?,
            );
            Ok((texts, numbers))
        },
    )?;
    let (config, standardisation, final_evaluations, left_out, masked_evaluation) = texts;
    let (model_version, next_client, paused, locked, bytes_up, bytes_down, least, revision) = numbers;
    let mut rounds = database.prepare("SELECT record, contributions FROM rounds WHERE room = ?1 ORDER BY round")?;
    let rounds = rounds.query_map([code], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let (mut history, mut contributions) = (Vec::<RoundRecord>::new(), Vec::new());
    for round in rounds {
        let (record, given) = round?;
        history.push(parse(&record)?);
        contributions.push(parse(&given)?);
    }
    let mut clients = database.prepare(
        "SELECT client, name, token, contributed, removed, named_by_host FROM clients WHERE room = ?1 ORDER BY client",
    )?;
    let identities = clients.query_map([code], |row| {
        let token: String = row.get(2)?;
        Ok((token, row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?, row.get(5)?))
    })?;
    let identities = identities.map(|row| {
        let (token, client, name, contributed, removed, named_by_host) = row?;
        let token = Token::parse(&token).context("a client's token is damaged")?;
        Ok(Identity { client: ClientId(client), name, token, contributed, removed, named_by_host })
    });
    let config: RoomConfig = parse(&config)?;
    let spent = "SELECT noisy_rounds FROM budgets WHERE room = ?1";
    let spent: Option<u32> = database.query_row(spent, [code], |row| row.get(0)).optional()?;
    ensure!(spent.is_some() || config.noise.is_none(), "what it has spent of its privacy budget is missing");
    let groups = "SELECT groups FROM by_group WHERE room = ?1";
    let groups: Option<String> = database.query_row(groups, [code], |row| row.get(0)).optional()?;
    let checkpoint = Checkpoint {
        config,
        model_version: ModelVersion(model_version),
        standardisation: standardisation.as_deref().map(parse).transpose()?,
        history,
        contributions,
        final_evaluations: parse(&final_evaluations)?,
        masked_evaluation: masked_evaluation.as_deref().map(parse).transpose()?,
        groups: groups.as_deref().map(parse).transpose()?.unwrap_or_default(),
        left_out: parse(&left_out)?,
        revision,
        least,
        identities: identities.collect::<Result<_>>()?,
        next_client,
        paused,
        locked,
        bytes_up: u64::try_from(bytes_up).unwrap_or(0),
        bytes_down: u64::try_from(bytes_down).unwrap_or(0),
        noisy_rounds: spent.unwrap_or(0),
    };
    ensure!(checkpoint.config.code.as_str() == code, "the row of {code} belongs to room {}", checkpoint.config.code);
    Ok(checkpoint)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).context("a stored fact cannot be read")
}

/// Seconds since 1970 in UTC.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// The codes of all rooms, the newest first.
///
/// # Errors
/// The database cannot be read.
pub fn codes(database: &Connection) -> Result<Vec<String>> {
    let mut query = database.prepare("SELECT code FROM rooms ORDER BY created_at DESC, code")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// When a room was made, seconds since 1970 in UTC.
///
/// # Errors
/// The database cannot be read, or has no such room.
pub fn created_at(database: &Connection, code: &RoomCode) -> Result<i64> {
    let query = "SELECT created_at FROM rooms WHERE code = ?1";
    Ok(database.query_row(query, [code.as_str()], |row| row.get(0))?)
}

/// Whether there is a row for a room, be the rest of it damaged or not.
///
/// # Errors
/// The database cannot be read.
pub fn contains(database: &Connection, code: &RoomCode) -> Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM rooms WHERE code = ?1)";
    Ok(database.query_row(query, [code.as_str()], |row| row.get(0))?)
}

/// Deletes a room's rows in all tables.
///
/// # Errors
/// It cannot be written.
pub fn delete(database: &Connection, code: &RoomCode) -> Result<()> {
    database.execute("DELETE FROM rooms WHERE code = ?1", [code.as_str()])?;
    Ok(())
}
