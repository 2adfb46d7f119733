//! Trying a model: on a file, on a recording, and live; and telling it that it was wrong. The client answers by itself,
//! without the trainer, so that this goes on while that trains.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use client::{FailureCode, Source, example_of, said, with_sides};
use js_sys::Float32Array;
use models::Example;
use protocol::Augmentation;
use serde::Serialize;
use speech::Sound;
use text::Transcript;
use wasm_bindgen::JsValue;

use crate::answer::{Answer, BranchesView};
use crate::app::App;
use crate::clip_list::NewClip;
use crate::failure::Failure;
use crate::page::{now, post};

/// How much of the last sound live use looks at, seconds.
const LIVE_WINDOW_S: usize = 3;
/// How much of it a correction may take, seconds: it takes a while to see that the model is wrong and to say so.
const CORRECTION_S: usize = 5;
/// How often live use answers at most, ms.
const LIVE_EVERY_MS: f64 = 50.0;
/// A piece whose loudest sample is below this is silence, for which there is nothing to say.
const SILENCE: f32 = 0.01;

/// What is being tried, and with which model.
#[derive(Default)]
pub(crate) struct Trying {
    live: RefCell<Option<Live>>,
    /// The sound that was tried last, in case the model was wrong about it.
    last: RefCell<Option<Sound>>,
    /// What is said in what is tried, as far as the person has told.
    said: RefCell<Option<Transcript>>,
    /// Whether the personal model is tried rather than the shared one.
    mine: Cell<bool>,
}

/// The microphone in live use.
struct Live {
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
    branches: Option<BranchesView>,
    level: f32,
    /// When the first and the last piece came that are new in this answer, on the page's clock.
    since: f64,
    at: f64,
}

impl Trying {
    /// Whether the personal model is tried.
    pub(crate) fn mine(&self) -> bool {
        self.mine.get()
    }

    /// Has this as what is said from now on; nothing, where nothing is left of it.
    pub(crate) fn say(&self, text: &str) -> Result<(), Failure> {
        self.said.replace(said(text)?);
        Ok(())
    }

    /// Ends live use. What was heard last can still be corrected.
    pub(crate) fn live_stop(&self) {
        if let Some(sound) = self.live.take().and_then(|live| live.sound()) {
            self.last.replace(Some(sound));
        }
    }
}

impl App {
    pub(crate) fn predict(&self, sound: Sound) -> Result<JsValue, Failure> {
        let answer = self.answer(self.trying.mine(), &self.tried(&sound, self.augmentation())?)?;
        self.trying.last.replace(Some(sound));
        Ok(answer.to_js())
    }

    /// Tries the model on what is said alone, however it may sound.
    pub(crate) fn predict_text(&self) -> Result<JsValue, Failure> {
        let values = vec![0.0; client::INPUT_VALUES];
        let unheard = Example { values, frames: 0, text: Vec::new(), label: 0, variants: Vec::new() };
        let example = Some(self.with_text(unheard)).filter(|example| !example.text.is_empty()).ok_or_else(no_text)?;
        Ok(self.answer(self.trying.mine(), &example)?.to_js())
    }

    fn with_text(&self, heard: Example) -> Example {
        let said = self.trying.said.borrow();
        Example { text: said.as_ref().map(Transcript::buckets).unwrap_or_default(), ..heard }
    }

    /// What the model is given of a sound that is tried, with what the person told of it.
    fn tried(&self, sound: &Sound, augmentation: Augmentation) -> Result<Example, Failure> {
        let example = self.with_text(example_of(sound, 0, augmentation)?);
        with_sides(example, self.modalities()).ok_or_else(no_text)
    }

    /// What the personal or the shared model says.
    pub(crate) fn answer(&self, mine: bool, example: &Example) -> Result<Answer, Failure> {
        let inference = if mine { self.personal_inference()? } else { None };
        let inference = match inference {
            Some(inference) => inference,
            None => self.shared.inference()?,
        };
        Answer::of(&inference, example).map_err(|error| Failure::new(FailureCode::Model, error.to_string()))
    }

    /// Chooses which model is tried.
    pub(crate) fn try_with(self: &Rc<Self>, mine: bool) {
        self.trying.mine.set(mine && self.personal().is_some());
        self.show();
    }

    pub(crate) fn live_start(&self, rate: u32) -> Result<(), Failure> {
        self.shared.inference()?;
        if !speech::RATES.contains(&rate) {
            let words = format!("A microphone of {rate} samples a second can't be used here.");
            return Err(Failure::new(FailureCode::Rate, words));
        }
        let live = Live { rate, recent: Vec::new(), answered_at: f64::NEG_INFINITY, since: None };
        self.trying.live.replace(Some(live));
        Ok(())
    }

    pub(crate) fn live_push(&self, samples: &Float32Array, at: f64) -> Result<(), Failure> {
        let samples = samples.to_vec();
        let level = samples.iter().fold(0_f32, |level, sample| level.max(sample.abs()));
        let (window, rate, since) = {
            let mut live = self.trying.live.borrow_mut();
            let Some(live) = live.as_mut() else { return Ok(()) };
            live.recent.extend_from_slice(&samples);
            let surplus = live.recent.len().saturating_sub(live.rate as usize * CORRECTION_S);
            live.recent.drain(..surplus);
            let since = *live.since.get_or_insert(at);
            if now() - live.answered_at < LIVE_EVERY_MS {
                return Ok(());
            }
            live.since = None;
            (live.last(LIVE_WINDOW_S).to_vec(), live.rate, since)
        };
        let heard = window.iter().any(|sample| sample.abs() > SILENCE);
        let answer = match heard.then(|| self.last_moments(&window, rate)) {
            None => None,
            Some(Ok(answer)) => Some(answer),
            // The very first moment is shorter than one window; there is nothing to say yet.
            Some(Err(failure)) if failure.code == FailureCode::TooShort => None,
            Some(Err(failure)) => return Err(failure),
        };
        // From the end of the answer, so that on a slow laptop what came meanwhile is taken in before the next.
        if let Some(live) = self.trying.live.borrow_mut().as_mut() {
            live.answered_at = now();
        }
        let (probabilities, branches) =
            answer.map_or((None, None), |Answer { probabilities, branches }| (Some(probabilities), branches));
        post(&LiveEvent { r#type: "live", probabilities, branches, level, since, at });
        Ok(())
    }

    /// What the model says of the last moments: at their own speed alone, whatever the room does with clips, since an
    /// answer has to come at once.
    fn last_moments(&self, samples: &[f32], rate: u32) -> Result<Answer, Failure> {
        let sound = Sound::from_pcm(samples, 1, rate)?;
        self.answer(self.trying.mine(), &self.tried(&sound, Augmentation::None)?)
    }

    /// Makes a labelled clip of the last moments of live use, or of what was tried last, with what the person told of it.
    pub(crate) async fn correct(self: &Rc<Self>, name: &str, label: usize) -> Result<JsValue, Failure> {
        let live = self.trying.live.borrow().as_ref().map(Live::sound);
        let sound = live.unwrap_or_else(|| self.trying.last.borrow().clone());
        let sound = sound.as_ref().and_then(speech::sounding).ok_or_else(|| {
            let words = "Nothing was heard in the last moments. Say it again, then choose.";
            Failure::new(FailureCode::NothingHeard, words)
        })?;
        let decoded = speech::Decoded { sound, notices: Vec::new() };
        let text = self.trying.said.borrow().as_ref().map(|said| said.as_str().to_owned());
        let new = NewClip { name, label: Some(label), text: text.as_deref(), source: Source::Correction };
        self.add(&decoded, new).await
    }
}

/// Said where a room that looks at text alone has none, or nothing was typed.
fn no_text() -> Failure {
    Failure::new(FailureCode::NoText, "There is nothing to read: type what is said.")
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
