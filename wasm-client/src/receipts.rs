//! What leaves this tab, as the page is told of it: [`client::Receipts`] hold it, [`VoiceSearch`] looks for the person's
//! own voice in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use client::{FailureCode, Receipts, StoredReceipt, VoiceSearch};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Object, Uint8Array};
use protocol::{ClientMessage, Encoding};
use serde::Serialize;
use text::Transcript;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::app::App;
use crate::failure::{Failure, set};
use crate::page::{Level, post, tell, to_js};

/// How long after they were stored receipts are stored again, ms.
const STORE_EVERY_MS: u32 = 250;

/// The receipts of this tab's seat.
#[derive(Default)]
pub(crate) struct Sent {
    receipts: RefCell<Receipts>,
    /// Whether they are being stored, or cannot be.
    storing: Cell<bool>,
}

#[derive(Serialize)]
struct SearchingEvent {
    r#type: &'static str,
    fraction: f64,
}

impl Sent {
    /// Goes on from those that are stored with the seat.
    pub(crate) fn open(&self, stored: Vec<StoredReceipt>) {
        self.receipts.replace(Receipts::restored(stored));
    }

    /// Everything that was sent, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.receipts.borrow().told().sent_bytes
    }

    /// A message that is given to the socket as `text`.
    pub(crate) fn message(&self, message: &ClientMessage, text: &str) {
        self.receipts.borrow_mut().message(js_sys::Date::now(), message, text);
    }

    /// A binary frame that is given to the socket; without an encoding, of masked numbers.
    pub(crate) fn frame(&self, frame: &Bytes, encoding: Option<Encoding>) {
        self.receipts.borrow_mut().frame(js_sys::Date::now(), frame, encoding);
    }

    /// All receipts, oldest first.
    pub(crate) fn told(&self) -> Result<JsValue, Failure> {
        to_js(&self.receipts.borrow().told(), FailureCode::Receipts)
    }
}

impl App {
    /// Stores with the seat what was sent since the last time, and a moment later what came meanwhile.
    pub(crate) fn store_receipts(self: &Rc<Self>) {
        if self.sent.storing.replace(true) {
            return;
        }
        let app = Rc::clone(self);
        spawn_local(async move {
            loop {
                let changes = app.sent.receipts.borrow_mut().changes();
                let Some(changes) = changes else { break };
                if let Err(failure) = app.seat.put_receipts(changes, app.connection.bytes().received).await {
                    // They are whole as long as this tab lives, and the person is told once.
                    return tell(Level::Warning, &failure);
                }
                TimeoutFuture::new(STORE_EVERY_MS).await;
            }
            app.sent.storing.set(false);
        });
    }

    /// A picture of an update's values, if all of its frames are still here.
    pub(crate) fn receipt_picture(&self, number: u32) -> JsValue {
        let answer = Object::new();
        let encoding = self.encoding().unwrap_or(Encoding::F32);
        if let Some(picture) = self.sent.receipts.borrow().picture(number, encoding) {
            set(&answer, "columns", &(picture.columns as u32).into());
            set(&answer, "rows", &(picture.rows as u32).into());
            set(&answer, "pixels", &Uint8Array::from(picture.pixels.as_slice()));
        }
        answer.into()
    }

    /// Looks for the sound and the features of every clip, and for what is said in it, in what was sent.
    pub(crate) async fn search_voice(self: &Rc<Self>) -> Result<JsValue, Failure> {
        let clips: Vec<_> = self.clips.read(|clips| clips.all().iter().map(|clip| Arc::clone(&clip.sound)).collect());
        let texts: BTreeSet<Transcript> =
            self.clips.read(|clips| clips.all().iter().filter_map(|clip| clip.transcript.clone()).collect());
        let standardisation = self.shared.hearing().map(|hearing| hearing.scale().clone());
        let voice = clips.iter().map(|clip| &**clip);
        let mut search = VoiceSearch::new(&self.sent.receipts.borrow(), voice, &texts, standardisation);
        search.look_for_texts(&texts);
        for (index, clip) in clips.iter().enumerate() {
            search.look_for(clip);
            post(&SearchingEvent { r#type: "searching", fraction: (index + 1) as f64 / clips.len() as f64 });
            // The connection must go on meanwhile.
            TimeoutFuture::new(0).await;
        }
        to_js(&search.finish(), FailureCode::Receipts)
    }
}
