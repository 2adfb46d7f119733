//! Which processor trains, and in which way: what a person chooses, what the browser has, and which of the trainer's programs
//! that takes.

use client::{BackendReason, FailureCode};
use js_sys::{Object, Reflect, Uint8Array, WebAssembly};
use models::Architecture;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response, Worker, WorkerOptions, WorkerType};

use crate::adapter;
use crate::failure::{Failure, set};
use crate::page::scope;

/// Which processor trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// WebGPU where the browser offers a real graphics processor, else the CPU.
    Auto,
    /// WebGPU, or an error.
    Webgpu,
    /// The processor, with SIMD.
    Cpu,
}

/// In which way a trainer computes; each has a program of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// On one core of the processor.
    OneThread,
    /// On so many cores, whose threads share memory.
    Threads(u32),
    /// On a graphics processor, through WebGPU.
    Graphics,
}

/// What has failed in this tab, and is not tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Training on several cores.
    pub threads: bool,
    /// Training on a graphics processor.
    pub graphics: bool,
}

/// A processor that trains.
#[derive(Clone, Debug)]
pub(crate) struct Processor {
    /// In which way.
    pub way: Way,
    /// Its name.
    pub name: String,
    /// Why it is not the one that one might expect.
    pub reasons: Vec<BackendReason>,
}

/// More threads than these are worth little for networks of this size.
const MOST_THREADS: u32 = 8;

/// The script of the worker with several threads.
const THREADS_WORKER: &str = "/js/worker/trainer-threads.js";

/// A function of relaxed SIMD and nothing else (a swizzle of two vectors): valid only where WebAssembly has that.
const RELAXED_SIMD: [u8; 36] = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
    253, 128, 2, 11,
];

impl Processor {
    /// What a choice means in this browser for a network, less what has failed in it.
    ///
    /// # Errors
    /// WebGPU is chosen, and the browser has none.
    pub(crate) async fn of(choice: Choice, network: Architecture, failed: Failed) -> Result<Self, Failure> {
        if choice == Choice::Cpu {
            return Ok(Self::cpu(None, failed).await);
        }
        match Self::chip(choice, network, failed).await {
            Ok(chip) => Ok(chip),
            Err(BackendReason::NoGpu) if choice == Choice::Webgpu => {
                let words = "This browser offers no WebGPU. Choose the processor instead.";
                Err(Failure::new(FailureCode::NoWebgpu, words))
            }
            Err(reason) => Ok(Self::cpu(Some(reason), failed).await),
        }
    }

    /// The graphics processor that `Auto` takes for a network, if there is one.
    pub(crate) async fn graphics(network: Architecture, failed: Failed) -> Option<Self> {
        Self::chip(Choice::Auto, network, failed).await.ok()
    }

    /// The graphics processor, or why it does not train.
    async fn chip(choice: Choice, network: Architecture, failed: Failed) -> Result<Self, BackendReason> {
        if network.reads_text() {
            return Err(BackendReason::GpuNoText);
        }
        if failed.graphics {
            return Err(BackendReason::GpuFailed);
        }
        match adapter::request().await {
            // WebGPU in software is there to show that it works; nobody wants to wait for it.
            Some(adapter) if choice == Choice::Webgpu || !adapter.software => {
                let chip = Self { way: Way::Graphics, name: adapter.name, reasons: Vec::new() };
                if serves("trainer-webgpu").await { Ok(chip) } else { Err(BackendReason::NoGpuProgram) }
            }
            _ => Err(BackendReason::NoGpu),
        }
    }

    /// The processor, where there is a reason that it is not another one.
    pub(crate) async fn cpu(reason: Option<BackendReason>, failed: Failed) -> Self {
        let (way, why) = match threads(failed).await {
            Ok(way) => (way, None),
            Err(why) => (Way::OneThread, Some(why)),
        };
        Self { way, name: "CPU".to_owned(), reasons: reason.into_iter().chain(why).collect() }
    }

    /// Whether it is a graphics processor, through WebGPU.
    pub(crate) fn is_graphics(&self) -> bool {
        self.way == Way::Graphics
    }

    /// The script of the worker that trains in this way.
    pub(crate) fn worker(&self) -> String {
        match self.way {
            Way::OneThread => "/js/worker/trainer.js".to_owned(),
            Way::Threads(count) => format!("{THREADS_WORKER}#{count}"),
            Way::Graphics => "/js/worker/trainer-webgpu.js".to_owned(),
        }
    }
}

/// The way over the cores that there are, or why only one trains.
async fn threads(failed: Failed) -> Result<Way, BackendReason> {
    let cores = scope().map_or(1.0, |scope| scope.navigator().hardware_concurrency()) as u32;
    // Page and client worker keep a core where there are more than two.
    let count = if cores > 2 { (cores - 1).min(MOST_THREADS) } else { cores };
    if count < 2 {
        return Ok(Way::OneThread);
    }
    if failed.threads {
        return Err(BackendReason::ThreadsFailed);
    }
    if !shares_memory() {
        return Err(BackendReason::NoSharedMemory);
    }
    if !runs_threads() {
        return Err(BackendReason::NoThreads);
    }
    if !serves("trainer-threads").await {
        return Err(BackendReason::NoThreadsProgram);
    }
    Ok(Way::Threads(count))
}

/// Whether the program's instructions are there, and a way to wait for memory to change without blocking: browsers have had shared
/// memory for longer than these.
fn runs_threads() -> bool {
    let wait = member(&member(&js_sys::global(), "Atomics"), "waitAsync");
    let valid = WebAssembly::validate(&Uint8Array::from(&RELAXED_SIMD[..]).into());
    wait.is_function() && valid.unwrap_or(false)
}

/// A member of an object; undefined where it has none of that name.
fn member(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Whether workers can share memory here. A browser may say so of itself and yet refuse to give any to a worker, as WebKitGTK
/// does, so one is given some.
fn shares_memory() -> bool {
    let global = js_sys::global();
    if !member(&global, "crossOriginIsolated").is_truthy() || !member(&global, "SharedArrayBuffer").is_function() {
        return false;
    }
    let kind = Object::new();
    set(&kind, "initial", &1.into());
    set(&kind, "maximum", &1.into());
    set(&kind, "shared", &true.into());
    let Ok(memory) = WebAssembly::Memory::new(&kind) else { return false };
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let Ok(worker) = Worker::new_with_options("/js/worker/trainer-thread.js", &options) else { return false };
    let given = worker.post_message(&memory).is_ok();
    worker.terminate();
    given
}

/// Whether the server has a program, for the largest are built last, and some not everywhere.
async fn serves(program: &str) -> bool {
    let head = RequestInit::new();
    head.set_method("HEAD");
    let Ok(scope) = scope() else { return false };
    let address = format!("/pkg/{program}_bg.wasm");
    let answer = JsFuture::from(scope.fetch_with_str_and_init(&address, &head)).await;
    answer.ok().and_then(|answer| answer.dyn_into::<Response>().ok()).is_some_and(|answer| answer.ok())
}
