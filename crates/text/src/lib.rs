//! What was said in a clip: a bounded [`Transcript`], and the numbers of the buckets that a network sees of it.
//!
//! Any language and script goes in, and nothing is looked up: a text is cut into pieces and each piece is hashed
//! ([`Transcript::buckets`]). It knows no sound, no label and no network, and it hears nothing: a transcript is the prompt that
//! was read, or what a person typed or a corpus has.
//!
//! ```
//! let said = text::Transcript::new("  Das ist\tja WUNDERBAR! ")?;
//! assert_eq!(said.as_str(), "Das ist ja WUNDERBAR!");
//! assert_eq!(said.buckets(), text::Transcript::new("das ist ja wunderbar!")?.buckets());
//! # Ok::<(), text::NoTranscript>(())
//! ```
#![forbid(unsafe_code)]

mod buckets;
mod composed;
mod transcript;

pub use buckets::{BUCKETS, MOST};
pub use composed::{composed, decomposed};
pub use transcript::{LONGEST, NoTranscript, Transcript};
