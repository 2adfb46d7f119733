//! How rooms come from one server of a cluster to another: those that nobody has are taken, and those that another has taken end here.
//! Where there is one server alone, nothing ever comes or goes.

use std::sync::Arc;
use std::time::Duration;

use super::{CreateError, Rooms};
use crate::server::log::Few;
use crate::server::store::Lost;

/// It is looked so often, and up to as long again later, so that servers which look together share what there is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
static UNTAKEN_LINES: Few = Few::new();

impl Rooms {
    /// Looks after the rooms of the cluster until the program ends.
    pub async fn take_over(self: Arc<Self>) {
        let mut stopping = self.stopping();
        loop {
            let pause = LOOK_EVERY + LOOK_EVERY.mul_f64(rand::random());
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
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
            let rooms = self.clone();
            // It reads models.
            let _ = tokio::task::spawn_blocking(move || rooms.take_unowned()).await;
        }
    }

    fn take_unowned(&self) {
        let mut codes = self.store.unowned();
        // No two servers begin with the same.
        codes.sort_by_cached_key(|_| rand::random::<u64>());
        for code in codes {
            if *self.stopping.borrow() {
                return;
            }
            match self.store.claim(&code) {
                Ok(Some(room)) => {
                    let version = room.model().version().0;
                    match self.add(code.clone(), room) {
                        Ok(()) => tracing::info!(room = %code, version, "room taken over"),
                        Err(error) => {
                            self.store.release(&code);
                            note_untaken(&code, &error);
                        }
                    }
                }
                Ok(None) => {}
                Err(error) => note_untaken(&code, &CreateError::Other(error)),
            }
        }
    }
}

fn note_untaken(code: &protocol::RoomCode, error: &CreateError) {
    if let Some(left_out) = UNTAKEN_LINES.allow() {
        tracing::error!(room = %code, left_out, "the room that nobody has cannot go on here ({error:#}); it is tried again");
    }
}
