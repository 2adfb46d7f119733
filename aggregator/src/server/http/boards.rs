//! Places for those who follow rooms as event streams: so many in all, so many from one address, and some that only the host can
//! have, so that nobody shuts the teacher's page out. It knows no room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    by_anybody: usize,
    by_host: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// All are taken; there are so many.
    Everyone(usize),
    /// All that one address may have are taken; there are so many.
    Address(usize),
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
    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>, is_host: bool) -> Result<BoardPlace, NoPlace> {
        let mut taken = self.taken();
        let from_here = address.and_then(|address| taken.by_address.get(&address)).copied().unwrap_or(0);
        let refused = if taken.by_anybody >= self.most {
            Some(NoPlace::Everyone(self.most))
        } else if from_here >= self.most_from_one {
            Some(NoPlace::Address(self.most_from_one))
        } else {
            None
        };
        let whose = match refused {
            None => {
                taken.by_anybody += 1;
                if let Some(address) = address {
                    *taken.by_address.entry(address).or_default() += 1;
                }
                Whose::Anybodys(address)
            }
            Some(_) if is_host && taken.by_host < FOR_HOST => {
                taken.by_host += 1;
                Whose::Hosts
            }
            Some(refused) => return Err(refused),
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
                taken.by_anybody -= 1;
                // An address that nobody follows from any more leaves nothing behind.
                if let Some(address) = address
                    && let Some(count) = taken.by_address.get_mut(&address)
                {
                    *count -= 1;
                    if *count == 0 {
                        taken.by_address.remove(&address);
                    }
                }
            }
        }
    }
}
