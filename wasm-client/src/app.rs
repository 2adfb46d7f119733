//! One tab's client: what it holds, and which command goes where. Each part of it is owned by the file that it is named
//! after; the rules of the rounds are the participant's.

use std::cell::OnceCell;
use std::rc::Rc;

use client::{Clips, FailureCode, Source};
use federation::{Input, Participant, ParticipantConfig};
use protocol::{Augmentation, Encoding, Modalities, RoomCode, RoomConfig, Token};
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::clip_list::{ClipList, NewClip};
use crate::commands::Command;
use crate::connection::{Connection, millis};
use crate::decoder_link::Decoders;
use crate::failure::{Failure, set, words_of};
use crate::kept;
use crate::page::{origin, scope, to_js};
use crate::personal::Mine;
use crate::preflight::Measuring;
use crate::receipts::Sent;
use crate::rounds::Rounds;
use crate::seats::{OwnSeat, Taken};
use crate::shared_model::Shared;
use crate::showing::{Screen, room_view};
use crate::sounds;
use crate::trainer_host::TrainerHost;
use crate::trying::Trying;

/// The program's name as the aggregator's host sees it.
const SOFTWARE: &str = concat!("chorus-tab/", env!("CARGO_PKG_VERSION"));

/// Everything that the tab's client holds. No borrow of what is in a part is kept over an `await`.
#[derive(Default)]
pub struct App {
    /// The room as it was when this tab opened it.
    room: OnceCell<RoomConfig>,
    decoders: Decoders,
    pub(crate) seat: OwnSeat,
    pub(crate) clips: ClipList,
    pub(crate) connection: Connection,
    pub(crate) sent: Sent,
    pub(crate) rounds: Rounds,
    pub(crate) trainer: TrainerHost,
    pub(crate) measuring: Measuring,
    pub(crate) shared: Shared,
    pub(crate) mine: Mine,
    pub(crate) trying: Trying,
    pub(crate) screen: Screen,
}

thread_local! {
    static APP: Rc<App> = Rc::default();
}

/// The tab's one client.
pub fn app() -> Rc<App> {
    APP.with(Rc::clone)
}

/// What the aggregator tells of a room before one joins.
#[derive(Deserialize)]
struct RoomAnswer {
    room: RoomConfig,
}

impl App {
    /// Does what the page asks.
    ///
    /// # Errors
    /// With a code for the page and words for the person.
    pub async fn handle(self: &Rc<Self>, command: Command) -> Result<JsValue, Failure> {
        match command {
            Command::Open { code, name, seat, words } => {
                self.screen.speak(words);
                return self.open(&code, name, seat.as_deref()).await;
            }
            Command::Name { name } => {
                self.input(Input::Rename(name.clone()));
                self.seat.change(|seat| seat.name = Some(name)).await?;
            }
            Command::LabelsOf { paths } => return self.clips.labels_of(&paths),
            Command::AddFile { name, bytes, label, made_up, text } => {
                let decoded = self.decoders.decode(&name, &bytes).await?;
                let source = if made_up { Source::MadeUp } else { Source::Person };
                return self.add(&decoded, NewClip { name: &name, label, text: text.as_deref(), source }).await;
            }
            Command::AddPcm { name, samples, channels, rate, label, text } => {
                let decoded = sounds::from_pcm(&samples, channels, rate)?;
                let new = NewClip { name: &name, label, text: text.as_deref(), source: Source::Person };
                return self.add(&decoded, new).await;
            }
            Command::AddMadeUp {} => return self.add_made_up().await,
            Command::Elsewhere {} => return self.elsewhere().await,
            Command::Bring { seat } => return self.bring(&seat).await,
            Command::Kept {} => return kept::seats().await,
            Command::KeptClips { seat } => return kept::clips(&seat).await,
            Command::KeptSound { seat, clip } => return kept::sound(&seat, clip).await,
            Command::PackKept { seat } => return kept::pack(&seat).await,
            Command::ForgetKept { seat } => return kept::forget(&seat).await,
            Command::Relabel { clip, label } => self.relabel(clip, label).await?,
            Command::Transcribe { clip, text } => self.transcribe(clip, &text).await?,
            Command::Remove { clips } => self.remove(&clips).await?,
            Command::Undo {} => self.undo().await?,
            Command::Quality { samples, channels, rate } => {
                return sounds::quality(&sounds::from_pcm(&samples, channels, rate)?.sound);
            }
            Command::Recording { on } => self.input(Input::Recording(on)),
            Command::Forget {} => {
                self.input(Input::Leave);
                self.seat.forget().await?;
            }
            Command::Sound { clip } => return self.clips.sound(clip),
            Command::TakePart { on } => self.take_part(on).await?,
            Command::Group { group } => {
                self.seat.change(|seat| seat.group = group).await?;
                self.input(Input::Group(group));
            }
            Command::Backend { choice } => self.choose(choice),
            Command::PredictFile { name, bytes } => {
                return self.predict(self.decoders.decode(&name, &bytes).await?.sound);
            }
            Command::PredictPcm { samples, channels, rate } => {
                return self.predict(sounds::from_pcm(&samples, channels, rate)?.sound);
            }
            Command::TryText { text } => self.trying.say(&text)?,
            Command::PredictText {} => return self.predict_text(),
            Command::LiveStart { rate } => self.live_start(rate)?,
            Command::LivePush { samples, at } => self.live_push(&samples, at)?,
            Command::LiveStop {} => self.trying.live_stop(),
            Command::Charts(request) => return request.drawn(),
            Command::Correct { name, label } => return self.correct(&name, label).await,
            Command::Tune {} => self.tune().await?,
            Command::StopTuning {} => self.stop_tuning(),
            Command::TryWith { mine } => self.try_with(mine),
            Command::PersonalFile { format } => return self.personal_file(format),
            Command::OfflineModel {} => return self.offline_model(),
            Command::PackClips {} => return self.clips.pack(),
            Command::Unpack { bytes } => return self.clips.unpack(&bytes),
            Command::ToWav { samples, channels, rate } => {
                return Ok(sounds::to_wav(&sounds::from_pcm(&samples, channels, rate)?.sound));
            }
            Command::Receipts {} => return self.sent.told(),
            Command::ReceiptPicture { number } => return Ok(self.receipt_picture(number)),
            Command::SearchVoice {} => return self.search_voice().await,
            Command::Expose { clip } => return self.expose(clip).await,
        }
        // What has nothing to say answers with nothing in it.
        Ok(js_sys::Object::new().into())
    }

    async fn open(self: &Rc<Self>, code: &str, name: Option<String>, wished: Option<&str>) -> Result<JsValue, Failure> {
        if self.room.get().is_some() {
            let words = "This page is in a room already. Reload it to join another.";
            return Err(Failure::new(FailureCode::AlreadyOpen, words));
        }
        let code = RoomCode::parse(code).map_err(|error| Failure::new(FailureCode::UnknownRoom, error.to_string()))?;
        let room = room_of(&code).await?;
        let Taken { seat, clips, receipts, received } =
            self.seat.open(code.as_str(), &room.labels, name, wished).await?;
        let masking = self.seat.masking_secrets().await?;
        self.clips.open(Clips::new(room.labels.clone(), room.modalities, clips));
        self.sent.open(receipts);
        self.connection.go_on(self.sent.bytes(), received);
        let answer = js_sys::Object::new();
        for (field, value) in [
            ("room", to_js(&room_view(&room), FailureCode::Room)?),
            ("seat", seat.id.as_str().into()),
            ("name", seat.name.as_deref().map_or(JsValue::NULL, JsValue::from)),
        ] {
            set(&answer, field, &value);
        }
        let room = self.room.get_or_init(|| room);
        self.connection.open(Participant::new(
            ParticipantConfig {
                room: room.code.clone(),
                name: seat.name,
                token: seat.token.as_deref().and_then(|token| Token::parse(token).ok()),
                software: SOFTWARE.to_owned(),
                seed: (js_sys::Math::random() * 2f64.powi(52)) as u64,
                masking: Some(masking),
            },
            millis(),
        ));
        self.input(Input::Group(seat.group));
        self.tell_holdings();
        if seat.taking_part {
            self.input(Input::TakePart(true));
            self.start_trainer();
        }
        self.pump();
        Ok(answer.into())
    }

    async fn take_part(self: &Rc<Self>, on: bool) -> Result<(), Failure> {
        if on && self.clips.training_count() == 0 {
            if self.clips.read(|clips| clips.listed().iter().any(|listed| listed.unseen)) {
                let words = "This room looks at text alone, and none of your clips has any. Type what is said in them.";
                return Err(Failure::new(FailureCode::NoText, words));
            }
            return Err(Failure::new(FailureCode::NoClips, "Record or add some clips first."));
        }
        if on {
            self.start_trainer();
        }
        self.input(Input::TakePart(on));
        self.seat.change(|seat| seat.taking_part = on).await
    }

    /// The room as it was when this tab opened it.
    pub(crate) fn room(&self) -> Option<&RoomConfig> {
        self.room.get()
    }

    /// Whether the room hears clips at several speeds.
    pub(crate) fn augmentation(&self) -> Augmentation {
        self.room().map(|room| room.training.augmentation).unwrap_or_default()
    }

    /// What of a clip the room looks at.
    pub(crate) fn modalities(&self) -> Modalities {
        self.room().map(|room| room.modalities).unwrap_or_default()
    }

    /// How the room writes the numbers of an update; none where they are masked.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        let room = self.room().filter(|room| room.masking.is_none());
        room.map(|room| room.encoding)
    }
}

async fn room_of(code: &RoomCode) -> Result<RoomConfig, Failure> {
    let unreachable = |error: JsValue| {
        let why = words_of(&error);
        let words = format!("The aggregator does not answer ({why}). Is this laptop still on the network?");
        Failure::new(FailureCode::Unreachable, words)
    };
    let address = format!("{}/api/rooms/{code}", origin()?);
    let answer = JsFuture::from(scope()?.fetch_with_str(&address)).await.map_err(unreachable)?;
    let answer: Response = answer.dyn_into().map_err(unreachable)?;
    if answer.status() == 404 {
        let words = format!("There is no room {code} here. Check the code on the board.");
        return Err(Failure::new(FailureCode::UnknownRoom, words));
    }
    let text = JsFuture::from(answer.text().map_err(unreachable)?).await.map_err(unreachable)?;
    let answer: RoomAnswer = serde_json::from_str(&text.as_string().unwrap_or_default()).map_err(|error| {
        Failure::new(FailureCode::Unreachable, format!("The aggregator's answer makes no sense here: {error}"))
    })?;
    Ok(answer.room)
}
