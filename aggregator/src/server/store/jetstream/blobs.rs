//! What is long, in a stream: a blob is the messages of one subject, each a piece of it, and whoever names a blob says how many there
//! are, which, and their checksum. A blob has a name that no other ever has, so that nobody can write over what another one has named.
//!
//! It is not JetStream's object store, which waits for each piece before it sends the next, and leaves a message behind for each
//! object that was deleted: a room deletes one with every round.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{self, DiscardPolicy, LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream as streams};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::nats::{kept, no_space};

/// Bytes of a piece; a message of NATS has 1 MiB at most, unless its server allows more.
const PIECE: usize = 512 * 1024;
/// Pieces that are asked for at a time.
const ASKED: usize = 8;
/// Pieces that are on their way to be stored at a time: what a slow line has not taken yet must not pile up here.
const UNDER_WAY: usize = 4;
/// How long NATS may take for a piece, with those before it on a slow line.
const PIECE_LIMIT: Duration = Duration::from_secs(10);

/// A blob, as who stored it names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blob {
    /// Under which room, and which of its blobs.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// CRC-32 of all of it.
    pub checksum: u32,
    /// The stream's numbers of its pieces.
    pub pieces: Vec<u64>,
}

/// The stream.
#[derive(Clone)]
pub struct Blobs {
    jetstream: Context,
    stream: Stream,
    prefix: String,
}

impl Blobs {
    /// Those of a cluster, made where they are missing.
    ///
    /// # Errors
    /// They cannot be.
    pub async fn open(jetstream: &Context, cluster: &str, replicas: usize) -> Result<Self> {
        let config = stream::Config {
            name: format!("{cluster}_blobs"),
            description: Some("Models and facts of Chorus' rooms".to_owned()),
            subjects: vec![format!("{cluster}.blobs.>")],
            discard: DiscardPolicy::New,
            num_replicas: replicas,
            allow_direct: true,
            ..Default::default()
        };
        let stream = kept(jetstream.get_or_create_stream(config).await, replicas)?;
        let mut jetstream = jetstream.clone();
        jetstream.set_timeout(PIECE_LIMIT);
        Ok(Self { jetstream, stream, prefix: format!("{cluster}.blobs") })
    }

    /// Stores `parts`, one after the other, as one blob.
    ///
    /// # Errors
    /// It is not known to be stored.
    pub async fn put(&self, name: String, parts: &[Bytes]) -> Result<Blob> {
        let subject = format!("{}.{name}", self.prefix);
        let mut sum = crc32fast::Hasher::new();
        let mut wanted = Vec::new();
        for part in parts {
            sum.update(part);
            let starts = (0..part.len()).step_by(PIECE);
            wanted.extend(starts.map(|start| part.slice(start..part.len().min(start + PIECE))));
        }
        let stored = streams::iter(wanted).map(|piece| async {
            let on_its_way = self.jetstream.publish(subject.clone(), piece).await.map_err(no_space)?;
            Ok::<_, anyhow::Error>(on_its_way.await.map_err(no_space)?.sequence)
        });
        let pieces = stored.buffered(UNDER_WAY).try_collect().await?;
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        Ok(Blob { name, bytes, checksum: sum.finalize(), pieces })
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// It is not there, or damaged.
    pub async fn get(&self, blob: &Blob) -> Result<Vec<u8>> {
        let subject = format!("{}.{}", self.prefix, blob.name);
        let pieces = streams::iter(blob.pieces.clone()).map(|number| async move {
            let (of, payload) = match self.stream.direct_get(number).await {
                Ok(message) => (message.subject, message.payload),
                // Any server may answer this, also one that does not have it yet. The leader has it.
                Err(_) => {
                    let message = self.stream.get_raw_message(number).await;
                    let message = message.with_context(|| format!("blob {} is not stored any more", blob.name))?;
                    (message.subject, message.payload)
                }
            };
            Ok::<_, anyhow::Error>((of, payload))
        });
        let mut pieces = pieces.buffered(ASKED);
        // A length that is read is not believed before there is as much.
        let mut all = Vec::new();
        while let Some((of, piece)) = pieces.try_next().await? {
            ensure!(of.as_str() == subject, "a piece of blob {} is another's", blob.name);
            all.extend_from_slice(&piece);
        }
        let is_whole = all.len() as u64 == blob.bytes && crc32fast::hash(&all) == blob.checksum;
        ensure!(is_whole, "blob {} is damaged: its checksum is not the one that was noted", blob.name);
        Ok(all)
    }

    /// Deletes a blob, piece by piece: what NATS purges by its subject it goes on counting as used, at least up to version 2.9.10
    /// (`findings/nats-purge-gives-nothing-back.sh`), until it takes no more.
    ///
    /// # Errors
    /// It is not known to be deleted.
    pub async fn delete(&self, blob: &Blob) -> Result<()> {
        for piece in &blob.pieces {
            self.delete_piece(*piece).await?;
        }
        Ok(())
    }

    /// Deletes a blob of which nobody knows the pieces.
    ///
    /// # Errors
    /// It is not known to be deleted.
    pub async fn delete_stray(&self, name: &str) -> Result<()> {
        let subject = format!("{}.{name}", self.prefix);
        loop {
            match self.stream.get_first_raw_message_by_subject(&subject, 1).await {
                Ok(piece) => self.delete_piece(piece.sequence).await?,
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn delete_piece(&self, number: u64) -> Result<()> {
        let api = format!("STREAM.MSG.DELETE.{}", self.stream.cached_info().config.name);
        // One that is gone already is what was wanted.
        let _: serde_json::Value = self.jetstream.request(api, &json!({ "seq": number, "no_erase": true })).await?;
        Ok(())
    }

    /// The names of all blobs of a room.
    ///
    /// # Errors
    /// They cannot be listed.
    pub async fn names(&self, room: &str) -> Result<Vec<String>> {
        let mut subjects = self.stream.info_with_subjects(format!("{}.{room}.>", self.prefix)).await?;
        let mut names = Vec::new();
        while let Some((subject, _)) = subjects.try_next().await? {
            names.extend(subject.strip_prefix(&format!("{}.", self.prefix)).map(str::to_owned));
        }
        Ok(names)
    }
}
