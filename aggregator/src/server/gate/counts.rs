//! How many of something there are, in all and by the address that they come from. It knows no limit.

use std::collections::HashMap;
use std::net::IpAddr;

use super::Full;

/// The counts.
#[derive(Default)]
pub struct Counts {
    /// All of them.
    pub all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Counts {
    /// Which limit lets no other in: `most` in all, `most_from_one` from one address, where that is known.
    pub fn full(&self, address: Option<IpAddr>, most: usize, most_from_one: usize) -> Option<Full> {
        let from_here = address.and_then(|address| self.by_address.get(&address)).copied().unwrap_or(0);
        if self.all >= most {
            Some(Full::Everyone)
        } else if from_here >= most_from_one {
            Some(Full::Address)
        } else {
            None
        }
    }

    /// One more from an address, where that is known; whether it counts among all is the caller's to say.
    pub fn add(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address {
            *self.by_address.entry(address).or_default() += 1;
        }
    }

    /// One fewer. An address from which there is nobody any more leaves nothing behind.
    pub fn remove(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}
