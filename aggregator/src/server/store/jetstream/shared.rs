//! What the servers of a cluster have in common: one bucket of JetStream, which every one of them watches.
//!
//! | key | value |
//! | --- | --- |
//! | `member.ID` | a server that lives, and where the others reach it; written anew every second |
//! | `room.CODE` | a room: which server has it, and what is stored of it (`index.rs`) |
//! | `secrets` | what opens the teacher's pages on every server, and what members show each other |
//! | `first` | which server makes the first room |
//!
//! A server *has a lease* as long as its key was written within [`LEASE`], counted on its own clock from before it asked. Others give it
//! up when they have seen no change of the key for [`GIVEN_UP_AFTER`], on their own clocks, which is later whatever the clocks say:
//! they delete the key as they have seen it, by its revision. If that is done the server can never renew it, so that it knows that its
//! rooms are others' now; if the key changed meanwhile, nothing is done. Who has not written for so long must tell nobody anything.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use async_nats::jetstream::kv::{self, CreateErrorKind, Entry, Operation, UpdateErrorKind};
use async_nats::jetstream::stream::{self, DiscardPolicy, LastRawMessageErrorKind};
use bytes::Bytes;
use futures_util::StreamExt as _;
use protocol::RoomCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::blobs::Blobs;
use super::index::Index;
use crate::nats::{ANSWER_LIMIT, Access, Nats, kept, no_space};
use crate::server::store::Known;

/// How long a server may go on after it has last written its key.
pub const LEASE: Duration = Duration::from_secs(5);
/// A server whose key has not changed for so long is given up. The rest of the ten seconds is for taking its rooms.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(6);
/// A server without a lease for so long has been given up, if others can write.
const SURELY_GIVEN_UP_AFTER: Duration = Duration::from_secs(2);
/// A server writes its key so often.
const BEAT: Duration = Duration::from_secs(1);
/// And again after so long where that failed.
const BEAT_AGAIN: Duration = Duration::from_millis(200);
/// How long NATS may take for a key.
pub const KEY_LIMIT: Duration = Duration::from_secs(2);
/// The watch is begun anew when nothing came over it for so long: at least our own key should have.
const SILENCE: Duration = Duration::from_secs(4);
/// An answer of NATS that takes so long is worth a line in the log: with [`KEY_LIMIT`] rooms are held.
const SLOW: Duration = Duration::from_secs(1);
/// It is looked so often whether there is a lease still.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the first look at the bucket may take.
const FIRST_LOOK: Duration = Duration::from_secs(10);

const MEMBER: &str = "member.";
const ROOM: &str = "room.";
const SECRETS: &str = "secrets";
const FIRST: &str = "first";

/// What a server says of itself.
#[derive(Serialize, Deserialize)]
struct Said {
    /// Where others reach it, `HOST:PORT`.
    address: String,
    /// How often it has written this: no two values are the same.
    beat: u64,
}

/// What all servers know.
#[derive(Clone, Serialize, Deserialize)]
pub struct Common {
    /// The host's secret.
    pub host: String,
    /// What keeps a place for the host's pages.
    pub watch: String,
    /// What a server shows another.
    pub member: String,
}

/// This server as a member.
struct Own {
    id: String,
    beat: u64,
    revision: u64,
    /// The lease's end.
    until: Option<Instant>,
    /// How long NATS took for the last write of the key that it answered in time.
    took: Duration,
}

/// Another one.
struct Other {
    address: String,
    revision: u64,
    /// When its key last changed before our eyes.
    changed: Instant,
}

/// A room as the bucket has it.
struct Seen {
    owner: Option<String>,
    known: Known,
    revision: u64,
}

/// The bucket, and what was seen of it.
pub struct Shared {
    nats: Nats,
    bucket: kv::Store,
    blobs: Blobs,
    address: String,
    own: Mutex<Own>,
    others: Mutex<HashMap<String, Other>>,
    rooms: Mutex<HashMap<RoomCode, Seen>>,
    freed: Arc<Notify>,
    looked: AtomicBool,
    left: AtomicBool,
}

/// What came of writing a key.
pub enum Written {
    /// Its new revision.
    Done(u64),
    /// It is not as it was read.
    Changed,
}

impl Shared {
    /// Joins the cluster of a name, made where it is missing, as the server that others reach at `address` (`HOST:PORT`).
    ///
    /// # Errors
    /// NATS cannot be used.
    pub fn join(servers: &str, access: &Access, cluster: &str, address: String, replicas: usize) -> Result<Arc<Self>> {
        let nats = Nats::connect(servers, access)?;
        let long = nats.beside(servers, access)?;
        let (mut jetstream, name) = (nats.jetstream().clone(), cluster.to_owned());
        let (bucket, blobs) = nats.wait(4 * ANSWER_LIMIT, async move {
            let blobs = Blobs::open(&long, &name, replicas).await?;
            // What `create_key_value` makes, which asks a server of version 2.9 for what it does not say.
            let config = stream::Config {
                name: format!("KV_{name}"),
                description: Some("Servers and rooms of Chorus".to_owned()),
                subjects: vec![format!("$KV.{name}.>")],
                max_messages_per_subject: 1,
                discard: DiscardPolicy::New,
                num_replicas: replicas,
                allow_rollup: true,
                deny_delete: true,
                allow_direct: true,
                ..Default::default()
            };
            kept(jetstream.get_or_create_stream(config).await, replicas)?;
            jetstream.set_timeout(KEY_LIMIT);
            let bucket = jetstream.get_key_value(&name).await?;
            Ok((bucket, blobs))
        })?;
        let shared = Arc::new(Self {
            nats,
            bucket,
            blobs,
            address,
            own: Mutex::new(Own::new()),
            others: Mutex::default(),
            rooms: Mutex::default(),
            freed: Arc::default(),
            looked: AtomicBool::new(false),
            left: AtomicBool::new(false),
        });
        let (beating, watching) = (Arc::downgrade(&shared), Arc::downgrade(&shared));
        shared.nats.spawn(beat(beating));
        shared.nats.spawn(watch(watching));
        let patience = Instant::now() + FIRST_LOOK;
        while shared.lease().is_err() || !shared.looked.load(Ordering::Acquire) {
            ensure!(Instant::now() < patience, "NATS does not keep what is written to it; its log may say why");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(shared)
    }

    /// This session's name, as long as it has a lease.
    ///
    /// # Errors
    /// It has none at this moment.
    pub fn lease(&self) -> Result<String> {
        let own = lock(&self.own);
        let valid = own.until.is_some_and(|until| Instant::now() < until);
        ensure!(valid, "NATS has not answered this server for {} s", LEASE.as_secs());
        Ok(own.id.clone())
    }

    /// Does something as long as this server has a lease: without one nobody may hear what came of it.
    ///
    /// # Errors
    /// It failed, or there was no lease before it was done; whether it is done is then not known.
    pub async fn while_leased<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let ended = async {
            loop {
                if let Err(error) = self.lease() {
                    return error;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            done = work => done,
            error = ended => Err(error),
        }
    }

    /// Whether this server has been without a lease for so long that others, if they can write, have given it up.
    pub fn is_cut_off(&self) -> bool {
        lock(&self.own).until.is_some_and(|until| until.elapsed() > SURELY_GIVEN_UP_AFTER)
    }

    /// Becomes a new server, which has nothing of what this one had: others have it, or will, as its key is written no more.
    pub fn give_itself_up(&self) {
        *lock(&self.own) = Own::new();
    }

    /// How long NATS took for the last write of this server's key that it answered in time.
    pub fn took(&self) -> Duration {
        lock(&self.own).took
    }

    /// This session's name, with a lease or without.
    pub fn session(&self) -> String {
        lock(&self.own).id.clone()
    }

    /// Where the models are.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Does something in NATS and waits for it.
    ///
    /// # Errors
    /// As [`Nats::wait`].
    pub fn wait<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.nats.wait(limit, work)
    }

    /// Does something in NATS that nobody waits for.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.nats.spawn(work);
    }

    /// What all servers know, made up by the first.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn common(&self, made_up: Common) -> Result<Common> {
        let bucket = self.bucket.clone();
        self.wait(2 * ANSWER_LIMIT, async move {
            let value = Bytes::from(serde_json::to_vec(&made_up)?);
            match write(&bucket, SECRETS, value, None).await? {
                Written::Done(_) => Ok(made_up),
                Written::Changed => {
                    let (_, value) = read(&bucket, SECRETS).await?.context("the cluster's secrets are gone")?;
                    serde_json::from_slice(&value).context("the cluster's secrets cannot be read")
                }
            }
        })
    }

    /// Whether this server is to make the first room: of those that start together one is.
    pub fn is_first(&self) -> bool {
        let (bucket, own, alive) = (self.bucket.clone(), self.session(), self.alive());
        let taken = self.wait(ANSWER_LIMIT, async move {
            let value = Bytes::from(own.clone());
            Ok(match read(&bucket, FIRST).await? {
                None => matches!(write(&bucket, FIRST, value, None).await?, Written::Done(_)),
                Some((_, by)) if by == own.as_bytes() => true,
                Some((_, by)) if alive.iter().any(|alive| by == alive.as_bytes()) => false,
                Some((revision, _)) => {
                    matches!(write(&bucket, FIRST, value, Some(revision)).await?, Written::Done(_))
                }
            })
        });
        taken.unwrap_or(true)
    }

    /// The key of a room as it is now, and its revision.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub async fn room(bucket: &kv::Store, code: &RoomCode) -> Result<Option<(u64, Index)>> {
        let Some((revision, value)) = read(bucket, &format!("{ROOM}{code}")).await? else { return Ok(None) };
        Ok(Some((revision, Index::decode(&value)?)))
    }

    /// Whether a room has a key, be it damaged or not.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn has_room(bucket: &kv::Store, code: &RoomCode) -> Result<bool> {
        Ok(read(bucket, &format!("{ROOM}{code}")).await?.is_some())
    }

    /// Writes a room's key in place of `revision`, or where there is none.
    ///
    /// # Errors
    /// It is not known whether it is written.
    pub async fn write_room(
        bucket: &kv::Store,
        code: &RoomCode,
        index: &Index,
        revision: Option<u64>,
    ) -> Result<Written> {
        write(bucket, &format!("{ROOM}{code}"), index.encode()?.into(), revision).await
    }

    /// Deletes a room's key, in place of `revision` where it is known.
    ///
    /// # Errors
    /// It is not known to be deleted.
    pub async fn delete_room(bucket: &kv::Store, code: &RoomCode, revision: Option<u64>) -> Result<()> {
        Ok(bucket.purge_expect_revision(format!("{ROOM}{code}"), revision).await?)
    }

    /// Whether a session's key is there, as the bucket has it now.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn lives(bucket: &kv::Store, session: &str) -> Result<bool> {
        Ok(read(bucket, &format!("{MEMBER}{session}")).await?.is_some())
    }

    /// The bucket.
    pub fn bucket(&self) -> kv::Store {
        self.bucket.clone()
    }

    /// The session that has a room, as far as was seen, and where that is reached; None where it is not stored.
    pub fn owner(&self, code: &RoomCode) -> Option<(Option<String>, Option<String>)> {
        let owner = lock(&self.rooms).get(code)?.owner.clone();
        let address = owner.as_ref().and_then(|owner| Some(lock(&self.others).get(owner)?.address.clone()));
        Some((owner, address))
    }

    /// Rooms that no living session has.
    pub fn unowned(&self) -> Vec<RoomCode> {
        let (own, others) = (self.session(), lock(&self.others));
        let lives = |owner: &String| *owner == own || others.contains_key(owner);
        let rooms = lock(&self.rooms);
        let unowned = rooms.iter().filter(|(_, seen)| !seen.owner.as_ref().is_some_and(lives));
        unowned.map(|(code, _)| code.clone()).collect()
    }

    /// Rings when a room was seen that no living session has, or a session that had some is gone.
    pub fn freed(&self) -> Arc<Notify> {
        self.freed.clone()
    }

    /// Every room of the cluster.
    pub fn everywhere(&self) -> Vec<Known> {
        lock(&self.rooms).values().map(|seen| seen.known.clone()).collect()
    }

    /// Where the other servers are reached.
    pub fn others(&self) -> Vec<String> {
        lock(&self.others).values().map(|other| other.address.clone()).collect()
    }

    fn alive(&self) -> Vec<String> {
        lock(&self.others).keys().cloned().collect()
    }

    /// Takes this server out of the cluster: what it had is others' at once.
    pub fn leave(&self) {
        self.left.store(true, Ordering::Release);
        let (bucket, key) = (self.bucket.clone(), format!("{MEMBER}{}", self.session()));
        lock(&self.own).until = None;
        if let Err(error) = self.wait(KEY_LIMIT, async move { Ok(bucket.purge(key).await?) }) {
            tracing::debug!("the cluster was not told that this server ends ({error:#}); it will notice");
        }
    }

    /// Writes this server's key once. False where it could not, but may at once.
    async fn renew(&self) -> Result<bool> {
        let (key, value, revision, id) = {
            let mut own = lock(&self.own);
            own.beat += 1;
            let said = Said { address: self.address.clone(), beat: own.beat };
            let revision = (own.revision > 0).then_some(own.revision);
            (format!("{MEMBER}{}", own.id), serde_json::to_vec(&said)?, revision, own.id.clone())
        };
        let asked = Instant::now();
        let revision = match timeout(KEY_LIMIT, write(&self.bucket, &key, value.into(), revision)).await?? {
            Written::Done(revision) => revision,
            Written::Changed => {
                let found = read(&self.bucket, &key).await?;
                let mut own = lock(&self.own);
                if own.id != id {
                    return Ok(false);
                }
                match found {
                    // One of ours of which no answer came. When it was written we do not know: it gives no lease.
                    Some((revision, _)) => own.revision = revision,
                    None => {
                        tracing::error!(
                            "the other servers have given this one up, since NATS did not hear of it for too long; it \
                             goes on as a new one"
                        );
                        *own = Own::new();
                    }
                }
                return Ok(false);
            }
        };
        let mut own = lock(&self.own);
        if own.id != id || self.left.load(Ordering::Acquire) {
            return Ok(true);
        }
        let had_lease = own.until.is_some_and(|until| asked < until);
        own.revision = revision;
        own.until = Some(asked + LEASE);
        own.took = asked.elapsed();
        drop(own);
        if !had_lease {
            // Who could write nothing has seen nothing of the others either: their time begins now.
            lock(&self.others).values_mut().for_each(|other| other.changed = Instant::now());
        }
        Ok(true)
    }

    /// Gives up those who have not been seen for too long.
    async fn give_up(&self) -> Result<()> {
        if self.lease().is_err() {
            return Ok(());
        }
        let gone: Vec<_> = {
            let others = lock(&self.others);
            let gone = others.iter().filter(|(_, other)| other.changed.elapsed() > GIVEN_UP_AFTER);
            gone.map(|(id, other)| (id.clone(), other.revision)).collect()
        };
        for (id, revision) in gone {
            let deleted = self.bucket.purge_expect_revision(format!("{MEMBER}{id}"), Some(revision)).await;
            match deleted {
                Ok(()) => tracing::warn!(member = id, "a server of the cluster is gone; its rooms are taken over"),
                Err(error) => tracing::debug!(member = id, "a server that seemed to be gone is not ({error})"),
            }
        }
        Ok(())
    }

    /// Takes note of a key that came over the watch.
    fn note(&self, entry: &Entry) {
        let here = entry.operation == Operation::Put;
        if let Some(id) = entry.key.strip_prefix(MEMBER) {
            if *id == self.session() {
                return;
            }
            let mut others = lock(&self.others);
            match serde_json::from_slice::<Said>(&entry.value) {
                Ok(Said { address, .. }) if here => {
                    let other = others.entry(id.to_owned()).or_insert_with(|| Other {
                        address: address.clone(),
                        revision: 0,
                        changed: Instant::now(),
                    });
                    if other.revision < entry.revision {
                        *other = Other { address, revision: entry.revision, changed: Instant::now() };
                    }
                }
                _ => {
                    others.remove(id);
                    self.freed.notify_one();
                }
            }
        } else if let Some(Ok(code)) = entry.key.strip_prefix(ROOM).map(RoomCode::parse) {
            let mut rooms = lock(&self.rooms);
            if rooms.get(&code).is_some_and(|seen| seen.revision > entry.revision) {
                return;
            }
            if !here {
                rooms.remove(&code);
                return;
            }
            match Index::decode(&entry.value) {
                Ok(Index { owner, created_at, finished, .. }) => {
                    let known = Known { code: code.clone(), created_at, finished };
                    if owner.is_none() {
                        self.freed.notify_one();
                    }
                    rooms.insert(code, Seen { owner, known, revision: entry.revision });
                }
                Err(error) => tracing::error!(room = %code, "what is stored of a room is damaged ({error:#})"),
            }
        }
    }
}

impl Own {
    fn new() -> Self {
        Self { id: format!("{:032x}", rand::random::<u128>()), beat: 0, revision: 0, until: None, took: Duration::ZERO }
    }
}

/// Keeps this server's key.
async fn beat(shared: Weak<Shared>) {
    let (mut failed, mut slow) = (false, false);
    loop {
        let Some(shared) = shared.upgrade() else { return };
        if shared.left.load(Ordering::Acquire) {
            return;
        }
        let outcome = shared.renew().await;
        let pause = match outcome {
            Ok(true) => BEAT,
            Ok(false) => Duration::ZERO,
            Err(_) => BEAT_AGAIN,
        };
        if let Err(error) = &outcome
            && !failed
        {
            tracing::error!("NATS does not answer ({error:#}); rooms are held after {} s of that", LEASE.as_secs());
        }
        if failed && outcome.is_ok() {
            tracing::warn!("NATS answers again");
        }
        failed = outcome.is_err();
        let took = shared.took();
        if took > SLOW && !slow {
            let (took, limit) = (took.as_secs_f64(), KEY_LIMIT.as_secs());
            tracing::warn!(
                "NATS takes {took:.1} s for an answer; rooms wait for it, and are held where it is {limit} s"
            );
        }
        // So that one that is about as slow as that is not told of each time.
        slow = if slow { took > SLOW / 2 } else { took > SLOW };
        drop(shared);
        sleep(pause).await;
    }
}

/// Follows the bucket, and gives up members that are gone.
async fn watch(shared: Weak<Shared>) {
    loop {
        let Some(strong) = shared.upgrade() else { return };
        let bucket = strong.bucket.clone();
        drop(strong);
        if let Err(error) = follow(&shared, &bucket).await {
            tracing::debug!("the cluster's bucket is looked at anew ({error:#})");
        }
        sleep(BEAT_AGAIN).await;
    }
}

async fn follow(shared: &Weak<Shared>, bucket: &kv::Store) -> Result<()> {
    let mut entries = timeout(ANSWER_LIMIT, bucket.watch_with_history(">")).await??;
    let mut look = interval(BEAT / 4);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let entry = tokio::select! {
            entry = entries.next() => Some(entry.context("the watch ended")??),
            _ = look.tick() => None,
        };
        let Some(shared) = shared.upgrade() else { return Ok(()) };
        match entry {
            Some(entry) => {
                heard = Instant::now();
                shared.note(&entry);
                if entry.seen_current {
                    shared.looked.store(true, Ordering::Release);
                }
            }
            None if heard.elapsed() > SILENCE => bail!("nothing came over it"),
            None => shared.give_up().await?,
        }
    }
}

/// A key's value and its revision, as the bucket's leader has it.
async fn read(bucket: &kv::Store, key: &str) -> Result<Option<(u64, Bytes)>> {
    let subject = format!("{}{key}", bucket.prefix);
    match bucket.stream.get_last_raw_message_by_subject(&subject).await {
        Ok(message) if message.headers.get("KV-Operation").is_some() => Ok(None),
        Ok(message) => Ok(Some((message.sequence, message.payload))),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes a key in place of a revision of it, or where there is none.
async fn write(bucket: &kv::Store, key: &str, value: Bytes, revision: Option<u64>) -> Result<Written> {
    match revision {
        Some(revision) => match bucket.update(key, value, revision).await {
            Ok(revision) => Ok(Written::Done(revision)),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(Written::Changed),
            Err(error) => Err(no_space(error)),
        },
        None => match bucket.create(key, value).await {
            Ok(revision) => Ok(Written::Done(revision)),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(Written::Changed),
            Err(error) => Err(no_space(error)),
        },
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
