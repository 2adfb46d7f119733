//! When to open the socket, when to give it up, and when to try again.
//!
//! Exponential back-off with jitter: the n-th retry comes after half to whole of 0.5 s · 2ⁿ, at most 30 s, so that a
//! class whose server was restarted does not come back in one instant. A server that sends a client away may say how long
//! it should wait instead (pace steering; Bonawitz et al., 2019, arXiv:1902.01046, section 2.3).

use protocol::limits::MAX_CHUNK_PAYLOAD;

use super::{Connection, Output, Participant};
use crate::Millis;

/// First back-off, milliseconds.
const FIRST_MS: u64 = 500;
/// Longest back-off, milliseconds.
const LONGEST_MS: u64 = 30_000;
/// Longest time that a server may tell a client to wait, milliseconds.
const LONGEST_TOLD_MS: u64 = 600_000;
/// Opening and greeting may take so long each, milliseconds.
const PATIENCE_MS: u64 = 15_000;
/// A server that says nothing for so long is gone: it gives a sign of life every 15 s, milliseconds.
const SILENCE_MS: u64 = 45_000;
/// What the slowest line that serves carries in a second, bytes.
const SLOWEST_LINE: u64 = 4_000;
/// A piece of a model is heard once it is here whole; what the server says meanwhile comes after it. Milliseconds.
const PIECE_MS: u64 = MAX_CHUNK_PAYLOAD as u64 * 1_000 / SLOWEST_LINE;

/// The connection's state, with what is not shown to anyone.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub shown: Connection,
    /// When the server was last heard, or the present attempt began.
    heard: Millis,
    /// Failed attempts since the last `welcome`.
    failures: u32,
    /// How long the server asked it to wait when the connection ends, milliseconds.
    told_to_wait: Option<u64>,
    random: u64,
}

impl Link {
    pub(super) fn new(now: Millis, seed: u64) -> Link {
        Link { shown: Connection::Connecting, heard: now, failures: 0, told_to_wait: None, random: seed }
    }

    /// A number in 0..=1 (SplitMix64; Steele, Lea, Flood, 2014).
    fn jitter(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        mixed as f64 / u64::MAX as f64
    }

    pub(super) fn is_open(&self) -> bool {
        self.shown == Connection::Open
    }

    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.shown, Connection::Stopped(_))
    }

    pub(super) fn heard(&mut self, now: Millis) {
        self.heard = now;
    }

    pub(super) fn welcomed(&mut self) {
        self.shown = Connection::Open;
        self.failures = 0;
        self.told_to_wait = None;
    }

    /// The server said how long to wait, or nothing of it.
    pub(super) fn told_to_wait(&mut self, milliseconds: Option<u64>) {
        self.told_to_wait = milliseconds.map(|milliseconds| milliseconds.min(LONGEST_TOLD_MS)).or(self.told_to_wait);
    }

    fn lose(&mut self, now: Millis) {
        let longest = FIRST_MS.saturating_mul(1 << self.failures.min(16)).min(LONGEST_MS);
        let wait = match self.told_to_wait.take() {
            // Never sooner than told, and a little apart where several were told the same.
            Some(told) => told as f64 * (1.0 + 0.25 * self.jitter()),
            None => longest as f64 * (0.5 + 0.5 * self.jitter()),
        };
        self.failures = self.failures.saturating_add(1);
        self.shown = Connection::Lost { retry_at: now + wait as u64 };
    }
}

impl Participant {
    /// When a server that says nothing is given up.
    fn patience(&self) -> Option<Millis> {
        let silence = match self.link.shown {
            Connection::Connecting => PATIENCE_MS,
            Connection::Open if self.awaits_piece() => SILENCE_MS + PIECE_MS,
            Connection::Open => SILENCE_MS,
            Connection::Lost { .. } | Connection::Stopped(_) => return None,
        };
        Some(self.link.heard + silence)
    }

    /// When `handle_timeout` should be called next, if nothing happens before.
    pub fn next_timeout(&self) -> Option<Millis> {
        match self.link.shown {
            Connection::Lost { retry_at } => Some(retry_at),
            _ => self.patience().into_iter().chain(self.sum_wanted_until.filter(|until| self.now < *until)).min(),
        }
    }

    /// Tries again, or gives up what has been silent for too long.
    pub(super) fn keep_connected(&mut self) {
        match self.link.shown {
            Connection::Lost { retry_at } if retry_at <= self.now => {
                self.link.shown = Connection::Connecting;
                self.link.heard = self.now;
                self.outputs.push_back(Output::Connect);
                self.changed = true;
            }
            _ if self.patience().is_some_and(|end| end <= self.now) => self.drop_connection(),
            _ => {}
        }
    }

    /// Closes the socket and tries again after a while.
    pub(super) fn drop_connection(&mut self) {
        self.outputs.push_back(Output::Disconnect);
        self.connection_lost();
    }

    /// The socket is gone; training goes on.
    pub(super) fn connection_lost(&mut self) {
        if matches!(self.link.shown, Connection::Connecting | Connection::Open) {
            self.link.lose(self.now);
            self.pause_transfers();
            self.changed = true;
        }
    }
}
