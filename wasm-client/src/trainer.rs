//! The trainer: a worker of its own that holds the networks. One job at a time; `stop` may come between two
//! steps of one. It keeps the network between jobs and can be thrown away at any moment: each job brings what
//! it needs. There are two programs of it, which differ in what they compute on alone (`BACKEND`). It is a part of both, and
//! not of the library: what the library gives to JavaScript would be in every program.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use client::{FailureCode, RoundWork};
use models::{Architecture, Backend, Learner, ModelError, Step, TrainingPlan};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use wasm_client::failure::Failure;
use wasm_client::training::{Job, Model, Progress, RoundResult, TuneResult};
use wasm_client::worker_link;

use crate::BACKEND;

thread_local! {
    static NETWORK: RefCell<Option<Network>> = const { RefCell::new(None) };
    static STOP: Cell<bool> = const { Cell::new(false) };
}

struct Network {
    learner: Learner,
    architecture: Architecture,
    labels: usize,
}

/// Is called once, before any job.
pub fn start() {
    worker_link::tell_of_panics();
}

fn to_js<T: Serialize>(value: &T) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|error| Failure::new(FailureCode::Trainer, error.to_string()).into())
}

fn failed(error: impl std::fmt::Display) -> JsValue {
    Failure::new(FailureCode::Trainer, error.to_string()).into()
}

/// Stops the running round after its present step.
#[wasm_bindgen]
pub fn stop() {
    STOP.set(true);
}

/// Does one job; see [`Job`].
///
/// # Errors
/// An object with `code` and `message`.
#[wasm_bindgen]
pub async fn handle(job: JsValue) -> Result<JsValue, JsValue> {
    match serde_wasm_bindgen::from_value(job).map_err(failed)? {
        Job::Round { model, training, correction, most_steps, gradients, examples, held_back } => {
            STOP.set(false);
            let mut network = network(model.architecture, model.labels).await?;
            let work = RoundWork {
                model: plain(&model),
                standardisation: model.standardisation,
                training,
                correction: (correction.length() > 0).then(|| Cow::Owned(correction.to_vec())),
                most_steps,
                gradients,
            };
            let (examples, held_back) = (examples.unpack(), held_back.unpack());
            let done = client::local_round(&mut network.learner, work, &examples, &held_back, watched(false)).await;
            answer(network, done, RoundResult::new)
        }
        Job::Tune { model, version, way, examples } => {
            STOP.set(false);
            let mut network = network(model.architecture, model.labels).await?;
            let (learner, examples) = (&mut network.learner, examples.unpack());
            let (parameters, standardisation) = (plain(&model), &model.standardisation);
            let done =
                client::tune(learner, parameters, standardisation, (way, version), &examples, watched(true)).await;
            answer(network, done, TuneResult::new)
        }
        Job::Measure { architecture, labels, training } => {
            let mut network = network(architecture, labels).await?;
            let on_graphics = BACKEND == Backend::WebGpu;
            let step_ms = client::step_ms(&mut network.learner, &training, on_graphics, now).await;
            answer(network, step_ms.map(Some), |step_ms| step_ms)
        }
        Job::Evaluate { model, examples } => {
            let mut network = network(model.architecture, model.labels).await?;
            let (parameters, examples) = (plain(&model), examples.unpack());
            let found = client::evaluate(&mut network.learner, parameters, &model.standardisation, &examples).await;
            answer(network, found, |found| found)
        }
    }
}

fn plain(model: &Model) -> Cow<'static, [f32]> {
    Cow::Owned(model.parameters.to_vec())
}

/// Keeps the network for the next job, and says what came of this one.
fn answer<T, A: Serialize>(
    network: Network,
    done: Result<Option<T>, ModelError>,
    on_the_way: impl FnOnce(T) -> A,
) -> Result<JsValue, JsValue> {
    NETWORK.set(Some(network));
    let done = done.map_err(|error| match error {
        ModelError::Diverged { .. } => Failure::new(FailureCode::Diverged, error.to_string()).into(),
        error => failed(error),
    })?;
    to_js(&done.map(on_the_way))
}

/// What a training is to do after each step: it shows how far it is and hears `stop` about twenty times a second, and to
/// hear it the worker has to let its queue of messages run.
fn watched(tuning: bool) -> impl AsyncFnMut(Step) -> ControlFlow<()> {
    let mut last = js_sys::Date::now();
    async move |step| {
        let now = js_sys::Date::now();
        if now - last > 50.0 || step.step == step.steps {
            last = now;
            report(&Progress { tuning, step });
            gloo_timers::future::TimeoutFuture::new(0).await;
        }
        if STOP.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn report(progress: &Progress) {
    if let Ok(progress) = to_js(progress) {
        worker_link::tell_progress(&progress);
    }
}

/// The network of this job: the one from the job before where it fits.
async fn network(architecture: Architecture, labels: usize) -> Result<Network, JsValue> {
    let kept = NETWORK.take().filter(|network| network.architecture == architecture && network.labels == labels);
    Ok(match kept {
        Some(network) => network,
        None => {
            let learner = Learner::new(architecture, labels, BACKEND).await.map_err(failed)?;
            Network { learner, architecture, labels }
        }
    })
}

/// The answer to [`bench_step`].
#[derive(Serialize, Deserialize)]
struct BenchStep {
    ms_per_step: f64,
    backend_name: String,
}

/// Times training steps of 20 random examples: the median of `steps`, after one that is not counted.
///
/// # Errors
/// An object with `code` and `message`.
#[wasm_bindgen]
pub async fn bench_step(model: String, steps: u32) -> Result<JsValue, JsValue> {
    let architecture: Architecture = model.parse().map_err(failed)?;
    let mut learner = Learner::new(architecture, 4, BACKEND).await.map_err(failed)?;
    learner.set_parameters(&models::initial_parameters(architecture, 4, 1)).await.map_err(failed)?;
    let examples: Vec<models::Example> = (0..20)
        .map(|index| models::Example {
            values: (0..client::INPUT_VALUES).map(|_| js_sys::Math::random() as f32 - 0.5).collect(),
            frames: models::FRAMES,
            // Of a network that reads: as many pieces as a short sentence has.
            text: if architecture.reads_text() {
                (0..60).map(|piece| 97 * piece + index as u16).collect()
            } else {
                Vec::new()
            },
            label: index % 4,
            variants: Vec::new(),
        })
        .collect();
    let training = TrainingPlan { epochs: steps + 1, seed: 1, ..TrainingPlan::default() };
    let mut at = vec![now()];
    learner
        .train(&examples, &training, async |_| {
            at.push(now());
            ControlFlow::Continue(())
        })
        .await
        .map_err(failed)?;
    let mut times: Vec<f64> = at.windows(2).skip(1).map(|pair| pair[1] - pair[0]).collect();
    times.sort_by(f64::total_cmp);
    let ms_per_step = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
    to_js(&BenchStep { ms_per_step, backend_name: learner.backend_name() })
}

/// Milliseconds since the worker began, finer than a whole one.
fn now() -> f64 {
    js_sys::global()
        .dyn_into::<web_sys::DedicatedWorkerGlobalScope>()
        .ok()
        .and_then(|scope| scope.performance())
        .map_or_else(js_sys::Date::now, |performance| performance.now())
}
