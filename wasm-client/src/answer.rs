//! What a model says of a clip, as pages are told it.

use js_sys::{Float32Array, Object};
use models::{Branches, Example, Inference, ModelError};
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::failure::set;

/// An answer: how likely each label is, and of a network that reads as well as hears what each side says by itself.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// Of each label, 0 to 1.
    pub probabilities: Vec<f32>,
    /// None where the network only hears.
    pub branches: Option<BranchesView>,
}

/// What voice and text each say.
#[derive(Debug, Serialize)]
pub struct BranchesView {
    /// None where the clip is not heard.
    pub voice: Option<Vec<f32>>,
    /// None where nothing is read.
    pub text: Option<Vec<f32>>,
    /// How far the voice is trusted, 0 to 1, and the text with the rest.
    pub gate: f32,
}

impl Answer {
    /// A model's answer to an example.
    ///
    /// # Errors
    /// As [`Inference::probabilities`].
    pub fn of(model: &Inference, example: &Example) -> Result<Self, ModelError> {
        Ok(match model.branches(example)? {
            Some(Branches { both, voice, text, gate }) => {
                Self { probabilities: both, branches: Some(BranchesView { voice, text, gate }) }
            }
            None => Self { probabilities: model.probabilities(example)?, branches: None },
        })
    }

    /// The same with typed arrays: the fields `probabilities` and, where there are any, `branches`.
    pub fn to_js(&self) -> JsValue {
        let numbers = |values: &[f32]| JsValue::from(Float32Array::from(values));
        let or_null = |values: &Option<Vec<f32>>| values.as_deref().map_or(JsValue::NULL, numbers);
        let answer = Object::new();
        set(&answer, "probabilities", &numbers(&self.probabilities));
        let branches = self.branches.as_ref().map_or(JsValue::NULL, |BranchesView { voice, text, gate }| {
            let branches = Object::new();
            set(&branches, "voice", &or_null(voice));
            set(&branches, "text", &or_null(text));
            set(&branches, "gate", &f64::from(*gate).into());
            branches.into()
        });
        set(&answer, "branches", &branches);
        answer.into()
    }
}
