//! Labelled speech: what a file's name says about it, which clips a folder holds, who speaks in which part of a split,
//! and made-up voices for where there is no speech at all.
//!
//! It reads names and folders but decodes no sound, and it knows nothing of rooms, rounds or networks. Names and made-up
//! voices need no disk, so they work in a browser too.
//!
//! ```
//! let labels = corpus::EMOTIONS.map(String::from);
//! // A RAVDESS file: the third field is the emotion (05, angry), the last one the actor.
//! let path = "Actor_01/03-01-05-01-01-01-01.wav";
//! assert_eq!(corpus::label_of(path, &labels), Some(0));
//! assert_eq!(corpus::speaker_of(path).as_deref(), Some("ravdess_01"));
//! assert_eq!(corpus::label_of("Anna/wütend/3.m4a", &labels), Some(0));
//! ```
#![forbid(unsafe_code)]

mod disk;
mod duplicates;
mod emotion;
mod found;
mod groups;
mod iemocap;
mod kind;
mod length;
mod manifest;
mod naming;
mod part;
mod partition;
mod published;
mod reading;
mod report;
mod sheet;
mod split;
mod suggestion;
pub mod synth;
mod table;
mod tables;
mod tree;
mod vocabulary;
mod walk;

pub use disk::{Clip, Corpus, CorpusError};
pub use duplicates::content_key;
pub use found::WordClips;
pub use kind::Kind;
pub use manifest::{Row, write_manifest};
pub use naming::{label_of, labels_of, speaker_of};
pub use part::Part;
pub use partition::{Concentration, Holdings, Partition, PartitionError, UnknownPartition, in_places};
pub use published::{Published, TABLE};
pub use reading::{NoPattern, Pattern, Reading};
pub use report::{Report, SkippedFiles, SpeakerClips};
pub use split::{Split, SplitError, folds, hold_out, leave_one_speaker_out, part_scripts};
pub use text::composed;
pub use vocabulary::{Mapping, NoMapping};
pub use walk::{SoundFiles, sound_files, unreadable};

/// The labels of a room that names none, in their order everywhere.
pub const EMOTIONS: [&str; 4] = ["angry", "happy", "neutral", "sad"];
