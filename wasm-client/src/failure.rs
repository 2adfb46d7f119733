//! What went wrong, as the page gets it: a code that it can act on and words that a person can read.

use client::archive::ArchiveError;
use client::{ClipError, FailureCode, NoMadeUpVoice};
use js_sys::{Object, Reflect};
use speech::SoundError;
use wasm_bindgen::prelude::*;

/// A refusal with a code for the page and a message for the person.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The page has words for it in every language.
    pub code: FailureCode,
    /// What happened and what to do.
    pub message: String,
}

impl Failure {
    /// A failure with the given code and words.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A failure of the browser itself, told with its own words.
    pub fn from_browser(code: FailureCode, error: &JsValue) -> Self {
        Self::new(code, words_of(error))
    }
}

/// Sets a property of a fresh plain object, which cannot fail.
pub fn set(object: &Object, field: &str, value: &JsValue) {
    let _ = Reflect::set(object, &field.into(), value);
}

/// The words of anything that JavaScript may throw.
pub fn words_of(error: &JsValue) -> String {
    if let Some(text) = error.as_string() {
        return text;
    }
    Reflect::get(error, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .unwrap_or_else(|| format!("{error:?}"))
}

impl From<Failure> for JsValue {
    // Every command may fail: inlined, this would be in the program many times.
    #[inline(never)]
    fn from(failure: Failure) -> Self {
        let object = Object::new();
        set(&object, "code", &failure.code.name().into());
        set(&object, "message", &failure.message.into());
        object.into()
    }
}

impl From<SoundError> for Failure {
    fn from(error: SoundError) -> Self {
        Self::new(FailureCode::from(&error), error.to_string())
    }
}

impl From<ClipError> for Failure {
    fn from(error: ClipError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<NoMadeUpVoice> for Failure {
    fn from(error: NoMadeUpVoice) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
