//! The sizes on which sound, text, networks and messages have to agree. `speech`, `text`, `models` and `protocol` know nothing of
//! each other, so it is here that a program in which they differ is refused, while it is compiled.

use models::{Architecture, BUCKETS, FEATURES, FRAMES, LEAST_LABELS, MOST_LABELS, MOST_PIECES};
use protocol::RoomConfig;
use protocol::limits::{MAX_LABELS, MIN_LABELS};

/// Values of one input of a network: 100 frames of 60 features.
pub const INPUT_VALUES: usize = FRAMES * FEATURES;

const _: () = assert!(speech::MAX_FRAMES == FRAMES, "speech gives as many frames as networks see");
const _: () = assert!(speech::INPUT_FEATURES == FEATURES, "speech gives as many features a frame as networks see");
const _: () =
    assert!(speech::FEATURES == Architecture::Dense.features(), "the paper's networks see the short-term ones");
const _: () = assert!(text::BUCKETS == BUCKETS, "text is hashed into as many buckets as networks have");
const _: () = assert!(text::MOST <= MOST_PIECES, "no transcript has more pieces than networks take");
const _: () = assert!(RoomConfig::FEATURES as usize == FEATURES, "a room's statistics are of all features of a frame");
const _: () = assert!(RoomConfig::FRAMES as usize == FRAMES, "a room counts as many frames of a clip as networks see");
const _: () = assert!(MIN_LABELS == LEAST_LABELS, "a room has as few labels as a network can have");
const _: () = assert!(MAX_LABELS == MOST_LABELS, "a room has as many labels as a network can have");
