//! Trying a model: on a file, on a recording, and live; and telling it that it was wrong.

use std::rc::Rc;

use js_sys::{Float32Array, Object};
use models::Example;
use protocol::Augmentation;
use serde::Serialize;
use speech::Sound;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::app::{App, now};
use crate::clips::{Source, example_of, failure_of};
use crate::failure::{Failure, set};
use crate::training::{Examples, Job, Model};

/// How much of the last sound live use looks at, seconds.
const LIVE_WINDOW_S: usize = 3;
/// How much of it a correction may take, seconds: it takes a while to see that the model is wrong and to say so.
const CORRECTION_S: usize = 5;
/// How often live use answers at most, ms.
const LIVE_EVERY_MS: f64 = 50.0;
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
    /// When the first piece came that no answer has heard yet, on the page's clock.
    since: Option<f64>,
}

#[derive(Serialize)]
struct LiveEvent {
    r#type: &'static str,
    probabilities: Option<Vec<f32>>,
    level: f32,
    /// When the first and the last piece came that are new in this answer, on the page's clock.
    since: f64,
    at: f64,
}

impl App {
    pub(crate) async fn predict(self: &Rc<Self>, sound: &Sound) -> Result<JsValue, Failure> {
        let example = example_of(sound, self.augmentation())?;
        let frames = example.frames;
        let probabilities = self.probabilities(self.try_mine.get(), example).await?;
        self.tried.replace(Some(sound.clone()));
        let answer = Object::new();
        set(&answer, "frames", &(frames as u32).into());
        set(&answer, "probabilities", &Float32Array::from(probabilities.as_slice()));
        Ok(answer.into())
    }

    /// How likely each label is, by the personal or by the shared model.
    pub(crate) async fn probabilities(self: &Rc<Self>, mine: bool, example: Example) -> Result<Vec<f32>, Failure> {
        let mut model = self.job_model(false)?;
        if let Some(personal) = self.personal().filter(|_| mine) {
            let version = format!("mine {}", personal.made_at);
            let copy = personal.parameters.slice(0, personal.parameters.length());
            model = Model { parameters: copy, version, standardisation: personal.standardisation, ..model };
        }
        let version = model.version.clone();
        let job = Job::Predict { backend: self.backend(), model, examples: Examples::pack(&[example]) };
        let mut rows: Vec<Vec<f32>> = self.ask(&job).await?;
        self.trainer_has.replace(version);
        rows.pop().ok_or_else(|| Failure::new("trainer", "The model gave no answer."))
    }

    pub(crate) fn live_start(&self, rate: u32) -> Result<JsValue, Failure> {
        self.job_model(false)?;
        if !speech::RATES.contains(&rate) {
            return Err(Failure::new("rate", format!("A microphone of {rate} samples a second can't be used here.")));
        }
        self.live.replace(Some(Live {
            rate,
            recent: Vec::new(),
            busy: false,
            answered_at: f64::NEG_INFINITY,
            since: None,
        }));
        Ok(Object::new().into())
    }

    pub(crate) fn live_push(self: &Rc<Self>, samples: &Float32Array, at: f64) -> Result<JsValue, Failure> {
        let samples = samples.to_vec();
        let level = samples.iter().fold(0_f32, |level, sample| level.max(sample.abs()));
        let (window, rate, since) = {
            let mut live = self.live.borrow_mut();
            let Some(live) = live.as_mut() else { return Ok(Object::new().into()) };
            live.recent.extend_from_slice(&samples);
            let surplus = live.recent.len().saturating_sub(live.rate as usize * CORRECTION_S);
            live.recent.drain(..surplus);
            let since = *live.since.get_or_insert(at);
            let window = live.last(LIVE_WINDOW_S);
            let heard = window.iter().any(|sample| sample.abs() > SILENCE);
            let due = now() - live.answered_at >= LIVE_EVERY_MS;
            // While an answer is on its way, sound is kept and no second question is asked.
            if live.busy || !due {
                return Ok(Object::new().into());
            }
            live.answered_at = now();
            live.busy = heard;
            live.since = None;
            (heard.then(|| live.last(LIVE_WINDOW_S).to_vec()), live.rate, since)
        };
        match window {
            None => self.post(&LiveEvent { r#type: "live", probabilities: None, level, since, at }),
            Some(recent) => {
                let app = Rc::clone(self);
                spawn_local(async move {
                    let probabilities = async {
                        let sound = Sound::from_pcm(&recent, 1, rate).map_err(|error| failure_of(&error))?;
                        // At its own speed alone, whatever the room does with clips: an answer has to come at once.
                        app.probabilities(app.try_mine.get(), example_of(&sound, Augmentation::None)?).await
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
                    app.post(&LiveEvent { r#type: "live", probabilities, level, since, at });
                });
            }
        }
        Ok(Object::new().into())
    }

    pub(crate) fn live_stop(&self) -> Result<JsValue, Failure> {
        // What was heard last can still be corrected.
        if let Some(sound) = self.live.take().and_then(|live| live.sound()) {
            self.tried.replace(Some(sound));
        }
        Ok(Object::new().into())
    }

    /// Makes a labelled clip of the last moments of live use, or of what was tried last.
    pub(crate) async fn correct(self: &Rc<Self>, name: &str, label: usize) -> Result<JsValue, Failure> {
        let live = self.live.borrow().as_ref().map(Live::sound);
        let sound = live.unwrap_or_else(|| self.tried.borrow().clone());
        let sound = sound.as_ref().and_then(speech::sounding).ok_or_else(|| {
            Failure::new("nothing_heard", "Nothing was heard in the last moments. Say it again, then choose.")
        })?;
        self.add(&sound, name, None, Some(label), Source::Correction).await
    }
}

impl Live {
    /// The last seconds of it, or all that there is.
    fn last(&self, seconds: usize) -> &[f32] {
        let start = self.recent.len().saturating_sub(self.rate as usize * seconds);
        self.recent.get(start..).unwrap_or_default()
    }

    fn sound(&self) -> Option<Sound> {
        Sound::from_pcm(&self.recent, 1, self.rate).ok()
    }
}
