//! The program in the page that a person takes home: features and the trained model, nothing else. The browser decodes
//! the sound; there is no server, no storage and no training.

use client::FailureCode;
use js_sys::Float32Array;
use models::{Inference, Standardisation};
use protocol::Augmentation;
use speech::Sound;
use wasm_bindgen::prelude::*;
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
}

#[wasm_bindgen]
impl Model {
    /// A model from its parameters in the order of its layout, and from mean and deviation of each feature. With
    /// `speeds`, every answer is the mean over a sound at several speeds, as the model was trained.
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
    ) -> Result<Model, JsValue> {
        let failed = |error: String| JsValue::from(Failure::new(FailureCode::NoModel, error));
        let architecture = architecture.parse().map_err(|_| failed(format!("There is no model “{architecture}”.")))?;
        let inference = Inference::new(architecture, labels, parameters, Standardisation { mean, deviation })
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { inference, augmentation: client::augmentation_at(speeds) })
    }

    /// The probability of each label for a sound whose channels are interleaved.
    ///
    /// # Errors
    /// An object with `code` and `message`.
    pub fn probabilities(&self, samples: &Float32Array, channels: u16, rate: u32) -> Result<Vec<f32>, JsValue> {
        self.of(&sounds::from_pcm(samples, channels, rate).map_err(Failure::from)?.sound)
    }

    /// The same for a WAV file of integer or f32 samples. A browser would do as well, but Chromium scales the samples
    /// above zero a little differently from those below, and the answer would not be quite the room's.
    ///
    /// # Errors
    /// An object with `code` and `message`; `needs_browser_decoder` where it is no such file.
    pub fn probabilities_of_wav(&self, bytes: &[u8]) -> Result<Vec<f32>, JsValue> {
        self.of(&client::sound_of_wav(bytes).map_err(Failure::from)?)
    }

    fn of(&self, sound: &Sound) -> Result<Vec<f32>, JsValue> {
        let example = client::example_of(sound, 0, self.augmentation).map_err(Failure::from)?;
        Ok(self
            .inference
            .probabilities(&example)
            .map_err(|error| Failure::new(FailureCode::NoModel, error.to_string()))?)
    }
}
