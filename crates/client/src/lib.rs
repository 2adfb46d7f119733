//! What a participant does, whatever it runs in: the tab, `chorus join` and the simulator call the same functions.
//!
//! Pure: it knows no browser, no socket, no disk, no clock and no random source of its own. The rules of the rounds are
//! `federation`'s, the networks are `models`'; this says how a person's sound becomes what those two take and give.
#![forbid(unsafe_code)]

pub mod archive;
mod clip;
mod clips;
mod example;
mod failure;
mod held_back;
#[cfg(feature = "learner")]
mod learning;
mod made_up;
mod named;
pub mod own_scale;
mod packed;
pub mod personal;
mod progress;
mod receipts;
mod round;
mod scale;
mod sizes;
mod states;
mod statistics;
mod text_search;
pub mod translate;
mod voice_search;
mod wav;

pub use clip::{Clip, ClipSound, LONGEST_S, Opened, Source};
pub use clips::{ClipError, Clips, Listed, said};
pub use example::{at_several_speeds, augmentation_at, example, example_of, has_sides, seen_with, with_sides};
pub use failure::FailureCode;
pub use held_back::{divide, held_back, per_label};
#[cfg(feature = "learner")]
pub use learning::{evaluate, local_round, step_ms, tune};
pub use made_up::{MadeUp, NoMadeUpVoice, made_up};
pub use own_scale::{Hearing, OwnScale};
pub use packed::{Packed, Utterance, packed, unpacked};
pub use progress::{fraction_done, progress};
pub use receipts::{Numbers, Receipt, ReceiptChanges, Receipts, StoredReceipt, Told, UpdatePicture};
pub use round::{LocalRound, RoundWork};
pub use scale::common_scale;
pub use sizes::INPUT_VALUES;
pub use states::{BackendReason, ConnectionState, TrainerState, Work, WorkKind, shared_results};
pub use statistics::statistics;
pub use voice_search::{Searched, VoiceSearch};
pub use wav::sound_of_wav;
