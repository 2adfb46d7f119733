//! Rooms that are kept, so that they go on after a restart. What is kept of a room and how it comes back is said here once; where:
//!
//! | place | what lives there |
//! | --- | --- |
//! | `folder` | a folder of this machine: what a teacher runs |
//! | `jetstream` | NATS JetStream, for several servers (feature `cluster`) |
//!
//! Both pass the same tests (`tests.rs`).

mod damaged;
pub mod description;
mod facts;
mod folder;
#[cfg(feature = "cluster")]
mod jetstream;
mod memory_file;
mod spool;
mod sums;
#[cfg(test)]
mod tests;
mod versions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use federation::{Checkpoint, Coordinator, Groups, Spool};
pub use folder::Folder;
#[cfg(feature = "cluster")]
pub use jetstream::{Common, JetStream, Shared};
use protocol::{ModelVersion, RoomCode, RoomConfig};
use tokio::sync::Notify;
pub use versions::StoredVersion;

/// The parameters of a version, and what the strategy remembered then.
pub type Parameters = (Vec<f32>, BTreeMap<String, Vec<f32>>);

/// Another server has the room now: nothing of it may be stored or told here any more.
#[derive(Debug, thiserror::Error)]
#[error("another server has this room now")]
pub struct Lost;

/// Another server of the cluster.
#[derive(Clone)]
pub struct Elsewhere {
    /// Where the others reach it, `HOST:PORT`.
    pub address: String,
    /// What shows it that they are of the cluster.
    pub secret: Arc<str>,
}

/// Who has a room.
pub enum Whereabouts {
    /// Nobody: there is no such room.
    Nowhere,
    /// That server.
    At(Elsewhere),
    /// It is stored, and will soon have a server.
    Between,
}

/// A room of the cluster, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub code: RoomCode,
    /// When it was made, seconds since 1970 in UTC.
    pub created_at: i64,
    /// Whether all its rounds are over.
    pub finished: bool,
}

/// The cluster, as one of its servers sees it.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// Servers that live, this one with them.
    pub servers: u64,
    /// The rooms of all of them.
    pub rooms: u64,
    /// How long it took the last time that what they share answered this one.
    pub answer: Duration,
}

/// Where rooms are kept. What several servers share has functions that do nothing where there is one alone.
pub trait Store: Send + Sync {
    /// Stores a room; its model, and what its strategy remembers, too where that changed, or was never stored.
    ///
    /// # Errors
    /// It cannot be written; what was stored before is still there. [`Lost`]: it is another server's.
    fn save(&self, room: &Coordinator, model_changed: bool) -> Result<()>;

    /// All rooms that go on here. One whose newest model is damaged goes on from the newest that is whole; one of which nothing can
    /// be used is left as it is and said so; the others go on.
    ///
    /// # Errors
    /// Nothing can be read.
    fn restore(&self) -> Result<Vec<(RoomCode, Coordinator)>>;

    /// A room as it is stored, whatever is in memory.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    fn stored(&self, code: &RoomCode) -> Result<Coordinator>;

    /// Where the updates of a room's open round wait, where they have to.
    fn spool(&self, room: &RoomConfig) -> Box<dyn Spool>;

    /// What was stored of a version of a room's model.
    ///
    /// # Errors
    /// It is not there, or damaged.
    fn parameters(&self, checkpoint: &Checkpoint, version: ModelVersion) -> Result<Parameters>;

    /// The versions of a room's model that can be gone back to, oldest first.
    ///
    /// # Errors
    /// They cannot be read.
    fn versions(&self, checkpoint: &Checkpoint) -> Result<Vec<StoredVersion>>;

    /// When a room was made, seconds since 1970 in UTC.
    ///
    /// # Errors
    /// It cannot be read, or there is no such room.
    fn created_at(&self, code: &RoomCode) -> Result<i64>;

    /// Whether anything is stored under a code, be it damaged or not.
    ///
    /// # Errors
    /// It cannot be read.
    fn contains(&self, code: &RoomCode) -> Result<bool>;

    /// Tries whether something can be written.
    ///
    /// # Errors
    /// Nothing can.
    fn try_writing(&self) -> Result<()>;

    /// Deletes everything that is stored of a room.
    ///
    /// # Errors
    /// It cannot be deleted.
    fn delete(&self, code: &RoomCode) -> Result<()>;

    /// Whether a room may be told anything of from here.
    ///
    /// # Errors
    /// Not now: it is not known whether another server has it. [`Lost`]: another has it.
    fn may_tell(&self, _code: &RoomCode) -> Result<()> {
        Ok(())
    }

    /// Who has a room that is not here.
    fn whereabouts(&self, _code: &RoomCode) -> Whereabouts {
        Whereabouts::Nowhere
    }

    /// Rooms that nobody has.
    fn unowned(&self) -> Vec<RoomCode> {
        Vec::new()
    }

    /// Rings when a room may have come to be nobody's, for the one who looks for them.
    fn freed(&self) -> Arc<Notify> {
        Arc::default()
    }

    /// Takes a room that nobody has; `None` where somebody else was quicker.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    fn claim(&self, _code: &RoomCode) -> Result<Option<Coordinator>> {
        Ok(None)
    }

    /// Lets others take a room at once, which has ended here.
    fn release(&self, _code: &RoomCode) {}

    /// Every room of the cluster.
    fn everywhere(&self) -> Vec<Known> {
        Vec::new()
    }

    /// The other servers of the cluster.
    fn others(&self) -> Vec<Elsewhere> {
        Vec::new()
    }

    /// Whether it is of the cluster who shows this.
    fn is_member(&self, _shown: &[u8]) -> bool {
        false
    }

    /// How the cluster is, where there is one.
    fn cluster(&self) -> Option<Cluster> {
        None
    }

    /// What it is that cannot be written where nothing can, for people.
    fn place(&self) -> &'static str {
        "the state folder"
    }

    /// Whether this server has been unable to write for so long that, if others can, it has none of its rooms any more.
    fn is_cut_off(&self) -> bool {
        false
    }

    /// Has nothing of what this server had be its own any more: others have it, or take it.
    fn give_itself_up(&self) {}

    /// Whether this server is to make the first room. At most one of those that start together is.
    fn makes_first_room(&self) -> bool {
        true
    }

    /// The program ends: what is its own is others' at once.
    fn leave(&self) {}
}

/// The newest of a room that is whole, read by `read`. Where versions before it are damaged, `set_aside` is told which, before the room
/// goes on without them.
fn newest_whole(
    mut checkpoint: Checkpoint,
    versions: Vec<StoredVersion>,
    spool: Box<dyn Spool>,
    read: impl Fn(&Checkpoint, ModelVersion) -> Result<Parameters>,
    set_aside: impl FnOnce(&[ModelVersion]) -> Result<()>,
) -> Result<Coordinator> {
    let mut problem = None;
    let mut damaged = Vec::new();
    for StoredVersion { version, .. } in versions.into_iter().rev() {
        match read(&checkpoint, version) {
            Ok((parameters, memory)) => {
                if version < checkpoint.model_version {
                    set_aside(&damaged)?;
                    tracing::error!(
                        room = checkpoint.config.code.as_str(),
                        "version {} of the model is damaged ({:#}); the room goes on from version {version}",
                        checkpoint.model_version,
                        problem.unwrap_or_else(|| anyhow::anyhow!("its row is missing"))
                    );
                    checkpoint.model_version = version;
                    checkpoint.history.truncate(version.0 as usize);
                    checkpoint.contributions.truncate(version.0 as usize);
                    checkpoint.final_evaluations.clear();
                    checkpoint.masked_evaluation = None;
                    checkpoint.groups = Groups::default();
                }
                let mut room = Coordinator::restore(checkpoint, parameters, memory, spool)?;
                room.standardise(client::common_scale());
                return Ok(room);
            }
            Err(error) => {
                problem = problem.or(Some(error));
                damaged.push(version);
            }
        }
    }
    Err(problem.unwrap_or_else(|| anyhow::anyhow!("no version of its model is stored")))
}
