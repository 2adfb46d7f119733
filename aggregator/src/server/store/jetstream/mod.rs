//! Rooms in NATS JetStream, for several servers: one key a room, which names blobs. A room's blobs are there before the key that names
//! them is written, and that is written in place of the revision that this server has read, before anyone is told of the round. So the
//! key is at once what is stored, who has the room, and what refuses the writes of one who had it and does not know yet
//! ([fencing](https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html)).
//!
//! An answer of NATS may be lost when the write is not. So where a key is not as it was read, it is read again: if it is this session's
//! own, it goes on from there; if it is another's, the room is lost.

mod blobs;
mod index;
mod shared;
#[cfg(test)]
pub mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use federation::{Checkpoint, Coordinator, Millis, Spool};
use futures_util::{StreamExt as _, TryStreamExt as _, stream as streams};
use index::{Facts, Index, Model, Rounds};
use protocol::{ModelVersion, Phase, RoomCode, RoomConfig};
use shared::Written;
pub use shared::{Common, Shared};
use subtle::ConstantTimeEq as _;
use tokio::sync::Notify;

use super::facts::now;
use super::spool::FileSpool;
use super::versions::{StoredVersion, dropped, judged};
use super::{Cluster, Elsewhere, Known, Lost, Parameters, Store, Whereabouts, description, memory_file, newest_whole};

/// How long storing or reading a room may take.
const ROOM_LIMIT: Duration = Duration::from_secs(30);
/// Blobs of rounds that are asked for at a time.
const BLOBS_ASKED: usize = 4;

/// Where the rooms are.
pub struct JetStream {
    shared: Arc<Shared>,
    /// What members show each other.
    member: Arc<str>,
    /// The rooms that are here.
    kept: Mutex<HashMap<RoomCode, Kept>>,
    /// Rooms of which it is not known whether they are here, as no answer came.
    doubtful: Mutex<HashSet<RoomCode>>,
    /// Updates of open rounds, which nobody else needs.
    spools: tempfile::TempDir,
}

/// A room that is here.
#[derive(Clone)]
struct Kept {
    /// The session that has it.
    owner: String,
    /// Of its key.
    revision: u64,
    index: Index,
    /// Blobs of which it is not known whether a key will come to name them.
    strays: Vec<String>,
}

impl JetStream {
    /// Over a cluster's bucket; `member` is what its servers show each other.
    ///
    /// # Errors
    /// The system's folder for temporary files cannot be written.
    pub fn new(shared: Arc<Shared>, member: &str) -> Result<Self> {
        let spools = tempfile::Builder::new().prefix("chorus-").tempdir().context("no temporary folder can be made")?;
        Ok(Self { shared, member: member.into(), kept: Mutex::default(), doubtful: Mutex::default(), spools })
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<RoomCode, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something in NATS and waits for it, as long as there is a lease: where NATS gives no answer, a room's thread has to hear
    /// that the room is another's.
    fn wait<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let shared = self.shared.clone();
        self.shared.wait(ROOM_LIMIT, async move { shared.while_leased(work).await })
    }

    fn elsewhere(&self, address: String) -> Elsewhere {
        Elsewhere { address, secret: self.member.clone() }
    }

    fn doubtful(&self) -> MutexGuard<'_, HashSet<RoomCode>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the key of a room says next, and the blobs that have to be there first.
    fn next(&self, room: &Coordinator, checkpoint: &Checkpoint, model_changed: bool, kept: &Kept) -> Result<Next> {
        let mut index = kept.index.clone();
        let mut blobs = Blobs { room: checkpoint.config.code.to_string(), parts: Vec::new() };
        let version = checkpoint.model_version.0;
        index.finished = room.status(Millis(0)).phase == Phase::Finished;
        let facts = index::facts(checkpoint)?;
        index.facts = if facts.len() <= index::MOST_INSIDE {
            Facts::Here(facts)
        } else {
            Facts::Blob(blobs.add("facts", vec![facts.into()]))
        };
        if index.revision != checkpoint.revision {
            index.rounds.clear();
            index.revision = checkpoint.revision;
        }
        let (keep, from) = index::unwritten(&index.rounds, checkpoint.history.len());
        index.rounds.truncate(keep);
        if from < checkpoint.history.len() {
            let blob = blobs.add("rounds", vec![index::past(checkpoint, from)?.into()]);
            index.rounds.push(Rounds { count: checkpoint.history.len() - from, blob });
        }
        // Those after one that the host went back to are of another time.
        index.models.retain(|model| model.version <= version);
        if model_changed || index.models.last().is_none_or(|model| model.version != version) {
            index.models.retain(|model| model.version != version);
            let header = model_file::header(&description::of(checkpoint)?)?;
            let parameters = blobs.add(&format!("model-{version}"), vec![header.into(), room.model().bytes()]);
            let remembered = room.memory();
            let memory = (!remembered.is_empty()).then(|| {
                let mut parts = vec![memory_file::header(&remembered)?];
                parts.extend(remembered.values().map(|values| Bytes::copy_from_slice(bytemuck::cast_slice(values))));
                Ok::<_, anyhow::Error>(blobs.add(&format!("strategy-{version}"), parts))
            });
            index.models.push(Model { version, created_at: now(), parameters, memory: memory.transpose()? });
            let gone: HashSet<u32> = dropped(&judged(index.stored(), checkpoint)).map(|version| version.0).collect();
            index.models.retain(|model| !gone.contains(&model.version));
        }
        Ok(Next { index, blobs: blobs.parts })
    }

    /// Reads all that an index names but models.
    fn checkpoint(&self, code: &RoomCode, index: &Index) -> Result<Checkpoint> {
        let (blobs, wanted, code) = (self.shared.blobs().clone(), index.clone(), code.clone());
        self.wait(async move {
            let facts = match wanted.facts {
                Facts::Here(facts) => facts,
                Facts::Blob(blob) => String::from_utf8(blobs.get(&blob).await?).context("a stored fact is no text")?,
            };
            let rounds: Vec<_> = wanted.rounds.iter().map(|rounds| blobs.get(&rounds.blob)).collect();
            let rounds: Vec<_> = streams::iter(rounds).buffered(BLOBS_ASKED).try_collect().await?;
            index::checkpoint(&code, &facts, rounds)
        })
    }

    /// The parameters of a version that an index names.
    fn read_model(&self, index: &Index, checkpoint: &Checkpoint, version: ModelVersion) -> Result<Parameters> {
        let code = &checkpoint.config.code;
        let model = index.models.iter().find(|model| model.version == version.0).cloned();
        let model =
            model.with_context(|| format!("version {version} of room {code}'s model is not stored any more"))?;
        let blobs = self.shared.blobs().clone();
        let (file, remembered) = self.wait(async move {
            let remembered = async {
                match &model.memory {
                    Some(memory) => blobs.get(memory).await.map(Some),
                    None => Ok(None),
                }
            };
            tokio::try_join!(blobs.get(&model.parameters), remembered)
        })?;
        let architecture = checkpoint.config.architecture.parse()?;
        let parameters = model_file::parameters(&file, architecture, checkpoint.config.labels.len())
            .with_context(|| format!("version {version} of room {code}'s model is damaged"))?;
        let memory = remembered.map(|file| memory_file::memory(&file)).transpose()?;
        Ok((parameters, memory.unwrap_or_else(BTreeMap::new)))
    }

    /// The room that an index names, and which versions are damaged.
    fn build(&self, code: &RoomCode, index: &Index) -> Result<(Coordinator, Vec<ModelVersion>)> {
        let checkpoint = self.checkpoint(code, index)?;
        let versions = judged(index.stored(), &checkpoint);
        let spool = self.spool(&checkpoint.config);
        let mut damaged = Vec::new();
        let read = |checkpoint: &Checkpoint, version| self.read_model(index, checkpoint, version);
        let room = newest_whole(checkpoint, versions, spool, read, |versions| {
            damaged = versions.to_vec();
            Ok(())
        })?;
        Ok((room, damaged))
    }

    /// The key of a room as it is now.
    fn read_index(&self, code: &RoomCode) -> Result<Option<(u64, Index)>> {
        let (bucket, code) = (self.shared.bucket(), code.clone());
        self.wait(async move { Shared::room(&bucket, &code).await })
    }

    /// Has a room of ours be nobody's; whether that is done.
    fn disown(&self, code: &RoomCode, revision: u64, mut index: Index) -> bool {
        let (bucket, code) = (self.shared.bucket(), code.clone());
        index.owner = None;
        let written = self.wait(async move { Shared::write_room(&bucket, &code, &index, Some(revision)).await });
        matches!(written, Ok(Written::Done(_)))
    }

    /// Deletes blobs that no key names any more, and those that none will.
    fn delete_blobs(&self, old: Vec<blobs::Blob>, strays: Vec<String>) {
        let blobs = self.shared.blobs().clone();
        if old.is_empty() && strays.is_empty() {
            return;
        }
        self.shared.spawn(async move {
            for blob in old {
                if let Err(error) = blobs.delete(&blob).await {
                    tracing::debug!(blob.name, "a blob that is of no use any more stays in NATS ({error:#})");
                }
            }
            for name in strays {
                if let Err(error) = blobs.delete_stray(&name).await {
                    tracing::debug!(name, "a blob that was of no use stays in NATS ({error:#})");
                }
            }
        });
    }

    /// Deletes the blobs of a room that its key does not name. Whoever had the room before cannot have any named any more.
    fn sweep(&self, code: &RoomCode, index: &Index) {
        let named: HashSet<String> = index.blobs().map(|blob| blob.name.clone()).collect();
        let (blobs, room) = (self.shared.blobs().clone(), code.to_string());
        self.shared.spawn(async move {
            let names = blobs.names(&room).await.unwrap_or_default();
            for name in names.into_iter().filter(|name| !named.contains(name)) {
                // It is found again the next time.
                let _ = blobs.delete_stray(&name).await;
            }
        });
    }
}

/// What is to be written of a room.
struct Next {
    index: Index,
    blobs: Vec<(String, Vec<Bytes>)>,
}

/// Blobs that are still to be stored.
struct Blobs {
    room: String,
    parts: Vec<(String, Vec<Bytes>)>,
}

impl Blobs {
    /// One more, under a name that no other has.
    fn add(&mut self, what: &str, parts: Vec<Bytes>) -> blobs::Blob {
        let name = format!("{}.{what}-{:016x}", self.room, rand::random::<u64>());
        self.parts.push((name.clone(), parts));
        blobs::Blob { name, bytes: 0, checksum: 0, pieces: Vec::new() }
    }
}

impl Index {
    /// Tells it where a blob lies.
    fn place(&mut self, stored: &blobs::Blob) {
        let facts = match &mut self.facts {
            Facts::Blob(blob) => Some(blob),
            Facts::Here(_) => None,
        };
        let models =
            self.models.iter_mut().flat_map(|model| std::iter::once(&mut model.parameters).chain(&mut model.memory));
        let all = facts.into_iter().chain(self.rounds.iter_mut().map(|rounds| &mut rounds.blob)).chain(models);
        all.filter(|blob| blob.name == stored.name).for_each(|blob| *blob = stored.clone());
    }
}

impl Store for JetStream {
    fn save(&self, room: &Coordinator, model_changed: bool) -> Result<()> {
        let checkpoint = room.checkpoint();
        let code = checkpoint.config.code.clone();
        let session = self.shared.lease()?;
        let known = self.kept().get(&code).cloned();
        let is_new = known.is_none();
        let kept = known.unwrap_or_else(|| Kept {
            owner: session.clone(),
            revision: 0,
            index: Index::new(session.clone(), now()),
            strays: Vec::new(),
        });
        if kept.owner != session {
            bail!(Lost);
        }
        let Next { mut index, blobs: wanted } = self.next(room, &checkpoint, model_changed, &kept)?;
        let names: Vec<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
        let (store, bucket) = (self.shared.blobs().clone(), self.shared.bucket());
        let (room, owner) = (code.clone(), session.clone());
        let mut expected = (!is_new).then_some(kept.revision);
        let written = self.wait(async move {
            for (name, parts) in wanted {
                index.place(&store.put(name, &parts).await?);
            }
            loop {
                match Shared::write_room(&bucket, &room, &index, expected).await? {
                    Written::Done(revision) => return Ok((revision, index)),
                    Written::Changed => match Shared::room(&bucket, &room).await? {
                        // A write of ours of which no answer came.
                        Some((revision, found)) if found.owner.as_ref() == Some(&owner) => expected = Some(revision),
                        _ => bail!(Lost),
                    },
                }
            }
        });
        let (revision, index) = match written {
            Ok(written) => written,
            Err(error) => {
                match self.kept().get_mut(&code) {
                    Some(kept) => kept.strays.extend(names),
                    None => {
                        self.doubtful().insert(code);
                    }
                }
                return Err(error);
            }
        };
        let named: HashSet<&String> = index.blobs().map(|blob| &blob.name).collect();
        let old = kept.index.blobs().filter(|blob| !named.contains(&blob.name)).cloned().collect();
        let strays = kept.strays.into_iter().filter(|name| !named.contains(name)).collect();
        self.doubtful().remove(&code);
        self.kept().insert(code, Kept { owner: session, revision, index, strays: Vec::new() });
        self.delete_blobs(old, strays);
        // Stored it is; but told it may be only as long as nobody else can have the room.
        self.shared.lease().map(drop)
    }

    fn restore(&self) -> Result<Vec<(RoomCode, Coordinator)>> {
        let mut rooms = Vec::new();
        for code in self.unowned() {
            match self.claim(&code) {
                Ok(Some(room)) => rooms.push((code, room)),
                Ok(None) => {}
                Err(error) => tracing::error!(
                    room = %code,
                    "the stored room is damaged ({error:#}); nothing of it was changed, and its code stays taken"
                ),
            }
        }
        Ok(rooms)
    }

    fn stored(&self, code: &RoomCode) -> Result<Coordinator> {
        let (_, index) = self.read_index(code)?.context("there is no such room")?;
        Ok(self.build(code, &index)?.0)
    }

    fn spool(&self, room: &RoomConfig) -> Box<dyn Spool> {
        Box::new(FileSpool::new(self.spools.path().to_owned(), room))
    }

    fn parameters(&self, checkpoint: &Checkpoint, version: ModelVersion) -> Result<Parameters> {
        let index = self.kept().get(&checkpoint.config.code).map(|kept| kept.index.clone()).ok_or(Lost)?;
        self.read_model(&index, checkpoint, version)
    }

    fn versions(&self, checkpoint: &Checkpoint) -> Result<Vec<StoredVersion>> {
        let kept = self.kept();
        let kept = kept.get(&checkpoint.config.code).ok_or(Lost)?;
        Ok(judged(kept.index.stored(), checkpoint))
    }

    fn created_at(&self, code: &RoomCode) -> Result<i64> {
        Ok(self.kept().get(code).ok_or(Lost)?.index.created_at)
    }

    fn contains(&self, code: &RoomCode) -> Result<bool> {
        let (bucket, code) = (self.shared.bucket(), code.clone());
        self.wait(async move { Shared::has_room(&bucket, &code).await })
    }

    fn try_writing(&self) -> Result<()> {
        // Its key was written within these seconds.
        self.shared.lease().map(drop)
    }

    fn delete(&self, code: &RoomCode) -> Result<()> {
        let kept = self.kept().remove(code);
        let (bucket, blobs, of) = (self.shared.bucket(), self.shared.blobs().clone(), code.clone());
        let deleted = self.shared.wait(ROOM_LIMIT, async move {
            Shared::delete_room(&bucket, &of, kept.as_ref().map(|kept| kept.revision)).await?;
            for blob in kept.iter().flat_map(|kept| kept.index.blobs()) {
                blobs.delete(blob).await?;
            }
            for name in blobs.names(of.as_str()).await? {
                blobs.delete_stray(&name).await?;
            }
            Ok(())
        });
        if deleted.is_err() {
            // It is looked at again, and goes on if it is there.
            self.doubtful().insert(code.clone());
        }
        deleted
    }

    fn may_tell(&self, code: &RoomCode) -> Result<()> {
        let owner = self.kept().get(code).map(|kept| kept.owner.clone());
        if owner != Some(self.shared.session()) {
            bail!(Lost);
        }
        self.shared.lease().map(drop)
    }

    fn whereabouts(&self, code: &RoomCode) -> Whereabouts {
        match self.shared.owner(code) {
            None => Whereabouts::Nowhere,
            // It comes to be here in a moment, or is gone.
            Some((Some(owner), _)) if owner == self.shared.session() => Whereabouts::Between,
            Some((_, Some(address))) => Whereabouts::At(self.elsewhere(address)),
            Some((_, None)) => Whereabouts::Between,
        }
    }

    fn unowned(&self) -> Vec<RoomCode> {
        // None can be had without a lease.
        if self.shared.lease().is_err() {
            return Vec::new();
        }
        let session = self.shared.session();
        let is_mine =
            |code: &RoomCode| self.shared.owner(code).is_some_and(|(owner, _)| owner.as_ref() == Some(&session));
        let doubtful: Vec<_> = self.doubtful().iter().filter(|code| is_mine(code)).cloned().collect();
        self.shared.unowned().into_iter().chain(doubtful).collect()
    }

    fn freed(&self) -> Arc<Notify> {
        self.shared.freed()
    }

    fn claim(&self, code: &RoomCode) -> Result<Option<Coordinator>> {
        let session = self.shared.lease()?;
        let Some((revision, mut index)) = self.read_index(code)? else { return Ok(None) };
        if let Some(owner) = index.owner.clone() {
            let bucket = self.shared.bucket();
            let mine = owner == session;
            if mine && !self.doubtful().contains(code) {
                return Ok(None);
            }
            if !mine && self.wait(async move { Shared::lives(&bucket, &owner).await })? {
                return Ok(None);
            }
        }
        // First of all the key, which is short: of servers that see a room at the same time one reads it.
        index.owner = Some(session.clone());
        let (bucket, of, next) = (self.shared.bucket(), code.clone(), index.clone());
        let written = self.wait(async move { Shared::write_room(&bucket, &of, &next, Some(revision)).await });
        if written.is_err() {
            self.doubtful().insert(code.clone());
        }
        let Written::Done(revision) = written? else { return Ok(None) };
        let built = self.build(code, &index);
        if built.is_err() && !self.disown(code, revision, index.clone()) {
            // It is nobody's as long as we do not have another look at it.
            self.doubtful().insert(code.clone());
        }
        let (room, damaged) = built?;
        for version in damaged {
            let is_damaged = |model: &Model| model.version == version.0;
            for model in index.models.iter().filter(|model| is_damaged(model)).cloned().collect::<Vec<_>>() {
                index.aside.extend(std::iter::once(model.parameters).chain(model.memory));
            }
            index.models.retain(|model| !is_damaged(model));
        }
        self.doubtful().remove(code);
        self.sweep(code, &index);
        self.kept().insert(code.clone(), Kept { owner: session, revision, index, strays: Vec::new() });
        Ok(Some(room))
    }

    fn release(&self, code: &RoomCode) {
        let Some(Kept { owner, revision, index, .. }) = self.kept().remove(code) else { return };
        if owner == self.shared.session() && !self.disown(code, revision, index) {
            tracing::debug!(room = %code, "the room was not given up; others take it when this server is gone");
        }
    }

    fn everywhere(&self) -> Vec<Known> {
        self.shared.everywhere()
    }

    fn others(&self) -> Vec<Elsewhere> {
        self.shared.others().into_iter().map(|address| self.elsewhere(address)).collect()
    }

    fn is_member(&self, shown: &[u8]) -> bool {
        shown.ct_eq(self.member.as_bytes()).into()
    }

    fn cluster(&self) -> Option<Cluster> {
        let here = u64::from(self.shared.lease().is_ok());
        Some(Cluster {
            servers: self.shared.others().len() as u64 + here,
            rooms: self.shared.everywhere().len() as u64,
            answer: self.shared.took(),
        })
    }

    fn place(&self) -> &'static str {
        "NATS"
    }

    fn is_cut_off(&self) -> bool {
        self.shared.is_cut_off()
    }

    fn give_itself_up(&self) {
        self.shared.give_itself_up();
    }

    fn makes_first_room(&self) -> bool {
        self.shared.is_first()
    }

    fn leave(&self) {
        self.shared.leave();
    }
}
