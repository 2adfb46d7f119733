//! The clips of this seat: added, relabelled, deleted, brought back. Nothing is lost that the person has not
//! deleted.

use std::rc::Rc;

use federation::Input;
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use protocol::Augmentation;
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use speech::Sound;
use wasm_bindgen::JsValue;

use crate::app::App;
use crate::archive;
use crate::clips::{self, Origin, Source};
use crate::failure::{Failure, set};
use crate::storage::StoredClip;

/// Longest clip that is kept, in seconds: the networks see 10, and a whole lecture is surely a mistake.
const LONGEST_S: f64 = 120.0;
/// Made-up clips of each label.
const MADE_UP_TAKES: u64 = 6;

impl App {
    /// The room's labels.
    pub(crate) fn labels(&self) -> Vec<String> {
        self.room.borrow().as_ref().map(|room| room.labels.clone()).unwrap_or_default()
    }

    pub(crate) async fn add(
        self: &Rc<Self>,
        sound: &Sound,
        name: &str,
        path: Option<&str>,
        label: Option<usize>,
        source: Source,
    ) -> Result<JsValue, Failure> {
        let labels = self.labels();
        let label = label
            .filter(|&label| label < labels.len())
            .or_else(|| corpus::label_of(path.unwrap_or(name), &labels))
            .and_then(|label| labels.get(label))
            .ok_or_else(|| Failure::new("needs_label", "Which emotion is this?"))?;
        if sound.seconds() > LONGEST_S {
            return Err(Failure::new(
                "too_long",
                format!(
                    "{:.0} seconds are too long for one clip; cut it into pieces of a few seconds.",
                    sound.seconds()
                ),
            ));
        }
        let seat = self.seat.borrow().as_ref().map(|seat| seat.id.clone()).unwrap_or_default();
        let clip = clips::make(sound, &Origin { seat: &seat, name, label, source })?;
        let id = clip.id;
        if self.clips.borrow().iter().any(|other| other.digest == clip.digest && !other.removed) {
            return Err(Failure::new("duplicate", "This very sound is in the list already."));
        }
        self.store(&clip).await?;
        self.clips.borrow_mut().push(clip);
        self.tell_holdings();
        let answer = Object::new();
        set(&answer, "clip", &id.into());
        Ok(answer.into())
    }

    pub(crate) async fn add_made_up(self: &Rc<Self>) -> Result<JsValue, Failure> {
        let labels = self.labels();
        let emotions: Vec<Option<usize>> =
            labels.iter().map(|label| corpus::EMOTIONS.iter().position(|emotion| emotion == label)).collect();
        if emotions.iter().all(Option::is_none) {
            return Err(Failure::new("no_made_up", "Made-up voices know only angry, happy, neutral and sad."));
        }
        let seed = (js_sys::Math::random() * f64::from(u32::MAX)) as u64;
        let voice = corpus::synth::Voice::new(seed);
        let added = Array::new();
        for take in 0..MADE_UP_TAKES {
            for (label, emotion) in emotions.iter().enumerate() {
                let Some(emotion) = emotion else { continue };
                let sound = voice.say(*emotion, take);
                let name = format!("made-up voice {}, take {}", seed % 1000, take + 1);
                let answer = self.add(&sound, &name, None, Some(label), Source::MadeUp).await?;
                added.push(&Reflect::get(&answer, &"clip".into()).unwrap_or(JsValue::NULL));
            }
        }
        let answer = Object::new();
        set(&answer, "clips", &added);
        Ok(answer.into())
    }

    pub(crate) async fn relabel(self: &Rc<Self>, clip: f64, label: usize) -> Result<JsValue, Failure> {
        let label =
            self.labels().get(label).cloned().ok_or_else(|| Failure::new("label", "There is no such label."))?;
        self.change(clip, |clip| clip.label = label).await
    }

    /// Deletes clips in one step, which [`App::undo`] takes back as one.
    pub(crate) async fn remove(self: &Rc<Self>, clips: &[f64]) -> Result<JsValue, Failure> {
        let present: Vec<f64> =
            self.clips.borrow().iter().filter(|clip| !clip.removed && clips.contains(&clip.id)).map(|c| c.id).collect();
        if present.is_empty() {
            return Err(no_clip());
        }
        // Noted first: whatever of it is stored before the browser refuses can then come back.
        self.deletions.borrow_mut().push(present.clone());
        self.set_removed(&present, true).await
    }

    /// Takes the last deletion back.
    pub(crate) async fn undo(self: &Rc<Self>) -> Result<JsValue, Failure> {
        let Some(clips) = self.deletions.borrow_mut().pop() else { return Ok(Object::new().into()) };
        let restored = self.set_removed(&clips, false).await;
        if restored.is_err() {
            self.deletions.borrow_mut().push(clips);
        }
        restored
    }

    async fn set_removed(self: &Rc<Self>, clips: &[f64], removed: bool) -> Result<JsValue, Failure> {
        let mut changed = Ok(());
        for &id in clips {
            changed = self.change_one(id, |clip| clip.removed = removed).await;
            if changed.is_err() {
                break;
            }
        }
        self.tell_holdings();
        changed.map(|()| Object::new().into())
    }

    pub(crate) fn sound(&self, clip: f64) -> Result<JsValue, Failure> {
        let clips = self.clips.borrow();
        let clip = clips.iter().find(|other| other.id == clip).ok_or_else(no_clip)?;
        let answer = Object::new();
        // A copy: the page may do with its buffer what it likes.
        set(&answer, "wav", &clip.wav.slice(0, clip.wav.length()).buffer());
        Ok(answer.into())
    }

    /// All clips in the list as one zip file.
    pub(crate) fn pack_clips(&self) -> Result<JsValue, Failure> {
        let clips: Vec<StoredClip> = self.listed().into_iter().map(|(clip, ..)| clip).collect();
        let answer = Object::new();
        set(&answer, "zip", &Uint8Array::from(archive::pack(&clips)?.as_slice()));
        Ok(answer.into())
    }

    /// The clips in a zip file, for the page to add one after the other.
    pub(crate) fn unpack(&self, bytes: &ArrayBuffer) -> Result<JsValue, Failure> {
        let clips = archive::unpack(&Uint8Array::new(bytes).to_vec(), &self.labels())?;
        let clips =
            clips.serialize(&Serializer::json_compatible()).map_err(|error| Failure::new("zip", error.to_string()))?;
        let answer = Object::new();
        set(&answer, "clips", &clips);
        Ok(answer.into())
    }

    async fn change(self: &Rc<Self>, id: f64, change: impl FnOnce(&mut StoredClip)) -> Result<JsValue, Failure> {
        self.change_one(id, change).await?;
        self.tell_holdings();
        Ok(Object::new().into())
    }

    async fn change_one(&self, id: f64, change: impl FnOnce(&mut StoredClip)) -> Result<(), Failure> {
        let mut clip = self.clips.borrow().iter().find(|other| other.id == id).cloned().ok_or_else(no_clip)?;
        change(&mut clip);
        self.store(&clip).await?;
        if let Some(place) = self.clips.borrow_mut().iter_mut().find(|other| other.id == id) {
            *place = clip;
        }
        Ok(())
    }

    async fn store(&self, clip: &StoredClip) -> Result<(), Failure> {
        let storage = self.storage.borrow().clone();
        match storage {
            Some(storage) => storage.put_clip(clip).await,
            None => Ok(()),
        }
    }

    /// The clips in the list with their labels' indices and whether each is kept for the test. Corrections never are: the
    /// person was told that they are trained on, and a test of sounds that a model got wrong would be unfair to it.
    pub(crate) fn listed(&self) -> Vec<(StoredClip, usize, bool)> {
        let labels = self.labels();
        let clips: Vec<(StoredClip, usize)> = self
            .clips
            .borrow()
            .iter()
            .filter(|clip| !clip.removed)
            .filter_map(|clip| Some((clip.clone(), labels.iter().position(|label| *label == clip.label)?)))
            .collect();
        let may_be_held: Vec<usize> =
            clips.iter().filter(|(clip, _)| !clip.corrected).map(|(_, label)| *label).collect();
        let mut held = client::held_back(&may_be_held).into_iter();
        clips
            .into_iter()
            .map(|(clip, label)| {
                let held = !clip.corrected && held.next().unwrap_or(false);
                (clip, label, held)
            })
            .collect()
    }

    /// Whether the room hears clips at several speeds.
    pub(crate) fn augmentation(&self) -> Augmentation {
        self.room.borrow().as_ref().map(|room| room.training.augmentation).unwrap_or_default()
    }

    /// What there is to train on.
    pub(crate) fn training_clips(&self) -> Vec<models::Example> {
        self.examples(false)
    }

    /// How many clips there are to train on, without touching their features.
    pub(crate) fn training_count(&self) -> usize {
        self.listed().iter().filter(|(_, _, held)| !held).count()
    }

    /// What is kept for the test.
    pub(crate) fn held_back_clips(&self) -> Vec<models::Example> {
        self.examples(true)
    }

    fn examples(&self, held_back: bool) -> Vec<models::Example> {
        let augmentation = self.augmentation();
        self.listed()
            .iter()
            .filter(|(_, _, held)| *held == held_back)
            .filter_map(|(clip, label, _)| clips::example(clip, *label, augmentation))
            .collect()
    }

    /// Tells the participant how many clips of which label there are.
    pub(crate) fn tell_holdings(self: &Rc<Self>) {
        let mut counts = vec![0; self.labels().len()];
        let mut examples = 0;
        for (_, label, held) in self.listed() {
            if !held && let Some(count) = counts.get_mut(label) {
                *count += 1;
                examples += 1;
            }
        }
        self.input(Input::Holdings { examples, labels: counts });
        self.compare();
    }
}

fn no_clip() -> Failure {
    Failure::new("no_clip", "This clip is gone.")
}
