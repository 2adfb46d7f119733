//! Which published corpus a folder holds.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::Published;

/// A published corpus, told by its files' names, or where labels come from in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of [the table](crate::TABLE).
    Published(&'static Published),
    /// Any other, with a manifest.
    Manifest,
    /// Any other, with folders or files called after labels.
    Folders,
}

impl Kind {
    /// How many people speak in the whole corpus as it was published.
    pub fn speakers(self) -> Option<usize> {
        match self {
            Kind::Published(corpus) => corpus.speakers,
            Kind::Manifest | Kind::Folders => None,
        }
    }

    /// Whom the literature tests by where a corpus has such a custom: the fifth session of IEMOCAP, as in the paper of
    /// Chau & Garces. Empty for the others.
    pub fn test_speakers(self) -> &'static [&'static str] {
        match self {
            Kind::Published(corpus) => corpus.test_speakers,
            Kind::Manifest | Kind::Folders => &[],
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Kind::Published(corpus) => corpus.id,
            Kind::Manifest => "manifest",
            Kind::Folders => "folders",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Published(corpus) => corpus.name,
            Kind::Manifest => "a manifest.csv",
            Kind::Folders => "folders of labels",
        })
    }
}
