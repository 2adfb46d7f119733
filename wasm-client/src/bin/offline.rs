//! The program in the page that a person takes home: features and the trained model, nothing else. The browser decodes
//! the sound; there is no server, no storage and no training.

use client::FailureCode;
use js_sys::Float32Array;
use models::{Example, Inference, Standardisation};
use protocol::{Augmentation, Modalities};
use speech::Sound;
use wasm_bindgen::prelude::*;
use wasm_client::answer::Answer;
use wasm_client::failure::Failure;
use wasm_client::sounds;

fn main() {
    console_error_panic_hook::set_once();
}

/// A trained model.
#[wasm_bindgen]
pub struct Model {
    inference: Inference,
    augmentation: Augmentation,
    modalities: Modalities,
    /// The buckets of what is said, as far as that was told.
    text: Vec<u16>,
}

#[wasm_bindgen]
impl Model {
    /// A model from its parameters in the order of its layout, and from mean and deviation of each feature. With
    /// `speeds`, every answer is the mean over a sound at several speeds, as the model was trained; `hears` is false where it was
    /// given texts alone.
    ///
    /// # Errors
    /// An object with `code` and `message`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        architecture: &str,
        labels: usize,
        parameters: Vec<f32>,
        mean: Vec<f32>,
        deviation: Vec<f32>,
        speeds: bool,
        hears: bool,
    ) -> Result<Model, JsValue> {
        let failed = |error: String| JsValue::from(Failure::new(FailureCode::NoModel, error));
        let architecture = architecture.parse().map_err(|_| failed(format!("There is no model “{architecture}”.")))?;
        let inference = Inference::new(architecture, labels, parameters, Standardisation { mean, deviation })
            .map_err(|error| failed(error.to_string()))?;
        let modalities = if hears { Modalities::Both } else { Modalities::Text };
        Ok(Self { inference, augmentation: client::augmentation_at(speeds), modalities, text: Vec::new() })
    }

    /// Has this text, composed (Unicode's form C), as what is said from now on; nothing, where nothing is left of it.
    ///
    /// # Errors
    /// An object with `code` and `message`: it is too long.
    pub fn read(&mut self, text: &str) -> Result<(), JsValue> {
        let said = client::said(text).map_err(Failure::from)?;
        self.text = said.map_or_else(Vec::new, |said| said.buckets());
        Ok(())
    }

    /// What the model says of that text alone.
    ///
    /// # Errors
    /// An object with `code` and `message`.
    pub fn answer_to_text(&self) -> Result<JsValue, JsValue> {
        let values = vec![0.0; client::INPUT_VALUES];
        self.answer(Example { values, frames: 0, text: Vec::new(), label: 0, variants: Vec::new() })
    }

    /// What the model says of a sound whose channels are interleaved: `probabilities` of each label, and `branches`, what voice
    /// and text each say, where it reads.
    ///
    /// # Errors
    /// An object with `code` and `message`.
    pub fn answer_to(&self, samples: &Float32Array, channels: u16, rate: u32) -> Result<JsValue, JsValue> {
        self.of(&sounds::from_pcm(samples, channels, rate).map_err(Failure::from)?.sound)
    }

    /// The same for a WAV file of integer or f32 samples. A browser would do as well, but Chromium scales the samples
    /// above zero a little differently from those below, and the answer would not be quite the room's.
    ///
    /// # Errors
    /// An object with `code` and `message`; `needs_browser_decoder` where it is no such file.
    pub fn answer_to_wav(&self, bytes: &[u8]) -> Result<JsValue, JsValue> {
        self.of(&client::sound_of_wav(bytes).map_err(Failure::from)?)
    }

    fn of(&self, sound: &Sound) -> Result<JsValue, JsValue> {
        self.answer(client::example_of(sound, 0, self.augmentation).map_err(Failure::from)?)
    }

    fn answer(&self, heard: Example) -> Result<JsValue, JsValue> {
        let example = client::with_sides(Example { text: self.text.clone(), ..heard }, self.modalities);
        let no_text = || Failure::new(FailureCode::NoText, "There is nothing to read: type what is said.");
        let example = example.filter(|example| example.frames > 0 || !example.text.is_empty()).ok_or_else(no_text)?;
        let answer = Answer::of(&self.inference, &example);
        Ok(answer.map_err(|error| Failure::new(FailureCode::NoModel, error.to_string()))?.to_js())
    }
}
