//! Which seat a tab takes: the one that it had before a reload, else one that a closed tab left, else a new
//! one. A seat that another living tab holds is never taken: the browser's locks say which those are.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::failure::{Failure, set};
use crate::storage::{Seat, Storage};

/// Takes a seat in the room for as long as this worker lives.
///
/// `wished` is the seat that this very tab had before (from its session storage).
///
/// # Errors
/// Where the browser's storage refuses.
pub async fn take(storage: &Storage, room: &str, wished: Option<&str>) -> Result<Seat, Failure> {
    let mut seats = storage.seats(room).await?;
    // A stable sort: the wished seat first, the others as they were, last used first.
    seats.sort_by_key(|seat| Some(seat.id.as_str()) != wished);
    let locks = locks();
    let mut taken = None;
    for seat in seats {
        let free = match &locks {
            Some(locks) => hold(locks, &seat.id).await,
            // Without locks (plain http on a network) no one can say what other tabs hold: only this tab's own
            // seat is safe to take.
            None => Some(seat.id.as_str()) == wished,
        };
        if free {
            taken = Some(seat);
            break;
        }
    }
    let mut seat = match taken {
        Some(seat) => seat,
        None => {
            let seat = Seat {
                id: random_name(),
                room: room.to_owned(),
                token: None,
                name: None,
                taking_part: false,
                opened_at: 0.0,
                personal: None,
            };
            if let Some(locks) = &locks {
                hold(locks, &seat.id).await;
            }
            seat
        }
    };
    seat.opened_at = js_sys::Date::now();
    storage.put_seat(&seat).await?;
    Ok(seat)
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

/// Holds the seat's lock until this worker ends; false where another tab has it.
async fn hold(locks: &Locks, seat: &str) -> bool {
    let answer = Promise::new(&mut |resolve: Function, _| {
        let granted = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            let free = !lock.is_null() && !lock.is_undefined();
            // The answer's own promise takes any value without failing.
            let _ = resolve.call1(&JsValue::UNDEFINED, &JsValue::from(free));
            if free {
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

fn random_name() -> String {
    (0..4).map(|_| format!("{:08x}", (js_sys::Math::random() * f64::from(u32::MAX)) as u32)).collect()
}
