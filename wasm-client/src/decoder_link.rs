//! Sound files are decoded in workers of their own: what a hostile file does to a decoder (a panic, all the memory
//! there is, no end) ends that worker, and the file is refused. The tab loses nothing.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use client::FailureCode;
use gloo_timers::future::TimeoutFuture;
use js_sys::{ArrayBuffer, Float32Array, Object, Reflect};
use speech::{Decoded, SAMPLE_RATE, Sound};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::failure::{Failure, set};
use crate::worker_link::{NoAnswer, WorkerEvent, WorkerLink};

/// How long a decoder may be idle that is one too many or holds more than [`LITTLE`] memory.
const IDLE_MS: u32 = 30_000;

/// Bytes of memory with which one decoder stays for good. It has them after files of some seconds; so those are read
/// at any time, also while the server is away from which another decoder would have to come.
const LITTLE: f64 = (32 << 20) as f64;

/// The decoders that wait for a file: one for each that was wanted at once, mostly one.
#[derive(Default)]
pub struct Decoders {
    idle: Rc<RefCell<Vec<Decoder>>>,
    rests: Cell<u32>,
}

/// A worker with one file at a time, so that a crash is that file's.
struct Decoder {
    link: WorkerLink,
    state: Rc<State>,
    /// Which of all the rests that decoders have had is its latest.
    rest: u32,
}

/// What a decoder has said of itself.
#[derive(Default)]
struct State {
    arrived: Cell<bool>,
    /// Bytes that it holds.
    memory: Cell<f64>,
}

impl Decoders {
    /// Decodes a file. Its bytes change hands.
    ///
    /// # Errors
    /// The codes of sounds, `damaged` also where the file ended the decoder, or the decoder came to no end with
    /// it; `no_decoder` where the decoder's program can't be had.
    pub async fn decode(&self, name: &str, bytes: &ArrayBuffer) -> Result<Decoded, Failure> {
        let idle = self.idle.borrow_mut().pop();
        let decoder = idle.map_or_else(Decoder::start, Ok)?;
        let limit = speech::longest_decoding(bytes.byte_length() as usize);
        let job = Object::new();
        set(&job, "name", &name.into());
        set(&job, "bytes", bytes);
        // Wherever this returns early the decoder is dropped, and with it its worker.
        let answer = match unless(decoder.has_worked(limit), decoder.link.ask(&job)).await {
            None => return Err(damaged("the decoder comes to no end with it")),
            Some(Err(NoAnswer::Crashed(_))) if decoder.state.arrived.get() => {
                return Err(damaged("the decoder can't make sense of it"));
            }
            Some(Err(NoAnswer::Crashed(message))) => return Err(Failure::new(FailureCode::NoDecoder, message)),
            Some(Err(NoAnswer::Refused { code, message })) => {
                let known = FailureCode::OF_SOUND.into_iter().find(|known| known.name() == code);
                Err(Failure::new(known.unwrap_or(FailureCode::NoDecoder), message))
            }
            Some(Ok(answer)) => Ok(answer),
        };
        self.let_rest(decoder);
        let answer = answer?;
        let field = |name: &str| Reflect::get(&answer, &name.into()).unwrap_or_default();
        let Ok(samples) = field("samples").dyn_into::<Float32Array>() else {
            return Err(Failure::new(FailureCode::NoDecoder, "The decoder is of another version: reload the page."));
        };
        let notices = serde_wasm_bindgen::from_value(field("notices")).unwrap_or_default();
        Ok(Decoded { sound: Sound::from_pcm(&samples.to_vec(), 1, SAMPLE_RATE)?, notices })
    }

    /// Keeps a decoder for the next file, for good or for a while.
    fn let_rest(&self, mut decoder: Decoder) {
        let rest = self.rests.get().wrapping_add(1);
        self.rests.set(rest);
        decoder.rest = rest;
        if decoder.state.memory.get() > LITTLE || !self.idle.borrow().is_empty() {
            let idle = Rc::clone(&self.idle);
            spawn_local(async move {
                TimeoutFuture::new(IDLE_MS).await;
                // One that has read a file meanwhile has another rest.
                idle.borrow_mut().retain(|decoder| decoder.rest != rest);
            });
        }
        self.idle.borrow_mut().push(decoder);
    }
}

impl Decoder {
    fn start() -> Result<Self, Failure> {
        let state = Rc::<State>::default();
        let heard = Rc::clone(&state);
        let listener = move |event| match event {
            WorkerEvent::Ready => heard.arrived.set(true),
            WorkerEvent::Progress(memory) => heard.memory.set(memory.as_f64().unwrap_or_default()),
            WorkerEvent::Crashed(_) => {}
        };
        let link = WorkerLink::start("/js/worker/decoder.js", Rc::new(listener));
        Ok(Self { link: link.map_err(|error| Failure::from_browser(FailureCode::NoDecoder, &error))?, state, rest: 0 })
    }

    /// Returns when it has worked for so long. Its way here does not count; nor, since seconds are counted one by one,
    /// does the time in which the laptop sleeps.
    async fn has_worked(&self, limit: Duration) {
        let mut seconds = 0;
        while seconds < limit.as_secs() {
            TimeoutFuture::new(1_000).await;
            seconds += u64::from(self.state.arrived.get());
        }
    }
}

fn damaged(why: &str) -> Failure {
    Failure::new(FailureCode::Damaged, format!("This file is damaged: {why}."))
}

/// What `wanted` comes to; None where `end` is there first.
async fn unless<T>(end: impl Future<Output = ()>, wanted: impl Future<Output = T>) -> Option<T> {
    let (mut end, mut wanted) = (pin!(end), pin!(wanted));
    poll_fn(|context| match wanted.as_mut().poll(context) {
        Poll::Ready(wanted) => Poll::Ready(Some(wanted)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}
