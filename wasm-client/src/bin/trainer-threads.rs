//! The trainer that computes on several cores of the processor: its threads are workers that share its memory. Which worker
//! runs which thread is decided in `www/js/worker/trainer-threads.js`.

use std::sync::{Condvar, Mutex, PoisonError};

use client::FailureCode;
use models::Backend;
use rayon::{ThreadBuilder, ThreadPoolBuilder};
use wasm_bindgen::prelude::*;
use wasm_client::failure::Failure;

#[path = "../trainer.rs"]
mod trainer;

/// What this program computes on.
const BACKEND: Backend = Backend::Cpu;

/// Threads of the pool for which a worker is still wanted.
static WANTED: Mutex<Vec<ThreadBuilder>> = Mutex::new(Vec::new());
/// One more is wanted.
static ONE_MORE: Condvar = Condvar::new();

fn main() {
    trainer::start();
}

/// In the worker that does the jobs: makes it one of so many threads. The others' workers have to be there.
///
/// # Errors
/// An object with `code` and `message`.
#[wasm_bindgen]
pub fn share_out(threads: usize) -> Result<(), JsValue> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).use_current_thread().spawn_handler(|thread| {
        WANTED.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        ONE_MORE.notify_one();
        Ok(())
    });
    pool.build_global().map_err(|error| Failure::new(FailureCode::Trainer, error.to_string()).into())
}

/// In any other worker: becomes one of the threads, and never returns.
#[wasm_bindgen]
pub fn run_thread() {
    let wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wanted = ONE_MORE.wait_while(wanted, |wanted| wanted.is_empty()).unwrap_or_else(PoisonError::into_inner);
    let thread = wanted.pop();
    drop(wanted);
    thread.into_iter().for_each(ThreadBuilder::run);
}
