//! Trying a model: on a file, on a recording, and live; and telling it that it was wrong. The client answers by itself,
//! without the trainer, so that this goes on while that trains.

use std::rc::Rc;
use std::sync::Arc;

use js_sys::{Float32Array, Object, Uint8Array};
use models::{Example, Inference, Standardisation};
use protocol::Augmentation;
use serde::Serialize;
use speech::Sound;
use wasm_bindgen::JsValue;

use crate::app::{App, now};
use crate::clips::{Source, example_of, failure_of};
use crate::failure::{Failure, set};

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
    pub(crate) fn predict(&self, sound: &Sound) -> Result<JsValue, Failure> {
        let example = example_of(sound, self.augmentation())?;
        let frames = example.frames;
        let probabilities = self.probabilities(self.try_mine.get(), &example)?;
        self.tried.replace(Some(sound.clone()));
        let answer = Object::new();
        set(&answer, "frames", &(frames as u32).into());
        set(&answer, "probabilities", &Float32Array::from(probabilities.as_slice()));
        Ok(answer.into())
    }

    /// How likely each label is, by the personal or by the shared model.
    pub(crate) fn probabilities(&self, mine: bool, example: &Example) -> Result<Vec<f32>, Failure> {
        let inference = if mine { self.personal_inference()? } else { None };
        let inference = match inference {
            Some(inference) => inference,
            None => self.shared_inference()?,
        };
        inference.probabilities(example).map_err(|error| Failure::new("model", error.to_string()))
    }

    /// A network of this room with these parameters.
    pub(crate) fn inference(
        &self,
        parameters: Arc<Vec<f32>>,
        standardisation: Standardisation,
    ) -> Result<Rc<Inference>, Failure> {
        let inference = Inference::new(self.architecture()?, self.labels().len(), parameters, standardisation);
        inference.map(Rc::new).map_err(|error| Failure::new("model", error.to_string()))
    }

    fn shared_inference(&self) -> Result<Rc<Inference>, Failure> {
        let model = self.model.borrow();
        model.as_ref().and_then(|model| model.inference.clone()).ok_or_else(no_model)
    }

    /// The present shared model with all that a page without a server needs to use it.
    pub(crate) fn offline_model(&self) -> Result<JsValue, Failure> {
        let model = self.job_model()?;
        let version = self.model.borrow().as_ref().map_or(0, |model| model.version);
        let bytes = |values: &Float32Array| Uint8Array::new(&values.buffer());
        let answer = Object::new();
        set(&answer, "architecture", &model.architecture.to_string().into());
        set(&answer, "version", &version.to_string().into());
        set(&answer, "speeds", &client::at_several_speeds(self.augmentation()).into());
        set(&answer, "parameters", &bytes(&model.parameters));
        set(&answer, "mean", &bytes(&Float32Array::from(model.standardisation.mean.as_slice())));
        set(&answer, "deviation", &bytes(&Float32Array::from(model.standardisation.deviation.as_slice())));
        Ok(answer.into())
    }

    pub(crate) fn live_start(&self, rate: u32) -> Result<JsValue, Failure> {
        self.shared_inference()?;
        if !speech::RATES.contains(&rate) {
            return Err(Failure::new("rate", format!("A microphone of {rate} samples a second can't be used here.")));
        }
        self.live.replace(Some(Live { rate, recent: Vec::new(), answered_at: f64::NEG_INFINITY, since: None }));
        Ok(Object::new().into())
    }

    pub(crate) fn live_push(&self, samples: &Float32Array, at: f64) -> Result<JsValue, Failure> {
        let samples = samples.to_vec();
        let level = samples.iter().fold(0_f32, |level, sample| level.max(sample.abs()));
        let (window, rate, since) = {
            let mut live = self.live.borrow_mut();
            let Some(live) = live.as_mut() else { return Ok(Object::new().into()) };
            live.recent.extend_from_slice(&samples);
            let surplus = live.recent.len().saturating_sub(live.rate as usize * CORRECTION_S);
            live.recent.drain(..surplus);
            let since = *live.since.get_or_insert(at);
            if now() - live.answered_at < LIVE_EVERY_MS {
                return Ok(Object::new().into());
            }
            live.since = None;
            (live.last(LIVE_WINDOW_S).to_vec(), live.rate, since)
        };
        let heard = window.iter().any(|sample| sample.abs() > SILENCE);
        let probabilities = match heard.then(|| self.last_moments(&window, rate)) {
            None => None,
            Some(Ok(probabilities)) => Some(probabilities),
            // The very first moment is shorter than one window; there is nothing to say yet.
            Some(Err(failure)) if failure.code == "too_short" => None,
            Some(Err(failure)) => return Err(failure),
        };
        // From the end of the answer, so that on a slow laptop what came meanwhile is taken in before the next.
        if let Some(live) = self.live.borrow_mut().as_mut() {
            live.answered_at = now();
        }
        self.post(&LiveEvent { r#type: "live", probabilities, level, since, at });
        Ok(Object::new().into())
    }

    /// How likely each label is in the last moments: at their own speed alone, whatever the room does with clips, since an
    /// answer has to come at once.
    fn last_moments(&self, samples: &[f32], rate: u32) -> Result<Vec<f32>, Failure> {
        let sound = Sound::from_pcm(samples, 1, rate).map_err(|error| failure_of(&error))?;
        self.probabilities(self.try_mine.get(), &example_of(&sound, Augmentation::None)?)
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

/// Said wherever something needs the shared model before it is there.
pub(crate) fn no_model() -> Failure {
    Failure::new("no_model", "There is nothing to try yet: the model comes with the first round of training.")
}
