//! The client's end of a line to a worker of its own: starts it, pairs answers with questions, and notices when it
//! dies. It knows nothing of what is asked. The other end is `www/js/worker/job-worker.js`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::{Array, ArrayBuffer, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, ErrorEvent, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::failure::{set, words_of};

/// What a worker says by itself.
pub enum WorkerEvent {
    /// Its program has arrived and runs.
    Ready,
    /// It is on its way with a job: plain data, as the worker means it.
    Progress(JsValue),
    /// It is gone, with the reason; every open question has been answered with it.
    Crashed(String),
}

/// Why there is no answer.
pub enum NoAnswer {
    /// The worker refused the job.
    Refused {
        /// Its code; empty where it gave none.
        code: String,
        /// Its words.
        message: String,
    },
    /// The worker is gone, with the reason.
    Crashed(String),
}

type Listener = Rc<dyn Fn(WorkerEvent)>;
type Questions = Rc<RefCell<HashMap<u32, oneshot::Sender<Result<JsValue, NoAnswer>>>>>;

/// A line to one worker. Dropping it ends the worker.
pub struct WorkerLink {
    worker: Worker,
    questions: Questions,
    next: Cell<u32>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

impl WorkerLink {
    /// Starts the worker whose module is at `url`; `listener` hears what it says by itself.
    ///
    /// # Errors
    /// What the browser throws where it starts no worker.
    pub fn start(url: &str, listener: Listener) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(url, &options)?;
        let questions = Questions::default();

        let on_message = {
            let (questions, listener) = (questions.clone(), listener.clone());
            Closure::new(move |event: MessageEvent| hear(&event.data(), &questions, &listener))
        };
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        let on_error = {
            let questions = questions.clone();
            // One whose script cannot be had has an error without a message.
            Closure::new(move |event: ErrorEvent| {
                let message = Reflect::get(&event, &"message".into()).ok().and_then(|message| message.as_string());
                crashed(&message.unwrap_or_else(|| "it does not load".to_owned()), &questions, &listener);
            })
        };
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, questions, next: Cell::new(0), _on_message: on_message, _on_error: on_error })
    }

    /// Has a job done. The buffers in it change hands.
    ///
    /// # Errors
    /// Where the worker refuses it, or dies meanwhile.
    pub async fn ask(&self, job: &JsValue) -> Result<JsValue, NoAnswer> {
        let id = self.next.replace(self.next.get().wrapping_add(1));
        let message = Object::new();
        set(&message, "id", &id.into());
        set(&message, "job", job);
        let (sender, answer) = oneshot::channel();
        self.questions.borrow_mut().insert(id, sender);
        let buffers = Array::new();
        collect_buffers(&message, &buffers);
        self.worker
            .post_message_with_transfer(&message, &buffers)
            .map_err(|error| NoAnswer::Refused { code: String::new(), message: words_of(&error) })?;
        answer.await.unwrap_or_else(|_| Err(NoAnswer::Crashed("The worker was ended.".to_owned())))
    }

    /// Asks the running job to end early.
    pub fn stop(&self) {
        let message = Object::new();
        set(&message, "stop", &true.into());
        // A worker that is gone has nothing to stop.
        let _ = self.worker.post_message(&message);
    }
}

impl Drop for WorkerLink {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
        self.questions.borrow_mut().clear();
    }
}

/// The buffers in a message, bare or below typed arrays: they change hands instead of being copied.
fn collect_buffers(value: &JsValue, buffers: &Array) {
    let Some(object) = value.dyn_ref::<Object>() else { return };
    for inner in Object::values(object).iter() {
        if inner.is_instance_of::<ArrayBuffer>() {
            buffers.push(&inner);
        } else if ArrayBuffer::is_view(&inner) {
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
        Some("ready") => listener(WorkerEvent::Ready),
        Some("progress") => listener(WorkerEvent::Progress(field("progress"))),
        Some(_) => crashed(&field("message").as_string().unwrap_or_default(), questions, listener),
        None => {
            let Some(id) = field("id").as_f64() else { return };
            let Some(question) = questions.borrow_mut().remove(&(id as u32)) else { return };
            let answer = if field("ok").is_truthy() {
                Ok(field("reply"))
            } else {
                let error = field("error");
                let code = Reflect::get(&error, &"code".into()).ok().and_then(|code| code.as_string());
                Err(NoAnswer::Refused { code: code.unwrap_or_default(), message: words_of(&error) })
            };
            // Whoever asked may be gone.
            let _ = question.send(answer);
        }
    }
}

fn crashed(message: &str, questions: &Questions, listener: &Listener) {
    let open: Vec<_> = questions.borrow_mut().drain().collect();
    for (_, question) in open {
        let _ = question.send(Err(NoAnswer::Crashed(message.to_owned())));
    }
    listener(WorkerEvent::Crashed(message.to_owned()));
}

/// In such a worker: has whoever started it told of a panic, with more than the trap after it would say.
pub fn tell_of_panics() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        tell("crashed", "message", &info.to_string().into());
    }));
}

/// In such a worker: tells whoever started it how far the job is.
pub fn tell_progress(progress: &JsValue) {
    tell("progress", "progress", progress);
}

fn tell(event: &str, field: &str, value: &JsValue) {
    let message = Object::new();
    set(&message, "event", &event.into());
    set(&message, field, value);
    if let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() {
        // A page that is closing takes no messages, and nothing is left to tell it.
        let _ = scope.post_message(&message);
    }
}
