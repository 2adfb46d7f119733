//! Which sides of a clip a room looks at.

use crate::choice::words;

words! {
    /// What of a clip goes into a network that takes both.
    pub enum Modalities, a "modalities" {
        /// What there is of each clip.
        Both = "both",
        /// How it sounds, whatever is said.
        Voice = "voice",
        /// What is said, however it sounds; a clip without that is left out.
        Text = "text",
    }
}

impl Modalities {
    /// Whether both sides are looked at.
    pub fn is_both(&self) -> bool {
        *self == Modalities::Both
    }
}
