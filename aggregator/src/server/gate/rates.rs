//! How much each address may do of something: an allowance of its own for each, of which only those are remembered that are not
//! full. It knows no limit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::server::limits::Allowance;

/// Addresses that are remembered; beyond that, those that did nothing of late are forgotten.
pub(super) const MANY_ADDRESSES: usize = 4096;

/// The allowances.
#[derive(Default)]
pub struct Rates(Mutex<HashMap<IpAddr, Allowance>>);

impl Rates {
    /// Takes one from an address's allowance, which is `full` where nothing of it was taken of late; whether there was one.
    pub fn take(&self, address: IpAddr, now: Instant, full: impl FnOnce() -> Allowance) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY_ADDRESSES {
            known.retain(|_, allowance| !allowance.is_full(now));
            if known.len() >= MANY_ADDRESSES {
                known.clear(); // Whoever has so many addresses is not held by a limit of each.
            }
        }
        known.entry(address).or_insert_with(full).take(now)
    }

    /// How many addresses are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
