//! Rooms in a folder of this machine: facts in SQLite, models as files beside it.
//!
//! ```text
//! STATE/chorus.sqlite                            rooms, rounds, clients, and which model files belong to them
//! STATE/models/CODE/model-VERSION.safetensors
//! STATE/models/CODE/strategy-VERSION.safetensors   what the strategy remembers, where it remembers anything
//! STATE/lock                                     held by the running program
//! ```
//!
//! A model is written whole, to another name, and renamed into place before the row that names it is committed: whenever the
//! machine stops, what the database names is there and whole. A row holds its files' checksums, and a checksum is kept of each
//! room's rows. Files and folders are on the disk (fsync) before the commit, and the commit is (`synchronous = full`) before it
//! returns.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail};
use federation::{Checkpoint, Coordinator, Spool};
use protocol::{ModelVersion, RoomCode, RoomConfig};
use rusqlite::Connection;

use super::spool::FileSpool;
use super::versions::{Checksums, StoredVersion};
use super::{Parameters, Store, damaged, description, facts, memory_file, newest_whole, sums, versions};
use crate::server::disk::{make_folder, private_file, read_whole, replace};

/// A state folder that belongs to this process.
pub struct Folder {
    database: Mutex<Connection>,
    pub(super) models: PathBuf,
    /// Held as long as the program runs.
    _lock: File,
    /// Where nothing is to outlive the program, the folder that goes with it.
    _passing: Option<tempfile::TempDir>,
}

impl Folder {
    /// Opens a state folder, made where it is missing.
    ///
    /// # Errors
    /// It cannot be written, another program uses it, or another version of this one made it.
    pub fn open(state: &Path) -> Result<Self> {
        let models = state.join("models");
        make_folder(&models).context(
            "rooms cannot be kept; say where with --state DIR, or with --state none that nothing is to be kept",
        )?;
        let path = state.join("lock");
        let lock = private_file().open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if lock.try_lock().is_err() {
            bail!(
                "another chorus is running with the rooms in {}; end it, or start this one with a folder and a port of \
                 its own: --state DIR --port 8081",
                state.display()
            );
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
        damaged::set_log_aside(&path)?;
        let database = facts::open(&path, rooms).with_context(left)?;
        sums::make_table(&database).with_context(left)?;
        Ok(Self { database: Mutex::new(database), models, _lock: lock, _passing: None })
    }

    /// A state folder that is deleted when the program ends.
    ///
    /// # Errors
    /// The system's folder for temporary files cannot be written.
    pub fn passing() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("chorus-")
            .tempdir()
            .context("no temporary folder can be made; give a folder with --state DIR")?;
        let mut store = Self::open(folder.path())?;
        store._passing = Some(folder);
        Ok(store)
    }

    /// Writes a room's model and what its strategy remembers; returns their files' checksums.
    fn write_model(&self, room: &Coordinator, checkpoint: &Checkpoint) -> Result<Checksums> {
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

    /// The newest of a room that is whole. `for_good`: it goes on from there, so that damaged files are set aside.
    fn restore_room(&self, code: &str, for_good: bool) -> Result<Coordinator> {
        let (checkpoint, versions) = {
            let database = self.database();
            sums::check(&database, code)?;
            let checkpoint = facts::read(&database, code)?;
            let versions = versions::stored(&database, &checkpoint)?;
            (checkpoint, versions)
        };
        let set_aside = |damaged: &[ModelVersion]| {
            let files = damaged.iter().flat_map(|&version| self.files(code, version));
            if for_good { damaged::set_aside(code, &files.collect::<Vec<_>>()) } else { Ok(()) }
        };
        let spool = self.spool(&checkpoint.config);
        newest_whole(checkpoint, versions, spool, |room, version| self.parameters(room, version), set_aside)
    }

    /// Deletes the files of a room that no row names any more.
    fn delete_unnamed(&self, code: &str) -> Result<()> {
        let named = versions::numbers(&self.database(), code)?;
        let kept: Vec<PathBuf> = named.into_iter().flat_map(|version| self.files(code, version)).collect();
        for entry in fs::read_dir(self.models.join(code))? {
            let path = entry?.path();
            if !kept.contains(&path) && !damaged::is_aside(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The files that a version may have.
    fn files(&self, code: &str, version: ModelVersion) -> [PathBuf; 2] {
        [self.model_path(code, version), self.memory_path(code, version)]
    }

    fn model_path(&self, code: &str, version: ModelVersion) -> PathBuf {
        self.models.join(code).join(format!("model-{version}.safetensors"))
    }

    fn memory_path(&self, code: &str, version: ModelVersion) -> PathBuf {
        self.models.join(code).join(format!("strategy-{version}.safetensors"))
    }

    pub(super) fn database(&self) -> MutexGuard<'_, Connection> {
        // A panic in between leaves a transaction that was rolled back.
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Folder {
    fn save(&self, room: &Coordinator, model_changed: bool) -> Result<()> {
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
        facts::write(&transaction, &checkpoint)?;
        let went_back = versions::forget_after(&transaction, code, version)?;
        if let Some(checksums) = checksums {
            versions::add(&transaction, &checkpoint, checksums)?;
        }
        sums::note(&transaction, code)?;
        transaction.commit()?;
        if checksums.is_some() || went_back {
            // Into the database itself, so that no round hangs on the log beside it. The commit is safe there meanwhile.
            if let Err(error) = facts::take_log_over(&database) {
                tracing::debug!(room = code, "the database's log was not taken over ({error})");
            }
            drop(database);
            if let Err(error) = self.delete_unnamed(code) {
                tracing::warn!(room = code, "model files that are of no use any more stay on the disk ({error:#})");
            }
        }
        Ok(())
    }

    fn restore(&self) -> Result<Vec<(RoomCode, Coordinator)>> {
        let mut rooms = Vec::new();
        let codes = facts::codes(&self.database())?;
        for name in codes {
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

    fn stored(&self, code: &RoomCode) -> Result<Coordinator> {
        self.restore_room(code.as_str(), false)
    }

    fn spool(&self, room: &RoomConfig) -> Box<dyn Spool> {
        Box::new(FileSpool::new(self.models.clone(), room))
    }

    fn parameters(&self, checkpoint: &Checkpoint, version: ModelVersion) -> Result<Parameters> {
        let code = checkpoint.config.code.as_str();
        let row = versions::checksums(&self.database(), code, version)?;
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

    fn versions(&self, checkpoint: &Checkpoint) -> Result<Vec<StoredVersion>> {
        versions::stored(&self.database(), checkpoint)
    }

    fn created_at(&self, code: &RoomCode) -> Result<i64> {
        facts::created_at(&self.database(), code)
    }

    fn contains(&self, code: &RoomCode) -> Result<bool> {
        facts::contains(&self.database(), code)
    }

    fn try_writing(&self) -> Result<()> {
        let probe = self.models.with_file_name("writable");
        replace(&probe, &[&[0; 4096]])?;
        fs::remove_file(&probe).with_context(|| format!("cannot delete {}", probe.display()))
    }

    fn delete(&self, code: &RoomCode) -> Result<()> {
        facts::delete(&self.database(), code)?;
        let folder = self.models.join(code.as_str());
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", folder.display()))
            }
            _ => Ok(()),
        }
    }
}
