//! How rooms come from one server of a cluster to another: those that nobody has are taken, and those that another has taken end here.
//! Where there is one server alone, nothing ever comes or goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use protocol::RoomCode;

use super::{CreateError, Rooms};
use crate::server::log::Few;
use crate::server::store::Lost;

/// It is looked so often, and up to as long again later, where nobody says that there is anything to be seen.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Rooms that are taken at a time: each is waited for, and may be large.
const AT_A_TIME: usize = 4;
/// A room that could not go on here is left to others for so long.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
static UNTAKEN_LINES: Few = Few::new();

impl Rooms {
    /// Looks after the rooms of the cluster until the program ends.
    pub async fn take_over(self: Arc<Self>) {
        let mut stopping = self.stopping();
        let freed = self.store.freed();
        let failed = Arc::new(Mutex::new(HashMap::new()));
        loop {
            let pause = LOOK_EVERY + LOOK_EVERY.mul_f64(rand::random());
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = freed.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            for code in self.codes() {
                if let Some(room) = self.get(&code)
                    && self.store.may_tell(&code).is_err_and(|error| error.is::<Lost>())
                {
                    tracing::warn!(room = %code, "another server has the room now");
                    room.leave().await;
                }
            }
            self.forget_ended();
            let (rooms, failed) = (self.clone(), failed.clone());
            // It reads models.
            let _ = tokio::task::spawn_blocking(move || rooms.take_unowned(&failed)).await;
        }
    }

    fn take_unowned(&self, failed: &Failed) {
        let failed = || failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed().retain(|_, at| at.elapsed() < AGAIN_AFTER);
        let mut codes = self.store.unowned();
        codes.retain(|code| !failed().contains_key(code));
        // No two servers begin with the same.
        codes.sort_by_cached_key(|_| rand::random::<u64>());
        let (threads, codes) = (codes.len().min(AT_A_TIME), Mutex::new(codes));
        let next = || codes.lock().unwrap_or_else(PoisonError::into_inner).pop();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(code) = next()
                        && !*self.stopping.borrow()
                    {
                        if let Err(error) = self.take(&code)
                            && !*self.stopping.borrow()
                        {
                            failed().insert(code.clone(), Instant::now());
                            note_untaken(&code, &error);
                        }
                    }
                });
            }
        });
    }

    /// Has a room that nobody has go on here, if nobody else is quicker.
    fn take(&self, code: &RoomCode) -> Result<(), CreateError> {
        let began = Instant::now();
        let Some(room) = self.store.claim(code)? else { return Ok(()) };
        let took_ms = began.elapsed().as_millis() as u64;
        let version = room.model().version().0;
        self.add(code.clone(), room).inspect_err(|_| self.store.release(code))?;
        tracing::info!(room = %code, version, took_ms, "room taken over");
        Ok(())
    }
}

/// Rooms that could not go on here, and when that was.
type Failed = Mutex<HashMap<RoomCode, Instant>>;

fn note_untaken(code: &RoomCode, error: &CreateError) {
    if let Some(left_out) = UNTAKEN_LINES.allow() {
        tracing::error!(room = %code, left_out, "the room that nobody has cannot go on here ({error:#}); it is tried again");
    }
}
