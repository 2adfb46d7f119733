//! By which scale a room's laptops hear.

use crate::choice::words;

words! {
    /// What mean and deviation a client standardises its clips by. Nothing more is sent for either: the group's comes from everyone's
    /// statistics, and a client makes its own from that and from its clips.
    pub enum Normalisation, a "normalisation" {
        /// The group's.
        Group = "group",
        /// Its own, held to the group's as far as its clips are few or of one label.
        Own = "own",
    }
}

impl Normalisation {
    /// Whether everyone hears by the group's scale.
    pub fn is_group(&self) -> bool {
        *self == Normalisation::Group
    }
}
