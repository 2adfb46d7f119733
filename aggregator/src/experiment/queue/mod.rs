//! Plans in NATS JetStream, for workers on any machine: a stream that each message leaves when its plan is done, another with how far
//! workers are, and a bucket of the object store with what came of plans.
//!
//! | where | what |
//! | --- | --- |
//! | stream `NAME_plans`, subject `NAME.plans.ID` | a plan ([`Order`]) that is not done; a work queue |
//! | stream `NAME_reports`, subject `NAME.reports.ID` | how far a worker is with it ([`Report`]), the last one |
//! | bucket `NAME`, object `ID` | its outcome, as in an experiment's folder, or why there is none |
//!
//! An ID begins with the plan's SHA-256 ([`order::id`]), and is the message's id. Nothing is ever written over: plan and outcome are stored
//! only where there is none, so that of two workers with one plan, as when one was thought dead, the first to finish has the outcome. A
//! worker has a plan as long as it says so; then NATS gives it to another.
//!
//! An object is put into the bucket as the object store's own clients do it, but for that: they write over what is there.

mod collector;
mod order;
mod recordings;
#[cfg(test)]
mod tests;
mod work;

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::object_store::{ObjectInfo, ObjectOptions, ObjectStore};
use async_nats::jetstream::stream::{Config, DiscardPolicy, LastRawMessageErrorKind, RetentionPolicy, Stream};
use async_nats::jetstream::{Context, Message};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
pub use collector::{Collector, View};
use futures_util::{StreamExt as _, TryStreamExt as _};
use order::{MOST_OUTCOME, Order, Report};
use ring::digest::{SHA256, digest};
use tokio::io::AsyncReadExt as _;
pub use work::{Ended, Hearing, Worker};

use crate::nats::{ANSWER_LIMIT, Access, Nats, is_full, no_space};

/// A plan is another worker's when its own has not spoken for so long.
const ACK_WAIT: Duration = Duration::from_secs(20);
/// A worker speaks so often.
const BEAT: Duration = Duration::from_secs(4);
/// How long a worker waits for a plan before it looks around.
const TAKE_LIMIT: Duration = Duration::from_secs(2);
/// How long an outcome may take to be stored or read.
const OUTCOME_LIMIT: Duration = Duration::from_secs(60);
/// NATS itself refuses an id that it has seen within so long.
const SAME_WITHIN: Duration = Duration::from_secs(5);
/// Outcomes that nobody fetched for so long are gone, and their plans are done anew if anyone asks.
const OUTCOMES_KEPT: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// Workers with a plan at most.
const MOST_WORKERS: i64 = 10_000;
/// Bytes of a piece of an object, as the object store's own clients have it.
const PIECE: usize = 128 * 1024;
/// Letters of a queue's name at most.
const MOST_NAME: usize = 32;

/// A queue of plans.
pub struct Queue {
    nats: Nats,
    name: String,
    plans: Stream,
    reports: Stream,
    workers: Consumer<pull::Config>,
    bucket: ObjectStore,
    objects: Stream,
}

/// A plan that this program has to do or to give back.
struct Taken {
    message: Message,
    id: String,
}

impl Queue {
    /// The queue of a name, made where it is missing.
    ///
    /// # Errors
    /// The name is none, or NATS cannot be used.
    pub fn open(servers: &str, access: &Access, name: &str) -> Result<Self> {
        let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
        ensure!(
            is_plain && (1..=MOST_NAME).contains(&name.len()),
            "a queue's name has up to {MOST_NAME} letters, digits, - and _"
        );
        let nats = Nats::connect(servers, access)?;
        let (jetstream, of) = (nats.jetstream().clone(), name.to_owned());
        let opened = nats.wait(6 * ANSWER_LIMIT, async move {
            let plans = jetstream.get_or_create_stream(Config {
                name: format!("{of}_plans"),
                description: Some("Plans of Chorus' experiments that are not done".to_owned()),
                subjects: vec![format!("{of}.plans.*")],
                retention: RetentionPolicy::WorkQueue,
                discard: DiscardPolicy::New,
                duplicate_window: SAME_WITHIN,
                ..Default::default()
            });
            let plans = plans.await.map_err(no_space)?;
            let reports = jetstream.get_or_create_stream(Config {
                name: format!("{of}_reports"),
                description: Some("How far workers are with plans of Chorus' experiments".to_owned()),
                subjects: vec![format!("{of}.reports.*")],
                max_messages_per_subject: 1,
                max_messages: 2 * MOST_WORKERS,
                duplicate_window: SAME_WITHIN,
                ..Default::default()
            });
            let reports = reports.await.map_err(no_space)?;
            // What `create_object_store` makes, which has no way to ask for one that is there.
            let objects = jetstream.get_or_create_stream(Config {
                name: format!("OBJ_{of}"),
                description: Some("Outcomes of Chorus' experiments".to_owned()),
                subjects: vec![format!("$O.{of}.C.>"), format!("$O.{of}.M.>")],
                max_age: OUTCOMES_KEPT,
                discard: DiscardPolicy::New,
                allow_rollup: true,
                allow_direct: true,
                ..Default::default()
            });
            let objects = objects.await.map_err(no_space)?;
            let bucket = jetstream.get_object_store(&of).await?;
            let workers = pull::Config {
                durable_name: Some("workers".to_owned()),
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WAIT,
                max_ack_pending: MOST_WORKERS,
                ..Default::default()
            };
            let workers = plans.get_or_create_consumer("workers", workers).await?;
            Ok((plans, reports, objects, bucket, workers))
        });
        let (plans, reports, objects, bucket, workers) = opened?;
        Ok(Self { nats, name: name.to_owned(), plans, reports, workers, bucket, objects })
    }

    fn wait<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        self.nats.wait(2 * ANSWER_LIMIT, work)
    }

    fn jetstream(&self) -> Context {
        self.nats.jetstream().clone()
    }

    /// The subject of what is called `id` in one of the two streams.
    fn subject(&self, stream: &str, id: &str) -> String {
        format!("{}.{stream}.{id}", self.name)
    }

    /// The subject that says where an object's pieces are.
    fn meta(&self, id: &str) -> String {
        format!("$O.{}.M.{}", self.name, URL_SAFE.encode(id))
    }

    /// The ids of all plans that are not done.
    fn queued(&self) -> Result<HashSet<String>> {
        self.last_words(&self.plans, self.subject("plans", "*"))
    }

    /// Whether all plans are done.
    ///
    /// # Errors
    /// NATS does not answer.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.queued()?.is_empty())
    }

    /// The ids of all plans of which there is a report.
    fn reported(&self) -> Result<HashSet<String>> {
        self.last_words(&self.reports, self.subject("reports", "*"))
    }

    /// The ids of all plans with an outcome.
    fn outcomes(&self) -> Result<HashSet<String>> {
        let names = self.last_words(&self.objects, format!("$O.{}.M.>", self.name))?;
        let decoded = names.iter().filter_map(|name| String::from_utf8(URL_SAFE.decode(name).ok()?).ok());
        Ok(decoded.collect())
    }

    /// The last word of each subject in a stream that a pattern fits.
    fn last_words(&self, stream: &Stream, pattern: String) -> Result<HashSet<String>> {
        let stream = stream.clone();
        self.wait(async move {
            let subjects = stream.info_with_subjects(pattern).await?;
            let words = subjects.map_ok(|(subject, _)| subject.rsplit('.').next().unwrap_or_default().to_owned());
            Ok(words.try_collect().await?)
        })
    }

    /// Queues a plan, unless it is queued.
    fn ask(&self, order: &Order) -> Result<()> {
        let id = order.id();
        let (jetstream, subject, order) = (self.jetstream(), self.subject("plans", &id), order.write()?);
        let message = PublishMessage::build().message_id(id).payload(order.into());
        self.wait(async move { write_first(&jetstream, subject, message).await.map(drop) })
    }

    /// What is stored as the outcome of a plan; nothing where that is damaged, or no outcome at all.
    fn outcome(&self, id: &str) -> Result<Vec<u8>> {
        let (bucket, id) = (self.bucket.clone(), id.to_owned());
        self.nats.wait(OUTCOME_LIMIT, async move {
            let info = bucket.info(&id).await?;
            let is_link = info.options.is_some_and(|options| options.link.is_some());
            let mut bytes = Vec::new();
            if info.deleted || is_link || info.size > MOST_OUTCOME {
                return Ok(bytes);
            }
            match bucket.get(&id).await?.take(MOST_OUTCOME as u64).read_to_end(&mut bytes).await {
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Ok(Vec::new()),
                read => Ok(read.map(|_| bytes)?),
            }
        })
    }

    /// Stores the outcome of a plan, unless there is one; whether it was the first.
    fn keep(&self, id: &str, bytes: Vec<u8>) -> Result<bool> {
        let (jetstream, bucket, meta) = (self.jetstream(), self.name.clone(), self.meta(id));
        let (objects, id) = (self.objects.clone(), id.to_owned());
        self.nats.wait(OUTCOME_LIMIT, async move {
            let nuid = format!("{:032x}", rand::random::<u128>());
            let info = ObjectInfo {
                name: id,
                description: None,
                metadata: Default::default(),
                headers: None,
                options: Some(ObjectOptions { link: None, max_chunk_size: Some(PIECE) }),
                bucket: bucket.clone(),
                nuid: nuid.clone(),
                size: bytes.len(),
                chunks: bytes.len().div_ceil(PIECE),
                modified: None,
                digest: Some(format!("SHA-256={}", URL_SAFE.encode(digest(&SHA256, &bytes)))),
                deleted: false,
            };
            let bytes = Bytes::from(bytes);
            let (mut pieces, mut is_named) = (Vec::new(), false);
            let stored = async {
                for start in (0..bytes.len()).step_by(PIECE) {
                    let piece = bytes.slice(start..bytes.len().min(start + PIECE));
                    let sent = jetstream.publish(format!("$O.{bucket}.C.{nuid}"), piece).await.map_err(no_space)?;
                    pieces.push(sent.await.map_err(no_space)?.sequence);
                }
                let message = PublishMessage::build().payload(serde_json::to_vec(&info)?.into());
                is_named = true;
                write_first(&jetstream, meta, message).await
            };
            let stored = stored.await;
            // Where no answer came, they may be named.
            if stored.as_ref().map_or_else(|error| !is_named || is_full(error), |first| !first) {
                for piece in pieces {
                    // What stays is of no use, and goes with its age.
                    let _ = objects.delete_message(piece).await;
                }
            }
            stored
        })
    }

    /// Takes the outcome of a plan away, message by message: what is purged by its subject NATS goes on counting as used, at least up to
    /// version 2.9.10 (`findings/nats-purge-gives-nothing-back.sh`).
    fn forget(&self, id: &str) -> Result<()> {
        let (objects, meta, bucket) = (self.objects.clone(), self.meta(id), self.name.clone());
        self.wait(async move {
            let Some((sequence, info)) = first(&objects, &meta).await? else { return Ok(()) };
            objects.delete_message(sequence).await?;
            let Ok(ObjectInfo { nuid, .. }) = serde_json::from_slice(&info) else { return Ok(()) };
            let pieces = format!("$O.{bucket}.C.{nuid}");
            while let Some((sequence, _)) = first(&objects, &pieces).await? {
                objects.delete_message(sequence).await?;
            }
            Ok(())
        })
    }

    /// What was last said of a plan, and a number that is another with each report.
    fn report(&self, id: &str) -> Result<Option<(u64, Report)>> {
        let (reports, subject) = (self.reports.clone(), self.subject("reports", id));
        let report = self.wait(async move { first(&reports, &subject).await })?;
        Ok(report.and_then(|(sequence, bytes)| Some((sequence, Report::read(&bytes)?))))
    }

    /// Says how far a plan is.
    fn tell(&self, id: &str, report: &Report) -> Result<()> {
        let (jetstream, subject, report) = (self.jetstream(), self.subject("reports", id), serde_json::to_vec(report)?);
        self.wait(async move {
            jetstream.publish(subject, report.into()).await.map_err(no_space)?.await.map_err(no_space)?;
            Ok(())
        })
    }

    /// Takes the report of a plan away.
    fn untell(&self, id: &str) -> Result<()> {
        let (reports, subject) = (self.reports.clone(), self.subject("reports", id));
        self.wait(async move {
            if let Some((sequence, _)) = first(&reports, &subject).await? {
                reports.delete_message(sequence).await?;
            }
            Ok(())
        })
    }

    /// Waits a moment for a plan that no other worker has.
    fn take(&self) -> Result<Option<Taken>> {
        let (workers, prefix) = (self.workers.clone(), self.subject("plans", ""));
        self.wait(async move {
            let mut batch = workers.batch().max_messages(1).expires(TAKE_LIMIT).messages().await?;
            let Some(message) = batch.next().await else { return Ok(None) };
            let message = match message {
                Ok(message) => message,
                Err(error) => bail!("NATS gives no plan ({error})"),
            };
            let id = message.subject.strip_prefix(&prefix).context("a plan has no name")?.to_owned();
            Ok(Some(Taken { message, id }))
        })
    }
}

/// Stores a message where its subject has none; whether it did.
async fn write_first(jetstream: &Context, subject: String, message: PublishMessage) -> Result<bool> {
    let message = message.expected_last_subject_sequence(0);
    match jetstream.send_publish(subject, message).await.map_err(no_space)?.await {
        Ok(stored) => Ok(!stored.duplicate),
        Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
        Err(error) => Err(no_space(error)),
    }
}

/// The first message of a subject, which mostly has one, and its number. Where the last was deleted, a server of version 2.9.10 knows no
/// last (`findings/nats-last-of-a-subject.sh`).
async fn first(stream: &Stream, subject: &str) -> Result<Option<(u64, Bytes)>> {
    match stream.get_first_raw_message_by_subject(subject, 1).await {
        Ok(message) => Ok(Some((message.sequence, message.payload))),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
