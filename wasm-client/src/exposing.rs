//! What one update of this laptop gives away: the trainer makes an update for this alone, and the attacker, a worker of its own, is
//! set on it in each of the three ways in which a server might see it. Nothing of it is sent.

use std::rc::Rc;

use client::{FailureCode, translate};
use js_sys::Float32Array;
use models::{Example, Optimiser, TrainingPlan};
use protocol::{Augmentation, Masking, Modalities};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use crate::app::App;
use crate::failure::Failure;
use crate::page::{post, to_js};
use crate::training::{Examples, Job, Model, RoundResult};
use crate::worker_link::{NoAnswer, WorkerEvent, WorkerLink};

/// Recordings of this person's that the attacker is given to know the voice by.
const RECORDINGS: usize = 3;

/// What the attacker is set on, and what it is held against.
#[derive(Serialize, Deserialize)]
pub struct Attack {
    /// The model from which training began, as the server knows it.
    pub model: Model,
    /// The update.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub update: Float32Array,
    /// Clips that it was made of, which the server is told.
    pub examples: u32,
    /// Steps that were done.
    pub steps: u32,
    /// The step size of SGD; none with another optimiser.
    pub learning_rate: Option<f64>,
    /// How the room masks updates; none where it does not.
    pub masking: Option<Masking>,
    /// The room's noise: the norm that updates are clipped to, and the multiplier; none where it has none on whole updates.
    pub noise: Option<(f64, f64)>,
    /// Rounds of the room.
    pub rounds: u32,
    /// Recordings of the same person that the update was not made of.
    pub recordings: Examples,
    /// How many of the clips have each label: what is to be found out.
    pub counts: Vec<u32>,
    /// The clip, where there is one alone: the attacker is told how long it is, and its guess is held against the rest.
    pub clip: Option<Examples>,
}

#[derive(Serialize)]
struct ExposingEvent {
    r#type: &'static str,
    fraction: f64,
}

impl App {
    /// Has an update made of one of the clips, or of all, and has it attacked.
    ///
    /// # Errors
    /// No shared model yet; no such clip; training for the group just now; a failure of the trainer or the attacker.
    pub(crate) async fn expose(self: &Rc<Self>, clip: Option<f64>) -> Result<JsValue, Failure> {
        if self.connection.training_round().is_some() {
            let words = "Your laptop is training for the group just now. Try again in a moment.";
            return Err(Failure::new(FailureCode::Busy, words));
        }
        let model = self.job_model()?;
        let (examples, recordings) = self.attacked(clip);
        if examples.is_empty() {
            return Err(Failure::new(FailureCode::NoClips, "Record or add some clips first."));
        }
        let training = self.plan_of_attacked(clip.is_some())?;
        let job = || {
            Ok(Job::Round {
                model: self.job_model()?,
                training: training.clone(),
                correction: Float32Array::new_with_length(0),
                most_steps: None,
                gradients: None,
                examples: Examples::pack(&examples),
                held_back: Examples::pack(&[]),
            })
        };
        let trained = self.ask::<Option<RoundResult>>(job).await?.ok_or_else(|| {
            let words = "A round of the group began. Try again in a moment.";
            Failure::new(FailureCode::Busy, words)
        })?;
        let before = model.parameters.to_vec();
        let update: Vec<f32> = trained.parameters.to_vec().iter().zip(&before).map(|(to, from)| to - from).collect();
        let of_label = |label| examples.iter().filter(|example| example.label == label).count() as u32;
        let counts = (0..model.labels).map(of_label).collect();
        let room = self.room();
        let attack = Attack {
            model,
            update: Float32Array::from(update.as_slice()),
            examples: trained.examples,
            steps: trained.steps,
            learning_rate: (training.optimiser == Optimiser::Sgd).then_some(training.learning_rate),
            masking: room.and_then(|room| room.masking),
            // The clip of a room that hides single clips is for their gradients, not for an update.
            noise: room
                .and_then(|room| room.noise)
                .filter(|noise| noise.hides.is_person())
                .map(|noise| (noise.clip, noise.multiplier)),
            rounds: room.map_or(1, |room| room.rounds),
            recordings: Examples::pack(&recordings),
            counts,
            clip: clip.is_some().then(|| Examples::pack(&examples)),
        };
        let listener = |event| {
            if let WorkerEvent::Progress(fraction) = event {
                post(&ExposingEvent { r#type: "exposing", fraction: fraction.as_f64().unwrap_or_default() });
            }
        };
        let link = WorkerLink::start("/js/worker/attacker.js", Rc::new(listener));
        let link = link.map_err(|error| Failure::from_browser(FailureCode::Attacker, &error))?;
        link.ask(&to_js(&attack, FailureCode::Attacker)?).await.map_err(|none| match none {
            NoAnswer::Refused { message, .. } | NoAnswer::Crashed(message) => {
                Failure::new(FailureCode::Attacker, message)
            }
        })
    }

    /// The clips that the update is made of, as they are, and some others of the same person.
    fn attacked(&self, clip: Option<f64>) -> (Vec<Example>, Vec<Example>) {
        self.clips.read(|clips| {
            let listed = clips.listed();
            let of = |wanted: &dyn Fn(f64, bool) -> bool, most: usize| -> Vec<Example> {
                let those = listed.iter().filter(|listed| wanted(listed.clip.id, listed.held_back));
                those
                    .filter_map(|listed| listed.clip.example(listed.label, Augmentation::None, Modalities::Voice))
                    .take(most)
                    .collect()
            };
            match clip {
                Some(id) => (of(&|other, _| other == id, 1), of(&|other, _| other != id, RECORDINGS)),
                None => (of(&|_, held_back| !held_back, usize::MAX), of(&|_, held_back| held_back, RECORDINGS)),
            }
        })
    }

    /// How the room trains; once over it where there is one clip alone.
    fn plan_of_attacked(&self, alone: bool) -> Result<TrainingPlan, Failure> {
        let room = self.room().ok_or_else(|| Failure::new(FailureCode::NoModel, "Join a room first."))?;
        let plan = translate::training_plan(room.training, room.seed);
        Ok(TrainingPlan { epochs: if alone { 1 } else { plan.epochs }, proximal: 0.0, ..plan })
    }
}
