//! One tab's client: what it holds, and which command goes where. The rules of the rounds are the participant's;
//! this only carries them out.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use federation::{Input, Millis, Participant, ParticipantConfig};
use gloo_timers::callback::Timeout;
use protocol::{RoomCode, RoomConfig, Token};
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DedicatedWorkerGlobalScope, Response};

use crate::charts::ChartWords;
use crate::clips::{self, Source};
use crate::commands::Command;
use crate::decoder_link::Decoders;
use crate::failure::{Failure, set};
use crate::personal::Comparison;
use crate::receipts::Receipts;
use crate::seats;
use crate::socket::Socket;
use crate::storage::{Seat, Storage, StoredClip};
use crate::trainer_link::TrainerLink;
use crate::training::{Choice, Prepared};
use crate::trying::Live;

/// The program's name as the aggregator's host sees it.
const SOFTWARE: &str = concat!("chorus-tab/", env!("CARGO_PKG_VERSION"));

/// A version of the shared model that this tab has.
#[derive(Clone)]
pub(crate) struct SharedModel {
    pub version: u32,
    pub parameters: Arc<Vec<f32>>,
    pub standardisation: models::Standardisation,
    /// The same model, ready to answer; none where it fits no network that this page knows.
    pub inference: Option<Rc<models::Inference>>,
}

/// How the trainer stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrainerState {
    Absent,
    Loading,
    Ready,
    Failed,
}

/// Loss and accuracy of a version on this person's held-back clips.
#[derive(Clone, Copy)]
pub(crate) struct OwnResult {
    pub loss: f64,
    pub accuracy: f64,
}

/// Everything that the tab's client holds. No borrow of a field is kept over an `await`.
pub struct App {
    pub(crate) storage: RefCell<Option<Rc<Storage>>>,
    pub(crate) seat: RefCell<Option<Seat>>,
    pub(crate) room: RefCell<Option<RoomConfig>>,
    pub(crate) participant: RefCell<Option<Participant>>,
    pub(crate) socket: RefCell<Option<Rc<Socket>>>,
    /// Counts sockets, so that a late word of an old one is known as such.
    pub(crate) socket_number: Cell<u32>,
    pub(crate) timer: RefCell<Option<Timeout>>,
    pub(crate) clips: RefCell<Vec<StoredClip>>,
    decoders: Decoders,
    pub(crate) link: RefCell<Option<Rc<TrainerLink>>>,
    pub(crate) trainer: Cell<TrainerState>,
    pub(crate) choice: Cell<Choice>,
    /// Whether a graphics processor failed here, so that the CPU is used from now on.
    pub(crate) gpu_failed: Cell<bool>,
    pub(crate) prepared: RefCell<Option<Prepared>>,
    pub(crate) model: RefCell<Option<SharedModel>>,
    pub(crate) own: RefCell<BTreeMap<u32, OwnResult>>,
    /// Counts rounds of training; the result of an older one is of no use.
    pub(crate) job: Cell<u32>,
    /// The transfer that is being sent, and a count that ends older sendings.
    pub(crate) sending: Cell<u32>,
    pub(crate) bytes_sent: Cell<u64>,
    pub(crate) bytes_received: Cell<u64>,
    pub(crate) receipts: RefCell<Receipts>,
    pub(crate) live: RefCell<Option<Live>>,
    /// The sound that was tried last, in case the model was wrong about it.
    pub(crate) tried: RefCell<Option<speech::Sound>>,
    /// The clips of each deletion that can be taken back, the last one last.
    pub(crate) deletions: RefCell<Vec<Vec<f64>>>,
    /// How far the personal model is, 0 to 1, while it is being made.
    pub(crate) tuning: Cell<Option<f64>>,
    /// Whether the personal model is tried rather than the shared one.
    pub(crate) try_mine: Cell<bool>,
    /// The personal model that was made at this time, ready to answer.
    pub(crate) personal_inference: RefCell<Option<(f64, Rc<models::Inference>)>>,
    pub(crate) comparison: RefCell<Option<Comparison>>,
    pub(crate) words: RefCell<ChartWords>,
    pub(crate) shown_at: Cell<f64>,
    pub(crate) show_timer: RefCell<Option<Timeout>>,
    pub(crate) charts_shown: RefCell<String>,
    pub(crate) notice_shown: RefCell<String>,
}

thread_local! {
    static APP: Rc<App> = Rc::new(App::new());
}

/// The tab's one client.
pub fn app() -> Rc<App> {
    APP.with(Rc::clone)
}

/// Tells the page that this worker is at its end.
pub fn crashed(message: &str) {
    let event = js_sys::Object::new();
    set(&event, "type", &"crashed".into());
    set(&event, "message", &message.into());
    if let Some(scope) = scope() {
        // A page that is closing takes no messages, and nothing is left to tell it.
        let _ = scope.post_message(&event);
    }
}

/// Milliseconds since the worker began; it never goes back.
pub fn now() -> f64 {
    scope().and_then(|scope| scope.performance()).map_or(0.0, |performance| performance.now())
}

pub(crate) fn scope() -> Option<DedicatedWorkerGlobalScope> {
    js_sys::global().dyn_into().ok()
}

fn origin() -> Result<String, Failure> {
    scope().map(|scope| scope.location().origin()).ok_or_else(|| Failure::new("worker", "This must run in a worker."))
}

/// What the aggregator tells of a room before one joins.
#[derive(Deserialize)]
struct RoomAnswer {
    room: RoomConfig,
}

impl App {
    fn new() -> Self {
        Self {
            storage: RefCell::default(),
            seat: RefCell::default(),
            room: RefCell::default(),
            participant: RefCell::default(),
            socket: RefCell::default(),
            socket_number: Cell::new(0),
            timer: RefCell::default(),
            clips: RefCell::default(),
            decoders: Decoders::default(),
            link: RefCell::default(),
            trainer: Cell::new(TrainerState::Absent),
            choice: Cell::new(Choice::Auto),
            gpu_failed: Cell::new(false),
            prepared: RefCell::default(),
            model: RefCell::default(),
            own: RefCell::default(),
            job: Cell::new(0),
            sending: Cell::new(0),
            bytes_sent: Cell::new(0),
            bytes_received: Cell::new(0),
            receipts: RefCell::default(),
            live: RefCell::default(),
            tried: RefCell::default(),
            deletions: RefCell::default(),
            tuning: Cell::new(None),
            try_mine: Cell::new(false),
            personal_inference: RefCell::default(),
            comparison: RefCell::default(),
            words: RefCell::default(),
            shown_at: Cell::new(f64::NEG_INFINITY),
            show_timer: RefCell::default(),
            charts_shown: RefCell::default(),
            notice_shown: RefCell::default(),
        }
    }

    /// Does what the page asks.
    ///
    /// # Errors
    /// With a code for the page and words for the person.
    pub async fn handle(self: &Rc<Self>, command: Command) -> Result<JsValue, Failure> {
        match command {
            Command::Open { code, name, seat, words } => {
                self.words.replace(words);
                self.open(&code, name, seat.as_deref()).await
            }
            Command::Name { name } => self.rename(name).await,
            Command::AddFile { name, path, bytes, label, made_up } => {
                let sound = self.decoders.decode(&name, &bytes).await?;
                let source = if made_up { Source::MadeUp } else { Source::Person };
                self.add(&sound, &name, path.as_deref(), label, source).await
            }
            Command::AddPcm { name, path, samples, channels, rate, label } => {
                let sound = clips::from_pcm(&samples, channels, rate)?;
                self.add(&sound, &name, path.as_deref(), label, Source::Person).await
            }
            Command::AddMadeUp {} => self.add_made_up().await,
            Command::Relabel { clip, label } => self.relabel(clip, label).await,
            Command::Remove { clips } => self.remove(&clips).await,
            Command::Undo {} => self.undo().await,
            Command::Quality { samples, channels, rate } => clips::quality(&clips::from_pcm(&samples, channels, rate)?),
            Command::Recording { on } => {
                self.input(Input::Recording(on));
                Ok(js_sys::Object::new().into())
            }
            Command::Sound { clip } => self.sound(clip),
            Command::TakePart { on } => self.take_part(on).await,
            Command::Backend { choice } => self.choose(choice),
            Command::PredictFile { name, bytes } => {
                let sound = self.decoders.decode(&name, &bytes).await?;
                self.predict(&sound)
            }
            Command::PredictPcm { samples, channels, rate } => {
                let sound = clips::from_pcm(&samples, channels, rate)?;
                self.predict(&sound)
            }
            Command::LiveStart { rate } => self.live_start(rate),
            Command::LivePush { samples, at } => self.live_push(&samples, at),
            Command::LiveStop {} => self.live_stop(),
            Command::Charts(request) => request.drawn(),
            Command::Correct { name, label } => self.correct(&name, label).await,
            Command::Tune {} => self.tune().await,
            Command::StopTuning {} => self.stop_tuning(),
            Command::TryWith { mine } => self.try_with(mine),
            Command::PersonalFile { format } => self.personal_file(format),
            Command::OfflineModel {} => self.offline_model(),
            Command::PackClips {} => self.pack_clips(),
            Command::Unpack { bytes } => self.unpack(&bytes),
            Command::ToWav { samples, channels, rate } => clips::to_wav(&samples, channels, rate),
            Command::Receipts {} => self.receipts(),
            Command::ReceiptPicture { number } => self.receipt_picture(number),
            Command::SearchVoice {} => self.search_voice().await,
        }
    }

    async fn open(self: &Rc<Self>, code: &str, name: Option<String>, wished: Option<&str>) -> Result<JsValue, Failure> {
        if self.room.borrow().is_some() {
            return Err(Failure::new("already_open", "This page is in a room already. Reload it to join another."));
        }
        let code = RoomCode::parse(code).map_err(|error| Failure::new("unknown_room", error.to_string()))?;
        let room = room_of(&code).await?;

        let seat = match Storage::open().await {
            Ok(storage) => {
                let storage = Rc::new(storage);
                let mut seat = seats::take(&storage, code.as_str(), wished).await?;
                if name.is_some() {
                    seat.name = name;
                }
                let mut kept = Vec::new();
                for mut clip in storage.clips(&seat.id).await? {
                    if clip.removed {
                        storage.delete_clip(clip.id).await?;
                    } else if room.labels.contains(&clip.label) {
                        match clips::renew(&mut clip) {
                            Ok(true) => storage.put_clip(&clip).await?,
                            Ok(false) => {}
                            // It stays stored; another version of this page may know what to do with it.
                            Err(failure) => {
                                self.notice("warning", failure.code, &failure.message);
                                continue;
                            }
                        }
                        kept.push(clip);
                    }
                }
                self.clips.replace(kept);
                self.storage.replace(Some(storage));
                seat
            }
            // A private window may have no storage: one can still take part, and is told what is missing.
            Err(failure) => {
                self.notice("warning", "no_storage", &failure.message);
                Seat {
                    id: "unsaved".to_owned(),
                    room: code.to_string(),
                    token: None,
                    name,
                    taking_part: false,
                    opened_at: js_sys::Date::now(),
                    personal: None,
                }
            }
        };

        let participant = Participant::new(
            ParticipantConfig {
                room: code,
                name: seat.name.clone(),
                token: seat.token.as_deref().and_then(|token| Token::parse(token).ok()),
                software: SOFTWARE.to_owned(),
                seed: (js_sys::Math::random() * 2f64.powi(52)) as u64,
            },
            Millis(now() as u64),
        );
        let answer = js_sys::Object::new();
        let view = serde_wasm_bindgen::to_value(&crate::showing::room_view(&room))
            .map_err(|error| Failure::new("room", error.to_string()))?;
        for (field, value) in [
            ("room", view),
            ("seat", seat.id.as_str().into()),
            ("name", seat.name.as_deref().map_or(JsValue::NULL, JsValue::from)),
        ] {
            set(&answer, field, &value);
        }
        let taking_part = seat.taking_part;
        self.room.replace(Some(room));
        self.seat.replace(Some(seat));
        self.participant.replace(Some(participant));
        self.tell_holdings();
        if taking_part {
            self.input(Input::TakePart(true));
            self.start_trainer();
        }
        self.pump();
        Ok(answer.into())
    }

    async fn rename(self: &Rc<Self>, name: String) -> Result<JsValue, Failure> {
        self.input(Input::Rename(name.clone()));
        self.change_seat(|seat| seat.name = Some(name)).await?;
        Ok(js_sys::Object::new().into())
    }

    async fn take_part(self: &Rc<Self>, on: bool) -> Result<JsValue, Failure> {
        if on && self.training_count() == 0 {
            return Err(Failure::new("no_clips", "Record or add some clips first."));
        }
        if on {
            self.start_trainer();
        }
        self.input(Input::TakePart(on));
        self.change_seat(|seat| seat.taking_part = on).await?;
        Ok(js_sys::Object::new().into())
    }

    fn choose(self: &Rc<Self>, choice: Choice) -> Result<JsValue, Failure> {
        self.choice.set(choice);
        self.gpu_failed.set(false);
        self.prepared.replace(None);
        if self.link.borrow().is_some() {
            self.prepare_trainer();
        }
        self.show();
        Ok(js_sys::Object::new().into())
    }

    /// Changes the seat and stores it.
    pub(crate) async fn change_seat(&self, change: impl FnOnce(&mut Seat)) -> Result<(), Failure> {
        let seat = {
            let mut seat = self.seat.borrow_mut();
            let Some(seat) = seat.as_mut() else { return Ok(()) };
            change(seat);
            seat.clone()
        };
        let storage = self.storage.borrow().clone();
        match storage {
            Some(storage) => storage.put_seat(&seat).await,
            None => Ok(()),
        }
    }

    /// This page's aggregator.
    pub(crate) fn origin(&self) -> Result<String, Failure> {
        origin()
    }
}

async fn room_of(code: &RoomCode) -> Result<RoomConfig, Failure> {
    let unreachable = |error: JsValue| {
        Failure::new(
            "unreachable",
            format!(
                "The aggregator does not answer ({}). Is this laptop still on the network?",
                crate::failure::words_of(&error)
            ),
        )
    };
    let scope = scope().ok_or_else(|| Failure::new("worker", "This must run in a worker."))?;
    let address = format!("{}/api/rooms/{code}", origin()?);
    let answer = JsFuture::from(scope.fetch_with_str(&address)).await.map_err(unreachable)?;
    let answer: Response = answer.dyn_into().map_err(unreachable)?;
    if answer.status() == 404 {
        return Err(Failure::new(
            "unknown_room",
            format!("There is no room {code} here. Check the code on the board."),
        ));
    }
    let text = JsFuture::from(answer.text().map_err(unreachable)?).await.map_err(unreachable)?;
    let answer: RoomAnswer = serde_json::from_str(&text.as_string().unwrap_or_default()).map_err(|error| {
        Failure::new("unreachable", format!("The aggregator's answer makes no sense here: {error}"))
    })?;
    Ok(answer.room)
}
