//! What this browser keeps of rooms, for a page that is in none: a room may be over, and its recordings are still here.

use client::{Clip, FailureCode, archive};
use js_sys::{Object, Uint8Array};
use serde::Serialize;
use text::Transcript;
use wasm_bindgen::JsValue;

use crate::failure::{Failure, set};
use crate::holding;
use crate::page::to_js;
use crate::storage::Storage;

/// A seat that has clips.
#[derive(Serialize)]
struct KeptSeat {
    seat: String,
    room: String,
    name: Option<String>,
    clips: usize,
    /// When it was last opened: milliseconds since 1970.
    opened_at: f64,
    /// Whether a tab is in its room with it just now.
    open: bool,
}

/// One of its clips.
#[derive(Serialize)]
struct KeptClip {
    clip: f64,
    label: String,
    seconds: f64,
    made_up: bool,
    transcript: Option<Transcript>,
}

/// The clips of a seat that nobody has deleted.
async fn listed(storage: &Storage, seat: &str) -> Result<Vec<Clip>, Failure> {
    Ok(storage.clips(seat).await?.into_iter().filter(|clip| !clip.removed).collect())
}

/// All seats that have clips, the one used last first.
pub(crate) async fn seats() -> Result<JsValue, Failure> {
    let storage = Storage::open().await?;
    let mut kept = Vec::new();
    // No room's code is empty: these are the seats of all.
    for (seat, _) in storage.seats_elsewhere("").await? {
        let clips = listed(&storage, &seat.id).await?.len();
        if clips > 0 {
            let open = holding::is_held(&seat.id).await;
            kept.push(KeptSeat {
                seat: seat.id,
                room: seat.room,
                name: seat.name,
                clips,
                opened_at: seat.opened_at,
                open,
            });
        }
    }
    let answer = Object::new();
    set(&answer, "seats", &to_js(&kept, FailureCode::Storage)?);
    Ok(answer.into())
}

/// The clips of a seat.
pub(crate) async fn clips(seat: &str) -> Result<JsValue, Failure> {
    let clips = listed(&Storage::open().await?, seat).await?;
    let clips = clips.into_iter().map(|Clip { id: clip, label, seconds, made_up, transcript, .. }| KeptClip {
        clip,
        label,
        seconds,
        made_up,
        transcript,
    });
    let answer = Object::new();
    set(&answer, "clips", &to_js(&clips.collect::<Vec<_>>(), FailureCode::Storage)?);
    Ok(answer.into())
}

/// A clip's sound as a WAV file, in the field `wav`.
pub(crate) async fn sound(seat: &str, clip: f64) -> Result<JsValue, Failure> {
    let clips = listed(&Storage::open().await?, seat).await?;
    let gone = || Failure::new(FailureCode::NoClip, "This clip is gone.");
    let clip = clips.into_iter().find(|kept| kept.id == clip).ok_or_else(gone)?;
    let answer = Object::new();
    set(&answer, "wav", &Uint8Array::from(clip.sound.wav.as_slice()).buffer());
    Ok(answer.into())
}

/// All clips of a seat as one zip file.
pub(crate) async fn pack(seat: &str) -> Result<JsValue, Failure> {
    let clips = listed(&Storage::open().await?, seat).await?;
    let zip = archive::pack(clips.iter(), js_sys::Date::now() / 1e3)?;
    let answer = Object::new();
    set(&answer, "zip", &Uint8Array::from(zip.as_slice()));
    Ok(answer.into())
}

/// Deletes a seat with all that is kept with it, unless a tab is in its room with it. Answers whether it did.
pub(crate) async fn forget(seat: &str) -> Result<JsValue, Failure> {
    let forgotten = !holding::is_held(seat).await;
    if forgotten {
        Storage::open().await?.forget(seat).await?;
    }
    let answer = Object::new();
    set(&answer, "forgotten", &forgotten.into());
    Ok(answer.into())
}
