//! What outlives a reload: seats and their clips, in IndexedDB. Knows no rule of the rounds and no page.
//!
//! A *seat* is one participant's place in one room in this browser: its identity and its clips. Two tabs are
//! two seats.

use idb::{
    Database, DatabaseEvent, Factory, IndexParams, KeyPath, KeyRange, ObjectStoreParams, Query, Transaction,
    TransactionMode,
};
use js_sys::{Float32Array, Int8Array, Uint8Array};
use serde::{Deserialize, Serialize};
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

use crate::failure::Failure;

const DATABASE: &str = "chorus";
const VERSION: u32 = 1;
const SEATS: &str = "seats";
const CLIPS: &str = "clips";
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

/// One stored clip with everything that was computed from it.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredClip {
    /// When it was added: microseconds since 1970, the last three digits random, so that two tabs never meet.
    pub id: f64,
    /// The seat that it belongs to.
    pub seat: String,
    /// File name or a name made for a recording.
    pub name: String,
    /// The label's name in the room.
    pub label: String,
    /// Length in seconds.
    pub seconds: f64,
    /// Whether a program made this voice.
    pub made_up: bool,
    /// Whether the person added it because the model was wrong about it.
    #[serde(default)]
    pub corrected: bool,
    /// The sound as a 16-bit WAV file.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub wav: Uint8Array,
    /// What networks see: 100 × 60 features, zero-padded, not standardised, of the clip at its own speed and then at
    /// others. Made anew from the sound where an older version of this page stored something else.
    #[serde(with = "serde_wasm_bindgen::preserve", default = "Float32Array::default")]
    pub inputs: Float32Array,
    /// The real frames of each of them.
    #[serde(default)]
    pub input_frames: Vec<u32>,
    /// Columns of the small spectrogram.
    pub columns: u32,
    /// Bands of the small spectrogram.
    pub bands: u32,
    /// The small spectrogram, 0 to 255, column after column, each from the lowest band to the highest.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub pixels: Uint8Array,
    /// The waveform of the small picture: the lowest and the highest sample of each column, −127 to 127 for the clip's own
    /// peak.
    #[serde(with = "serde_wasm_bindgen::preserve", default = "Int8Array::default")]
    pub waveform: Int8Array,
    /// How good the recording is.
    #[serde(default)]
    pub quality: Option<speech::Quality>,
    /// CRC-32 of the sound, by which the same sound is known again.
    pub digest: u32,
    /// Whether the person deleted it; it is kept until the room is opened again, so that it can come back.
    pub removed: bool,
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
    Failure::new("storage", format!("This browser could not store or read clips: {words}"))
}

fn full() -> Failure {
    Failure::new(
        "storage_full",
        "This browser has no room left for more clips. Delete some clips or free space on this device.",
    )
}

/// Commits, and hears of a browser that takes back at the last moment what it had accepted.
async fn commit(transaction: Transaction) -> Result<(), Failure> {
    let result = transaction.commit().map_err(failure)?.await.map_err(failure)?;
    if result.is_committed() { Ok(()) } else { Err(full()) }
}

fn to_js<T: Serialize>(value: &T) -> Result<JsValue, Failure> {
    value.serialize(&Serializer::json_compatible()).map_err(|error| Failure::new("storage", error.to_string()))
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
            for (store, index, key) in [(SEATS, BY_ROOM, "room"), (CLIPS, BY_SEAT, "seat")] {
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

    /// The clips of a seat in the order of adding.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn clips(&self, seat: &str) -> Result<Vec<StoredClip>, Failure> {
        let mut clips: Vec<StoredClip> = self.read(CLIPS, BY_SEAT, seat).await?;
        clips.sort_by(|a, b| a.id.total_cmp(&b.id));
        Ok(clips)
    }

    /// Stores a seat, or its new state.
    ///
    /// # Errors
    /// Where the browser refuses.
    pub async fn put_seat(&self, seat: &Seat) -> Result<(), Failure> {
        self.put(SEATS, &to_js(seat)?).await
    }

    /// Stores a clip, or its new state.
    ///
    /// # Errors
    /// `storage_full`, or where the browser refuses.
    pub async fn put_clip(&self, clip: &StoredClip) -> Result<(), Failure> {
        self.put(CLIPS, &to_js(clip)?).await
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
