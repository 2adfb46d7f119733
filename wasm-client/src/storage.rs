//! What outlives a reload: seats, their clips and the receipts of what they sent, in IndexedDB. Knows no rule of the rounds and no page.
//!
//! A *seat* is one participant's place in one room in this browser: its identity and its clips. Two tabs are
//! two seats.

use std::sync::Arc;

use bytes::Bytes;
use client::{Clip, ClipSound, FailureCode, Receipt, ReceiptChanges, StoredReceipt};
use federation::MaskingMemory;
use idb::{
    Database, DatabaseEvent, Factory, IndexParams, KeyPath, KeyRange, ObjectStoreParams, Query, Transaction,
    TransactionMode,
};
use js_sys::{Float32Array, Int8Array, Uint8Array};
use protocol::Hex;
use serde::{Deserialize, Serialize};
use text::Transcript;
use wasm_bindgen::JsValue;

use crate::failure::Failure;
use crate::page::to_js;
use crate::preflight::Preflight;

const DATABASE: &str = "chorus";
const VERSION: u32 = 2;
const SEATS: &str = "seats";
const CLIPS: &str = "clips";
const RECEIPTS: &str = "receipts";
const BY_ROOM: &str = "by_room";
const BY_SEAT: &str = "by_seat";

/// One participant's place in one room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seat {
    /// Random name of this seat; it never leaves the browser.
    pub id: String,
    /// The room's code.
    pub room: String,
    /// The token that proves this identity to the aggregator, once it has given one.
    pub token: Option<String>,
    /// The nickname last chosen.
    pub name: Option<String>,
    /// Whether it takes part: a reload in mid-round goes on by itself.
    pub taking_part: bool,
    /// When it was last opened: milliseconds since 1970.
    pub opened_at: f64,
    /// The personal model, once one was made.
    #[serde(default)]
    pub personal: Option<Personal>,
    /// How the versions of the shared model did on this seat's held-back clips, in their order.
    #[serde(default)]
    pub own: Vec<(u32, OwnResult)>,
    /// The secret key by which the others of a masked room know this seat again. It never leaves the browser.
    #[serde(default)]
    pub masking_key: Option<Hex<32>>,
    /// What it remembers of its masked room.
    #[serde(default)]
    pub masking: MaskingMemory,
    /// How quick each way of computing is here, once that was measured.
    #[serde(default)]
    pub preflight: Option<Preflight>,
    /// The group of the room's that the person said to be in.
    #[serde(default)]
    pub group: Option<u32>,
}

/// How a version of the shared model did on one person's held-back clips.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OwnResult {
    /// Mean cross-entropy, nats.
    pub loss: f64,
    /// Share of the clips whose label was found, 0 to 1.
    pub accuracy: f64,
    /// How many clips there are.
    pub clips: u32,
}

impl Seat {
    /// A seat that nobody has taken.
    pub fn new(id: &str, room: &str) -> Self {
        Self {
            id: id.to_owned(),
            room: room.to_owned(),
            token: None,
            name: None,
            taking_part: false,
            opened_at: 0.0,
            personal: None,
            own: Vec::new(),
            masking_key: None,
            masking: MaskingMemory::default(),
            preflight: None,
            group: None,
        }
    }
}

/// A model that went on from the group's on this seat's clips alone. It never leaves the browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Personal {
    /// When it was made: milliseconds since 1970.
    pub made_at: f64,
    /// The shared version that it came from.
    pub version: u32,
    /// Epochs that it went on for.
    pub epochs: u32,
    /// The clips that it was trained on.
    pub trained_on: Vec<f64>,
    /// The network's name.
    pub architecture: String,
    /// The room's labels at that time.
    pub labels: Vec<String>,
    /// The statistics by which features are standardised.
    pub standardisation: models::Standardisation,
    /// Its parameters, in the order of the network's layout.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub parameters: Float32Array,
}

/// A [`Clip`] as it lies in the database. Rows of older versions of this page lack fields, or hold them in other shapes:
/// [`Clip::open`] sees to that.
#[derive(Serialize, Deserialize)]
struct StoredClip {
    id: f64,
    /// The seat that it belongs to.
    seat: String,
    name: String,
    label: String,
    seconds: f64,
    made_up: bool,
    #[serde(default)]
    corrected: bool,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    wav: Uint8Array,
    #[serde(with = "serde_wasm_bindgen::preserve", default = "Float32Array::default")]
    inputs: Float32Array,
    #[serde(default)]
    input_frames: Vec<u32>,
    columns: u32,
    bands: u32,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pixels: Uint8Array,
    #[serde(with = "serde_wasm_bindgen::preserve", default = "Int8Array::default")]
    waveform: Int8Array,
    #[serde(default)]
    quality: Option<speech::Quality>,
    digest: u32,
    #[serde(default)]
    transcript: Option<String>,
    removed: bool,
}

impl StoredClip {
    fn of(seat: &str, clip: &Clip) -> Self {
        let Clip { id, name, label, seconds, made_up, corrected, digest, transcript, removed, sound } = clip.clone();
        let ClipSound { wav, inputs, input_frames, columns, bands, pixels, waveform, quality } = &*sound;
        Self {
            id,
            seat: seat.to_owned(),
            name,
            label,
            seconds,
            made_up,
            corrected,
            wav: Uint8Array::from(wav.as_slice()),
            inputs: Float32Array::from(inputs.as_slice()),
            input_frames: input_frames.clone(),
            columns: *columns,
            bands: *bands,
            pixels: Uint8Array::from(pixels.as_slice()),
            waveform: Int8Array::from(waveform.as_slice()),
            quality: *quality,
            digest,
            transcript: transcript.map(String::from),
            removed,
        }
    }

    fn clip(self) -> Clip {
        let sound = ClipSound {
            wav: self.wav.to_vec(),
            inputs: self.inputs.to_vec(),
            input_frames: self.input_frames,
            columns: self.columns,
            bands: self.bands,
            pixels: self.pixels.to_vec(),
            waveform: self.waveform.to_vec(),
            quality: self.quality,
        };
        Clip {
            id: self.id,
            name: self.name,
            label: self.label,
            seconds: self.seconds,
            made_up: self.made_up,
            corrected: self.corrected,
            digest: self.digest,
            // One that is no good any more costs nobody the clip.
            transcript: self.transcript.and_then(|text| Transcript::new(&text).ok()),
            removed: self.removed,
            sound: Arc::new(sound),
        }
    }
}

/// A receipt as it lies in the database, with its bytes one piece after the other.
#[derive(Serialize, Deserialize)]
struct StoredRow {
    id: String,
    /// The seat that it belongs to.
    seat: String,
    receipt: Receipt,
    /// The lengths of the pieces.
    pieces: Vec<usize>,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    bytes: Uint8Array,
    sent_bytes: u64,
    received_bytes: u64,
}

impl StoredRow {
    fn key(seat: &str, number: u32) -> String {
        format!("{seat} {number}")
    }

    fn of(seat: &str, stored: StoredReceipt, received_bytes: u64) -> Self {
        let StoredReceipt { receipt, pieces, sent_bytes } = stored;
        Self {
            id: Self::key(seat, receipt.number),
            seat: seat.to_owned(),
            receipt,
            bytes: Uint8Array::from(pieces.concat().as_slice()),
            pieces: pieces.iter().map(Bytes::len).collect(),
            sent_bytes,
            received_bytes,
        }
    }

    fn receipt(self) -> StoredReceipt {
        let mut bytes = Bytes::from(self.bytes.to_vec());
        let pieces = self.pieces.iter().map(|&length| bytes.split_to(length.min(bytes.len()))).collect();
        StoredReceipt { receipt: self.receipt, pieces, sent_bytes: self.sent_bytes }
    }
}

/// The database of this browser.
pub struct Storage {
    database: Database,
}

fn failure(error: idb::Error) -> Failure {
    let words = error.to_string();
    // A browser says so of the quota, or, where it notices only in the midst of writing, of an abort: we never abort.
    if ["quota", "abort"].iter().any(|word| words.to_lowercase().contains(word)) {
        return full();
    }
    Failure::new(FailureCode::Storage, format!("This browser could not store or read clips: {words}"))
}

fn full() -> Failure {
    Failure::new(
        FailureCode::StorageFull,
        "This browser has no room left for more clips. Delete some clips or free space on this device.",
    )
}

/// Commits, and hears of a browser that takes back at the last moment what it had accepted.
async fn commit(transaction: Transaction) -> Result<(), Failure> {
    let result = transaction.commit().map_err(failure)?.await.map_err(failure)?;
    if result.is_committed() { Ok(()) } else { Err(full()) }
}

impl Storage {
    /// Opens the database, and makes its tables the first time.
    ///
    /// # Errors
    /// Where the browser has no storage for this page, as in some private windows.
    pub async fn open() -> Result<Self, Failure> {
        let factory = Factory::new().map_err(failure)?;
        let mut request = factory.open(DATABASE, Some(VERSION)).map_err(failure)?;
        request.on_upgrade_needed(|event| {
            // An error in here aborts the upgrade, and the request below then reports it.
            let Ok(database) = event.database() else { return };
            let there = database.store_names();
            for (store, index, key) in [(SEATS, BY_ROOM, "room"), (CLIPS, BY_SEAT, "seat"), (RECEIPTS, BY_SEAT, "seat")]
            {
                // A page of an older version has made some of them.
                if there.iter().any(|name| name == store) {
                    continue;
                }
                let mut params = ObjectStoreParams::new();
                params.key_path(Some(KeyPath::new_single("id")));
                let Ok(store) = database.create_object_store(store, params) else { return };
                let mut params = IndexParams::new();
                params.unique(false);
                if store.create_index(index, KeyPath::new_single(key), Some(params)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { database: request.await.map_err(failure)? })
    }

    /// The seats of a room, the one used last first.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn seats(&self, room: &str) -> Result<Vec<Seat>, Failure> {
        let mut seats: Vec<Seat> = self.read(SEATS, BY_ROOM, room).await?;
        seats.sort_by(|a, b| b.opened_at.total_cmp(&a.opened_at));
        Ok(seats)
    }

    /// The seats of all other rooms that have clips, the one used last first, with how many there are.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn seats_elsewhere(&self, room: &str) -> Result<Vec<(Seat, u32)>, Failure> {
        let stores = [SEATS, CLIPS];
        let transaction = self.database.transaction(&stores, TransactionMode::ReadOnly).map_err(failure)?;
        let store = transaction.object_store(SEATS).map_err(failure)?;
        let rows = store.get_all(None, None).map_err(failure)?.await.map_err(failure)?;
        let clips = transaction.object_store(CLIPS).and_then(|store| store.index(BY_SEAT)).map_err(failure)?;
        let mut found = Vec::new();
        for seat in rows.into_iter().filter_map(|row| serde_wasm_bindgen::from_value::<Seat>(row).ok()) {
            let only = KeyRange::only(&JsValue::from(seat.id.as_str())).map_err(failure)?;
            let count = clips.count(Some(Query::KeyRange(only))).map_err(failure)?.await.map_err(failure)?;
            if seat.room != room && count > 0 {
                found.push((seat, count));
            }
        }
        found.sort_by(|(a, _), (b, _)| b.opened_at.total_cmp(&a.opened_at));
        Ok(found)
    }

    /// The clips of a seat in the order of adding.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn clips(&self, seat: &str) -> Result<Vec<Clip>, Failure> {
        let stored: Vec<StoredClip> = self.read(CLIPS, BY_SEAT, seat).await?;
        let mut clips: Vec<Clip> = stored.into_iter().map(StoredClip::clip).collect();
        clips.sort_by(|a, b| a.id.total_cmp(&b.id));
        Ok(clips)
    }

    /// Stores a seat, or its new state.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn put_seat(&self, seat: &Seat) -> Result<(), Failure> {
        self.put(SEATS, &to_js(seat, FailureCode::Storage)?).await
    }

    /// Stores a clip of a seat, or its new state.
    ///
    /// # Errors
    /// `storage_full`, or where the browser refuses.
    pub async fn put_clip(&self, seat: &str, clip: &Clip) -> Result<(), Failure> {
        self.put(CLIPS, &to_js(&StoredClip::of(seat, clip), FailureCode::Storage)?).await
    }

    /// The receipts of what a seat has sent, in any order, and how many bytes it has received.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn receipts(&self, seat: &str) -> Result<(Vec<StoredReceipt>, u64), Failure> {
        let rows: Vec<StoredRow> = self.read(RECEIPTS, BY_SEAT, seat).await?;
        let received = rows.iter().map(|row| row.received_bytes).max().unwrap_or_default();
        Ok((rows.into_iter().map(StoredRow::receipt).collect(), received))
    }

    /// Stores what has changed of a seat's receipts.
    ///
    /// # Errors
    /// `storage_full`, or where the browser refuses.
    pub async fn put_receipts(&self, seat: &str, changes: ReceiptChanges, received: u64) -> Result<(), Failure> {
        let transaction = self.database.transaction(&[RECEIPTS], TransactionMode::ReadWrite).map_err(failure)?;
        let store = transaction.object_store(RECEIPTS).map_err(failure)?;
        for stored in changes.stored {
            let row = to_js(&StoredRow::of(seat, stored, received), FailureCode::Storage)?;
            store.put(&row, None).map_err(failure)?.await.map_err(failure)?;
        }
        for number in changes.gone {
            let key = JsValue::from(StoredRow::key(seat, number));
            store.delete(key).map_err(failure)?.await.map_err(failure)?;
        }
        commit(transaction).await
    }

    /// Deletes a clip for good.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn delete_clip(&self, id: f64) -> Result<(), Failure> {
        let transaction = self.database.transaction(&[CLIPS], TransactionMode::ReadWrite).map_err(failure)?;
        let store = transaction.object_store(CLIPS).map_err(failure)?;
        store.delete(JsValue::from(id)).map_err(failure)?.await.map_err(failure)?;
        commit(transaction).await
    }

    /// Deletes a seat with all that is kept with it.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn forget(&self, seat: &str) -> Result<(), Failure> {
        let stores = [SEATS, CLIPS, RECEIPTS];
        let transaction = self.database.transaction(&stores, TransactionMode::ReadWrite).map_err(failure)?;
        for name in [CLIPS, RECEIPTS] {
            let store = transaction.object_store(name).map_err(failure)?;
            let only = KeyRange::only(&JsValue::from(seat)).map_err(failure)?;
            let keys = store.index(BY_SEAT).and_then(|index| index.get_all_keys(Some(Query::KeyRange(only)), None));
            for key in keys.map_err(failure)?.await.map_err(failure)? {
                store.delete(key).map_err(failure)?.await.map_err(failure)?;
            }
        }
        let seats = transaction.object_store(SEATS).map_err(failure)?;
        seats.delete(JsValue::from(seat)).map_err(failure)?.await.map_err(failure)?;
        commit(transaction).await
    }

    async fn read<T: for<'de> Deserialize<'de>>(&self, store: &str, index: &str, key: &str) -> Result<Vec<T>, Failure> {
        let transaction = self.database.transaction(&[store], TransactionMode::ReadOnly).map_err(failure)?;
        let index = transaction.object_store(store).and_then(|store| store.index(index)).map_err(failure)?;
        let only = KeyRange::only(&JsValue::from(key)).map_err(failure)?;
        let rows = index.get_all(Some(Query::KeyRange(only)), None).map_err(failure)?.await.map_err(failure)?;
        // A row that an older or damaged version left is passed over; it must not lock a person out of the rest.
        Ok(rows.into_iter().filter_map(|row| serde_wasm_bindgen::from_value(row).ok()).collect())
    }

    async fn put(&self, store: &str, value: &JsValue) -> Result<(), Failure> {
        let transaction = self.database.transaction(&[store], TransactionMode::ReadWrite).map_err(failure)?;
        let store = transaction.object_store(store).map_err(failure)?;
        store.put(value, None).map_err(failure)?.await.map_err(failure)?;
        commit(transaction).await
    }
}
