//! The trainer: a worker of its own that holds the networks. One job at a time; `stop` may come between two
//! steps of one. It keeps the network between jobs and can be thrown away at any moment: each job brings what
//! it needs.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use js_sys::Float32Array;
use models::{Architecture, Backend, Evaluation, Learner, Training};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_client::failure::Failure;
use wasm_client::training::{Choice, Examples, Job, Model, Prepared, Progress, RoundResult, TuneResult};
use wasm_client::{adapter, worker_link};

thread_local! {
    static NETWORK: RefCell<Option<Network>> = const { RefCell::new(None) };
    static STOP: Cell<bool> = const { Cell::new(false) };
}

struct Network {
    learner: Learner,
    architecture: Architecture,
    labels: usize,
    backend: Prepared,
}

fn main() {
    worker_link::tell_of_panics();
}

fn to_js<T: Serialize>(value: &T) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|error| Failure::new("trainer", error.to_string()).into())
}

fn failed(error: impl std::fmt::Display) -> JsValue {
    Failure::new("trainer", error.to_string()).into()
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
        Job::Prepare { backend } => to_js(&choose(backend).await?.0),
        Job::Round { backend, model, mut training, correction, examples, held_back } => {
            STOP.set(false);
            training.correction = (correction.length() > 0).then(|| correction.to_vec());
            let mut network = network(backend, &model).await?;
            let result = round(&mut network, &training, &examples, &held_back).await;
            NETWORK.set(Some(network));
            to_js(&result?)
        }
        Job::Tune { backend, model, training, enough, examples } => {
            STOP.set(false);
            let mut network = network(backend, &model).await?;
            let result = tune(&mut network, &training, enough, &examples).await;
            NETWORK.set(Some(network));
            to_js(&result?)
        }
        Job::Evaluate { backend, model, examples } => {
            let mut network = network(backend, &model).await?;
            let result = network.learner.evaluate(&examples.unpack()).await;
            NETWORK.set(Some(network));
            to_js(&result.map_err(failed)?)
        }
    }
}

async fn round(
    network: &mut Network,
    training: &Training,
    examples: &Examples,
    held_back: &Examples,
) -> Result<RoundResult, JsValue> {
    let held_back = held_back.unpack();
    let evaluation = evaluate(&mut network.learner, &held_back).await?;
    let mut last = js_sys::Date::now();
    let trained = network
        .learner
        .train(&examples.unpack(), training, async |step| {
            let now = js_sys::Date::now();
            // Progress is shown, and `stop` heard, about twenty times a second: to hear it, the worker has to
            // let its queue of messages run.
            if now - last > 50.0 || step.step == step.steps {
                last = now;
                report(&Progress {
                    tuning: false,
                    epoch: step.epoch,
                    epochs: step.epochs,
                    step: step.step,
                    steps: step.steps,
                    loss: step.loss,
                });
                gloo_timers::future::TimeoutFuture::new(0).await;
            }
            if STOP.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await
        .map_err(failed)?;
    let parameters = network.learner.parameters().await.map_err(failed)?;
    let last = trained.epochs.last();
    Ok(RoundResult {
        parameters: Float32Array::from(parameters.as_slice()),
        evaluation,
        loss: last.map_or(f64::NAN, |epoch| epoch.loss),
        accuracy: last.map_or(f64::NAN, |epoch| epoch.accuracy),
        steps: trained.steps,
        stopped: trained.stopped,
        backend: network.backend.clone(),
    })
}

async fn tune(
    network: &mut Network,
    training: &Training,
    enough: f64,
    examples: &Examples,
) -> Result<TuneResult, JsValue> {
    let examples = examples.unpack();
    // One epoch at a time, in one course: its optimiser goes on where it was.
    let mut course = network.learner.begin(&Training { epochs: 1, ..training.clone() }).map_err(failed)?;
    let (mut epochs, mut stopped) = (0, false);
    let mut last = js_sys::Date::now();
    while epochs < training.epochs && !stopped {
        epochs += 1;
        let trained = network
            .learner
            .go_on(&mut course, &examples, async |step| {
                let now = js_sys::Date::now();
                if now - last > 50.0 {
                    last = now;
                    report(&Progress {
                        tuning: true,
                        epoch: epochs,
                        epochs: training.epochs,
                        step: step.step,
                        steps: step.steps,
                        loss: step.loss,
                    });
                    gloo_timers::future::TimeoutFuture::new(0).await;
                }
                if STOP.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .await
            .map_err(failed)?;
        stopped = trained.stopped;
        if trained.epochs.last().is_some_and(|epoch| epoch.accuracy >= enough) {
            break;
        }
    }
    let parameters = network.learner.parameters().await.map_err(failed)?;
    Ok(TuneResult {
        parameters: Float32Array::from(parameters.as_slice()),
        epochs,
        stopped,
        backend: network.backend.clone(),
    })
}

async fn evaluate(learner: &mut Learner, examples: &[models::Example]) -> Result<Option<Evaluation>, JsValue> {
    if examples.is_empty() {
        return Ok(None);
    }
    learner.evaluate(examples).await.map(Some).map_err(failed)
}

fn report(progress: &Progress) {
    if let Ok(progress) = to_js(progress) {
        worker_link::tell_progress(&progress);
    }
}

/// The network of this job: the one from the job before where it fits.
async fn network(choice: Choice, model: &Model) -> Result<Network, JsValue> {
    let (backend, processor) = choose(choice).await?;
    let kept = NETWORK.take().filter(|network| {
        network.architecture == model.architecture
            && network.labels == model.labels
            && network.backend.kind == backend.kind
    });
    let mut network = match kept {
        Some(network) => network,
        None => Network {
            learner: Learner::new(model.architecture, model.labels, processor).await.map_err(failed)?,
            architecture: model.architecture,
            labels: model.labels,
            backend,
        },
    };
    network.learner.set_parameters(&model.parameters.to_vec()).await.map_err(failed)?;
    network.learner.set_standardisation(model.standardisation.clone()).map_err(failed)?;
    Ok(network)
}

/// Which processor a choice means in this browser.
async fn choose(choice: Choice) -> Result<(Prepared, Backend), JsValue> {
    let cpu = || (Prepared { kind: Choice::Cpu, name: "CPU".to_owned() }, Backend::Cpu);
    if choice == Choice::Cpu {
        return Ok(cpu());
    }
    match adapter::request().await {
        // WebGPU in software is there to show that it works; nobody wants to wait for it.
        Some(adapter) if choice == Choice::Webgpu || !adapter.software => {
            Ok((Prepared { kind: Choice::Webgpu, name: adapter.name }, Backend::WebGpu))
        }
        _ if choice == Choice::Auto => Ok(cpu()),
        _ => Err(Failure::new("no_webgpu", "This browser offers no WebGPU. Choose the processor instead.").into()),
    }
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
pub async fn bench_step(model: String, backend: String, steps: u32) -> Result<JsValue, JsValue> {
    let architecture: Architecture = model.parse().map_err(failed)?;
    let choice = if backend == "webgpu" { Choice::Webgpu } else { Choice::Cpu };
    let (prepared, processor) = choose(choice).await?;
    let mut learner = Learner::new(architecture, 4, processor).await.map_err(failed)?;
    learner.set_parameters(&models::initial_parameters(architecture, 4, 1)).await.map_err(failed)?;
    let examples: Vec<models::Example> = (0..20)
        .map(|index| models::Example {
            values: (0..models::FRAMES * models::FEATURES).map(|_| js_sys::Math::random() as f32 - 0.5).collect(),
            frames: models::FRAMES,
            label: index % 4,
            variants: Vec::new(),
        })
        .collect();
    let training = Training { epochs: steps + 1, seed: 1, ..Training::default() };
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
    to_js(&BenchStep { ms_per_step, backend_name: prepared.name })
}

/// Milliseconds since the worker began, finer than a whole one.
fn now() -> f64 {
    js_sys::global()
        .dyn_into::<web_sys::DedicatedWorkerGlobalScope>()
        .ok()
        .and_then(|scope| scope.performance())
        .map_or_else(js_sys::Date::now, |performance| performance.now())
}
