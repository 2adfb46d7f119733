//! Sound as the page gives it, and what it is told of a recording that is no clip yet.

use client::FailureCode;
use js_sys::{Float32Array, Object, Uint8Array};
use speech::{Decoded, Notice, Sound, SoundError};
use wasm_bindgen::JsValue;

use crate::failure::{Failure, set};
use crate::page::to_js;

/// Sound that the browser decoded or recorded; samples interleaved.
///
/// # Errors
/// As [`Decoded::from_pcm`].
pub fn from_pcm(samples: &Float32Array, channels: u16, rate: u32) -> Result<Decoded, SoundError> {
    Decoded::from_pcm(&samples.to_vec(), channels, rate)
}

/// What there is to know of how a sound was read, as the page is told it: objects with a `kind`.
///
/// # Errors
/// Never, in practice: the notices are plain data.
pub fn notices(notices: &[Notice]) -> Result<JsValue, Failure> {
    to_js(notices, FailureCode::Quality)
}

/// A sound as a WAV file, in the field `wav`.
pub(crate) fn to_wav(sound: &Sound) -> JsValue {
    let answer = Object::new();
    set(&answer, "wav", &Uint8Array::from(sound.to_wav().as_slice()));
    answer.into()
}

/// What the page is told of a recording's quality: `complaints`, the worst first.
///
/// # Errors
/// Never, in practice: the words are plain data.
pub(crate) fn quality(sound: &Sound) -> Result<JsValue, Failure> {
    let answer = Object::new();
    set(&answer, "complaints", &to_js(&speech::quality(sound).complaints(), FailureCode::Quality)?);
    Ok(answer.into())
}
