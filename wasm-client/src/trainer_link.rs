//! The client's end of the line to its trainer: starts the worker when it is first wanted, pairs answers with
//! questions, and notices when it dies.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::{Array, ArrayBuffer, Object, Reflect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::failure::{Failure, set, words_of};
use crate::training::{Job, Progress};

/// What the trainer says by itself.
pub enum TrainerEvent {
    /// Its program has arrived and runs.
    Ready,
    /// A step of a round is done.
    Step(Progress),
    /// It is gone, with the reason; every open question has been answered with a failure.
    Crashed(String),
}

type Listener = Rc<dyn Fn(TrainerEvent)>;
type Questions = Rc<RefCell<HashMap<u32, oneshot::Sender<Result<JsValue, Failure>>>>>;

/// A line to one trainer. Dropping it ends the worker.
pub struct TrainerLink {
    worker: Worker,
    questions: Questions,
    next: Cell<u32>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl TrainerLink {
    /// Starts a trainer; `listener` hears what it says by itself.
    ///
    /// # Errors
    /// Where the browser starts no worker.
    pub fn start(listener: Listener) -> Result<Self, Failure> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options("/js/trainer.js", &options)
            .map_err(|error| Failure::from_browser("trainer", &error))?;
        let questions = Questions::default();

        let on_message = {
            let (questions, listener) = (questions.clone(), listener.clone());
            Closure::new(move |event: MessageEvent| hear(&event.data(), &questions, &listener))
        };
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        let on_error = {
            let questions = questions.clone();
            Closure::new(move |event: ErrorEvent| crashed(&event.message(), &questions, &listener))
        };
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, questions, next: Cell::new(0), _on_message: on_message, _on_error: on_error })
    }

    /// Has a job done.
    ///
    /// # Errors
    /// What the trainer answers, or `trainer_crashed` when it dies meanwhile.
    pub async fn ask<T: DeserializeOwned>(&self, job: &Job) -> Result<T, Failure> {
        let id = self.next.replace(self.next.get().wrapping_add(1));
        let job = job
            .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
            .map_err(|error| Failure::new("trainer", error.to_string()))?;
        let message = Object::new();
        set(&message, "id", &id.into());
        set(&message, "job", &job);
        let (sender, answer) = oneshot::channel();
        self.questions.borrow_mut().insert(id, sender);
        let buffers = Array::new();
        collect_buffers(&message, &buffers);
        self.worker
            .post_message_with_transfer(&message, &buffers)
            .map_err(|error| Failure::from_browser("trainer", &error))?;
        let answer = answer.await.map_err(|_| Failure::new("trainer_crashed", "Training was interrupted."))??;
        serde_wasm_bindgen::from_value(answer).map_err(|error| Failure::new("trainer", error.to_string()))
    }

    /// Asks the running round to end after its present step.
    pub fn stop(&self) {
        let message = Object::new();
        set(&message, "stop", &true.into());
        // A trainer that is gone has nothing to stop.
        let _ = self.worker.post_message(&message);
    }
}

impl Drop for TrainerLink {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
        self.questions.borrow_mut().clear();
    }
}

/// The buffers of the typed arrays in a message: they change hands instead of being copied.
fn collect_buffers(value: &JsValue, buffers: &Array) {
    let Some(object) = value.dyn_ref::<Object>() else { return };
    for inner in Object::values(object).iter() {
        if ArrayBuffer::is_view(&inner) {
            // Any view reads as bytes, which gives its buffer.
            if let Ok(buffer) = Reflect::get(&inner, &"buffer".into()) {
                buffers.push(&buffer);
            }
        } else if inner.is_object() && !Array::is_array(&inner) {
            collect_buffers(&inner, buffers);
        }
    }
}

fn hear(data: &JsValue, questions: &Questions, listener: &Listener) {
    let field = |name: &str| Reflect::get(data, &name.into()).unwrap_or(JsValue::UNDEFINED);
    match field("event").as_string().as_deref() {
        Some("ready") => listener(TrainerEvent::Ready),
        Some("step") => {
            if let Ok(progress) = serde_wasm_bindgen::from_value(field("progress")) {
                listener(TrainerEvent::Step(progress));
            }
        }
        Some(_) => crashed(&field("message").as_string().unwrap_or_default(), questions, listener),
        None => {
            let Some(id) = field("id").as_f64() else { return };
            let Some(question) = questions.borrow_mut().remove(&(id as u32)) else { return };
            let answer = if field("ok").is_truthy() {
                Ok(field("reply"))
            } else {
                let error = field("error");
                let code = Reflect::get(&error, &"code".into()).ok().and_then(|code| code.as_string());
                let code = if code.as_deref() == Some("no_webgpu") { "no_webgpu" } else { "trainer" };
                Err(Failure::new(code, words_of(&error)))
            };
            // Whoever asked may be gone.
            let _ = question.send(answer);
        }
    }
}

fn crashed(message: &str, questions: &Questions, listener: &Listener) {
    let open: Vec<_> = questions.borrow_mut().drain().collect();
    for (_, question) in open {
        let _ = question.send(Err(Failure::new("trainer_crashed", message)));
    }
    listener(TrainerEvent::Crashed(message.to_owned()));
}
