//! Rooms on disk, so that they go on after a restart: facts in SQLite, models as files beside it.
//!
//! ```text
//! STATE/chorus.sqlite                            rooms, rounds, clients, and which model files belong to them
//! STATE/models/CODE/model-VERSION.safetensors
//! STATE/models/CODE/strategy-VERSION.safetensors   what the strategy remembers, where it remembers anything
//! STATE/lock                                     held by the running program
//! ```
//!
//! A model is written whole, to another name, and renamed into place before the row that names it is committed: whenever the
//! machine stops, what the database names is there and whole. A row holds its files' checksums. Files and folders are on the
//! disk (fsync) before the commit, and the commit is (`synchronous = full`) before it returns.

pub mod description;
mod memory_file;
mod spool;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use federation::{Checkpoint, Coordinator, Identity, Spool};
use protocol::{ClientId, ModelVersion, RoomCode, RoomConfig, RoundRecord, Token};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use spool::FileSpool;

/// So many of the latest versions of a room's model are kept, and besides them the initial and the best one.
const LATEST: usize = 5;
/// How the names of files begin to end that were damaged and are kept aside.
const DAMAGED: &str = "damaged";
/// What the tables below are; a database of another number is not touched.
const SCHEMA: i64 = 1;

const TABLES: &str = "
    CREATE TABLE rooms (
        code TEXT PRIMARY KEY,
        created_at INTEGER NOT NULL,
        config TEXT NOT NULL,
        model_version INTEGER NOT NULL,
        standardisation TEXT,
        final_evaluation TEXT,
        next_client INTEGER NOT NULL,
        paused INTEGER NOT NULL,
        locked INTEGER NOT NULL,
        bytes_up INTEGER NOT NULL,
        bytes_down INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE rounds (
        room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
        round INTEGER NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (room, round)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE clients (
        room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
        client INTEGER NOT NULL,
        name TEXT NOT NULL,
        token TEXT NOT NULL,
        evaluated INTEGER NOT NULL,
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

/// A state folder that belongs to this process.
pub struct Store {
    database: Mutex<Connection>,
    models: PathBuf,
    /// Held as long as the program runs.
    _lock: File,
    /// Where nothing is to outlive the program, the folder that goes with it.
    _passing: Option<tempfile::TempDir>,
}

/// A version of a room's model that can be gone back to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredVersion {
    /// Which.
    pub version: ModelVersion,
    /// When it was stored, seconds since 1970 in UTC.
    pub created_at: i64,
    /// Its accuracy on what the clients held back, where that is known.
    pub accuracy: Option<f64>,
    /// Whether none that is known is better.
    pub best: bool,
}

/// The parameters of a version, and what the strategy remembered then.
pub type Parameters = (Vec<f32>, BTreeMap<String, Vec<f32>>);

impl Store {
    /// Opens a state folder, made where it is missing.
    ///
    /// # Errors
    /// It cannot be written, another program uses it, or another version of this one made it.
    pub fn open(state: &Path) -> Result<Self> {
        let models = state.join("models");
        make_folder(&models)?;
        let path = state.join("lock");
        let lock = private_file().open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if lock.try_lock().is_err() {
            bail!("another chorus uses {}; end it, or give another --state", state.display());
        }
        let path = state.join("chorus.sqlite");
        // Made before SQLite opens it, which gives what it makes beside it the same owner and mode.
        private_file().truncate(false).open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let left = || {
            format!("{} cannot be used; it is left as it is: give another --state, or an older copy", path.display())
        };
        // SQLite takes an empty file for a new database, and would make one where there were rooms.
        let rooms = fs::read_dir(&models)?.next().is_some();
        if rooms && fs::metadata(&path)?.len() == 0 {
            return Err(anyhow::anyhow!("it is empty, and {} has rooms", models.display())).with_context(left);
        }
        set_damaged_log_aside(&path)?;
        let database = database(&path, rooms).with_context(left)?;
        Ok(Self { database: Mutex::new(database), models, _lock: lock, _passing: None })
    }

    /// A state folder that is deleted when the program ends.
    ///
    /// # Errors
    /// The system's folder for temporary files cannot be written.
    pub fn passing() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("chorus-").tempdir().context("no temporary folder can be made")?;
        let mut store = Self::open(folder.path())?;
        store._passing = Some(folder);
        Ok(store)
    }

    /// Stores a room; its model, and what its strategy remembers, too where that changed, or was never stored.
    ///
    /// # Errors
    /// It cannot be written; what was stored before is still there.
    pub fn save(&self, room: &Coordinator, model_changed: bool) -> Result<()> {
        let checkpoint = room.checkpoint();
        let code = checkpoint.config.code.as_str();
        let version = checkpoint.model_version;
        let checksums = if model_changed || !self.model_path(code, version).exists() {
            Some(self.write_model(room, &checkpoint)?)
        } else {
            None
        };
        let mut database = self.database();
        let transaction = database.transaction()?;
        write_facts(&transaction, &checkpoint)?;
        // The host went back: what came after is of another time.
        let later = "DELETE FROM models WHERE room = ?1 AND version > ?2";
        let went_back = transaction.execute(later, params![code, version.0])? > 0;
        if let Some((model, strategy)) = checksums {
            transaction.execute(
                "INSERT OR REPLACE INTO models (room, version, created_at, model_checksum, strategy_checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![code, version.0, now(), model, strategy],
            )?;
            let stored = stored_versions(&transaction, &checkpoint)?;
            for dropped in dropped(&stored) {
                transaction.execute("DELETE FROM models WHERE room = ?1 AND version = ?2", params![code, dropped.0])?;
            }
        }
        transaction.commit()?;
        if checksums.is_some() || went_back {
            // Into the database itself, so that no round hangs on the log beside it. The commit is safe there meanwhile.
            if let Err(error) = take_log_over(&database) {
                tracing::debug!(room = code, "the database's log was not taken over ({error})");
            }
            drop(database);
            if let Err(error) = self.delete_unnamed(code) {
                tracing::warn!(room = code, "model files that are of no use any more stay on the disk ({error:#})");
            }
        }
        Ok(())
    }

    /// Writes a room's model and what its strategy remembers; returns their files' checksums.
    fn write_model(&self, room: &Coordinator, checkpoint: &Checkpoint) -> Result<(u32, Option<u32>)> {
        let code = checkpoint.config.code.as_str();
        let folder = self.models.join(code);
        make_folder(&folder)?;
        let header = model_file::header(&description::of(checkpoint)?)?;
        let model = replace(&self.model_path(code, checkpoint.model_version), &[&header, &room.model().bytes()])?;
        let remembered = room.memory();
        if remembered.is_empty() {
            return Ok((model, None));
        }
        let header = memory_file::header(&remembered)?;
        let parts = remembered.values().map(|values| bytemuck::cast_slice::<f32, u8>(values));
        let parts: Vec<&[u8]> = [&*header].into_iter().chain(parts).collect();
        Ok((model, Some(replace(&self.memory_path(code, checkpoint.model_version), &parts)?)))
    }

    /// All rooms. One whose newest model is damaged goes on from the newest that is whole; one of which nothing can be used is
    /// left as it is and said so; the others go on.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn restore(&self) -> Result<Vec<(RoomCode, Coordinator)>> {
        let mut rooms = Vec::new();
        for name in self.codes()? {
            match self.restore_room(&name, true) {
                Ok(room) => rooms.push((room.config().code.clone(), room)),
                Err(error) => tracing::error!(
                    room = name,
                    "the stored room is damaged ({error:#}); nothing of it was changed, and its code stays taken"
                ),
            }
        }
        Ok(rooms)
    }

    fn codes(&self) -> Result<Vec<String>> {
        let database = self.database();
        let mut query = database.prepare("SELECT code FROM rooms ORDER BY created_at DESC, code")?;
        Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// A room as it is stored, whatever is in memory.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn stored(&self, code: &RoomCode) -> Result<Coordinator> {
        self.restore_room(code.as_str(), false)
    }

    /// The newest of a room that is whole. `for_good`: it goes on from there, so that damaged files are set aside.
    fn restore_room(&self, code: &str, for_good: bool) -> Result<Coordinator> {
        let (mut checkpoint, versions) = {
            let database = self.database();
            let checkpoint = read_facts(&database, code)?;
            let versions = stored_versions(&database, &checkpoint)?;
            (checkpoint, versions)
        };
        let mut problem = None;
        let mut damaged = Vec::new();
        for StoredVersion { version, .. } in versions.into_iter().rev() {
            match self.parameters(&checkpoint, version) {
                Ok((parameters, memory)) => {
                    if version < checkpoint.model_version {
                        if for_good {
                            self.set_aside(code, &damaged)?;
                        }
                        tracing::error!(
                            room = code,
                            "version {} of the model is damaged ({:#}); the room goes on from version {version}",
                            checkpoint.model_version,
                            problem.unwrap_or_else(|| anyhow::anyhow!("its row is missing"))
                        );
                        checkpoint.model_version = version;
                        checkpoint.history.truncate(version.0 as usize);
                        checkpoint.final_evaluation = None;
                    }
                    let spool = self.spool(&checkpoint.config);
                    return Ok(Coordinator::restore(checkpoint, parameters, memory, spool)?);
                }
                Err(error) => {
                    problem = problem.or(Some(error));
                    damaged.push(version);
                }
            }
        }
        Err(problem.unwrap_or_else(|| anyhow::anyhow!("no version of its model is stored")))
    }

    /// Where the updates of a room's open round wait, where they have to.
    pub fn spool(&self, room: &RoomConfig) -> Box<dyn Spool> {
        Box::new(FileSpool::new(self.models.clone(), room))
    }

    /// What was stored of a version of a room's model.
    ///
    /// # Errors
    /// It is not there, or damaged.
    pub fn parameters(&self, checkpoint: &Checkpoint, version: ModelVersion) -> Result<Parameters> {
        let code = checkpoint.config.code.as_str();
        let row = self
            .database()
            .query_row(
                "SELECT model_checksum, strategy_checksum FROM models WHERE room = ?1 AND version = ?2",
                params![code, version.0],
                |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Option<u32>>(1)?)),
            )
            .optional()?;
        let (model_checksum, strategy_checksum) =
            row.with_context(|| format!("version {version} of room {code}'s model is not stored any more"))?;
        let model = self.model_path(code, version);
        let file = read_whole(&model, model_checksum)?;
        let architecture = checkpoint.config.architecture.parse()?;
        let parameters = model_file::parameters(&file, architecture, checkpoint.config.labels.len())
            .with_context(|| format!("{} is damaged", model.display()))?;
        drop(file);
        let memory = match strategy_checksum {
            Some(checksum) => {
                let path = self.memory_path(code, version);
                let file = read_whole(&path, checksum)?;
                memory_file::memory(&file).with_context(|| format!("{} is damaged", path.display()))?
            }
            // Most strategies remember nothing; the room says where one is missed.
            None => BTreeMap::new(),
        };
        Ok((parameters, memory))
    }

    /// The versions of a room's model that can be gone back to, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn versions(&self, checkpoint: &Checkpoint) -> Result<Vec<StoredVersion>> {
        stored_versions(&self.database(), checkpoint)
    }

    /// When a room was made, seconds since 1970 in UTC.
    ///
    /// # Errors
    /// The database cannot be read, or has no such room.
    pub fn created_at(&self, code: &RoomCode) -> Result<i64> {
        let query = "SELECT created_at FROM rooms WHERE code = ?1";
        Ok(self.database().query_row(query, [code.as_str()], |row| row.get(0))?)
    }

    /// Whether anything is stored under a code, be it damaged or not.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn contains(&self, code: &RoomCode) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM rooms WHERE code = ?1)";
        Ok(self.database().query_row(query, [code.as_str()], |row| row.get(0))?)
    }

    /// Writes something to the disk, and deletes it again.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn try_writing(&self) -> Result<()> {
        let probe = self.models.with_file_name("writable");
        replace(&probe, &[&[0; 4096]])?;
        fs::remove_file(&probe).with_context(|| format!("cannot delete {}", probe.display()))
    }

    /// Deletes everything that is stored of a room.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn delete(&self, code: &RoomCode) -> Result<()> {
        self.database().execute("DELETE FROM rooms WHERE code = ?1", [code.as_str()])?;
        let folder = self.models.join(code.as_str());
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", folder.display()))
            }
            _ => Ok(()),
        }
    }

    /// Gives the files of damaged versions other names, under which they stay when the room goes on and has such versions again.
    fn set_aside(&self, code: &str, damaged: &[ModelVersion]) -> Result<()> {
        for &version in damaged {
            for path in [self.model_path(code, version), self.memory_path(code, version)] {
                let aside = path.with_extension(format!("safetensors.{DAMAGED}-{}", now()));
                match fs::rename(&path, &aside) {
                    Ok(()) => tracing::warn!(room = code, "{} is kept as {}", path.display(), aside.display()),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(error).with_context(|| format!("cannot set {} aside", path.display()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Deletes the files of a room that no row names any more.
    fn delete_unnamed(&self, code: &str) -> Result<()> {
        let named: Vec<u32> = {
            let database = self.database();
            let mut query = database.prepare("SELECT version FROM models WHERE room = ?1")?;
            query.query_map([code], |row| row.get(0))?.collect::<Result<_, _>>()?
        };
        let kept = named.iter().flat_map(|&version| {
            let version = ModelVersion(version);
            [self.model_path(code, version), self.memory_path(code, version)]
        });
        let kept: Vec<PathBuf> = kept.collect();
        for entry in fs::read_dir(self.models.join(code))? {
            let path = entry?.path();
            let aside = path.extension().is_some_and(|ending| ending.to_string_lossy().starts_with(DAMAGED));
            if !kept.contains(&path) && !aside {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn model_path(&self, code: &str, version: ModelVersion) -> PathBuf {
        self.models.join(code).join(format!("model-{version}.safetensors"))
    }

    fn memory_path(&self, code: &str, version: ModelVersion) -> PathBuf {
        self.models.join(code).join(format!("strategy-{version}.safetensors"))
    }

    fn database(&self) -> MutexGuard<'_, Connection> {
        // A panic in between leaves a transaction that was rolled back.
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves all that is committed from the log into the database itself.
fn take_log_over(database: &Connection) -> rusqlite::Result<()> {
    database.pragma(None, "wal_checkpoint", "truncate", |_| Ok(()))
}

/// `rooms`: whether there are models, so that there must be rows.
fn database(path: &Path, rooms: bool) -> Result<Connection> {
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
        0 if rooms => bail!("it has no rooms, and there are models of rooms beside it"),
        0 => {
            let transaction = database.transaction()?;
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", SCHEMA)?;
            transaction.commit()?;
            take_log_over(&database)?;
        }
        other => bail!("it was made by another version of this program (its tables are number {other}, not {SCHEMA})"),
    }
    Ok(database)
}

fn write_facts(database: &Connection, checkpoint: &Checkpoint) -> Result<()> {
    let Checkpoint {
        config,
        model_version,
        standardisation,
        history,
        final_evaluation,
        identities,
        next_client,
        paused,
        locked,
        bytes_up,
        bytes_down,
    } = checkpoint;
    let code = config.code.as_str();
    database.execute(
        "INSERT INTO rooms (code, created_at, config, model_version, standardisation, final_evaluation, next_client,
                            paused, locked, bytes_up, bytes_down)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (code) DO UPDATE SET config = ?3, model_version = ?4, standardisation = ?5, final_evaluation = ?6,
             next_client = ?7, paused = ?8, locked = ?9, bytes_up = ?10, bytes_down = ?11",
        params![
            code,
            now(),
            serde_json::to_string(config)?,
            model_version.0,
            standardisation.as_ref().map(serde_json::to_string).transpose()?,
            final_evaluation.as_ref().map(serde_json::to_string).transpose()?,
            next_client,
            paused,
            locked,
            // SQLite's integers are signed; this is 8 EiB.
            i64::try_from(*bytes_up).unwrap_or(i64::MAX),
            i64::try_from(*bytes_down).unwrap_or(i64::MAX),
        ],
    )?;
    // Rounds are only ever added, unless the host went back to an earlier version, from which they then differ.
    database.execute("DELETE FROM rounds WHERE room = ?1 AND round > ?2", params![code, history.len() as i64])?;
    let stored: i64 = database.query_row("SELECT count(*) FROM rounds WHERE room = ?1", [code], |row| row.get(0))?;
    for record in history.iter().skip(stored as usize) {
        let record_text = serde_json::to_string(record)?;
        database.execute("INSERT INTO rounds VALUES (?1, ?2, ?3)", params![code, record.round.0, record_text])?;
    }
    database.execute("DELETE FROM clients WHERE room = ?1", [code])?;
    let mut insert = database.prepare_cached("INSERT INTO clients VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for Identity { client, name, token, evaluated, removed, named_by_host } in identities {
        insert.execute(params![code, client.0, name, token.secret(), evaluated, removed, named_by_host])?;
    }
    Ok(())
}

fn read_facts(database: &Connection, code: &str) -> Result<Checkpoint> {
    let (texts, numbers) = database.query_row(
        "SELECT config, standardisation, final_evaluation, model_version, next_client, paused, locked, bytes_up, bytes_down
         FROM rooms WHERE code = ?1",
        [code],
        |row| {
            let texts: (String, Option<String>, Option<String>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let numbers: (u32, u32, bool, bool, i64, i64) =
                (row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?);
            Ok((texts, numbers))
        },
    )?;
    let (config, standardisation, final_evaluation) = texts;
    let (model_version, next_client, paused, locked, bytes_up, bytes_down) = numbers;
    let mut rounds = database.prepare("SELECT record FROM rounds WHERE room = ?1 ORDER BY round")?;
    let history = rounds.query_map([code], |row| row.get::<_, String>(0))?;
    let history = history.map(|record| read(&record?)).collect::<Result<Vec<RoundRecord>>>()?;
    let mut clients = database.prepare(
        "SELECT client, name, token, evaluated, removed, named_by_host FROM clients WHERE room = ?1 ORDER BY client",
    )?;
    let identities = clients.query_map([code], |row| {
        let token: String = row.get(2)?;
        Ok((token, row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?, row.get(5)?))
    })?;
    let identities = identities.map(|row| {
        let (token, client, name, evaluated, removed, named_by_host) = row?;
        let token = Token::parse(&token).context("a client's token is damaged")?;
        Ok(Identity { client: ClientId(client), name, token, evaluated, removed, named_by_host })
    });
    let checkpoint = Checkpoint {
        config: read(&config)?,
        model_version: ModelVersion(model_version),
        standardisation: standardisation.as_deref().map(read).transpose()?,
        history,
        final_evaluation: final_evaluation.as_deref().map(read).transpose()?,
        identities: identities.collect::<Result<_>>()?,
        next_client,
        paused,
        locked,
        bytes_up: u64::try_from(bytes_up).unwrap_or(0),
        bytes_down: u64::try_from(bytes_down).unwrap_or(0),
    };
    ensure!(checkpoint.config.code.as_str() == code, "the row of {code} belongs to room {}", checkpoint.config.code);
    Ok(checkpoint)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).context("a stored fact cannot be read")
}

/// Oldest first. A version's accuracy is in the record of the round that started from it.
fn stored_versions(database: &Connection, checkpoint: &Checkpoint) -> Result<Vec<StoredVersion>> {
    let mut query = database.prepare("SELECT version, created_at FROM models WHERE room = ?1 ORDER BY version")?;
    let rows = query.query_map([checkpoint.config.code.as_str()], |row| Ok((row.get::<_, u32>(0)?, row.get(1)?)))?;
    let mut versions = Vec::new();
    for row in rows {
        let (version, created_at) = row?;
        let next = checkpoint.history.get(version as usize).and_then(|record| record.evaluation.as_ref());
        let last = checkpoint.final_evaluation.as_ref().filter(|_| version == checkpoint.model_version.0);
        let accuracy = next.or(last).map(|evaluation| evaluation.accuracy);
        versions.push(StoredVersion { version: ModelVersion(version), created_at, accuracy, best: false });
    }
    let best = versions.iter().filter_map(|version| version.accuracy).max_by(f64::total_cmp);
    for version in &mut versions {
        version.best = best.is_some() && version.accuracy == best;
    }
    Ok(versions)
}

/// Which of the stored versions need not be kept.
fn dropped(stored: &[StoredVersion]) -> impl Iterator<Item = ModelVersion> {
    let old = stored.len().saturating_sub(LATEST);
    stored.iter().take(old).filter(|version| version.version.0 > 0 && !version.best).map(|version| version.version)
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// Makes a folder where it is missing; its name is on the disk then, not only in memory.
fn make_folder(folder: &Path) -> Result<()> {
    let make = || -> std::io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(folder)?;
        // Every folder on the way may be a new one.
        folder.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).try_for_each(sync_folder)
    };
    make().with_context(|| format!("cannot make {}", folder.display()))
}

/// A folder's names last once it is on the disk itself.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // One that this program may pass through but not read has no new names of ours.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        other => return other,
    }
    let _ = folder;
    Ok(())
}

/// SQLite passes over a log whose head is damaged and begins a new one in its place. It is kept here: what it held can be
/// told from the models beside it.
fn set_damaged_log_aside(database: &Path) -> Result<()> {
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

/// Reads a file that `replace` wrote, and checks that it is as it was written.
fn read_whole(path: &Path, checksum: u32) -> Result<Vec<u8>> {
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(crc32fast::hash(&file) == checksum, "{} is damaged: its checksum is not the stored one", path.display());
    Ok(file)
}

/// Writes `parts` as one file that only its owner may read: to a temporary name, to the disk, and then into its place.
/// Returns the CRC-32 of the whole.
fn replace(path: &Path, parts: &[&[u8]]) -> Result<u32> {
    let temporary = path.with_extension("writing");
    let write = || -> std::io::Result<u32> {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut checksum = crc32fast::Hasher::new();
        let mut file = private_file().open(&temporary)?;
        for part in parts {
            checksum.update(part);
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent().map_or(Ok(()), sync_folder)?;
        Ok(checksum.finalize())
    };
    let written = write();
    if written.is_err() {
        // Half a file on a full disk takes what others need; that it cannot be deleted says nothing new.
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(|| format!("cannot write {}; is the disk full?", path.display()))
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests;
