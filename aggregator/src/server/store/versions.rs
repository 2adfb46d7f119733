//! Which versions of a room's model are stored, with their files' checksums, and which of them are kept.

use anyhow::Result;
use federation::Checkpoint;
use protocol::ModelVersion;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use super::facts::now;

/// So many of the latest versions of a room's model are kept, and besides them the initial and the best one.
const LATEST: usize = 5;

/// A version of a room's model that can be gone back to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredVersion {
    /// Which.
    pub version: ModelVersion,
    /// When it was stored, seconds since 1970 in UTC.
    pub created_at: i64,
    /// Its accuracy on what the clients held back, where that is known.
    pub accuracy: Option<f64>,
    /// Whether it is the best that is known ([`Checkpoint::standing`]), the newest of several.
    pub best: bool,
}

/// The CRC-32 of a model's file, and of that of what the strategy remembered then, where it remembered anything.
pub type Checksums = (u32, Option<u32>);

/// The versions that can be gone back to, oldest first. A version's accuracy is in the record of the round that started from it.
///
/// # Errors
/// The database cannot be read.
pub fn stored(database: &Connection, checkpoint: &Checkpoint) -> Result<Vec<StoredVersion>> {
    let mut query = database.prepare("SELECT version, created_at FROM models WHERE room = ?1 ORDER BY version")?;
    let rows = query.query_map([checkpoint.config.code.as_str()], |row| Ok((row.get::<_, u32>(0)?, row.get(1)?)))?;
    Ok(judged(rows.collect::<Result<_, _>>()?, checkpoint))
}

/// Versions by when they were stored, oldest first, with how good they are.
pub fn judged(stored: Vec<(u32, i64)>, checkpoint: &Checkpoint) -> Vec<StoredVersion> {
    let final_evaluation = checkpoint.final_evaluation();
    let mut versions = Vec::new();
    for (version, created_at) in stored {
        let next = checkpoint.history.get(version as usize).and_then(|record| record.evaluation.as_ref());
        let last = final_evaluation.as_ref().filter(|_| version == checkpoint.model_version.0);
        let accuracy = next.or(last).map(|evaluation| evaluation.accuracy);
        versions.push(StoredVersion { version: ModelVersion(version), created_at, accuracy, best: false });
    }
    let standings = versions.iter_mut().filter_map(|stored| Some((checkpoint.standing(stored.version)?, stored)));
    // Of several that are as good, `max_by` finds the last.
    if let Some((_, best)) = standings.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        best.best = true;
    }
    versions
}

/// Which of the stored versions need not be kept.
pub fn dropped(stored: &[StoredVersion]) -> impl Iterator<Item = ModelVersion> {
    let old = stored.len().saturating_sub(LATEST);
    stored.iter().take(old).filter(|version| version.version.0 > 0 && !version.best).map(|version| version.version)
}

/// Notes that a checkpoint's version is stored, and forgets those that need not be kept any more.
///
/// # Errors
/// It cannot be written.
pub fn add(database: &Connection, checkpoint: &Checkpoint, (model, strategy): Checksums) -> Result<()> {
    let (code, version) = (checkpoint.config.code.as_str(), checkpoint.model_version);
    database.execute(
        "INSERT OR REPLACE INTO models (room, version, created_at, model_checksum, strategy_checksum)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![code, version.0, now(), model, strategy],
    )?;
    for dropped in dropped(&stored(database, checkpoint)?) {
        database.execute("DELETE FROM models WHERE room = ?1 AND version = ?2", params![code, dropped.0])?;
    }
    Ok(())
}

/// Forgets the versions after one that the host went back to, which are of another time. Whether there were any.
///
/// # Errors
/// It cannot be written.
pub fn forget_after(database: &Connection, code: &str, version: ModelVersion) -> Result<bool> {
    let later = "DELETE FROM models WHERE room = ?1 AND version > ?2";
    Ok(database.execute(later, params![code, version.0])? > 0)
}

/// The checksums of a version's files; `None` where it is not stored.
///
/// # Errors
/// The database cannot be read.
pub fn checksums(database: &Connection, code: &str, version: ModelVersion) -> Result<Option<Checksums>> {
    let query = "SELECT model_checksum, strategy_checksum FROM models WHERE room = ?1 AND version = ?2";
    Ok(database.query_row(query, params![code, version.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// The numbers of the versions that are stored.
///
/// # Errors
/// The database cannot be read.
pub fn numbers(database: &Connection, code: &str) -> Result<Vec<ModelVersion>> {
    let mut query = database.prepare("SELECT version FROM models WHERE room = ?1")?;
    let rows = query.query_map([code], |row| Ok(ModelVersion(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
