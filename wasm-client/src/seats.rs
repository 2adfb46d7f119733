//! Which seat a tab takes: the one that it had before a reload, else one that a closed tab left, else a new
//! one. A seat that another living tab holds is never taken (`holding.rs` says which those are).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use client::{Clip, FailureCode, Opened, ReceiptChanges, StoredReceipt};
use federation::MaskingSecrets;
use protocol::Hex;

use crate::failure::Failure;
use crate::holding;
use crate::page::{Level, notice, tell};
use crate::preflight::Preflight;
use crate::storage::{OwnResult, Personal, Seat, Storage};

/// A seat that was taken, and what was kept with it.
pub(crate) struct Taken {
    /// The seat.
    pub seat: Seat,
    /// Its clips in the order of adding.
    pub clips: Vec<Clip>,
    /// What it has sent.
    pub receipts: Vec<StoredReceipt>,
    /// Bytes that it has received.
    pub received: u64,
}

/// The seat that this tab has taken, and where it is kept.
#[derive(Default)]
pub(crate) struct OwnSeat {
    /// None where the browser has no storage for this page.
    storage: RefCell<Option<Rc<Storage>>>,
    /// None until a room is opened.
    seat: RefCell<Option<Seat>>,
}

impl OwnSeat {
    /// Takes a seat in a room, and returns what it holds, its clips as they are in a room with these labels. Where the browser
    /// stores nothing, as in some private windows, one can still take part, and is told what is missing.
    ///
    /// # Errors
    /// Where the browser's storage refuses once it is open.
    pub(crate) async fn open(
        &self,
        room: &str,
        labels: &[String],
        name: Option<String>,
        wished: Option<&str>,
    ) -> Result<Taken, Failure> {
        let (storage, taken) = match Storage::open().await {
            Ok(storage) => {
                let mut seat = take(&storage, room, wished).await?;
                if name.is_some() {
                    seat.name = name;
                }
                let clips = open_clips(&storage, &seat.id, labels).await?;
                let (receipts, received) = storage.receipts(&seat.id).await?;
                (Some(Rc::new(storage)), Taken { seat, clips, receipts, received })
            }
            Err(failure) => {
                notice(Level::Warning, FailureCode::NoStorage.name(), &failure.message);
                let seat = Seat { name, opened_at: js_sys::Date::now(), ..Seat::new("unsaved", room) };
                (None, Taken { seat, clips: Vec::new(), receipts: Vec::new(), received: 0 })
            }
        };
        self.storage.replace(storage);
        self.seat.replace(Some(taken.seat.clone()));
        Ok(taken)
    }

    /// Changes the seat and stores it.
    ///
    /// # Errors
    /// Where the browser's storage refuses.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut Seat)) -> Result<(), Failure> {
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

    /// What this seat has for masked rooms: its key, which is drawn once and stored with it, and what it remembers.
    ///
    /// # Errors
    /// Where the browser's storage refuses, or has no random numbers.
    pub(crate) async fn masking_secrets(&self) -> Result<MaskingSecrets, Failure> {
        let known = self.seat.borrow().as_ref().and_then(|seat| seat.masking_key);
        let key = match known {
            Some(key) => key,
            None => {
                let key = Hex(random()?);
                self.change(|seat| seat.masking_key = Some(key)).await?;
                key
            }
        };
        let memory = self.seat.borrow().as_ref().map(|seat| seat.masking.clone()).unwrap_or_default();
        Ok(MaskingSecrets { seat: key.0, random: random()?, memory })
    }

    /// How quick each way of computing was here before.
    pub(crate) fn preflight(&self) -> Option<Preflight> {
        self.seat.borrow().as_ref()?.preflight.clone()
    }

    /// Stores a clip of this seat.
    ///
    /// # Errors
    /// Where the browser's storage refuses.
    pub(crate) async fn put_clip(&self, clip: &Clip) -> Result<(), Failure> {
        let seat = self.seat.borrow().as_ref().map(|seat| seat.id.clone());
        let storage = self.storage.borrow().clone();
        match storage.zip(seat) {
            Some((storage, seat)) => storage.put_clip(&seat, clip).await,
            None => Ok(()),
        }
    }

    /// The seats of other rooms in this browser that have clips, and how many.
    ///
    /// # Errors
    /// Where the browser's storage refuses.
    pub(crate) async fn elsewhere(&self) -> Result<Vec<(Seat, u32)>, Failure> {
        let room = self.seat.borrow().as_ref().map(|seat| seat.room.clone());
        let storage = self.storage.borrow().clone();
        match storage.zip(room) {
            Some((storage, room)) => storage.seats_elsewhere(&room).await,
            None => Ok(Vec::new()),
        }
    }

    /// The clips of another seat in this browser.
    ///
    /// # Errors
    /// Where the browser's storage refuses.
    pub(crate) async fn clips_of(&self, seat: &str) -> Result<Vec<Clip>, Failure> {
        let storage = self.storage.borrow().clone();
        match storage {
            Some(storage) => storage.clips(seat).await,
            None => Ok(Vec::new()),
        }
    }

    /// Stores what has changed of its receipts.
    ///
    /// # Errors
    /// Where the browser's storage refuses.
    pub(crate) async fn put_receipts(&self, changes: ReceiptChanges, received: u64) -> Result<(), Failure> {
        let seat = self.seat.borrow().as_ref().map(|seat| seat.id.clone());
        let storage = self.storage.borrow().clone();
        match storage.zip(seat) {
            Some((storage, seat)) => storage.put_receipts(&seat, changes, received).await,
            None => Ok(()),
        }
    }

    /// Deletes it from this browser, with its clips, its receipts and its own model. Nothing is stored with it any more.
    ///
    /// # Errors
    /// Where the browser's storage refuses.
    pub(crate) async fn forget(&self) -> Result<(), Failure> {
        let storage = self.storage.take();
        let seat = self.seat.take();
        match storage.zip(seat) {
            Some((storage, seat)) => storage.forget(&seat.id).await,
            None => Ok(()),
        }
    }

    /// How the versions of the shared model did on its held-back clips.
    pub(crate) fn own(&self) -> BTreeMap<u32, OwnResult> {
        self.seat.borrow().iter().flat_map(|seat| seat.own.iter().copied()).collect()
    }

    /// The group of the room's that the person said to be in.
    pub(crate) fn group(&self) -> Option<u32> {
        self.seat.borrow().as_ref()?.group
    }

    /// Whether it takes part.
    pub(crate) fn takes_part(&self) -> bool {
        self.seat.borrow().as_ref().is_some_and(|seat| seat.taking_part)
    }

    /// The personal model that is kept with it.
    pub(crate) fn personal(&self) -> Option<Personal> {
        self.seat.borrow().as_ref()?.personal.clone()
    }
}

/// The clips of a seat as they are in a room with these labels.
async fn open_clips(storage: &Storage, seat: &str, labels: &[String]) -> Result<Vec<Clip>, Failure> {
    let mut kept = Vec::new();
    for mut clip in storage.clips(seat).await? {
        match clip.open(labels) {
            Opened::Gone => storage.delete_clip(clip.id).await?,
            Opened::Unlisted => {}
            Opened::Kept => kept.push(clip),
            Opened::Renewed => {
                storage.put_clip(seat, &clip).await?;
                kept.push(clip);
            }
            Opened::Unreadable(error) => tell(Level::Warning, &error.into()),
        }
    }
    Ok(kept)
}

/// Takes a seat in the room for as long as this worker lives.
///
/// `wished` is the seat that this very tab had before (from its session storage).
///
/// # Errors
/// Where the browser's storage refuses.
async fn take(storage: &Storage, room: &str, wished: Option<&str>) -> Result<Seat, Failure> {
    let mut seats = storage.seats(room).await?;
    // A stable sort: the wished seat first, the others as they were, last used first.
    seats.sort_by_key(|seat| Some(seat.id.as_str()) != wished);
    let mut taken = None;
    for seat in seats {
        // Where nobody can say what other tabs hold, only this tab's own seat is safe to take.
        let free = holding::take(&seat.id).await.unwrap_or(Some(seat.id.as_str()) == wished);
        if free {
            taken = Some(seat);
            break;
        }
    }
    let mut seat = match taken {
        Some(seat) => seat,
        None => {
            let seat = Seat::new(&random_name(), room);
            holding::take(&seat.id).await;
            seat
        }
    };
    seat.opened_at = js_sys::Date::now();
    storage.put_seat(&seat).await?;
    Ok(seat)
}

/// Bytes of the browser's source of random numbers for secrets.
fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    getrandom_04::fill(&mut bytes).map_err(|error| Failure::new(FailureCode::NoStorage, error.to_string()))?;
    Ok(bytes)
}

fn random_name() -> String {
    (0..4).map(|_| format!("{:08x}", (js_sys::Math::random() * f64::from(u32::MAX)) as u32)).collect()
}
