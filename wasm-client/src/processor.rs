//! Which processor trains: what a person chooses, what the browser has, and which of the trainer's programs that takes.

use client::{BackendReason, FailureCode};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response};

use crate::adapter;
use crate::failure::Failure;
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

/// A processor that trains.
#[derive(Clone, Debug)]
pub(crate) struct Processor {
    /// Whether it is a graphics processor, through WebGPU.
    pub graphics: bool,
    /// Its name.
    pub name: String,
    /// Why it is not the one that one might expect.
    pub reason: Option<BackendReason>,
}

impl Processor {
    fn cpu(reason: Option<BackendReason>) -> Self {
        Self { graphics: false, name: "CPU".to_owned(), reason }
    }

    /// What a choice means in this browser.
    ///
    /// # Errors
    /// WebGPU is chosen, and the browser has none.
    pub(crate) async fn of(choice: Choice) -> Result<Self, Failure> {
        if choice == Choice::Cpu {
            return Ok(Self::cpu(None));
        }
        match adapter::request().await {
            // WebGPU in software is there to show that it works; nobody wants to wait for it.
            Some(adapter) if choice == Choice::Webgpu || !adapter.software => {
                let graphics = Self { graphics: true, name: adapter.name, reason: None };
                Ok(if has_graphics_program().await { graphics } else { Self::cpu(Some(BackendReason::NoGpuProgram)) })
            }
            _ if choice == Choice::Auto => Ok(Self::cpu(Some(BackendReason::NoGpu))),
            _ => {
                let words = "This browser offers no WebGPU. Choose the processor instead.";
                Err(Failure::new(FailureCode::NoWebgpu, words))
            }
        }
    }

    /// The script of the worker that trains on it.
    pub(crate) fn worker(&self) -> &'static str {
        if self.graphics { "/js/worker/trainer-webgpu.js" } else { "/js/worker/trainer.js" }
    }
}

/// Whether the server has the program for graphics processors, the last that is built.
async fn has_graphics_program() -> bool {
    let head = RequestInit::new();
    head.set_method("HEAD");
    let Ok(scope) = scope() else { return false };
    let answer = JsFuture::from(scope.fetch_with_str_and_init("/pkg/trainer-webgpu_bg.wasm", &head)).await;
    answer.ok().and_then(|answer| answer.dyn_into::<Response>().ok()).is_some_and(|answer| answer.ok())
}
