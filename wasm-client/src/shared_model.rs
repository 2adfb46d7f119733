//! The group's model as this tab has it, and how its versions did here.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use client::{FailureCode, Hearing, translate};
use js_sys::{Float32Array, Object, Uint8Array};
use models::{Architecture, Example, Inference, Standardisation};
use protocol::{Augmentation, Evaluation, ModelVersion, Normalisation};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::app::App;
use crate::failure::{Failure, set};
use crate::page::{Level, tell};
use crate::showing::room_view;
use crate::storage::OwnResult;
use crate::training::Model;

/// The shared model, once the first has come.
#[derive(Default)]
pub(crate) struct Shared {
    model: RefCell<Option<SharedModel>>,
}

/// A version of it.
struct SharedModel {
    version: u32,
    parameters: Arc<Vec<f32>>,
    /// By which scale this laptop hears.
    hearing: Hearing,
    /// The scale of the group.
    group: Standardisation,
    /// The same model, ready to answer; none where it fits no network that this page knows.
    inference: Option<Rc<Inference>>,
}

impl Shared {
    /// The version that is here.
    pub(crate) fn version(&self) -> Option<u32> {
        self.model.borrow().as_ref().map(|model| model.version)
    }

    /// By which scale this laptop hears.
    pub(crate) fn hearing(&self) -> Option<Hearing> {
        self.model.borrow().as_ref().map(|model| model.hearing.clone())
    }

    /// The model, ready to answer.
    ///
    /// # Errors
    /// `no_model`.
    pub(crate) fn inference(&self) -> Result<Rc<Inference>, Failure> {
        let model = self.model.borrow();
        model.as_ref().and_then(|model| model.inference.clone()).ok_or_else(no_model)
    }
}

impl App {
    /// Notes with the seat how a version did on this person's held-back clips. Where the room went back to it, what came after
    /// is no more.
    pub(crate) fn note_own(self: &Rc<Self>, version: ModelVersion, evaluation: &Evaluation) {
        let &Evaluation { loss, accuracy, examples: clips, .. } = evaluation;
        let app = Rc::clone(self);
        spawn_local(async move {
            let noted = app.seat.change(|seat| {
                seat.own.retain(|(other, _)| *other < version.0);
                seat.own.push((version.0, OwnResult { loss, accuracy, clips }));
            });
            if let Err(failure) = noted.await {
                tell(Level::Warning, &failure);
            }
            app.show();
        });
    }

    /// Has this version from now on.
    pub(crate) fn keep_model(
        &self,
        version: ModelVersion,
        parameters: Arc<Vec<f32>>,
        standardisation: &protocol::Standardisation,
    ) {
        self.hear_by(version.0, parameters, translate::standardisation(standardisation));
    }

    /// The clips are others than before, and in a room in which laptops hear by their own scales so is this one's.
    pub(crate) fn hear_anew(&self) {
        if self.normalisation().is_group() {
            return;
        }
        if let Some(SharedModel { version, parameters, group, .. }) = self.shared.model.take() {
            self.hear_by(version, parameters, group);
        }
    }

    fn hear_by(&self, version: u32, parameters: Arc<Vec<f32>>, group: Standardisation) {
        let normalisation = self.normalisation();
        let of_group = normalisation.is_group();
        // Statistics are of clips as they are.
        let clips =
            self.clips.read(|clips| if of_group { Vec::new() } else { clips.examples(false, Augmentation::None) });
        let hearing = Hearing::of(normalisation, group.clone(), &clips, self.clips.labels().len());
        let inference = self.inference(Arc::clone(&parameters), hearing.scale().clone());
        if let Err(failure) = &inference {
            tell(Level::Warning, failure);
        }
        let inference = inference.ok();
        self.shared.model.replace(Some(SharedModel { version, parameters, hearing, group, inference }));
    }

    /// By which scale laptops hear in this room.
    pub(crate) fn normalisation(&self) -> Normalisation {
        self.room().map(|room| room.normalisation).unwrap_or_default()
    }

    /// Clips as a job trains on them that has [`App::job_model`]'s model.
    pub(crate) fn trained_on<'a>(&self, clips: &'a [Example]) -> Cow<'a, [Example]> {
        self.shared.hearing().map_or(Cow::Borrowed(clips), |hearing| hearing.trained_on(clips))
    }

    /// The room's network.
    ///
    /// # Errors
    /// Where this page does not know it, or before a room is opened.
    pub(crate) fn architecture(&self) -> Result<Architecture, Failure> {
        let room = self.room().ok_or_else(|| Failure::new(FailureCode::NoModel, "Join a room first."))?;
        room.architecture.parse().map_err(|_| {
            let words = format!("This page does not know the model “{}”. Reload it.", room.architecture);
            Failure::new(FailureCode::Trainer, words)
        })
    }

    /// A network of this room with these parameters.
    ///
    /// # Errors
    /// Where they do not fit it.
    pub(crate) fn inference(
        &self,
        parameters: Arc<Vec<f32>>,
        standardisation: Standardisation,
    ) -> Result<Rc<Inference>, Failure> {
        let inference = Inference::new(self.architecture()?, self.clips.labels().len(), parameters, standardisation);
        inference.map(Rc::new).map_err(|error| Failure::new(FailureCode::Model, error.to_string()))
    }

    /// The present shared model as a job takes it.
    ///
    /// # Errors
    /// `no_model`, or as [`App::architecture`].
    pub(crate) fn job_model(&self) -> Result<Model, Failure> {
        let architecture = self.architecture()?;
        let model = self.shared.model.borrow();
        let model = model.as_ref().ok_or_else(no_model)?;
        Ok(Model {
            architecture,
            labels: self.clips.labels().len(),
            parameters: Float32Array::from(model.parameters.as_slice()),
            standardisation: model.hearing.scale().clone(),
        })
    }

    /// The present shared model with all that a page without a server needs to use it.
    ///
    /// # Errors
    /// As [`App::job_model`].
    pub(crate) fn offline_model(&self) -> Result<JsValue, Failure> {
        let model = self.job_model()?;
        let version = self.shared.version().unwrap_or_default();
        let bytes = |values: &Float32Array| Uint8Array::new(&values.buffer());
        let answer = Object::new();
        set(&answer, "architecture", &model.architecture.to_string().into());
        set(&answer, "version", &version.to_string().into());
        let room = self.room().map(room_view);
        set(&answer, "hears", &room.as_ref().is_none_or(|room| room.hears).into());
        set(&answer, "reads", &room.as_ref().is_some_and(|room| room.reads).into());
        set(&answer, "speeds", &client::at_several_speeds(self.augmentation()).into());
        set(&answer, "parameters", &bytes(&model.parameters));
        set(&answer, "mean", &bytes(&Float32Array::from(model.standardisation.mean.as_slice())));
        set(&answer, "deviation", &bytes(&Float32Array::from(model.standardisation.deviation.as_slice())));
        Ok(answer.into())
    }
}

/// Said wherever something needs the shared model before it is there.
fn no_model() -> Failure {
    Failure::new(FailureCode::NoModel, "There is nothing to try yet: the model comes with the first round of training.")
}
