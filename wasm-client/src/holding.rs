//! Which tab holds which seat: by the browser's locks, or, where it has none (plain http on a network), by a channel on which the
//! tabs of this browser ask each other. Knows nothing of what a seat is.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use js_sys::{Function, Object, Promise, Reflect};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{BroadcastChannel, MessageEvent};

use crate::failure::set;

/// In this time every living tab has answered, one that computes features as well.
const ANSWER_MS: u32 = 500;
/// So often one looks whether somebody has.
const LOOK_MS: u32 = 25;
/// Where the tabs ask each other.
const CHANNEL: &str = "chorus-seats";

/// Takes a seat for as long as this worker lives; false where another tab has it. None where nobody can say.
pub(crate) async fn take(seat: &str) -> Option<bool> {
    if let Some(locks) = locks() {
        return Some(request(&locks, seat, true).await);
    }
    Some(tabs()?.claim(seat).await)
}

/// Whether another tab holds a seat; false where nobody can say.
pub(crate) async fn is_held(seat: &str) -> bool {
    if let Some(locks) = locks() {
        return !request(&locks, seat, false).await;
    }
    match tabs() {
        Some(tabs) => tabs.ask(seat, None).await,
        None => false,
    }
}

/// The browser's locks, through plain JavaScript values: web-sys has them only as an unstable interface.
struct Locks {
    manager: JsValue,
    request: Function,
}

/// The browser's locks; none outside of secure contexts.
fn locks() -> Option<Locks> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).ok()?;
    let manager = Reflect::get(&navigator, &"locks".into()).ok().filter(JsValue::is_object)?;
    let request = Reflect::get(&manager, &"request".into()).ok()?.dyn_into().ok()?;
    Some(Locks { manager, request })
}

/// Asks for a seat's lock, to keep it until this worker ends or to give it back at once; false where another tab has it.
async fn request(locks: &Locks, seat: &str, keep: bool) -> bool {
    let answer = Promise::new(&mut |resolve: Function, _| {
        let granted = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            let free = !lock.is_null() && !lock.is_undefined();
            // The answer's own promise takes any value without failing.
            let _ = resolve.call1(&JsValue::UNDEFINED, &JsValue::from(free));
            if free && keep {
                // The lock is held while this promise is open: until the worker ends.
                Promise::new(&mut |_, _| {}).into()
            } else {
                JsValue::UNDEFINED
            }
        });
        let options = Object::new();
        set(&options, "ifAvailable", &true.into());
        // A refusal to answer leaves this promise open for ever; a browser that has locks answers.
        let _ = locks.request.call3(&locks.manager, &format!("chorus-seat-{seat}").into(), &options, &granted);
    });
    JsFuture::from(answer).await.is_ok_and(|free| free.is_truthy())
}

/// What tabs say to each other.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    /// Does somebody hold this seat?
    Asked {
        /// Which.
        seat: String,
        /// Who wants it for itself, by a random number; none where somebody only wants to know.
        by: Option<f64>,
    },
    /// I do.
    Held {
        /// Which.
        seat: String,
    },
}

/// This tab among the others.
struct Tabs {
    channel: BroadcastChannel,
    /// Of two tabs that want the same seat at the same time, the one with the smaller number gets it.
    own: f64,
    /// The seats that it holds (true), or has asked for just now (false).
    seats: RefCell<BTreeMap<String, bool>>,
    /// Seats of which another tab has said that it holds them.
    others: RefCell<BTreeSet<String>>,
}

thread_local! {
    static TABS: OnceCell<Option<Rc<Tabs>>> = const { OnceCell::new() };
}

/// The channel, once it is wanted; none in a browser that has no such thing.
fn tabs() -> Option<Rc<Tabs>> {
    TABS.with(|tabs| tabs.get_or_init(Tabs::open).clone())
}

impl Tabs {
    fn open() -> Option<Rc<Self>> {
        let channel = BroadcastChannel::new(CHANNEL).ok()?;
        let tabs = Rc::new(Self {
            channel,
            own: js_sys::Math::random(),
            seats: RefCell::default(),
            others: RefCell::default(),
        });
        let listener = Rc::clone(&tabs);
        let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| listener.hear(&event));
        tabs.channel.set_onmessage(Some(hear.as_ref().unchecked_ref()));
        hear.forget(); // it hears as long as the worker lives
        Some(tabs)
    }

    fn hear(&self, event: &MessageEvent) {
        let Some(said) = event.data().as_string().and_then(|text| serde_json::from_str(&text).ok()) else { return };
        match said {
            Said::Held { seat } => {
                self.others.borrow_mut().insert(seat);
            }
            Said::Asked { seat, by } => match self.seats.borrow().get(&seat) {
                Some(false) if by.is_some_and(|by| by < self.own) => {
                    self.others.borrow_mut().insert(seat);
                }
                Some(_) => self.say(&Said::Held { seat }),
                None => {}
            },
        }
    }

    fn say(&self, said: &Said) {
        // Nobody can be told where the channel is closed, as it is when the tab ends.
        let _ = serde_json::to_string(said).map(|text| self.channel.post_message(&text.into()));
    }

    async fn claim(&self, seat: &str) -> bool {
        self.seats.borrow_mut().insert(seat.to_owned(), false);
        let free = !self.ask(seat, Some(self.own)).await;
        if free {
            self.seats.borrow_mut().insert(seat.to_owned(), true);
        } else {
            self.seats.borrow_mut().remove(seat);
        }
        free
    }

    /// Whether another tab says that it holds a seat.
    async fn ask(&self, seat: &str, by: Option<f64>) -> bool {
        self.others.borrow_mut().remove(seat);
        self.say(&Said::Asked { seat: seat.to_owned(), by });
        for _ in 0..ANSWER_MS / LOOK_MS {
            TimeoutFuture::new(LOOK_MS).await;
            if self.others.borrow().contains(seat) {
                return true;
            }
        }
        false
    }
}
