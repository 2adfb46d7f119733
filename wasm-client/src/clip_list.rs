//! The clips of this seat, as the page changes them: [`Clips`] decides, this stores and tells.

use std::cell::RefCell;
use std::rc::Rc;

use client::archive;
use client::{Clip, ClipError, Clips, FailureCode, MadeUp, Opened, Source, made_up, said};
use federation::Input;
use js_sys::{Array, ArrayBuffer, Object, Uint8Array};
use serde::Serialize;
use speech::{Decoded, Sound};
use text::Transcript;
use wasm_bindgen::JsValue;

use crate::app::App;
use crate::failure::{Failure, set};
use crate::page::to_js;
use crate::sounds;

/// The clips of this tab.
#[derive(Default)]
pub(crate) struct ClipList {
    clips: RefCell<Clips>,
}

/// A seat of another room for the page.
#[derive(Serialize)]
struct SeatElsewhere {
    seat: String,
    room: String,
    name: Option<String>,
    clips: u32,
}

/// A clip of an archive for the page, which adds one after the other.
#[derive(Serialize)]
struct ArchivedView {
    path: String,
    name: String,
    label: Option<usize>,
    made_up: bool,
    transcript: Option<Transcript>,
    long_text: bool,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    bytes: Uint8Array,
}

/// A clip that is to be added, and what is known of it.
pub(crate) struct NewClip<'a> {
    /// File name, or a name made for a recording.
    pub name: &'a str,
    /// The label's index; without one its name may speak of one.
    pub label: Option<usize>,
    /// What is said in it, composed by the page.
    pub text: Option<&'a str>,
    /// Who made it, and why.
    pub source: Source,
}

impl ClipList {
    /// Begins with these.
    pub(crate) fn open(&self, clips: Clips) {
        self.clips.replace(clips);
    }

    /// Looks at them. Nothing that is asked meanwhile may change them.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Clips) -> T) -> T {
        look(&self.clips.borrow())
    }

    /// The room's labels.
    pub(crate) fn labels(&self) -> Vec<String> {
        self.read(|clips| clips.labels().to_vec())
    }

    /// How many of them are trained on.
    pub(crate) fn training_count(&self) -> u32 {
        self.read(Clips::training_count)
    }

    /// A clip's sound as a WAV file, in the field `wav`.
    pub(crate) fn sound(&self, clip: f64) -> Result<JsValue, Failure> {
        self.read(|clips| {
            let answer = Object::new();
            set(&answer, "wav", &Uint8Array::from(clips.get(clip)?.sound.wav.as_slice()).buffer());
            Ok(answer.into())
        })
    }

    /// The label that each path of a folder speaks of, by the names of all of them.
    pub(crate) fn labels_of(&self, paths: &[String]) -> Result<JsValue, Failure> {
        let labels = corpus::labels_of(paths, &self.labels());
        let answer = Object::new();
        set(&answer, "labels", &to_js(&labels, FailureCode::Command)?);
        Ok(answer.into())
    }

    /// All clips in the list as one zip file.
    pub(crate) fn pack(&self) -> Result<JsValue, Failure> {
        self.read(|clips| {
            let listed = clips.listed();
            let zip = archive::pack(listed.iter().map(|listed| listed.clip), js_sys::Date::now() / 1e3)?;
            let answer = Object::new();
            set(&answer, "zip", &Uint8Array::from(zip.as_slice()));
            Ok(answer.into())
        })
    }

    /// The clips in a zip file.
    pub(crate) fn unpack(&self, bytes: &ArrayBuffer) -> Result<JsValue, Failure> {
        let clips = archive::unpack(&Uint8Array::new(bytes).to_vec(), &self.labels())?;
        let clips: Vec<ArchivedView> = clips
            .into_iter()
            .map(|clip| ArchivedView {
                path: clip.path,
                name: clip.name,
                label: clip.label,
                made_up: clip.made_up,
                transcript: clip.transcript,
                long_text: clip.long_text,
                bytes: Uint8Array::from(clip.bytes.as_slice()),
            })
            .collect();
        let answer = Object::new();
        set(&answer, "clips", &to_js(&clips, FailureCode::Zip)?);
        Ok(answer.into())
    }
}

impl App {
    /// Adds a clip. Its label is the chosen one, or else what its name speaks of.
    pub(crate) async fn add(self: &Rc<Self>, decoded: &Decoded, new: NewClip<'_>) -> Result<JsValue, Failure> {
        let id = self.add_one(&decoded.sound, new).await?;
        let answer = Object::new();
        set(&answer, "clip", &id.into());
        set(&answer, "notices", &sounds::notices(&decoded.notices)?);
        Ok(answer.into())
    }

    async fn add_one(self: &Rc<Self>, sound: &Sound, new: NewClip<'_>) -> Result<f64, Failure> {
        let NewClip { name, label, text, source } = new;
        let id = (js_sys::Date::now() * 1000.0 + js_sys::Math::random() * 1000.0).floor();
        let clip = self.clips.read(|clips| {
            let label = clips.label_for(sound, label, name)?;
            let transcript = said(text.unwrap_or_default())?;
            let clip = Clip { transcript, ..Clip::new(id, name, label, source, sound)? };
            clips.check_new(&clip)?;
            Ok::<_, ClipError>(clip)
        })?;
        self.keep(clip).await?;
        self.tell_holdings();
        Ok(id)
    }

    /// Adds the clips of a voice that a program makes up.
    pub(crate) async fn add_made_up(self: &Rc<Self>) -> Result<JsValue, Failure> {
        let seed = (js_sys::Math::random() * f64::from(u32::MAX)) as u64;
        let added = Array::new();
        for MadeUp { name, label, sound } in made_up(&self.clips.labels(), seed)? {
            let new = NewClip { name: &name, label: Some(label), text: None, source: Source::MadeUp };
            let id = self.add_one(&sound, new).await?;
            added.push(&id.into());
        }
        let answer = Object::new();
        set(&answer, "clips", &added);
        Ok(answer.into())
    }

    /// The clips of other rooms in this browser, by the seats that hold them.
    pub(crate) async fn elsewhere(&self) -> Result<JsValue, Failure> {
        let seats = self.seat.elsewhere().await?.into_iter().map(|(seat, clips)| SeatElsewhere {
            seat: seat.id,
            room: seat.room,
            name: seat.name,
            clips,
        });
        let answer = Object::new();
        set(&answer, "seats", &to_js(&seats.collect::<Vec<_>>(), FailureCode::Storage)?);
        Ok(answer.into())
    }

    /// Copies the clips of another seat: those whose label this room has, and that are not here already.
    pub(crate) async fn bring(self: &Rc<Self>, seat: &str) -> Result<JsValue, Failure> {
        let labels = self.clips.labels();
        let (mut brought, mut left) = (0, 0);
        for (place, mut clip) in self.seat.clips_of(seat).await?.into_iter().enumerate() {
            match clip.open(&labels) {
                Opened::Gone => continue,
                Opened::Unlisted | Opened::Unreadable(_) => {
                    left += 1;
                    continue;
                }
                Opened::Kept | Opened::Renewed => {}
            }
            clip.id = (js_sys::Date::now() * 1000.0).floor() + place as f64;
            if self.clips.read(|clips| clips.check_new(&clip)).is_err() {
                left += 1;
                continue;
            }
            self.keep(clip).await?;
            brought += 1;
        }
        self.tell_holdings();
        let answer = Object::new();
        set(&answer, "brought", &brought.into());
        set(&answer, "left", &left.into());
        Ok(answer.into())
    }

    pub(crate) async fn relabel(self: &Rc<Self>, clip: f64, label: usize) -> Result<(), Failure> {
        let changed = self.clips.read(|clips| clips.relabelled(clip, label))?;
        self.keep(changed).await?;
        self.tell_holdings();
        Ok(())
    }

    /// Has this as what is said in a clip; nothing, where nothing is left of it.
    pub(crate) async fn transcribe(self: &Rc<Self>, clip: f64, text: &str) -> Result<(), Failure> {
        let changed = self.clips.read(|clips| clips.transcribed(clip, said(text)?))?;
        self.keep(changed).await?;
        self.tell_holdings();
        Ok(())
    }

    /// Deletes clips in one step, which [`App::undo`] takes back as one.
    pub(crate) async fn remove(self: &Rc<Self>, clips: &[f64]) -> Result<(), Failure> {
        let present = self.clips.clips.borrow_mut().delete(clips)?;
        self.set_removed(&present, true).await
    }

    /// Takes the last deletion back.
    pub(crate) async fn undo(self: &Rc<Self>) -> Result<(), Failure> {
        let Some(clips) = self.clips.clips.borrow_mut().undo() else { return Ok(()) };
        let restored = self.set_removed(&clips, false).await;
        if restored.is_err() {
            self.clips.clips.borrow_mut().undo_failed(clips);
        }
        restored
    }

    async fn set_removed(self: &Rc<Self>, clips: &[f64], removed: bool) -> Result<(), Failure> {
        let mut changed = Ok(());
        for &id in clips {
            changed = match self.clips.read(|clips| clips.removed(id, removed)) {
                Ok(clip) => self.keep(clip).await,
                Err(error) => Err(error.into()),
            };
            if changed.is_err() {
                break;
            }
        }
        self.tell_holdings();
        changed
    }

    /// Stores a clip as it now is, and has it so in the list.
    async fn keep(&self, clip: Clip) -> Result<(), Failure> {
        self.seat.put_clip(&clip).await?;
        self.clips.clips.borrow_mut().put(clip);
        Ok(())
    }

    /// Tells the participant how many clips of which label there are.
    pub(crate) fn tell_holdings(self: &Rc<Self>) {
        let (labels, held_back) = self.clips.read(|clips| (clips.holdings(), clips.held_back_count()));
        self.input(Input::Holdings { examples: labels.iter().sum(), labels, held_back, step_ms: self.step_ms() });
        self.hear_anew();
        self.compare();
    }

    /// What there is to train on.
    pub(crate) fn training_clips(&self) -> Vec<models::Example> {
        self.clips.read(|clips| clips.examples(false, self.augmentation()))
    }

    /// What is kept for the test.
    pub(crate) fn held_back_clips(&self) -> Vec<models::Example> {
        self.clips.read(|clips| clips.examples(true, self.augmentation()))
    }
}
