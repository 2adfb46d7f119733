//! Mine against ours: a personal model that goes on from the shared one on this seat's clips alone, and both side by
//! side on the clips that were kept for the test. Nothing of it is sent.

use std::rc::Rc;
use std::sync::Arc;

use client::personal::{Compared, Score, most_likely};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Object, Uint8Array};
use model_file::{Description, Learnt};
use models::{Example, Inference, Step, onnx};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::app::App;
use crate::clips;
use crate::commands::Format;
use crate::failure::{Failure, set};
use crate::storage::Personal;
use crate::training::{Examples, Job, TuneResult};
use crate::view::PersonalView;

/// Both models' answers to the clips that are kept for the test.
pub(crate) struct Comparison {
    /// What it was made of; another question needs another answer.
    key: String,
    /// None until both have answered.
    compared: Option<Vec<Compared>>,
}

impl App {
    /// Makes the personal model.
    ///
    /// # Errors
    /// No shared model yet; no clips to train on; a failure of the trainer.
    pub(crate) async fn tune(self: &Rc<Self>) -> Result<JsValue, Failure> {
        if self.tuning.get().is_some() {
            return Ok(Object::new().into());
        }
        if self.training_round().is_some() {
            return Err(Failure::new("busy", "Your laptop is training for the group just now. Try again in a moment."));
        }
        let model = self.job_model()?;
        let version = self.model.borrow().as_ref().map_or(0, |model| model.version);
        let examples = self.training_clips();
        if examples.is_empty() {
            return Err(Failure::new("no_clips", "Record or add some clips first."));
        }
        let trained_on = self.listed().iter().filter(|(_, _, held)| !held).map(|(clip, _, _)| clip.id).collect();
        let (architecture, standardisation) = (model.architecture, model.standardisation.clone());
        let job = Job::Tune { backend: self.backend(), model, version, examples: Examples::pack(&examples) };
        self.tuning.set(Some(0.0));
        self.show();
        let result = self.ask::<Option<TuneResult>>(&job).await;
        self.tuning.set(None);
        self.show();
        let result = result?.ok_or_else(|| {
            Failure::new("tuning_stopped", "Your own model was not finished. Make it again when you like.")
        })?;
        self.prepared.replace(Some(result.backend));
        let personal = Personal {
            made_at: js_sys::Date::now(),
            version,
            epochs: result.epochs,
            trained_on,
            architecture: architecture.name().to_owned(),
            labels: self.labels(),
            standardisation,
            parameters: result.parameters,
        };
        self.change_seat(|seat| seat.personal = Some(personal)).await?;
        self.compare();
        self.show();
        Ok(Object::new().into())
    }

    pub(crate) fn stop_tuning(&self) -> Result<JsValue, Failure> {
        // What the trainer does in a round is the group's, and not to be stopped here.
        if self.training_round().is_none() {
            self.yield_to_round();
        }
        Ok(Object::new().into())
    }

    /// The group does not wait for a personal model: a round that begins ends its making.
    pub(crate) fn yield_to_round(&self) {
        if self.tuning.get().is_some()
            && let Some(link) = self.link.borrow().as_ref()
        {
            link.stop();
        }
    }

    pub(crate) fn tuning_progress(self: &Rc<Self>, step: &Step) {
        if self.tuning.get().is_some() {
            self.tuning.set(Some(client::fraction_done(step)));
            self.show();
        }
    }

    /// After the last round everyone who took part gets a personal model, unless this one is made already.
    pub(crate) fn tune_finished(self: &Rc<Self>) {
        let took_part = self.seat.borrow().as_ref().is_some_and(|seat| seat.taking_part);
        let version = self.model.borrow().as_ref().map(|model| model.version);
        let made = self.personal().map(|personal| personal.version);
        self.compare();
        if took_part && made != version && self.training_count() > 0 {
            let app = Rc::clone(self);
            spawn_local(async move {
                let tuned = app.tune().await;
                app.tell(tuned.map(drop));
            });
        }
    }

    /// The personal model, where it fits the room as it is today.
    pub(crate) fn personal(&self) -> Option<Personal> {
        let seat = self.seat.borrow();
        let personal = seat.as_ref()?.personal.as_ref()?;
        let room = self.room.borrow();
        let room = room.as_ref()?;
        let fits = personal.architecture == room.architecture
            && personal.labels == room.labels
            && personal.parameters.length() == room.parameters;
        fits.then(|| personal.clone())
    }

    pub(crate) fn try_with(self: &Rc<Self>, mine: bool) -> Result<JsValue, Failure> {
        self.try_mine.set(mine && self.personal().is_some());
        self.show();
        Ok(Object::new().into())
    }

    pub(crate) fn personal_view(&self) -> Option<PersonalView> {
        let personal = self.personal()?;
        let shared_version = self.model.borrow().as_ref().map(|model| model.version);
        let compared = self.comparison.borrow().as_ref().and_then(|comparison| comparison.compared.clone());
        Some(PersonalView {
            version: personal.version,
            epochs: personal.epochs,
            clips: personal.trained_on.len(),
            shared_version,
            score: compared.as_deref().map(Score::of),
            compared,
        })
    }

    /// Puts the personal model beside the shared one, unless that was done already.
    pub(crate) fn compare(self: &Rc<Self>) {
        let Some(personal) = self.personal() else { return };
        let Some(shared) = self.model.borrow().as_ref().map(|model| model.version) else { return };
        let augmentation = self.augmentation();
        // A clip that was trained on before others were deleted is no test of the personal model.
        let held_back: Vec<_> = self
            .listed()
            .into_iter()
            .filter(|(clip, _, held)| *held && !personal.trained_on.contains(&clip.id))
            .collect();
        let clips: Vec<(f64, usize)> = held_back.iter().map(|(clip, label, _)| (clip.id, *label)).collect();
        let key = format!("{shared} {} {clips:?}", personal.made_at);
        if self.comparison.borrow().as_ref().is_some_and(|comparison| comparison.key == key) {
            return;
        }
        self.comparison.replace(Some(Comparison { key: key.clone(), compared: None }));
        let app = Rc::clone(self);
        spawn_local(async move {
            let mut compared = Vec::new();
            for (clip, label, _) in &held_back {
                let Some(example) = clips::example(clip, *label, augmentation) else { continue };
                // Between two clips the worker hears whatever else there is.
                TimeoutFuture::new(0).await;
                match (app.heard(true, &example), app.heard(false, &example)) {
                    (Ok(mine), Ok(ours)) => {
                        compared.push(Compared { clip: clip.id, label: *label, mine, ours });
                    }
                    (Err(failure), _) | (_, Err(failure)) => {
                        app.comparison.replace(None);
                        return app.notice("warning", failure.code, &failure.message);
                    }
                }
            }
            if let Some(comparison) = app.comparison.borrow_mut().as_mut().filter(|comparison| comparison.key == key) {
                comparison.compared = Some(compared);
            }
            app.show();
        });
    }

    /// The index of the label that a model finds most likely.
    fn heard(&self, mine: bool, example: &Example) -> Result<usize, Failure> {
        most_likely(&self.probabilities(mine, example)?)
            .ok_or_else(|| Failure::new("model", "The model gave no answer."))
    }

    /// The personal model as a file for other programs.
    ///
    /// # Errors
    /// There is none, or it does not fit its network.
    pub(crate) fn personal_file(&self, format: Format) -> Result<JsValue, Failure> {
        let none = || Failure::new("no_personal_model", "Make your own model first.");
        let personal = self.personal().ok_or_else(none)?;
        let architecture = self.architecture()?;
        let code = self.room.borrow().as_ref().map_or(String::new(), |room| room.code.to_string());
        let about = Description {
            architecture,
            labels: &personal.labels,
            standardisation: Some(personal.standardisation.clone()),
            room: &code,
            model_version: personal.version,
            learnt: Learnt::Alone { epochs: personal.epochs, clips: personal.trained_on.len() },
        };
        let broken = |error: &dyn std::fmt::Display| Failure::new("model", error.to_string());
        let parameters = personal.parameters.to_vec();
        let file = match format {
            Format::Safetensors => {
                let mut file = model_file::header(&about).map_err(|error| broken(&error))?;
                file.extend(parameters.iter().flat_map(|parameter| parameter.to_le_bytes()));
                file
            }
            Format::Onnx => {
                let metadata = about.metadata().map_err(|error| broken(&error))?;
                onnx::model(architecture, personal.labels.len(), &parameters, &personal.standardisation, &metadata)
                    .map_err(|error| broken(&error))?
            }
        };
        let answer = Object::new();
        set(&answer, "file", &Uint8Array::from(file.as_slice()));
        Ok(answer.into())
    }

    /// The personal model, ready to answer, where there is one.
    pub(crate) fn personal_inference(&self) -> Result<Option<Rc<Inference>>, Failure> {
        let Some(personal) = self.personal() else { return Ok(None) };
        if let Some((made_at, inference)) = self.personal_inference.borrow().as_ref()
            && *made_at == personal.made_at
        {
            return Ok(Some(Rc::clone(inference)));
        }
        let inference = self.inference(Arc::new(personal.parameters.to_vec()), personal.standardisation)?;
        self.personal_inference.replace(Some((personal.made_at, Rc::clone(&inference))));
        Ok(Some(inference))
    }
}
