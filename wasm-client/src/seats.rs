//! Which seat a tab takes: the one that it had before a reload, else one that a closed tab left, else a new
//! one. A seat that another living tab holds is never taken: the browser's locks say which those are.

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{LockManager, LockOptions};

use crate::failure::Failure;
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

fn locks() -> Option<LockManager> {
    let scope: web_sys::DedicatedWorkerGlobalScope = js_sys::global().dyn_into().ok()?;
    let navigator = scope.navigator();
    // The property is missing, not null, outside of secure contexts.
    let locks = js_sys::Reflect::get(&navigator, &"locks".into()).ok()?;
    locks.dyn_into().ok()
}

/// Holds the seat's lock until this worker ends; false where another tab has it.
async fn hold(locks: &LockManager, seat: &str) -> bool {
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
        let options = LockOptions::new();
        options.set_if_available(true);
        let _ = locks.request_with_options_and_callback(
            &format!("chorus-seat-{seat}"),
            &options,
            granted.unchecked_ref(),
        );
    });
    JsFuture::from(answer).await.is_ok_and(|free| free.is_truthy())
}

fn random_name() -> String {
    (0..4).map(|_| format!("{:08x}", (js_sys::Math::random() * f64::from(u32::MAX)) as u32)).collect()
}
