//! Which model a room ends with.

use crate::choice::words;

words! {
    /// What the last version of a room's model is. It decides nothing before the last round, and nothing that a client does.
    pub enum FinalModel, a "final_model" {
        /// What its strategy makes of the last round.
        Last = "last",
        /// The mean of what it made of all rounds, of which later ones count more.
        Mean = "mean",
    }
}

impl FinalModel {
    /// Whether it is that of the last round alone.
    pub fn is_last(&self) -> bool {
        *self == FinalModel::Last
    }
}
