//! Sums of which nobody sees a summand: one masked sum, both ends of it, as state machines.
//!
//! [`Member`] is a client's end and [`Tally`] the server's; messages go in, messages come out (their types are `protocol`'s).
//! It is the protocol of Bonawitz et al. (CCS 2017, ePrint 2017/281) in its variant against active servers, on the complete
//! graph, with masks that are bound to what the sum is of ([`Task`]). docs/masking.md says what is promised, and why it holds.
//!
//! Neither knows a socket, a clock, a random source, what a number means, or what became of earlier attempts but by
//! [`Openings`]. Deadlines, and who is still there, are the caller's. Primitives are those of well-kept crates.

mod keys;
mod member;
mod noise;
mod openings;
mod quantised;
mod refusal;
mod roster;
mod shares;
mod tally;
mod task;
mod vector;
mod words;

pub use keys::{SeatKey, derive};
pub use member::{Answer, Member};
pub use noise::{SharedNoise, normal};
pub use openings::{Openings, hides, who_can_open};
pub use quantised::{clip, quantise, unquantise};
pub use refusal::{Fault, NotOpened, Refusal, TooFew, Wrong};
pub use tally::{Boxes, BytesOf, Opened, Tally};
pub use task::{Layout, Purpose, Task, fingerprint, hash};
pub use words::{Words, words};
