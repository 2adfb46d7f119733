//! Rooms on disk, so that they go on after a restart. It writes whole files and renames them into place: whenever the
//! machine stops, what is there is either the old or the new.
//!
//! ```text
//! STATE/rooms/CODE/checkpoint.json       settings, history, standardisation, identities; names its model file
//! STATE/rooms/CODE/model-VERSION.safetensors
//! STATE/rooms/CODE/strategy-VERSION.safetensors   what the strategy remembers, where it remembers anything
//! STATE/lock                              held by the running program
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use federation::{Checkpoint, Coordinator};
use protocol::RoomCode;

use crate::memory_file;
use crate::model_file::{self, Description};

/// Longest checkpoint that is read, bytes; a thousand rounds and as many identities stay far below.
const MOST_CHECKPOINT: u64 = 64 * 1024 * 1024;

/// A state folder that belongs to this process.
pub struct Store {
    rooms: PathBuf,
    /// Held as long as the program runs.
    _lock: File,
}

impl Store {
    /// Opens a state folder, made where it is missing.
    ///
    /// # Errors
    /// It cannot be written, or another program uses it.
    pub fn open(state: &Path) -> Result<Self> {
        let rooms = state.join("rooms");
        fs::create_dir_all(&rooms).with_context(|| format!("cannot make {}", rooms.display()))?;
        let path = state.join("lock");
        let lock = private_file().open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { rooms, _lock: lock }),
            Err(_) => bail!("another chorus uses {}; end it, or give another --state", state.display()),
        }
    }

    /// Stores a room; its model, and what its strategy remembers, too where that changed, or was never stored.
    pub fn save(&self, room: &Coordinator, model_changed: bool) -> Result<()> {
        let checkpoint = room.checkpoint();
        let folder = self.rooms.join(checkpoint.config.code.as_str());
        fs::create_dir_all(&folder)?;
        let model = folder.join(model_name(&checkpoint));
        if model_changed || !model.exists() {
            let header = model_file::header(&Description::of(&checkpoint)?)?;
            replace(&model, &[&header, &room.model().bytes()])?;
        }
        let (memory, remembered) = (folder.join(memory_name(&checkpoint)), room.memory());
        if !remembered.is_empty() && (model_changed || !memory.exists()) {
            let header = memory_file::header(&remembered)?;
            let parts = remembered.values().map(|values| bytemuck::cast_slice::<f32, u8>(values));
            replace(&memory, &[&*header].into_iter().chain(parts).collect::<Vec<&[u8]>>())?;
        }
        replace(&folder.join("checkpoint.json"), &[&serde_json::to_vec(&checkpoint)?])?;
        // Only now are the older files of no use.
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "safetensors") && path != model && path != memory {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// All rooms of the folder. One that is damaged is set aside under another name, and said so; the others go on.
    pub fn restore(&self) -> Result<Vec<(RoomCode, Coordinator)>> {
        let mut rooms = Vec::new();
        for entry in fs::read_dir(&self.rooms)? {
            let folder = entry?.path();
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Rooms that were set aside have names that are no codes.
            let Ok(code) = RoomCode::parse(&name) else { continue };
            match restore_room(&code, &folder) {
                Ok(room) => rooms.push((code, room)),
                Err(error) => {
                    let aside = set_aside(&folder)?;
                    tracing::error!(
                        room = %code,
                        "the stored room is damaged ({error:#}); it was set aside as {}, and a room with its code would start anew",
                        aside.display()
                    );
                }
            }
        }
        Ok(rooms)
    }
}

fn model_name(checkpoint: &Checkpoint) -> String {
    format!("model-{}.safetensors", checkpoint.model_version)
}

fn memory_name(checkpoint: &Checkpoint) -> String {
    format!("strategy-{}.safetensors", checkpoint.model_version)
}

fn restore_room(code: &RoomCode, folder: &Path) -> Result<Coordinator> {
    let path = folder.join("checkpoint.json");
    let bytes = fs::metadata(&path).with_context(|| format!("{} is missing", path.display()))?.len();
    ensure!(bytes <= MOST_CHECKPOINT, "{} is too long to be a checkpoint", path.display());
    let checkpoint: Checkpoint =
        serde_json::from_slice(&fs::read(&path)?).with_context(|| format!("{} is no checkpoint", path.display()))?;
    ensure!(checkpoint.config.code == *code, "{} belongs to room {}", path.display(), checkpoint.config.code);
    let model = folder.join(model_name(&checkpoint));
    let file = fs::read(&model).with_context(|| format!("cannot read {}", model.display()))?;
    let architecture = checkpoint.config.architecture.parse()?;
    let parameters = model_file::parameters(&file, architecture, checkpoint.config.labels.len())
        .with_context(|| format!("{} is damaged", model.display()))?;
    drop(file);
    let memory = folder.join(memory_name(&checkpoint));
    let memory = match fs::read(&memory) {
        Ok(file) => memory_file::memory(&file).with_context(|| format!("{} is damaged", memory.display()))?,
        // Most strategies remember nothing; the room says where one is missed.
        Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", memory.display())),
    };
    Ok(Coordinator::restore(checkpoint, parameters, memory)?)
}

/// Renames a folder to the first free `NAME.damaged-1`, `-2`, …
fn set_aside(folder: &Path) -> Result<PathBuf> {
    let free = (1..).map(|number| folder.with_extension(format!("damaged-{number}"))).find(|path| !path.exists());
    let aside = free.context("no free name")?;
    fs::rename(folder, &aside).with_context(|| format!("cannot set {} aside", folder.display()))?;
    Ok(aside)
}

/// Writes `parts` as one file that only its owner may read: to a temporary name, to the disk, and then into its place.
fn replace(path: &Path, parts: &[&[u8]]) -> Result<()> {
    let temporary = path.with_extension("writing");
    let write = || -> std::io::Result<()> {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private_file().open(&temporary)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        // The rename itself lasts once the folder is on the disk.
        #[cfg(unix)]
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}; is the disk full?", path.display()))
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn settings() -> Settings {
        Settings { code: Some(RoomCode::parse("KMPXZ").unwrap()), seed: Some(9), ..Settings::default() }
    }

    fn room() -> Coordinator {
        let config = settings().room().unwrap();
        let initial = models::initial_parameters(models::Architecture::Compact, 4, 9);
        Coordinator::new(config, initial).unwrap()
    }

    #[test]
    fn a_room_comes_back_as_it_was() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        store.save(&room(), false).unwrap();
        let restored = store.restore().unwrap();
        let [(code, restored)] = restored.as_slice() else { panic!("{} rooms", restored.len()) };
        assert_eq!(code.as_str(), "KMPXZ");
        assert_eq!(restored.checkpoint(), room().checkpoint());
        assert_eq!(restored.model().parameters(), room().model().parameters());
    }

    #[test]
    fn what_the_strategy_remembers_comes_back_with_the_room() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        let settings = Settings { strategy: Some("fedadam".parse().unwrap()), ..settings() };
        let initial = models::initial_parameters(models::Architecture::Compact, 4, 9);
        let room = Coordinator::new(settings.room().unwrap(), initial).unwrap();
        store.save(&room, true).unwrap();
        let restored = store.restore().unwrap();
        assert_eq!(restored[0].1.memory(), room.memory());
        assert_eq!(room.memory().keys().copied().collect::<Vec<_>>(), ["momentum", "second_moment"]);

        fs::remove_file(state.path().join("rooms/KMPXZ/strategy-0.safetensors")).unwrap();
        assert!(store.restore().unwrap().is_empty(), "a room without its strategy's memory would go on differently");
        assert!(state.path().join("rooms/KMPXZ.damaged-1").exists());
    }

    #[test]
    fn a_damaged_room_is_set_aside_and_not_overwritten() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        store.save(&room(), false).unwrap();
        let model = state.path().join("rooms/KMPXZ/model-0.safetensors");
        let whole = fs::read(&model).unwrap();
        fs::write(&model, &whole[..whole.len() / 2]).unwrap();

        assert!(store.restore().unwrap().is_empty());
        let aside = state.path().join("rooms/KMPXZ.damaged-1/model-0.safetensors");
        assert_eq!(fs::read(aside).unwrap(), whole[..whole.len() / 2]);
        store.save(&room(), false).unwrap();
        assert_eq!(store.restore().unwrap().len(), 1);
    }

    #[test]
    fn two_programs_cannot_share_a_state_folder() {
        let state = tempfile::tempdir().unwrap();
        let _first = Store::open(state.path()).unwrap();
        assert!(Store::open(state.path()).err().unwrap().to_string().contains("another chorus"));
    }

    #[cfg(unix)]
    #[test]
    fn identities_are_readable_by_their_host_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let state = tempfile::tempdir().unwrap();
        Store::open(state.path()).unwrap().save(&room(), false).unwrap();
        let metadata = fs::metadata(state.path().join("rooms/KMPXZ/checkpoint.json")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
}
