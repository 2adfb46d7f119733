//! Sound files are decoded in workers of their own: what a hostile file does to a decoder (a panic, all the memory
//! there is) ends that worker, and the file is refused. The tab loses nothing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{ArrayBuffer, Float32Array, Object};
use speech::{SAMPLE_RATE, Sound};
use wasm_bindgen::prelude::*;

use crate::clips::{SOUND_CODES, failure_of};
use crate::failure::{Failure, set};
use crate::worker_link::{NoAnswer, WorkerEvent, WorkerLink};

/// The decoders that wait for a file: one for each that was wanted at once, mostly one.
#[derive(Default)]
pub struct Decoders {
    idle: RefCell<Vec<Decoder>>,
}

/// A worker with one file at a time, so that a crash is that file's.
struct Decoder {
    link: WorkerLink,
    arrived: Rc<Cell<bool>>,
}

impl Decoders {
    /// Decodes a file. Its bytes change hands.
    ///
    /// # Errors
    /// The codes of [`failure_of`], `damaged` also where the file ended the decoder; `no_decoder` where the decoder's
    /// program can't be had.
    pub async fn decode(&self, name: &str, bytes: &ArrayBuffer) -> Result<Sound, Failure> {
        let idle = self.idle.borrow_mut().pop();
        let decoder = idle.map_or_else(Decoder::start, Ok)?;
        let job = Object::new();
        set(&job, "name", &name.into());
        set(&job, "bytes", bytes);
        let answer = decoder.link.ask(&job).await;
        let answer = match answer {
            Ok(samples) => Ok(samples),
            Err(NoAnswer::Refused { code, message }) => {
                Err(Failure::new(SOUND_CODES.into_iter().find(|known| *known == code).unwrap_or("no_decoder"), message))
            }
            // The decoder is dropped, and with it its worker.
            Err(NoAnswer::Crashed(_)) if decoder.arrived.get() => {
                return Err(Failure::new("damaged", "This file is damaged: the decoder can't make sense of it."));
            }
            Err(NoAnswer::Crashed(message)) => return Err(Failure::new("no_decoder", message)),
        };
        self.idle.borrow_mut().push(decoder);
        let samples = answer?.unchecked_into::<Float32Array>().to_vec();
        Sound::from_pcm(&samples, 1, SAMPLE_RATE).map_err(|error| failure_of(&error))
    }
}

impl Decoder {
    fn start() -> Result<Self, Failure> {
        let arrived = Rc::new(Cell::new(false));
        let heard = Rc::clone(&arrived);
        let listener = move |event| {
            if let WorkerEvent::Ready = event {
                heard.set(true);
            }
        };
        let link = WorkerLink::start("/js/worker/decoder.js", Rc::new(listener));
        Ok(Self { link: link.map_err(|error| Failure::from_browser("no_decoder", &error))?, arrived })
    }
}
