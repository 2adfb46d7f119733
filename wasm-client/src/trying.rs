//! Trying the shared model: on a file, on a recording, and live.

use std::rc::Rc;

use js_sys::{Float32Array, Object, Uint8Array};
use models::Example;
use protocol::Augmentation;
use serde::Serialize;
use speech::Sound;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::app::{App, now};
use crate::clips::{example_of, failure_of};
use crate::failure::{Failure, set};
use crate::training::{Examples, Job};

/// How much of the last sound live use looks at, seconds.
const LIVE_WINDOW_S: usize = 3;
/// How often live use answers at most, ms.
const LIVE_EVERY_MS: f64 = 100.0;
/// A piece whose loudest sample is below this is silence, for which there is nothing to say.
const SILENCE: f32 = 0.01;

/// The microphone in live use.
pub(crate) struct Live {
    rate: u32,
    /// The last few seconds, at the microphone's own rate.
    recent: Vec<f32>,
    /// Whether an answer is on its way.
    busy: bool,
    answered_at: f64,
}

#[derive(Serialize)]
struct LiveEvent {
    r#type: &'static str,
    probabilities: Option<Vec<f32>>,
    level: f32,
}

impl App {
    pub(crate) async fn predict(self: &Rc<Self>, sound: &Sound) -> Result<JsValue, Failure> {
        let example = example_of(sound, self.augmentation())?;
        let frames = example.frames;
        let probabilities = self.probabilities(example).await?;
        let answer = Object::new();
        set(&answer, "frames", &(frames as u32).into());
        set(&answer, "probabilities", &Float32Array::from(probabilities.as_slice()));
        Ok(answer.into())
    }

    async fn probabilities(self: &Rc<Self>, example: Example) -> Result<Vec<f32>, Failure> {
        let model = self.job_model(false)?;
        let version = model.version.clone();
        let job = Job::Predict { backend: self.backend(), model, examples: Examples::pack(&[example]) };
        let mut rows: Vec<Vec<f32>> = self.ask(&job).await?;
        self.trainer_has.replace(version);
        rows.pop().ok_or_else(|| Failure::new("trainer", "The model gave no answer."))
    }

    /// The present shared model with all that a page without a server needs to use it.
    pub(crate) fn offline_model(&self) -> Result<JsValue, Failure> {
        let model = self.job_model(true)?;
        let bytes = |values: &Float32Array| Uint8Array::new(&values.buffer());
        let answer = Object::new();
        set(&answer, "architecture", &model.architecture.to_string().into());
        set(&answer, "version", &model.version.into());
        set(&answer, "speeds", &(self.augmentation() == Augmentation::Speed).into());
        set(&answer, "parameters", &bytes(&model.parameters));
        set(&answer, "mean", &bytes(&Float32Array::from(model.standardisation.mean.as_slice())));
        set(&answer, "deviation", &bytes(&Float32Array::from(model.standardisation.deviation.as_slice())));
        Ok(answer.into())
    }

    pub(crate) fn live_start(&self, rate: u32) -> Result<JsValue, Failure> {
        self.job_model(false)?;
        if !speech::RATES.contains(&rate) {
            return Err(Failure::new("rate", format!("A microphone of {rate} samples a second can't be used here.")));
        }
        self.live.replace(Some(Live { rate, recent: Vec::new(), busy: false, answered_at: f64::NEG_INFINITY }));
        Ok(Object::new().into())
    }

    pub(crate) fn live_push(self: &Rc<Self>, samples: &Float32Array) -> Result<JsValue, Failure> {
        let samples = samples.to_vec();
        let level = samples.iter().fold(0_f32, |level, sample| level.max(sample.abs()));
        let window = {
            let mut live = self.live.borrow_mut();
            let Some(live) = live.as_mut() else { return Ok(Object::new().into()) };
            live.recent.extend_from_slice(&samples);
            let most = live.rate as usize * LIVE_WINDOW_S;
            let surplus = live.recent.len().saturating_sub(most);
            live.recent.drain(..surplus);
            let heard = live.recent.iter().any(|sample| sample.abs() > SILENCE);
            let due = now() - live.answered_at >= LIVE_EVERY_MS;
            // While an answer is on its way, sound is kept and no second question is asked.
            if live.busy || !due {
                return Ok(Object::new().into());
            }
            live.answered_at = now();
            live.busy = heard;
            heard.then(|| (live.recent.clone(), live.rate))
        };
        match window {
            None => self.post(&LiveEvent { r#type: "live", probabilities: None, level }),
            Some((recent, rate)) => {
                let app = Rc::clone(self);
                spawn_local(async move {
                    let probabilities = async {
                        let sound = Sound::from_pcm(&recent, 1, rate).map_err(|error| failure_of(&error))?;
                        app.probabilities(example_of(&sound, app.augmentation())?).await
                    };
                    let probabilities = match probabilities.await {
                        Ok(probabilities) => Some(probabilities),
                        // The very first moment is shorter than one window; there is nothing to say yet.
                        Err(failure) if failure.code == "too_short" => None,
                        Err(failure) => {
                            app.notice("warning", failure.code, &failure.message);
                            None
                        }
                    };
                    if let Some(live) = app.live.borrow_mut().as_mut() {
                        live.busy = false;
                    }
                    app.post(&LiveEvent { r#type: "live", probabilities, level });
                });
            }
        }
        Ok(Object::new().into())
    }

    pub(crate) fn live_stop(&self) -> Result<JsValue, Failure> {
        self.live.replace(None);
        Ok(Object::new().into())
    }
}
