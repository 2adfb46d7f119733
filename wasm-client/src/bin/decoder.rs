//! The decoder: a worker of its own that reads sound files. It keeps nothing between files and may be lost with any.

use client::LONGEST_S;
use js_sys::{ArrayBuffer, Float32Array, Object, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_client::failure::{Failure, set};
use wasm_client::sounds;
use wasm_client::worker_link;

/// Bytes of a page of memory, as WebAssembly counts them.
const PAGE: usize = 64 << 10;

fn main() {
    worker_link::tell_of_panics();
}

/// The `samples` of a sound file, 16 kHz and mono, and the `notices` of how it was read. Whatever comes of it, the client is
/// told how much memory there is now, in bytes: a program's memory only grows.
///
/// # Errors
/// An object with a code of sounds and a message.
#[wasm_bindgen]
pub fn decode(name: &str, bytes: &ArrayBuffer) -> Result<JsValue, JsValue> {
    // Nothing longer becomes a clip.
    let decoded = speech::decode_up_to(&Uint8Array::new(bytes).to_vec(), Some(name), LONGEST_S as u32);
    let pages = core::arch::wasm32::memory_size::<0>();
    worker_link::tell_progress(&((pages * PAGE) as f64).into());
    let decoded = decoded.map_err(Failure::from)?;
    let answer = Object::new();
    set(&answer, "samples", &Float32Array::from(decoded.sound.samples()));
    set(&answer, "notices", &sounds::notices(&decoded.notices)?);
    Ok(answer.into())
}
