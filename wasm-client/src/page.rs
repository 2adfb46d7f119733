//! The worker's place in the browser: its page, which hears what is posted, its clock and its address. Knows nothing of
//! what is said.

use client::FailureCode;
use js_sys::Object;
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;
use web_sys::DedicatedWorkerGlobalScope;

use crate::failure::{Failure, set};

/// How much a notice matters.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Info,
    Warning,
    Error,
}

#[derive(Serialize)]
struct NoticeEvent<'a> {
    r#type: &'static str,
    level: Level,
    code: &'a str,
    /// What it tells of, where that changes: one notice takes the place of another of its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    message: &'a str,
}

/// The worker's global scope.
///
/// # Errors
/// Where this is no worker.
pub(crate) fn scope() -> Result<DedicatedWorkerGlobalScope, Failure> {
    let scope = js_sys::global().dyn_into();
    scope.map_err(|_| Failure::new(FailureCode::Worker, "This must run in a worker."))
}

/// The address of this page's aggregator.
///
/// # Errors
/// Where this is no worker.
pub(crate) fn origin() -> Result<String, Failure> {
    Ok(scope()?.location().origin())
}

/// Milliseconds since the worker began; it never goes back.
pub fn now() -> f64 {
    scope().ok().and_then(|scope| scope.performance()).map_or(0.0, |performance| performance.now())
}

/// A value as plain objects, as the page takes them.
///
/// # Errors
/// With this code, where the browser cannot take it.
pub(crate) fn to_js<T: Serialize + ?Sized>(value: &T, code: FailureCode) -> Result<JsValue, Failure> {
    value.serialize(&Serializer::json_compatible()).map_err(|error| Failure::new(code, error.to_string()))
}

/// Says something to the page that it has not asked for.
pub(crate) fn post<T: Serialize>(event: &T) {
    if let (Ok(scope), Ok(event)) = (scope(), event.serialize(&Serializer::json_compatible())) {
        // A page that is closing takes no messages, and nothing is left to tell it.
        let _ = scope.post_message(&event);
    }
}

/// Tells the person something.
pub(crate) fn notice(level: Level, code: &str, message: &str) {
    post(&NoticeEvent { r#type: "notice", level, code, reason: None, message });
}

/// Tells the person what the participant was told last, or that it is over.
pub(crate) fn notice_of_round(told: Option<&federation::Notice>) {
    let level = if told.is_none() { Level::Info } else { Level::Warning };
    let reason = told.map(|told| told.code.name());
    let message = told.map_or("", |told| told.message.as_str());
    post(&NoticeEvent { r#type: "notice", level, code: "round", reason, message });
}

/// Tells the person of a failure of something that nobody waits for.
pub(crate) fn tell(level: Level, failure: &Failure) {
    notice(level, failure.code.name(), &failure.message);
}

/// Tells the page that this worker is at its end.
pub fn crashed(message: &str) {
    let event = Object::new();
    set(&event, "type", &"crashed".into());
    set(&event, "message", &message.into());
    if let Ok(scope) = scope() {
        // As in `post`.
        let _ = scope.post_message(&event);
    }
}
