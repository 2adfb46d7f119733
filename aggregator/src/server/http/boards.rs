//! Places for those who follow rooms as event streams: so many in all, so many from one address, and some that only the host can
//! have, so that nobody shuts the teacher's page out. It knows no room.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::server::gate::{Counts, Full};
use crate::server::limits::Limits;

/// Places that only the host can have, once the others are taken: every page of a teacher's needs one.
const FOR_HOST: usize = 16;

/// The places, and who has them.
pub struct Boards {
    most: usize,
    most_from_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    by_anybody: Counts,
    by_host: usize,
}

/// A place, given back when it is dropped.
pub struct BoardPlace {
    boards: Arc<Boards>,
    whose: Whose,
}

#[derive(Clone, Copy)]
enum Whose {
    Anybodys(Option<IpAddr>),
    Hosts,
}

impl Boards {
    /// All are free.
    pub fn new(limits: &Limits) -> Arc<Self> {
        let (most, most_from_one) = (limits.max_event_streams, limits.max_event_streams_per_address);
        Arc::new(Self { most, most_from_one, taken: Mutex::default() })
    }

    /// A place for somebody from `address`, where that is known.
    ///
    /// # Errors
    /// There is none.
    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>, is_host: bool) -> Result<BoardPlace, Full> {
        let mut taken = self.taken();
        let whose = match taken.by_anybody.full(address, self.most, self.most_from_one) {
            None => {
                taken.by_anybody.all += 1;
                taken.by_anybody.add(address);
                Whose::Anybodys(address)
            }
            Some(_) if is_host && taken.by_host < FOR_HOST => {
                taken.by_host += 1;
                Whose::Hosts
            }
            Some(full) => return Err(full),
        };
        Ok(BoardPlace { boards: self.clone(), whose })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BoardPlace {
    fn drop(&mut self) {
        let mut taken = self.boards.taken();
        match self.whose {
            Whose::Hosts => taken.by_host -= 1,
            Whose::Anybodys(address) => {
                taken.by_anybody.all -= 1;
                taken.by_anybody.remove(address);
            }
        }
    }
}
