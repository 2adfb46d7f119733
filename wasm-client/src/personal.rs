//! Mine against ours: a personal model that goes on from the shared one on this seat's clips alone, and both side by
//! side on the clips that were kept for the test. Nothing of it is sent.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use client::personal::{Compared, Expectation, Score, most_likely};
use client::{Clip, FailureCode};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Object, Uint8Array};
use model_file::{Description, Learnt};
use models::{Example, Inference, Step, onnx};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::app::App;
use crate::commands::Format;
use crate::failure::{Failure, set};
use crate::page::{Level, tell};
use crate::storage::Personal;
use crate::training::{Examples, Job, TuneResult};
use crate::view::PersonalView;

/// The personal model beside the shared one. The model itself is kept with the seat.
#[derive(Default)]
pub(crate) struct Mine {
    /// How far it is, 0 to 1, while it is being made.
    tuning: Cell<Option<f64>>,
    /// The one that was made at this time, ready to answer.
    inference: RefCell<Option<(f64, Rc<Inference>)>>,
    comparison: RefCell<Option<Comparison>>,
}

/// Both models' answers to the clips that are kept for the test.
struct Comparison {
    /// What it was made of; another question needs another answer.
    key: String,
    /// None until both have answered.
    compared: Option<Vec<Compared>>,
}

impl Mine {
    /// How far the personal model is, 0 to 1, while it is being made.
    pub(crate) fn tuning(&self) -> Option<f64> {
        self.tuning.get()
    }

    fn compared(&self) -> Option<Vec<Compared>> {
        self.comparison.borrow().as_ref()?.compared.clone()
    }

    fn is_compared(&self, key: &str) -> bool {
        self.comparison.borrow().as_ref().is_some_and(|comparison| comparison.key == key)
    }
}

impl App {
    /// Makes the personal model.
    ///
    /// # Errors
    /// No shared model yet; no clips to train on; a failure of the trainer.
    pub(crate) async fn tune(self: &Rc<Self>) -> Result<(), Failure> {
        if self.mine.tuning.get().is_some() {
            return Ok(());
        }
        if self.connection.training_round().is_some() {
            let words = "Your laptop is training for the group just now. Try again in a moment.";
            return Err(Failure::new(FailureCode::Busy, words));
        }
        let model = self.job_model()?;
        let version = self.shared.version().unwrap_or_default();
        let examples = self.training_clips();
        if examples.is_empty() {
            return Err(Failure::new(FailureCode::NoClips, "Record or add some clips first."));
        }
        let trained_on = self.clips.read(|clips| {
            clips.listed().iter().filter(|listed| listed.is_trained_on()).map(|listed| listed.clip.id).collect()
        });
        let (architecture, standardisation) = (model.architecture, model.standardisation.clone());
        let way = client::personal::best_way(model.architecture);
        let model = Cell::new(Some(model));
        let job = || {
            let model = model.take().map_or_else(|| self.job_model(), Ok)?;
            Ok(Job::Tune { model, version, way, examples: Examples::pack(&self.trained_on(&examples)) })
        };
        self.mine.tuning.set(Some(0.0));
        self.show();
        let result = self.ask::<Option<TuneResult>>(job).await;
        self.mine.tuning.set(None);
        self.show();
        let result = result?.ok_or_else(|| {
            let words = "Your own model was not finished. Make it again when you like.";
            Failure::new(FailureCode::TuningStopped, words)
        })?;
        let personal = Personal {
            made_at: js_sys::Date::now(),
            version,
            epochs: result.epochs,
            trained_on,
            architecture: architecture.name().to_owned(),
            labels: self.clips.labels(),
            standardisation,
            parameters: result.parameters,
        };
        self.seat.change(|seat| seat.personal = Some(personal)).await?;
        self.compare();
        self.show();
        Ok(())
    }

    /// Gives up its making.
    pub(crate) fn stop_tuning(&self) {
        // What the trainer does in a round is the group's, and not to be stopped here.
        if self.connection.training_round().is_none() {
            self.yield_to_round();
        }
    }

    /// The group does not wait for a personal model: a round that begins ends its making.
    pub(crate) fn yield_to_round(&self) {
        if self.mine.tuning.get().is_some() {
            self.trainer.stop();
        }
    }

    pub(crate) fn tuning_progress(self: &Rc<Self>, step: &Step) {
        if self.mine.tuning.get().is_some() {
            self.mine.tuning.set(Some(client::fraction_done(step)));
            self.show();
        }
    }

    /// After the last round everyone who took part gets a personal model, unless this one is made already.
    pub(crate) fn tune_finished(self: &Rc<Self>) {
        let version = self.shared.version();
        let made = self.personal().map(|personal| personal.version);
        self.compare();
        if self.seat.takes_part() && made != version && self.clips.training_count() > 0 {
            let app = Rc::clone(self);
            spawn_local(async move {
                if let Err(failure) = app.tune().await {
                    tell(Level::Warning, &failure);
                }
            });
        }
    }

    /// The personal model, where it fits the room as it is today.
    pub(crate) fn personal(&self) -> Option<Personal> {
        let room = self.room()?;
        self.seat.personal().filter(|personal| {
            personal.architecture == room.architecture
                && personal.labels == room.labels
                && personal.parameters.length() == room.parameters
        })
    }

    /// What one gave others who had no more clips, once the room is known.
    pub(crate) fn expectation(&self) -> Option<Expectation> {
        let network = self.architecture().ok()?;
        Some(Expectation::of(network, self.normalisation(), &self.clips.read(client::Clips::holdings)))
    }

    pub(crate) fn personal_view(&self) -> Option<PersonalView> {
        let personal = self.personal()?;
        let compared = self.mine.compared();
        Some(PersonalView {
            version: personal.version,
            epochs: personal.epochs,
            clips: personal.trained_on.len(),
            shared_version: self.shared.version(),
            score: compared.as_deref().map(Score::of),
            compared,
        })
    }

    /// Puts the personal model beside the shared one, unless that was done already.
    pub(crate) fn compare(self: &Rc<Self>) {
        let Some(personal) = self.personal() else { return };
        let Some(shared) = self.shared.version() else { return };
        let (augmentation, modalities) = (self.augmentation(), self.modalities());
        let held_back: Vec<(Clip, usize)> = self.clips.read(|clips| {
            let tests = clips.tests_of(&personal.trained_on).into_iter();
            tests.map(|(clip, label)| (clip.clone(), label)).collect()
        });
        let clips: Vec<(f64, usize)> = held_back.iter().map(|(clip, label)| (clip.id, *label)).collect();
        // What the shared model is heard by where laptops have scales of their own.
        let of_scale = if self.normalisation().is_group() { 0 } else { self.clips.training_count() };
        let key = format!("{shared} {} {of_scale} {clips:?}", personal.made_at);
        if self.mine.is_compared(&key) {
            return;
        }
        self.mine.comparison.replace(Some(Comparison { key: key.clone(), compared: None }));
        let app = Rc::clone(self);
        spawn_local(async move {
            let mut compared = Vec::new();
            for (clip, label) in &held_back {
                let Some(example) = clip.example(*label, augmentation, modalities) else { continue };
                // Between two clips the worker hears whatever else there is.
                TimeoutFuture::new(0).await;
                match (app.heard(true, &example), app.heard(false, &example)) {
                    (Ok(mine), Ok(ours)) => {
                        compared.push(Compared { clip: clip.id, label: *label, mine, ours });
                    }
                    (Err(failure), _) | (_, Err(failure)) => {
                        app.mine.comparison.replace(None);
                        return tell(Level::Warning, &failure);
                    }
                }
            }
            if let Some(comparison) =
                app.mine.comparison.borrow_mut().as_mut().filter(|comparison| comparison.key == key)
            {
                comparison.compared = Some(compared);
            }
            app.show();
        });
    }

    /// The index of the label that a model finds most likely.
    fn heard(&self, mine: bool, example: &Example) -> Result<usize, Failure> {
        most_likely(&self.answer(mine, example)?.probabilities)
            .ok_or_else(|| Failure::new(FailureCode::Model, "The model gave no answer."))
    }

    /// The personal model as a file for other programs.
    ///
    /// # Errors
    /// There is none, or it does not fit its network.
    pub(crate) fn personal_file(&self, format: Format) -> Result<JsValue, Failure> {
        let none = || Failure::new(FailureCode::NoPersonalModel, "Make your own model first.");
        let personal = self.personal().ok_or_else(none)?;
        let architecture = self.architecture()?;
        let code = self.room().map_or(String::new(), |room| room.code.to_string());
        let about = Description {
            architecture,
            labels: &personal.labels,
            standardisation: Some(personal.standardisation.clone()),
            several_speeds: client::at_several_speeds(self.augmentation()),
            room: &code,
            model_version: personal.version,
            // What is inside is this person's own.
            own_scales: false,
            learnt: Learnt::Alone { epochs: personal.epochs, clips: personal.trained_on.len() },
        };
        let broken = |error: &dyn std::fmt::Display| Failure::new(FailureCode::Model, error.to_string());
        let parameters = personal.parameters.to_vec();
        let file = match format {
            Format::Safetensors => {
                let mut file = model_file::header(&about).map_err(|error| broken(&error))?;
                file.extend(parameters.iter().flat_map(|parameter| parameter.to_le_bytes()));
                file
            }
            Format::Onnx => {
                let (labels, metadata) = (personal.labels.len(), about.metadata());
                onnx::model(architecture, labels, &parameters, &personal.standardisation, &metadata)
                    .map_err(|error| broken(&error))?
            }
            Format::Json => about.json().map_err(|error| broken(&error))?,
        };
        let answer = Object::new();
        set(&answer, "file", &Uint8Array::from(file.as_slice()));
        Ok(answer.into())
    }

    /// The personal model, ready to answer, where there is one.
    pub(crate) fn personal_inference(&self) -> Result<Option<Rc<Inference>>, Failure> {
        let Some(personal) = self.personal() else { return Ok(None) };
        if let Some((made_at, inference)) = self.mine.inference.borrow().as_ref()
            && *made_at == personal.made_at
        {
            return Ok(Some(Rc::clone(inference)));
        }
        let inference = self.inference(Arc::new(personal.parameters.to_vec()), personal.standardisation)?;
        self.mine.inference.replace(Some((personal.made_at, Rc::clone(&inference))));
        Ok(Some(inference))
    }
}
